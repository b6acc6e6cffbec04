"""What a threshold rule reads from pages and counts, and when that makes it true."""

import math
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.alert_state import AlertState, Phase, step
from slo.exposition import Page
from slo.increment import Increment
from slo.recent import Recent
from slo.rule import GaugeCheck, QuantileCheck, RateCheck, RatioCheck, Rule
from slo.rule_reading import KEPT, Reading, judge, read_gauge, read_window
from slo.status import Verdict
from tests.slo.builders import T0
from tests.slo.rules import S, a_page, a_rule

CPU = a_rule(collector="metrics", metric="cpu", above="70%", clear_below="60%", for_="5m")
DISK = a_rule(collector="metrics", metric="free", below="20%", clear_above="25%", by=["instance"])
ERRORS = a_rule(
    collector="metrics", bad="errors_total", total="requests_total", over="5m", above="1%"
)
HITS = a_rule(
    collector="metrics", good="hits_total", total="looks_total", over="5m", below="60%", at_least=50
)
SLOW = a_rule(collector="metrics", histogram="seconds", quantile="99%", over="5m", above="2s")
LOST = a_rule(collector="metrics", counter="lost_total", over="5m", above="12/m")


def gauge(rule: Rule, page: Page) -> Reading:
    assert isinstance(rule.check, GaugeCheck)
    return read_gauge(rule.check, page, T0)


def window(rule: Rule, good: int, bad: int, observed: timedelta = timedelta(minutes=5)) -> Reading:
    assert isinstance(rule.check, RateCheck | RatioCheck | QuantileCheck)
    recent = Recent(rule.check.over).added(T0 - observed, T0, Increment(good=good, bad=bad))
    return read_window(rule.check, recent, T0, T0)


@pytest.mark.parametrize(
    ("value", "firing", "true"),
    [
        pytest.param(0.7, False, False, id="70 % is not above 70 %, though a float is not exact"),
        pytest.param(math.nextafter(0.7, 1), False, True, id="the next number is"),
        pytest.param(0.65, False, False, id="the band begins nothing"),
        pytest.param(0.65, True, True, id="the band ends nothing"),
        pytest.param(0.6, True, True, id="60 % is not below 60 %"),
        pytest.param(math.nextafter(0.6, 0), True, False, id="below the clearing limit it ends"),
        pytest.param(1, True, True, id="a whole number"),
    ],
)
def test_above_and_clear_below(value: float, firing: bool, true: bool) -> None:
    reading = gauge(CPU, a_page("cpu", value))

    verdict = judge(CPU, reading, T0, firing=firing)

    assert verdict is (Verdict.TRUE if true else Verdict.FALSE)


@pytest.mark.parametrize(
    ("value", "firing", "true"),
    [(0.2, False, False), (0.19, False, True), (0.25, True, True), (0.26, True, False)],
)
def test_below_and_clear_above(value: float, firing: bool, true: bool) -> None:
    verdict = judge(DISK, gauge(DISK, a_page("free", value)), T0, firing=firing)

    assert verdict is (Verdict.TRUE if true else Verdict.FALSE)


def test_the_worst_series_decides_and_comes_first() -> None:
    reading = gauge(DISK, a_page("free", a=0.5, b=0.1, c=0.15))

    assert reading.value == 0.1
    assert reading.series == (("instance=b", 0.1), ("instance=c", 0.15), ("instance=a", 0.5))
    assert (reading.beyond, reading.found) == (2, 3)


def test_a_page_of_many_series_is_kept_in_part() -> None:
    reading = gauge(CPU, a_page("cpu", *(n / 1000 for n in range(1000))))

    assert len(reading.series) == KEPT
    assert reading.series[0][1] == 0.999
    assert reading.beyond == 299


def test_what_is_no_number_is_no_value() -> None:
    assert gauge(CPU, a_page("cpu", math.nan, math.inf)) == Reading()
    assert gauge(CPU, a_page("other", 1)) == Reading()


def test_an_old_value_says_nothing() -> None:
    reading = gauge(CPU, a_page("cpu", 0.9))

    assert judge(CPU, reading, T0 + 25 * S, firing=False) is Verdict.TRUE
    assert judge(CPU, reading, T0 + 26 * S, firing=False) is Verdict.FROZEN
    assert judge(CPU, Reading(), T0, firing=True) is Verdict.FROZEN


