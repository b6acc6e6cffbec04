"""Annotations as an SLO's page shows them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from dashboards import format as write
from dashboards import links
from dashboards.form import Form
from dashboards.lane import LaneEvent, LaneKind
from slo.annotation import Annotation
from slo.definition import SLO

_MOST = 20


@dataclass(frozen=True, slots=True)
class AnnotationRow:
    """An annotation in a line."""

    id: str
    when: str
    text: str
    author: str


@dataclass(frozen=True, slots=True)
class AnnotationsView:
    """The section: its rows, newest first, and the form."""

    slo_id: str
    rows: tuple[AnnotationRow, ...]
    remembered: str
    form: Form = field(default_factory=Form)

    @property
    def slo_url(self) -> str:
        """The page that shows them."""
        return links.slo_url(self.slo_id)


def of_slo(found: Iterable[Annotation], slo: SLO) -> list[Annotation]:
    """Those on an SLO, or its whole service, that were not undone."""
    return [
        one
        for one in found
        if one.undone_at is None
        and one.plan.service == slo.service
        and one.plan.slo in (None, slo.name, slo.key)
    ]


def of_annotations(found: Iterable[Annotation]) -> Iterator[LaneEvent]:
    """For the lane."""
    for one in found:
        label = f"{one.plan.text} ({one.plan.author})"
        yield LaneEvent(LaneKind.ANNOTATION, one.plan.start, label, one.plan.end)


def annotations_view(
    slo: SLO, found: Iterable[Annotation], remembered: str, now: datetime, *, past: bool = False
) -> AnnotationsView:
    """The section at `now`; in the past, of those that began by then."""
    begun = sorted(
        (one for one in found if not past or one.plan.start <= now),
        key=lambda one: (one.plan.start, one.id),
        reverse=True,
    )
    rows = tuple(
        AnnotationRow(
            one.id,
            write.stamp(one.plan.start, now)
            if one.plan.end is None
            else write.between(one.plan.start, one.plan.end, now),
            one.plan.text,
            one.plan.author,
        )
        for one in begun[:_MOST]
    )
    return AnnotationsView(slo.id, rows, remembered)
