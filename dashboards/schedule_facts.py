"""When something planned holds, as plain values and as words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from dashboards import format as write
from slo.recurrence import Interval, Once, Schedule
from slo.units import format_duration

NEXT = 5  # occurrences that are told


@dataclass(frozen=True, slots=True)
class OccurrenceFacts:
    """One time that it holds, [start, end); also as the clocks of its zone show it."""

    start: datetime
    end: datetime
    local_start: str
    local_end: str


@dataclass(frozen=True, slots=True)
class ScheduleFacts:
    """`start` and `end` are of one that holds once; the others recur."""

    start: datetime | None
    end: datetime | None
    rrule: str | None
    zone: str | None
    first_local: str | None
    duration_seconds: float


def schedule_facts(schedule: Schedule) -> ScheduleFacts:
    """The facts of a schedule."""
    if isinstance(schedule, Once):
        length = schedule.end - schedule.start
        return ScheduleFacts(schedule.start, schedule.end, None, None, None, length.total_seconds())
    return ScheduleFacts(
        start=None,
        end=None,
        rrule=schedule.rule,
        zone=schedule.zone.key,
        first_local=schedule.first.isoformat(),
        duration_seconds=schedule.length.total_seconds(),
    )


def occurrence_facts(times: Sequence[Interval], schedule: Schedule) -> tuple[OccurrenceFacts, ...]:
    """The facts of some times of a schedule."""
    zone = zone_of(schedule)
    return tuple(
        OccurrenceFacts(
            one.start,
            one.end,
            one.start.astimezone(zone or one.start.tzinfo).isoformat(),
            one.end.astimezone(zone or one.end.tzinfo).isoformat(),
        )
        for one in times
    )


def zone_of(schedule: Schedule) -> ZoneInfo | None:
    """The zone that it recurs in."""
    return None if isinstance(schedule, Once) else schedule.zone


def when(schedule: Schedule, ended_at: datetime | None, now: datetime) -> str:
    """In words, in a line."""
    if isinstance(schedule, Once):
        end = schedule.end if ended_at is None else min(schedule.end, ended_at)
        return write.between(schedule.start, end, now)
    return f"{schedule.rule}, {format_duration(schedule.length)} each, {schedule.zone.key}"


def later_times(times: Sequence[Interval], schedule: Schedule, now: datetime) -> tuple[str, ...]:
    """The times of one that recurs; when another holds is told as such, and comes once."""
    zone = zone_of(schedule)
    return () if zone is None else tuple(time_words(one, zone, now) for one in times)


def time_words(one: Interval, zone: ZoneInfo | None, now: datetime) -> str:
    """One time in UTC, and as the clocks of the zone show it."""
    text = write.between(one.start, one.end, now)
    if zone is None:
        return text
    local = (one.start.astimezone(zone), one.end.astimezone(zone))
    return f"{text} ({local[0]:%H:%M} to {local[1]:%H:%M} in {zone.key})"
