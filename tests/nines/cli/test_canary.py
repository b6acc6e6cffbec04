"""`nines canary`, asking the application over a real socket."""

import json
from collections.abc import Iterator

import pytest

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
