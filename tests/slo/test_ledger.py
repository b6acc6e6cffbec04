"""Windows equal brute force over the buckets, whatever was booked and in which order."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.counts import Counts
from slo.ledger import BucketDelta, Ledger, epoch_micros, unit_seconds
from tests.slo.builders import T0

_LENGTHS = [
    timedelta(seconds=10),
    timedelta(minutes=5),
    timedelta(hours=6),
    timedelta(hours=7),
    timedelta(days=3),
    timedelta(days=4),
]
_DELTAS = st.builds(
    BucketDelta,
    bucket=st.integers(0, 5 * 8640).map(lambda n: int(T0.timestamp()) + n * 10),
    good=st.integers(0, 100_000),
    bad=st.integers(0, 5_000_000_000),
    unknown=st.integers(0, 3),
    seen=st.integers(0, 2),
    missed=st.integers(0, 2),
)


def brute_force(deltas: list[BucketDelta], length: timedelta, now_micros: int) -> tuple[int, ...]:
    seconds = int(length.total_seconds())
    unit = unit_seconds(seconds, 10) * 1_000_000
    start = -(-now_micros // unit) * unit - seconds * 1_000_000
    inside = [d for d in deltas if start <= d.bucket * 1_000_000 <= now_micros]
    return (
        sum(d.good for d in inside),
        sum(d.bad for d in inside),
        sum(d.unknown for d in inside),
        sum(d.seen for d in inside),
        sum(d.seen + d.missed for d in inside),
    )


@given(
    deltas=st.lists(_DELTAS, max_size=60),
    length=st.sampled_from(_LENGTHS),
    offset=st.timedeltas(timedelta(0), timedelta(hours=1)),
)
def test_a_window_equals_brute_force_over_the_buckets(
    deltas: list[BucketDelta], length: timedelta, offset: timedelta
) -> None:
    ledger = Ledger(10, timedelta(days=4))
    for delta in deltas:
        ledger.book(T0 + timedelta(seconds=delta.bucket - int(T0.timestamp())), delta)
    newest = max((d.bucket for d in deltas), default=int(T0.timestamp()))
    now = T0 + timedelta(seconds=newest - int(T0.timestamp())) + offset

    window = ledger.window(length, now)

    counts = window.counts
    assert (counts.good, counts.bad, counts.unknown, window.seen, window.due) == brute_force(
        deltas, length, epoch_micros(now)
    )


@given(st.lists(st.integers(0, 86_400), max_size=30), st.integers(0, 200_000))
def test_slots_that_left_the_ring_come_back_empty(ages: list[int], later: int) -> None:
    ledger = Ledger(10, timedelta(days=1))
    for age in ages:
        at = T0 + timedelta(seconds=age)
        ledger.book(at, BucketDelta(ledger.bucket_of(at), good=1, seen=1))
    now = T0 + timedelta(seconds=86_400 + later)

    counted = ledger.window(timedelta(hours=1), now).counts.good

    oldest = now - timedelta(hours=1)
    assert counted == sum(1 for age in ages if T0 + timedelta(seconds=age) >= oldest)


def test_counts_beyond_32_bits_stay_exact() -> None:
    ledger = Ledger(10, timedelta(hours=1))
    for _ in range(3):
        ledger.book(T0, BucketDelta(ledger.bucket_of(T0), good=2**53 + 1, bad=1, seen=1))

    assert ledger.window(timedelta(hours=1), T0).counts == Counts(3 * (2**53 + 1), 3)


def test_smeared_events_count_but_are_not_observed() -> None:
    ledger = Ledger(10, timedelta(hours=1))
    bucket = ledger.bucket_of(T0)
    ledger.book(T0, BucketDelta(bucket, good=8, bad=2, smeared_good=8, smeared_bad=2))
    ledger.book(T0, BucketDelta(bucket, good=5, bad=1, seen=1))

    window = ledger.window(timedelta(minutes=5), T0)

    assert (window.counts, window.observed) == (Counts(13, 3), Counts(5, 1))


def test_an_event_at_the_very_edge_is_inside() -> None:
    ledger = Ledger(10, timedelta(hours=1))
    ledger.book(T0, BucketDelta(ledger.bucket_of(T0), bad=1, seen=1))

    assert ledger.window(timedelta(minutes=5), T0).counts.bad == 1


def test_loading_what_was_booked_gives_the_same_window() -> None:
    booked, loaded = Ledger(10, timedelta(days=4)), Ledger(10, timedelta(days=4))
    deltas = [BucketDelta(int(T0.timestamp()) + n * 50, good=n, bad=1, seen=1) for n in range(400)]
    for delta in deltas:
        booked.book(T0, delta)
    for width in loaded.widths:
        loaded.load(width, [(d.bucket, *d.columns()) for d in deltas])
    now = T0 + timedelta(seconds=20_000)

    for length in _LENGTHS:
        assert loaded.window(length, now) == booked.window(length, now)


@given(
    before=st.lists(_DELTAS, max_size=20),
    loaded=st.lists(_DELTAS, max_size=40),
    length=st.sampled_from(_LENGTHS),
)
def test_loading_at_once_equals_booking_one_by_one(
    before: list[BucketDelta], loaded: list[BucketDelta], length: timedelta
) -> None:
    one_by_one, at_once = Ledger(10, timedelta(days=4)), Ledger(10, timedelta(days=4))
    for delta in [*before, *loaded]:
        one_by_one.book(T0, delta)
    for delta in before:
        at_once.book(T0, delta)
    for width in at_once.widths:
        at_once.load(width, [(delta.bucket, *delta.columns()) for delta in loaded])
    now = T0 + timedelta(days=5)

    for at in (now, now - timedelta(hours=7), now - timedelta(days=1)):
        assert at_once.window(length, at) == one_by_one.window(length, at)


@pytest.mark.parametrize(
    ("hours", "unit"), [(1, 10), (6, 10), (7, 60), (72, 60), (73, 300), (720, 300)]
)
def test_the_grain_grows_with_the_window(hours: int, unit: int) -> None:
    assert unit_seconds(hours * 3600, 10) == unit


def test_causes_are_summed_over_the_window_largest_first() -> None:
    ledger = Ledger(10, timedelta(days=1))
    ledger.book_cause(T0, "timeout", 2)
    ledger.book_cause(T0 + timedelta(hours=1), "status", 5)
    ledger.book_cause(T0 - timedelta(days=2), "dns", 9)

    causes = ledger.causes(timedelta(hours=2), T0 + timedelta(hours=1))

    assert list(causes.items()) == [("status", 5), ("timeout", 2)]
