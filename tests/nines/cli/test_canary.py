"""`nines canary`, asking the application over a real socket."""

import json
from collections.abc import Iterator

import pytest

from nines.cli.canary import said
from tests.nines.cli.running import Ran, run
from tests.nines.cli.serving import served


@pytest.fixture
def server() -> Iterator[str]:
    with served() as address:
        yield address


def ask(server: str, *arguments: str) -> Ran:
    return run("canary", *arguments, environ={"NINES_SERVER": server, "NINES_NAME": "ada"})


def test_one_that_arrives_is_told_and_one_that_fails_with_the_reason(server: str) -> None:
    arrived = ask(server, "mail")
    assert (arrived.code, arrived.out) == (0, "The canary to mail arrived (1 try).\n")

    failed = ask(server, "oncall", "--output", "json")
    assert failed.code == 1
    canary = json.loads(failed.out)["canary"]
    assert (canary["state"], canary["reason"]) == ("failed", "oncall is parked: revoked")


def test_a_receiver_that_is_not_there(server: str) -> None:
    ran = ask(server, "nobody")
    assert ran.code == 1
    assert "There is no receiver 'nobody'." in ran.err


def test_one_that_waits_for_a_parked_receiver_says_so() -> None:
    standing = {"name": "oncall", "parked_at": "2026-10-05T12:00:00Z", "problem": "HTTP 404"}
    waits = {"state": "pending", "attempts": 0}

    assert said(standing, waits, 5) == (
        "The canary to oncall waits (0 tries): oncall is parked since 2026-10-05 12:00:00 UTC: "
        "HTTP 404. Mend it, then: nines unpark oncall --by YOUR_NAME"
    )
    well = said(standing | {"parked_at": None}, waits, 5)
    assert well == "The canary to oncall has not arrived within 5 s (0 tries)."


def test_a_receiver_is_unparked(server: str) -> None:
    environ = {"NINES_SERVER": server, "NINES_NAME": "ada"}

    done = run("unpark", "oncall", environ=environ)
    assert (done.code, done.out) == (
        0,
        "oncall is not parked any more: 2 messages that wait for it will be tried at once.\n",
    )
    missing = run("unpark", "nobody", environ=environ)
    assert missing.code == 1
    assert "There is no receiver 'nobody'." in missing.err
