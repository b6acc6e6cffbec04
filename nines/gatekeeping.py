"""Keep the overrides of the gate, beside the policy that the configuration writes."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import structlog

from alerting.delivery import Run
from dashboards.logbook import OverrideFile, OverridePlan
from nines.storage.gate_overrides import entry_of
from nines.trailed import Trailed
from slo.gate import GatePolicy, Override, overridden
from slo.planning import PlanError

log = structlog.get_logger("nines.gatekeeping")


class Gatekeeping:
    """Implements dashboards.logbook.Gatekeeping."""

    def __init__(
        self,
        store: Trailed[Override],
        *,
        read: Run,
        write: Run,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        policy: Callable[[], GatePolicy],
        slos: Callable[[], Mapping[str, Sequence[str]]],
    ) -> None:
        """`slos` are the names of each service's SLOs."""
        self._store = store
        self._read = read
        self._write = write
        self._now = now
        self._new_id = new_id
        self._policy = policy
        self._slos = slos

    def policy(self) -> GatePolicy:
        return self._policy()

    async def overrides(self) -> Sequence[Override]:
        found = await self._read(self._store.all)
        return found[::-1]

    async def override(self, override_id: str) -> OverrideFile | None:
        for one in await self.overrides():
            if one.id == override_id:
                trail = await self._read(lambda: self._store.trail(override_id))
                return OverrideFile(one, tuple(trail))
        return None

    async def make(self, plan: OverridePlan) -> Override:
        slos, now = self._slos(), self._now()
        if plan.service not in slos:
            raise PlanError("service", f"there is no service {plan.service[:400]!r}")
        made = Override(
            id=self._new_id(),
            service=plan.service,
            slo=plan.slo,
            state=plan.state,
            reason=plan.reason,
            author=plan.author,
            created_at=now,
            until=plan.until,
        )
        made = overridden(made, self._policy(), now, slos[plan.service])
        entry = entry_of(None, made, at=now, by=plan.author, action="created")
        await self._write(lambda: self._store.write([(made, entry)]))
        log.info("gate_override", id=made.id, service=made.service, by=made.author)
        return made

    async def end(self, override_id: str, by: str) -> Override | None:
        file = await self.override(override_id)
        if file is None:
            return None
        now = self._now()
        after = file.override.ended(now)
        entry = entry_of(file.override, after, at=now, by=by, action="ended")
        await self._write(lambda: self._store.write([(after, entry)]))
        return after
