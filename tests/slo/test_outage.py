"""Service down: failures in a row, and the look that confirms them."""

from datetime import datetime, timedelta

import pytest

from slo.alert_state import Phase
from slo.outage import Outage, confirm, failed, passed, unknown
from slo.rule import DownCheck, Rule
from slo.status import Verdict
from tests.slo.builders import T0
from tests.slo.rules import S, a_rule

DOWN = a_rule("down", probe="health", down_for="1m", severity="page")


def check(rule: Rule = DOWN) -> DownCheck:
    assert isinstance(rule.check, DownCheck)
    return rule.check


def walk(runs: str, start: datetime = T0, outage: Outage | None = None) -> Outage:
    """One run every ten seconds: f failed, p passed, u we could not look."""
    outage = outage or Outage()
    for n, letter in enumerate(runs):
        due = start + n * 10 * S
        match letter:
            case "f":
                outage = failed(DOWN, check(), outage, due, f"failure {n}")
            case "p":
                outage = passed(DOWN, check(), outage, due)
            case "u":
                outage = unknown(outage, due)
    return outage


@pytest.mark.parametrize(
    ("runs", "asked"),
    [
        pytest.param("ffffff", False, id="fifty seconds are not a minute"),
        pytest.param("fffffff", True, id="a minute from the first failure to the last"),
        pytest.param("ffffffpf", False, id="one that passed begins it anew"),
        pytest.param("fffuuuuufffff", True, id="our own failures end nothing"),
        pytest.param("fffuuuuuffff", False, id="nor is the time around them counted"),
        pytest.param("fuuuuuuuf", False, id="and are no time that the target was down"),
        pytest.param("ppp", False, id="nothing failed"),
    ],
)
def test_a_look_is_asked_for_after(runs: str, asked: bool) -> None:
    outage = walk(runs)

    assert outage.asked is asked
    assert outage.state.phase is not Phase.FIRING  # nothing fires without that look


def test_it_fires_when_the_look_fails_too() -> None:
    at = T0 + 61 * S

    outage = confirm(walk("fffffff"), Verdict.TRUE, at, "connection refused")

    assert outage.state.phase is Phase.FIRING
    assert outage.state.since == at
    assert (outage.lasted, outage.failures) == (60 * S, 7)
    assert outage.confirmed == "connection refused"


def test_a_look_that_passes_ends_it_all() -> None:
    outage = confirm(walk("fffffff"), Verdict.FALSE, T0 + 61 * S, "")

    assert outage == Outage()
    assert not walk("ffffff", T0 + 70 * S, outage).asked


def test_a_look_that_we_failed_is_asked_for_again_with_the_next_failure() -> None:
    outage = confirm(walk("fffffff"), Verdict.FROZEN, T0 + 61 * S, "no file descriptors")

    assert outage.state.phase is Phase.PENDING
    assert not outage.asked
    assert walk("f", T0 + 70 * S, outage).asked


def test_a_look_that_nobody_waits_for_any_more_changes_nothing() -> None:
    outage = walk("fffffffp")

    assert confirm(outage, Verdict.TRUE, T0 + 71 * S, "late").state.phase is Phase.INACTIVE


def test_a_run_that_was_due_before_the_first_failure_ends_nothing() -> None:
    outage = walk("ffffff")

    assert passed(DOWN, check(), outage, T0 - 5 * S) == outage


def test_without_a_length_the_first_failure_asks_for_the_confirming_look() -> None:
    rule = a_rule("down", probe="health", down_for="0s", severity="page")

    outage = failed(rule, check(rule), Outage(), T0, "refused")

    assert (outage.asked, outage.state.phase) == (True, Phase.PENDING)
    assert confirm(outage, Verdict.TRUE, T0 + S, "refused").state.phase is Phase.FIRING
    assert confirm(outage, Verdict.FALSE, T0 + S, "").state.phase is Phase.INACTIVE


def test_it_ends_once_runs_have_passed_for_a_minute() -> None:
    firing = confirm(walk("fffffff"), Verdict.TRUE, T0 + 61 * S, "refused")
    start = T0 + 70 * S

    assert walk("pppppp", start, firing).state.phase is Phase.FIRING
    assert walk("ppppppp", start, firing).state.phase is Phase.INACTIVE
    assert walk("ppppppfp", start, firing).state.phase is Phase.FIRING
    assert walk("ppppuppp", start, firing).state.phase is Phase.FIRING


def test_time_that_was_frozen_is_left_out_also_after_an_unconfirmed_look() -> None:
    rule = a_rule("down", probe="health", down_for="20s", severity="page")
    outage = Outage()
    for n, letter in enumerate("fuuuufff"):
        due = T0 + n * 10 * S
        outage = (
            failed(rule, check(rule), outage, due, "") if letter == "f" else unknown(outage, due)
        )
    assert outage.asked

    outage = confirm(outage, Verdict.FROZEN, T0 + 61 * S, "")

    assert outage.state.since == T0 + timedelta(seconds=50)
