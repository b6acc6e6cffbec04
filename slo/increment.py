"""What SLIs counted between two pages, and how it is shared out."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Exact = int | Fraction
Counts: TypeAlias = NDArray[np.int64]
Carry = tuple[tuple[datetime, int], ...]  # events that wait for room, with the page that had them

CARRY_INTERVALS = 10  # how long bad events above the total wait for room
# More events than this between two pages are a mistake, such as -1 in an unsigned counter; sums of
# what is below it stay within 64 bits for any window.
MOST_EVENTS = 2**40
BY_VALUES = 50  # contributors kept for a label; the rest is `other`


@dataclass(frozen=True, slots=True)
class Increment:
    """The events of one SLI between two pages of its target.

    `unknown`: events that cannot be told good or bad, or whose process cannot be told.
    `by`: bad events by the SLI's `by` labels, the largest first, the last one `other`.
    `gap_since`: the last good page, where it is so long ago that the events are to be smeared.
    `data`: False without any series of the total, or with `missing`, why nothing can be counted.
    """

    good: int = 0
    bad: int = 0
    unknown: int = 0
    by: Mapping[str, int] = field(default_factory=dict)
    anomalies: tuple[str, ...] = ()
    gap_since: datetime | None = None
    data: bool = True
    missing: str = ""


class Counted(Mapping[str, Increment]):
    """The increments of many SLIs as columns; each is made when asked for.

    `said` are those that hold more than good and bad events: they replace what the columns say.
    """

    __slots__ = ("at", "bad", "data", "good", "said")

    def __init__(
        self,
        at: Mapping[str, int],
        good: Counts,
        bad: Counts,
        data: NDArray[np.bool_],
        said: Mapping[str, Increment],
    ) -> None:
        """`at` are the places of the SLOs' ids; `data` is False without a series of the total."""
        self.at = at
        self.good, self.bad, self.data, self.said = good, bad, data, said

    def __getitem__(self, slo: str) -> Increment:
        if (told := self.said.get(slo)) is not None:
            return told
        at = self.at[slo]
        return Increment(int(self.good[at]), int(self.bad[at]), data=bool(self.data[at]))

    def __iter__(self) -> Iterator[str]:
        return iter(self.at)

    def __len__(self) -> int:
        return len(self.at)


def fit(
    waiting: Carry, total: int, side: int, at: datetime, interval: timedelta
) -> tuple[int, Carry, int]:
    """The events of a side that fit under the total, what waits from now on, and what is lost.

    `waiting` are those of earlier pages; they come first.
    """
    room, taken, left = total, 0, []
    oldest = at - CARRY_INTERVALS * interval
    lost = 0
    for since, amount in (*waiting, (at, side)):
        fits = min(room, amount)
        room, taken = room - fits, taken + fits
        if amount > fits and since <= oldest:
            lost += amount - fits
        elif amount > fits:
            left.append((since, amount - fits))
    return taken, tuple(left), lost


def lost_events(lost: int, *, bad: bool) -> str:
    """The anomaly of events that found no room in time."""
    return f"{lost} {'bad' if bad else 'good'} events never had a total to belong to: dropped"


def largest(sums: Mapping[str, Exact]) -> Mapping[str, int]:
    """The largest contributors first; what is beyond the kept ones is `other`."""
    ordered = sorted(sums.items(), key=lambda item: (-item[1], item[0]))
    by = {name: math.floor(bad) for name, bad in ordered[:BY_VALUES] if bad >= 1}
    rest = math.floor(sum(bad for _, bad in ordered[BY_VALUES:] if bad > 0))
    return {**by, "other": rest} if rest else by
