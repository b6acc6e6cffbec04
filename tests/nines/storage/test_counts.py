"""Counts are added exactly, kept whole, and read back at any width."""

import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from nines.storage.batches import CauseDelta, CollectorRecord, CountBatch, PageCounts, write_batch
from nines.storage.counts import CountStore, StoredBucket
from nines.storage.database import Database
from nines.storage.errors import StorageError, UnfitError
from slo.counts import Counts
from slo.ledger import BucketDelta, Ledger

T0 = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
B0 = int(T0.timestamp())
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

# The database of a test outlives its examples; each example takes a series of its own.
per_example = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
_DELTA = st.builds(
    BucketDelta,
    bucket=st.integers(0, 5 * 360).map(lambda n: B0 + 10 * n),
    good=st.integers(0, 100_000),
    bad=st.integers(0, 2**40),
    unknown=st.integers(0, 3),
    seen=st.integers(0, 2),
    missed=st.integers(0, 2),
    smeared_good=st.integers(0, 9),
    smeared_bad=st.integers(0, 9),
)
_FLUSHES = st.lists(st.lists(_DELTA, max_size=12), max_size=5)


@pytest.fixture
def store(database: Database) -> CountStore:
    return CountStore(database)


def a_series(store: CountStore) -> int:
    return store.register("shop/availability", uuid4().hex, T0).series_id


def one(number: int, *deltas: BucketDelta) -> CountBatch:
    return CountBatch(deltas={number: deltas})


def everything(store: CountStore, number: int, width: int) -> list[StoredBucket]:
    return store.load(number, width, T0 - 400 * DAY, T0 + 400 * DAY)


def by_hand(flushes: list[list[BucketDelta]], width: int) -> list[tuple[int, ...]]:
    model: dict[int, tuple[int, ...]] = {}
    for delta in [delta for flush in flushes for delta in flush]:
        start = delta.bucket // width * width
        have = model.get(start, (0,) * 7)
        model[start] = tuple(a + b for a, b in zip(have, delta.columns(), strict=True))
    return [(start, *model[start]) for start in sorted(model)]


def test_a_new_series_starts_empty(store: CountStore) -> None:
    record = store.register("shop/availability", "v1", T0)

    assert (record.slo_id, record.fingerprint, record.created_at) == ("shop/availability", "v1", T0)
    assert record.lifetime == Counts()
    assert record.watched_since is None
    assert record.last_observation is None


def test_the_same_definition_goes_on_where_it_was(store: CountStore) -> None:
    number = store.register("shop/availability", "v1", T0).series_id
    seen_at = T0 + timedelta(seconds=12, microseconds=345)
    delta = BucketDelta(B0 + 10, good=5, bad=2, unknown=1)
    store.flush(CountBatch(deltas={number: [delta]}, observed={number: seen_at}))

    again = store.register("shop/availability", "v1", T0 + DAY)

    assert again.series_id == number
    assert again.created_at == T0
    assert again.lifetime == Counts(5, 2, 1)
    assert again.watched_since == T0 + timedelta(seconds=10)
    assert again.last_observation == seen_at


def test_another_definition_starts_empty_and_the_old_one_stays_readable(store: CountStore) -> None:
    old = store.register("shop/availability", "v1", T0)
    store.flush(one(old.series_id, BucketDelta(B0, good=5)))

    new = store.register("shop/availability", "v2", T0 + DAY)

    assert new.series_id != old.series_id
    assert new.lifetime == Counts()
    assert everything(store, old.series_id, 10) == [(B0, 5, 0, 0, 0, 0, 0, 0)]
    assert [record.fingerprint for record in store.series("shop/availability")] == ["v2", "v1"]


@per_example
@given(flushes=_FLUSHES, width=st.sampled_from([10, 60, 300, 900]), packing=st.booleans())
def test_what_was_flushed_reads_back_as_its_sum(
    store: CountStore, flushes: list[list[BucketDelta]], width: int, packing: bool
) -> None:
    number = a_series(store)
    for flush in flushes:
        store.flush(one(number, *flush))
        if packing:
            pack_all(store, T0 + 3 * HOUR)

    assert everything(store, number, width) == by_hand(flushes, width)


