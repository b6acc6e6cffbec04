"""Counts per bucket of one SLI, and exact sums over any window that ends now."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from slo.counts import Counts, WindowCounts
from slo.epoch import EPOCH
from slo.exclusion import NOTHING, Overlay
from slo.grain import BAD, COLUMNS, GOOD, MISSED, SEEN, SMEARED_BAD, SMEARED_GOOD, UNKNOWN, Grain
from slo.grid import AHEAD_SECONDS, FIVE_MINUTES, MINUTE, NEVER, Grid, unit_seconds
from slo.running import RunningCauses
from slo.slices import SliceCounts, Slicing
from slo.strip import Strip, spread

_MICROSECOND = timedelta(microseconds=1)
__all__ = [
    "FIVE_MINUTES",
    "MINUTE",
    "BucketDelta",
    "Ledger",
    "epoch_micros",
    "grid_for",
    "move_together",
    "unit_seconds",
]

# What follows a slot's columns in a ring of slices: how many count, what they cost, and the same
# of those that hold events that were not seen in them; then what unknown events leave open.
_OBSERVED, _COST, _SMEARED_OBSERVED, _SMEARED_COST = range(COLUMNS, COLUMNS + 4)
_UNSURE, _BETTER, _WORSE = range(COLUMNS + 4, COLUMNS + 7)
_SLICE_COLUMNS = COLUMNS + 7


@dataclass(frozen=True, slots=True)
class BucketDelta:
    """What is to be added to one stored bucket. `bucket` is its start, epoch seconds.

    Events: good, bad, unknown; of good and bad, `smeared_*` were not seen in this bucket itself.
    Observations: `seen` came, `missed` were due and did not.
    """

    bucket: int
    good: int = 0
    bad: int = 0
    unknown: int = 0
    seen: int = 0
    missed: int = 0
    smeared_good: int = 0
    smeared_bad: int = 0

    def __add__(self, other: "BucketDelta") -> "BucketDelta":
        """Both together; they are of the same bucket."""
        return BucketDelta(
            self.bucket,
            self.good + other.good,
            self.bad + other.bad,
            self.unknown + other.unknown,
            self.seen + other.seen,
            self.missed + other.missed,
            self.smeared_good + other.smeared_good,
            self.smeared_bad + other.smeared_bad,
        )

    def __sub__(self, other: "BucketDelta") -> "BucketDelta":
        """What is to be added to `other`, of the same bucket, to make it this."""
        pairs = zip(self.columns(), other.columns(), strict=True)
        return BucketDelta(self.bucket, *(mine - its for mine, its in pairs))

    def columns(self) -> tuple[int, ...]:
        return (
            self.good,
            self.bad,
            self.unknown,
            self.seen,
            self.missed,
            self.smeared_good,
            self.smeared_bad,
        )


def epoch_micros(at: datetime) -> int:
    """Microseconds since the epoch, exactly."""
    return (at - EPOCH) // _MICROSECOND


def _at_micros(micros: int) -> datetime | None:
    return None if micros == NEVER else EPOCH + timedelta(microseconds=micros)


def _micros_at(at: datetime | None) -> int:
    return NEVER if at is None else epoch_micros(at)


def grid_for(bucket_seconds: int, reach: timedelta) -> Grid:
    """An empty grid for ledgers that reach so far."""
    return Grid(bucket_seconds, int(reach.total_seconds()))


class Ledger:
    """The counts of one SLI in memory. Late bookings land where they belong while in reach.

    It is one place of a grid, alone there or among many.
    """

    def __init__(
        self,
        bucket_seconds: int,
        reach: timedelta,
        slicing: Slicing | None = None,
        overlay: Overlay = NOTHING,
        *,
        grid: Grid | None = None,
    ) -> None:
        """`reach` is the longest window that will be asked for, of slices too where there are.

        What `overlay` excludes is not counted when it is booked; `load` is given what counts.
        A `grid` is one of `grid_for` this reach.
        """
        self.bucket_seconds = bucket_seconds
        self.overlay = overlay
        self.reach = reach
        self.grid = grid if grid is not None else grid_for(bucket_seconds, reach)
        self.place = self.grid.add()
        self.slicing = slicing
        seconds = int(reach.total_seconds())
        self._slices = _SliceRing(slicing, seconds) if slicing is not None else None
        self._causes: dict[int, dict[str, int]] = {}  # five-minute number -> cause -> bad events
        self._running_causes = RunningCauses(self._causes)
        # One judgement asks for the same few windows again and again.
        self._windows: dict[timedelta, WindowCounts] = {}
        self._windows_of: tuple[datetime, int] | None = None
        self._reach = seconds

    def join(self, grid: Grid) -> None:
        """Move to this grid, with all that is counted."""
        move_together([self], grid)

    @property
    def lifetime(self) -> Counts:
        """All that was ever counted; it only rises."""
        return Counts(*self.grid.lifetime[:, self.place].tolist())

    @lifetime.setter
    def lifetime(self, counts: Counts) -> None:
        self.grid.lifetime[:, self.place] = (counts.good, counts.bad, counts.unknown)
        self.grid.touched(self.place)

    @property
    def last_observation(self) -> datetime | None:
        """When the newest observation that came was due."""
        return _at_micros(int(self.grid.heard[self.place]))

    @last_observation.setter
    def last_observation(self, at: datetime | None) -> None:
        self.grid.heard[self.place] = _micros_at(at)
        self.grid.touched(self.place)

    @property
    def watched_since(self) -> datetime | None:
        """When the oldest booking was due."""
        return _at_micros(int(self.grid.since[self.place]))

    @watched_since.setter
    def watched_since(self, at: datetime | None) -> None:
        self.grid.since[self.place] = _micros_at(at)
        self.grid.touched(self.place)

    @property
    def revision(self) -> int:
        """Another number whenever something was booked, loaded or moved."""
        return int(self.grid.revision[self.place])

    def book(self, at: datetime, delta: BucketDelta) -> None:
        """Add to the bucket `delta.bucket`; `at` is when the newest of it was due."""
        columns = delta.columns()
        self.grid.note(self.place, columns, epoch_micros(at))
        if self.overlay and self.overlay.covers(delta.bucket):
            return
        self.grid.book(self.place, delta.bucket, columns)
        if self._slices is not None:
            self._slices.add(delta.bucket, columns)

    def book_cause(self, at: datetime, cause: str, bad: int) -> int:
        """Remember what made events bad; gives the five-minute bucket that it went to."""
        number = epoch_micros(at) // 1_000_000 // FIVE_MINUTES
        if not (self.overlay and self.overlay.covers(self.bucket_of(at))):
            self._add_cause(number, cause, bad)
        return number * FIVE_MINUTES

    def bucket_of(self, at: datetime) -> int:
        """The start of the base bucket that `at` falls in, epoch seconds."""
        return epoch_micros(at) // 1_000_000 // self.bucket_seconds * self.bucket_seconds

    def load(self, width_seconds: int, rows: NDArray[np.int64] | Sequence[tuple[int, ...]]) -> None:
        """Put stored counts back: rows of (bucket, good, bad, unknown, seen, missed, smeared...).

        Buckets may be finer than the grain `width_seconds`, in any order and repeated. Touches
        only that grain; lifetime totals are set by the caller.
        """
        grain = self.grid.grains[width_seconds]
        _load(grain, self.place, np.asarray(rows, np.int64).reshape(-1, 1 + COLUMNS))
        self.grid.touched(self.place)

    def load_strip(self, width_seconds: int, strip: Strip) -> None:
        """Put stored counts back, as `load` does. The newest strips come first: what they push out
        of reach need not be added up.
        """
        grain = self.grid.grains[width_seconds]
        head = max(grain.head, strip.last // grain.width)
        strip = strip.since((head - grain.slots + 1) * grain.width)
        if not strip.length:
            return
        if grain.width % strip.step:
            _load(grain, self.place, strip.rows())
        else:
            strip = strip.added_up(grain.width)
            low = strip.first // grain.width
            columns = {
                index: spread(column, strip.length) if isinstance(column, int) else column
                for index, column in strip.columns.items()
            }
            grain.add_columns(self.place, low, strip.length, columns)
        self.grid.touched(self.place)

    def load_slices(self, rows: NDArray[np.int64] | Sequence[tuple[int, ...]]) -> None:
        """Put the slices back from rows as of `load`, no coarser than a slice."""
        if self._slices is not None:
            self._slices.load(np.asarray(rows, np.int64).reshape(-1, 1 + COLUMNS))
            self.grid.touched(self.place)

    def load_causes(self, rows: Iterable[tuple[int, str, int]]) -> None:
        """Put stored causes back: (five-minute start, cause, bad events)."""
        for bucket, cause, bad in rows:
            self._add_cause(bucket // FIVE_MINUTES, cause, bad)

    def _add_cause(self, number: int, cause: str, bad: int) -> None:
        causes = self._causes.setdefault(number, {})
        causes[cause] = causes.get(cause, 0) + bad
        if not causes[cause]:
            del causes[cause]
        self._running_causes.added(number, cause, bad)

    @property
    def widths(self) -> tuple[int, ...]:
        """The grains that `load` wants, finest first."""
        return tuple(sorted(self.grid.grains))

    def window(self, length: timedelta, now: datetime) -> WindowCounts:
        """The sums over [ceil_u(now) - length, now], equal to brute force over the buckets."""
        asked = (now, self.revision)
        if self._windows_of != asked:
            self._windows.clear()
            self._windows_of = asked
        known = self._windows.get(length)
        if known is None:
            seconds = int(length.total_seconds())
            unit = unit_seconds(seconds, self.bucket_seconds)
            low, high = _slots(seconds, unit, now)
            grain = self.grid.grains[unit]
            known = _window_counts(grain.window(self.place, seconds // unit, low, high))
            self._windows[length] = known
        return known

    def excluded(self, length: timedelta, now: datetime) -> timedelta:
        """How much of the window [ceil_u(now) - length, ceil_u(now)) is excluded."""
        if not self.overlay:
            return timedelta(0)
        seconds = int(length.total_seconds())
        unit = unit_seconds(seconds, self.bucket_seconds)
        low, _ = _slots(seconds, unit, now)
        return timedelta(seconds=self.overlay.seconds(low * unit, low * unit + seconds))

    def since(self, start: datetime, now: datetime) -> WindowCounts:
        """The sums over [start, now] by five minutes, on whose grid `start` lies."""
        low, high = (epoch_micros(at) // (FIVE_MINUTES * 1_000_000) for at in (start, now))
        return _window_counts(self.grid.grains[FIVE_MINUTES].sums(self.place, low, high))

    def slices_since(self, start: datetime, now: datetime) -> SliceCounts:
        """The closed slices of [start, now]; `start` lies on their grid."""
        slicing, _ = self._sliced()
        low = epoch_micros(start) // (slicing.seconds * 1_000_000)
        return self._slice_counts(low, _last_closed(slicing, now))

    def slices(self, length: timedelta, now: datetime, *, own: bool = False) -> SliceCounts:
        """The closed slices of [ceil_slice(now) - length, now]; `length` is a multiple of one.

        `own`: without those that hold events which were not seen in them.
        """
        slicing, _ = self._sliced()
        low, _ = _slots(int(length.total_seconds()), slicing.seconds, now)
        return self._slice_counts(low, _last_closed(slicing, now), own=own)

    def _slice_counts(self, low: int, high: int, *, own: bool = False) -> SliceCounts:
        slicing, ring = self._sliced()
        sums = ring.sums(low, high)
        observed, cost = sums[_OBSERVED], sums[_COST]
        if own:
            observed, cost = observed - sums[_SMEARED_OBSERVED], cost - sums[_SMEARED_COST]
        parts = slicing.parts
        return SliceCounts(
            observed,
            Fraction(cost, parts),
            sums[_UNSURE],
            Fraction(sums[_BETTER], parts),
            Fraction(sums[_WORSE], parts),
        )

    def leaving_slices(
        self, length: timedelta, now: datetime
    ) -> tuple[int, NDArray[np.float64], NDArray[np.int64]]:
        """The window's slices, oldest first: their width in seconds, costs, which of them count."""
        slicing, ring = self._sliced()
        low, high = _slots(int(length.total_seconds()), slicing.seconds, now)
        costs = ring.column(_COST, low, high) / slicing.parts
        return slicing.seconds, costs, ring.column(_OBSERVED, low, high)

    def _sliced(self) -> tuple[Slicing, "_SliceRing"]:
        if self.slicing is None or self._slices is None:
            raise ValueError("this ledger keeps no slices")
        return self.slicing, self._slices

    def leaving(
        self, length: timedelta, now: datetime
    ) -> tuple[int, NDArray[np.int64], NDArray[np.int64]]:
        """The window's slots, oldest first: their width in seconds, good counts, bad counts."""
        seconds = int(length.total_seconds())
        unit = unit_seconds(seconds, self.bucket_seconds)
        low, high = _slots(seconds, unit, now)
        grain = self.grid.grains[unit]
        good, bad = (grain.column(self.place, index, low, high) for index in (GOOD, BAD))
        return unit, good, bad

    def causes(self, length: timedelta, now: datetime) -> dict[str, int]:
        """Bad events by cause in the five-minute buckets that the window touches, largest first."""
        end = epoch_micros(now) // 1_000_000
        first = (end - int(length.total_seconds())) // FIVE_MINUTES
        return self._running_causes.sums(first, end // FIVE_MINUTES)

    def forget(self, now: datetime) -> None:
        """Drop causes that no window reaches any more; the grid forgets by itself."""
        oldest = (epoch_micros(now) // 1_000_000 - self._reach) // FIVE_MINUTES - 1
        for number in [number for number in self._causes if number < oldest]:
            del self._causes[number]
        self._running_causes.clear()


def move_together(ledgers: Sequence[Ledger], grid: Grid) -> None:
    """Move these ledgers to a grid of their shape, with all that is counted."""
    by_grid: dict[int, list[Ledger]] = {}
    for ledger in ledgers:
        if ledger.grid is not grid:
            by_grid.setdefault(id(ledger.grid), []).append(ledger)
    for together in by_grid.values():
        old = together[0].grid
        places = grid.copy(old, [ledger.place for ledger in together])
        for ledger, place in zip(together, places, strict=True):
            old.free(ledger.place)
            ledger.grid, ledger.place = grid, place


def _slots(seconds: int, unit: int, now: datetime) -> tuple[int, int]:
    """The first and last slot number of a window: starts in [ceil_u(now) - seconds, now]."""
    micros = epoch_micros(now)
    unit_micros = unit * 1_000_000
    ceiling = -(-micros // unit_micros)
    return ceiling - seconds // unit, micros // unit_micros


def _window_counts(sums: Sequence[int]) -> WindowCounts:
    counts = Counts(sums[GOOD], sums[BAD], sums[UNKNOWN])
    observed = Counts(
        counts.good - sums[SMEARED_GOOD], counts.bad - sums[SMEARED_BAD], counts.unknown
    )
    return WindowCounts(counts, observed, sums[SEEN], sums[SEEN] + sums[MISSED])


def _last_closed(slicing: Slicing, now: datetime) -> int:
    """The number of the last slice that is over."""
    return epoch_micros(now) // (slicing.seconds * 1_000_000) - 1


def _load(grain: Grain, place: int, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Add many rows of (bucket, columns...) at once; gives the slots that they went to."""
    buckets = rows[:, 0]
    if not len(buckets):
        return buckets
    if (buckets[1:] < buckets[:-1]).any():
        rows = rows[np.argsort(buckets, kind="stable")]
        buckets = rows[:, 0]
    head = max(grain.head, int(buckets[-1]) // grain.width)
    rows = rows[int(np.searchsorted(buckets, (head - grain.slots + 1) * grain.width)) :]
    slots = rows[:, 0] // grain.width
    if not len(slots):
        return slots
    begins = np.empty(len(slots), np.bool_)
    begins[0] = True
    np.not_equal(slots[1:], slots[:-1], out=begins[1:])
    starts = np.flatnonzero(begins)  # the first row of each slot
    amounts: list[NDArray[np.int64] | None] = []
    for column in rows[:, 1:].T:
        if not column.any():
            amounts.append(None)
        else:
            amounts.append(np.add.reduceat(column, starts) if len(starts) < len(slots) else column)
    if len(starts) < len(slots):
        slots = slots[starts]
    grain.add_rows(place, slots, amounts)
    return slots


class _SliceRing:
    """One slot a slice, with its verdict beside its counts, so that a window is a sum."""

    def __init__(self, slicing: Slicing, reach_seconds: int) -> None:
        slots = (reach_seconds + AHEAD_SECONDS) // slicing.seconds + 2
        self._grain = Grain(slicing.seconds, slots, _SLICE_COLUMNS)
        self._grain.make_room(1)
        self._slicing = slicing

    def add(self, bucket: int, columns: tuple[int, ...]) -> None:
        slot = bucket // self._grain.width
        if self._grain.add(0, slot, columns):
            self._judge(np.array([slot]))

    def load(self, rows: NDArray[np.int64]) -> None:
        self._judge(self._grain.keeps(_load(self._grain, 0, rows)))

    def sums(self, low: int, high: int) -> tuple[int, ...]:
        return self._grain.sums(0, low, high)

    def column(self, index: int, low: int, high: int) -> NDArray[np.int64]:
        return self._grain.column(0, index, low, high)

    def _judge(self, slots: NDArray[np.int64]) -> None:
        """Give each of these slots the verdict that its counts now deserve."""
        good, bad, unknown, seen, smeared_good, smeared_bad = (
            self._grain.get(0, index, slots).tolist()
            for index in (GOOD, BAD, UNKNOWN, SEEN, SMEARED_GOOD, SMEARED_BAD)
        )
        costs = list(map(self._slicing.judge, good, bad, unknown, seen))
        smeared = [a + b > 0 for a, b in zip(smeared_good, smeared_bad, strict=True)]
        both = list(zip(costs, smeared, strict=True))
        self._grain.put(0, _OBSERVED, slots, [int(cost is not None) for cost in costs])
        self._grain.put(0, _COST, slots, [cost or 0 for cost in costs])
        self._grain.put(
            0, _SMEARED_OBSERVED, slots, [int(cost is not None and far) for cost, far in both]
        )
        self._grain.put(0, _SMEARED_COST, slots, [(cost or 0) * far for cost, far in both])
        doubts = list(map(self._slicing.doubt, good, bad, unknown, seen))
        for place, column in enumerate((_UNSURE, _BETTER, _WORSE)):
            self._grain.put(0, column, slots, [doubt[place] for doubt in doubts])
