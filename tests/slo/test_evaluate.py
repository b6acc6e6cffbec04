"""One SLO at one moment, judged against exact fractions and told in words."""

from datetime import datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.alert_state import AlertState, Phase
from slo.definition import SLO
from slo.evaluate import NO_DATA, evaluate, read_tier
from slo.ledger import Ledger
from slo.severity import Severity
from slo.status import BudgetState, NowState, SLOStatus, Verdict
from tests.slo.builders import T0, a_ledger, a_tier, an_slo, book, run

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def status_of(slo: SLO, ledger: Ledger, now: datetime) -> SLOStatus:
    return evaluate(slo, ledger, now, {}, T0)[0]


@given(
    st.lists(
        st.tuples(st.integers(0, 4 * 8640), st.integers(0, 50), st.integers(0, 50)), max_size=40
    ),
    st.sampled_from(["90", "99.5", "99.9", "99.99", "99.999"]),
)
def test_every_ratio_equals_the_fraction_of_a_brute_force(
    booked: list[tuple[int, int, int]], objective: str
) -> None:
    slo = an_slo(objective, timedelta(days=4))
    ledger = a_ledger(slo)
    now = T0 + timedelta(days=4)
    for n, good, bad in booked:
        book(ledger, T0 + timedelta(seconds=n * 10), good, bad)
    share = 1 - Fraction(objective) / 100

    status = status_of(slo, ledger, now)

    good, bad = sum(b[1] for b in booked), sum(b[2] for b in booked)
    total = good + bad
    assert status.sli == (Fraction(good, total) if total else None)
    if total:
        assert status.budget is not None
        assert status.budget.remaining == 1 - Fraction(bad) / (share * total)
    for burn in status.burns:
        since = now - burn.lookback
        unit = {True: 10, False: 60}[burn.lookback <= timedelta(hours=6)]
        inside = [b for b in booked if (T0 + timedelta(seconds=b[0] * 10 // unit * unit)) >= since]
        bad, total = sum(b[2] for b in inside), sum(b[1] + b[2] for b in inside)
        expected = Fraction(bad, total) / share if total else (Fraction(0) if inside else None)
        assert burn.rate == expected


def test_a_full_outage_of_a_minute_fires_the_page_tier() -> None:
    slo = an_slo()
    ledger = a_ledger(slo)
    run(ledger, T0, T0 + HOUR)
    run(ledger, T0 + HOUR, T0 + HOUR + MINUTE, good=0, bad=1)

    status, states = evaluate(slo, ledger, T0 + HOUR + MINUTE, {}, T0)

    assert states["page:1h:5m"].phase is Phase.FIRING
    assert status.now_state is NowState.BURNING_FAST
    assert "both above 14.4x" in status.tiers[0].reason


def test_half_an_unobserved_short_window_freezes_a_firing_tier_and_a_quiet_one() -> None:
    slo = an_slo()
    ledger = a_ledger(slo)
    run(ledger, T0, T0 + HOUR, good=0, bad=1)
    now = T0 + HOUR + timedelta(minutes=3)
    firing = {"page:1h:5m": AlertState(Phase.FIRING, T0)}

    kept = evaluate(slo, ledger, now, firing, T0)[1]["page:1h:5m"]
    quiet = evaluate(slo, ledger, now, {}, T0)[1]["page:1h:5m"]

    assert (kept.phase, quiet.phase) == (Phase.FIRING, Phase.INACTIVE)


def test_observed_idle_time_resolves() -> None:
    slo = an_slo()
    ledger = a_ledger(slo)
    run(ledger, T0, T0 + HOUR, good=0, bad=1)
    run(ledger, T0 + HOUR, T0 + HOUR + 6 * MINUTE, good=0, bad=0)
    firing = {"page:1h:5m": AlertState(Phase.FIRING, T0, T0 + HOUR + 5 * MINUTE)}

    after = evaluate(slo, ledger, T0 + HOUR + 6 * MINUTE, firing, T0)[1]["page:1h:5m"]

    assert after.phase is Phase.INACTIVE


def test_smeared_events_of_an_old_failure_do_not_page_as_new_ones() -> None:
    slo = an_slo()
    ledger = a_ledger(slo)
    run(ledger, T0, T0 + HOUR, good=100)
    for n in range(30):
        at = T0 + HOUR + timedelta(seconds=10 * n)
        book(ledger, at, good=50, bad=50, seen=0, smeared_good=50, smeared_bad=50)
    run(ledger, T0 + HOUR + 5 * MINUTE, T0 + HOUR + 8 * MINUTE, good=100)

    reading = read_tier(slo, slo.tiers[0], ledger, T0 + HOUR + 8 * MINUTE, firing=False)

    assert reading.long.rate is not None
    assert reading.long.rate > reading.tier.factor
    assert reading.verdict is Verdict.FALSE


def test_too_little_evidence_says_how_much_would_be_enough() -> None:
    slo = an_slo(interval=MINUTE)
    ledger = a_ledger(slo)
    run(ledger, T0, T0 + 9 * MINUTE, every=MINUTE)
    book(ledger, T0 + 9 * MINUTE, bad=1)

    reading = read_tier(slo, slo.tiers[0], ledger, T0 + 9 * MINUTE, firing=False)

    assert (reading.verdict, reading.enough_bad) == (Verdict.FALSE, 2)
    assert "1 bad of 10 events in 1h are too little evidence" in reading.reason


def test_a_firing_tier_needs_no_evidence_to_stay_true() -> None:
    slo = an_slo(interval=MINUTE)
    ledger = a_ledger(slo)
    run(ledger, T0, T0 + 9 * MINUTE, every=MINUTE)
    book(ledger, T0 + 9 * MINUTE, bad=1)

    reading = read_tier(slo, slo.tiers[0], ledger, T0 + 9 * MINUTE, firing=True)

    assert reading.verdict is Verdict.TRUE


def test_silence_of_the_target_raises_no_data_and_our_own_absence_does_not() -> None:
    slo = an_slo()
    ledger = a_ledger(slo)
    run(ledger, T0, T0 + MINUTE)
    now = T0 + HOUR

    silent = evaluate(slo, ledger, now, {}, T0)[1][NO_DATA]
    just_started = evaluate(slo, ledger, now, {}, now - MINUTE)[1][NO_DATA]

    assert (silent.phase, just_started.phase) == (Phase.FIRING, Phase.INACTIVE)


def test_a_restart_of_ours_does_not_end_a_silence() -> None:
    slo = an_slo()
    ledger = a_ledger(slo)
    run(ledger, T0, T0 + MINUTE)
    now = T0 + HOUR
    firing = {NO_DATA: AlertState(Phase.FIRING, now)}

    kept = evaluate(slo, ledger, now, firing, now - MINUTE)[1][NO_DATA]
    book(ledger, now)
    ended = evaluate(slo, ledger, now, firing, now - MINUTE)[1][NO_DATA]

    assert (kept.phase, ended.phase) == (Phase.FIRING, Phase.INACTIVE)


def test_unknown_events_widen_the_bounds_and_move_no_ratio() -> None:
    slo = an_slo()
    ledger = a_ledger(slo)
    book(ledger, T0, good=6, bad=2)
    book(ledger, T0, unknown=2, seen=0, missed=1)

    status = status_of(slo, ledger, T0)

    assert status.sli == Fraction(3, 4)
    assert status.sli_bounds == (Fraction(6, 10), Fraction(8, 10))
    assert status.window.coverage == Fraction(1, 2)


@pytest.mark.parametrize(
    ("good", "bad", "state"),
    [
        (2000, 0, BudgetState.HEALTHY),
        (1999, 1, BudgetState.HEALTHY),
        (1000, 1, BudgetState.AT_RISK),
        (100, 2, BudgetState.EXHAUSTED),
    ],
)
def test_the_budget_state_follows_what_is_left(good: int, bad: int, state: BudgetState) -> None:
    slo = an_slo("99.9", timedelta(hours=2), tiers=())
    ledger = a_ledger(slo)
    book(ledger, T0, good, bad)
    run(ledger, T0 + timedelta(seconds=10), T0 + 2 * HOUR, good=0)

    assert status_of(slo, ledger, T0 + 2 * HOUR - MINUTE).budget_state is state


def test_a_tenth_of_a_window_is_still_learning() -> None:
    slo = an_slo("99.9", timedelta(days=30))
    ledger = a_ledger(slo)
    run(ledger, T0, T0 + HOUR)

    assert status_of(slo, ledger, T0 + HOUR).budget_state is BudgetState.LEARNING


def test_a_long_window_above_and_a_short_one_below_is_recovering() -> None:
    slo = an_slo(tiers=(a_tier(),))
    ledger = a_ledger(slo)
    run(ledger, T0, T0 + 5 * MINUTE, good=0, bad=1)
    run(ledger, T0 + 5 * MINUTE, T0 + 20 * MINUTE)

    status = status_of(slo, ledger, T0 + 20 * MINUTE)

    assert status.now_state is NowState.RECOVERING


def test_an_outage_from_the_very_start_is_failing_until_a_rule_may_fire() -> None:
    slo = an_slo()
    ledger = a_ledger(slo)
    now, told = T0, []
    states: dict[str, AlertState] = {}
    while now < T0 + 3 * MINUTE:
        book(ledger, now, bad=1)
        status, states = evaluate(slo, ledger, now, states, T0)
        told.append(status.now_state)
        now += timedelta(seconds=10)

    assert set(told) == {NowState.FAILING, NowState.BURNING_FAST}
    assert told.index(NowState.BURNING_FAST) == 14  # half of the five minutes is observed


def test_an_outage_that_proves_nothing_yet_is_failing_and_its_end_is_not() -> None:
    slo = an_slo("99", interval=MINUTE)
    ledger = a_ledger(slo)
    run(ledger, T0, T0 + 57 * MINUTE, every=MINUTE)
    run(ledger, T0 + 57 * MINUTE, T0 + HOUR, good=0, bad=1, every=MINUTE)
    during = status_of(slo, ledger, T0 + HOUR)
    run(ledger, T0 + HOUR, T0 + HOUR + 5 * MINUTE, every=MINUTE)
    after = status_of(slo, ledger, T0 + HOUR + 5 * MINUTE)

    assert during.tiers[0].verdict is Verdict.FALSE
    assert (during.now_state, after.now_state) == (NowState.FAILING, NowState.OK)


def test_a_page_rule_that_only_waits_for_observations_or_its_time_is_failing() -> None:
    young = an_slo()
    first = a_ledger(young)
    run(first, T0, T0 + MINUTE, good=90, bad=10)
    waiting = an_slo(tiers=(a_tier(for_=5 * MINUTE),))
    second = a_ledger(waiting)
    run(second, T0, T0 + HOUR, good=90, bad=10)

    assert status_of(young, first, T0 + MINUTE).now_state is NowState.FAILING
    assert status_of(waiting, second, T0 + HOUR).now_state is NowState.FAILING


def test_what_failed_before_we_were_away_and_does_no_more_is_not_failing() -> None:
    slo = an_slo()
    ledger = a_ledger(slo)
    run(ledger, T0, T0 + 10 * MINUTE, good=0, bad=1)
    back = T0 + 28 * MINUTE
    run(ledger, back, back + 2 * MINUTE)

    status = status_of(slo, ledger, back + 2 * MINUTE)

    page = next(tier for tier in status.tiers if tier.tier.short == 30 * MINUTE)
    assert page.verdict is Verdict.FROZEN  # the half of its half hour was not observed
    assert status.now_state is not NowState.FAILING


def test_one_failure_among_many_is_not_failing() -> None:
    slo = an_slo()
    ledger = a_ledger(slo)
    run(ledger, T0, T0 + 2 * MINUTE)
    book(ledger, T0 + 2 * MINUTE, bad=1)

    assert status_of(slo, ledger, T0 + 2 * MINUTE).now_state is NowState.OK


def test_three_missed_intervals_are_stale() -> None:
    slo = an_slo()
    ledger = a_ledger(slo)
    run(ledger, T0, T0 + MINUTE)

    assert status_of(slo, ledger, T0 + 2 * MINUTE).now_state is NowState.STALE


def test_a_ticket_tier_alone_is_burning_but_not_fast() -> None:
    slo = an_slo(tiers=(a_tier(severity=Severity.TICKET, factor="1"),))
    ledger = a_ledger(slo)
    run(ledger, T0, T0 + HOUR, good=99, bad=1)

    assert status_of(slo, ledger, T0 + HOUR).now_state is NowState.BURNING
