"""The stretch of the calendar that a report is about: a day, a week or a month in a zone."""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from slo.window import Calendar, Period

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_NOON = time(12)  # in the middle of every day, also of those that begin late or twice
_SHAPES = (
    (Period.DAY, re.compile(r"\d{4}-\d{2}-\d{2}"), "{}"),
    (Period.WEEK, re.compile(r"\d{4}-W\d{2}"), "{}-1"),  # its Monday
    (Period.MONTH, re.compile(r"\d{4}-\d{2}"), "{}-01"),
)
PERIODS = tuple(period for period, _, _ in _SHAPES)


@dataclass(frozen=True, slots=True)
class ReportPeriod:
    """[start, end) in UTC; both are midnights in the zone, so a day may have 23 or 25 hours."""

    kind: Period
    first: date
    zone: ZoneInfo
    start: datetime
    end: datetime

    @property
    def slug(self) -> str:
        """As it stands in an address: `2026-11-27`, `2026-W48`, `2026-11`."""
        match self.kind:
            case Period.DAY:
                return self.first.isoformat()
            case Period.WEEK:
                year, week, _ = self.first.isocalendar()
                return f"{year:04}-W{week:02}"
            case _:
                return f"{self.first:%Y-%m}"

    @property
    def title(self) -> str:
        """For people: `Friday 27 November 2026`, `Week 48 of 2026`, `November 2026`."""
        first = self.first
        month = _MONTHS[first.month - 1]
        match self.kind:
            case Period.DAY:
                return f"{first:%A} {first.day} {month} {first.year}"
            case Period.WEEK:
                year, week, _ = first.isocalendar()
                return f"Week {week} of {year}"
            case _:
                return f"{month} {first.year}"

    @property
    def days(self) -> tuple[datetime, ...]:
        """The start of each of its days, and its end."""
        day, found, calendar = self.start, [], Calendar(Period.DAY, self.zone)
        while day < self.end:
            found.append(day)
            day = calendar.end(day)
        return (*found, self.end)

    def is_over(self, now: datetime) -> bool:
        """Whether nothing more can happen in it."""
        return self.end <= now

    @property
    def previous(self) -> "ReportPeriod":
        """The one before."""
        return period_at(self.kind, self.start - timedelta(hours=1), self.zone)

    @property
    def following(self) -> "ReportPeriod":
        """The one after."""
        return period_at(self.kind, self.end + timedelta(hours=1), self.zone)


def period_at(kind: Period, at: datetime, zone: ZoneInfo) -> ReportPeriod:
    """The period of this kind that `at` lies in."""
    calendar = Calendar(kind, zone)
    start = calendar.start(at)
    first = (start + timedelta(hours=2)).astimezone(zone).date()
    return ReportPeriod(kind, first, zone, start, calendar.end(at))


def read_period(slug: str, zone: ZoneInfo) -> ReportPeriod:
    """Read `2026-11-27`, `2026-W48` or `2026-11`. Raises ValueError, in a sentence."""
    for kind, shape, written in _SHAPES:
        if shape.fullmatch(slug):
            try:
                first = date.fromisoformat(written.format(slug))
                return period_at(kind, datetime.combine(first, _NOON, zone), zone)
            except (ValueError, OverflowError):
                break
    raise ValueError(
        f"{slug[:40]!r} is not a day, a week or a month: write 2026-11-27, 2026-W48 or 2026-11"
    )
