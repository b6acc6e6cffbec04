"""Keep what people and pipelines wrote down: deployments."""

import difflib
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Protocol

import structlog

from alerting.delivery import Run
from dashboards.logbook import Wanted
from slo.deployment import Deployment, Rollout, judged
from slo.planning import PlanError

log = structlog.get_logger("nines.logbook")


class Records(Protocol):
    """Where deployments are; every method blocks."""

    def deploy(self, deployment: Deployment) -> tuple[Deployment, bool]:
        """As in `Logbook`. Raises KeyReusedError."""

    def deployments(self, wanted: Wanted, limit: int) -> Sequence[Deployment]: ...

    def deployment(self, deployment_id: str) -> Deployment | None: ...


class Logbook:
    """Implements dashboards.logbook.Logbook."""

    def __init__(
        self,
        records: Records,
        *,
        read: Run,
        write: Run,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        services: Callable[[], Collection[str]],
        changed: Callable[[str], None],
    ) -> None:
        """`services` are the names of those configured; `changed` is told which has news."""
        self._records = records
        self._read = read
        self._write = write
        self._now = now
        self._new_id = new_id
        self._services = services
        self._changed = changed

    async def deploy(self, rollout: Rollout) -> tuple[Deployment, bool]:
        known = self._services()
        if rollout.service not in known:
            near = difflib.get_close_matches(rollout.service[:400], list(known)[:2_000], n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise PlanError("service", f"there is no service {rollout.service[:400]!r}{hint}")
        now = self._now()
        made = Deployment(self._new_id(), judged(rollout, now), now)
        kept, is_new = await self._write(lambda: self._records.deploy(made))
        if is_new:
            log.info("deployment", id=kept.id, service=rollout.service, by=rollout.by)
            self._changed(rollout.service)
        return kept, is_new

    async def deployments(self, wanted: Wanted, limit: int) -> Sequence[Deployment]:
        return await self._read(lambda: self._records.deployments(wanted, limit))

    async def deployment(self, deployment_id: str) -> Deployment | None:
        return await self._read(lambda: self._records.deployment(deployment_id))
