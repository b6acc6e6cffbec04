"""Numbers as people read them, on pages and in messages: the one place that rounds.

Never to the better side. A number and its unit are joined by a no-break space. Whoever compares
does so before coming here.
"""

from datetime import timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN
from fractions import Fraction

from slo.figures import NO_DATA as NO_DATA
from slo.figures import burn as burn
from slo.figures import exactly, places_of, trim
from slo.figures import factor as factor

NBSP = "\N{NO-BREAK SPACE}"
_SECOND = timedelta(seconds=1)
_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


def span(length: timedelta) -> str:
    """A length of time without its sign, cut to two units: `3 h 43 min`, `12 min`, `4 min 19 s`."""
    length = abs(length)
    if length < _MINUTE:
        return _seconds(length)
    days, left = divmod(length, _DAY)
    hours, left = divmod(left, _HOUR)
    minutes, left = divmod(left, _MINUTE)
    if days:
        return _units((days, "d"), (hours, "h") if days < 10 else (0, "h"))
    if hours:
        return _units((hours, "h"), (minutes, "min"))
    seconds = left // _SECOND
    if minutes < 10 and seconds:
        return _units((minutes, "min"), (seconds, "s"))
    return f"{minutes}{NBSP}min"


def share(ratio: Fraction | float | None) -> str:
    """A small share with two digits that count, cut up: some is never shown as none."""
    if ratio is None:
        return NO_DATA
    percent = exactly(ratio) * 100
    if percent == 0:
        return f"0{NBSP}%"
    if percent >= 99:
        # Almost all is not all.
        text = places_of(percent, 0 if percent.denominator == 1 else 2, ROUND_FLOOR)
    elif percent >= 10:
        text = places_of(percent, 0, ROUND_HALF_EVEN)
    else:
        text = _significant(percent)
    return f"{text}{NBSP}%"


def budget(remaining: Fraction | float | None) -> str:
    """What is left of the budget, cut: `62 %`, `3.4 %`, `-12 %`; 100 % only when all is there."""
    if remaining is None:
        return NO_DATA
    percent = exactly(remaining) * 100
    fine = percent.denominator != 1 and (-10 < percent < 10 or 99 < percent < 100)
    return f"{places_of(percent, 1 if fine else 0, ROUND_FLOOR)}{NBSP}%"


def budget_time(remaining_time: timedelta) -> str:
    """What is left, as time of a full outage: `26 min`, or `5 min over`."""
    if remaining_time < timedelta(0):
        return f"{span(remaining_time)} over"
    return span(remaining_time)


def count(number: int) -> str:
    """A whole number with its thousands parted: `45,102`."""
    return f"{number:,}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """A number and its noun: `1 SLO`, `2 SLOs`."""
    return f"{count(number)}{NBSP}{one if number == 1 else many or one + 's'}"


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
    return trim(places_of(percent, places, ROUND_HALF_EVEN if percent >= 1 else ROUND_CEILING))
