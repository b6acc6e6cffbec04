"""A budget is learnt until enough of its window was observed, and is never exhausted before."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from slo.definition import SLO
from slo.ledger import BucketDelta, Ledger
from slo.status import BudgetState
from slo.units import parse_duration
from slo.window import Calendar, Rolling
from tests.slo.builders import T0, a_ledger, an_slo
from tests.slo.test_evaluate import status_of
from tests.slo.test_window import calendar, utc

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MINUTE = timedelta(minutes=1)
LEARNING = BudgetState.LEARNING


def an_hourly(window: Rolling | Calendar, interval: timedelta = HOUR) -> SLO:
    return replace(an_slo("99", tiers=(), interval=interval), window=window)


def watch(
    ledger: Ledger,
    start: datetime,
    end: datetime,
    *,
    every: timedelta = HOUR,
    bad: int = 0,
    seen: int = 1,
) -> None:
    """One look each; not `seen` ones were due and did not come."""
    at = start
    while at < end:
        delta = BucketDelta(
            ledger.bucket_of(at),
            good=(1 - bad) * seen,
            bad=bad * seen,
            seen=seen,
            missed=1 - seen,
        )
        ledger.book(at, delta)
        at += every


def state(slo: SLO, ledger: Ledger, now: datetime) -> BudgetState:
    return status_of(slo, ledger, now).budget_state


def test_a_rolling_window_is_learnt_when_a_tenth_of_it_was_observed() -> None:
    slo = an_hourly(Rolling(10 * DAY))
    ledger = a_ledger(slo)

    watch(ledger, T0, T0 + 23 * HOUR)
    assert state(slo, ledger, T0 + 23 * HOUR) is LEARNING
    watch(ledger, T0 + 23 * HOUR, T0 + DAY)
    assert state(slo, ledger, T0 + DAY) is BudgetState.HEALTHY


def test_a_period_is_learnt_when_a_twentieth_of_all_of_it_was_observed() -> None:
    slo = an_hourly(calendar("month UTC"))
    ledger = Ledger(10, slo.window.reach)
    start = utc("2026-04-01T00:00")
    enough = start + timedelta(days=30) / 20

    watch(ledger, start, enough - HOUR)
    assert state(slo, ledger, enough - HOUR) is LEARNING
    watch(ledger, enough - HOUR, enough)
    assert state(slo, ledger, enough) is BudgetState.HEALTHY


def test_a_new_period_is_learnt_anew() -> None:
    slo = an_hourly(calendar("month UTC"))
    ledger = Ledger(10, slo.window.reach)
    start, following = utc("2026-04-01T00:00"), utc("2026-05-01T00:00")
    watch(ledger, start, following + HOUR)

    assert state(slo, ledger, following - HOUR) is BudgetState.HEALTHY
    assert state(slo, ledger, following + HOUR) is LEARNING


@pytest.mark.parametrize("window", ["10d", "month UTC"])
def test_a_budget_that_is_being_learnt_is_never_exhausted(window: str) -> None:
    of = calendar(window) if " " in window else Rolling(parse_duration(window))
    slo = an_hourly(of)
    ledger = Ledger(10, slo.window.reach)
    start = utc("2026-04-01T00:00")
    watch(ledger, start, start + 12 * HOUR, bad=1)

    status = status_of(slo, ledger, start + 12 * HOUR)

    assert status.budget is not None
    assert status.budget.remaining < 0
    assert status.budget_state is LEARNING


def test_time_in_which_we_failed_to_look_teaches_nothing() -> None:
    slo = an_hourly(Rolling(10 * DAY))
    ledger = a_ledger(slo)
    watch(ledger, T0, T0 + 12 * HOUR)
    watch(ledger, T0 + 12 * HOUR, T0 + 9 * DAY, seen=0)

    assert state(slo, ledger, T0 + 9 * DAY) is LEARNING
    watch(ledger, T0 + 9 * DAY, T0 + 9 * DAY + 13 * HOUR)
    assert state(slo, ledger, T0 + 9 * DAY + 13 * HOUR) is BudgetState.HEALTHY


def test_a_long_gap_leads_back_into_learning() -> None:
    slo = an_hourly(Rolling(10 * DAY))
    ledger = a_ledger(slo)
    watch(ledger, T0, T0 + 10 * DAY)
    assert state(slo, ledger, T0 + 10 * DAY) is BudgetState.HEALTHY

    watch(ledger, T0 + 10 * DAY, T0 + 19 * DAY + 12 * HOUR, seen=0)

    assert state(slo, ledger, T0 + 19 * DAY + 12 * HOUR) is LEARNING


def test_an_sli_that_comes_back_was_not_observed_meanwhile() -> None:
    slo = an_hourly(Rolling(10 * DAY))
    ledger = a_ledger(slo)
    watch(ledger, T0, T0 + DAY)
    back = T0 + 9 * DAY + 12 * HOUR
    watch(ledger, back, back + HOUR)

    assert state(slo, ledger, T0 + DAY) is BudgetState.HEALTHY
    assert state(slo, ledger, T0 + 10 * DAY + 12 * HOUR) is LEARNING


def test_an_sli_that_begins_anew_begins_to_learn() -> None:
    slo = an_hourly(Rolling(10 * DAY))
    fresh = a_ledger(slo)

    assert state(slo, fresh, T0) is BudgetState.NO_DATA
    watch(fresh, T0, T0 + HOUR, bad=1)
    assert state(slo, fresh, T0 + HOUR) is LEARNING
