"""The gate decides by its policy alone, strictest first, and says why in sentences."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from slo.comparison import Sample, compare
from slo.gate import (
    GatePolicy,
    GateState,
    OpenIncident,
    Override,
    Seen,
    decide,
    overridden,
)
from slo.planning import PlanError
from slo.severity import Severity

NOW = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
WELL = Seen("shop/up", remaining=Fraction(62, 100), observed=Fraction(99, 100))
POLICY = GatePolicy()
OVERRIDE = Override("o", "shop", None, GateState.OK, "a hotfix", "ada", NOW, NOW + HOUR)


def state(seen: Seen, policy: GatePolicy = POLICY) -> GateState:
    return decide(policy, [seen]).state


def test_with_budget_left_a_release_may_go() -> None:
    decision = decide(POLICY, [WELL])

    assert (decision.state, decision.known) == (GateState.OK, True)
    assert [one.sentence for one in decision.reasons] == [
        "62.00% of the error budget of shop/up is left."
    ]


@pytest.mark.parametrize(
    ("remaining", "expected"),
    [
        (Fraction(1, 4), GateState.OK),  # not less than 25 %
        (Fraction(1, 4) - Fraction(1, 10**9), GateState.CAUTION),  # although it reads 25.00%
        (Fraction(1, 10**9), GateState.CAUTION),
        (Fraction(0), GateState.FREEZE),
        (Fraction(-4), GateState.FREEZE),
    ],
)
def test_the_limits_are_compared_exactly(remaining: Fraction, expected: GateState) -> None:
    assert state(replace(WELL, remaining=remaining)) is expected


@pytest.mark.parametrize(
    "seen",
    [
        replace(WELL, remaining=None),
        replace(WELL, silent=True),
        replace(WELL, learning=True),
        replace(WELL, observed=None),
        replace(WELL, observed=Fraction(49, 100)),
    ],
)
@pytest.mark.parametrize("meaning", GateState)
def test_what_is_not_known_means_what_the_policy_says(seen: Seen, meaning: GateState) -> None:
    decision = decide(replace(POLICY, unknown=meaning), [seen])

    assert (decision.state, decision.known) == (meaning, False)
    assert not any("budget of shop/up is left" in one.sentence for one in decision.reasons)


def test_our_own_illness_and_nothing_to_look_at_are_unknown() -> None:
    ill = decide(POLICY, [WELL], illness=["Nines is behind."])

    assert (ill.state, ill.known) == (GateState.CAUTION, False)
    assert ill.reasons[0].sentence == "Nines is behind."
    assert (decide(POLICY, []).state, decide(POLICY, []).known) == (GateState.CAUTION, False)


def test_a_doubt_takes_nothing_from_what_is_certain() -> None:
    burning = replace(WELL, remaining=None, firing=(Severity.PAGE,))

    assert decide(replace(POLICY, unknown=GateState.OK), [burning]).state is GateState.FREEZE


@pytest.mark.parametrize(
    ("severity", "expected"),
    [
        (Severity.PAGE, GateState.FREEZE),
        (Severity.TICKET, GateState.CAUTION),
        (Severity.INFO, GateState.OK),
    ],
)
def test_what_fires_and_what_is_open_counts_by_severity(
    severity: Severity, expected: GateState
) -> None:
    burning = decide(POLICY, [replace(WELL, firing=(severity,))])
    open_ = decide(POLICY, [WELL], incidents=[OpenIncident("i1", "Checkout fails", severity)])

    assert burning.state is open_.state is expected
    assert any("Incident i1 is open" in one.sentence for one in open_.reasons)


def test_of_several_slos_the_strictest_decides_and_comes_first() -> None:
    spent = replace(WELL, slo_id="shop/fast", remaining=Fraction(-12, 100))
    low = replace(WELL, slo_id="shop/good", remaining=Fraction(1, 10))

    decision = decide(POLICY, [WELL, low, spent])

    assert decision.state is GateState.FREEZE
    assert [one.sentence for one in decision.reasons] == [
        "-12.00% of the error budget of shop/fast is left; releases stop at 0.00%.",
        "10.00% of the error budget of shop/good is left, less than 25.00%.",
        "62.00% of the error budget of shop/up is left.",
    ]


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (Sample(990, 10), GateState.FREEZE),
        (Sample(995, 5), GateState.CAUTION),
        (Sample(999, 1), GateState.OK),
        (Sample(0, 0), GateState.CAUTION),  # by `unknown`
    ],
)
def test_a_canary_that_is_worse_stops_at_once(after: Sample, expected: GateState) -> None:
    canary = compare(Sample(99_900, 100), after, Fraction(1, 1000))

    assert state(replace(WELL, canary=canary)) is expected


def test_an_override_decides_and_the_reasons_stay() -> None:
    decision = decide(POLICY, [replace(WELL, remaining=Fraction(-1))], override=OVERRIDE)

    assert decision.state is GateState.OK
    assert decision.reasons[0].state is GateState.FREEZE


def test_an_override_holds_until_it_expires_or_is_ended() -> None:
    assert OVERRIDE.holds(NOW)
    assert not OVERRIDE.holds(NOW + HOUR)
    ended = OVERRIDE.ended(NOW + HOUR / 2)
    assert not ended.holds(NOW + HOUR / 2)
    with pytest.raises(PlanError, match="over since 2026-11-20 14:30"):
        ended.ended(NOW + HOUR)
    with pytest.raises(PlanError, match="over since 2026-11-20 15:00"):
        OVERRIDE.ended(NOW + 2 * HOUR)


@pytest.mark.parametrize(
    ("made", "field"),
    [
        (replace(OVERRIDE, slo="down"), "slo"),
        (replace(OVERRIDE, state=GateState.UNKNOWN), "state"),
        (replace(OVERRIDE, author="eve"), "by"),
        (replace(OVERRIDE, until=NOW), "until"),
        (replace(OVERRIDE, until=NOW + timedelta(days=7, seconds=1)), "until"),
    ],
)
def test_an_override_that_may_not_be_is_refused(made: Override, field: str) -> None:
    with pytest.raises(PlanError) as refused:
        overridden(made, GatePolicy(owners=("ada",)), NOW, ["up"])

    assert refused.value.field == field
    assert overridden(OVERRIDE, GatePolicy(owners=("ada",)), NOW, ["up"]) == OVERRIDE
