"""Burn rates as people read them, in verdicts, on pages and in messages.

Whoever compares does so before coming here.
"""

from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from functools import lru_cache

NO_DATA = "no data"
_MOST_PLACES = 12
_LEAST, _TENTH = Fraction(1, 100), Fraction(1, 10)
_AROUND_ONE = Fraction(95, 100), Fraction(105, 100)


def burn(rate: Fraction | float | None) -> str:
    """A burn rate: `14.2x`, `0.7x`, `0.03x`; some is never shown as none."""
    if rate is None:
        return NO_DATA
    exact = exactly(rate)
    if exact == 0:
        return "0x"
    if exact >= 100:
        return f"{places_of(exact, 0, ROUND_HALF_EVEN)}x"
    if exact < _LEAST:
        return "<0.01x"
    # Around 1 the second decimal tells a pace that lasts from one that does not.
    close = exact < _TENTH or _AROUND_ONE[0] <= exact < _AROUND_ONE[1]
    return f"{trim(places_of(exact, 2 if close else 1, ROUND_HALF_EVEN))}x"


def burn_beside(rate: Fraction, limit: Fraction) -> str:
    """A burn rate beside the factor that it was held against: `14.6x`.

    With more decimals where rounding would hide on which side it is: `3.01x` is above `3x`.
    """
    told, side = burn(rate), _side(rate, limit)
    for places in range(2, _MOST_PLACES):
        if told.startswith("<") or _side(Fraction(told[:-1]), limit) == side:
            break
        told = f"{trim(places_of(rate, places, ROUND_HALF_EVEN))}x"
    return told


def _side(value: Fraction, limit: Fraction) -> int:
    return (value > limit) - (value < limit)


@lru_cache(maxsize=256)
def factor(value: Fraction | float) -> str:
    """A tier's factor: as many decimals as it needs, at most two: `14.4x`, `3x`."""
    return f"{trim(places_of(exactly(value), 2, ROUND_HALF_EVEN))}x"


def exactly(value: Fraction | float) -> Fraction:
    """A float's shortest text is the number that was meant: 0.57, not 0.56999999999999995."""
    return Fraction(repr(value)) if isinstance(value, float) else Fraction(value)


def places_of(value: Fraction, places: int, rounding: str) -> str:
    """The number with so many decimals."""
    with localcontext() as context:
        # Cutting must see every digit that matters, whatever the counts were.
        context.prec = 60
        exact = Decimal(value.numerator) / Decimal(value.denominator)
        text = f"{exact.quantize(Decimal(1).scaleb(-places), rounding=rounding):f}"
    return "0" if text == "-0" else text


def trim(text: str) -> str:
    """Without decimals that say nothing."""
    return text.rstrip("0").rstrip(".") if "." in text else text
