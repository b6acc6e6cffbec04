"""Closed slices one after another, so that any stretch of them is two subtractions."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from slo.ledger import BucketDelta, epoch_micros
from slo.objective import Objective
from slo.slices import SliceCounts, Slicing

Sums = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SliceHistory:
    """Slices from number `first` on (counted from the epoch).

    The sums are those before each slice: of slices that count, of what they cost in the slicing's
    parts, and of observations.
    """

    slicing: Slicing
    first: int
    observed: Sums
    cost: Sums
    seen: Sums

    def between(self, start: datetime, end: datetime) -> SliceCounts:
        """The slices that began at `start` or later and were over by `end`."""
        low, high = self._place(start, up=True), self._place(end)
        high = max(low, high)
        return SliceCounts(
            int(self.observed[high] - self.observed[low]),
            Fraction(int(self.cost[high] - self.cost[low]), self.slicing.parts),
        )

    def closed(self, start: datetime, end: datetime) -> SliceCounts:
        """The slices that were over by `end` and not yet by `start`."""
        return self.between(self._floor(start), end)

    def burn(self, objective: Objective, lookback: timedelta, at: datetime) -> Fraction | None:
        """The burn rate over the last `lookback` at `at`, as it is judged; observed idle time burns
        0, and without an observation there is none.
        """
        ratio = self.between(self._ceiling(at) - lookback, at).bad_ratio
        if ratio is not None:
            return ratio / objective.budget_share
        low, high = self._place(at - lookback), self._place(at)
        return Fraction(0) if self.seen[high] > self.seen[low] else None

    def _place(self, at: datetime, *, up: bool = False) -> int:
        """Where in the sums the slice stands that begins at `at`, or the next one."""
        width = self.slicing.seconds * 1_000_000
        number = -(-epoch_micros(at) // width) if up else epoch_micros(at) // width
        return min(max(number - self.first, 0), len(self.observed) - 1)

    def _floor(self, at: datetime) -> datetime:
        width = self.slicing.seconds * 1_000_000
        return at - timedelta(microseconds=epoch_micros(at) % width)

    def _ceiling(self, at: datetime) -> datetime:
        width = self.slicing.seconds * 1_000_000
        return at + timedelta(microseconds=-epoch_micros(at) % width)


def slice_history(
    buckets: Iterable[BucketDelta], slicing: Slicing, start: datetime, end: datetime
) -> SliceHistory:
    """The slices that are over of [start, end), from buckets of a slice's length; empty ones may
    be left out.
    """
    width = slicing.seconds
    first = epoch_micros(start) // 1_000_000 // width
    count = max(epoch_micros(end) // 1_000_000 // width - first, 0)
    observed, cost, seen = (np.zeros(count + 1, np.int64) for _ in range(3))
    for one in buckets:
        place = one.bucket // width - first
        if not 0 <= place < count:
            continue
        price = slicing.judge(one.good, one.bad, one.unknown, one.seen)
        seen[place + 1] = one.seen
        if price is not None:
            observed[place + 1], cost[place + 1] = 1, price
    return SliceHistory(slicing, first, *(np.cumsum(each) for each in (observed, cost, seen)))
