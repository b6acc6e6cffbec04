"""`nines explain`, asking a server that answers as Nines does."""

import json

from tests.nines.cli.running import run
from tests.nines.cli.serving import served


def test_an_alert_is_explained_step_by_step() -> None:
    with served() as server:
        ran = run("explain", "ALERT0001", "--server", server)

    assert ran.code == 0
    assert "  oncall was told; sre was not." in ran.out
    assert "held back by silence S1 (a deploy, by ann), until" in ran.out
    assert "Step by step:" in ran.out
    assert "Try 1 of the trigger to oncall failed in 5 s: no answer within 5s" in ran.out


def test_a_rule_that_did_not_fire_says_what_it_was_short_of() -> None:
    with served() as server:
        ran = run("explain", "petuniverse-api/uploads", "--server", server)

    assert ran.code == 0
    assert "It did not fire: " in ran.out
    assert "burn rate over 1h: " in ran.out


def test_for_programs_it_is_the_answer_of_the_api() -> None:
    with served() as server:
        ran = run("explain", "INC0001", "--server", server, "--output", "json")

    assert [one["alert_id"] for one in json.loads(ran.out)["alerts"]] == ["ALERT0001"]


def test_what_there_is_not_is_a_no() -> None:
    with served() as server:
        ran = run("explain", "nothing", "--server", server)

    assert ran.code == 1
    assert "There is no alert, incident, SLO or rule 'nothing'." in ran.err
