"""Exclusions made by hand, as a part of the fake source; decided on by the real rules."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from dashboards.source import ExclusionFile
from nines.exclusions import Change, Exclusions, Terms, ended, made, undone
from slo.audit import AuditEntry
from slo.exclusion import Exclusion, Overlay, Plan
from slo.planning import PlanError
from slo.status import SLOStatus


@dataclass
class FakeExclusions:
    """Keeps what it is told; excludes nothing from the numbers of the fake source."""

    kept: Exclusions = field(default_factory=Exclusions)
    trail: list[AuditEntry] = field(default_factory=list)
    excluded_at: datetime = field(kw_only=True)

    def statuses(self) -> Sequence[SLOStatus]:
        raise NotImplementedError

    def exclusions(self) -> Sequence[Exclusion]:
        return list(self.kept.by_id.values())[::-1]

    def excluded_slos(self, exclusion: Exclusion) -> tuple[str, ...]:
        return tuple(
            one.slo.id
            for one in self.statuses()
            if exclusion.scope.holds_for(one.slo.service, one.slo.name, {"env": "prod"})
        )

    def excluded(
        self, slo_id: str, start: datetime, end: datetime
    ) -> Sequence[tuple[datetime, datetime]]:
        overlay = Overlay(one for one in self.kept.standing if slo_id in self.excluded_slos(one))
        low, high = int(start.timestamp()), int(end.timestamp())
        return [
            (datetime.fromtimestamp(first, start.tzinfo), datetime.fromtimestamp(last, end.tzinfo))
            for first, last in overlay.stretches(low, high)
        ]

    async def exclusion(self, exclusion_id: str) -> ExclusionFile | None:
        found = self.kept.by_id.get(exclusion_id)
        if found is None:
            return None
        trail = tuple(one for one in self.trail if one.subject_id == exclusion_id)
        return ExclusionFile(found, trail, self.excluded_slos(found))

    def try_exclusion(self, plan: Plan) -> Exclusion:
        exclusion, _ = made(plan, self._terms(), self.kept)
        if not self.excluded_slos(exclusion):
            raise PlanError("scope", f"there is no SLO for {plan.scope.label}")
        return exclusion

    async def exclude(self, plan: Plan) -> Exclusion:
        self.try_exclusion(plan)
        return self._take(made(plan, self._terms(), self.kept))

    async def end_exclusion(self, exclusion_id: str, by: str) -> Exclusion | None:
        found = self.kept.by_id.get(exclusion_id)
        return None if found is None else self._take(ended(found, by, self.excluded_at))

    async def undo_exclusion(self, exclusion_id: str, by: str) -> Exclusion | None:
        found = self.kept.by_id.get(exclusion_id)
        return None if found is None else self._take(undone(found, by, self.excluded_at))

    def _terms(self) -> Terms:
        number = len(self.kept.by_id) + 1
        return Terms(self.excluded_at, timedelta(days=35), lambda: f"exclusion-{number}")

    def _take(self, change: Change) -> Exclusion:
        self.kept = self.kept.after([change])
        self.trail.append(change[1])
        return change[0]
