"""Which passing of a budget's mark is worth a word."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.notices import DEFAULT_MARKS, REARM, Marks, look
from tests.slo.builders import T0

HALF, QUARTER, NOTHING = DEFAULT_MARKS


class Budget:
    """One budget, looked at again and again."""

    def __init__(self, marks: Sequence[Decimal] = DEFAULT_MARKS, name: str = "a") -> None:
        self.marks, self.name = marks, name
        self.state: Marks | None = None
        self.period = None if name != "calendar" else T0

    def at(self, percent: float | None, *, learning: bool = False) -> Decimal | None:
        remaining = None if percent is None else Fraction(str(percent)) / 100
        self.state, told = look(
            self.state,
            self.marks,
            budget=self.name,
            period=self.period,
            remaining=remaining,
            learning=learning,
        )
        return told

    def tells(self, *percents: float) -> list[Decimal | None]:
        return [self.at(percent) for percent in percents]


def test_each_mark_is_told_once_as_it_is_passed() -> None:
    told = Budget().tells(100, 60, 50, 49.9, 40, 24.9, 10, 0, -0.1, -50)

    assert told == [None, None, None, HALF, None, QUARTER, None, None, NOTHING, None]


def test_of_several_passed_at_once_the_lowest_is_told() -> None:
    assert Budget().tells(100, -3, -4) == [None, NOTHING, None]
    assert Budget().tells(100, 20, -4) == [None, QUARTER, NOTHING]


def test_a_mark_is_armed_again_five_points_above_it() -> None:
    assert Budget().tells(100, 49, 54.99, 49, 55, 49) == [None, HALF, None, None, None, HALF]
    assert Budget().tells(100, -1, 4.99, -1, 5, -1) == [
        None,
        NOTHING,
        None,
        None,
        None,
        NOTHING,
    ]


def test_what_was_passed_before_we_looked_is_told_to_nobody() -> None:
    assert Budget().tells(40, 30, 20) == [None, None, QUARTER]


def test_what_is_passed_while_learning_is_told_when_it_means_something() -> None:
    budget = Budget()

    assert [budget.at(percent, learning=True) for percent in (100, -900, 40)] == [None] * 3
    assert budget.tells(40, 39) == [HALF, None]


def test_without_data_nothing_is_passed_and_nothing_forgotten() -> None:
    budget = Budget()

    assert budget.tells(100, 40) == [None, HALF]
    assert budget.at(None) is None
    assert budget.tells(40, 20) == [None, QUARTER]


def test_an_edit_that_moves_the_number_is_no_spending() -> None:
    budget = Budget()
    budget.tells(100, 80)

    budget.name = "stricter"

    assert budget.tells(20, 19, -1) == [None, None, NOTHING]


def test_a_new_mark_is_told_when_it_is_passed_and_not_when_it_is_written() -> None:
    budget = Budget([HALF])
    budget.tells(100, 40)

    budget.marks = [HALF, Decimal("0.45"), Decimal("0.3")]

    assert budget.tells(40, 29) == [None, Decimal("0.3")]


def test_a_new_period_begins_with_every_mark_armed() -> None:
    budget = Budget(name="calendar")
    assert budget.tells(100, 40) == [None, HALF]

    budget.period = T0 + timedelta(days=30)

    assert [budget.at(30, learning=True), budget.at(30)] == [None, HALF]


def test_no_marks_tell_nothing() -> None:
    assert Budget([]).tells(100, -100) == [None, None]


@given(st.lists(st.integers(-40, 100), min_size=1, max_size=60))
def test_a_mark_is_told_only_between_an_arming_and_the_next(percents: list[int]) -> None:
    """By brute force: a mark is told when it is first below since it was last armed."""
    budget = Budget()
    budget.at(100)
    armed = dict.fromkeys(DEFAULT_MARKS, True)
    for percent in percents:
        remaining = Fraction(percent, 100)
        passed = [mark for mark in DEFAULT_MARKS if armed[mark] and remaining < mark]
        assert budget.at(percent) == min(passed, default=None)
        for mark in DEFAULT_MARKS:
            armed[mark] = remaining >= Fraction(mark) + REARM or (armed[mark] and remaining >= mark)


@given(
    st.lists(st.sampled_from([None, *range(-20, 101)]), max_size=30),
    st.sampled_from([None, *range(-20, 101)]),
    st.booleans(),
)
def test_what_is_quiet_would_have_changed_nothing(
    before: list[int | None], percent: int | None, learning: bool
) -> None:
    budget = Budget()
    for one in before:
        budget.at(one)
    state = budget.state
    remaining = None if percent is None else Fraction(percent, 100)

    if state is not None and state.is_quiet(budget.marks, budget.name, None, remaining):
        assert budget.at(percent, learning=learning) is None
        assert budget.state == state


@pytest.mark.parametrize("other", [("b", None), ("a", T0)])
def test_another_budget_is_never_quiet(other: tuple[str, None]) -> None:
    budget = Budget()
    budget.at(100)
    assert budget.state is not None

    assert budget.state.is_quiet(budget.marks, "a", None, Fraction(1))
    assert not budget.state.is_quiet(budget.marks, *other, Fraction(1))
