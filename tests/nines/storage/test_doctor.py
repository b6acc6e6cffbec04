"""The doctor finds what is wrong with a database, and nothing where nothing is."""

from datetime import timedelta

from sqlalchemy import text

from alerting.notification import NotificationState
from nines.storage.batches import CountBatch
from nines.storage.counts import CountStore
from nines.storage.database import Database, open_database
from nines.storage.doctor import examine, storage_bytes, storage_rows
from nines.storage.schema import metadata
from slo.ledger import BucketDelta
from tests.nines.storage.test_backup import T0, fill

NOW = T0 + timedelta(hours=3)
DETAIL = timedelta(days=35)


def wrong(database: Database) -> dict[str, str]:
    return {
        finding.check: finding.sentence
        for finding in examine(database, NOW, DETAIL)
        if not finding.ok
    }


def change(database: Database, statement: str, **values: object) -> None:
    with database.write() as connection:
        connection.execute(text(statement), values)


def checks_but_the_servers_clock(database: Database) -> dict[str, str]:
    found = wrong(database)
    if "database server's" in found.get("clock", ""):
        del found["clock"]
    return found


def test_nothing_is_wrong_with_a_database_in_use(database: Database) -> None:
    fill(database)

    assert checks_but_the_servers_clock(database) == {}


def test_an_empty_database_is_not_of_this_version(empty_database_url: str) -> None:
    database = open_database(empty_database_url)
    try:
        assert list(wrong(database)) == ["schema"]
    finally:
        database.close()


def test_a_sum_that_is_not_its_buckets_is_found(database: Database) -> None:
    fill(database)
    change(database, "UPDATE sums SET good = good + 1 WHERE series_id = 2")

    assert "sums of shop/1 differ" in checks_but_the_servers_clock(database)["sums"]


def test_counts_without_a_series_are_found(database: Database) -> None:
    fill(database)
    change(database, "DELETE FROM series WHERE series_id = 2")

    assert "packed_counts" in checks_but_the_servers_clock(database)["orphans"]


def test_an_overdue_notification_is_found(database: Database) -> None:
    micros = int((NOW - timedelta(minutes=6)).timestamp()) * 1_000_000
    change(
        database,
        "INSERT INTO incidents (id, service, state, severity, title, opened_at, revision)"
        " VALUES ('i', 's', 'triggered', 'page', 't', :at, 1)",
        at=micros,
    )
    change(
        database,
        "INSERT INTO notifications (id, incident_id, receiver, kind, revision, severity, message,"
        " state, created_at, next_attempt_at, attempts, reason) VALUES ('n', 'i', 'mail', 'fired',"
        " 1, 'page', '', :state, :at, :at, 0, '')",
        state=NotificationState.PENDING,
        at=micros,
    )

    assert "1 notifications are overdue" in checks_but_the_servers_clock(database)["outbox"]


def test_an_observation_of_the_future_is_a_clock_that_was_set_back(database: Database) -> None:
    (number, *_) = fill(database)
    ahead = NOW + timedelta(hours=1)
    delta = BucketDelta(int(ahead.timestamp()), good=1, seen=1)
    CountStore(database).flush(CountBatch(deltas={number: [delta]}, observed={number: ahead}))

    assert "set back" in wrong(database)["clock"]


def test_what_storage_takes_is_told_by_table(database: Database) -> None:
    fill(database)

    rows = storage_rows(database)

    assert set(rows) == set(metadata.tables)
    assert (rows["series"], rows["flushes"]) == (2, 3)
    assert storage_bytes(database) > 10_000
