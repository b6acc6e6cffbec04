"""What is remembered of one series and of one SLI from page to page."""

import math
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from slo.increment import MOST_EVENTS, Exact

Number = int | float


def is_count(value: Number) -> bool:
    """Whether a counter may say so."""
    return math.isfinite(value) and value >= 0


def exact(value: Number) -> Exact:
    """The same number, to be added up without loss."""
    return value if isinstance(value, int) else Fraction(value)


@dataclass(frozen=True, slots=True)
class SeriesState:
    """The last value of one series, and of the process that answered before this one did.

    After a leap of more events than can be, the other value is what it were without the leap.
    """

    value: Number
    created: float | None = None
    vanished: bool = False
    other_value: Number | None = None
    other_created: float | None = None

    def base(self, value: Number) -> Number:
        """What the next value is compared with."""
        other = self.other_value
        is_back = other is not None and self._has_leapt and other <= value < self.value
        return other if other is not None and is_back else self.value

    def without_leap(self, value: Number) -> Number | None:
        """What the next value were without a leap; None where there was none, or it is over."""
        other = self.other_value
        if value - self.value > MOST_EVENTS:
            return self.value
        if other is None or not self._has_leapt or value < self.value:
            return None
        return other + (value - self.value)

    @property
    def _has_leapt(self) -> bool:
        return self.other_value is not None and self.value - self.other_value > MOST_EVENTS


@dataclass(frozen=True, slots=True)
class Memory:
    """What one SLI remembers: the pace it is known for, and events that wait.

    `carry` are events of its bad (or good) side above the total, with the page that had them.
    `total_rest` and `side_rest` are the fractions of events not yet counted. `silent_since` is the
    last page with its total, while pages come without.
    """

    selectors: str
    since: datetime
    hour_max: int = 0
    minutes: tuple[tuple[int, int], ...] = ()  # (minute since the epoch, counted), at most an hour
    carry: tuple[tuple[datetime, int], ...] = ()
    total_rest: Fraction = Fraction(0)
    side_rest: Fraction = Fraction(0)
    silent_since: datetime | None = None
