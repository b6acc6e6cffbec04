"""The events of a gap, spread over its buckets."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from slo.counter import smear
from slo.increment import Increment

T0 = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
B0 = int(T0.timestamp())


def test_events_are_spread_evenly() -> None:
    spread = smear(Increment(good=3, bad=3), T0, T0 + timedelta(seconds=30), 10)

    assert spread == [(B0, 1, 1), (B0 + 10, 1, 1), (B0 + 20, 1, 1)]


def test_bad_events_follow_the_total_of_their_bucket() -> None:
    spread = smear(Increment(good=1, bad=3), T0, T0 + timedelta(seconds=30), 10)

    assert spread == [(B0, 1, 0), (B0 + 10, 0, 1), (B0 + 20, 0, 2)]


def test_a_gap_that_ends_within_a_bucket_reaches_into_it() -> None:
    spread = smear(Increment(good=4), T0 + timedelta(seconds=5), T0 + timedelta(seconds=32), 10)

    assert spread == [(B0 + 10 * n, 1, 0) for n in range(4)]


def test_fewer_events_than_buckets_leave_buckets_out() -> None:
    spread = smear(Increment(bad=1), T0, T0 + timedelta(seconds=30), 10)

    assert spread == [(B0 + 20, 0, 1)]


def test_no_events_give_no_buckets() -> None:
    assert smear(Increment(), T0, T0 + timedelta(hours=1), 10) == []


@given(
    good=st.integers(0, 10**9),
    bad=st.integers(0, 10**9),
    start=st.integers(0, 100_000),
    length=st.integers(1, 5_000_000),
    bucket=st.sampled_from([1, 2, 5, 10]),
)
def test_sums_are_exact_and_every_bucket_is_possible(
    good: int, bad: int, start: int, length: int, bucket: int
) -> None:
    begin = T0 + timedelta(milliseconds=start)
    end = begin + timedelta(milliseconds=length)
    spread = smear(Increment(good=good, bad=bad), begin, end, bucket)

    assert sum(part[1] for part in spread) == good
    assert sum(part[2] for part in spread) == bad
    assert all(g >= 0 and b >= 0 for _, g, b in spread)
    assert all(begin.timestamp() - bucket < at < end.timestamp() for at, _, _ in spread)
