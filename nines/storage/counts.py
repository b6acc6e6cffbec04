"""The counts of every SLI: written once a second, read for windows and charts."""

import operator
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, groupby
from typing import Any, TypeVar

import numpy as np
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Row,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    text,
    tuple_,
)

from nines.storage.database import Database
from nines.storage.errors import StorageError
from nines.storage.packing import NO_ROWS, Rows, add_up, pack, unpack, unpack_all
from nines.storage.schema import (
    COUNTED,
    causes,
    collectors,
    counts,
    edge_counts,
    flushes,
    packed_counts,
    packed_sums,
    series,
    sums,
)
from nines.storage.upsert import insert_or, upsert
from slo.counts import Counts
from slo.exclusion import NOTHING, Overlay, counted, counted_causes, counted_sums
from slo.ledger import FIVE_MINUTES, BucketDelta, epoch_micros

_PRUNE_ROWS = 10_000  # a batch: the writer is never held up for long
_PACK_ROWS = 10_000
# Any number will do that no other lock of ours has.
_PACK_LOCK = 0x7061636B
_KEPT_BATCH_IDS = 1_000
_BAD = 2  # the column of a row


@dataclass(frozen=True, slots=True)
class SeriesRecord:
    """One SLI's counts as stored: its number, and what was counted since it was made."""

    series_id: int
    slo_id: str
    fingerprint: str
    created_at: datetime
    lifetime: Counts
    watched_since: datetime | None
    last_observation: datetime | None


@dataclass(frozen=True, slots=True)
class History:
    """What a ledger is filled with: base buckets, five-minute sums, and causes.

    `edges` are the base buckets of sums that an exclusion cuts, without those from `edges_end` on
    that are in `detail`.
    """

    detail: Rows
    sums: Rows
    causes: Sequence[tuple[int, str, int]]  # (five-minute start, cause, bad events)
    edges: Rows = field(default_factory=lambda: NO_ROWS)
    edges_end: int = 0

    def under(self, overlay: Overlay) -> "History":
        """What of it counts."""
        if not overlay:
            return self
        finer = np.concatenate([self.edges, self.detail[self.detail[:, 0] >= self.edges_end]])
        left = add_up(counted_sums(self.sums, finer, overlay), FIVE_MINUTES)
        return History(
            detail=counted(self.detail, overlay),
            sums=left,
            causes=counted_causes(self.causes, _bad(self.sums), _bad(left), overlay),
        )


@dataclass(frozen=True, slots=True)
class CauseDelta:
    """Bad events of one cause to add. `bucket` is a five-minute start, epoch seconds."""

    bucket: int
    cause: str
    bad: int


@dataclass(frozen=True, slots=True)
class CollectorRecord:
    """Where a collector goes on after a restart. `state` is its own JSON."""

    last_due: datetime
    state: str


@dataclass(frozen=True, slots=True)
class CountBatch:
    """What one second adds; written whole or not at all. Keys are series and collector ids.

    With an `id`, a batch is counted once however often it is written: for a retry after a commit
    whose answer was lost.
    """

    deltas: Mapping[int, Sequence[BucketDelta]] = field(default_factory=dict)
    causes: Mapping[int, Sequence[CauseDelta]] = field(default_factory=dict)
    collector_states: Mapping[str, CollectorRecord] = field(default_factory=dict)
    observed: Mapping[int, datetime] = field(default_factory=dict)
    id: str | None = None


