"""`nines check`."""

import json
from pathlib import Path

import pytest

from tests.nines.cli.running import run
from tests.nines.config.files import NOBODY, SHOP

ROOT = Path(__file__).parents[3]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    file = tmp_path / "shop.yaml"
    file.write_text(SHOP)
    return file


def test_a_sound_configuration_is_summed_up(shop: Path) -> None:
    ran = run("check", shop)

    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (f"{shop}:11:19: advice: {NOBODY}\n1 service, 2 SLOs, 0 receivers: fine\n")


def test_the_example_is_clean_but_tells_nobody() -> None:
    ran = run("check", ROOT / "config.yaml")
    advice, summary = ran.out.splitlines()

    assert ran.code == 0
    assert advice.endswith(f"advice: {NOBODY}")
    assert summary.endswith("fine")


def test_every_problem_is_a_line_that_an_editor_can_follow(shop: Path) -> None:
    shop.write_text(SHOP.replace("99.9%,", "99.9,").replace("{probe: home}", "{probe: hom}"))

    ran = run("check", shop)

    assert ran.code == 2
    assert ran.out.splitlines() == [
        f"{shop}:7:23: 99.9 is not a percentage: write it with its sign, such as 99.9%",
        f"{shop}:7:42: there is no collector `hom`; did you mean `home`?",
    ]
    assert ran.err == "2 problems\n"


def test_advice_is_printed_and_no_error(shop: Path) -> None:
    shop.write_text(SHOP.replace("alerting: {route: {receivers: []}}\n", ""))

    ran = run("check", shop)

    assert ran.code == 0
    assert ran.out.startswith(f"{shop}:1:1: advice: no `alerting`")


def test_what_nines_promises_of_itself_is_not_counted_among_what_somebody_wrote(
    shop: Path,
) -> None:
    watched = (
        "alerting: {receivers: {hook: {webhook: {url: https://h.example/}}}, "
        "route: {receivers: [hook]}, canary: {every: 1h}, "
        "heartbeat: {url: https://hc.example/x}}"
    )
    shop.write_text(SHOP.replace("alerting: {route: {receivers: []}}", watched))

    ran = run("check", shop, "--output", "json")

    counts = {"services": 1, "slos": 2, "alerts": 0, "receivers": 1}
    assert json.loads(ran.out)["counts"] == counts
    off = watched.replace("canary", "delivery_slo: off, canary")
    shop.write_text(shop.read_text().replace(watched, off).replace("shop:", "nines:"))
    assert json.loads(run("check", shop, "--output", "json").out)["counts"] == counts


def test_programs_read_json(shop: Path) -> None:
    fine = json.loads(run("check", shop, "--output", "json").out)
    shop.write_text("services: 1\n")
    ran = run("check", shop, "--output", "json")
    wrong = json.loads(ran.out)

    assert fine["ok"] is True
    assert fine["counts"] == {"services": 1, "slos": 2, "alerts": 0, "receivers": 0}
    assert ran.code == 2
    assert wrong["ok"] is False
    assert wrong["problems"] == [
        {
            "path": str(shop),
            "line": 1,
            "column": 11,
            "sentence": "`services` must be a mapping of keys and values",
        }
    ]


def test_a_file_that_is_not_there_is_no_traceback(tmp_path: Path) -> None:
    ran = run("check", tmp_path / "nowhere.yaml")

    assert ran.code == 2
    assert "cannot be read: no such file" in ran.out


def test_the_schema_is_json_on_standard_output() -> None:
    ran = run("check", "--schema")

    assert ran.code == 0
    assert json.loads(ran.out)["title"] == "Nines configuration"


def test_variables_come_from_the_environment(shop: Path) -> None:
    shop.write_text(SHOP.replace("https://shop.example/}", "'${SHOP_URL}'}"))

    assert run("check", shop).code == 2
    assert run("check", shop, environ={"SHOP_URL": "https://shop.example/"}).code == 0


def test_echoes_that_may_not_be_sent_here_are_a_problem(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.write_text(
        SHOP.replace("    slos:", "      gateway: {icmp: router.example}\n    slos:", 1)
    )
    monkeypatch.setattr("nines.cli.check.why_not_permitted", lambda: "this process may not")
    refused = run("check", shop)
    monkeypatch.setattr("nines.cli.check.why_not_permitted", lambda: None)
    allowed = run("check", shop)

    assert refused.code == 2
    assert refused.out == f"{shop}:1:1: the collector shop/gateway: this process may not\n"
    assert allowed.code == 0
