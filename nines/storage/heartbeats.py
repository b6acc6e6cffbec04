"""What jobs told of their runs, as rows."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Row, delete, func, insert, select

from collectors.job import Ping, PingKind
from nines.storage.database import Database
from nines.storage.schema import pings

KEPT = 200  # of each job


class PingRecords:
    """Written before the job is told that it was heard."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self) -> dict[str, list[Ping]]:
        """By collector, oldest first."""
        found: dict[str, list[Ping]] = {}
        with self._database.read() as connection:
            for row in connection.execute(select(pings).order_by(pings.c.number)):
                found.setdefault(row.collector, []).append(_ping(row))
        return found

    def add(self, collector: str, ping: Ping) -> Ping | None:
        """Store it, and forget the oldest; None when it is a repetition of one that is stored.

        One that has a run id is told by it; gives it with its number.
        """
        with self._database.write() as connection:
            if ping.run_id is not None:
                again = select(pings.c.number).where(
                    pings.c.collector == collector,
                    pings.c.run_id == ping.run_id,
                    pings.c.kind == ping.kind,
                )
                if connection.execute(again.limit(1)).first() is not None:
                    return None
            values = dict(_values(collector, ping))
            made = insert(pings).values(values).returning(pings.c.number)
            number = connection.execute(made).scalar_one()
            oldest = (
                select(pings.c.number)
                .where(pings.c.collector == collector)
                .order_by(pings.c.number.desc())
                .offset(KEPT)
                .limit(1)
                .scalar_subquery()
            )
            old = pings.c.number <= func.coalesce(oldest, 0)
            connection.execute(delete(pings).where(pings.c.collector == collector, old))
        return _numbered(ping, number)


def _values(collector: str, ping: Ping) -> Iterator[tuple[str, Any]]:
    yield "collector", collector
    yield "at", ping.at
    yield "kind", str(ping.kind)
    yield "run_id", ping.run_id
    yield "exit_code", ping.exit_code
    yield "body", ping.body


def _numbered(ping: Ping, number: int) -> Ping:
    return Ping(number, ping.at, ping.kind, ping.run_id, ping.exit_code, ping.body)


def _ping(row: Row[Any]) -> Ping:
    return Ping(row.number, row.at, PingKind(row.kind), row.run_id, row.exit_code, row.body)
