"""How long an incident took: until it was noticed, until somebody took it, until it was over. Pure.

What is not known is None, and no median is made of it: an incident that nobody acknowledged was not
acknowledged at once.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerting.incident import Incident


@dataclass(frozen=True, slots=True)
class IncidentTimes:
    """`detect`: from its first harm to its opening. `acknowledge` and `resolve`: from its opening.

    None: not known, or not yet.
    """

    detect: timedelta | None = None
    acknowledge: timedelta | None = None
    resolve: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Median:
    """The median of what is `known` of all; None where nothing is."""

    value: timedelta | None
    known: int


@dataclass(frozen=True, slots=True)
class Medians:
    """Of `incidents` incidents."""

    incidents: int
    detect: Median
    acknowledge: Median
    resolve: Median


def times_of(incident: Incident, began: datetime | None) -> IncidentTimes:
    """The times of one incident. `began`: when it first did harm, as far as is known."""
    return IncidentTimes(
        detect=None if began is None or began > incident.opened_at else incident.opened_at - began,
        acknowledge=_since(incident, incident.acknowledged_at),
        resolve=_since(incident, incident.resolved_at),
    )


def medians(times: Iterable[IncidentTimes]) -> Medians:
    """The median of each time over those of which it is known."""
    found = list(times)
    return Medians(
        len(found),
        detect=_median(found, lambda one: one.detect),
        acknowledge=_median(found, lambda one: one.acknowledge),
        resolve=_median(found, lambda one: one.resolve),
    )


def _since(incident: Incident, at: datetime | None) -> timedelta | None:
    return None if at is None else max(at - incident.opened_at, timedelta(0))


def _median(
    times: Sequence[IncidentTimes], of: Callable[[IncidentTimes], timedelta | None]
) -> Median:
    known = sorted(value for one in times if (value := of(one)) is not None)
    if not known:
        return Median(None, 0)
    upper = len(known) // 2
    lower = upper if len(known) % 2 else upper - 1
    return Median((known[lower] + known[upper]) / 2, len(known))
