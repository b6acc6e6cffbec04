"""A backup holds everything of one moment, and restoring gives it back, on either database."""

import sqlite3
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nines.storage.backup import back_up, restore
from nines.storage.batches import CauseDelta, CollectorRecord, CountBatch
from nines.storage.counts import CountStore
from nines.storage.database import Database, migrate, open_database
from nines.storage.errors import RestoredError, StorageError
from nines.storage.instance import hold
from nines.storage.schema import incarnation, metadata
from slo.ledger import BucketDelta

T0 = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
B0 = int(T0.timestamp())


def fill(database: Database, slos: int = 2) -> list[int]:
    """Counts loose and packed, causes, states and a batch id; gives the series."""
    store = CountStore(database)
    records = store.register_all([(f"shop/{n}", "v1") for n in range(slos)], T0)
    numbers = [record.series_id for record in records]
    for n in range(3):
        at = B0 + 3600 * n
        deltas = [BucketDelta(at, good=n + 1, seen=1), BucketDelta(at + 300, bad=2)]
        store.flush(
            CountBatch(
                deltas=dict.fromkeys(numbers, deltas),
                causes={numbers[0]: [CauseDelta(B0, "timeout", 2)]},
                collector_states={"shop/health": CollectorRecord(T0, "{}")},
                id=f"batch-{n}",
            )
        )
    while store.pack(T0 + timedelta(hours=2)):
        pass
    return numbers


def contents(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, but which life of the database it is."""
    with database.read() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(table.select())))
            for table in metadata.sorted_tables
            if table is not incarnation
        }


def test_what_was_backed_up_is_restored_into_an_empty_database(
    database: Database, empty_database_url: str, tmp_path: Path
) -> None:
    fill(database)
    copied = back_up(database, tmp_path / "backup.db")
    other = open_database(empty_database_url.replace("nines.db", "other.db"))
    try:
        restored = restore(tmp_path / "backup.db", other)

        assert restored.rows == copied.rows > 10
        assert contents(other) == contents(database)
        assert CountStore(other).register("shop/new", "v1", T0).series_id == 3
    finally:
        other.close()


def test_a_backup_while_counts_are_written_is_of_one_moment(
    database: Database, tmp_path: Path
) -> None:
    numbers, store, stop = fill(database), CountStore(database), threading.Event()

    def write() -> None:
        bucket = B0 + 86_400
        while not stop.is_set():
            delta = BucketDelta(bucket, good=1)
            store.flush(CountBatch(deltas={number: [delta] for number in numbers}))
            bucket += 10

    writer = threading.Thread(target=write)
    writer.start()
    try:
        back_up(database, tmp_path / "backup.db")
    finally:
        stop.set()
        writer.join()

    copy = open_database(f"sqlite:///{tmp_path}/backup.db")
    try:
        totals = [
            record.lifetime.good for n in (0, 1) for record in CountStore(copy).series(f"shop/{n}")
        ]
        loads = [
            sum(row[1] for row in CountStore(copy).load(number, width, T0, T0 + timedelta(days=9)))
            for number in numbers
            for width in (10, 300)
        ]
    finally:
        copy.close()
    assert len({*totals, *loads}) == 1


def test_a_file_that_exists_is_kept_unless_it_is_to_be_replaced(
    database: Database, tmp_path: Path
) -> None:
    file = tmp_path / "backup.db"
    file.write_text("mine")

    with pytest.raises(StorageError, match="exists already"):
        back_up(database, file)
    assert file.read_text() == "mine"

    back_up(database, file, replace=True)
    assert file.read_bytes().startswith(b"SQLite format 3")
    assert [each.name for each in tmp_path.glob(".backup*")] == []


def test_a_database_that_holds_something_is_kept_unless_it_is_to_be_replaced(
    database: Database, tmp_path: Path
) -> None:
    fill(database)
    back_up(database, tmp_path / "backup.db")
    before = contents(database)
    late = CountStore(database).register("shop/later", "v1", T0)

    with pytest.raises(StorageError, match="is not empty"):
        restore(tmp_path / "backup.db", database)
    assert CountStore(database).series("shop/later") == [late]

    restore(tmp_path / "backup.db", database, replace=True)
    assert contents(database) == before


def test_who_runs_meanwhile_writes_nothing_more_of_what_it_had_in_memory(
    database: Database, tmp_path: Path
) -> None:
    (number, _) = fill(database)
    held, store = hold(database), CountStore(database)
    database.rest_on_this_life()
    back_up(database, tmp_path / "backup.db")
    before = contents(database)
    late = CountBatch(deltas={number: [BucketDelta(B0 + 90_000, good=1)]})

    restore(tmp_path / "backup.db", database, replace=True)
    held.release()
    with pytest.raises(RestoredError, match="replaced by a backup"):
        store.flush(late)
    after = contents(database)
    database.rest_on_this_life()
    store.flush(late)

    assert after == before


@pytest.mark.parametrize(
    "content", [b"", b"no database at all" * 99, b"SQLite format 3\0" + b"x" * 5000]
)
def test_a_file_that_is_no_backup_changes_nothing(
    database: Database, tmp_path: Path, content: bytes
) -> None:
    fill(database)
    before = contents(database)
    (tmp_path / "wrong.db").write_bytes(content)

    with pytest.raises(StorageError, match=r"wrong\.db is no backup"):
        restore(tmp_path / "wrong.db", database, replace=True)

    assert contents(database) == before


def test_a_damaged_backup_is_refused(tmp_path: Path) -> None:
    source = open_database(f"sqlite:///{tmp_path}/nines.db")
    migrate(source)
    fill(source, slos=200)
    back_up(source, tmp_path / "backup.db")
    whole = (tmp_path / "backup.db").read_bytes()
    (tmp_path / "backup.db").write_bytes(whole[:8192] + b"\xff" * 20_000 + whole[28_192:])

    with pytest.raises(StorageError, match=r"damaged|no backup"):
        restore(tmp_path / "backup.db", source, replace=True)
    source.close()


def test_only_the_owner_may_read_a_backup(database: Database, tmp_path: Path) -> None:
    back_up(database, tmp_path / "backup.db")

    assert (tmp_path / "backup.db").stat().st_mode & 0o077 == 0


def test_the_file_is_one_that_sqlite_opens_alone(database: Database, tmp_path: Path) -> None:
    fill(database)
    back_up(database, tmp_path / "backup.db")

    with sqlite3.connect(tmp_path / "backup.db") as connection:
        assert connection.execute("SELECT count(*) FROM series").fetchone() == (2,)
    connection.close()
    assert sorted(each.name for each in tmp_path.glob("backup.db*")) == ["backup.db"]
