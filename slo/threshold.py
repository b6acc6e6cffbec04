"""Where good ends: a number, or what stands for one, such as `200ms` and `70%`."""

import re
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from fractions import Fraction

from slo.units import parse_duration, parse_percent

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_MOST_DIGITS = 40  # an exponent beyond would write a number out for pages


class Side(StrEnum):
    """On which side of a threshold the good values lie."""

    BELOW = "below"
    ABOVE = "above"

    def holds(self, value: int | float | Fraction, limit: Fraction) -> bool:
        """Whether the value lies on this side of the limit, strictly and exactly."""
        # A float is what was nearest to the decimal on the page, so 0.7 is as little below 70%
        # as 0.7 is; a whole number or a fraction stands for itself.
        edge: Fraction | float = float(limit) if isinstance(value, float) else limit
        return value < edge if self is Side.BELOW else value > edge


@dataclass(frozen=True, slots=True)
class Threshold:
    """The exact value in the metric's own unit (durations in seconds), and how it was written."""

    value: Decimal
    text: str = field(compare=False)

    def __str__(self) -> str:
        return self.text


def parse_threshold(value: object) -> Threshold:
    """Read `200ms` as 0.2, `70%` as 0.7, and plain numbers as they are. Raises ValueError."""
    if isinstance(value, Threshold):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(
            "a threshold is a number, a duration such as 200ms, or a share such as 70%"
        )
    text = str(value).strip()
    if _NUMBER.fullmatch(text):
        return Threshold(_number(text), text)
    if text.endswith("%"):
        return Threshold(parse_percent(text), text)
    try:
        length = parse_duration(text)
    except ValueError:
        raise ValueError(
            f"{value!r} is not a threshold: write a number, a duration such as 200ms, or a share "
            "such as 70%"
        ) from None
    milliseconds = (length.days * 86_400 + length.seconds) * 1000 + length.microseconds // 1000
    return Threshold(Decimal(milliseconds) / 1000, text)


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a number that can be compared with") from None
    if abs(number.adjusted()) > _MOST_DIGITS:
        raise ValueError(f"{text!r} is not a number that can be compared with")
    return number
