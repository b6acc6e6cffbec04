"""Pack a stretch of one series' buckets into a few bytes each, exactly."""

import zlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from nines.storage.errors import StorageError
from nines.storage.schema import COUNTED

# Rows of (bucket, then COUNTED), one line a bucket.
Rows = NDArray[np.int64]
WIDTH = 1 + len(COUNTED)
NO_ROWS: Rows = np.zeros((0, WIDTH), dtype=np.int64)
NO_ROWS.flags.writeable = False

_FORMAT = 2
_FIRST_FORMAT = 1  # still read
_SIZES = (0, 1, 2, 4, 8)
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


def unpack_all(chunks: Iterable[bytes], then: Rows = NO_ROWS) -> Rows:
    """What `pack` was given each time, one after the other, and `then` at the end."""
    bodies = [(chunk[0], zlib.decompress(memoryview(chunk)[1:])) for chunk in chunks]
    lengths = [int.from_bytes(body[:4], "little") for _, body in bodies]
    at = sum(lengths)
    # A column lies in one piece: most of them are never touched.
    columns = np.zeros((WIDTH, at + len(then)), dtype=np.int64)
    columns[:, at:] = then.T
    at = 0
    for (form, body), length in zip(bodies, lengths, strict=True):
        if form == _FORMAT:
            _fill(columns, at, body, length)
        elif form == _FIRST_FORMAT:
            _fill_first_format(columns, at, body, length)
        else:
            raise StorageError("A stored hour of counts has a form that a newer Nines wrote.")
        at += length
    return columns.T


def _fill(columns: Rows, to: int, body: bytes, length: int) -> None:
    """Write one chunk's lines into `columns` from `to` on. A start does this for all of them."""
    codes = body[12:_HEAD]
    base_at = _HEAD
    at = _HEAD + sum([code >> 4 for code in codes])
    end = to + length
    for index, code in enumerate(codes):
        if not code:
            continue
        size, base_size = code & 15, code >> 4
        base = 0
        if base_size:
            base = int.from_bytes(body[base_at : base_at + base_size], "little", signed=True)
            base_at += base_size
        if size == 1:
            rest = np.frombuffer(body, np.uint8, length, at)
            np.add(rest, base, out=columns[index, to:end], dtype=np.int64)
        elif size:
            planes = np.frombuffer(body, np.uint8, length * size, at).reshape(size, length)
            rest = np.ascontiguousarray(planes.T).view(f"<u{size}")[:, 0]
            columns[index, to:end] = rest
            columns[index, to:end] += base
        else:
            columns[index, to:end] = base
        at += length * size
    _dates(columns[0, to:end], body)


def _fill_first_format(columns: Rows, to: int, body: bytes, length: int) -> None:
    at = _HEAD
    for index, size in enumerate(body[12:_HEAD]):
        if size:
            values = np.frombuffer(body, dtype=f"<i{size}", count=length, offset=at)
            columns[index, to : to + length] = values
            at += size * length
    _dates(columns[0, to : to + length], body)


def _dates(steps: Rows, body: bytes) -> None:
    """Turn steps between buckets into buckets."""
    steps[0] = int.from_bytes(body[4:12], "little", signed=True)
    steps.cumsum(out=steps)


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
