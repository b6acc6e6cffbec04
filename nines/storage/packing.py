"""Pack a stretch of one series' buckets into a few bytes each, exactly."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nines.storage.errors import StorageError
from nines.storage.schema import COUNTED
from slo.strip import Column, Strip, Values

# Rows of (bucket, then COUNTED), one line a bucket.
Rows = NDArray[np.int64]
WIDTH = 1 + len(COUNTED)
NO_ROWS: Rows = np.zeros((0, WIDTH), dtype=np.int64)
NO_ROWS.flags.writeable = False

# What stands beside the base of a column: unsigned, or in the first format the values themselves.
_Rest: TypeAlias = NDArray[Any]

_FORMAT = 2
_FIRST_FORMAT = 1  # still read
_SIZES = (0, 1, 2, 4, 8)
_MOST = {size: 2 ** (8 * size) - 1 for size in _SIZES}
_HEAD = 12 + WIDTH  # how many lines, the first bucket, a code per column


def pack(rows: Rows) -> bytes:
    """One line per bucket, oldest first, as bytes.

    Column by column: the steps between buckets, then each count, less the column's least value, in
    the fewest bytes that hold the rest (none for a column that never changes), high bytes first
    and apart from low ones. What deflates well so stands together.
    """
    first = int(rows[0, 0])
    steps = np.diff(rows[:, 0], prepend=first)
    if len(steps) > 1:
        steps[0] = steps[1]  # the first is known already: a steady pace is one value
    codes, bases, body = bytearray(), bytearray(), bytearray()
    for column in (steps, *rows[:, 1:].T):
        low, high = int(column.min()), int(column.max())
        base_size = 0 if low == 0 else low.bit_length() // 8 + 1
        size = next(size for size in _SIZES if high - low < 1 << 8 * size)
        codes.append(base_size << 4 | size)
        bases += low.to_bytes(base_size, "little", signed=True)
        if size:
            rest = (column - low).astype(f"<u{size}")
            body += rest.view(np.uint8).reshape(-1, size).T.tobytes()
    head = len(rows).to_bytes(4, "little") + first.to_bytes(8, "little", signed=True)
    return bytes([_FORMAT]) + zlib.compress(head + codes + bases + body, level=6)


def unpack(packed: bytes) -> Rows:
    """What `pack` was given."""
    return unpack_all([packed])


def unpack_all(chunks: Iterable[bytes]) -> Rows:
    """What `pack` was given each time, one after the other."""
    return np.concatenate([NO_ROWS, *(_rows(one) for one in map(_opened, chunks))])


def unpack_strips(chunks: Iterable[bytes]) -> tuple[list[Strip], Rows]:
    """What `pack` was given each time: strips of what goes at a steady pace, and all else."""
    strips, rows = [], [NO_ROWS]
    for opened in map(_opened, chunks):
        strip = _strip(opened)
        if strip is not None:
            strips.append(strip)
        else:
            rows.append(_rows(opened))
    return strips, np.concatenate(rows) if len(rows) > 1 else NO_ROWS


@dataclass(frozen=True, slots=True)
class _Chunk:
    """One chunk, opened: how many lines, the first bucket, and the columns that are not 0.

    They are the steps (column 0) and counts: each value is the base, or what is added to it.
    """

    length: int
    first: int
    columns: dict[int, tuple[int, _Rest | None]]


def _opened(chunk: bytes) -> _Chunk:
    if chunk[0] not in (_FORMAT, _FIRST_FORMAT):
        raise StorageError("A stored hour of counts has a form that a newer Nines wrote.")
    body = zlib.decompress(memoryview(chunk)[1:])
    length = int.from_bytes(body[:4], "little")
    read = _columns if chunk[0] == _FORMAT else _columns_of_first_format
    return _Chunk(length, int.from_bytes(body[4:12], "little", signed=True), read(body, length))


def _columns(body: bytes, length: int) -> dict[int, tuple[int, _Rest | None]]:
    codes = body[12:_HEAD]
    base_at = _HEAD
    at = _HEAD + sum([code >> 4 for code in codes])
    found: dict[int, tuple[int, _Rest | None]] = {}
    for index, code in enumerate(codes):
        if not code:
            continue
        size, base_size = code & 15, code >> 4
        base, rest = 0, None
        if base_size:
            base = int.from_bytes(body[base_at : base_at + base_size], "little", signed=True)
            base_at += base_size
        if size == 1:
            rest = np.frombuffer(body, np.uint8, length, at)
        elif size:
            planes = np.frombuffer(body, np.uint8, length * size, at).reshape(size, length)
            rest = np.ascontiguousarray(planes.T).view(f"<u{size}")[:, 0]
        at += length * size
        found[index] = base, rest
    return found


def _columns_of_first_format(body: bytes, length: int) -> dict[int, tuple[int, _Rest | None]]:
    found: dict[int, tuple[int, _Rest | None]] = {}
    at = _HEAD
    for index, size in enumerate(body[12:_HEAD]):
        if size:
            values = np.frombuffer(body, dtype=f"<i{size}", count=length, offset=at)
            found[index] = 0, values.astype(np.int64)
            at += size * length
    return found


def _rows(chunk: _Chunk) -> Rows:
    # A column lies in one piece: most of them are never touched.
    columns = np.zeros((WIDTH, chunk.length), dtype=np.int64)
    for index, (base, rest) in chunk.columns.items():
        if rest is None:
            columns[index] = base
        else:
            np.add(rest, base, out=columns[index], dtype=np.int64)
    columns[0, 0] = chunk.first
    columns[0].cumsum(out=columns[0])
    return columns.T


def _strip(chunk: _Chunk) -> Strip | None:
    """The chunk as a strip, where it goes at a steady pace."""
    step, steps = chunk.columns.get(0, (0, None))
    if chunk.length == 1:
        step = 1
    elif steps is not None or step <= 0:
        return None
    columns: dict[int, Column] = {
        index - 1: base if rest is None else _values(base, rest)
        for index, (base, rest) in chunk.columns.items()
        if index
    }
    return Strip(chunk.first, step, chunk.length, columns)


def _values(base: int, rest: _Rest) -> Values:
    """A column in few bytes."""
    if rest.dtype == np.int64 or base < 0:
        return (rest.astype(np.int64) + base).astype(np.uint64)
    if not base:
        return rest
    highest = base + _MOST[rest.dtype.itemsize]
    return np.add(rest, base, dtype=np.min_scalar_type(min(highest, _MOST[8])))


def add_up(rows: Rows, width: int = 1, anchor: int = 0) -> Rows:
    """One line per stretch of `width` seconds counted from `anchor`, oldest first."""
    if not len(rows):
        return NO_ROWS
    edges = (rows[:, 0] - anchor) // width * width + anchor
    if (edges[1:] < edges[:-1]).any():
        order = np.argsort(edges, kind="stable")
        rows, edges = rows[order], edges[order]
    starts = np.flatnonzero(np.diff(edges, prepend=edges[0] - 1))
    sums = np.add.reduceat(rows, starts, axis=0)
    sums[:, 0] = edges[starts]
    return sums
