"""Counts at rest: rows packed into chunks, and chunks joined so that a start reads few."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from sqlalchemy import Connection, Table, delete, exists, func, insert, select

from nines.storage.packing import NO_ROWS, Rows, add_up, pack, unpack, unpack_all
from nines.storage.schema import COUNTED, counts, packed_counts, packed_sums, sums
from nines.storage.upsert import upsert

# The columns of a bucket as they are read: its start, then its counts.
BUCKET = ("bucket", *COUNTED)
_JOINED_AT_ONCE = 25  # chunks a transaction, 3 ms each


@dataclass(frozen=True, slots=True)
class Grain:
    """One resolution: rows still written to, and the chunks they are packed into.

    Rows come to rest in steps of `rest` seconds and are packed `span` seconds a chunk. Each time
    that `join` seconds more have come to rest, their chunks are joined to those before them, up to
    `cold` seconds a chunk, so that a start reads few. A chunk is known by the start of a span that
    it holds, and holds nothing from before that or from the next `cold` seconds.
    """

    rows: Table
    packed: Table
    rest: int
    span: int
    join: int
    cold: int


DAY = 86_400
DETAIL = Grain(counts, packed_counts, rest=600, span=3600, join=4 * 3600, cold=DAY)
SUMS = Grain(sums, packed_sums, rest=3600, span=DAY, join=DAY, cold=10 * DAY)


def pack_rows(connection: Connection, grain: Grain, now: int, limit: int) -> int:
    """Pack about `limit` of the oldest rows that have come to rest by `now`; gives how many."""
    bucket = grain.rows.c.bucket
    oldest = connection.execute(select(func.min(bucket))).scalar()
    # The stretch before the running one stays loose too: most late bookings still go there.
    rest = now // grain.rest * grain.rest - grain.rest
    if oldest is None or oldest >= rest:
        return 0
    start = oldest // grain.span * grain.span
    within = bucket.between(oldest, min(start + grain.span, rest) - 1)
    nth = select(bucket).where(within).order_by(bucket).offset(limit).limit(1)
    edge = connection.execute(nth).scalar()
    if edge is not None:
        within = bucket.between(oldest, edge)
    columns = [grain.rows.c[name] for name in ("series_id", *BUCKET)]
    # What is deleted is what was read: another process may have added to it a moment ago.
    loose = connection.execute(delete(grain.rows).where(within).returning(*columns)).all()
    old = select(grain.packed.c.series_id, grain.packed.c.rows).where(grain.packed.c.start == start)
    chunks = {number: unpack(chunk) for number, chunk in connection.execute(old)}
    upsert(
        connection,
        grain.packed,
        [
            {
                "series_id": number,
                "start": start,
                "rows": pack(add_up(np.concatenate([chunks.get(number, NO_ROWS), rows]))),
            }
            for number, rows in by_series(as_rows(loose, len(columns)))
        ],
        key=("series_id", "start"),
        change=("rows",),
    )
    return len(loose)


def join_chunks(connection: Connection, grain: Grain, now: int) -> int:
    """Join chunks at rest that lie in one stretch of `cold` seconds; gives how many they were."""
    packed, other = grain.packed.c, grain.packed.alias().c
    edge = (now - 2 * grain.rest) // grain.join * grain.join
    stretch = packed.start - packed.start % grain.cold
    beside = exists().where(
        other.series_id == packed.series_id,
        other.start.between(stretch, stretch + grain.cold - 1),
        other.start < edge,
        other.start != packed.start,
    )
    # The newest first: all but these have been joined, which takes long to find out.
    apart = (
        select(packed.series_id, stretch)
        .where(packed.start < edge, packed.start % grain.cold != 0, beside)
        .order_by(packed.start.desc())
        .limit(_JOINED_AT_ONCE)
    )
    joined, rows = 0, []
    for number, start in dict.fromkeys((n, at) for n, at in connection.execute(apart)):
        end = min(start + grain.cold, edge)
        within = delete(grain.packed).where(
            packed.series_id == number, packed.start.between(start, end - 1)
        )
        found = connection.execute(within.returning(packed.start, packed.rows)).all()
        joined += len(found)
        whole = pack(add_up(unpack_all(chunk for _, chunk in found)))
        first = min(first for first, _ in found)
        rows.append({"series_id": number, "start": first, "rows": whole})
    if rows:
        connection.execute(insert(grain.packed), rows)
    return joined


def trim_chunks(connection: Connection, grain: Grain, oldest: int, limit: int) -> int:
    """Forget what chunks hold from before `oldest`, the start of a span; gives how many they were.

    They are those of `limit` series at most.
    """
    packed = grain.packed.c
    old = select(packed.series_id).where(packed.start < oldest).distinct().limit(limit)
    trimmed, rows = 0, []
    for number in connection.execute(old).scalars().all():
        reaching = delete(grain.packed).where(packed.series_id == number, packed.start <= oldest)
        chunks = connection.execute(reaching.returning(packed.rows)).scalars().all()
        trimmed += len(chunks)
        left = add_up(unpack_all(chunks))
        left = left[left[:, 0] >= oldest]
        if len(left):
            rows.append({"series_id": number, "start": oldest, "rows": pack(left)})
    if rows:
        connection.execute(insert(grain.packed), rows)
    return trimmed


def by_series(rows: Rows) -> Iterator[tuple[int, Rows]]:
    """Split rows of (series, bucket, counts...) by series."""
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    edges = np.flatnonzero(np.diff(rows[:, 0])) + 1
    for part in np.split(rows, edges):
        yield int(part[0, 0]), part[:, 1:]


def as_rows(rows: Sequence[Iterable[int]], width: int) -> Rows:
    """What a driver fetched, `width` whole numbers a row, as an array."""
    flat = np.fromiter(chain.from_iterable(rows), dtype=np.int64, count=len(rows) * width)
    return flat.reshape(len(rows), width)
