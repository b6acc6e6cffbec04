"""What retention lets go, and what exclusions still need of it."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Column, ColumnElement, Connection, delete, func, select, tuple_

from nines.storage.batches import add_amounts
from nines.storage.chunks import BUCKET, DETAIL, SUMS, as_rows, by_series, trim_chunks
from nines.storage.packing import Rows, add_up, unpack
from nines.storage.schema import (
    causes,
    collectors,
    counts,
    edge_counts,
    flushes,
    packed_counts,
    packed_sums,
    series,
)
from nines.storage.stretches import of_stretches
from slo.exclusion import NOTHING, Overlay
from slo.ledger import FIVE_MINUTES, epoch_micros

_KEPT_BATCH_IDS = 1_000
_TRIMMED_AT_ONCE = 50  # series a transaction, 2 ms each


def forget(
    connection: Connection,
    now: datetime,
    detail: timedelta,
    sums: timedelta,
    limit: int,
    overlays: Mapping[int, Overlay],
) -> int:
    """As `CountStore.prune`, within a transaction."""
    oldest_detail = epoch_micros(now - detail) // 1_000_000
    oldest_sum = epoch_micros(now - sums) // (FIVE_MINUTES * 1_000_000) * FIVE_MINUTES
    unused_since = now - max(detail, sums)
    newest = select(func.max(flushes.c.number)).scalar_subquery()
    old = _oldest(connection, counts.c.bucket, oldest_detail, limit)
    _keep_loose_edges(connection, old, overlays)
    removed = connection.execute(delete(counts).where(old)).rowcount
    # A day of detail goes when the last of its buckets may, and so do days of sums.
    old = _oldest(connection, packed_counts.c.start, _floor(oldest_detail, DETAIL.cold), limit)
    _keep_packed_edges(connection, old, overlays)
    removed += connection.execute(delete(packed_counts).where(old)).rowcount
    removed += _forget_old(connection, edge_counts.c.bucket, oldest_sum, limit)
    removed += _forget_old(connection, SUMS.rows.c.bucket, oldest_sum, limit)
    removed += _forget_old(connection, packed_sums.c.start, _floor(oldest_sum, SUMS.cold), limit)
    removed += trim_chunks(connection, SUMS, _floor(oldest_sum, SUMS.span), _TRIMMED_AT_ONCE)
    for statement in (
        delete(causes).where(_old_causes(oldest_sum, limit)),
        delete(collectors).where(collectors.c.last_due < now - sums),
        delete(flushes).where(flushes.c.number <= newest - _KEPT_BATCH_IDS),
        delete(series).where(series.c.used_at < unused_since),
    ):
        removed += connection.execute(statement).rowcount
    return removed


def _floor(second: int, step: int) -> int:
    return second // step * step


def _forget_old(connection: Connection, at: Column[int], oldest: int, limit: int) -> int:
    """Delete the rows before `oldest`; with more than `limit` of them, only the first."""
    old = _oldest(connection, at, oldest, limit)
    return connection.execute(delete(at.table).where(old)).rowcount


def _oldest(
    connection: Connection, at: Column[int], oldest: int, limit: int
) -> ColumnElement[bool]:
    """The rows before `oldest`; of more than `limit` of them, the first."""
    nth = select(at).where(at < oldest).order_by(at).offset(limit).limit(1)
    edge = connection.execute(nth).scalar()
    return at < oldest if edge is None else at <= edge


def _keep_loose_edges(
    connection: Connection, old: ColumnElement[bool], overlays: Mapping[int, Overlay]
) -> None:
    """Before these rows of `counts` go, put by what the overlays will still need of them."""
    if not overlays:
        return
    columns = [counts.c[name] for name in ("series_id", *BUCKET)]
    rows = as_rows(connection.execute(select(*columns).where(old)).all(), len(columns))
    if len(rows):
        for number, of_series in by_series(rows):
            _keep_edges(connection, number, of_series, overlays.get(number, NOTHING))


def _keep_packed_edges(
    connection: Connection, old: ColumnElement[bool], overlays: Mapping[int, Overlay]
) -> None:
    """The same of packed rows."""
    if not overlays:
        return
    packed = packed_counts.c
    keys = connection.execute(select(packed.series_id, packed.start).where(old)).all()
    for number, start in keys:
        overlay = overlays.get(number, NOTHING)
        if overlay.cut(start, start + DETAIL.cold):
            chunk = select(packed.rows).where(packed.series_id == number, packed.start == start)
            rows = unpack(connection.execute(chunk).scalar_one())
            _keep_edges(connection, number, rows, overlay)


def _keep_edges(connection: Connection, number: int, rows: Rows, overlay: Overlay) -> None:
    first = int(rows[:, 0].min()) // FIVE_MINUTES * FIVE_MINUTES
    end = int(rows[:, 0].max()) // FIVE_MINUTES * FIVE_MINUTES + FIVE_MINUTES
    kept = of_stretches(rows, overlay.cut(first, end))
    amounts = {(bucket, number): tuple(columns) for bucket, *columns in add_up(kept).tolist()}
    add_amounts(connection, edge_counts, amounts)


def _old_causes(oldest: int, limit: int) -> ColumnElement[bool]:
    key = tuple_(*causes.primary_key)
    return key.in_(select(*causes.primary_key).where(causes.c.bucket < oldest).limit(limit))
