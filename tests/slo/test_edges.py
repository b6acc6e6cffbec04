"""A window's edges are those that the ledger sums over."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from slo.edges import edges
from slo.ledger import BucketDelta, Ledger
from tests.slo.builders import T0

LENGTHS = [
    timedelta(minutes=5),
    timedelta(hours=6),
    timedelta(hours=7),
    timedelta(days=3),
    timedelta(days=4),
]


@given(
    st.sampled_from(LENGTHS),
    st.timedeltas(timedelta(0), timedelta(days=1)),
    st.lists(st.integers(-5 * 8_640, 8_640), min_size=1, max_size=40, unique=True),
)
def test_the_ledger_sums_what_lies_between_the_edges(
    length: timedelta, later: timedelta, buckets: list[int]
) -> None:
    now = T0 + later
    ledger = Ledger(10, timedelta(days=6))
    past = sorted(T0 + n * timedelta(seconds=10) for n in buckets)
    booked = [at for at in past if at <= now]
    for at in booked:
        ledger.book(at, BucketDelta(ledger.bucket_of(at), good=1, seen=1))

    found = edges(length, now, 10)

    inside = [at for at in booked if found.start <= at < found.end]
    assert ledger.window(length, now).counts.good == len(inside)


def test_at_an_edge_the_window_begins_its_whole_length_before() -> None:
    found = edges(timedelta(days=30), T0, 10)

    assert (found.start, found.end) == (T0 - timedelta(days=30), T0 + timedelta(minutes=5))
