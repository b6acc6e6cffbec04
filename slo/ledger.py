"""Counts per bucket of one SLI, and exact sums over any window that ends now."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from slo.counts import Counts, WindowCounts
from slo.running import RunningCauses, RunningSums

MINUTE = 60
FIVE_MINUTES = 300
_SIX_HOURS = 6 * 3600
_THREE_DAYS = 3 * 86_400
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# The columns of a slot, in the order of BucketDelta's fields after `bucket`.
_GOOD, _BAD, _UNKNOWN, _SEEN, _MISSED, _SMEARED_GOOD, _SMEARED_BAD = range(7)
_COLUMNS = 7
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

    def __init__(self, bucket_seconds: int, reach: timedelta) -> None:
        """`reach` is the longest window that will be asked for."""
        seconds = int(reach.total_seconds())
        self.bucket_seconds = bucket_seconds
        self.lifetime = Counts()
        self.last_observation: datetime | None = None
        self.watched_since: datetime | None = None
        self._rings = {
            bucket_seconds: _Ring(bucket_seconds, min(seconds, _SIX_HOURS)),
            MINUTE: _Ring(MINUTE, min(seconds, _THREE_DAYS)),
            FIVE_MINUTES: _Ring(FIVE_MINUTES, seconds),
        }
        self._causes: dict[int, dict[str, int]] = {}  # five-minute number -> cause -> bad events
        self._running_causes = RunningCauses(self._causes)
        self._reach = seconds

    def book(self, at: datetime, delta: BucketDelta) -> None:
        """Add to the bucket `delta.bucket`; `at` is when the newest of it was due."""
        columns = delta.columns()
        for ring in self._rings.values():
            ring.add(delta.bucket, columns)
        self.lifetime += Counts(delta.good, delta.bad, delta.unknown)
        if self.watched_since is None or at < self.watched_since:
            self.watched_since = at
        if delta.seen and (self.last_observation is None or at > self.last_observation):
            self.last_observation = at

    def book_cause(self, at: datetime, cause: str, bad: int) -> int:
        """Remember what made events bad; gives the five-minute bucket that it went to."""
        number = epoch_micros(at) // 1_000_000 // FIVE_MINUTES
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
        self._rings[width_seconds].load(np.asarray(rows, np.int64).reshape(-1, 1 + _COLUMNS))

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
        seconds = int(length.total_seconds())
        unit = unit_seconds(seconds, self.bucket_seconds)
        low, high = _slots(seconds, unit, now)
        sums = self._rings[unit].running.sums(low, high)
        counts = Counts(sums[_GOOD], sums[_BAD], sums[_UNKNOWN])
        observed = Counts(
            counts.good - sums[_SMEARED_GOOD], counts.bad - sums[_SMEARED_BAD], counts.unknown
        )
        return WindowCounts(counts, observed, sums[_SEEN], sums[_SEEN] + sums[_MISSED])

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


class _Ring:
    """One grain: slot n holds the bucket that starts at n * width; old slots are overwritten.

    Columns are made when first needed and widened when a count outgrows them, so that an SLI
    without unknowns or smears pays for none.
    """

    def __init__(self, width: int, reach_seconds: int) -> None:
        self._width = width
        self._slots = reach_seconds // width + 2
        self.running = RunningSums(self.sums, self._at)
        self._head = -1  # the newest slot number; slots behind it by `_slots` or more are gone
        self._columns: list[NDArray[np.unsignedinteger] | None] = [None] * _COLUMNS

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
