"""Insert rows, or change those that are there: the one thing both databases spell alike."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Insert, Table, bindparam
from sqlalchemy.dialects import postgresql, sqlite

from nines.storage.prepared import Prepared


def insert_or(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that takes ON CONFLICT, for the connection's database."""
    return _insert(connection.dialect.name, table)


def _insert(dialect: str, table: Table) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


def add(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert `rows`, which all have the same columns."""
    if rows:
        _adding(table, tuple(rows[0])).change(connection, rows)


def upsert(
    connection: Connection,
    table: Table,
    rows: Sequence[dict[str, Any]],
    *,
    key: Sequence[str],
    change: Sequence[str],
) -> None:
    """Insert `rows`; where one with the same `key` exists, only the columns `change` are set."""
    if rows:
        _upserting(table, tuple(rows[0]), tuple(key), tuple(change)).change(connection, rows)


@cache
def _adding(table: Table, columns: tuple[str, ...]) -> Prepared:
    return Prepared(lambda dialect: _of(_insert(dialect, table), columns))


@cache
def _upserting(
    table: Table, columns: tuple[str, ...], key: tuple[str, ...], change: tuple[str, ...]
) -> Prepared:
    def make(dialect: str) -> Insert:
        insert = _insert(dialect, table)
        changed = {name: insert.excluded[name] for name in change}
        return _of(insert, columns).on_conflict_do_update(index_elements=list(key), set_=changed)

    return Prepared(make)


def _of(
    insert: postgresql.Insert | sqlite.Insert, columns: tuple[str, ...]
) -> postgresql.Insert | sqlite.Insert:
    return insert.values({name: bindparam(name) for name in columns})
