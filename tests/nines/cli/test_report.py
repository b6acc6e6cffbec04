"""`nines report` prints a report, writes it into a file, and has it mailed."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pypdf import PdfReader

from tests.nines.cli.running import Ran, run
from tests.nines.cli.serving import served

DAY = "2026-11-20"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with served() as address:
        yield address


def ask(server: str, *arguments: str) -> Ran:
    return run("report", *arguments, environ={"NINES_SERVER": server, "NINES_NAME": "ada"})


def test_the_newest_day_that_is_over_is_printed(server: str) -> None:
    ran = ask(server, "show")
    as_json = json.loads(ask(server, "show", "-o", "json").out)

    assert ran.code == (1 if as_json["missed"] else 0) == 1
    assert ran.out.startswith(f"{DAY}, UTC\n\n{as_json['summary']}\n")
    assert "shop/payments" in ran.out
    assert "before" in ran.out


def test_one_owner_s_is_told_apart(server: str) -> None:
    ran = ask(server, "show", DAY, "--owner", "shop-team")

    assert ran.out.startswith(f"{DAY} of shop-team, UTC")
    assert ask(server, "show", DAY, "--owner", "nobody").code == 1


def test_a_file_is_written_as_its_name_says(server: str, tmp_path: Path) -> None:
    paths = {suffix: tmp_path / f"report.{suffix}" for suffix in ("pdf", "csv", "json")}
    for path in paths.values():
        ran = ask(server, "write", str(path), DAY, "--executive")
        assert ran.code == 0, ran.err

    slos = json.loads(paths["json"].read_text())["slos"]
    with paths["csv"].open(newline="") as file:
        assert [row["slo"] for row in csv.DictReader(file)] == [one["slo"] for one in slos]
    assert "executive view" in PdfReader(paths["pdf"]).pages[0].extract_text()


def test_a_file_that_is_there_is_left_alone(server: str, tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    path.write_text("mine")

    refused = ask(server, "write", str(path), DAY)
    assert (refused.code, path.read_text()) == (2, "mine")
    assert "exists already; --force replaces it" in refused.err
    assert ask(server, "write", str(path), DAY, "--force").code == 0
    assert path.read_text().startswith("period,")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("write", "report.docx"), 2, "a report is written as .pdf, .csv or .json"),
        (("show", "soon"), 1, "is not a day, a week or a month"),
        (("send", "nobody"), 1, "No report is mailed by the name"),
        (("send", "management", "--period", "x"), 2, "that is no period"),
    ],
    ids=["another kind of file", "no period", "no such mail", "no period of a mail"],
)
def test_what_makes_no_sense_says_why(
    server: str, arguments: tuple[str, ...], code: int, said: str
) -> None:
    ran = ask(server, *arguments)

    assert ran.code == code
    assert said in ran.err


def test_one_is_mailed_now(server: str) -> None:
    ran = ask(server, "send", "management", "--period", "2026-W46")

    assert ran.out == "The mail server mail.example:25 accepted it for 1 of 1.\n"


def test_the_list_names_what_there_is_and_what_is_mailed(server: str) -> None:
    ran = ask(server, "list")

    assert ran.code == 0
    for words in ("2026-W47", "Friday 20 November 2026", "so far", "management", "cto@example.com"):
        assert words in ran.out
