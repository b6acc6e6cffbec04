"""The limit of a threshold rule: a number with the unit that it was written in."""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from fractions import Fraction

from slo.threshold import Threshold, parse_threshold
from slo.units import parse_duration

_RATE = re.compile(r"(\S+)\s*/\s*([smhd])")


class Unit(StrEnum):
    """What a value is a number of."""

    NUMBER = "number"
    SHARE = "share"  # 1 is all of it
    SECONDS = "seconds"
    PER_SECOND = "per second"
    PER_MINUTE = "per minute"
    PER_HOUR = "per hour"
    PER_DAY = "per day"

    @property
    def period(self) -> timedelta | None:
        """What a rate is per; None for what is no rate."""
        letter = _LETTERS.get(self)
        return None if letter is None else parse_duration(f"1{letter}")

    @property
    def letter(self) -> str:
        """The period of a rate as it is written: `m`."""
        return _LETTERS.get(self, "")


_LETTERS = {
    Unit.PER_SECOND: "s",
    Unit.PER_MINUTE: "m",
    Unit.PER_HOUR: "h",
    Unit.PER_DAY: "d",
}


@dataclass(frozen=True, slots=True)
class Limit:
    """An exact number (times in seconds) and what it is a number of."""

    threshold: Threshold
    unit: Unit

    @property
    def value(self) -> Fraction:
        return Fraction(self.threshold.value)

    def __str__(self) -> str:
        return f"{self.threshold}/{self.unit.letter}" if self.unit.letter else str(self.threshold)


def parse_limit(value: object) -> Limit:
    """Read `70%`, `2s`, `12/m` and plain numbers. Raises ValueError."""
    if isinstance(value, Limit):
        return value
    rate = _RATE.fullmatch(value.strip()) if isinstance(value, str) else None
    threshold = parse_threshold(value if rate is None else rate[1])
    unit = _unit(threshold.text)
    if rate is None:
        return Limit(threshold, unit)
    if unit is not Unit.NUMBER:
        raise ValueError(f"{value!r} is not a rate: write a number of events, such as 12/m")
    return Limit(threshold, next(unit for unit, letter in _LETTERS.items() if letter == rate[2]))


def _unit(text: str) -> Unit:
    if text.endswith("%"):
        return Unit.SHARE
    return Unit.SECONDS if text[-1:] in "smhdw" else Unit.NUMBER
