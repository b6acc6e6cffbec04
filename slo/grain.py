"""Counts at one width of slots, in arrays: a row is a slot of time, a column is an SLI.

What happens to every SLI at once (time goes on, windows slide, a page feeds hundreds) is an
operation on whole rows. Everything is integers, so that sums are the same in whatever order they
were made.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

# The columns of a slot, in the order of BucketDelta's fields after `bucket`.
GOOD, BAD, UNKNOWN, SEEN, MISSED, SMEARED_GOOD, SMEARED_BAD = range(7)
COLUMNS = 7

Places = NDArray[np.intp]
Where = slice | Places
_Column = NDArray[np.unsignedinteger]
_Values = NDArray[np.unsignedinteger]
_Stretch = tuple[int, _Values]  # its first slot, and a value for each

BLOCK = 512  # places of one block: one busy SLI widens no more than these
_TOGETHER = 16  # places whose rows are written at once
_NARROW, _MANY = 2, 2**16  # so many values of so few bytes fit into 32 bits
_FAR = 64  # slots: further than this, adding all up again is cheaper than to slide
_FEW = 0.25  # of all places: to add up more of them one by one is dearer than all at once
_MOST_WINDOWS = 32  # kept for whoever asks; more must be added up for each question
WRAP = 2**64 - 1
_MOST = {
    np.dtype(kind): int(np.iinfo(kind).max) for kind in (np.uint8, np.uint16, np.uint32, np.uint64)
}


class Grain:
    """One resolution: slot n is the bucket that starts at n * width. Old slots are overwritten.

    The array of a count is made when that count is first needed and widened when one outgrows it,
    block by block, so that SLIs without unknowns or smears pay for none. `head` is the newest slot
    booked to; slots behind it by `slots` or more are gone.

    Sums over windows are kept for every place at once. They end with the slot `at` and follow it.
    """

    def __init__(self, width: int, slots: int, columns: int = COLUMNS) -> None:
        self.width = width
        self.slots = slots
        self.head = -1
        self.at: int | None = None
        self._count = columns
        self._arrays: list[list[_Column | None]] = []
        # What is to be added, by column and place: slots that follow one another.
        self._waiting: dict[int, dict[int, list[_Stretch]]] = {}
        self._capacities: list[int] = []
        self._lengths: list[int] = []  # of the windows kept, in slots
        self._shortest = 0
        self._sums = np.zeros((columns, 0, 0), np.uint64)
        self._stale: set[int] = set()  # places whose sums are to be added up anew

    # -- places

    @property
    def capacity(self) -> int:
        """How many places there is room for."""
        return sum(self._capacities)

    @property
    def bytes(self) -> int:
        """How much memory the counts take, sums apart."""
        return sum(
            column.nbytes for block in self._blocks for column in block if column is not None
        )

    def make_room(self, places: int) -> None:
        """Have room for so many places. A block grows to its full size before the next begins."""
        while self.capacity < places:
            if not self._capacities or self._capacities[-1] == BLOCK:
                self._blocks.append([None] * self._count)
                self._capacities.append(0)
            before, wanted = self._capacities[-1], places - self.capacity + self._capacities[-1]
            room = BLOCK if wanted >= BLOCK else max(wanted, min(2 * before, BLOCK))
            block = self._blocks[-1]
            for index, column in enumerate(block):
                if column is not None:
                    wide = np.zeros((self.slots, room), column.dtype)
                    wide[:, :before] = column
                    block[index] = wide
            self._capacities[-1] = room
        sums = np.zeros((self._count, len(self._lengths), self.capacity), np.uint64)
        sums[:, :, : self._sums.shape[2]] = self._sums
        self._sums = sums

    def clear(self, place: int) -> None:
        """Nothing is booked at this place any more."""
        number, at = divmod(place, BLOCK)
        for column in self._blocks[number]:
            if column is not None:
                column[:, at] = 0
        self._sums[:, :, place] = 0
        self._stale.discard(place)

    def copy(self, other: "Grain", theirs: Places, mine: Places) -> None:
        """Take over what `other`, of as many slots, holds at places of its own."""
        head = max(self.head, other.head)
        self._advance(head)
        other._advance(head)  # noqa: SLF001 - one grain reads another
        for number, inside, taken in _by_block(mine):
            for their_number, their_inside, chosen in _by_block(theirs[taken]):
                for index, column in enumerate(other._blocks[their_number]):  # noqa: SLF001
                    if column is not None:
                        into = self._wide_enough(number, index, column.dtype)
                        into[:, inside[chosen]] = column[:, their_inside]
        self._stale.update(mine.tolist())

    # -- bookings

    def add(self, place: int, slot: int, amounts: Sequence[int]) -> bool:
        """Add to one slot; False when it is older than anybody can ask."""
        if slot > self.head:
            self._advance(slot)
        elif slot <= self.head - self.slots:
            return False
        row, (number, inside) = slot % self.slots, divmod(place, BLOCK)
        block = self._blocks[number]
        held = self._holding(slot)
        for index, amount in enumerate(amounts):
            if not amount:
                continue
            column = block[index]
            value = amount if column is None else int(column[row, inside]) + amount
            if column is None or value > _MOST[column.dtype]:
                column = self._wide_enough(number, index, np.min_scalar_type(value))
            column[row, inside] = value
            for windows in held:
                self._sums[index, windows, place : place + 1] += np.uint64(amount & WRAP)
        return True

    def add_many(self, places: Where, slot: int, amounts: NDArray[np.int64]) -> None:
        """Add to one slot of many places, each named once: one row of amounts for each."""
        if slot > self.head:
            self._advance(slot)
        elif slot <= self.head - self.slots:
            return
        row = slot % self.slots
        held = self._holding(slot)
        parts = _parts_of(places)
        for index in np.flatnonzero(amounts.any(axis=0)).tolist():
            mine = amounts[:, index]
            for number, inside, taken in parts:
                column = self._blocks[number][index]
                values = mine[taken]
                if column is not None:
                    values = column[row, inside].astype(np.int64) + values
                kind = np.min_scalar_type(int(values.max()))
                if column is None or kind.itemsize > column.dtype.itemsize:
                    column = self._wide_enough(number, index, kind)
                column[row, inside] = values
            for windows in held:
                of_column = self._sums[index]
                of_column[windows, places] += mine.astype(np.uint64)

    def add_rows(
        self, place: int, slots: NDArray[np.int64], amounts: Sequence[NDArray[np.int64] | None]
    ) -> None:
        """Add to many slots of one place: they rise, and a column has an amount for each, or none
        at all.
        """
        if not len(slots):
            return
        self._advance(int(slots[-1]))
        first = int(np.searchsorted(slots, self.head - self.slots + 1))
        slots = slots[first:]
        if not len(slots):
            return
        low, high = int(slots[0]), int(slots[-1])
        for index, column_amounts in enumerate(amounts):
            if column_amounts is None:
                continue
            values = column_amounts[first:].astype(np.uint64)
            if len(values) <= high - low:  # some slots between have no row
                dense = np.zeros(high - low + 1, np.uint64)
                dense[slots - low] = values
                values = dense
            self._wait(place, index, low, values)

    def add_columns(
        self, place: int, low: int, length: int, columns: Mapping[int, _Values]
    ) -> None:
        """Add to so many slots of one place, from `low` on: a value for each, column by column."""
        self._advance(low + length - 1)
        for index, values in columns.items():
            self._wait(place, index, low, values)

    def _wait(self, place: int, index: int, low: int, values: _Values) -> None:
        by_place = self._waiting.setdefault(index, {})
        if place not in by_place and len(by_place) == _TOGETHER:
            self._write()
            by_place = self._waiting.setdefault(index, {})
        by_place.setdefault(place, []).append((low, values))
        self._stale.add(place)

    @property
    def _blocks(self) -> list[list[_Column | None]]:
        """The arrays, with all that was added to them."""
        if self._waiting:
            self._write()
        return self._arrays

    def _write(self) -> None:
        """Write rows of many places together: side by side, they share the memory they touch."""
        waiting, self._waiting = self._waiting, {}
        for index, by_place in waiting.items():
            by_block: dict[int, dict[int, list[_Stretch]]] = {}
            for place, stretches in by_place.items():
                number, inside = divmod(place, BLOCK)
                by_block.setdefault(number, {})[inside] = stretches
            for number, of_block in by_block.items():
                self._write_block(number, index, of_block)

    def _write_block(self, number: int, index: int, rows: dict[int, list[_Stretch]]) -> None:
        oldest = self.head - self.slots + 1  # some may be, since they came
        stretches = [one for parts in rows.values() for one in parts]
        low = max(min(first for first, _ in stretches), oldest)
        high = max(first + len(values) - 1 for first, values in stretches)
        inside = np.array(list(rows), np.intp)
        added = np.zeros((len(rows), max(high - low + 1, 0)), _kind_of_sums(rows.values()))
        for line, parts in zip(added, rows.values(), strict=True):
            for first, values in parts:
                start = max(first, low)
                line[start - low : max(first + len(values) - low, 0)] += values[start - first :]
        where = dense(inside)
        column = self._arrays[number][index]
        at = 0
        for part in self._parts(low, high):
            total = added[:, at : at + part.stop - part.start]
            at += part.stop - part.start
            if column is not None:
                total = np.add(column[part, where].T, total, dtype=np.uint64)
            most = int(total.max())
            if most or column is not None:
                column = self._wide_enough(number, index, np.min_scalar_type(most))
                column[part, where] = total.T

    def put(self, place: int, index: int, slots: NDArray[np.int64], values: Sequence[int]) -> None:
        """Set one column's values in slots that are kept."""
        number, inside = divmod(place, BLOCK)
        column, most = self._blocks[number][index], max(values, default=0)
        if column is None and not most:
            return
        column = self._wide_enough(number, index, np.min_scalar_type(most))
        column[slots % self.slots, inside] = values
        self._stale.add(place)

    def get(self, place: int, index: int, slots: NDArray[np.int64]) -> NDArray[np.int64]:
        """One column's values in slots that are kept."""
        number, inside = divmod(place, BLOCK)
        column = self._blocks[number][index]
        if column is None:
            return np.zeros(len(slots), np.int64)
        values: NDArray[np.int64] = column[slots % self.slots, inside].astype(np.int64)
        return values

    def keeps(self, slots: NDArray[np.int64]) -> NDArray[np.int64]:
        """Those of the slots that were not overwritten."""
        return np.extract(slots > self.head - self.slots, slots)

    # -- sums

    def sums(self, place: int, low: int, high: int) -> tuple[int, ...]:
        """What slots low..high hold together, added up now."""
        parts, (number, inside) = self._parts(low, high), divmod(place, BLOCK)
        return tuple(
            0
            if column is None
            else sum(int(column[part, inside].sum(dtype=np.uint64)) for part in parts)
            for column in self._blocks[number]
        )

    def _row(self, place: int, slot: int) -> list[int]:
        """What one slot holds, by column."""
        if not self._is_kept(slot):
            return [0] * self._count
        row, (number, inside) = slot % self.slots, divmod(place, BLOCK)
        return [
            0 if column is None else int(column[row, inside]) for column in self._blocks[number]
        ]

    def column(self, place: int, index: int, low: int, high: int) -> NDArray[np.int64]:
        """One column from slot `low` to `high`; slots that were never booked are 0."""
        values = np.zeros(high - low + 1, np.int64)
        number, inside = divmod(place, BLOCK)
        column = self._blocks[number][index]
        if column is not None:
            at = max(low, self.head - self.slots + 1) - low
            for part in self._parts(low, high):
                length = part.stop - part.start
                values[at : at + length] = column[part, inside]
                at += length
        return values

    def window(self, place: int, slots: int, low: int, high: int) -> tuple[int, ...]:
        """The sums of low..high, a window of so many slots, or of one more on an exact edge."""
        index = self.keep(slots)
        if index is None or not self.move(high):
            return self.sums(place, low, high)
        kept = self._sums[:, index, place].tolist()
        if low == high - slots:
            return tuple(map(sum, zip(kept, self._row(place, low), strict=True)))
        return tuple(kept)

    def windows(self, high: int, *, on_edge: bool) -> NDArray[np.uint64]:
        """The sums of every window kept, by column, window (as of `keep`) and place.

        On an exact edge a window begins one slot earlier. Read only, and until the next booking.
        """
        self.move(high, back=True)
        if not on_edge:
            return self._sums
        with_edge = self._sums.copy()
        for index, length in enumerate(self._lengths):
            self._add_row(with_edge[:, index], high - length)
        return with_edge

    def keep(self, slots: int, *, always: bool = False) -> int | None:
        """Keep the sums over so many slots; their index, or None when too many are kept."""
        try:
            return self._lengths.index(slots)
        except ValueError:
            pass
        if len(self._lengths) >= _MOST_WINDOWS and not always:
            return None
        self._lengths.append(slots)
        self._shortest = min(self._lengths)
        sums = np.zeros((self._count, len(self._lengths), self.capacity), np.uint64)
        sums[:, :-1] = self._sums
        self._sums = sums
        if self.at is not None:
            self._add_up(len(self._lengths) - 1, self.at - slots + 1, self.at)
        return len(self._lengths) - 1

    def keep_only(self, lengths: Sequence[int]) -> None:
        """Keep the sums over so many slots each, and no others; indices are in their order."""
        have = {length: index for index, length in enumerate(self._lengths)}
        sums = np.zeros((self._count, len(lengths), self.capacity), np.uint64)
        for index, length in enumerate(lengths):
            if length in have:
                sums[:, index] = self._sums[:, have[length]]
        self._sums, self._lengths = sums, list(lengths)
        self._shortest = min(lengths, default=0)
        for index, length in enumerate(lengths):
            if self.at is not None and length not in have:
                self._add_up(index, self.at - length + 1, self.at)

    def has(self, index: int) -> bool:
        """Whether anything was ever booked to a column."""
        return any(block[index] is not None for block in self._blocks)

    def move(self, high: int, *, back: bool = False) -> bool:
        """Let the sums end with slot `high`. They go `back` only when told to."""
        if self.at == high and not self._stale:
            return True
        if self.at is not None and high < self.at and not back:
            return False
        if self.at is None or not 0 <= high - self.at <= _FAR:
            self._add_up_all(high)
            return True
        if len(self._stale) > _FEW * self.capacity:
            self._add_up_all(high)
            return True
        for place in self._stale:
            self._add_up_one(place)
        self._stale.clear()
        while self.at < high:
            self._slide()
        return True

    def _slide(self) -> None:
        assert self.at is not None  # noqa: S101 - the caller's `move`
        self.at += 1
        come = self.at
        gone = [(w, come - n) for w, n in enumerate(self._lengths) if self._is_kept(come - n)]
        windows, rows = [w for w, _ in gone], [slot % self.slots for _, slot in gone]
        every = len(windows) == len(self._lengths)
        for number, block in enumerate(self._blocks):
            start = number * BLOCK
            end = start + self._capacities[number]
            for index, column in enumerate(block):
                if column is None:
                    continue
                sums = self._sums[index, :, start:end]
                if self._is_kept(come):
                    sums += column[come % self.slots]
                if every:
                    sums -= column[rows]
                elif windows:
                    sums[windows] -= column[rows]

    def _add_up_all(self, high: int) -> None:
        self.at = high
        self._stale.clear()
        self._sums[:] = 0
        longer = sorted(range(len(self._lengths)), key=self._lengths.__getitem__)
        before, first = None, high + 1
        for window in longer:
            # A longer window holds what a shorter one does.
            if before is not None:
                self._sums[:, window] = self._sums[:, before]
            low = high - self._lengths[window] + 1
            self._add_up(window, low, first - 1)
            before, first = window, low

    def _add_up(self, window: int, low: int, high: int) -> None:
        parts = self._parts(low, high)
        for number, block in enumerate(self._blocks):
            start = number * BLOCK
            end = start + self._capacities[number]
            for index, column in enumerate(block):
                if column is not None:
                    for part in parts:
                        self._sums[index, window, start:end] += column[part].sum(
                            axis=0, dtype=np.uint64
                        )

    def _add_up_one(self, place: int) -> None:
        assert self.at is not None  # noqa: S101 - the caller's `move`
        for window, length in enumerate(self._lengths):
            self._sums[:, window, place] = self.sums(place, self.at - length + 1, self.at)

    def _add_row(self, sums: NDArray[np.uint64], slot: int) -> None:
        """Add what one slot holds, by column and place."""
        if not self._is_kept(slot):
            return
        for number, block in enumerate(self._blocks):
            start = number * BLOCK
            for index, column in enumerate(block):
                if column is not None:
                    sums[index, start : start + column.shape[1]] += column[slot % self.slots]

    # -- arrays

    def _holding(self, slot: int) -> Sequence[slice | int]:
        """The windows kept that hold a slot: all of them at once, or one by one."""
        if self.at is None or slot > self.at or not self._lengths:
            return ()
        if slot > self.at - self._shortest:
            return (slice(None),)
        return [w for w, length in enumerate(self._lengths) if slot > self.at - length]

    def _is_kept(self, slot: int) -> bool:
        return self.head - self.slots < slot <= self.head

    def _wide_enough(self, number: int, index: int, kind: np.dtype[np.generic]) -> _Column:
        """A block's array for one column that can hold values of such a kind."""
        column = self._arrays[number][index]
        if kind not in _MOST:
            raise OverflowError("more events in one slot than 64 bits can count")
        if column is None:
            column = np.zeros((self.slots, self._capacities[number]), kind)
        elif kind.itemsize > column.dtype.itemsize:
            column = column.astype(kind)
        self._arrays[number][index] = column
        return column

    def _parts(self, low: int, high: int) -> list[slice]:
        """The stretches of the arrays that hold slots low..high, oldest first."""
        low = max(low, self.head - self.slots + 1)
        high = min(high, self.head)
        if low > high or self.head < 0:
            return []
        start, stop = low % self.slots, high % self.slots + 1
        if start < stop:
            return [slice(start, stop)]
        return [slice(start, self.slots), slice(0, stop)]

    def _advance(self, slot: int) -> None:
        if slot <= self.head:
            return
        if self.head >= 0:
            fresh = min(slot - self.head, self.slots)
            start, stop = (slot - fresh + 1) % self.slots, slot % self.slots + 1
            wraps = start >= stop
            parts = [slice(start, self.slots), slice(0, stop)] if wraps else [slice(start, stop)]
            for block in self._blocks:
                for column in block:
                    if column is not None:
                        for part in parts:
                            column[part] = 0
        self.head = slot
        if self.at is not None and any(
            self.at - length <= slot - self.slots for length in self._lengths
        ):
            self.at = None  # they hold what is no longer kept: to be added up anew


