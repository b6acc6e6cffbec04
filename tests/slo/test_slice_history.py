"""Slices told along time are those that an evaluation at each moment would have counted."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.evaluate import read_burn
from slo.ledger import BucketDelta, Ledger
from slo.slice_history import slice_history
from slo.slices import NoData, SliceCounts, Slicing
from tests.slo.builders import T0, an_slo

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
START = int(T0.timestamp())
_BUCKETS = st.lists(
    st.builds(
        BucketDelta,
        bucket=st.integers(0, 720).map(lambda n: START + n * 10),
        good=st.sampled_from([0, 19, 20]),
        bad=st.sampled_from([0, 1, 7]),
        unknown=st.integers(0, 1),
        seen=st.integers(0, 1),
    ),
    max_size=30,
)
_SLICINGS = st.builds(
    Slicing,
    length=st.sampled_from([MINUTE, 5 * MINUTE]),
    target=st.sampled_from([None, Fraction(95, 100)]),
    no_data=st.sampled_from(NoData),
)


def by_slices(deltas: list[BucketDelta], slicing: Slicing) -> list[BucketDelta]:
    """As storage gives them: added up by slice."""
    found: dict[int, BucketDelta] = {}
    for one in deltas:
        moved = replace(one, bucket=one.bucket // slicing.seconds * slicing.seconds)
        found[moved.bucket] = found[moved.bucket] + moved if moved.bucket in found else moved
    return list(found.values())


@given(deltas=_BUCKETS, slicing=_SLICINGS, seconds=st.integers(7_200, 14_400))
def test_the_burn_rate_at_any_moment_is_the_evaluation_s_own(
    deltas: list[BucketDelta], slicing: Slicing, seconds: int
) -> None:
    slo = replace(an_slo("90", 4 * HOUR), slicing=slicing)
    ledger = Ledger(10, 4 * HOUR, slicing)
    for delta in deltas:
        ledger.book(T0, delta)
    now = T0 + timedelta(seconds=seconds)

    history = slice_history(by_slices(deltas, slicing), slicing, T0 - 4 * HOUR, now)

    for lookback in (5 * MINUTE, HOUR, 4 * HOUR):
        judged = read_burn(slo, ledger, lookback, now)
        assert judged.slices is not None
        if judged.slices.observed:
            assert history.burn(slo.objective, lookback, now) == judged.rate


def test_slices_are_told_once_by_when_they_were_over() -> None:
    slicing = Slicing(5 * MINUTE, Fraction(1))
    buckets = [BucketDelta(START + n * 300, good=1, bad=n % 2, seen=1) for n in range(4)]
    history = slice_history(buckets, slicing, T0, T0 + 20 * MINUTE)

    steps = [
        history.closed(T0 + n * MINUTE, T0 + (n + 1) * MINUTE) for n in range(20)
    ]  # finer than the slices

    ended = [n for n, one in enumerate(steps) if one.observed]
    assert ended == [4, 9, 14, 19]
    assert [int(steps[n].cost) for n in ended] == [0, 1, 0, 1]
    assert history.closed(T0, T0 + 20 * MINUTE) == SliceCounts(4, Fraction(2))


@pytest.mark.parametrize(("seen", "rate"), [(1, Fraction(0)), (0, None)])
def test_observed_idle_time_burns_nothing_and_unobserved_is_not_known(
    seen: int, rate: Fraction | None
) -> None:
    slicing = Slicing(MINUTE, Fraction(1))
    history = slice_history([BucketDelta(START, seen=seen)], slicing, T0, T0 + MINUTE)

    assert history.burn(an_slo("90", HOUR).objective, 5 * MINUTE, T0 + MINUTE) == rate


def test_a_slice_that_is_not_over_is_not_told() -> None:
    slicing = Slicing(MINUTE, Fraction(1))
    history = slice_history(
        [BucketDelta(START, bad=1)], slicing, T0, T0 + 59 * timedelta(seconds=1)
    )

    assert history.closed(T0, T0 + HOUR).observed == 0
