"""`nines status`, asking a server that answers as Nines does."""

import json
import socket
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from rich.console import Console

from nines.cli.status import print_table
from tests.nines.cli.running import Ran, run


def facts(name: str, **other: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """One SLO as the API answers it."""
    return {
        "id": f"shop/{name}",
        "objective": "99.99",
        "window": "30d",
        "sli_ratio": 0.99996,
        "budget": {"remaining_ratio": 0.6},
        "burns": [{"lookback": "5m", "rate": 0.0}, {"lookback": "1h", "rate": 1.25}],
        "budget_state": "healthy",
        "now_state": "ok",
        **other,
    }


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    with HTTPServer() as serving:
        yield serving


def ask(server: HTTPServer, *arguments: str) -> Ran:
    return run("status", *arguments, environ={"NINES_SERVER": server.url_for("/")})


def answer(server: HTTPServer, *slos: dict[str, Any], cursor: str | None = None) -> None:
    server.expect_request("/api/v1/slos").respond_with_json(
        {"slos": slos, "total": len(slos), "states": {}, "next_cursor": cursor}
    )


def test_every_slo_is_a_line(server: HTTPServer) -> None:
    answer(server, facts("up"), facts("fast", sli_ratio=None, budget=None, burns=[]))

    ran = ask(server)

    lines = [line.split() for line in ran.out.splitlines()]
    assert ran.code == 0
    assert lines[1] == ["shop/up", "99.99%", "30d", "99.9960%", "60%", "1.2x", "healthy", "ok"]
    assert lines[2][3:7] == ["no", "data", "no", "data"]


def test_a_budget_that_is_being_learnt_is_no_percentage(server: HTTPServer) -> None:
    answer(server, facts("new", budget_state="learning"))

    line = ask(server).out.splitlines()[1]

    assert line.split()[4:] == ["learning", "1.2x", "learning", "ok"]


@pytest.mark.parametrize("width", [120, 96, 40])
def test_a_narrow_terminal_cuts_names_and_never_numbers(width: int) -> None:
    written = StringIO()
    console = Console(file=written, force_terminal=True, width=width, color_system=None)

    print_table([facts("n" * 200, budget_state="exhausted", now_state="burning_fast")], console)

    lines = written.getvalue().splitlines()
    name, *rest = lines[1].split()
    assert rest == ["99.99%", "30d", "99.9960%", "60%", "1.2x", "exhausted", "burning", "fast"]
    assert name.startswith("shop/n")
    assert name.endswith("…")
    assert len(lines) == 2
    assert len(lines[1].rstrip()) <= max(width, 90)  # no name is shorter than twelve letters


@pytest.mark.parametrize(
    ("ratio", "shown"),
    [(0.9999999, "99.9999%"), (1.0, "100.0000%"), (0.9999, "99.9900%"), (-0.00001, "-0.0010%")],
)
def test_an_sli_is_never_rounded_up(server: HTTPServer, ratio: float, shown: str) -> None:
    answer(server, facts("up", sli_ratio=ratio))

    assert shown in ask(server).out.split()


@pytest.mark.parametrize(
    ("budget_state", "now_state", "code"),
    [
        ("healthy", "ok", 0),
        ("learning", "stale", 0),
        ("at_risk", "recovering", 0),
        ("learning", "failing", 1),
        ("healthy", "burning", 1),
        ("healthy", "burning_fast", 1),
        ("exhausted", "ok", 1),
    ],
)
def test_the_answer_is_no_when_a_promise_is_in_danger(
    server: HTTPServer, budget_state: str, now_state: str, code: int
) -> None:
    answer(server, facts("up"), facts("down", budget_state=budget_state, now_state=now_state))

    assert ask(server).code == code


def test_every_page_of_a_long_list_is_asked_for(server: HTTPServer) -> None:
    first = {"slos": [facts("a")], "total": 2, "states": {}, "next_cursor": "next"}
    second = {"slos": [facts("b")], "total": 2, "states": {}, "next_cursor": None}
    server.expect_ordered_request("/api/v1/slos", query_string={"limit": "250"}).respond_with_json(
        first
    )
    server.expect_ordered_request(
        "/api/v1/slos", query_string={"limit": "250", "cursor": "next"}
    ).respond_with_json(second)

    ran = ask(server, "--output", "json")

    assert [each["id"] for each in json.loads(ran.out)["slos"]] == ["shop/a", "shop/b"]


def test_one_slo_says_what_its_tiers_say(server: HTTPServer) -> None:
    tier = {"severity": "page", "state": "firing", "reason": "16x over 1h is above 14.4x"}
    server.expect_request("/api/v1/slos/shop/up").respond_with_json(facts("up", tiers=[tier]))

    ran = ask(server, "shop/up")

    assert "page firing: 16x over 1h is above 14.4x" in ran.out


def test_what_the_server_says_of_an_unknown_slo_is_passed_on(server: HTTPServer) -> None:
    server.expect_request("/api/v1/slos/shop/nope").respond_with_json(
        {"title": "Not found", "detail": "There is no SLO 'shop/nope'."}, status=404
    )

    ran = ask(server, "shop/nope")

    assert (ran.code, ran.err) == (1, "nines: There is no SLO 'shop/nope'.\n")


def test_a_server_that_is_not_nines_is_said(server: HTTPServer) -> None:
    server.expect_request("/api/v1/slos").respond_with_data("<html>hello</html>")

    ran = ask(server)

    assert ran.code == 1
    assert "is it Nines?" in ran.err


def test_nobody_there_is_no_traceback() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        ran = run("status", "--server", f"http://127.0.0.1:{bound.getsockname()[1]}")

    assert ran.code == 1
    assert ran.err.startswith("nines: no Nines answers at http://127.0.0.1:")


@pytest.mark.parametrize(
    "arguments", [("up",), ("a/b/c",), ("--server", "localhost:9919")], ids=str
)
def test_wrong_use_is_said_before_anything_is_asked(arguments: tuple[str, ...]) -> None:
    assert run("status", *arguments).code == 2
