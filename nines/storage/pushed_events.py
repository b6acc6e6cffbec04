"""What was counted of posted events, as rows: the count and the key it came under are one write."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select

from nines.storage.database import Database
from nines.storage.pushed import series_mark, series_of, series_text
from nines.storage.schema import pushed_events, pushed_keys
from nines.storage.upsert import add, upsert
from slo.exposition import Series
from slo.key import KeyReusedError

KEPT = timedelta(days=7)  # keys: for so long a repetition is known as one

Counted = Mapping[str, Mapping[Series, int]]  # by collector


class PushedEventRecords:
    """By collector; written before the sender is told that they are kept."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self) -> dict[str, dict[Series, int]]:
        """What was ever counted of each series."""
        found: dict[str, dict[Series, int]] = {}
        with self._database.read() as connection:
            for row in connection.execute(select(pushed_events)):
                found.setdefault(row.collector, {})[series_of(row.series)] = row.total
        return found

    def count(
        self, events: Counted, *, key: str, digest: str, at: datetime
    ) -> tuple[bool, dict[str, dict[Series, int]]]:
        """Add these, unless they came before under their key; whether they are new, and the totals.

        Raises KeyReusedError where others came under it, and nothing is counted.
        """
        with self._database.write() as connection:
            connection.execute(delete(pushed_keys).where(pushed_keys.c.at < at - KEPT))
            known = connection.execute(
                select(pushed_keys.c.digest).where(
                    pushed_keys.c.key == key, pushed_keys.c.collector.in_(list(events))
                )
            ).scalars()
            digests = set(known)
            if digests - {digest}:
                raise KeyReusedError
            is_new = not digests
            totals = {name: _totals(connection, name, of_it) for name, of_it in events.items()}
            if not is_new:
                return False, totals
            rows = []
            for name, counted in events.items():
                for series, count in counted.items():
                    totals[name][series] = totals[name].get(series, 0) + count
                    text = series_text(series)
                    rows.append(
                        {
                            "collector": name,
                            "mark": series_mark(text),
                            "series": text,
                            "total": totals[name][series],
                        }
                    )
            upsert(connection, pushed_events, rows, key=("collector", "mark"), change=("total",))
            keys = [{"collector": one, "key": key, "digest": digest, "at": at} for one in events]
            add(connection, pushed_keys, keys)
            return True, totals


def _totals(
    connection: Connection, collector: str, counted: Mapping[Series, int]
) -> dict[Series, int]:
    marks = [series_mark(series_text(series)) for series in counted]
    rows = connection.execute(
        select(pushed_events.c.series, pushed_events.c.total).where(
            pushed_events.c.collector == collector, pushed_events.c.mark.in_(marks)
        )
    )
    return {series_of(row.series): row.total for row in rows}
