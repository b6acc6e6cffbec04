"""Write numbers and times for people, as `alerting.figures` does, and what only pages show.

A number and its unit are joined by a no-break space. Whoever compares does so before coming here.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN
from fractions import Fraction

from alerting.figures import NBSP as NBSP
from alerting.figures import NO_DATA as NO_DATA
from alerting.figures import budget as budget
from alerting.figures import budget_time as budget_time
from alerting.figures import burn as burn
from alerting.figures import count as count
from alerting.figures import factor as factor
from alerting.figures import plural as plural
from alerting.figures import share as share
from alerting.figures import span as span
from slo.figures import places_of, trim
from slo.objective import Objective
from slo.window import Calendar, Period, Window

_EXACT_PLACES = 12
_SECOND = timedelta(seconds=1)
_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as a page shows it: for machines, in full, and seen from now."""

    iso: str
    absolute: str  # 2026-11-21 14:02:05 UTC
    relative: str  # 3 min ago


def moment(at: datetime, now: datetime) -> Moment:
    """A time in all its forms."""
    utc = at.astimezone(UTC)
    return Moment(utc.isoformat(timespec="seconds"), full(utc), ago(at, now))


def full(at: datetime) -> str:
    """With its date, in UTC, whenever it is read: `2026-11-21 14:02:05 UTC`."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def clock(at: datetime, *, seconds: bool = False) -> str:
    """The time of day, in UTC: `14:02 UTC`, or `14:02:05 UTC`."""
    return f"{at.astimezone(UTC):{'%H:%M:%S' if seconds else '%H:%M'}} UTC"


def stamp(at: datetime, now: datetime, *, seconds: bool = False) -> str:
    """Short and unmistakable: `14:02 UTC` today, `Tue 24 Nov 14:02 UTC` else."""
    utc = at.astimezone(UTC)
    if utc.date() == now.astimezone(UTC).date():
        return clock(at, seconds=seconds)
    year = "" if utc.year == now.astimezone(UTC).year else f" {utc.year}"
    return f"{utc:%a} {utc.day} {utc:%b}{year} {clock(at, seconds=seconds)}"


def between(start: datetime, end: datetime, now: datetime) -> str:
    """A stretch of time: `13:05 to 14:05 UTC`, `Fri 20 Nov 13:05 to Sat 21 Nov 01:05 UTC`."""
    fine = end - start < 10 * _MINUTE
    first = stamp(start, now, seconds=fine).removesuffix(" UTC")
    same = start.astimezone(UTC).date() == end.astimezone(UTC).date()
    last = clock(end, seconds=fine) if same else stamp(end, now, seconds=fine)
    if not same and end.astimezone(UTC).date() == now.astimezone(UTC).date():
        last = f"today {last}"
    return f"{first} to {last}"


def length(of: timedelta) -> str:
    """A whole length of time in one unit, as people say it: `30 hours`, `2.5 minutes`."""
    for unit, word in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute"), (_SECOND, "second")):
        halves, rest = divmod(2 * of, unit)
        if halves >= 2 and not rest:
            number = str(halves // 2) + (".5" if halves % 2 else "")
            return f"{number}{NBSP}{word}{'' if number == '1' else 's'}"
    return span(of)


def ago(at: datetime, now: datetime) -> str:
    """How far away, in its largest unit or two: `8 s ago`, `in 25 min`."""
    gap = now - at
    if abs(gap) < _SECOND:
        return "just now"
    return f"{span(gap)} ago" if gap > timedelta(0) else f"in {span(gap)}"


def window_name(window: Window) -> str:
    """A window inside a sentence: `30-day`, `12-hour`, `monthly`."""
    if isinstance(window, Calendar):
        return "daily" if window.period is Period.DAY else f"{window.period}ly"
    for unit, word in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")):
        if not window.length % unit:
            return f"{window.length // unit}-{word}"
    return f"{window.seconds}-second"


def latency(length: timedelta) -> str:
    """How long something took: `0.8 ms`, `123 ms`, `1.24 s`."""
    if length >= _SECOND:
        return f"{trim(_half_even(length / _SECOND, 2))}{NBSP}s"
    milliseconds = length / timedelta(milliseconds=1)
    return f"{trim(_half_even(milliseconds, 0 if milliseconds >= 10 else 1))}{NBSP}ms"


def cost(bad: Fraction | int) -> str:
    """Bad events or slices; of ratio slices, parts of one."""
    return count(int(bad)) if bad.denominator == 1 else f"{float(bad):.2f}"


def objective(of: Objective) -> str:
    """The objective, every digit as written: `99.9 %`."""
    return f"{of.label}{NBSP}%"


def sli(ratio: Fraction | None, objective: Objective) -> str:
    """The SLI with a decimal more than its objective has, cut: 0.99996 of 99.99 % is `99.996 %`."""
    if ratio is None:
        return NO_DATA
    if ratio == 1:
        return f"100{NBSP}%"
    _, _, decimals = objective.label.partition(".")
    return f"{places_of(ratio * 100, len(decimals) + 1, ROUND_FLOOR)}{NBSP}%"


def coverage(ratio: Fraction | None) -> str:
    """How much was observed of what was due, cut: `100 %` means all of it."""
    if ratio is None:
        return NO_DATA
    places = 0 if ratio == 1 else 1
    return f"{places_of(ratio * 100, places, ROUND_FLOOR)}{NBSP}%"


def chance(probability: float) -> str:
    """How likely something is, in two digits: `0.00012`, `1e-09`."""
    return f"{probability:.2g}"


def exact(value: Fraction) -> str:
    """All digits of a number to calculate on with: `0.001`, `258.95`; cut ones end in `…`."""
    sign, size = ("-", -value) if value < 0 else ("", value)
    whole, rest = divmod(size.numerator, size.denominator)
    scaled, left = divmod(rest * 10**_EXACT_PLACES, size.denominator)
    decimals = f"{scaled:0{_EXACT_PLACES}d}"
    if not left:
        decimals = decimals.rstrip("0")
    point = "." if decimals else ""
    return f"{sign}{whole:,}{point}{decimals}{'…' if left else ''}"


def joined(sentence: str) -> str:
    """What messages say too, with no break before its signs of percent."""
    return sentence.replace(" %", f"{NBSP}%")


def _half_even(value: float, places: int) -> str:
    return places_of(Fraction(value), places, ROUND_HALF_EVEN)