@per_example
@given(
    flushes=_FLUSHES,
    step=st.sampled_from([10, 60, 300, 600, 1800]),
    start=st.one_of(st.integers(0, 200).map(lambda n: B0 + 10 * n), st.just(B0), st.just(B0 + 300)),
    length=st.integers(0, 800).map(lambda n: 10 * n),
    packing=st.booleans(),
)
def test_a_chart_equals_brute_force_whichever_table_answers(
    store: CountStore,
    flushes: list[list[BucketDelta]],
    step: int,
    start: int,
    length: int,
    packing: bool,
) -> None:
    number = a_series(store)
    store.flush(one(number, *[delta for flush in flushes for delta in flush]))
    if packing:
        pack_all(store, T0 + 3 * HOUR)
    expected: dict[int, list[int]] = {}
    for bucket, good, bad, unknown, seen, *_ in by_hand(flushes, 10):
        if start <= bucket < start + length:
            point = expected.setdefault((bucket - start) // step * step + start, [0] * 4)
            for index, amount in enumerate((good, bad, unknown, seen)):
                point[index] += amount

    points = store.points(number, _at(start), _at(start + length), step)

    assert points == [(at, *expected[at]) for at in sorted(expected)]


def test_a_chart_of_long_ago_is_drawn_from_the_five_minute_sums(store: CountStore) -> None:
    number = a_series(store)
    store.flush(one(number, BucketDelta(B0, good=5), BucketDelta(B0 + 310, bad=1)))
    store.prune(T0 + 40 * DAY, detail=35 * DAY, sums=400 * DAY)

    assert store.points(number, T0, T0 + HOUR, 600) == [(B0, 5, 1, 0, 0)]
    assert store.points(number, T0, T0 + HOUR, 10) == []


def test_a_chart_that_ends_between_the_sums_holds_nothing_from_behind_its_end(
    store: CountStore,
) -> None:
    number = a_series(store)
    store.flush(one(number, *[BucketDelta(B0 + 10 * n, good=1, seen=1) for n in range(60)]))

    assert store.points(number, T0, T0 + timedelta(seconds=400), 300) == [
        (B0, 30, 0, 0, 30),
        (B0 + 300, 10, 0, 0, 10),
    ]


def test_loading_takes_the_whole_buckets_that_the_range_touches(store: CountStore) -> None:
    number = a_series(store)
    store.flush(one(number, *[BucketDelta(B0 + 10 * n, good=1) for n in range(60)]))

    rows = store.load(number, 60, T0 + timedelta(seconds=90), T0 + timedelta(seconds=181))

    assert [(row[0] - B0, row[1]) for row in rows] == [(60, 6), (120, 6), (180, 6)]


def test_a_base_bucket_may_change_and_the_counts_stay(store: CountStore) -> None:
    number = a_series(store)
    store.flush(one(number, BucketDelta(B0, good=1), BucketDelta(B0 + 5, good=2)))

    assert everything(store, number, 10) == [(B0, 3, 0, 0, 0, 0, 0, 0)]


def test_a_batch_names_only_counts_that_there_are_and_the_others_stay(store: CountStore) -> None:
    number = a_series(store)

    store.flush(one(number, BucketDelta(B0, good=3, unknown=2, seen=1)))
    store.flush(one(number, BucketDelta(B0, bad=4)))
    store.flush(one(number, BucketDelta(B0), BucketDelta(B0 + 10)))

    assert everything(store, number, 10) == [
        (B0, 3, 4, 2, 1, 0, 0, 0),
        (B0 + 10, 0, 0, 0, 0, 0, 0, 0),
    ]


def test_series_do_not_see_one_another(store: CountStore) -> None:
    first, second = a_series(store), a_series(store)
    store.flush(CountBatch(deltas={first: [BucketDelta(B0, good=1)], second: []}))
    store.flush(CountBatch(deltas={second: [BucketDelta(B0, bad=7), BucketDelta(B0 + 10, bad=1)]}))
    pack_all(store, T0 + 3 * HOUR)

    assert everything(store, first, 300) == [(B0, 1, 0, 0, 0, 0, 0, 0)]
    assert everything(store, second, 300) == [(B0, 0, 8, 0, 0, 0, 0, 0)]


def test_a_ledger_restored_from_storage_equals_the_one_that_was_lost(store: CountStore) -> None:
    number, now = a_series(store), T0 + 30 * HOUR
    lost, restored = Ledger(10, 7 * DAY), Ledger(10, 7 * DAY)
    booked: list[BucketDelta] = []
    for n in range(400):
        at = T0 + timedelta(seconds=270 * n)
        delta = BucketDelta(lost.bucket_of(at), good=n, bad=n % 3, seen=1, smeared_good=n % 2)
        lost.book(at, delta)
        booked.append(delta)
    for part in range(4):  # in no order of time
        store.flush(one(number, *booked[part::4]))
    pack_all(store, now)

    for width in restored.widths:
        restored.load(width, store.load(number, width, T0 - 7 * DAY, now))

    for length in (timedelta(minutes=5), HOUR, 6 * HOUR, DAY, 7 * DAY):
        assert restored.window(length, now) == lost.window(length, now)


def test_causes_are_added_up_largest_first(store: CountStore) -> None:
    number = a_series(store)
    deltas = [CauseDelta(B0, "status", 2), CauseDelta(B0, "timeout", 1)]
    store.flush(CountBatch(causes={number: deltas}))
    store.flush(CountBatch(causes={number: [CauseDelta(B0 + 300, "timeout", 5)]}))

    assert store.causes(number, T0, T0 + HOUR) == {"timeout": 6, "status": 2}
    assert list(store.causes(number, T0, T0 + HOUR)) == ["timeout", "status"]
    assert store.causes(number, T0 + timedelta(minutes=5), T0 + HOUR) == {"timeout": 5}
    assert store.load_causes(number, T0, T0 + HOUR) == [
        (B0, "status", 2),
        (B0, "timeout", 1),
        (B0 + 300, "timeout", 5),
    ]


def test_collectors_go_on_from_their_newest_state(store: CountStore) -> None:
    for second in (1, 2):
        record = CollectorRecord(T0 + timedelta(seconds=second), f'{{"seen":{second}}}')
        store.flush(CountBatch(collector_states={"shop/health": record}))

    assert store.collector_states() == {"shop/health": record}


def test_one_series_that_was_never_registered_keeps_the_whole_batch_out(store: CountStore) -> None:
    number = a_series(store)
    batch = CountBatch(
        deltas={number: [BucketDelta(B0, good=1)], number + 1: [BucketDelta(B0, good=1)]},
        collector_states={"shop/health": CollectorRecord(T0, "{}")},
    )

    with pytest.raises(StorageError, match="1 of 2 series in this batch were never registered"):
        store.flush(batch)

    assert everything(store, number, 10) == []
    assert store.collector_states() == {}


def test_a_statement_that_fails_in_the_middle_leaves_nothing(
    store: CountStore, database: Database
) -> None:
    number = a_series(store)
    with database.write() as connection:
        connection.execute(text("ALTER TABLE collectors RENAME TO hidden"))  # the last one written
    batch = CountBatch(
        deltas={number: [BucketDelta(B0, good=1)]},
        causes={number: [CauseDelta(B0, "status", 1)]},
        collector_states={"shop/health": CollectorRecord(T0, "{}")},
    )

    with pytest.raises(StorageError, match="collectors"):
        store.flush(batch)

    assert everything(store, number, 10) == []
    assert everything(store, number, 300) == []
    assert store.causes(number, T0, T0 + HOUR) == {}
    assert store.series("shop/availability")[0].lifetime == Counts()


def test_a_batch_with_an_id_counts_once_however_often_it_is_written(store: CountStore) -> None:
    number = a_series(store)
    batch = CountBatch(deltas={number: [BucketDelta(B0, good=1)]}, id="second-1")
    for _ in range(3):
        store.flush(batch)
    store.flush(CountBatch(deltas={number: [BucketDelta(B0, good=1)]}, id="second-2"))

    assert everything(store, number, 10) == [(B0, 2, 0, 0, 0, 0, 0, 0)]


@per_example
@given(flushes=_FLUSHES, packing=st.booleans(), length=st.sampled_from([HOUR, 7 * HOUR, 4 * DAY]))
def test_a_ledger_filled_from_histories_equals_one_that_was_booked(
    store: CountStore, flushes: list[list[BucketDelta]], packing: bool, length: timedelta
) -> None:
    number, neighbour = a_series(store), a_series(store)
    booked, restored = Ledger(10, 4 * DAY), Ledger(10, 4 * DAY)
    for flush in flushes:
        store.flush(CountBatch(deltas={number: flush, neighbour: flush[:1]}))
        for delta in flush:
            booked.book(T0, delta)
        if packing:
            pack_all(store, T0 + 2 * DAY)
    newest = max((delta.bucket for flush in flushes for delta in flush), default=B0)
    now = T0 + timedelta(seconds=newest - B0 + 5)

    histories = dict(store.histories([number, neighbour], now - 4 * DAY, now - 4 * DAY, now))

    assert set(histories) == {number, neighbour}
    for width in restored.widths:
        stored = histories[number].fine if width % 300 else histories[number].coarse
        restored.load(width, stored.loose)
        for strip in stored.strips:
            restored.load_strip(width, strip)
    assert restored.window(length, now) == booked.window(length, now)


def test_histories_bring_causes_and_are_empty_for_a_new_series(store: CountStore) -> None:
    number, fresh = a_series(store), a_series(store)
    store.flush(CountBatch(causes={number: [CauseDelta(B0, "timeout", 2)]}))

    histories = dict(store.histories([number, fresh], T0 - DAY, T0 - DAY, T0 + DAY))

    assert list(histories[number].causes) == [(B0, "timeout", 2)]
    assert (len(histories[fresh].detail), len(histories[fresh].causes)) == (0, 0)


def test_histories_leave_out_what_a_clock_that_ran_ahead_wrote(store: CountStore) -> None:
    number = a_series(store)
    ahead = BucketDelta(B0 + 7_200, good=5)
    store.flush(one(number, BucketDelta(B0, good=1), ahead))

    histories = dict(store.histories([number], T0 - DAY, T0 - DAY, T0 + HOUR))

    assert histories[number].detail[:, :2].tolist() == [[B0, 1]]
    assert histories[number].sums[:, :2].tolist() == [[B0, 1]]


def test_many_series_are_registered_at_once_in_the_order_asked_for(store: CountStore) -> None:
    old = store.register("shop/b", "v1", T0)

    records = store.register_all([("shop/c", "v1"), ("shop/b", "v1"), ("shop/a", "v1")], T0 + DAY)

    assert [record.slo_id for record in records] == ["shop/c", "shop/b", "shop/a"]
    assert records[1] == old


def test_retention_forgets_detail_first_and_sums_later(store: CountStore) -> None:
    number = a_series(store)
    old, new = BucketDelta(B0, good=1), BucketDelta(B0 + 30 * 86_400, good=2)
    store.flush(
        CountBatch(
            deltas={number: [old, new]},
            causes={number: [CauseDelta(B0, "status", 1)]},
            collector_states={"shop/health": CollectorRecord(T0, "{}")},
        )
    )

    store.prune(T0 + 36 * DAY, detail=35 * DAY, sums=60 * DAY)
    assert [row[0] for row in everything(store, number, 10)] == [new.bucket]
    assert [row[0] for row in everything(store, number, 300)] == [old.bucket, new.bucket]

    store.prune(T0 + 61 * DAY, detail=35 * DAY, sums=60 * DAY)
    assert [row[0] for row in everything(store, number, 300)] == [new.bucket]
    assert store.causes(number, T0, T0 + HOUR) == {}
    assert store.collector_states() == {}

    store.prune(T0 + 91 * DAY, detail=35 * DAY, sums=60 * DAY)
    assert store.series("shop/availability") == []


def test_retention_of_many_rows_goes_in_batches(store: CountStore) -> None:
    number, now = a_series(store), T0 + 36 * DAY + timedelta(seconds=500)
    causes = [CauseDelta(B0 - 86_400 * n, "status", 1) for n in range(12)]
    deltas = [BucketDelta(B0 + 10 * n, good=1) for n in range(100)]
    store.flush(CountBatch(deltas={number: deltas}, causes={number: causes}))

    removed = [store.prune(now, 36 * DAY, 36 * DAY, limit=7) for _ in range(9)]

    # A batch ends with a whole bucket: 50 base buckets, one sum (of two) and 12 causes go.
    assert removed[-1] == 0
    assert sum(removed) == 50 + 1 + 12
    assert max(removed) <= 8 + 1 + 7
    assert len(everything(store, number, 10)) == 50


def test_retention_keeps_the_newest_batch_ids(store: CountStore, database: Database) -> None:
    for n in range(5):
        store.flush(CountBatch(id=f"old-{n}"))
    with database.write() as connection:
        connection.execute(text("UPDATE flushes SET number = number + 1000 WHERE number > 2"))

    store.prune(T0, 35 * DAY, 400 * DAY)

    with database.read() as connection:
        kept = connection.execute(text("SELECT batch_id FROM flushes ORDER BY number")).scalars()
        assert kept.all() == ["old-2", "old-3", "old-4"]


def test_readers_beside_the_writer_see_only_whole_batches(store: CountStore) -> None:
    number = a_series(store)
    done = threading.Event()
    torn: list[Mapping[int, int]] = []

    def read() -> None:
        while not done.is_set():
            sums = {row[0]: row[1] for row in everything(store, number, 10)}
            if len(set(sums.values())) > 1:
                torn.append(sums)

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(40):
        store.flush(one(number, *[BucketDelta(B0 + 10 * n, good=1) for n in range(50)]))
        if n % 10 == 9:
            pack_all(store, T0 + 3 * HOUR)
    done.set()
    reader.join()

    assert torn == []
    assert {row[1] for row in everything(store, number, 10)} == {40}


def test_two_writers_lose_nothing(store: CountStore) -> None:
    numbers = [a_series(store) for _ in range(20)]

    def write(order: list[int]) -> None:
        for _ in range(10):
            store.flush(CountBatch(deltas={n: [BucketDelta(B0, good=1)] for n in order}))

    writers = [threading.Thread(target=write, args=(order,)) for order in (numbers, numbers[::-1])]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert [everything(store, n, 10)[0][1] for n in numbers] == [20] * 20


def test_packing_loses_nothing_that_is_being_added(store: CountStore, database: Database) -> None:
    number = a_series(store)
    store.flush(one(number, BucketDelta(B0, good=1)))
    packing = threading.Thread(target=pack_all, args=(store, T0 + 3 * HOUR))

    with database.write() as connection:
        write_batch(connection, one(number, BucketDelta(B0, good=1)))
        packing.start()
        if database.dialect == "postgresql":  # on SQLite it waits for its turn to begin
            wait_until_something_waits_for_a_lock(database)
    packing.join()

    assert everything(store, number, 10) == [(B0, 2, 0, 0, 0, 0, 0, 0)]


def wait_until_something_waits_for_a_lock(database: Database) -> None:
    while True:
        with database.read() as connection:
            waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if connection.execute(waiting).scalar():
                return


def pack_all(store: CountStore, now: datetime) -> None:
    while store.pack(now):
        pass


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def test_what_is_taken_back_leaves_counts_and_causes_and_stays_in_the_totals(
    store: CountStore,
) -> None:
    number = a_series(store)
    store.flush(
        CountBatch(
            {number: [BucketDelta(B0, unknown=1, missed=1), BucketDelta(B0 + 10, bad=1, seen=1)]},
            causes={number: [CauseDelta(B0, "tokyo, iowa", 1)]},
        )
    )
    while store.pack(T0 + HOUR):
        pass

    store.flush(
        CountBatch(
            {number: [BucketDelta(B0, good=1, unknown=-1, seen=1, missed=-1)]},
            causes={number: [CauseDelta(B0, "tokyo, iowa", -1), CauseDelta(B0, "tokyo", 1)]},
        )
    )

    assert store.load(number, 10, T0, T0 + HOUR) == [
        (B0, 1, 0, 0, 1, 0, 0, 0),
        (B0 + 10, 0, 1, 0, 1, 0, 0, 0),
    ]
    assert store.load(number, 300, T0, T0 + HOUR) == [(B0, 1, 1, 0, 2, 0, 0, 0)]
    assert store.causes(number, T0, T0 + HOUR) == {"tokyo": 1}
    assert store.load_causes(number, T0, T0 + HOUR) == [(B0, "tokyo", 1)]
    while store.pack(T0 + 2 * HOUR):
        pass
    assert store.load(number, 300, T0, T0 + HOUR) == [(B0, 1, 1, 0, 2, 0, 0, 0)]
    (record,) = store.series("shop/availability")
    assert record.lifetime == Counts(good=1, bad=1, unknown=1)


@pytest.mark.parametrize("bucket", [B0, B0 + 290])
def test_a_page_is_what_its_rows_would_be_one_by_one(store: CountStore, bucket: int) -> None:
    one_by_one, at_once = ([a_series(store) for _ in range(5)] for _ in range(2))
    at = T0 + timedelta(seconds=7)
    rows = [(5, 1, 0, 1, 0, 0, 0), (0, 0, 2, 1, 0, 0, 0), (2**40, 7, 0, 1, 0, 0, 0)]
    rows += [(0, 0, 0, 1, 0, 0, 0), (9, 0, 0, 1, 0, 0, 0)]
    amounts = np.array(rows, np.int64)
    for batch in range(2):  # what comes again adds to it
        store.flush(
            CountBatch(
                deltas={
                    number: [BucketDelta(bucket, *row)]
                    for number, row in zip(one_by_one, rows, strict=True)
                },
                observed=dict.fromkeys(one_by_one, at),
                id=f"rows-{batch}",
            )
        )
        backwards = PageCounts(at_once[::-1], at, bucket, amounts[::-1])
        paged = CountBatch(pages=(backwards,), id=f"page-{batch}")
        store.flush(paged)
        store.flush(paged)  # counted once, however often it is written

    for alone, together in zip(one_by_one, at_once, strict=True):
        for width in (10, 300):
            assert everything(store, together, width) == everything(store, alone, width)
    told = {one.series_id: one for one in store.series("shop/availability")}
    for alone, together in zip(one_by_one, at_once, strict=True):
        plain, paged_ = told[alone], told[together]
        assert paged_.lifetime == plain.lifetime
        assert paged_.watched_since == plain.watched_since
        assert paged_.last_observation == plain.last_observation == at


def test_a_page_of_a_series_that_nobody_registered_is_not_written(store: CountStore) -> None:
    number = a_series(store)
    page = PageCounts([number, 10_000], T0, B0, np.ones((2, 7), np.int64))

    with pytest.raises(StorageError, match="1 of 2 series"):
        store.flush(CountBatch(pages=(page,)))

    assert everything(store, number, 10) == []


def test_what_cannot_be_stored_keeps_nothing_else_out(store: CountStore) -> None:
    number, other = a_series(store), 999_999  # the latter was never registered
    page = PageCounts(
        [number, other], T0, B0 + 10, np.array([[1, 0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0]])
    )
    batch = CountBatch(
        deltas={number: [BucketDelta(B0, good=1)], other: [BucketDelta(B0, good=5)]},
        causes={number: [CauseDelta(B0, "status", 2**80)]},
        collector_states={"shop/health": CollectorRecord(T0, "{}")},
        id="second-1",
        pages=(page,),
    )
    more = CountBatch(deltas={number: [BucketDelta(B0, good=2)]}, id="second-2")
    with pytest.raises(UnfitError):
        store.flush(batch)

    refused = store.flush_fitting(batch)
    store.flush(more)
    again = store.flush_fitting(batch)  # counted once, by its id

    parts = [one.part for one in refused]
    assert [list(part.deltas) for part in parts] == [[other], [], []]
    assert [list(part.causes) for part in parts] == [[], [number], []]
    assert [list(page.numbers) for part in parts for page in part.pages] == [[other]]
    assert again == []
    assert [row[:2] for row in everything(store, number, 10)] == [(B0, 3), (B0 + 10, 1)]
    assert store.collector_states().keys() == {"shop/health"}


def test_a_database_at_fault_is_no_fault_of_the_counts(
    store: CountStore, database: Database
) -> None:
    number = a_series(store)
    with database.write() as connection:
        connection.execute(text("ALTER TABLE collectors RENAME TO hidden"))
    batch = CountBatch(
        deltas={number: [BucketDelta(B0, good=1)]},
        collector_states={"shop/health": CollectorRecord(T0, "{}")},
    )

    with pytest.raises(StorageError, match="collectors") as caught:
        store.flush_fitting(batch)

    assert not isinstance(caught.value, UnfitError)
    assert everything(store, number, 10) == []
