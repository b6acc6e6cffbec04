"""How fast a destination is told: never faster than its rate, and slower when it says so."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from alerting.bucket import RECOVERS_AFTER, SLOWEST, Bucket, Rate
from tests.fakes.clock import START

SECOND = timedelta(seconds=1)
RATE = Rate(60, timedelta(minutes=1), burst=3)


def sent(bucket: Bucket, waits: list[int]) -> list[datetime]:
    """When things go that come so many milliseconds after one another."""
    now, went = START, []
    for wait in waits:
        now += timedelta(milliseconds=wait)
        now = bucket.free_at(now)
        bucket = bucket.taken(now)
        went.append(now)
    return went


def test_a_burst_goes_at_once_and_then_one_in_each_interval() -> None:
    went = [at - START for at in sent(Bucket(RATE), [0] * 6)]

    assert went == [n * SECOND for n in (0, 0, 0, 1, 2, 3)]


@given(st.lists(st.integers(0, 5000), max_size=80), st.integers(1, 5))
def test_no_stretch_of_time_holds_more_than_the_rate_and_a_burst(
    waits: list[int], burst: int
) -> None:
    went = sent(Bucket(Rate(60, timedelta(minutes=1), burst)), waits)

    for first, at in enumerate(went):
        for last in range(first, len(went)):
            most = burst + (went[last] - at) / SECOND
            assert last - first + 1 <= most


def test_too_much_slows_it_down_and_calm_brings_it_back() -> None:
    bucket = Bucket(RATE)
    for _ in range(10):
        bucket = bucket.learnt(too_much=True)
    assert bucket.slower == SLOWEST

    for _ in range(RECOVERS_AFTER * (SLOWEST - 1)):
        bucket = bucket.learnt(too_much=False)
    assert bucket.slower == 1


def test_a_clock_that_was_set_back_holds_up_nothing_for_long() -> None:
    bucket = Bucket(RATE)
    for _ in range(3):
        bucket = bucket.taken(START)

    earlier = START - timedelta(hours=1)
    free = bucket.free_at(earlier)
    assert free - earlier <= SECOND
    assert bucket.free_at(free) == free  # and is not put off again then
