"""The binomial tail against exact fractions."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.evidence import enough_bad, tail


def exact_tail(bad: int, total: int, share: Fraction) -> Fraction:
    return sum(
        (
            math.comb(total, n) * share**n * (1 - share) ** (total - n)
            for n in range(bad, total + 1)
        ),
        Fraction(0),
    )


@given(
    st.integers(1, 120).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))),
    st.sampled_from(["0.1", "0.05", "0.001", "0.0001"]),
)
def test_the_tail_is_exact_to_ten_digits(events: tuple[int, int], share: str) -> None:
    bad, total = events
    expected = float(exact_tail(bad, total, Fraction(share)))

    assert tail(bad, total, Fraction(share)) == pytest.approx(expected, rel=1e-10, abs=1e-15)


@given(st.integers(1, 120), st.sampled_from(["0.1", "0.001"]))
def test_enough_is_the_fewest_that_chance_does_not_explain(total: int, share: str) -> None:
    enough = enough_bad(total, Fraction(share), 1e-4)

    if enough is None:
        assert tail(total, total, Fraction(share)) >= 1e-4
    else:
        assert tail(enough, total, Fraction(share)) < 1e-4
        assert tail(enough - 1, total, Fraction(share)) >= 1e-4


def test_a_billion_events_take_no_time_and_overflow_nothing() -> None:
    assert tail(1_000_000, 1_000_000_000, Fraction(1, 1000)) == pytest.approx(0.5, abs=1e-3)
    assert tail(2_000_000, 1_000_000_000, Fraction(1, 1000)) == 0.0


def test_nothing_happening_is_no_evidence() -> None:
    assert enough_bad(0, Fraction(1, 1000), 1e-4) is None
