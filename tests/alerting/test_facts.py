"""The facts of an alert, from an SLO's status."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from alerting.wording import NoDataCause, data_again_facts, facts_of, no_data_facts
from slo.counts import Counts, WindowCounts
from slo.definition import SLO, ProbeSLI
from slo.objective import Objective
from slo.severity import Severity
from slo.status import (
    Budget,
    BudgetState,
    Burn,
    Forecast,
    NowState,
    SLOStatus,
    TierReading,
    Verdict,
)
from slo.tiers import Tier
from slo.window import Rolling
from tests.fakes.clock import START

PROMISE = SLO(
    service="shop",
    name="availability",
    objective=Objective(Decimal("0.999")),
    window=Rolling(timedelta(days=30)),
    sli=ProbeSLI("health"),
    tiers=(),
    interval=timedelta(seconds=10),
    no_data_after=timedelta(minutes=2),
)
HOUR, MINUTES = timedelta(hours=1), timedelta(minutes=5)


def window(good: int, bad: int) -> WindowCounts:
    counts = Counts(good, bad)
    return WindowCounts(counts, counts, counts.total, counts.total)


def status(
    budget: Budget | None = None,
    forecast: Forecast | None = None,
    causes: dict[str, int] | None = None,
) -> SLOStatus:
    return SLOStatus(
        slo=PROMISE,
        at=START,
        window=window(999_124, 876),
        sli=Fraction(999_124, 1_000_000),
        sli_bounds=None,
        budget=budget,
        burns=(),
        tiers=(),
        forecast=forecast or Forecast(known=False),
        budget_state=BudgetState.AT_RISK,
        now_state=NowState.BURNING_FAST,
        lifetime=Counts(),
        last_observation=START - timedelta(minutes=3),
        watched_since=None,
        causes=causes or {},
    )


def reading(rate: Fraction | None = Fraction(146, 10)) -> TierReading:
    tier = Tier(Severity.PAGE, Fraction(144, 10), HOUR, MINUTES)
    long, short = Burn(HOUR, window(985, 15), rate), Burn(MINUTES, window(80, 3), rate)
    return TierReading(tier, long, short, Verdict.TRUE, "both windows burn")


BUDGET = Budget(allowed=Fraction(1000), spent_events=876)


def test_the_headline_is_pace_and_budget() -> None:
    facts = facts_of(status(BUDGET), reading())

    assert facts.headline == "burning 14.6x, 12 % of the 30d budget left (5 min 21 s)"
    assert (facts.long, facts.short, facts.factor) == ("1h", "5m", 14.4)
    assert (facts.bad, facts.total) == (15, 1000)
    assert facts.long_spent_ratio == 0.015
    assert facts.budget_left_ratio == 0.124
    assert facts.budget_left_seconds == pytest.approx(321.408)
    assert facts.objective == "99.9"


def test_without_data_nothing_is_made_up() -> None:
    facts = facts_of(status(), reading(rate=None))

    assert facts.headline == "not burning"
    assert facts.burn_long is facts.budget_left_ratio is facts.long_spent_ratio is None
    assert facts.lasts is None


@pytest.mark.parametrize(
    ("forecast", "lasts"),
    [(Forecast(known=True), True), (Forecast(known=True, at=START), False)],
    ids=["lasts", "ends"],
)
def test_the_forecast_is_passed_on(forecast: Forecast, *, lasts: bool) -> None:
    facts = facts_of(status(BUDGET, forecast), reading())

    assert (facts.lasts, facts.exhausts_at) == (lasts, forecast.at)


def test_the_top_cause_is_the_most_frequent() -> None:
    causes = {"timeout": 18, "status": 212}

    assert facts_of(status(causes=causes), reading()).top_cause == "status: 212 of 230 failures"


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (NoDataCause.TARGET_DOWN, "the target does not answer"),
        (NoDataCause.COLLECTOR_DOWN, "our own collector does not run; the target may be well"),
        (
            NoDataCause.SERIES_MISSING,
            "the target answers, but without the series that are counted",
        ),
    ],
)
def test_the_three_reasons_for_no_data_are_told_apart(cause: NoDataCause, words: str) -> None:
    facts = no_data_facts(status(BUDGET), cause, "connection refused")

    assert facts.headline == (
        f"no data for 3 min: {words}, 12 % of the 30d budget left (5 min 21 s)"
    )
    assert facts.reason.endswith(
        "The last observation came at 2026-11-20 13:57 UTC. Connection refused."
    )
    assert facts.burn_long is None


def test_data_that_comes_again_is_said_so() -> None:
    facts = data_again_facts(status(BUDGET))

    assert facts.headline == "data comes again, 12 % of the 30d budget left (5 min 21 s)"


def test_while_learning_what_was_seen_is_said_beside_the_whole_budget() -> None:
    seen = replace(
        status(Budget(allowed=Fraction(2, 1000), spent_events=2), Forecast(known=True, at=START)),
        slo=replace(PROMISE, objective=Objective(Decimal("0.9999"))),
        window=window(18, 2),
        budget_state=BudgetState.LEARNING,
    )
    facts = facts_of(seen, reading())

    assert facts.headline == (
        "burning 14.6x, 2 of 20 probes failed; the whole 30d budget is 4 min 19 s"
    )
    assert facts.learning == "2 of 20 probes failed; the whole 30d budget is 4 min 19 s"
    assert facts.budget_left_ratio == -999  # exact, for machines
