"""Insert rows, or change those that are there: the one thing both databases spell alike."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_or(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that takes ON CONFLICT, for the connection's database."""
    return _insert(connection.dialect.name, table)


def _insert(dialect: str, table: Table) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


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
        statement = _statement(connection.dialect.name, table, tuple(key), tuple(change))
        connection.execute(statement, list(rows))


@cache
def _statement(
    dialect: str, table: Table, key: tuple[str, ...], change: tuple[str, ...]
) -> postgresql.Insert | sqlite.Insert:
    """Putting one together takes longer than it takes the database to do it."""
    insert = _insert(dialect, table)
    return insert.on_conflict_do_update(
        index_elements=list(key), set_={name: insert.excluded[name] for name in change}
    )
