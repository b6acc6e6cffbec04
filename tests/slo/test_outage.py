"""Service down: failures in a row, and the look that confirms them."""

from datetime import datetime, timedelta

import pytest

from slo.alert_state import Phase
from slo.outage import Outage, confirm, failed, passed, unknown
from slo.rule import DownCheck, FailuresCheck, Rule
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


SOME = a_rule("flaky", probe="health", failures="3 of 5", recovery=2, severity="page")


def count(runs: str, outage: Outage | None = None, start: datetime = T0) -> list[bool]:
    """Whether it fires after each run: f failed, p passed, u we could not look."""
    outage = outage or Outage()
    fires = []
    for n, letter in enumerate(runs):
        due = start + n * 10 * S
        match letter:
            case "f":
                outage = failed(SOME, some(), outage, due, f"failure {n}")
            case "p":
                outage = passed(SOME, some(), outage, due)
            case "u":
                outage = unknown(outage, due)
        fires.append(outage.state.phase is Phase.FIRING)
    return fires


def some() -> FailuresCheck:
    assert isinstance(SOME.check, FailuresCheck)
    return SOME.check


@pytest.mark.parametrize(
    ("runs", "fires"),
    [
        pytest.param("ff", False, id="two are not three"),
        pytest.param("fff", True, id="three in a row"),
        pytest.param("fpfpf", True, id="three of the last five"),
        pytest.param("fpfppf", False, id="the first of them is too long ago"),
        pytest.param("ffuuuf", True, id="a run that we could not make is none of the five"),
        pytest.param("ff" + "u" * 6 + "f", False, id="what was before a gap is forgotten"),
        pytest.param("fffp" + "f", True, id="one that passed is no recovery"),
        pytest.param("fffpp" + "p" * 5, True, id="it goes on for keep_firing_for"),
        pytest.param("fffpp" + "p" * 6, False, id="two in a row that passed, and a minute"),
        pytest.param("fffpfppppppp", True, id="they have to be in a row"),
        pytest.param("fffppppfpppp", False, id="one failure later is no outage"),
        pytest.param("fffpppppppp" + "ff", False, id="once it is over it begins anew"),
        pytest.param("fffpppppppp" + "fff", True, id="and may fire again"),
    ],
)
def test_so_many_of_the_last_runs_fire_and_some_in_a_row_end_it(runs: str, fires: bool) -> None:
    assert count(runs)[-1] is fires


def test_what_counts_failures_asks_for_no_look_and_tells_the_first_of_them() -> None:
    outage = Outage()
    for n, run in enumerate("pfpff"):
        due = T0 + n * 10 * S
        if run == "f":
            outage = failed(SOME, some(), outage, due, f"failure {n}")
        else:
            outage = passed(SOME, some(), outage, due)

    assert outage.state.phase is Phase.FIRING
    assert not outage.asked
    assert (outage.first, outage.failures, outage.runs) == (T0 + 10 * S, 3, "pfpff")


def test_an_outage_without_a_pass_to_spare_ends_at_the_second_pass_in_a_row() -> None:
    rule = a_rule("down", probe="health", down_for="0s", recovery=2, severity="page")
    assert isinstance(rule.check, DownCheck)
    outage = confirm(failed(rule, rule.check, Outage(), T0, "no"), Verdict.TRUE, T0 + S, "no")
    cooling = []
    for n, run in enumerate("pfpp", start=1):
        due = T0 + n * 10 * S
        if run == "f":
            outage = failed(rule, rule.check, outage, due, "no")
        else:
            outage = passed(rule, rule.check, outage, due)
        cooling.append(outage.state.false_since is not None)

    assert cooling == [False, False, False, True]
