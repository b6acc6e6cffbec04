"""`nines probe URL`, against real sockets."""

import json
import socket
from collections.abc import Iterator

import pytest
from pytest_httpserver import HTTPServer

from tests.nines.cli.running import run


@pytest.fixture
def url() -> Iterator[str]:
    with HTTPServer() as server:
        server.expect_request("/health").respond_with_json({"database": False, "load": 3})
        yield server.url_for("/health")


def test_what_is_as_expected_is_fine(url: str) -> None:
    ran = run("probe", url)

    assert ran.code == 0
    assert ran.out.startswith(f"{url}: as expected\n")
    assert "HTTP 200" in ran.out


def test_a_truth_in_the_body_decides(url: str) -> None:
    ran = run("probe", url, "--expect-json", "$.load=3", "--expect-json", "$.database=true")

    assert ran.code == 1
    assert "failed (assertion in judge)" in ran.out
    assert "$.database" in ran.out


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [
        ("--expect-status", "2xx", 0),
        ("--expect-status", "503", 1),
        ("--expect-json", "$.database=false", 0),
        ("--expect-body", "database", 0),
        ("--expect-body", "hello", 1),
        ("--latency", "4s", 0),
    ],
)
def test_an_expectation_decides(url: str, option: str, value: str, code: int) -> None:
    assert run("probe", url, option, value).code == code


def test_a_refused_connection_is_an_answer_not_a_traceback() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        ran = run("probe", f"http://127.0.0.1:{bound.getsockname()[1]}/", "--output", "json")

    seen = json.loads(ran.out)
    assert ran.code == 1
    assert (seen["outcome"], seen["cause"], seen["phase"]) == ("failed", "connect", "connect")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ftp://a",), "URL: 'ftp://a' begins with neither http:// nor https://"),
        (("http://a", "--latency", "5"), "--latency: '5' is not a duration"),
        (("http://a", "--timeout", "soon"), "--timeout: 'soon' is not a duration"),
        (("http://a", "--expect-json", "ok"), "--expect-json: 'ok' is not of the form"),
        (("http://a", "--expect-json", "ok=1"), "--expect-json: 'ok' is no JSON path"),
        (("http://a", "--expect-status", "900"), "--expect-status: 900 is not a status"),
        (("http://a", "--method", "LOOK"), "--method: `--method` must be 'GET', "),
    ],
)
def test_a_question_that_makes_no_sense_is_wrong_use(arguments: tuple[str, ...], said: str) -> None:
    ran = run("probe", *arguments)

    assert ran.code == 2
    assert ran.err.startswith(f"nines: {said}")


def test_a_path_with_a_comparison_in_it_is_split_at_its_value(url: str) -> None:
    assert run("probe", url, "--expect-json", "$[?@ == 3]=3").code == 0
