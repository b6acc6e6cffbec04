"""Write numbers and times for people: the one place that rounds, and never to the better side.

A number and its unit are joined by a no-break space. Whoever compares does so before coming here.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction

from slo.objective import Objective
from slo.window import Calendar, Period, Window

NBSP = "\N{NO-BREAK SPACE}"
NO_DATA = "no data"
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
    return Moment(utc.isoformat(timespec="seconds"), f"{utc:%Y-%m-%d %H:%M:%S} UTC", ago(at, now))


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


def span(length: timedelta) -> str:
    """A length of time without its sign, cut to two units: `3 h 43 m`, `12 min`, `4 min 19 s`."""
    length = abs(length)
    if length < _MINUTE:
        return _seconds(length)
    days, left = divmod(length, _DAY)
    hours, left = divmod(left, _HOUR)
    minutes, left = divmod(left, _MINUTE)
    if days:
        return _units((days, "d"), (hours, "h") if days < 10 else (0, "h"))
    if hours:
        return _units((hours, "h"), (minutes, "m"))
    seconds = left // _SECOND
    if minutes < 10 and seconds:
        return _units((minutes, "min"), (seconds, "s"))
    return f"{minutes}{NBSP}min"


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
        return f"{_trim(_half_even(length / _SECOND, 2))}{NBSP}s"
    milliseconds = length / timedelta(milliseconds=1)
    return f"{_trim(_half_even(milliseconds, 0 if milliseconds >= 10 else 1))}{NBSP}ms"


def count(number: int) -> str:
    """A whole number with its thousands parted: `45,102`."""
    return f"{number:,}"


def cost(bad: Fraction | int) -> str:
    """Bad events or slices; of ratio slices, parts of one."""
    return count(int(bad)) if bad.denominator == 1 else f"{float(bad):.2f}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """A number and its noun: `1 SLO`, `2 SLOs`."""
    return f"{count(number)}{NBSP}{one if number == 1 else many or one + 's'}"


def target(objective: Objective) -> str:
    """The objective, every digit as written: `99.9 %`."""
    return f"{objective.label}{NBSP}%"


def sli(ratio: Fraction | None, objective: Objective) -> str:
    """The SLI with one decimal more than its target has, cut: 0.99996 of 99.99 % is `99.996 %`."""
    if ratio is None:
        return NO_DATA
    if ratio == 1:
        return f"100{NBSP}%"
    _, _, decimals = objective.label.partition(".")
    return f"{_places(ratio * 100, len(decimals) + 1, ROUND_FLOOR)}{NBSP}%"


def share(ratio: Fraction | float | None) -> str:
    """A small share with two digits that count, cut up: some is never shown as none."""
    if ratio is None:
        return NO_DATA
    percent = Fraction(ratio) * 100
    if percent == 0:
        return f"0{NBSP}%"
    if percent >= 99:
        # Almost all is not all.
        text = _places(percent, 0 if percent.denominator == 1 else 2, ROUND_FLOOR)
    elif percent >= 10:
        text = _places(percent, 0, ROUND_HALF_EVEN)
    else:
        text = _significant(percent)
    return f"{text}{NBSP}%"


def coverage(ratio: Fraction | None) -> str:
    """How much was observed of what was due, cut: `100 %` means all of it."""
    if ratio is None:
        return NO_DATA
    places = 0 if ratio == 1 else 1
    return f"{_places(ratio * 100, places, ROUND_FLOOR)}{NBSP}%"


def budget(remaining: Fraction | None) -> str:
    """What is left of the budget, cut: `62 %`, `3.4 %`, `-12 %`; 100 % only when all is there."""
    if remaining is None:
        return NO_DATA
    percent = remaining * 100
    fine = percent.denominator != 1 and (-10 < percent < 10 or 99 < percent < 100)
    return f"{_places(percent, 1 if fine else 0, ROUND_FLOOR)}{NBSP}%"


def budget_time(remaining_time: timedelta) -> str:
    """What is left, as time of a full outage: `26 min`, or `5 min over`."""
    if remaining_time < timedelta(0):
        return f"{span(remaining_time)} over"
    return span(remaining_time)


def burn(rate: Fraction | float | None) -> str:
    """A burn rate: `14.2x`, `0.7x`, `0.03x`; some is never shown as none."""
    if rate is None:
        return NO_DATA
    exact = Fraction(rate)
    if exact == 0:
        return "0x"
    if exact >= 100:
        return f"{_places(exact, 0, ROUND_HALF_EVEN)}x"
    if exact < Fraction(1, 100):
        return "<0.01x"
    # Around 1 the second decimal tells a pace that lasts from one that does not.
    close = exact < Fraction(1, 10) or Fraction(95, 100) <= exact < Fraction(105, 100)
    return f"{_trim(_places(exact, 2 if close else 1, ROUND_HALF_EVEN))}x"


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


def factor(value: Fraction) -> str:
    """A tier's factor: as many decimals as it needs, at most two: `14.4x`, `3x`."""
    return f"{_trim(_places(value, 2, ROUND_HALF_EVEN))}x"


def _seconds(length: timedelta) -> str:
    whole = length // _SECOND
    return f"{whole}{NBSP}s" if whole else "under 1\N{NO-BREAK SPACE}s"


def _units(*parts: tuple[int, str]) -> str:
    return " ".join(f"{amount}{NBSP}{unit}" for amount, unit in parts if amount)


def _significant(percent: Fraction) -> str:
    """Two digits that count, cut up, so that a small share is not shown as nothing."""
    places = 1
    while percent * 10**places < 10 and places < 8:
        places += 1
    if percent * 10**places < 1:
        return "<0.00000001"
    return _trim(_places(percent, places, ROUND_HALF_EVEN if percent >= 1 else ROUND_CEILING))


def _places(value: Fraction, places: int, rounding: str) -> str:
    with localcontext() as context:
        # Cutting must see every digit that matters, whatever the counts were.
        context.prec = 60
        exact = Decimal(value.numerator) / Decimal(value.denominator)
        text = f"{exact.quantize(Decimal(1).scaleb(-places), rounding=rounding):f}"
    return "0" if text == "-0" else text


def _half_even(value: float, places: int) -> str:
    return _places(Fraction(value), places, ROUND_HALF_EVEN)


def _trim(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text
