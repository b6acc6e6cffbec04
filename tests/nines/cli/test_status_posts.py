"""`nines status post|update|list`, and that `nines status` alone still shows the SLOs."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from alerting.status_incident import Impact, Stage
from nines.cli.status_app import ImpactOption, StageOption
from tests.nines.cli.running import Ran, run
from tests.nines.cli.serving import served
from tests.web.fake_board import board_world


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite_file: Path) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("status")
    with board_world(folder, migrated_sqlite_file) as world, served(world.board) as address:
        yield address


def ask(server: str, *arguments: str) -> Ran:
    return run("status", *arguments, environ={"NINES_SERVER": server, "NINES_NAME": "ada"})


def test_customers_are_told_more_and_more_and_each_request_counts_once(server: str) -> None:
    first = ("post", "--title", "It fails", "--text", "We look.", "--impact", "major")
    said = [
        ask(server, *first, "--component", "buy=partial_outage", "--key", "a", "-o", "json")
        for _ in "12"
    ]
    one, again = (json.loads(each.out[each.out.index("{") :]) for each in said)
    more = ask(
        server, "update", one["id"], "--status", "identified", "--text", "Found.",
        "--component", "browse",
    )  # fmt: skip
    listed = ask(server, "list")
    ask(server, "update", one["id"], "--status", "resolved", "--text", "Over.")

    assert [each.code for each in said] == [0, 0]
    assert again == one
    assert one["components"] == {"buy": "partial_outage"}
    assert f"It fails: identified, as {one['id']}." in more.out
    assert "It fails" in listed.out
    assert ask(server, "list").out == "No incident is open.\n"
    shown = json.loads(ask(server, "list", "--all", "-o", "json").out)["incidents"]
    assert [each["status"] for each in shown[0]["updates"]] == [
        "investigating",
        "identified",
        "resolved",
    ]
    assert shown[0]["components"] == {"buy": "partial_outage", "browse": None}


def test_what_makes_no_sense_is_wrong_use(server: str) -> None:
    ran = ask(server, "post", "--title", "x", "--text", "y", "--component", "bui")

    assert ran.code == 2
    assert "there is no component 'bui'; did you mean 'buy'?" in ran.err


def test_status_alone_shows_the_slos_and_its_help_names_both(server: str) -> None:
    assert "shop/checkout" in ask(server).out
    assert "shop/checkout" in ask(server, "shop/checkout").out
    said = ask(server, "--help").out
    assert all(f" {word} " in said for word in ("post", "update", "list"))


def test_an_open_incident_is_listed_however_much_was_told_since(server: str) -> None:
    def opened(*more: str) -> list[str]:
        ran = ask(server, "list", "-o", "json", *more)
        return [one["id"] for one in json.loads(ran.out)["incidents"]]

    for title in ("One", "Another"):
        ask(server, "post", "--title", title, "--text", "x")
    newest, older = opened()
    ask(server, "update", newest, "--status", "resolved", "--text", "Over.")

    assert opened("--limit", "1") == [older]


def test_the_options_are_those_that_an_incident_has() -> None:
    assert [one.value for one in StageOption] == [one.value for one in Stage]
    assert [one.value for one in ImpactOption] == [one.value for one in Impact]
