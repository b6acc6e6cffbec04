"""`nines try`: one look, and lines that can be copied into a configuration."""

import json
from pathlib import Path

from pytest_httpserver import HTTPServer

from nines.config import load
from tests.nines.cli.running import run
from tests.web.ports import free_port


def test_what_it_proposes_is_a_configuration(tmp_path: Path) -> None:
    with HTTPServer() as server:
        server.expect_request("/health").respond_with_data("fine")
        ran = run("try", server.url_for("/health"), "--service", "shop")

    assert ran.code == 0
    assert ran.out.startswith("It answers as it should: 200 in ")
    assert "allows 3\u00a0h 21\u00a0min of full outage" in ran.out
    file = tmp_path / "config.yaml"
    file.write_text(ran.out[ran.out.index("services:") :])
    (slo,) = load(file, {}).slos
    assert (slo.id, slo.objective.label, slo.window.label) == ("shop/availability", "99.5", "28d")


def test_what_does_not_answer_is_said_with_its_cause() -> None:
    ran = run("try", f"http://127.0.0.1:{free_port()}/", "--output", "json", "--objective", "99%")

    facts = json.loads(ran.out)
    assert (ran.code, facts["outcome"], facts["cause"]) == (1, "failed", "connect")
    assert "refused" in facts["words"]
    assert facts["proposal"]["objective"] == "99%"


def test_what_makes_no_sense_is_wrong_use() -> None:
    assert run("try", "ftp://shop.example/").code == 2
    assert "objective: " in run("try", "https://shop.example/", "--objective", "99.5").err
    assert "window: a first window" in run("try", "https://a.example/", "--window", "1h").err
