"""Counts at rest: rows packed into chunks, and chunks joined so that a start reads few."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from sqlalchemy import Connection, Table, delete, func, insert, select

from nines.storage.packing import NO_ROWS, Rows, add_up, pack, unpack, unpack_all
from nines.storage.schema import COUNTED, counts, packed_counts, packed_sums, sums
from nines.storage.upsert import upsert

# The columns of a bucket as they are read: its start, then its counts.
BUCKET = ("bucket", *COUNTED)
_JOINED_AT_ONCE = 50  # cold chunks a transaction


@dataclass(frozen=True, slots=True)
class Grain:
    """One resolution: rows still written to, and the chunks they are packed into.

    Rows come to rest in steps of `rest` seconds and are packed `span` seconds a chunk; chunks that
    have long been at rest are joined, `cold` seconds a chunk, so that a start reads few.
    """

    rows: Table
    packed: Table
    rest: int
    span: int
    cold: int


DETAIL = Grain(counts, packed_counts, rest=600, span=3600, cold=86_400)
SUMS = Grain(sums, packed_sums, rest=3 * 3600, span=86_400, cold=86_400)


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
    """Join the chunks of cold stretches into one each; gives how many chunks that were."""
    packed = grain.packed.c
    edge = (now - 2 * grain.span) // grain.cold * grain.cold
    stretch = packed.start - packed.start % grain.cold
    apart = (
        select(packed.series_id, stretch)
        .where(packed.start < edge, packed.start % grain.cold != 0)
        .distinct()
        .limit(_JOINED_AT_ONCE)
    )
    joined, rows = 0, []
    for number, start in connection.execute(apart).all():
        within = delete(grain.packed).where(
            packed.series_id == number, packed.start.between(start, start + grain.cold - 1)
        )
        chunks = connection.execute(within.returning(packed.rows)).scalars().all()
        joined += len(chunks)
        whole = pack(add_up(unpack_all(chunks)))
        rows.append({"series_id": number, "start": start, "rows": whole})
    if rows:
        connection.execute(insert(grain.packed), rows)
    return joined


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