@pytest.mark.parametrize(
    ("rule", "good", "bad", "value", "true"),
    [
        pytest.param(ERRORS, 99, 1, Fraction(1, 100), False, id="exactly 1 % is not above it"),
        pytest.param(ERRORS, 98, 1, Fraction(1, 99), True, id="one in 99 is"),
        pytest.param(ERRORS, 0, 0, None, False, id="idle is not wrong"),
        pytest.param(HITS, 29, 21, Fraction(29, 50), True, id="good events below their share"),
        pytest.param(HITS, 28, 21, None, False, id="fewer events than it takes"),
        pytest.param(SLOW, 990, 10, Fraction(1, 100), False, id="p99 is at the limit"),
        pytest.param(SLOW, 989, 10, Fraction(10, 999), True, id="p99 is above the limit"),
        pytest.param(LOST, 0, 60, Fraction(12), False, id="60 in 5 minutes are 12 a minute"),
        pytest.param(LOST, 0, 61, Fraction(61, 5), True, id="61 are more"),
    ],
)
def test_over_a_time(rule: Rule, good: int, bad: int, value: Fraction | None, true: bool) -> None:
    reading = window(rule, good, bad)

    assert reading.value == value
    verdict = judge(rule, reading, T0, firing=False)
    assert verdict is (Verdict.TRUE if true else Verdict.FALSE)


def test_a_rate_is_of_the_time_that_was_observed() -> None:
    reading = window(LOST, 0, 31, observed=timedelta(seconds=150))

    assert reading.value == Fraction(31 * 60, 150)
    assert judge(LOST, reading, T0, firing=False) is Verdict.TRUE


def test_less_than_half_of_the_time_says_nothing() -> None:
    reading = window(ERRORS, 0, 1000, observed=timedelta(seconds=149))

    assert judge(ERRORS, reading, T0, firing=False) is Verdict.FROZEN
    assert judge(ERRORS, reading, T0, firing=True) is Verdict.FROZEN


@pytest.mark.parametrize(
    ("good", "bad", "unknown", "verdict"),
    [
        pytest.param(970, 20, 10, Verdict.TRUE, id="were the unknown all good it still is"),
        pytest.param(989, 1, 10, Verdict.FROZEN, id="the unknown decide it"),
        pytest.param(995, 1, 4, Verdict.FALSE, id="were the unknown all bad it still is not"),
    ],
)
def test_events_that_nobody_can_tell_decide_nothing(
    good: int, bad: int, unknown: int, verdict: Verdict
) -> None:
    assert isinstance(SLOW.check, QuantileCheck)
    increment = Increment(good=good, bad=bad, unknown=unknown)
    recent = Recent(SLOW.check.over).added(T0 - SLOW.check.over, T0, increment)

    reading = read_window(SLOW.check, recent, T0, T0)

    assert judge(SLOW, reading, T0, firing=False) is verdict


def test_a_quantile_ends_at_its_own_clearing_edge() -> None:
    rule = a_rule(
        collector="metrics", histogram="seconds", quantile="99%", over="5m", above="2s",
        clear_below="1s",
    )  # fmt: skip
    fine, slow = window(rule, 1000, 0), window(rule, 950, 50)

    assert judge(rule, fine, T0, firing=True, clear=slow) is Verdict.TRUE
    assert judge(rule, fine, T0, firing=True, clear=fine) is Verdict.FALSE
    assert judge(rule, fine, T0, firing=False, clear=slow) is Verdict.FALSE


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=200))
def test_it_never_flaps_inside_the_band_nor_fires_before_its_time(
    values: list[float | None],
) -> None:
    """Against the rule in words: held above 70 % for 5 m it fires, below 60 % for 1 m it ends."""
    state, now = AlertState(), T0
    held = cool = 0  # seconds beyond the limit in a row; seconds below the clearing limit
    last: Reading | None = None
    for value in values:
        now += 30 * S
        last = gauge(CPU, a_page("cpu", value)) if value is not None else None
        was = state.phase
        firing = was is Phase.FIRING and state.false_since is None
        verdict = Verdict.FROZEN if last is None else judge(CPU, last, T0, firing=firing)
        state = step(state, verdict, now, for_=CPU.for_, keep_firing_for=CPU.keep_firing_for)
        if value is None:
            assert state.phase is was
            continue
        if was is not Phase.FIRING:
            held = held + 1 if value > 0.7 else 0
            assert (state.phase is Phase.FIRING) == (held > 10)
            cool = 0
        else:
            assert state.phase is Phase.FIRING or value < 0.7
            cool = 0 if value > 0.7 else cool + 1
            if state.phase is not Phase.FIRING:
                assert cool >= 3
                held = 0
