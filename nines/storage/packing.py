"""Pack a stretch of one series' buckets into a few bytes each, exactly."""

import zlib

import numpy as np
from numpy.typing import NDArray

from nines.storage.errors import StorageError
from nines.storage.schema import COUNTED

# Rows of (bucket, then COUNTED), one line a bucket.
Rows = NDArray[np.int64]
WIDTH = 1 + len(COUNTED)
NO_ROWS: Rows = np.zeros((0, WIDTH), dtype=np.int64)
NO_ROWS.flags.writeable = False

_FORMAT = 1
_SIZES = (1, 2, 4, 8)


def pack(rows: Rows) -> bytes:
    """One line per bucket, oldest first, as bytes.

    Column by column: the steps between buckets, then each count, in the fewest bytes that hold
    its largest value (none for a column of zeros). Steady traffic then deflates to nearly nothing.
    """
    first = int(rows[0, 0])
    columns = [np.diff(rows[:, 0], prepend=first), *rows[:, 1:].T]
    sizes = bytes(_size(column) for column in columns)
    body = b"".join(
        column.astype(f"<i{size}").tobytes()
        for column, size in zip(columns, sizes, strict=True)
        if size
    )
    head = len(rows).to_bytes(4, "little") + first.to_bytes(8, "little", signed=True)
    return bytes([_FORMAT]) + zlib.compress(head + sizes + body, level=6)


def unpack(packed: bytes) -> Rows:
    """What `pack` was given."""
    if packed[:1] != bytes([_FORMAT]):
        raise StorageError("A stored hour of counts has a form that a newer Nines wrote.")
    body = memoryview(zlib.decompress(packed[1:]))
    length = int.from_bytes(body[:4], "little")
    rows = np.zeros((length, WIDTH), dtype=np.int64)
    sizes, at = body[12 : 12 + WIDTH], 12 + WIDTH
    for index, size in enumerate(sizes):
        if size:
            rows[:, index] = np.frombuffer(body, dtype=f"<i{size}", count=length, offset=at)
            at += size * length
    rows[:, 0] = np.cumsum(rows[:, 0]) + int.from_bytes(body[4:12], "little", signed=True)
    return rows


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


def _size(column: NDArray[np.int64]) -> int:
    low, high = int(column.min()), int(column.max())
    if low == high == 0:
        return 0
    return next(
        size for size in _SIZES if -(1 << (8 * size - 1)) <= low and high < 1 << (8 * size - 1)
    )
