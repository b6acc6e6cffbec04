"""Counts at rest are packed and joined, read the same, and go day by day."""

from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import text

from nines.storage.batches import CountBatch
from nines.storage.counts import CountStore
from nines.storage.database import Database
from nines.storage.packing import pack
from nines.storage.schema import packed_sums
from slo.ledger import BucketDelta
from tests.nines.storage.test_counts import (
    B0,
    DAY,
    HOUR,
    T0,
    a_series,
    everything,
    one,
    pack_all,
)


@pytest.fixture
def store(database: Database) -> CountStore:
    return CountStore(database)


def chunks(database: Database, table: str) -> int:
    with database.read() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())  # noqa: S608 - names are ours


def test_packing_moves_what_has_come_to_rest_and_keeps_the_last_minutes_loose(
    store: CountStore, database: Database
) -> None:
    number = a_series(store)
    deltas = [BucketDelta(B0 + 10 * n, good=1) for n in range(4 * 360)]
    store.flush(one(number, *deltas))
    before = everything(store, number, 10)

    *moved, joined, nothing = [store.pack(T0 + 4 * HOUR, limit=100) for _ in range(17)]

    # All buckets but those of ten minutes, and the sums of three hours with the first of them.
    assert sum(moved) == 4 * 360 - 60 + 36
    assert max(moved) == 101 + 36
    assert (joined, nothing) == (3, 0)  # hours; the one from 12:00 stays for itself
    assert everything(store, number, 10) == before
    assert chunks(database, "packed_counts") == 2
    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM counts")).scalar() == 60


def test_hours_at_rest_are_joined_day_by_day_and_read_the_same(
    store: CountStore, database: Database
) -> None:
    number = a_series(store)
    deltas = [BucketDelta(B0 + 600 * n, good=n + 1, seen=1) for n in range(12 * 144)]
    store.flush(one(number, *deltas))
    before = [everything(store, number, width) for width in (10, 300)]
    pack_all(store, T0 + 13 * DAY)

    assert chunks(database, "packed_counts") == 13  # days; the first and the last are halves
    assert [everything(store, number, width) for width in (10, 300)] == before

    late = BucketDelta(B0 + 86_400 + 7_200, bad=3)
    store.flush(one(number, late))
    pack_all(store, T0 + 13 * DAY)
    assert chunks(database, "packed_counts") == 13
    assert [row[2] for row in everything(store, number, 10) if row[0] == late.bucket] == [3]


def test_the_running_day_is_joined_every_few_hours(store: CountStore, database: Database) -> None:
    number = a_series(store)
    store.flush(one(number, *[BucketDelta(B0 + 600 * n, good=1) for n in range(6 * 14)]))
    pack_all(store, T0 + 14 * HOUR)

    # It is 23:00. The hours from 09:00 lie together, and those from 20:00 each for itself.
    assert chunks(database, "packed_counts") == 4

    before = everything(store, number, 10)
    pack_all(store, T0 + 16 * HOUR)
    assert chunks(database, "packed_counts") == 1
    assert everything(store, number, 10) == before


@pytest.mark.parametrize("often", [True, False], ids=["as days pass", "after a month"])
def test_sums_lie_ten_days_together_however_late_they_are_packed(
    store: CountStore, database: Database, *, often: bool
) -> None:
    number = a_series(store)
    for day in range(30):
        store.flush(one(number, *[BucketDelta(B0 + 86_400 * day + 300 * n) for n in range(288)]))
        if often:
            pack_all(store, T0 + (day + 1) * DAY)
    pack_all(store, T0 + 31 * DAY)

    # Ten days are counted from 1970: the month touches four of them.
    assert chunks(database, "packed_sums") == 4
    assert [row[0] for row in everything(store, number, 300)] == [
        B0 + 300 * n for n in range(30 * 288)
    ]


