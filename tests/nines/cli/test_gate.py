"""`nines gate` ends with a code that a pipeline can go by."""

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
    return run(*arguments, environ={"NINES_SERVER": server, "NINES_NAME": "ada"})


def override(server: str, state: str) -> Ran:
    return ask(
        server, "gate-override", "add", "shop", state, "--until", "2026-11-21T13:00Z",
        "--reason", "the sale", "--output", "json",
    )  # fmt: skip


@pytest.mark.parametrize(("state", "code"), [("ok", 0), ("caution", 10), ("freeze", 20)])
def test_each_decision_has_its_code(server: str, state: str, code: int) -> None:
    made = override(server, state)
    assert made.code == 0, made.err

    ran = ask(server, "gate", "--service", "shop")
    as_json = ask(server, "gate", "--service", "shop", "-o", "json")
    listed = ask(server, "gate-override", "list")
    ended = ask(
        server,
        "gate-override",
        "end",
        json.loads(made.out[made.out.index("{") :])["override"]["id"],
    )

    assert (ran.code, as_json.code) == (code, code)
    assert ran.out.startswith(f"{state}: ")
    assert json.loads(as_json.out)["state"] == state
    assert "the sale" in listed.out
    assert ended.out == "Ended: the policy decides again.\n"
    assert ask(server, "gate-override", "list").out == "Nothing is overridden.\n"


def test_the_policy_decides_of_an_slo_and_says_why(server: str) -> None:
    ran = ask(server, "gate", "shop/checkout")

    assert ran.code == 20
    assert "freeze: shop/checkout burns so fast that its page rule fires." in ran.out


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("shop/checkout", "--service", "shop"),
        ("shop",),
        ("shop/nothing",),
        ("--service", "nothing"),
        ("shop/checkout", "--since", "tomorrow"),
        ("shop/checkout", "--server", "http://127.0.0.1:1"),
    ],
)
def test_what_cannot_be_answered_is_not_known(server: str, arguments: tuple[str, ...]) -> None:
    ran = ask(server, "gate", *arguments)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("nines: ")
