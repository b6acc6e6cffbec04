"""Counts per bucket of one SLI, and exact sums over any window that ends now."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from slo.counts import Counts, WindowCounts
from slo.exclusion import NOTHING, Overlay
from slo.running import RunningCauses, RunningSums
from slo.slices import SliceCounts, Slicing

MINUTE = 60
FIVE_MINUTES = 300
_SIX_HOURS = 6 * 3600
_THREE_DAYS = 3 * 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# The columns of a slot, in the order of BucketDelta's fields after `bucket`.
_GOOD, _BAD, _UNKNOWN, _SEEN, _MISSED, _SMEARED_GOOD, _SMEARED_BAD = range(7)
_COLUMNS = 7
# What follows them in a ring of slices: how many count, what they cost, and the same of those that
# hold events that were not seen in them.
_OBSERVED, _COST, _SMEARED_OBSERVED, _SMEARED_COST = range(_COLUMNS, _COLUMNS + 4)
_SLICE_COLUMNS = _COLUMNS + 4
_MOST = {
    np.dtype(kind): int(np.iinfo(kind).max) for kind in (np.uint8, np.uint16, np.uint32, np.uint64)
}


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
    return (at - _EPOCH) // _MICROSECOND


def unit_seconds(window_seconds: int, bucket_seconds: int) -> int:
    """The grain a window is counted in: base buckets to 6h, minutes to 3d, five minutes beyond."""
    if window_seconds <= _SIX_HOURS:
        return bucket_seconds
    return MINUTE if window_seconds <= _THREE_DAYS else FIVE_MINUTES


class Ledger:
    """The counts of one SLI in memory. Late bookings land where they belong while in reach."""

    def __init__(
        self,
        bucket_seconds: int,
        reach: timedelta,
        slicing: Slicing | None = None,
        overlay: Overlay = NOTHING,
    ) -> None:
        """`reach` is the longest window that will be asked for, of slices too where there are.

        What `overlay` excludes is not counted when it is booked; `load` is given what counts.
        """
        seconds = int(reach.total_seconds())
        self.bucket_seconds = bucket_seconds
        self.overlay = overlay
        self.reach = reach
        self.lifetime = Counts()
        self.last_observation: datetime | None = None
        self.watched_since: datetime | None = None
        self._rings = {
            bucket_seconds: _Ring(bucket_seconds, min(seconds, _SIX_HOURS)),
            MINUTE: _Ring(MINUTE, min(seconds, _THREE_DAYS)),
            FIVE_MINUTES: _Ring(FIVE_MINUTES, seconds),
        }
        self.slicing = slicing
        self._slices = _SliceRing(slicing, seconds) if slicing is not None else None
        self._causes: dict[int, dict[str, int]] = {}  # five-minute number -> cause -> bad events
        self._running_causes = RunningCauses(self._causes)
        # One judgement asks for the same few windows again and again.
        self._windows: dict[timedelta, WindowCounts] = {}
        self._windows_at: datetime | None = None
        self._reach = seconds

    def book(self, at: datetime, delta: BucketDelta) -> None:
        """Add to the bucket `delta.bucket`; `at` is when the newest of it was due."""
        self._note(at, delta)
        if self.overlay and self.overlay.covers(delta.bucket):
            return
        columns = delta.columns()
        self._windows_at = None
        for ring in self._rings.values():
            ring.add(delta.bucket, columns)
        if self._slices is not None:
            self._slices.add(delta.bucket, columns)

    def _note(self, at: datetime, delta: BucketDelta) -> None:
        """What is true of all that was ever booked, excluded or not."""
        self.lifetime += Counts(delta.good, delta.bad, delta.unknown)
        if self.watched_since is None or at < self.watched_since:
            self.watched_since = at
        if delta.seen and (self.last_observation is None or at > self.last_observation):
            self.last_observation = at

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
        self._windows_at = None
        self._rings[width_seconds].load(np.asarray(rows, np.int64).reshape(-1, 1 + _COLUMNS))

    def load_slices(self, rows: NDArray[np.int64] | Sequence[tuple[int, ...]]) -> None:
        """Put the slices back from rows as of `load`, no coarser than a slice."""
        if self._slices is not None:
            self._slices.load(np.asarray(rows, np.int64).reshape(-1, 1 + _COLUMNS))

    def load_causes(self, rows: Iterable[tuple[int, str, int]]) -> None:
        """Put stored causes back: (five-minute start, cause, bad events)."""
        for bucket, cause, bad in rows:
            self._add_cause(bucket // FIVE_MINUTES, cause, bad)

    def _add_cause(self, number: int, cause: str, bad: int) -> None:
        causes = self._causes.setdefault(number, {})
        causes[cause] = causes.get(cause, 0) + bad
        self._running_causes.added(number, cause, bad)

    @property
    def widths(self) -> tuple[int, ...]:
        """The grains that `load` wants, finest first."""
        return tuple(sorted(self._rings))

    def window(self, length: timedelta, now: datetime) -> WindowCounts:
        """The sums over [ceil_u(now) - length, now], equal to brute force over the buckets."""
        if self._windows_at != now:
            self._windows.clear()
            self._windows_at = now
        known = self._windows.get(length)
        if known is None:
            seconds = int(length.total_seconds())
            unit = unit_seconds(seconds, self.bucket_seconds)
            low, high = _slots(seconds, unit, now)
            known = _window_counts(self._rings[unit].running.sums(low, high))
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
        return _window_counts(self._rings[FIVE_MINUTES].sums(low, high))

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
        return SliceCounts(observed, Fraction(cost, slicing.parts))

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
        ring = self._rings[unit]
        return unit, ring.column(_GOOD, low, high), ring.column(_BAD, low, high)

    def causes(self, length: timedelta, now: datetime) -> dict[str, int]:
        """Bad events by cause in the five-minute buckets that the window touches, largest first."""
        end = epoch_micros(now) // 1_000_000
        first = (end - int(length.total_seconds())) // FIVE_MINUTES
        return self._running_causes.sums(first, end // FIVE_MINUTES)

    def forget(self, now: datetime) -> None:
        """Drop causes that no window reaches any more; the rings forget by themselves."""
        oldest = (epoch_micros(now) // 1_000_000 - self._reach) // FIVE_MINUTES - 1
        for number in [number for number in self._causes if number < oldest]:
            del self._causes[number]
        self._running_causes.clear()


def _slots(seconds: int, unit: int, now: datetime) -> tuple[int, int]:
    """The first and last slot number of a window: starts in [ceil_u(now) - seconds, now]."""
    micros = epoch_micros(now)
    unit_micros = unit * 1_000_000
    ceiling = -(-micros // unit_micros)
    return ceiling - seconds // unit, micros // unit_micros


def _window_counts(sums: Sequence[int]) -> WindowCounts:
    counts = Counts(sums[_GOOD], sums[_BAD], sums[_UNKNOWN])
    observed = Counts(
        counts.good - sums[_SMEARED_GOOD], counts.bad - sums[_SMEARED_BAD], counts.unknown
    )
    return WindowCounts(counts, observed, sums[_SEEN], sums[_SEEN] + sums[_MISSED])


def _last_closed(slicing: Slicing, now: datetime) -> int:
    """The number of the last slice that is over."""
    return epoch_micros(now) // (slicing.seconds * 1_000_000) - 1


class _Ring:
    """One grain: slot n holds the bucket that starts at n * width; old slots are overwritten.

    Columns are made when first needed and widened when a count outgrows them, so that an SLI
    without unknowns or smears pays for none.
    """

    def __init__(self, width: int, reach_seconds: int, columns: int = _COLUMNS) -> None:
        self._width = width
        self._slots = reach_seconds // width + 2
        self.running = RunningSums(self.sums, self._at)
        self._head = -1  # the newest slot number; slots behind it by `_slots` or more are gone
        self._columns: list[NDArray[np.unsignedinteger] | None] = [None] * columns

    def add(self, bucket: int, columns: tuple[int, ...]) -> None:
        slot = bucket // self._width
        self._advance(slot)
        if slot <= self._head - self._slots:
            return  # older than anybody can ask
        at = slot % self._slots
        for index, amount in enumerate(columns):
            if amount:
                column = self._columns[index]
                if column is None:
                    column = np.zeros(self._slots, dtype=np.uint8)
                value = int(column[at]) + amount
                if value > _MOST[column.dtype]:
                    column = column.astype(np.min_scalar_type(value))
                column[at] = value
                self._columns[index] = column
        self.running.added(slot, columns)

    def load(self, rows: NDArray[np.int64]) -> None:
        """Add many rows of (bucket, columns...) at once."""
        if not len(rows):
            return
        buckets = rows[:, 0]
        if (buckets[1:] < buckets[:-1]).any():
            rows = rows[np.argsort(buckets, kind="stable")]
            buckets = rows[:, 0]
        self._advance(int(buckets[-1]) // self._width)
        self.running.clear()
        oldest = (self._head - self._slots + 1) * self._width
        first = int(np.searchsorted(buckets, oldest))
        rows, slots = rows[first:], buckets[first:] // self._width
        if not len(rows):
            return
        starts = np.flatnonzero(np.diff(slots, prepend=slots[0] - 1))  # the first row of each slot
        slots = slots[starts]
        low, high = int(slots[0]), int(slots[-1])
        for index in range(_COLUMNS):
            amounts = rows[:, 1 + index]
            if not amounts.any():
                continue
            if len(starts) < len(amounts):
                amounts = np.add.reduceat(amounts, starts)
            if len(amounts) <= high - low:  # some slots between have no row
                dense = np.zeros(high - low + 1, np.int64)
                dense[slots - low] = amounts
                amounts = dense
            self._columns[index] = self._sum_of(index, low, high, amounts)

    def _sum_of(
        self, index: int, low: int, high: int, amounts: NDArray[np.int64]
    ) -> NDArray[np.unsignedinteger]:
        """The column with `amounts` added to slots low..high, wide enough for them."""
        have = self._columns[index]
        parts = self._parts(low, high)
        if have is not None:
            booked = np.concatenate([have[part] for part in parts]).astype(np.uint64)
            total = booked + amounts.astype(np.uint64)
        else:
            total = amounts.astype(np.uint64)
        needed = np.min_scalar_type(int(total.max()))
        column = np.zeros(self._slots, needed) if have is None else have
        column = column.astype(np.promote_types(column.dtype, needed), copy=False)
        at = 0
        for part in parts:
            column[part] = total[at : at + part.stop - part.start]
            at += part.stop - part.start
        return column

    def _at(self, slot: int) -> list[int]:
        """What one slot holds, by column."""
        if not self._head - self._slots < slot <= self._head:
            return [0] * len(self._columns)
        at = slot % self._slots
        return [0 if column is None else int(column[at]) for column in self._columns]

    def sums(self, low: int, high: int) -> tuple[int, ...]:
        parts = self._parts(low, high)
        return tuple(
            0 if column is None else sum(int(column[part].sum(dtype=np.uint64)) for part in parts)
            for column in self._columns
        )

    def column(self, index: int, low: int, high: int) -> NDArray[np.int64]:
        """One column from slot `low` to `high`; slots that were never booked are 0."""
        values = np.zeros(high - low + 1, dtype=np.int64)
        column = self._columns[index]
        if column is not None:
            first = max(low, self._head - self._slots + 1)
            offset = first - low
            for part in self._parts(low, high):
                length = part.stop - part.start
                values[offset : offset + length] = column[part]
                offset += length
        return values

    def _parts(self, low: int, high: int) -> list[slice]:
        """The stretches of the arrays that hold slots low..high, oldest first."""
        low = max(low, self._head - self._slots + 1)
        high = min(high, self._head)
        if low > high or self._head < 0:
            return []
        start, stop = low % self._slots, high % self._slots + 1
        if start < stop:
            return [slice(start, stop)]
        return [slice(start, self._slots), slice(0, stop)]

    def _advance(self, slot: int) -> None:
        if slot <= self._head:
            return
        fresh = slot - self._head if self._head >= 0 else self._slots
        if fresh >= self._slots:
            parts = [slice(0, self._slots)]
        else:
            start, stop = (self._head + 1) % self._slots, slot % self._slots + 1
            wraps = start >= stop
            parts = [slice(start, self._slots), slice(0, stop)] if wraps else [slice(start, stop)]
        for column in self._columns:
            if column is not None:
                for part in parts:
                    column[part] = 0
        self._head = slot
        self.running.forgotten(slot - self._slots + 1)


class _SliceRing(_Ring):
    """One slot a slice, with its verdict beside its counts, so that a window is a sum."""

    def __init__(self, slicing: Slicing, reach_seconds: int) -> None:
        super().__init__(slicing.seconds, reach_seconds, _SLICE_COLUMNS)
        self._slicing = slicing

    def add(self, bucket: int, columns: tuple[int, ...]) -> None:
        super().add(bucket, columns)
        slot = bucket // self._width
        if slot > self._head - self._slots:
            self._judge(np.array([slot % self._slots]))

    def load(self, rows: NDArray[np.int64]) -> None:
        super().load(rows)
        slots = np.unique(rows[:, 0] // self._width)
        self._judge(slots[slots > self._head - self._slots] % self._slots)

    def _judge(self, at: NDArray[np.int64]) -> None:
        """Give each of these slots the verdict that its counts now deserve."""
        good, bad, unknown, seen, smeared_good, smeared_bad = (
            self._values(index, at)
            for index in (_GOOD, _BAD, _UNKNOWN, _SEEN, _SMEARED_GOOD, _SMEARED_BAD)
        )
        costs = list(map(self._slicing.judge, good, bad, unknown, seen))
        smeared = [a + b > 0 for a, b in zip(smeared_good, smeared_bad, strict=True)]
        both = list(zip(costs, smeared, strict=True))
        self._put(_OBSERVED, at, [int(cost is not None) for cost in costs])
        self._put(_COST, at, [cost or 0 for cost in costs])
        self._put(_SMEARED_OBSERVED, at, [int(cost is not None and far) for cost, far in both])
        self._put(_SMEARED_COST, at, [(cost or 0) * far for cost, far in both])

    def _values(self, index: int, at: NDArray[np.int64]) -> list[int]:
        column = self._columns[index]
        return [0] * len(at) if column is None else list(map(int, column[at].tolist()))

    def _put(self, index: int, at: NDArray[np.int64], values: list[int]) -> None:
        column = self._columns[index]
        most = max(values, default=0)
        if column is None:
            if not most:
                return
            column = np.zeros(self._slots, dtype=np.uint8)
        if most > np.iinfo(column.dtype).max:
            column = column.astype(np.min_scalar_type(most))
        column[at] = values
        self._columns[index] = column
