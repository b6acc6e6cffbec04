"""An annotation of a service or an SLO, at a moment or over a time. It changes no number."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from slo.planning import PlanError

_AHEAD = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class AnnotationPlan:
    """What somebody writes down. `end` None: of a moment; `slo` None: of the whole service."""

    service: str
    slo: str | None
    text: str
    start: datetime
    end: datetime | None
    author: str


@dataclass(frozen=True, slots=True)
class Annotation:
    """An annotation on record. `undone_at`: taken back, and not shown any more."""

    id: str
    plan: AnnotationPlan
    created_at: datetime
    undone_at: datetime | None = None

    def edited(self, text: str) -> "Annotation":
        """The same in other words. Raises PlanError."""
        self._stands()
        return replace(self, plan=replace(self.plan, text=text))

    def undone(self, at: datetime) -> "Annotation":
        """The same, taken back. Raises PlanError."""
        self._stands()
        return replace(self, undone_at=at)

    def _stands(self) -> None:
        if self.undone_at is not None:
            raise PlanError("", f"it was undone at {self.undone_at:%Y-%m-%d %H:%M} UTC")


def judged(plan: AnnotationPlan, now: datetime) -> AnnotationPlan:
    """The same. Raises PlanError where its times make no sense."""
    if plan.end is not None and plan.end <= plan.start:
        raise PlanError("end", "it ends before it begins")
    if max(plan.start, plan.end or plan.start) > now + _AHEAD:
        raise PlanError("start", "it lies more than a year ahead")
    return plan
