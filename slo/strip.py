"""Counts of buckets that follow one another at a steady pace, column by column."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from slo.grain import COLUMNS, WRAP

# Unsigned, in as few bytes as it needs; what is taken back wraps at 64 bits. Or one value for all.
Values: TypeAlias = NDArray[np.unsignedinteger]
Column: TypeAlias = Values | int

# What the sums of up to 256 values of so many bytes surely fit into.
_MOST_ADDED = 256
_WIDER = {1: np.uint16, 2: np.uint32, 4: np.uint64, 8: np.uint64}


@dataclass(frozen=True, slots=True)
class Strip:
    """`length` buckets, the first one at `first`, each `step` seconds after the one before.

    `columns` are those of a slot that are not 0 throughout, by their index.
    """

    first: int
    step: int
    length: int
    columns: Mapping[int, Column]

    @property
    def last(self) -> int:
        """The start of the last bucket of a strip that has any."""
        return self.first + (self.length - 1) * self.step

    def since(self, start: int) -> "Strip":
        """Without the buckets before `start`."""
        gone = min(max(-((self.first - start) // self.step), 0), self.length)
        return self._part(gone, self.length) if gone else self

    def before(self, end: int) -> "Strip":
        """Without the buckets from `end` on."""
        left = min(max(-((self.first - end) // self.step), 0), self.length)
        return self._part(0, left) if left < self.length else self

    def _part(self, low: int, high: int) -> "Strip":
        columns: dict[int, Column] = {
            index: column if isinstance(column, int) else column[low:high]
            for index, column in self.columns.items()
        }
        return Strip(self.first + low * self.step, self.step, high - low, columns)

    def added_up(self, width: int) -> "Strip":
        """One bucket for every `width` seconds, which is a multiple of the step."""
        low, high = self.first // width, self.last // width
        if width == self.step:
            return Strip(low * width, width, self.length, self.columns)
        length, each = high - low + 1, width // self.step
        lead = (self.first - low * width) // self.step
        columns: dict[int, Column] = {
            index: _sums_of_one(column, lead, self.length, length, each)
            if isinstance(column, int)
            else _sums(column, lead, length, each)
            for index, column in self.columns.items()
        }
        return Strip(low * width, width, length, columns)

    def rows(self) -> NDArray[np.int64]:
        """A row of (bucket, counts...) for each bucket."""
        columns = np.zeros((1 + COLUMNS, self.length), np.int64)
        columns[0] = np.arange(self.length)
        columns[0] *= self.step
        columns[0] += self.first
        for index, column in self.columns.items():
            columns[1 + index] = column
        return columns.T


def joined(strips: Sequence[Strip]) -> list[Strip]:
    """The same, newest first, with those in one that follow one another at one pace."""
    groups: list[list[Strip]] = []
    for strip in sorted(strips, key=lambda one: one.first):
        before = groups[-1][-1] if groups else None
        if before and before.step == strip.step and before.last + strip.step == strip.first:
            groups[-1].append(strip)
        else:
            groups.append([strip])
    return [_join(group) for group in reversed(groups)]


def spread(value: int, length: int) -> Values:
    """One value for all, as values."""
    return np.full(length, value & WRAP, np.min_scalar_type(value & WRAP))


def strips_of(rows: NDArray[np.int64]) -> dict[int, "Strip | NDArray[np.int64]"]:
    """What rows of (number, bucket, counts...) say of each number, no bucket of it twice: a strip,
    or where it keeps no steady pace rows of (bucket, counts...).
    """
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    numbers, buckets, counts = rows[:, 0], rows[:, 1], rows[:, 2:]
    starts = np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 1))
    ends = np.append(starts[1:], len(rows))
    steps = np.diff(buckets, append=buckets[-1])
    steps[ends - 1] = np.where(
        ends - starts > 1, steps[ends - 2], 1
    )  # there is none after the last
    steady = np.minimum.reduceat(steps, starts) == np.maximum.reduceat(steps, starts)
    least, most = (find.reduceat(counts, starts).tolist() for find in (np.minimum, np.maximum))
    columns = [_narrow(column) for column in counts.T]
    found: dict[int, Strip | NDArray[np.int64]] = {}
    for place, (start, end) in enumerate(zip(starts.tolist(), ends.tolist(), strict=True)):
        if steady[place]:
            counted: dict[int, Column] = {
                index: low if low == high else columns[index][start:end]
                for index, (low, high) in enumerate(zip(least[place], most[place], strict=True))
                if low or high
            }
            strip = Strip(int(buckets[start]), int(steps[start]), end - start, counted)
            found[int(numbers[start])] = strip
        else:
            found[int(numbers[start])] = rows[start:end, 1:]
    return found


def _join(group: Sequence[Strip]) -> Strip:
    if len(group) == 1:
        return group[0]
    columns: dict[int, Column] = {}
    for index in {index for strip in group for index in strip.columns}:
        parts = [strip.columns.get(index, 0) for strip in group]
        first = parts[0]
        if isinstance(first, int) and all(isinstance(one, int) and one == first for one in parts):
            columns[index] = first
        else:
            columns[index] = np.concatenate(
                [
                    spread(part, strip.length) if isinstance(part, int) else part
                    for part, strip in zip(parts, group, strict=True)
                ]
            )
    return Strip(group[0].first, group[0].step, sum([strip.length for strip in group]), columns)


def _sums(values: Values, lead: int, length: int, each: int) -> Values:
    """Sums of `each` values, `length` of them; the first lacks `lead`, the last what is not there.

    Lane by lane: adding a few long rows is faster than adding many short ones.
    """
    if lead or len(values) < length * each:
        whole = np.zeros(length * each, values.dtype)
        whole[lead : lead + len(values)] = values
        values = whole
    kind = _WIDER[values.dtype.itemsize] if each <= _MOST_ADDED else np.uint64
    sums: Values = values[::each].astype(kind)
    for lane in range(1, each):
        sums += values[lane::each]
    return sums


def _sums_of_one(value: int, lead: int, values: int, length: int, each: int) -> Column:
    """The same of one value for all."""
    lacks = length * each - lead - values
    if not lead and not lacks:
        return value * each
    sums = spread(value * each, length)
    sums[0] = (value * min(each - lead, values)) & WRAP
    if length > 1:
        sums[-1] = (value * (each - lacks)) & WRAP
    return sums


def _narrow(column: NDArray[np.int64]) -> Values:
    kind = np.min_scalar_type(int(column.max())) if column.min() >= 0 else np.uint64
    return column.astype(kind)
