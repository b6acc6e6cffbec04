"""How an SLO's two facts become marks, and which SLO a person should look at first."""

import pytest

from dashboards import states
from slo.status import BudgetState, NowState, SLOStatus
from tests.web.fakes import make_slo, make_status

B, N = BudgetState, NowState


def status(budget: BudgetState, now: NowState, name: str = "one", bad: int = 10) -> SLOStatus:
    window = (0, 0, 0) if budget is B.NO_DATA else (100_000 - bad, bad, 0)
    return make_status(make_slo("shop", name), window, budget_state=budget, now_state=now)


@pytest.mark.parametrize(
    ("budget", "now", "keys"),
    [
        (B.HEALTHY, N.OK, ["healthy"]),
        (B.HEALTHY, N.BURNING_FAST, ["burning_fast"]),
        (B.AT_RISK, N.BURNING_FAST, ["burning_fast", "at_risk"]),
        (B.EXHAUSTED, N.BURNING, ["burning", "exhausted"]),
        (B.EXHAUSTED, N.OK, ["exhausted"]),
        (B.EXHAUSTED, N.RECOVERING, ["exhausted", "recovering"]),
        (B.LEARNING, N.STALE, ["stale", "learning"]),
        (B.NO_DATA, N.STALE, ["no_data"]),
        (B.HEALTHY, N.STALE, ["stale"]),
        (B.LEARNING, N.FAILING, ["failing", "learning"]),
        (B.HEALTHY, N.FAILING, ["failing"]),
        (B.NO_DATA, N.OK, ["no_data"]),
    ],
)
def test_both_facts_are_told_unless_one_says_nothing(
    budget: BudgetState, now: NowState, keys: list[str]
) -> None:
    assert [mark.key for mark in states.marks(status(budget, now))] == keys


def test_the_worst_comes_first_and_the_order_is_always_the_same() -> None:
    ordered = [
        status(B.HEALTHY, N.BURNING_FAST, "fast"),
        status(B.EXHAUSTED, N.BURNING, "spent-and-burning"),
        status(B.HEALTHY, N.BURNING, "burning"),
        status(B.LEARNING, N.FAILING, "failing"),
        status(B.EXHAUSTED, N.OK, "spent"),
        status(B.HEALTHY, N.STALE, "stale"),
        status(B.NO_DATA, N.OK, "blind"),
        status(B.AT_RISK, N.OK, "risk-with-less-budget", bad=90),
        status(B.AT_RISK, N.OK, "risk"),
        status(B.HEALTHY, N.RECOVERING, "recovering"),
        status(B.LEARNING, N.OK, "learning"),
        status(B.HEALTHY, N.OK, "healthy-a"),
        status(B.HEALTHY, N.OK, "healthy-b"),
    ]

    shuffled = ordered[3:] + ordered[:3]
    assert sorted(shuffled, key=states.weight) == ordered


def test_an_slo_with_two_marks_is_counted_once_under_the_worse_one() -> None:
    census = states.census(
        map(states.marks, [status(B.EXHAUSTED, N.BURNING), status(B.EXHAUSTED, N.OK)])
    )

    assert census == {states.EXHAUSTED: 1, states.BURNING: 1}


def test_every_mark_is_found_by_its_key_and_nothing_else_is() -> None:
    assert [states.mark(each.key) for each in states.MARKS] == list(states.MARKS)
    assert states.mark("on fire") is None
