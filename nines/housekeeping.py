"""Calendar work that nothing that pages depends on: packing, forgetting, measuring."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import datetime

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from nines.callbacks import KEPT as CALLBACKS_KEPT
from nines.config.model import Retention
from nines.engine import Engine
from nines.live import Pulse
from nines.silencing import Silencing
from nines.storage.accounts import AccountRecords
from nines.storage.alerts import AlertRecords
from nines.storage.annotations import AnnotationStore
from nines.storage.audit import AuditRecords
from nines.storage.callbacks import CallbackRecords
from nines.storage.counts import CountStore
from nines.storage.database import Database
from nines.storage.definitions import DefinitionRecords
from nines.storage.deployments import DeploymentRecords
from nines.storage.doctor import storage_bytes, storage_rows
from nines.storage.errors import StorageError
from nines.storage.exclusions import ExclusionStore
from nines.storage.gate_overrides import OverrideStore
from nines.storage.report_mails import ReportMailRecords
from nines.storage.shadows import ShadowRecords
from nines.storage.status_incidents import StatusIncidentRecords
from nines.threads import StorageThreads

log = structlog.get_logger("nines.housekeeping")


class Housekeeping:
    """Begins with `start`, ends with `stop`; a job that storage refuses is put off."""

    def __init__(
        self,
        *,
        database: Database,
        threads: StorageThreads,
        engine: Engine,
        silencing: Silencing,
        pulse: Pulse,
        kept: Callable[[], Retention],
        now: Callable[[], datetime],
    ) -> None:
        """`kept` says how long what is kept."""
        self._database = database
        self._threads = threads
        self._engine = engine
        self._silencing = silencing
        self._pulse = pulse
        self._kept = kept
        self._now = now
        self._counts = CountStore(database)
        self._scheduler = AsyncIOScheduler(
            timezone="UTC",
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def start(self) -> None:
        self._scheduler.add_job(self._measure_storage, id="storage")  # once, at the start
        self._scheduler.add_job(self._pack, "interval", minutes=5, id="pack")
        self._scheduler.add_job(self._retain, "interval", hours=1, id="retention")
        self._scheduler.start()

    def stop(self) -> None:
        self._scheduler.shutdown(wait=False)

    async def _pack(self) -> None:
        """Pack the counts that have come to rest."""
        now = self._now()
        await self._in_turns("packing", lambda: self._counts.pack(now))
        await self._measure_storage()

    async def _measure_storage(self) -> None:
        """Look how much there is, for those who watch it grow."""
        # The flush has reported what storage refuses; where we stop, nobody wants it any more.
        with contextlib.suppress(StorageError, asyncio.CancelledError):
            self._pulse.storage_bytes, self._pulse.storage_rows = await self._threads.read(
                lambda: (storage_bytes(self._database), storage_rows(self._database))
            )

    async def _retain(self) -> None:
        """Forget what retention says."""
        now, kept = self._now(), self._kept()
        for indicator in self._engine.indicators:
            indicator.forget(now)
        overlays = {one.number: one.ledger.overlay for one in self._engine.indicators}
        overlays = {number: overlay for number, overlay in overlays.items() if overlay}
        await self._in_turns(
            "retention of counts",
            lambda: self._counts.prune(now, kept.detail, kept.sums, overlays=overlays),
        )
        exclusions = ExclusionStore(self._database)
        await self._in_turns("retention of exclusions", lambda: exclusions.prune(now, kept.sums))
        with contextlib.suppress(StorageError):  # the flush has reported it already
            await self._silencing.prune(kept.sums)
        records = AlertRecords(self._database)
        await self._in_turns("retention of incidents", lambda: records.prune(now, kept.sums))
        back = CallbackRecords(self._database)
        await self._in_turns("retention of callbacks", lambda: back.prune(now, CALLBACKS_KEPT))
        definitions = DefinitionRecords(self._database)
        await self._in_turns("retention of versions", lambda: definitions.prune(now, kept.sums))
        releases = DeploymentRecords(self._database)
        await self._in_turns("retention of deployments", lambda: releases.prune(now, kept.sums))
        overrides = OverrideStore(self._database)
        await self._in_turns("retention of overrides", lambda: overrides.prune(now, kept.sums))
        remarks = AnnotationStore(self._database)
        await self._in_turns("retention of annotations", lambda: remarks.prune(now, kept.sums))
        told = StatusIncidentRecords(self._database)
        await self._in_turns("retention of the status page", lambda: told.prune(now, kept.sums))
        mailed = ReportMailRecords(self._database)
        await self._in_turns("retention of mailed reports", lambda: mailed.prune(now, kept.sums))
        shadows = ShadowRecords(self._database)
        await self._in_turns("retention of shadows", lambda: shadows.prune(now, kept.sums))
        audit, accounts = AuditRecords(self._database), AccountRecords(self._database)
        await self._in_turns("retention of the audit log", lambda: audit.prune(now, kept.sums))
        await self._in_turns("retention of sessions", lambda: accounts.prune(now))

    async def _in_turns(self, what: str, work: Callable[[], int]) -> None:
        """Many short transactions, so that flushes and pages have their turn in between."""
        rows = 0
        try:
            while done := await self._threads.write(work):
                rows += done
        except StorageError as error:
            log.warning("housekeeping_put_off", what=what, error=str(error))
        else:
            log.info("housekeeping_done", what=what, rows=rows)
