"""A time interval: recurring local times, in which a route speaks or is quiet. Pure.

As Alertmanager's: what is written in one range must all hold, and one range of several suffices.
Beyond it, times, weekdays and months may run over their end (`22:00` to `06:00`,
`saturday:monday`); a night belongs to the day on which it began.
"""

import calendar
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

_UTC = ZoneInfo("UTC")
_DAY = 24 * 60  # minutes
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = tuple(name.lower() for name in calendar.month_name[1:])
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")
_LOOK_AHEAD = 9  # days: a week, and what daylight saving may add
_LAST_DAY = 31


@dataclass(frozen=True, slots=True)
class Span:
    """Whole numbers from `first` to `last`, both in it; over the end, where it may wrap."""

    first: int
    last: int

    def holds(self, value: int) -> bool:
        if self.first <= self.last:
            return self.first <= value <= self.last
        return value >= self.first or value <= self.last


@dataclass(frozen=True, slots=True)
class Hours:
    """Minutes of a local day, `end` not in it; an `end` at or before `start` is of the next day."""

    start: int
    end: int

    @property
    def wraps(self) -> bool:
        return self.end <= self.start


@dataclass(frozen=True, slots=True)
class TimeRange:
    """What must all hold; a part that is empty always does. Days count from the end if negative."""

    times: tuple[Hours, ...] = ()
    weekdays: tuple[Span, ...] = ()  # Monday is 0
    days_of_month: tuple[Span, ...] = ()
    months: tuple[Span, ...] = ()
    years: tuple[Span, ...] = ()
    zone: ZoneInfo = _UTC

    def holds(self, at: datetime) -> bool:
        """Whether this moment is in it."""
        local = at.astimezone(self.zone)
        today, minute = local.date(), local.hour * 60 + local.minute
        if not self.times:
            return self._has(today)
        for one in self.times:
            if one.wraps:
                if minute >= one.start and self._has(today):
                    return True
                if minute < one.end and self._has(today - timedelta(days=1)):
                    return True
            elif one.start <= minute < one.end and self._has(today):
                return True
        return False

    def _has(self, day: date) -> bool:
        return (
            _any(self.weekdays, day.weekday())
            and _any(self.months, day.month)
            and _any(self.years, day.year)
            and (not self.days_of_month or any(_in_month(one, day) for one in self.days_of_month))
        )


@dataclass(frozen=True, slots=True)
class TimeInterval:
    """A named one; it holds while any of its ranges does."""

    name: str
    ranges: tuple[TimeRange, ...]

    def holds(self, at: datetime) -> bool:
        """Whether this moment is in it."""
        return any(one.holds(at) for one in self.ranges)

    def changes(self, at: datetime) -> datetime | None:
        """The first minute after `at` in which it is otherwise; None: not within a week."""
        now = self.holds(at)
        before = at.astimezone(UTC)
        for candidate in self._candidates(before):
            if self.holds(candidate) != now:
                return _first_minute(self, before, candidate, now=now)
            before = candidate
        return None

    def _candidates(self, at: datetime) -> list[datetime]:
        """Moments after `at` between which nothing begins and ends, oldest first."""
        found = set()
        for one in self.ranges:
            minutes = {0, *(m for hours in one.times for m in (hours.start, hours.end % _DAY))}
            today = at.astimezone(one.zone).date()
            for days in range(_LOOK_AHEAD):
                day = today + timedelta(days=days)
                for minute in minutes:
                    local = datetime(
                        day.year, day.month, day.day, *divmod(minute, 60), tzinfo=one.zone
                    )
                    found |= {local.replace(fold=fold).astimezone(UTC) for fold in (0, 1)}
        return sorted(moment for moment in found if moment > at)


def parse_time(value: object, *, last: bool = False) -> int:
    """Read `09:30` as a minute of the day; `24:00` only as the `last`. Raises ValueError."""
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None or (value == "24:00" and not last):
        more = ", or 24:00" if last else ""
        raise ValueError(f"{value!r} is not a time of the day: write it such as '09:00'{more}")
    return _DAY if found[1] is None else int(found[1]) * 60 + int(found[2])


def parse_weekdays(value: object) -> Span:
    """Read `monday:friday` or `sunday`. Raises ValueError."""
    first, last = _ends(value)
    return Span(_named(first, _WEEKDAYS, "a weekday"), _named(last, _WEEKDAYS, "a weekday"))


def parse_months(value: object) -> Span:
    """Read `january:march`, `1:3` or `december`. Raises ValueError."""
    first, last = (_month(end) for end in _ends(value))
    return Span(first, last)


def parse_years(value: object) -> Span:
    """Read `2026` or `2026:2028`. Raises ValueError."""
    first, last = (_number(end, "a year", 1, 9999) for end in _ends(value))
    if last < first:
        raise ValueError(f"{value!r} ends before it begins")
    return Span(first, last)


def parse_days_of_month(value: object) -> Span:
    """Read `1:5`, `-1` (the last day) or `-7:-1`. Raises ValueError."""
    what = "a day of the month, 1 to 31, or -1 to -31 from its end"
    first, last = (_number(end, what, -_LAST_DAY, _LAST_DAY) for end in _ends(value))
    if first == 0 or last == 0:
        raise ValueError(f"0 is not {what}")
    if first < 0 < last:
        raise ValueError(f"{value!r} begins from the month's end, so it must end so, below 0")
    if _day(last, _LAST_DAY) < _day(first, _LAST_DAY):
        raise ValueError(f"{value!r} ends before it begins")
    return Span(first, last)


def _first_minute(
    interval: TimeInterval, before: datetime, after: datetime, *, now: bool
) -> datetime:
    """Where it changes, to the minute: daylight saving moves edges away from what is written."""
    start = before.replace(second=0, microsecond=0)
    low, high = 0, -(-(after - start) // timedelta(minutes=1))
    while high - low > 1:
        middle = (low + high) // 2
        if interval.holds(start + middle * timedelta(minutes=1)) == now:
            low = middle
        else:
            high = middle
    return start + high * timedelta(minutes=1)


def _any(spans: Sequence[Span], value: int) -> bool:
    return not spans or any(one.holds(value) for one in spans)


def _in_month(span: Span, day: date) -> bool:
    length = calendar.monthrange(day.year, day.month)[1]
    return _day(span.first, length) <= day.day <= _day(span.last, length)


def _day(number: int, length: int) -> int:
    return number if number > 0 else length + number + 1


def _ends(value: object) -> tuple[str, str]:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"{value!r} is no range: write it such as 'first:last', or one alone")
    first, colon, last = str(value).partition(":")
    return first.strip().lower(), last.strip().lower() if colon else first.strip().lower()


def _named(text: str, names: Sequence[str], what: str) -> int:
    if text not in names:
        raise ValueError(f"{text!r} is not {what}: write {', '.join(names)}")
    return names.index(text)


def _month(text: str) -> int:
    if text in _MONTHS:
        return _MONTHS.index(text) + 1
    return _number(text, f"a month: write {', '.join(_MONTHS)}, or 1 to 12", 1, 12)


def _number(text: str, what: str, least: int, most: int) -> int:
    try:
        number = int(text)
    except ValueError:
        raise ValueError(f"{text!r} is not {what}") from None
    if not least <= number <= most:
        raise ValueError(f"{text} is not {what}")
    return number
