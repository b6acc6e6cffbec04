"""`nines annotation`, asking the application over a real socket."""

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
    environ = {"NINES_SERVER": server, "NINES_NAME": "ada"}
    return run("annotation", *arguments, environ=environ)


def test_one_is_added_and_listed(server: str) -> None:
    nothing = ask(server, "list")
    added = ask(server, "add", "shop/checkout", "cache emptied", "--start", "now-5m")

    assert nothing.out == "Nothing is annotated.\n"
    mistyped = ask(server, "list", "shpo/checkout")
    assert mistyped.code == 1
    assert "There is no service 'shpo'" in mistyped.err
    assert (added.code, added.out) == (
        0,
        "Annotated, as annotation-1: shop/checkout, 2026-11-21 11:55 UTC: cache emptied\n",
    )
    listed = ask(server, "list", "shop/checkout").out.splitlines()
    assert listed[1].split() == [
        *("annotation-1", "shop/checkout", "2026-11-21", "11:55", "UTC"),
        *("cache", "emptied", "ada"),
    ]


def test_an_slo_has_those_of_its_service_and_none_of_its_neighbours(server: str) -> None:
    ask(server, "add", "shop", "a sale", "--start", "now-2h", "--end", "now-1h")
    ask(server, "add", "shop/checkout", "cache emptied")

    def told(*what: str) -> list[str]:
        found = json.loads(ask(server, "list", *what, "-o", "json").out)
        return [one["text"] for one in found["annotations"]]

    assert told("shop/search") == ["a sale"]
    assert sorted(told("shop/checkout")) == ["a sale", "cache emptied"]
    assert len(told("--limit", "1")) == 1
    assert "2026-11-21 10:00 to 2026-11-21 11:00 UTC" in ask(server, "list").out


def test_it_is_said_in_other_words_and_taken_back(server: str) -> None:
    ask(server, "add", "shop", "a sael")
    edited = ask(server, "edit", "annotation-1", "a sale")
    undone = ask(server, "undo", "annotation-1", "-o", "json")

    assert edited.out.startswith("Changed, as annotation-1: shop,")
    assert edited.out.endswith(": a sale\n")
    assert [entry["action"] for entry in json.loads(undone.out)["trail"]] == [
        *("created", "changed", "undone"),
    ]
    assert ask(server, "list").out == "Nothing is annotated.\n"


def test_what_is_refused_says_why_and_exits_with_2(server: str) -> None:
    ran = ask(server, "add", "shpo", "x")

    assert ran.code == 2
    assert "there is no service 'shpo'" in ran.err


def test_one_that_is_not_there_is_said_so_and_exits_with_1(server: str) -> None:
    ran = ask(server, "undo", "nothing")

    assert ran.code == 1
    assert "There is no annotation 'nothing'." in ran.err
