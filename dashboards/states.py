"""The words for how an SLO stands: state = shape + word + colour, the same on every page."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from slo.alert_state import AlertState, Phase
from slo.status import Budget, BudgetState, NowState, SLOStatus

Weight = tuple[int, float, str, str]


@dataclass(frozen=True, slots=True)
class Mark:
    """One state as it is shown. `key` is its filter in the list, its shape and its colour."""

    key: str
    word: str
    means: str


BURNING_FAST = Mark("burning_fast", "Burning fast", "a page-level rule is true: act now")
BURNING = Mark("burning", "Burning", "a ticket-level rule is true: look today")
FAILING = Mark("failing", "Failing", "failing, too early to judge: most of what came last was bad")
EXHAUSTED = Mark("exhausted", "Exhausted", "the error budget of the window is spent")
STALE = Mark("stale", "Stale", "observations stopped coming")
NO_DATA = Mark("no_data", "No data", "no event in the window yet")
AT_RISK = Mark(
    "at_risk", "At risk", "less than a quarter of the budget is left, or it will run out"
)
RECOVERING = Mark("recovering", "Recovering", "the long window still burns, the short one no more")
LEARNING = Mark("learning", "Learning", "too little of the window is observed to judge")
HEALTHY = Mark("healthy", "Healthy", "within budget, nothing burns")

# Worst first; the place in this list is the weight.
MARKS = (
    BURNING_FAST,
    BURNING,
    FAILING,
    EXHAUSTED,
    STALE,
    NO_DATA,
    AT_RISK,
    RECOVERING,
    LEARNING,
    HEALTHY,
)
_BY_KEY = {mark.key: mark for mark in MARKS}
_PLACE = {mark.key: place for place, mark in enumerate(MARKS)}
_NOW = {
    NowState.BURNING_FAST: BURNING_FAST,
    NowState.BURNING: BURNING,
    NowState.FAILING: FAILING,
    NowState.RECOVERING: RECOVERING,
    NowState.STALE: STALE,
}
_BUDGET = {
    BudgetState.EXHAUSTED: EXHAUSTED,
    BudgetState.AT_RISK: AT_RISK,
    BudgetState.LEARNING: LEARNING,
    BudgetState.NO_DATA: NO_DATA,
    BudgetState.HEALTHY: HEALTHY,
}
# What asks a person to look; the rest is calm.
ATTENTION = frozenset(
    {BURNING_FAST, BURNING, FAILING, EXHAUSTED, STALE, NO_DATA, AT_RISK, RECOVERING}
)


def mark(key: str) -> Mark | None:
    """The mark of a filter's key; None for a key that is none."""
    return _BY_KEY.get(key)


# The marks of an SLO of which nothing is to be told but how its budget stands.
AT_REST: Mapping[BudgetState, tuple[Mark, ...]] = {
    state: (mark,) for state, mark in _BUDGET.items()
}


class Standing(Protocol):
    """Whatever has the two facts."""

    @property
    def budget_state(self) -> BudgetState:
        """The slow one."""
        ...

    @property
    def now_state(self) -> NowState:
        """The fast one."""
        ...


def marks(status: Standing) -> tuple[Mark, ...]:
    """What is happening and how the budget stands: two facts, never one light. Worst first.

    A good fact beside a bad one is left out; one of them is always there.
    """
    now, budget = _NOW.get(status.now_state), _BUDGET[status.budget_state]
    if now is None:
        return AT_REST[status.budget_state]
    if budget is HEALTHY or (now is STALE and budget is NO_DATA):
        return (budget,) if budget is NO_DATA else (now,)
    return (now, budget) if _PLACE[now.key] < _PLACE[budget.key] else (budget, now)


def weight(status: SLOStatus) -> Weight:
    """Sorts worst first, as `weigh` says."""
    budget = status.budget
    remaining = None if budget is None else left(budget)
    return weigh(marks(status), remaining, status.slo.name, status.slo.id)


def left(budget: Budget) -> float:
    """The float nearest to what remains, without making fractions for ten thousand SLOs."""
    allowed = budget.allowed.numerator
    return float((allowed - budget.spent_events * budget.allowed.denominator) / allowed)


def weigh(shown: tuple[Mark, ...], remaining: float | None, name: str, slo_id: str) -> Weight:
    """Sorts worst first: burning fast, then exhausted and still burning, then burning, ...

    Ties: least budget first, then by name and id, so that the order is always the same.
    """
    # No data is as bad as data that stopped.
    place = _PLACE[(STALE if shown[0] is NO_DATA else shown[0]).key] * 2
    if len(shown) > 1 and shown[0] is BURNING and shown[1] is EXHAUSTED:
        place -= 1
    return place, 2.0 if remaining is None else remaining, name, slo_id


def census(found: Iterable[tuple[Mark, ...]]) -> Counter[Mark]:
    """How many SLOs, of these marks, bear each as their worse one: every SLO counts once."""
    return Counter(shown[0] for shown in found)


def firing_since(states: Mapping[str, AlertState]) -> datetime | None:
    """When the rule that has been firing the longest began."""
    return min(
        (state.since for state in states.values() if state.since and state.phase is Phase.FIRING),
        default=None,
    )
