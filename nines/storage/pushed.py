"""The series that others send, as rows."""

import hashlib
import json
from collections.abc import Mapping

from sqlalchemy import bindparam, delete, select

from collectors.pushed.book import Changes, Kept
from nines.storage.database import Database
from nines.storage.schema import pushed_replicas, pushed_series
from nines.storage.upsert import upsert
from slo.exposition import Series


class PushedRecords:
    """By collector; written before the sender is told that they are kept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self) -> dict[str, tuple[dict[Series, Kept], dict[str, str]]]:
        """The series of each collector, and the replica that is listened to by cluster."""
        found: dict[str, tuple[dict[Series, Kept], dict[str, str]]] = {}
        with self._database.read() as connection:
            for row in connection.execute(select(pushed_series)):
                kept, _ = found.setdefault(row.collector, ({}, {}))
                kept[series_of(row.series)] = Kept.of(row.state)
            for row in connection.execute(select(pushed_replicas)):
                _, replicas = found.setdefault(row.collector, ({}, {}))
                replicas[json.loads(row.cluster)] = json.loads(row.replica)
        return found

    def save(self, changes: Mapping[str, Changes]) -> None:
        """All of it, or nothing."""
        rows, gone, replicas = [], [], []
        for collector, one in changes.items():
            for series, kept in one.kept.items():
                text = series_text(series)
                rows.append(
                    {
                        "collector": collector,
                        "mark": series_mark(text),
                        "series": text,
                        "state": kept.to_text(),
                    }
                )
            gone += [
                {"whose": collector, "which": series_mark(series_text(series))}
                for series in one.gone
            ]
            replicas += [
                {
                    "collector": collector,
                    "cluster": json.dumps(cluster),
                    "replica": json.dumps(replica),
                }
                for cluster, replica in one.replicas.items()
            ]
        with self._database.write() as connection:
            upsert(connection, pushed_series, rows, key=("collector", "mark"), change=("state",))
            upsert(
                connection,
                pushed_replicas,
                replicas,
                key=("collector", "cluster"),
                change=("replica",),
            )
            if gone:
                of_it = pushed_series.c.collector == bindparam("whose")
                that = pushed_series.c.mark == bindparam("which")
                connection.execute(delete(pushed_series).where(of_it, that), gone)


def series_text(series: Series) -> str:
    """A series as a row has it."""
    # Escaped: PostgreSQL takes no NUL.
    return json.dumps([series.metric, series.labels], separators=(",", ":"))


def series_mark(text: str) -> str:
    """Its digest: the text may be longer than an index takes."""
    return hashlib.sha256(text.encode()).hexdigest()


def series_of(text: str) -> Series:
    """What `series_text` wrote."""
    metric, labels = json.loads(text)
    return Series(metric, tuple((name, value) for name, value in labels))
