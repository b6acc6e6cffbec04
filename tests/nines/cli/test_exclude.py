"""`nines exclude`, asking the application over a real socket."""

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
    return run("exclude", *arguments, environ={"NINES_SERVER": server, "NINES_NAME": "ada"})


def made(ran: Ran) -> str:
    """The id of what was just made."""
    found = re.search(r"as (\S+):", ran.out)
    assert found is not None, ran
    return found[1]


def test_one_is_added_listed_ended_and_undone(server: str) -> None:
    added = ask(
        server, "add", "shop/checkout", "--start", "2026-11-21T11:00Z", "--for", "2h",
        "--reason", "a new database",
    )  # fmt: skip

    assert added.code == 0
    assert "2026-11-21 11:00 to 2026-11-21 13:00 UTC" in added.out
    listed = ask(server, "list", "shop/checkout")
    assert made(added) in listed.out
    assert "a new database" in listed.out
    assert ask(server, "end", made(added)).out == "Ended: shop/checkout (a new database).\n"
    assert ask(server, "list").out == "Nothing is excluded, now or later.\n"
    assert made(added) in ask(server, "list", "--all").out
    undone = ask(server, "undo", made(added), "--output", "json")
    assert json.loads(undone.out)["exclusion"]["state"] == "undone"


def test_a_recurrence_that_is_over_has_no_next_times_and_says_so(server: str) -> None:
    ran = ask(
        server, "add", "shop", "--start", "2020-01-01T02:30", "--for", "1h", "--rrule",
        "FREQ=DAILY;COUNT=2", "--zone", "Europe/Berlin", "--reason", "backups", "--preview",
    )  # fmt: skip

    assert ran.code == 0
    assert ran.out.splitlines()[1:] == ["All of its times are over."]


def test_a_preview_shows_the_next_five_times_through_a_clock_change(server: str) -> None:
    ran = ask(
        server, "add", "shop", "--start", "2027-03-26T02:30", "--for", "1h", "--rrule",
        "FREQ=DAILY", "--zone", "Europe/Berlin", "--reason", "backups", "--preview",
    )  # fmt: skip

    assert ran.code == 0
    first, *times = ran.out.splitlines()
    assert first.startswith("Would exclude shop/")
    assert times[1:4] == [
        f"{utc[0]} to {utc[1]} UTC  ({local[0]} to {local[1]})"
        for utc, local in (
            (
                ("2027-03-27 01:30", "2027-03-27 02:30"),
                ("2027-03-27 02:30 +01:00", "2027-03-27 03:30 +01:00"),
            ),
            (
                ("2027-03-28 01:30", "2027-03-28 02:30"),
                ("2027-03-28 03:30 +02:00", "2027-03-28 04:30 +02:00"),
            ),
            (
                ("2027-03-29 00:30", "2027-03-29 01:30"),
                ("2027-03-29 02:30 +02:00", "2027-03-29 03:30 +02:00"),
            ),
        )
    ]
    assert len(times) == 5
    assert ask(server, "list", "--all").out == "Nothing is excluded.\n"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("add", "--for", "1h", "--reason", "x"), 2, "say what is excluded"),
        (("add", "--label", "env", "--for", "1h", "--reason", "x"), 2, "write key=value"),
        (("add", "shop/nothing", "--for", "1h", "--reason", "x"), 2, "there is no SLO for"),
        (("add", "shop", "--reason", "x"), 2, "exactly one of `end` and `duration`"),
        (("end", "none"), 1, "There is no exclusion 'none'"),
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
