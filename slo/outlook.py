"""What will be left of a budget when its window ends, were the coming weeks like past ones."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import accumulate

from slo.definition import SLO
from slo.exclusion import NOTHING, Overlay, planned_slices
from slo.ledger import BucketDelta, epoch_micros
from slo.window import Calendar

WEEK = timedelta(days=7)
MOST_WEEKS = 8  # older ones say little of the coming ones
ENOUGH_WEEKS = 3
_OBSERVED = Fraction(9, 10)  # of what was due in a week, or it is no example


@dataclass(frozen=True, slots=True)
class Outlook:
    """The budget left at `end`: in the worst, the middle and the best of `weeks` past weeks.

    The three are None where fewer than ENOUGH_WEEKS weeks were observed: nothing is guessed.
    """

    end: datetime
    weeks: int
    lowest: Fraction | None = None
    middle: Fraction | None = None
    highest: Fraction | None = None


@dataclass(frozen=True, slots=True)
class _Spent:
    """What stretches cost, in parts of an event or a slice, and weighed, in whole ones."""

    cost: int = 0
    weight: int = 0

    def __add__(self, other: "_Spent") -> "_Spent":
        return _Spent(self.cost + other.cost, self.weight + other.weight)

    def __sub__(self, other: "_Spent") -> "_Spent":
        return _Spent(self.cost - other.cost, self.weight - other.weight)

    def __mul__(self, times: int) -> "_Spent":
        return _Spent(self.cost * times, self.weight * times)


def end_of(slo: SLO, now: datetime) -> datetime:
    """The moment that is looked forward to: a period's end; of a rolling window, a week ahead."""
    if isinstance(slo.window, Calendar):
        return slo.window.end(now)
    return now + min(WEEK, slo.window.length)


def reach_of(slo: SLO, now: datetime) -> datetime:
    """From when on `outlook` wants the buckets."""
    return min(now - MOST_WEEKS * WEEK, _begin(slo, now))


def outlook(
    slo: SLO, buckets: Iterable[BucketDelta], now: datetime, overlay: Overlay = NOTHING
) -> Outlook:
    """Each past week repeated until `end_of`, after what the window then still holds.

    `buckets`: what was counted from `reach_of` to `now`, in time's order; slices where the method
    counts them, each closed. What lies in a week is a bucket that starts in it.
    """
    history = _History(slo, buckets)
    end = end_of(slo, now)
    kept = history.between(_begin(slo, now), now)
    lefts = []
    for week in _weeks(slo, history, now):
        rounds, rest = divmod(end - now, WEEK)
        coming = history.between(week, week + WEEK) * rounds + history.between(week, week + rest)
        left = _left(slo, kept + coming, now, overlay)
        if left is not None:
            lefts.append(left)
    if len(lefts) < ENOUGH_WEEKS:
        return Outlook(end, len(lefts))
    lefts.sort()
    return Outlook(end, len(lefts), lefts[0], lefts[(len(lefts) - 1) // 2], lefts[-1])


def _begin(slo: SLO, now: datetime) -> datetime:
    """Where the window begins that ends at `end_of`."""
    if isinstance(slo.window, Calendar):
        return slo.window.start(now)
    return end_of(slo, now) - slo.window.length


def _weeks(slo: SLO, history: "_History", now: datetime) -> Iterator[datetime]:
    """The starts of the past weeks that were observed, newest first."""
    wanted = WEEK // slo.interval * _OBSERVED
    for number in range(1, MOST_WEEKS + 1):
        start = now - number * WEEK
        if history.seen(start, start + WEEK) >= wanted:
            yield start


def _left(slo: SLO, spent: _Spent, now: datetime, overlay: Overlay) -> Fraction | None:
    weight = spent.weight
    if slo.slicing is not None and isinstance(slo.window, Calendar):
        start, end = slo.window.start(now), slo.window.end(now)
        weight = planned_slices(start, end, slo.slicing.length, overlay)
    if not weight:
        return None
    parts = 1 if slo.slicing is None else slo.slicing.parts
    return 1 - Fraction(spent.cost, parts) / (slo.objective.budget_share * weight)


class _History:
    """Sums of any stretch, by what was summed before its edges."""

    def __init__(self, slo: SLO, buckets: Iterable[BucketDelta]) -> None:
        listed = list(buckets)
        self._starts = [bucket.bucket for bucket in listed]
        self._spent = list(accumulate((_spent(slo, one) for one in listed), initial=_Spent()))
        self._seen = list(accumulate((one.seen for one in listed), initial=0))

    def between(self, start: datetime, end: datetime) -> _Spent:
        """What the buckets that start in [start, end) spent."""
        low, high = _place(self._starts, start), _place(self._starts, end)
        return self._spent[high] - self._spent[low] if high > low else _Spent()

    def seen(self, start: datetime, end: datetime) -> int:
        return self._seen[_place(self._starts, end)] - self._seen[_place(self._starts, start)]


def _place(starts: Sequence[int], at: datetime) -> int:
    """How many buckets start before `at`."""
    return bisect_left(starts, epoch_micros(at), key=lambda start: start * 1_000_000)


def _spent(slo: SLO, bucket: BucketDelta) -> _Spent:
    if slo.slicing is None:
        return _Spent(bucket.bad, bucket.good + bucket.bad)
    cost = slo.slicing.judge(bucket.good, bucket.bad, bucket.unknown, bucket.seen)
    return _Spent() if cost is None else _Spent(cost, 1)