def test_chunks_of_a_day_that_an_older_version_left_are_joined(
    store: CountStore, database: Database
) -> None:
    number = a_series(store)
    day = B0 // 86_400 * 86_400
    rows = [[day + 86_400 * n + 7_200, n + 1, 0, 0, 1, 0, 0, 0] for n in range(20)]
    with database.write() as connection:
        connection.execute(
            packed_sums.insert(),
            [
                {"series_id": number, "start": day + 86_400 * n, "rows": pack(np.array([row]))}
                for n, row in enumerate(rows)
            ],
        )
    assert everything(store, number, 300) == [tuple(row) for row in rows]

    pack_all(store, T0 + 40 * DAY)

    assert chunks(database, "packed_sums") <= 3
    assert everything(store, number, 300) == [tuple(row) for row in rows]


def test_packed_sums_go_with_the_last_of_their_day(store: CountStore) -> None:
    number = a_series(store)
    store.flush(one(number, BucketDelta(B0, good=1)))
    pack_all(store, T0 + 50 * DAY)
    midnight = T0.replace(hour=0) + DAY

    store.prune(midnight + 400 * DAY - timedelta(minutes=5), detail=35 * DAY, sums=400 * DAY)
    assert [row[0] for row in everything(store, number, 300)] == [B0]

    store.prune(midnight + 400 * DAY, detail=35 * DAY, sums=400 * DAY)
    assert everything(store, number, 300) == []


def test_days_of_sums_go_one_by_one_out_of_a_chunk_that_holds_younger_ones(
    store: CountStore, database: Database
) -> None:
    number, neighbour = a_series(store), a_series(store)
    buckets = [B0 + 86_400 * n for n in range(30)]
    deltas = [BucketDelta(bucket, good=1) for bucket in buckets]
    store.flush(CountBatch(deltas={number: deltas, neighbour: deltas}))
    pack_all(store, T0 + 50 * DAY)
    midnight = T0.replace(hour=0) + DAY

    for day in range(30):
        now = midnight + (400 + day) * DAY
        while store.prune(now, detail=35 * DAY, sums=400 * DAY, limit=1):
            pass
        left = [everything(store, one, 300) for one in (number, neighbour)]
        assert [[row[0] for row in rows] for rows in left] == [buckets[day + 1 :]] * 2
        # What is left of a chunk is not packed again each time that somebody looks.
        assert store.pack(now) == 0
    assert chunks(database, "packed_sums") == 0


def test_what_comes_late_joins_a_chunk_that_was_trimmed_and_goes_with_its_day(
    store: CountStore, database: Database
) -> None:
    number = a_series(store)
    days = [B0 + 86_400 * n for n in range(5)]
    store.flush(one(number, *[BucketDelta(day, good=1) for day in days]))
    pack_all(store, T0 + 50 * DAY)
    now = T0.replace(hour=0) + 403 * DAY
    store.prune(now, detail=400 * DAY, sums=400 * DAY)
    store.flush(one(number, BucketDelta(days[3], bad=2), BucketDelta(days[4], bad=3)))
    pack_all(store, now)

    assert [row[:3] for row in everything(store, number, 300)] == [(days[3], 1, 2), (days[4], 1, 3)]

    store.prune(now + DAY, detail=400 * DAY, sums=400 * DAY)
    assert [row[:3] for row in everything(store, number, 300)] == [(days[4], 1, 3)]
    assert chunks(database, "packed_sums") == 1


def test_retention_reaches_packed_counts_and_spares_younger_ones(store: CountStore) -> None:
    number = a_series(store)
    buckets = [B0, B0 + 24 * 3600, B0 + 40 * 86_400]
    store.flush(one(number, *[BucketDelta(bucket, good=1) for bucket in buckets]))
    pack_all(store, T0 + 50 * DAY)
    midnight = T0.replace(hour=0) + DAY

    minute = timedelta(minutes=1)
    too_early = store.prune(midnight + 35 * DAY - minute, detail=35 * DAY, sums=400 * DAY)
    removed = store.prune(midnight + 35 * DAY, detail=35 * DAY, sums=400 * DAY)

    assert too_early == 0  # the day that it lies in is not over yet
    assert removed == 1
    assert [row[0] for row in everything(store, number, 10)] == buckets[1:]
