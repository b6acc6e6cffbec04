"""Worse or chance? Beside exact arithmetic, and where nothing can be said."""

from fractions import Fraction
from math import comb

import pytest

from slo.comparison import MAYBE, WORSE, Finding, Sample, compare

SHARE = Fraction(1, 1000)


@pytest.mark.parametrize(
    ("before", "after"),
    [((990, 10), (95, 5)), ((9_999, 1), (199, 1)), ((5_000, 0), (498, 2)), ((60, 40), (30, 70))],
)
def test_the_chance_is_that_of_exact_arithmetic(
    before: tuple[int, int], after: tuple[int, int]
) -> None:
    found = compare(Sample(*before), Sample(*after), SHARE)

    share = Fraction(sum(after), sum(before) + sum(after))
    bad = before[1] + after[1]
    exact = sum(
        comb(bad, k) * share**k * (1 - share) ** (bad - k) for k in range(after[1], bad + 1)
    )
    assert found.chance == pytest.approx(float(exact), rel=1e-9)


def test_ten_times_the_errors_are_worse_and_the_same_are_not() -> None:
    before = Sample(99_900, 100)

    assert compare(before, Sample(990, 10), SHARE).finding is Finding.WORSE
    assert compare(before, Sample(999, 1), SHARE).finding is Finding.NO_WORSE
    assert compare(before, Sample(997, 3), SHARE).finding is Finding.NO_WORSE
    assert compare(before, Sample(995, 5), SHARE).finding is Finding.MAYBE_WORSE


def test_within_the_budgets_pace_nothing_is_worse() -> None:
    found = compare(Sample(1_000_000, 0), Sample(99_950, 50), SHARE)

    assert found.chance is not None
    assert found.chance < WORSE
    assert found.finding is Finding.NO_WORSE


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((0, 0), (100, 0)),
        ((100, 0), (0, 0)),
        ((360, 0), (1, 0)),  # were it bad, chance would still explain it too often
        ((10, 90), (5, 0)),
    ],
)
def test_where_nothing_could_be_evidence_nothing_is_said(
    before: tuple[int, int], after: tuple[int, int]
) -> None:
    found = compare(Sample(*before), Sample(*after), SHARE)

    assert (found.finding, found.chance) == (Finding.UNKNOWN, None)


def test_a_probe_every_ten_seconds_can_tell_after_its_second_failure() -> None:
    """An hour of 360 good runs before: two bad ones of two are (2/362)^2, 0.00003."""
    before = Sample(360, 0)

    assert compare(before, Sample(0, 1), SHARE).finding is Finding.UNKNOWN
    assert compare(before, Sample(0, 2), SHARE).finding is Finding.WORSE
    assert MAYBE > WORSE
