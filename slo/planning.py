"""What people plan, and how they write when it holds, in files, forms and requests."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

from slo.recurrence import Recurring, Schedule, local_to_utc, once, recurring
from slo.relative import NOW, parse_relative
from slo.units import parse_duration
from slo.zone import parse_zone

_T = TypeVar("_T")


class Planned(Protocol):
    """What somebody plans: in force by a schedule, until it is ended."""

    @property
    def id(self) -> str: ...
    @property
    def schedule(self) -> Schedule: ...
    @property
    def reason(self) -> str: ...
    @property
    def author(self) -> str: ...
    @property
    def origin(self) -> str: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def ended_at(self) -> datetime | None: ...


class PlanError(ValueError):
    """What was written makes no sense; `field` says where."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


def read_schedule(
    *,
    start: str | None = None,
    end: str | None = None,
    duration: str | None = None,
    rrule: str | None = None,
    zone: str | None = None,
    now: datetime | None = None,
) -> Schedule:
    """One interval from `start` to `end` or for `duration`; or, with `rrule`, many. Or PlanError.

    A time without offset is one of `zone`. Without a `start` it is `now`, where there is one; then
    a time may be told from it, as `now-5m`.
    """
    place = None if zone is None else _field("zone", lambda: parse_zone(zone))
    if start is None and now is None:
        raise PlanError("start", "`start` is missing: when it begins")
    begins = now if start is None else _moment("start", start, place, now)
    assert begins is not None  # noqa: S101 - one of both is there
    if (end is None) == (duration is None):
        raise PlanError("end", "write exactly one of `end` and `duration`")
    length = None
    if duration is not None:
        length = _field("duration", lambda: parse_duration(duration))
    if rrule is not None:
        return _many(rrule, begins, length, place)
    until = begins + length if length is not None else _moment("end", end or "", place, now)
    return _field("duration" if end is None else "end", lambda: once(begins, until))


def _many(
    rrule: str, begins: datetime, length: timedelta | None, zone: ZoneInfo | None
) -> Recurring:
    if zone is None:
        raise PlanError("zone", "`zone` is missing: the time zone that the rule is meant in")
    if length is None:
        raise PlanError("duration", "with `rrule` write `duration`: how long each one lasts")
    if not timedelta(0) < length <= timedelta(days=366):
        raise PlanError("duration", "each one lasts more than 0s, and at most 366d")
    first = begins.astimezone(zone).replace(tzinfo=None)
    return _field("rrule", lambda: recurring(rrule, first, zone, length))


def _moment(field: str, text: str, zone: ZoneInfo | None, now: datetime | None) -> datetime:
    text = text.strip()
    if now is not None and text.startswith(NOW):
        return _field(field, lambda: parse_relative(text, now))
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise PlanError(
            field, f"{text!r} is no moment: write it such as 2026-11-21T22:00 or 2026-11-21T22:00Z"
        ) from None
    try:
        if at.tzinfo is not None:
            return at.astimezone(UTC)
        if zone is None:
            raise PlanError(
                field, f"{text!r} says no offset from UTC: write one (Z is UTC), or a `zone`"
            )
        return local_to_utc(at, zone)
    except OverflowError:
        raise PlanError(field, f"{text!r} lies beyond the calendar") from None


def _field(field: str, read: Callable[[], _T]) -> _T:
    try:
        return read()
    except ValueError as error:
        raise PlanError(field, str(error)) from None
