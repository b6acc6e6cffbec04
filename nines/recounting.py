"""Read what is watched from storage: as planned work is laid over it, and anew where it changed."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import structlog

from nines.changes import Broadcast
from nines.config import Config
from nines.dispatch import Dispatch
from nines.engine import Engine
from nines.entry import Entry
from nines.exclusions import Change, Exclusions, Terms
from nines.resume import resume_entries
from nines.storage.alerts import AlertRecords
from nines.storage.counts import CountStore
from nines.storage.database import Database
from nines.storage.definitions import DefinitionRecords
from nines.storage.errors import StorageError
from nines.storage.exclusions import ExclusionStore
from nines.storage.marks import MarkRecords
from nines.threads import StorageThreads
from slo.definition import steps
from slo.versions import define

log = structlog.get_logger("nines.recounting")


class Recounting:
    """Implements nines.live.Excluding."""

    def __init__(
        self,
        *,
        database: Database,
        threads: StorageThreads,
        engine: Engine,
        dispatch: Dispatch,
        broadcast: Broadcast,
        config: Callable[[], Config],
        reloading: asyncio.Lock,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        """`reloading` is held by whoever changes what is watched."""
        self._threads = threads
        self._engine = engine
        self._dispatch = dispatch
        self._broadcast = broadcast
        self._config = config
        self._reloading = reloading
        self._now = now
        self._new_id = new_id
        self._counts = CountStore(database)
        self._records = AlertRecords(database)
        self._marks = MarkRecords(database)
        self._definitions = DefinitionRecords(database)
        self._store = ExclusionStore(database)
        self.exclusions = Exclusions()

    async def load(self) -> None:
        """Take up the exclusions that are stored."""
        self.exclusions = Exclusions.of(await self._threads.read(self._store.all))

    def terms(self) -> Terms:
        """What a change of exclusions rests on at this moment."""
        return Terms(self._now(), self._config().server.retention.detail, self._new_id)

    async def change_exclusions(
        self, decide: Callable[[Exclusions, Terms], Sequence[Change]]
    ) -> None:
        """Decide on what there is, write it down, and count anew what it touches, all in one."""
        async with self._reloading:
            changes = decide(self.exclusions, self.terms())
            after = self.exclusions.after(changes)
            before = {entry.slo.id: entry.ledger for entry in self._engine.entries.values()}
            async with self._dispatch.all_stored():
                config = self._config()
                entries = await self._threads.write(lambda: self.entries(config, after, changes))
                self._engine.recount(entries)
                self.exclusions = after
                self.exclude_from_rules(config)
        touched = [
            slo_id
            for slo_id, entry in self._engine.entries.items()
            if entry.ledger is not before.get(slo_id)
        ]
        self._dispatch.submit(self._engine.tick(self._now(), touched))
        self._dispatch.submit(self._engine.tick_rules(self._now()))
        self._broadcast.tell(touched)
        for exclusion, entry in changes:
            log.info(
                "exclusion", action=entry.action, id=exclusion.id, by=entry.by, slos=len(touched)
            )

    async def recount(self) -> None:
        """Read all counts from storage again, where a clock that was set has cost us some."""
        if not self._engine.wants_recount(self._now()):
            return
        async with self._reloading:
            try:
                async with self._dispatch.all_stored():
                    entries = await self._threads.write(
                        lambda: self.entries(self._config(), self.exclusions, (), afresh=True)
                    )
                    self._engine.recount(entries, afresh=True)
            except StorageError as error:
                log.warning("recount_put_off", error=str(error))
                return
        self._dispatch.submit(self._engine.tick(self._now()))
        self._broadcast.tell(self._engine.entries)
        log.info("recounted", slos=len(self._engine.entries))

    def entries(
        self,
        config: Config,
        exclusions: Exclusions,
        changes: Sequence[Change],
        *,
        afresh: bool = False,
    ) -> list[Entry]:
        """What is to be watched; `afresh`, with all counts from storage, on which it blocks.

        The last that it does is to write the changed exclusions down.
        """
        self._marks.keep({slo.id for slo in config.slos})
        now = self._now()
        self._definitions.take_up(
            define(config.services[slo.service].slos[slo.name], slo, config.defaults.window, now)
            for slo in config.slos
            if not slo.variant
        )
        labels = _labels(config)
        bucket = self._engine.bucket_seconds
        by_sli = {slo.sli_id: slo for slo in config.slos}
        entries = resume_entries(
            {slo.id: slo for slo in config.slos},
            counts=self._counts,
            bucket_seconds=bucket,
            states=self._records.alert_states(),
            now=self._now(),
            running={} if afresh else self._engine.entries,
            # What is excluded of one step is excluded of the journey: it could not be whole.
            overlay_of=lambda slo: exclusions.over_all(steps(slo, by_sli), labels, bucket),
        )
        if changes:
            self._store.write(changes)
        return entries

    def exclude_from_rules(self, config: Config) -> None:
        """Lay planned work over the threshold rules."""
        labels, bucket = _labels(config), self._engine.bucket_seconds
        self._engine.thresholds.exclude(
            lambda rule: self.exclusions.over(rule, labels[rule.service], bucket)
        )


def _labels(config: Config) -> Mapping[str, Mapping[str, str]]:
    """By service."""
    return {name: service.labels for name, service in config.services.items()}