def _kind_of_sums(rows: Collection[Sequence[_Stretch]]) -> np.dtype[np.unsignedinteger]:
    """What the stretches of each place surely fit into, added up; beyond 64 bits they wrap."""
    size = max(values.dtype.itemsize for parts in rows for _, values in parts)
    parts = max(map(len, rows))
    if parts > 1:
        size = 4 if size <= _NARROW and parts < _MANY else 8
    return np.dtype(f"u{size}")


def dense(positions: Places) -> Where:
    """The same as a slice where they follow one another: a view, and no copy."""
    if len(positions) and (np.diff(positions) == 1).all():
        return slice(int(positions[0]), int(positions[-1]) + 1)
    return positions


def _parts_of(places: Where) -> Iterable[tuple[int, Where, Where]]:
    """Each block that has some of the places: its number, where in it, and which of them."""
    if not isinstance(places, slice):
        return _by_block(places)
    return [
        (
            number,
            slice(max(places.start - number * BLOCK, 0), min(places.stop - number * BLOCK, BLOCK)),
            slice(max(number * BLOCK - places.start, 0), (number + 1) * BLOCK - places.start),
        )
        for number in range(places.start // BLOCK, -(-places.stop // BLOCK))
    ]


def _by_block(places: Places) -> Iterable[tuple[int, Places, NDArray[np.intp]]]:
    """As `_parts_of`, of places in any order."""
    numbers, inside = np.divmod(places, BLOCK)
    if len(numbers) and numbers[0] == numbers[-1] and (numbers == numbers[0]).all():
        return [(int(numbers[0]), inside, np.arange(len(places)))]
    found = []
    for number in np.unique(numbers).tolist():
        taken = np.flatnonzero(numbers == number)
        found.append((number, inside[taken], taken))
    return found
