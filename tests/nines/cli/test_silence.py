"""`nines silence`, asking the application over a real socket."""

import json
import re
import socket
from collections.abc import Iterator

import pytest

from tests.nines.cli.running import Ran, run
from tests.nines.cli.serving import served


@pytest.fixture
def server() -> Iterator[str]:
    with served() as address:
        yield address


def ask(server: str, *arguments: str) -> Ran:
    return run("silence", *arguments, environ={"NINES_SERVER": server, "NINES_NAME": "ada"})


def test_one_is_added_listed_and_ended(server: str) -> None:
    added = ask(
        server, "add", "service=shop", 'slo=~"check.*"', "--for", "2h", "--reason", "a new database"
    )

    assert added.code == 0, added
    found = re.search(r"as (\S+): service=\"shop\", slo=~\"check\.\*\"\.", added.out)
    assert found is not None, added.out
    assert "It mutes 1 of the alerts that fire now." in added.out
    assert "shop/checkout  page  since 2026-11-21" in added.out
    assert "2026-11-21 12:00 to 2026-11-21 14:00 UTC" in added.out
    listed = ask(server, "list")
    assert found[1] in listed.out
    assert "a new database" in listed.out
    assert ask(server, "end", found[1]).out.startswith('Ended: service="shop"')
    assert ask(server, "list").out == "Nothing is silenced, now or later.\n"
    assert json.loads(ask(server, "list", "--all", "--output", "json").out)["silences"][0]["id"]


def test_a_preview_shows_whom_and_when_through_a_clock_change(server: str) -> None:
    ran = ask(
        server, "preview", "service=shop", "--start", "2027-03-26T02:30", "--for", "1h",
        "--rrule", "FREQ=DAILY", "--zone", "Europe/Berlin",
    )  # fmt: skip

    assert ran.code == 0, ran
    assert re.match(r"It would mute [1-9] of the alerts that fire now\.", ran.out)
    assert ran.out.count(" UTC  (") == 5
    assert (
        "2027-03-28 01:30 to 2027-03-28 02:30 UTC"
        "  (2027-03-28 03:30 +02:00 to 2027-03-28 04:30 +02:00)"
    ) in ran.out
    assert ask(server, "list", "--all").out == "Nothing is silenced.\n"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("add", 'a!="b"', "--for", "1h", "--reason", "x"), 2, "does not match everything"),
        (("add", "shop", "--for", "1h", "--reason", "x"), 2, "expected one of = != =~ !~"),
        (("add", "a=b", "--reason", "x"), 2, "exactly one of `end` and `duration`"),
        (("add", "--for", "1h", "--reason", "x"), 2, "Missing argument"),
        (("end", "none"), 1, "There is no silence 'none'"),
    ],
)
def test_what_cannot_be_is_a_sentence(
    server: str, arguments: tuple[str, ...], code: int, said: str
) -> None:
    ran = ask(server, *arguments)

    assert ran.code == code
    assert said in ran.err


def test_nobody_answering_is_the_answer_no() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        ran = ask(f"http://127.0.0.1:{taken.getsockname()[1]}", "list")

    assert ran.code == 1
    assert "no Nines answers" in ran.err
