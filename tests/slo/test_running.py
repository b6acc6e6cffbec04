"""Running sums equal adding up from the start, however windows move and whatever comes late."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from slo.ledger import BucketDelta, Ledger
from tests.slo.builders import T0

_REACH = timedelta(days=4)
_LENGTHS = [timedelta(minutes=5), timedelta(hours=1), timedelta(hours=7), timedelta(days=4)]
# One step of a ledger's life: the clock goes on (or back), something is booked so late, or loaded.
_STEP = st.tuples(
    st.one_of(st.integers(-30, 900), st.sampled_from([-3600, 20_000, 400_000])),
    st.one_of(st.just(0), st.integers(0, 7_200), st.just(90_000)),
    st.integers(0, 70_000),
    st.booleans(),
)


@given(st.lists(_STEP, max_size=25))
def test_windows_that_are_watched_all_along_equal_one_look_at_the_end(
    steps: list[tuple[int, int, int, bool]],
) -> None:
    watched = Ledger(10, _REACH)
    booked: list[tuple[datetime, BucketDelta]] = []
    now = T0
    for forward, late, bad, loading in steps:
        now += timedelta(seconds=forward)
        at = now - timedelta(seconds=late)
        delta = BucketDelta(watched.bucket_of(at), good=2, bad=bad, seen=1)
        if loading:
            for width in watched.widths:
                watched.load(width, [(delta.bucket, *delta.columns())])
        else:
            watched.book(at, delta)
        booked.append((at, delta))
        for length in _LENGTHS:
            watched.window(length, now)

    fresh = Ledger(10, _REACH)
    for at, delta in booked:
        fresh.book(at, delta)
    for length in _LENGTHS:
        assert watched.window(length, now) == fresh.window(length, now)


@given(st.lists(_STEP, max_size=25))
def test_causes_that_are_watched_all_along_equal_one_look_at_the_end(
    steps: list[tuple[int, int, int, bool]],
) -> None:
    watched, fresh = Ledger(10, _REACH), Ledger(10, _REACH)
    now = T0
    for forward, late, bad, forgetting in steps:
        now += timedelta(seconds=forward)
        at = now - timedelta(seconds=late)
        for ledger in (watched, fresh):
            ledger.book_cause(at, f"status {500 + bad % 3}", bad + 1)
            if forgetting:
                ledger.forget(now)
        for length in _LENGTHS:
            watched.causes(length, now)

    for length in _LENGTHS:
        assert list(watched.causes(length, now).items()) == list(fresh.causes(length, now).items())
