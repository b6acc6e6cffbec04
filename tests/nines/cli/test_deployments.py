"""`nines deployment`, asking the application over a real socket."""

import json
from collections.abc import Iterator

import pytest

from tests.nines.cli.running import Ran, run
from tests.nines.cli.serving import served


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with served() as address:
        yield address


def ask(server: str, *arguments: str) -> Ran:
    environ = {"NINES_SERVER": server, "NINES_NAME": "ada"}
    return run("deployment", *arguments, environ=environ)


def test_one_is_told_and_listed(server: str) -> None:
    nothing = ask(server, "list")
    one = ("add", "shop", "v2", "--at", "now-5m", "-e", "eu", "--key", "run-1")
    added, again = ask(server, *one), ask(server, *one, "-o", "json")

    assert nothing.out == "No deployment is on record.\n"
    mistyped = ask(server, "list", "shpo")
    assert mistyped.code == 1
    assert "There is no service 'shpo'" in mistyped.err
    assert added.code == 0
    assert added.out.splitlines()[-1] == (
        "shop v2 is on record as deployment-1, since 2026-11-21 11:55:07 UTC."
    )
    assert json.loads(again.out)["deployment"]["id"] == "deployment-1"
    listed = ask(server, "list", "shop").out.splitlines()
    assert len(listed) == 2
    assert listed[1].split()[3:6] == ["shop", "v2", "eu"]


def test_what_is_refused_says_why_and_exits_with_2(server: str) -> None:
    ran = ask(server, "add", "shpo", "v2")

    assert ran.code == 2
    assert "there is no service 'shpo'; did you mean 'shop'?" in ran.err
