"""What one second adds to the counts, written whole or not at all."""

import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Table, Text

from nines.storage.errors import UnfitError
from nines.storage.schema import causes, collectors, counts, flushes, sums
from nines.storage.upsert import upsert
from slo.ledger import FIVE_MINUTES, BucketDelta, epoch_micros

_Key = TypeVar("_Key", bound=tuple[int | str, ...])


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
class PageCounts:
    """What one page adds to one bucket of many series, each named once: a row of COUNTED for each.

    `at` is when it was due; all of it was observed.
    """

    numbers: Sequence[int]
    at: datetime
    bucket: int
    amounts: NDArray[np.int64]


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
    pages: Sequence[PageCounts] = ()


def write_batch(connection: Connection, batch: CountBatch) -> None:
    """Add a batch within a transaction that is already open; UnfitError when it cannot be one."""
    try:
        _write_batch(connection, batch)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise UnfitError(f"The counts are at fault: {type(error).__name__}: {error}.") from error


def _write_batch(connection: Connection, batch: CountBatch) -> None:
    if batch.id is not None and not first_time(connection, batch.id):
        return
    base: dict[tuple[int, int], tuple[int, ...]] = {}
    five: dict[tuple[int, int], tuple[int, ...]] = {}
    for number, deltas in batch.deltas.items():
        for delta in deltas:
            columns = delta.columns()
            _accumulate(base, (delta.bucket, number), columns)
            _accumulate(five, (delta.bucket // FIVE_MINUTES * FIVE_MINUTES, number), columns)
    add_amounts(connection, counts, base)
    add_amounts(connection, sums, five)
    _add_lifetimes(connection, _lifetimes(batch))
    for page in batch.pages:
        _write_page(connection, page)
    bad: dict[tuple[int, int, str], tuple[int, ...]] = {}
    for number, cause_deltas in batch.causes.items():
        for one in cause_deltas:
            _accumulate(bad, (number, one.bucket, one.cause), (one.bad,))
    add_amounts(connection, causes, bad)
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


def _write_page(connection: Connection, page: PageCounts) -> None:
    """As the rows of `write_batch`; a page has hundreds of them, all alike."""
    order = np.argsort(page.numbers)
    numbers, amounts = np.array(page.numbers)[order].tolist(), page.amounts[order]
    columns = amounts.T.tolist()
    for table, bucket in (
        (counts, page.bucket),
        (sums, page.bucket // FIVE_MINUTES * FIVE_MINUTES),
    ):
        _add_columns(connection, table, [[bucket] * len(numbers), numbers], columns)
    good, bad, unknown = np.maximum(amounts.T[:3], 0).tolist()
    micros, observed = page.bucket * 1_000_000, epoch_micros(page.at)
    _add_lifetimes(
        connection,
        [
            (number, *counted, micros, micros, observed)
            for number, *counted in zip(numbers, good, bad, unknown, strict=True)
        ],
    )


def first_time(connection: Connection, batch_id: str) -> bool:
    """Remember a batch; False when it was written before."""
    place = "%s" if connection.dialect.name == "postgresql" else "?"
    statement = (
        f"INSERT INTO {flushes.name} (batch_id) VALUES ({place})"  # noqa: S608 - names are ours
        " ON CONFLICT DO NOTHING RETURNING number"
    )
    return connection.exec_driver_sql(statement, (batch_id,)).first() is not None


def _accumulate(into: dict[_Key, tuple[int, ...]], key: _Key, amounts: tuple[int, ...]) -> None:
    have = into.get(key)
    into[key] = amounts if have is None else tuple(map(operator.add, have, amounts))


def add_amounts(
    connection: Connection, table: Table, amounts: Mapping[_Key, tuple[int, ...]]
) -> None:
    """Add to rows by primary key."""
    if not amounts:
        return
    # In key order: neighbours share pages, and two writers cannot lock each other out.
    ordered = sorted(amounts)
    keys, counted = zip(*ordered, strict=True), zip(*map(amounts.__getitem__, ordered), strict=True)
    _add_columns(connection, table, list(keys), list(counted))


def _add_columns(
    connection: Connection,
    table: Table,
    keys: Sequence[Sequence[int | str]],
    amounts: Sequence[Sequence[int]],
) -> None:
    """Add to rows by primary key, all given column by column, in the order of their keys.

    Below SQLAlchemy's own statements: these are every second's.
    """
    key = [column.name for column in table.primary_key]
    names = [column.name for column in table.columns if not column.primary_key]
    # What no row has is 0 in the table already; most batches name two or three of seven.
    used = {name: values for name, values in zip(names, amounts, strict=True) if any(values)}
    used = used or {names[0]: amounts[0]}
    added, values = list(used), [*keys, *used.values()]
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


def _lifetimes(batch: CountBatch) -> list[tuple[int | None, ...]]:
    return [
        (number, *_lifetime(batch.deltas.get(number, ())), _micros(batch.observed.get(number)))
        for number in sorted({*batch.deltas, *batch.observed, *batch.causes})
    ]


def _add_lifetimes(connection: Connection, rows: Sequence[tuple[int | None, ...]]) -> None:
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        columns = tuple(map(list, zip(*rows, strict=True)))
        found = connection.exec_driver_sql(_LIFETIME_POSTGRES, columns).rowcount
    else:
        found = connection.exec_driver_sql(_LIFETIME_SQLITE, rows).rowcount
    if found != len(rows):
        raise UnfitError(
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


def _micros(at: datetime | None) -> int | None:
    return None if at is None else epoch_micros(at)