# The bucket's start, then its counts in the order of BucketDelta's fields.
StoredBucket = tuple[int, int, int, int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class _Grain:
    """One resolution: rows still written to, and the chunks they are packed into.

    Rows come to rest in steps of `rest` seconds and are packed `span` seconds a chunk; chunks that
    have long been at rest are joined, `cold` seconds a chunk, so that a start reads few.
    """

    rows: Table
    packed: Table
    rest: int
    span: int
    cold: int


_DETAIL = _Grain(counts, packed_counts, rest=600, span=3600, cold=86_400)
_SUMS = _Grain(sums, packed_sums, rest=3 * 3600, span=86_400, cold=86_400)
_JOINED_AT_ONCE = 50  # cold chunks a transaction
_LOOSE_AT_ONCE = 1_000_000  # rows in memory while a start reads them
_READ_TOGETHER = 10_000  # rows


_Key = TypeVar("_Key", bound=tuple[int | str, ...])


class CountStore:
    """Counts in the database. Writes come from one thread, reads from any."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(self, slo_id: str, fingerprint: str, at: datetime) -> SeriesRecord:
        """The series of this SLI; a new fingerprint makes a new one that starts empty."""
        return self.register_all([(slo_id, fingerprint)], at)[0]

    def register_all(self, wanted: Sequence[tuple[str, str]], at: datetime) -> list[SeriesRecord]:
        """The series of these (SLO's id, fingerprint), in their order, in one transaction."""
        if not wanted:
            return []
        with self._database.write() as connection:
            upsert(
                connection,
                series,
                [
                    {"slo_id": slo_id, "fingerprint": mark, "created_at": at, "used_at": at}
                    for slo_id, mark in sorted(set(wanted))
                ],
                key=("slo_id", "fingerprint"),
                change=("used_at",),
            )
            # What was just touched, by anybody: at least all that is wanted.
            touched = select(series).where(series.c.used_at >= at)
            if len(wanted) == 1:
                ((slo_id, mark),) = wanted
                touched = select(series).filter_by(slo_id=slo_id, fingerprint=mark)
            found = {(row.slo_id, row.fingerprint): row for row in connection.execute(touched)}
            return [_record(found[key]) for key in wanted]

    def series(self, slo_id: str) -> list[SeriesRecord]:
        """Every series an SLO ever had, newest first."""
        query = (
            select(series)
            .where(series.c.slo_id == slo_id)
            .order_by(series.c.created_at.desc(), series.c.series_id.desc())
        )
        with self._database.read() as connection:
            return [_record(row) for row in connection.execute(query)]

    def flush(self, batch: CountBatch) -> None:
        """Add a batch in one transaction. A series that was never registered is an error."""
        with self._database.write() as connection:
            write_batch(connection, batch)

    def load(
        self,
        series_id: int,
        width_seconds: int,
        since: datetime,
        until: datetime,
        overlay: Overlay = NOTHING,
    ) -> list[StoredBucket]:
        """Stored counts in buckets of `width_seconds` that touch [since, until), oldest first.

        Widths that are whole five minutes come from the five-minute sums, others from the base
        buckets. Empty buckets are left out, and what `overlay` excludes.
        """
        first = _seconds(since) // width_seconds * width_seconds
        end = -(-_ceiling(until) // width_seconds) * width_seconds
        grain = _DETAIL if width_seconds % FIVE_MINUTES else _SUMS
        with self._database.read() as connection:
            rows = _counted(connection, grain, series_id, first, end, overlay)
        rows = add_up(rows, width_seconds)
        if overlay:
            rows = rows[rows[:, 1:].any(axis=1)]
        columns = (column.tolist() for column in rows.T)
        return list(zip(*columns, strict=True))

    def histories(
        self,
        numbers: Iterable[int],
        detail: datetime,
        sums: datetime,
        until: datetime,
        overlays: Mapping[int, Overlay] | None = None,
    ) -> Iterator[tuple[int, History]]:
        """Each series' base buckets from `detail`, and sums and causes from `sums`, to `until`.

        Some may be older. One snapshot; what is still loose is read once for many series. Nothing
        is left out, and what the `overlays` of these series need is in it, so that the caller can.
        """
        end = _ceiling(until)
        wanted = sorted(set(numbers))
        grains = ((_DETAIL, _seconds(detail)), (_SUMS, _seconds(sums)))
        with self._database.read() as connection:
            for group in _groups(connection, wanted, grains):
                loose = [_read_loose(connection, grain, first, group) for grain, first in grains]
                whys = _read_causes(connection, _seconds(sums), end, group)
                for number in group:
                    fine, coarse = (
                        _with_chunks(connection, grain, number, first, rows.get(number, NO_ROWS))
                        for (grain, first), rows in zip(grains, loose, strict=True)
                    )
                    fine, coarse = _before(end, fine), _before(end, coarse)
                    edges, edges_end = NO_ROWS, 0
                    overlay = (overlays or {}).get(number, NOTHING)
                    if overlay:
                        edges_end, last = (
                            -(-at // FIVE_MINUTES) * FIVE_MINUTES for at in (_seconds(detail), end)
                        )
                        oldest = int(coarse[:, 0].min()) if len(coarse) else edges_end
                        cut = overlay.cut(min(oldest, edges_end), max(edges_end, last))
                        edges = _edges(connection, number, cut, edges_end)
                    yield number, History(fine, coarse, whys.get(number, ()), edges, edges_end)

    def points(
        self,
        series_id: int,
        start: datetime,
        end: datetime,
        step_seconds: int,
        overlay: Overlay = NOTHING,
    ) -> list[tuple[int, int, int, int, int]]:
        """(step's start, good, bad, unknown, seen) in steps from `start` on; empty ones left out.

        Steps on the five-minute grid are added up from the sums and only the last, open stretch
        from the base buckets: the same numbers for a thirtieth of the reading.
        """
        first, last = _seconds(start), _ceiling(end)
        on_grid = first % FIVE_MINUTES == 0 and step_seconds % FIVE_MINUTES == 0
        turn = max(first, last // FIVE_MINUTES * FIVE_MINUTES) if on_grid else first
        with self._database.read() as connection:
            parts = [
                _counted(connection, _SUMS, series_id, first, turn, overlay),
                _counted(connection, _DETAIL, series_id, turn, last, overlay),
            ]
        steps = add_up(np.concatenate(parts), step_seconds, anchor=first)[:, :5].tolist()
        return [(at, good, bad, unknown, seen) for at, good, bad, unknown, seen in steps]

    def causes(
        self, series_id: int, start: datetime, end: datetime, overlay: Overlay = NOTHING
    ) -> dict[str, int]:
        """Bad events by cause in the five minutes that [start, end) touches, largest first."""
        if overlay:
            sums: dict[str, int] = {}
            for _, cause, count in self.load_causes(series_id, start, end, overlay):
                sums[cause] = sums.get(cause, 0) + count
            return dict(sorted(sums.items(), key=lambda item: (-item[1], item[0])))
        bad = func.sum(causes.c.bad)
        query = (
            select(causes.c.cause, bad)
            .where(*_of_causes(series_id, start, end))
            .group_by(causes.c.cause)
            .having(bad > 0)
            .order_by(bad.desc(), causes.c.cause)
        )
        with self._database.read() as connection:
            return {cause: int(bad) for cause, bad in connection.execute(query)}

    def load_causes(
        self, series_id: int, since: datetime, until: datetime, overlay: Overlay = NOTHING
    ) -> list[tuple[int, str, int]]:
        """(five-minute start, cause, bad events), oldest first: what `Ledger.load_causes` takes."""
        query = (
            select(causes.c.bucket, causes.c.cause, causes.c.bad)
            .where(*_of_causes(series_id, since, until), causes.c.bad > 0)
            .order_by(causes.c.bucket, causes.c.cause)
        )
        with self._database.read() as connection:
            found = [(bucket, cause, bad) for bucket, cause, bad in connection.execute(query)]
            if not overlay or not found:
                return found
            first, end = found[0][0], found[-1][0] + FIVE_MINUTES
            whole = _read(connection, _SUMS, series_id, first, end)
            left = _counted(connection, _SUMS, series_id, first, end, overlay)
        return counted_causes(found, _bad(whole), _bad(left), overlay)

    def collector_states(self) -> dict[str, CollectorRecord]:
        """Every collector's stored state, by its id."""
        with self._database.read() as connection:
            return {
                row.collector_id: CollectorRecord(row.last_due, row.state)
                for row in connection.execute(select(collectors))
            }

    def pack(self, now: datetime, limit: int = _PACK_ROWS) -> int:
        """Pack about `limit` of the oldest rows that have come to rest, or else join cold chunks.

        Gives how many of them. One short transaction: call it until it gives 0. Late bookings are
        packed by a later call.
        """
        with self._database.write() as connection:
            if connection.dialect.name == "postgresql":  # another process may be packing too
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_PACK_LOCK})")
            at = _seconds(now)
            moved = sum(_pack(connection, grain, at, limit) for grain in (_DETAIL, _SUMS))
            return moved or sum(_join(connection, grain, at) for grain in (_DETAIL, _SUMS))

    def prune(
        self,
        now: datetime,
        detail: timedelta,
        sums: timedelta,
        limit: int = _PRUNE_ROWS,
        overlays: Mapping[int, Overlay] | None = None,
    ) -> int:
        """Forget base buckets older than `detail` and all else older than `sums`.

        One short transaction of about `limit` rows: call it until it gives 0, the number of rows
        that went. Flushes get their turn in between. Base buckets of sums that the `overlays` of
        their series cut are kept for as long as the sums.
        """
        overlays = overlays or {}
        oldest_detail = _seconds(now - detail)
        oldest_sum = _seconds(now - sums) // FIVE_MINUTES * FIVE_MINUTES
        unused_since = now - max(detail, sums)
        newest = select(func.max(flushes.c.number)).scalar_subquery()
        with self._database.write() as connection:
            old = _oldest(connection, counts.c.bucket, oldest_detail, limit)
            _keep_loose_edges(connection, old, overlays)
            removed = connection.execute(delete(counts).where(old)).rowcount
            # A packed row goes when the last of its buckets may.
            last = oldest_detail - _DETAIL.cold + 1
            old = _oldest(connection, packed_counts.c.start, last, limit)
            _keep_packed_edges(connection, old, overlays)
            removed += connection.execute(delete(packed_counts).where(old)).rowcount
            removed += _forget_old(connection, edge_counts.c.bucket, oldest_sum, limit)
            removed += _forget_old(connection, _SUMS.rows.c.bucket, oldest_sum, limit)
            last = oldest_sum - _SUMS.cold + 1
            removed += _forget_old(connection, packed_sums.c.start, last, limit)
            for forget in (
                delete(causes).where(_old_causes(oldest_sum, limit)),
                delete(collectors).where(collectors.c.last_due < now - sums),
                delete(flushes).where(flushes.c.number <= newest - _KEPT_BATCH_IDS),
                delete(series).where(series.c.used_at < unused_since),
            ):
                removed += connection.execute(forget).rowcount
        return removed


def write_batch(connection: Connection, batch: CountBatch) -> None:
    """Add a batch within a transaction that is already open."""
    if batch.id is not None and not _first_time(connection, batch.id):
        return
    base: dict[tuple[int, int], tuple[int, ...]] = {}
    five: dict[tuple[int, int], tuple[int, ...]] = {}
    for number, deltas in batch.deltas.items():
        for delta in deltas:
            columns = delta.columns()
            _accumulate(base, (delta.bucket, number), columns)
            _accumulate(five, (delta.bucket // FIVE_MINUTES * FIVE_MINUTES, number), columns)
    _add(connection, counts, base)
    _add(connection, sums, five)
    _add_lifetimes(connection, batch)
    bad: dict[tuple[int, int, str], tuple[int, ...]] = {}
    for number, cause_deltas in batch.causes.items():
        for one in cause_deltas:
            _accumulate(bad, (number, one.bucket, one.cause), (one.bad,))
    _add(connection, causes, bad)
    upsert(
        connection,
        collectors,
        [
            {"collector_id": name, "last_due": record.last_due, "state": record.state}
            for name, record in sorted(batch.collector_states.items())
        ],
        key=("collector_id",),
        change=("last_due", "state"),
    )


def _first_time(connection: Connection, batch_id: str) -> bool:
    statement = insert_or(connection, flushes).values(batch_id=batch_id).on_conflict_do_nothing()
    return connection.execute(statement.returning(flushes.c.number)).first() is not None


def _accumulate(into: dict[_Key, tuple[int, ...]], key: _Key, amounts: tuple[int, ...]) -> None:
    have = into.get(key)
    into[key] = amounts if have is None else tuple(map(operator.add, have, amounts))


def _add(connection: Connection, table: Table, amounts: Mapping[_Key, tuple[int, ...]]) -> None:
    """Add to rows by primary key. Below SQLAlchemy's own statements: these are every second's."""
    if not amounts:
        return
    key = [column.name for column in table.primary_key]
    names = [column.name for column in table.columns if not column.primary_key]
    # In key order: neighbours share pages, and two writers cannot lock each other out.
    ordered = sorted(amounts)
    counted = zip(names, zip(*map(amounts.__getitem__, ordered), strict=True), strict=True)
    # What no row has is 0 in the table already; most batches name two or three of seven.
    used = {name: values for name, values in counted if any(values)}
    used = used or {names[0]: (0,) * len(ordered)}
    added, values = list(used), [*zip(*ordered, strict=True), *used.values()]
    tail = f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET " + ", ".join(
        f"{name} = {table.name}.{name} + excluded.{name}" for name in added
    )
    head = f"INSERT INTO {table.name} ({', '.join(key + added)}) "
    if connection.dialect.name == "postgresql":
        columns = [table.c[name] for name in key + added]
        types = ["text" if isinstance(c.type, Text) else "bigint" for c in columns]
        arrays = ", ".join(f"%s::{type_}[]" for type_ in types)
        statement = head + f"SELECT * FROM unnest({arrays})" + tail  # noqa: S608 - names are ours
        connection.exec_driver_sql(statement, tuple(map(list, values)))
    else:
        places = ", ".join("?" for _ in key + added)
        rows = list(zip(*values, strict=True))
        connection.exec_driver_sql(f"{head}VALUES ({places}){tail}", rows)


_LIFETIME = ("series_id", "good", "bad", "unknown", "first", "last", "observed")
_SET_LIFETIME = """
    good = series.good + {v}good, bad = series.bad + {v}bad, unknown = series.unknown + {v}unknown,
    watched_since =
        coalesce({least}(series.watched_since, {v}first), series.watched_since, {v}first),
    last_observation = coalesce(
        {greatest}(series.last_observation, {v}observed), series.last_observation, {v}observed),
    used_at = coalesce({greatest}(series.used_at, {v}last), series.used_at)
"""
# By number, not by name: looking names up for each row takes as long as the update.
_LIFETIME_SQLITE = re.sub(
    r":(\w+)",
    lambda name: f"?{_LIFETIME.index(name[1]) + 1}",
    "UPDATE series SET"
    + _SET_LIFETIME.format(v=":", least="min", greatest="max")
    + "WHERE series_id = :series_id",
)
_LIFETIME_POSTGRES = (
    "UPDATE series SET"
    + _SET_LIFETIME.format(v="v.", least="least", greatest="greatest")
    + f"FROM unnest({', '.join('%s::bigint[]' for _ in _LIFETIME)}) AS v({', '.join(_LIFETIME)})"
    + " WHERE series.series_id = v.series_id"
)


def _add_lifetimes(connection: Connection, batch: CountBatch) -> None:
    rows = [
        (number, *_lifetime(batch.deltas.get(number, ())), _micros(batch.observed.get(number)))
        for number in sorted({*batch.deltas, *batch.observed, *batch.causes})
    ]
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        columns = tuple(map(list, zip(*rows, strict=True)))
        found = connection.exec_driver_sql(_LIFETIME_POSTGRES, columns).rowcount
    else:
        found = connection.exec_driver_sql(_LIFETIME_SQLITE, rows).rowcount
    if found != len(rows):
        raise StorageError(
            f"{len(rows) - found} of {len(rows)} series in this batch were never registered;"
            " nothing of it was written."
        )


def _lifetime(deltas: Sequence[BucketDelta]) -> tuple[int | None, ...]:
    """What `deltas` add to good, bad and unknown, and their first and last bucket in micros.

    What they take back stays in the totals, which only rise.
    """
    if not deltas:
        return 0, 0, 0, None, None
    if len(deltas) == 1:  # a second's usual share, a thousand times
        (delta,) = deltas
        micros = delta.bucket * 1_000_000
        good, bad, unknown = delta.good, delta.bad, delta.unknown
        if good < 0 or bad < 0 or unknown < 0:
            good, bad, unknown = max(good, 0), max(bad, 0), max(unknown, 0)
        return good, bad, unknown, micros, micros
    return (
        sum(max(delta.good, 0) for delta in deltas),
        sum(max(delta.bad, 0) for delta in deltas),
        sum(max(delta.unknown, 0) for delta in deltas),
        min(delta.bucket for delta in deltas) * 1_000_000,
        max(delta.bucket for delta in deltas) * 1_000_000,
    )


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
_COLUMNS = ("bucket", *COUNTED)
_HOPS = {
    table.name: text(
        _HOP.format(table=table.name, columns=", ".join(f"t.{name}" for name in _COLUMNS))
    )
    for table in (counts, sums)
}


def _read(connection: Connection, grain: _Grain, number: int, first: int, end: int) -> Rows:
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
    rows = np.concatenate([cold, _array(loose.all(), len(_COLUMNS))])
    return rows[(rows[:, 0] >= first) & (rows[:, 0] < end)]


def _groups(
    connection: Connection, numbers: Sequence[int], grains: Iterable[tuple[_Grain, int]]
) -> Iterator[Sequence[int]]:
    """Split series so that the loose rows of a group fit into memory, packed lately or not."""
    rows = sum(
        connection.execute(select(func.count()).where(grain.rows.c.bucket >= first)).scalar_one()
        for grain, first in grains
    )
    size = max(1, len(numbers) * _LOOSE_AT_ONCE // max(_LOOSE_AT_ONCE, rows))
    return (numbers[at : at + size] for at in range(0, len(numbers), size))


def _read_loose(
    connection: Connection, grain: _Grain, first: int, group: Sequence[int]
) -> dict[int, Rows]:
    # Below SQLAlchemy's own rows: a start reads all that is loose.
    mark = _mark(connection)
    found = connection.exec_driver_sql(
        f"SELECT series_id, {', '.join(_COLUMNS)} FROM {grain.rows.name}"  # noqa: S608 - names are ours
        f" WHERE bucket >= {mark} AND series_id BETWEEN {mark} AND {mark}",
        (first, group[0], group[-1]),
    )
    parts = []
    while some := found.cursor.fetchmany(_READ_TOGETHER):
        parts.append(_array(some, 1 + len(_COLUMNS)))
    found.close()
    return dict(_by_series(np.concatenate(parts))) if parts else {}


def _with_chunks(
    connection: Connection, grain: _Grain, number: int, first: int, loose: Rows
) -> Rows:
    table = grain.packed.name
    mark = _mark(connection)
    # Below SQLAlchemy's own statements: a start asks this for every series.
    chunks = connection.exec_driver_sql(
        f"SELECT rows FROM {table} WHERE series_id = {mark} AND start >= {mark} ORDER BY start",  # noqa: S608 - names are ours
        (number, first // grain.cold * grain.cold),
    ).scalars()
    return unpack_all(chunks, then=loose)


def _mark(connection: Connection) -> str:
    """How the driver wants a value's place marked."""
    return "%s" if connection.dialect.name == "postgresql" else "?"


def _before(end: int, rows: Rows) -> Rows:
    """Without what a clock that ran ahead once wrote."""
    early = rows[:, 0] < end
    return rows if early.all() else rows[early]


def _read_causes(
    connection: Connection, first: int, end: int, group: Sequence[int]
) -> dict[int, list[tuple[int, str, int]]]:
    query = (
        select(causes.c.series_id, causes.c.bucket, causes.c.cause, causes.c.bad)
        .where(
            causes.c.series_id.between(group[0], group[-1]),
            causes.c.bucket >= first // FIVE_MINUTES * FIVE_MINUTES,
            causes.c.bucket < end,
            causes.c.bad > 0,  # what was taken back leaves a row
        )
        .order_by(causes.c.series_id, causes.c.bucket, causes.c.cause)
    )
    found: dict[int, list[tuple[int, str, int]]] = {}
    for number, bucket, cause, bad in connection.execute(query):
        found.setdefault(number, []).append((bucket, cause, bad))
    return found


def _array(rows: Sequence[Iterable[int]], width: int) -> Rows:
    flat = np.fromiter(chain.from_iterable(rows), dtype=np.int64, count=len(rows) * width)
    return flat.reshape(len(rows), width)


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
    columns = [counts.c[name] for name in ("series_id", *_COLUMNS)]
    rows = _array(connection.execute(select(*columns).where(old)).all(), len(columns))
    if len(rows):
        for number, of_series in _by_series(rows):
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
        if overlay.cut(start, start + _DETAIL.cold):
            chunk = select(packed.rows).where(packed.series_id == number, packed.start == start)
            rows = unpack(connection.execute(chunk).scalar_one())
            _keep_edges(connection, number, rows, overlay)


def _keep_edges(connection: Connection, number: int, rows: Rows, overlay: Overlay) -> None:
    first = int(rows[:, 0].min()) // FIVE_MINUTES * FIVE_MINUTES
    end = int(rows[:, 0].max()) // FIVE_MINUTES * FIVE_MINUTES + FIVE_MINUTES
    kept = _of_stretches(rows, overlay.cut(first, end))
    amounts = {(bucket, number): tuple(columns) for bucket, *columns in add_up(kept).tolist()}
    _add(connection, edge_counts, amounts)


def _edges(
    connection: Connection, number: int, stretches: Sequence[int], before: int | None = None
) -> Rows:
    """The base buckets of these five minutes, kept as edges or, up to `before`, in detail."""
    parts = [NO_ROWS]
    in_detail = [one for one in stretches if before is None or one < before]
    for _, day in groupby(in_detail, lambda stretch: stretch // _DETAIL.cold):
        cut = list(day)
        rows = _read(connection, _DETAIL, number, cut[0], cut[-1] + FIVE_MINUTES)
        parts.append(_of_stretches(rows, cut))
    if stretches:
        kept = edge_counts.c
        query = select(*(kept[name] for name in _COLUMNS)).where(
            kept.series_id == number,
            kept.bucket.between(stretches[0], stretches[-1] + FIVE_MINUTES - 1),
        )
        rows = _array(connection.execute(query).all(), len(_COLUMNS))
        parts.append(_of_stretches(rows, stretches))
    return np.concatenate(parts)


def _of_stretches(rows: Rows, stretches: Sequence[int]) -> Rows:
    return rows[np.isin(rows[:, 0] // FIVE_MINUTES * FIVE_MINUTES, stretches)]


def _counted(
    connection: Connection, grain: _Grain, number: int, first: int, end: int, overlay: Overlay
) -> Rows:
    """As `_read`, without what is excluded; lines of five minutes may be negative corrections."""
    rows = _read(connection, grain, number, first, end)
    if not overlay:
        return rows
    if grain is _DETAIL:
        return counted(rows, overlay)
    low, high = first // FIVE_MINUTES * FIVE_MINUTES, -(-end // FIVE_MINUTES) * FIVE_MINUTES
    return counted_sums(rows, _edges(connection, number, overlay.cut(low, high)), overlay)


def _bad(sums: Rows) -> dict[int, int]:
    """Bad events by five minutes."""
    return dict(add_up(sums, FIVE_MINUTES)[:, [0, _BAD]].tolist())


def _old_causes(oldest: int, limit: int) -> ColumnElement[bool]:
    key = tuple_(*causes.primary_key)
    return key.in_(select(*causes.primary_key).where(causes.c.bucket < oldest).limit(limit))


def _pack(connection: Connection, grain: _Grain, now: int, limit: int) -> int:
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
    columns = [grain.rows.c[name] for name in ("series_id", *_COLUMNS)]
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
            for number, rows in _by_series(_array(loose, len(columns)))
        ],
        key=("series_id", "start"),
        change=("rows",),
    )
    return len(loose)


def _join(connection: Connection, grain: _Grain, now: int) -> int:
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


def _by_series(rows: Rows) -> Iterator[tuple[int, Rows]]:
    """Split rows of (series, bucket, counts...) by series."""
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    edges = np.flatnonzero(np.diff(rows[:, 0])) + 1
    for part in np.split(rows, edges):
        yield int(part[0, 0]), part[:, 1:]


def _of_causes(number: int, start: datetime, end: datetime) -> tuple[ColumnElement[bool], ...]:
    first = _seconds(start) // FIVE_MINUTES * FIVE_MINUTES
    return (
        causes.c.series_id == number,
        causes.c.bucket >= first,
        causes.c.bucket < _ceiling(end),
    )


def _record(row: Row[Any]) -> SeriesRecord:
    return SeriesRecord(
        series_id=row.series_id,
        slo_id=row.slo_id,
        fingerprint=row.fingerprint,
        created_at=row.created_at,
        lifetime=Counts(row.good, row.bad, row.unknown),
        watched_since=row.watched_since,
        last_observation=row.last_observation,
    )


def _micros(at: datetime | None) -> int | None:
    return None if at is None else epoch_micros(at)


def _seconds(at: datetime) -> int:
    return epoch_micros(at) // 1_000_000


def _ceiling(at: datetime) -> int:
    return -(-epoch_micros(at) // 1_000_000)
