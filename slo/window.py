"""The stretch of time that an SLO is judged over."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from slo.units import format_duration

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Rolling:
    """The last `length` of time, always moving."""

    length: timedelta

    @property
    def label(self) -> str:
        """As it is written in the configuration and in metrics: `30d`."""
        return format_duration(self.length)

    @property
    def phrase(self) -> str:
        """Inside a sentence."""
        return f"the last {self.label}"

    @property
    def seconds(self) -> int:
        return int(self.length.total_seconds())

    @property
    def reach(self) -> timedelta:
        """The longest that it ever is."""
        return self.length

    def start(self, now: datetime) -> datetime:
        """Where it begins; the edges of its slots lie on a grid of their own."""
        return now - self.length


class Period(StrEnum):
    """A stretch of the calendar. A week begins on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


# How long each is taken to be where one length is needed: for tiers, and budgets told as time.
_NOMINAL = {
    Period.DAY: _DAY,
    Period.WEEK: 7 * _DAY,
    Period.MONTH: 30 * _DAY,
    Period.QUARTER: 90 * _DAY,
    Period.YEAR: 365 * _DAY,
}
_LONGEST = {**_NOMINAL, Period.MONTH: 31 * _DAY, Period.QUARTER: 92 * _DAY, Period.YEAR: 366 * _DAY}
_MONTHS = {Period.MONTH: 1, Period.QUARTER: 3, Period.YEAR: 12}


@dataclass(frozen=True, slots=True)
class Calendar:
    """The running period in an IANA zone, from its local start until now."""

    period: Period
    zone: ZoneInfo

    @property
    def label(self) -> str:
        """As it is written in the configuration and in metrics: `month Asia/Tokyo`."""
        return f"{self.period} {self.zone.key}"

    @property
    def phrase(self) -> str:
        """Inside a sentence."""
        return f"this {self.period} ({self.zone.key})"

    @property
    def length(self) -> timedelta:
        """What it is taken to be where one length is needed: 30 d for a month."""
        return _NOMINAL[self.period]

    @property
    def seconds(self) -> int:
        return int(self.length.total_seconds())

    @property
    def reach(self) -> timedelta:
        """The longest that it ever is; a clock set back makes any an hour longer."""
        return _LONGEST[self.period] + timedelta(hours=1)

    def start(self, now: datetime) -> datetime:
        """The local start of the period that `now` is in, in UTC."""
        return self._midnight(self._first_day(now))

    def end(self, now: datetime) -> datetime:
        """Where it ends, and the next one starts."""
        first = self._first_day(now)
        months = _MONTHS.get(self.period)
        if months is None:
            return self._midnight(first + (7 * _DAY if self.period is Period.WEEK else _DAY))
        years, month = divmod(first.month - 1 + months, 12)
        return self._midnight(date(first.year + years, month + 1, 1))

    def _first_day(self, now: datetime) -> date:
        today = now.astimezone(self.zone).date()
        match self.period:
            case Period.DAY:
                return today
            case Period.WEEK:
                return today - timedelta(days=today.weekday())
            case _:
                months = _MONTHS[self.period]
                return date(today.year, (today.month - 1) // months * months + 1, 1)

    def _midnight(self, day: date) -> datetime:
        """The first moment of a local day; where clocks leap over midnight, that of the leap."""
        return datetime(day.year, day.month, day.day, tzinfo=self.zone).astimezone(UTC)


Window = Rolling | Calendar
