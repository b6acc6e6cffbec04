"""Write a thousand series a second: CountStore.flush beside plain sqlite3 executemany.

Both write one row per series and tick, a tick a transaction, into a file with the same settings.
`flush` also keeps the five-minute sums and the lifetime totals, so it writes three rows for the
yardstick's one; the last column leaves that out. Run: python -m benchmarks.storage_flush
"""

import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from nines.storage.batches import CountBatch
from nines.storage.counts import CountStore
from nines.storage.database import migrate, open_database
from slo.ledger import BucketDelta

SERIES = 1_000
TICKS = 200
ROUNDS = 3
START = datetime(2026, 11, 21, tzinfo=UTC)
_FIRST = int(START.timestamp())
_INSERT = "INSERT INTO counts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"


def main() -> None:
    """Interleave the two, so that a busy machine slows both; print medians and ratios."""
    plain, ours = [], []
    for _ in range(ROUNDS):
        plain.append(_measure(_plain_sqlite))
        ours.append(_measure(_count_store))
    base, flush = statistics.median(plain), statistics.median(ours)
    print(f"{SERIES} series, {TICKS} ticks, median of {ROUNDS} rounds, seconds of CPU per tick")
    print(f"sqlite3 executemany    {base * 1000:7.2f} ms  {SERIES / base:10,.0f} rows/s")
    print(f"CountStore.flush       {flush * 1000:7.2f} ms  {SERIES / flush:10,.0f} buckets/s")
    print(f"ratio of CPU per tick  {flush / base:7.2f}     per row written {flush / base / 3:.2f}")
    print(f"share of one core at a tick a second: {flush:.1%}")
    _report_reading()


def _measure(prepare: Callable[[Path], Iterator[Callable[[int], None]]]) -> float:
    """Median CPU seconds of one tick."""
    with tempfile.TemporaryDirectory() as folder, contextmanager(prepare)(Path(folder)) as tick:
        spent = []
        for number in range(TICKS):
            began = time.process_time()
            tick(number)
            spent.append(time.process_time() - began)
        return statistics.median(spent)


def _plain_sqlite(folder: Path) -> Iterator[Callable[[int], None]]:
    connection = sqlite3.connect(folder / "plain.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    columns = "good, bad, unknown, seen, missed, smeared_good, smeared_bad"
    connection.execute(
        f"CREATE TABLE counts (bucket, series, {columns}, PRIMARY KEY (bucket, series))"
        " WITHOUT ROWID"
    )

    def tick(number: int) -> None:
        bucket = _FIRST + 10 * number
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(
            _INSERT, [(bucket, series, 99, 1, 0, 1, 0, 0, 0) for series in range(SERIES)]
        )
        connection.execute("COMMIT")

    yield tick
    connection.close()


def _count_store(folder: Path) -> Iterator[Callable[[int], None]]:
    database = open_database(f"sqlite:///{folder}/nines.db")
    migrate(database)
    store = CountStore(database)
    numbers = [store.register(f"shop/{n}", "v1", START).series_id for n in range(SERIES)]

    def tick(number: int) -> None:
        delta = BucketDelta(_FIRST + 10 * number, good=99, bad=1, seen=1)
        store.flush(CountBatch(deltas=dict.fromkeys(numbers, (delta,)), id=str(number)))

    yield tick
    database.close()


def _report_reading() -> None:
    """What a month of one series weighs, and how long it takes to be taken up again."""
    now = START + timedelta(days=30)
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(f"sqlite:///{folder}/nines.db")
        migrate(database)
        store = CountStore(database)
        number = store.register("shop/availability", "v1", START).series_id
        for day in range(30):
            first = _FIRST + day * 86_400
            deltas = [
                BucketDelta(first + at, good=900 + at % 97, bad=at % 7 == 0, seen=1)
                for at in range(0, 86_400, 10)
            ]
            store.flush(CountBatch(deltas={number: deltas}))
        loose = _restart(store, number, now)
        began = time.process_time()
        moved = 0
        while step := store.pack(now):
            moved += step
        packing = time.process_time() - began
        packed = _restart(store, number, now)
        with database.read() as connection:
            size = connection.exec_driver_sql(
                "SELECT (SELECT sum(length(rows)) FROM packed_counts),"
                " (SELECT sum(length(rows)) FROM packed_sums)"
            ).one()
        database.close()
    buckets = 30 * 8_640
    print(f"packing: {packing / moved * 1e6:.2f} us a row")
    print(f"size: {size[0] / buckets:.2f} bytes a base bucket, {size[1] / 8_640:.2f} a sum")
    print(f"restart, 30 days of one series: loose {loose:.3f} s, packed {packed:.3f} s")


def _restart(store: CountStore, number: int, now: datetime) -> float:
    """CPU seconds to read what a ledger of 30 days wants, without filling it."""
    began = time.process_time()
    for width, reach in ((10, 6 / 24), (60, 3), (300, 30)):
        store.load(number, width, now - timedelta(days=reach), now)
    return time.process_time() - began


if __name__ == "__main__":
    main()
