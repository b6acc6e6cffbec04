"""What people plan, exclusions and silences: a line of a list, and how one was made."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from dashboards import format as write
from dashboards import links
from dashboards.schedule_facts import when
from slo.exclusion import CONFIGURATION
from slo.planning import Planned


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """One line of a list."""

    url: str
    what: str
    when: str
    reason: str
    by: str
    state: str
    word: str


def planned_row(
    kind: str, one: Planned, what: str, state: str, word: str, now: datetime
) -> PlannedRow:
    """The line of one, of that kind and in that state."""
    return PlannedRow(
        url=links.planned_url(kind, one.id),
        what=what,
        when=when(one.schedule, one.ended_at, now),
        reason=one.reason,
        by=one.author,
        state=state,
        word=word,
    )


def made_and_ended(
    one: Planned, now: datetime, maker: str | None = None
) -> Iterator[tuple[str, str]]:
    """When and by whom it was made, and when it was ended. `maker`: where somebody else speaks for
    it since.
    """
    made = f"{write.stamp(one.created_at, now)} by {maker or one.author}"
    yield "Made", f"{made}, in the configuration" if one.origin == CONFIGURATION else made
    if one.ended_at is not None:
        yield "Ended", write.stamp(one.ended_at, now)
