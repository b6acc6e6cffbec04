"""Any stretch of one series' counts, wherever it lies: loose, packed, or kept as an edge."""

from collections.abc import Sequence
from itertools import groupby

import numpy as np
from sqlalchemy import Connection, select, text

from nines.storage.chunks import BUCKET, DETAIL, Grain, as_rows
from nines.storage.packing import NO_ROWS, Rows, add_up, unpack_all
from nines.storage.schema import counts, edge_counts, sums
from slo.exclusion import Overlay, counted, counted_sums
from slo.ledger import FIVE_MINUTES

_BAD = 2  # the column of a row

# The key begins with the bucket, so one series lies scattered. This hops from bucket to bucket
# through the index instead of reading every series between.
_HOP = """
    WITH RECURSIVE filled (bucket) AS (
        SELECT min(bucket) FROM {table} WHERE bucket >= :first
        UNION ALL
        SELECT (SELECT min(bucket) FROM {table} WHERE bucket > filled.bucket)
        FROM filled WHERE filled.bucket < :end
    )
    SELECT {columns} FROM filled CROSS JOIN {table} AS t
    WHERE t.bucket = filled.bucket AND t.series_id = :series_id AND filled.bucket < :end
"""
_HOPS = {
    table.name: text(
        _HOP.format(table=table.name, columns=", ".join(f"t.{name}" for name in BUCKET))
    )
    for table in (counts, sums)
}


def read_stretch(connection: Connection, grain: Grain, number: int, first: int, end: int) -> Rows:
    """The series' buckets in [first, end), packed or not, in no order and with repeats."""
    if first >= end:
        return NO_ROWS
    packed = grain.packed.c
    chunks = select(packed.rows).where(
        packed.series_id == number,
        packed.start >= first // grain.cold * grain.cold,
        packed.start < end,
    )
    hop = _HOPS[grain.rows.name]
    loose = connection.execute(hop, {"first": first, "end": end, "series_id": number})
    cold = unpack_all(connection.execute(chunks.order_by(packed.start)).scalars())
    rows = np.concatenate([cold, as_rows(loose.all(), len(BUCKET))])
    return rows[(rows[:, 0] >= first) & (rows[:, 0] < end)]


def read_edges(
    connection: Connection, number: int, stretches: Sequence[int], before: int | None = None
) -> Rows:
    """The base buckets of these five minutes, kept as edges or, up to `before`, in detail."""
    parts = [NO_ROWS]
    in_detail = [one for one in stretches if before is None or one < before]
    for _, day in groupby(in_detail, lambda stretch: stretch // DETAIL.cold):
        cut = list(day)
        rows = read_stretch(connection, DETAIL, number, cut[0], cut[-1] + FIVE_MINUTES)
        parts.append(of_stretches(rows, cut))
    if stretches:
        kept = edge_counts.c
        query = select(*(kept[name] for name in BUCKET)).where(
            kept.series_id == number,
            kept.bucket.between(stretches[0], stretches[-1] + FIVE_MINUTES - 1),
        )
        rows = as_rows(connection.execute(query).all(), len(BUCKET))
        parts.append(of_stretches(rows, stretches))
    return np.concatenate(parts)


def of_stretches(rows: Rows, stretches: Sequence[int]) -> Rows:
    """Of these rows, those in one of these five minutes."""
    return rows[np.isin(rows[:, 0] // FIVE_MINUTES * FIVE_MINUTES, stretches)]


def read_counted(
    connection: Connection, grain: Grain, number: int, first: int, end: int, overlay: Overlay
) -> Rows:
    """As `read_stretch`, without what is excluded; five-minute lines may correct with negatives."""
    rows = read_stretch(connection, grain, number, first, end)
    if not overlay:
        return rows
    if grain is DETAIL:
        return counted(rows, overlay)
    low, high = first // FIVE_MINUTES * FIVE_MINUTES, -(-end // FIVE_MINUTES) * FIVE_MINUTES
    return counted_sums(rows, read_edges(connection, number, overlay.cut(low, high)), overlay)


def bad_by_stretch(sums: Rows) -> dict[int, int]:
    """Bad events by five minutes."""
    return dict(add_up(sums, FIVE_MINUTES)[:, [0, _BAD]].tolist())
