"""When something planned holds: once, or again and again by a rule of the calendar in a zone."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr

_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_NUMBERS = frozenset({"INTERVAL", "COUNT"})
_PARTS = _NUMBERS | {
    "FREQ", "UNTIL", "WKST", "BYMONTH", "BYWEEKNO", "BYYEARDAY", "BYMONTHDAY", "BYDAY", "BYHOUR",
    "BYMINUTE", "BYSECOND", "BYSETPOS",
}  # fmt: skip
_RULE = re.compile(r"[A-Z]+=[0-9A-Z,+-]+(;[A-Z]+=[0-9A-Z,+-]+)*")
_UNTIL = re.compile(r"(\d{8})(T\d{6}(Z?))?")
_DAY = timedelta(days=1)
_YEAR = timedelta(days=366)
_LOOKED_AHEAD = 12 * _YEAR  # a 29 February may be eight years away
_MOST_A_YEAR = 10_000
_MOST_INTERVAL = 1_000
# A rule is walked through so much later, days of the month and of the week being the same after
# each 400 years: one that has no further occurrence is looked through up to the year 9999.
_LATER = 19 * timedelta(days=146_097)
_EARLIEST, _LATEST = 2000, 2200  # years


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """[start, end), aware, UTC, not empty."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Once:
    """Holds over one interval."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Recurring:
    """Holds for `length` of real time from each occurrence of an RFC 5545 `rule` on.

    `first` is local, naive: where the rule counts from. A local time that clocks skip is taken as
    much later as they leap, one that they show twice is taken the first time (RFC 5545, 3.3.5).
    """

    rule: str
    first: datetime
    zone: ZoneInfo
    length: timedelta


Schedule = Once | Recurring


def once(start: datetime, end: datetime) -> Once:
    """An interval that is one. Raises ValueError."""
    if end <= start:
        raise ValueError("the end must lie after the start")
    if end - start > _YEAR:
        raise ValueError("the end lies more than 366 days after the start")
    _check_year(start)
    return Once(start.astimezone(UTC), end.astimezone(UTC))


def recurring(rule: str, first: datetime, zone: ZoneInfo, length: timedelta) -> Recurring:
    """A rule that makes sense and occurs. Raises ValueError."""
    if not timedelta(0) < length <= _YEAR:
        raise ValueError("an occurrence lasts more than 0s, and at most 366d")
    _check_year(first)
    text = rule.strip().upper().removeprefix("RRULE:")
    schedule = Recurring(text, first, zone, length)
    parts = _parts(text)
    _check(parts)
    try:
        # Without its COUNT, with which one that never occurs is not told from one that does soon.
        endless = ";".join(f"{key}={value}" for key, value in parts.items() if key != "COUNT")
        sample = _expanded(replace(schedule, rule=endless), first + _LOOKED_AHEAD)
        starts = list(islice(sample, _MOST_A_YEAR + 1))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"{rule!r} is not a recurrence rule: {error}") from None
    if not starts:
        raise ValueError(f"{rule!r} never occurs")
    if len(starts) > _MOST_A_YEAR and starts[-1] - starts[0] < _YEAR:
        raise ValueError(f"{rule!r} occurs more than {_MOST_A_YEAR:,} times a year")
    return schedule


def local_to_utc(local: datetime, zone: ZoneInfo) -> datetime:
    """The moment of a local time; what a zone skips or has twice: see `Recurring`."""
    # Of a skipped time, fold=0 takes the offset before the leap, so that it lies as far behind it.
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def occurrences(schedule: Schedule, start: datetime, end: datetime) -> list[Interval]:
    """Those that touch [start, end), oldest first."""
    if isinstance(schedule, Once):
        whole = [Interval(schedule.start, schedule.end)]
    else:
        # A day on each side is more than any zone is away from UTC, or moves its clocks.
        low = _naive(start) - schedule.length - _DAY
        high = _naive(end) + _DAY
        begins = [
            local_to_utc(local, schedule.zone)
            for local in _expanded(schedule, high)
            if local >= low
        ]
        # Where clocks leap, a later local time may be an earlier moment.
        whole = sorted({Interval(at, at + schedule.length) for at in begins})
    return [one for one in whole if one.start < end and one.end > start]


def following(schedule: Schedule, after: datetime, count: int) -> list[Interval]:
    """The next `count` that are not over at `after`; fewer when there are no more."""
    if isinstance(schedule, Recurring):
        after = max(after, _aware(schedule.first) - _DAY)
    reach = timedelta(days=62)
    found: list[Interval] = []
    while len(found) < count and reach < 2 * _LOOKED_AHEAD:
        found = occurrences(schedule, after, after + reach)
        reach *= 4
    return found[:count]


def upcoming(
    schedule: Schedule, ended_at: datetime | None, now: datetime, count: int
) -> list[Interval]:
    """The same of a schedule that ended early at `ended_at`, the running one first."""
    return [
        Interval(one.start, one.end if ended_at is None else min(one.end, ended_at))
        for one in following(schedule, now, count)
        if ended_at is None or max(one.start, now) < ended_at
    ]


def over_by(schedule: Schedule) -> datetime | None:
    """By when the last occurrence is over; None for a rule that goes on and on."""
    if isinstance(schedule, Once):
        return schedule.end
    parts = _parts(schedule.rule)
    if "UNTIL" in parts:
        last = _until(parts["UNTIL"], schedule.zone)
    elif "COUNT" in parts:
        *_, last = _expanded(schedule, datetime(_LATEST, 1, 1))  # noqa: DTZ001 - local
    else:
        return None
    return local_to_utc(last, schedule.zone) + schedule.length + _DAY


def _expanded(schedule: Recurring, high: datetime) -> Iterator[datetime]:
    """The local starts up to `high`, oldest first."""
    parts = _parts(schedule.rule)
    until = _until(parts.pop("UNTIL"), schedule.zone) if "UNTIL" in parts else high
    last = min(until, high, datetime.max - _LATER)  # noqa: DTZ901 - local
    text = ";".join(f"{key}={value}" for key, value in parts.items())
    rule = rrulestr(text, dtstart=schedule.first + _LATER)
    assert isinstance(rule, rrule)  # noqa: S101 - a single rule, as `_RULE` saw to
    for later in rule:
        at = later - _LATER
        if at > last:
            return
        yield at


def _check(parts: Mapping[str, str]) -> None:
    for key in parts:
        if key not in _PARTS:
            raise ValueError(f"a recurrence rule has no part {key}")
    if parts.get("FREQ") not in _FREQUENCIES:
        raise ValueError(f"a recurrence rule says FREQ= one of {', '.join(_FREQUENCIES)}")
    for key in _NUMBERS & parts.keys():
        most = _MOST_INTERVAL if key == "INTERVAL" else _MOST_A_YEAR
        if not parts[key].isdecimal() or not 1 <= int(parts[key][:9]) <= most:
            raise ValueError(f"{key} of a recurrence rule is 1 to {most:,}")
    if "UNTIL" in parts and "COUNT" in parts:
        raise ValueError("UNTIL and COUNT of a recurrence rule exclude each other")


def _parts(rule: str) -> dict[str, str]:
    if not _RULE.fullmatch(rule):
        raise ValueError(
            f"{rule!r} is not a recurrence rule: write it such as FREQ=WEEKLY;BYDAY=SU"
        )
    pairs = [part.split("=") for part in rule.split(";")]
    parts = dict(pairs)
    if len(parts) < len(pairs):
        raise ValueError(f"{rule!r} says something twice")
    if "UNTIL" in parts and not _UNTIL.fullmatch(parts["UNTIL"]):
        raise ValueError(f"UNTIL={parts['UNTIL']} is no moment: write 20261231 or 20261231T220000Z")
    return parts


def _until(text: str, zone: ZoneInfo) -> datetime:
    """The last local time that an occurrence may begin at; a mere day belongs to it whole."""
    found = _UNTIL.fullmatch(text)
    assert found is not None  # noqa: S101 - `_parts` looked
    try:
        if found[2] is None:
            return datetime.strptime(text, "%Y%m%d") + _DAY - timedelta(seconds=1)  # noqa: DTZ007
        at = datetime.strptime(text.removesuffix("Z"), "%Y%m%dT%H%M%S")  # noqa: DTZ007 - local
    except ValueError:
        raise ValueError(f"UNTIL={text} is no moment of the calendar") from None
    return at.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None) if found[3] else at


def _check_year(at: datetime) -> None:
    if not _EARLIEST <= at.year < _LATEST:
        raise ValueError(f"{at:%Y-%m-%d} is too far away: write a year from 2000 to 2199")


def _naive(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(tzinfo=None)


def _aware(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC)
