"""The table in docs/platforms.md: its lines are where it says, and its tests are there."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.platform_lines import PAGE, read_beside, refreshed
from tests.platforms import (
    test_active_active,
    test_jain_shikanji,
    test_mewayz,
    test_petuniverse,
    test_saverly,
)

ROOT = PAGE.parents[1]
CASES = {
    "Active-active platform": test_active_active.CASES,
    "Jain Shikanji": test_jain_shikanji.CASES,
    "Mewayz": test_mewayz.CASES,
    "PetUniverse": test_petuniverse.CASES,
    "Saverly": test_saverly.CASES,
}
UNWATCHED = ("not yet", "not watched", "none of Nines' affairs")


def rows() -> Iterator[tuple[str, str, str, str]]:
    """Section, need, watcher and proof of each row."""
    section = ""
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        elif line.startswith("| ") and not line.startswith(("| ---", "| What it needs")):
            need, watcher, proof = (cell.strip() for cell in line.strip().strip("|").split(" | "))
            yield section, need, watcher, proof.strip()


def test_each_link_goes_to_the_line_that_has_its_name() -> None:
    page = PAGE.read_text()

    # `python -m scripts.platform_lines` mends it.
    assert refreshed(page, read_beside) == page


def test_a_link_to_a_name_that_is_gone_is_told() -> None:
    with pytest.raises(ValueError, match="has no gone"):
        refreshed("[`gone`](../examples/mewayz/config.yaml#L1)", read_beside)


def test_every_row_is_proved_or_says_that_it_is_not_watched() -> None:
    bare = [row for row in rows() if not row[3] and not row[2].startswith(UNWATCHED)]

    assert bare == []


def test_every_proof_is_there() -> None:
    for section, need, _, proof in rows():
        faults = {case.fault for case in CASES.get(section, ())}
        for one in filter(None, proof.split(", ")):
            path = one.strip("`")
            assert one in faults or (one != path and (ROOT / path).is_file()), (need, one)


def test_every_fault_that_is_played_proves_a_row() -> None:
    for section, cases in CASES.items():
        proved = {one for row in rows() if row[0] == section for one in row[3].split(", ")}
        assert {case.fault for case in cases} <= proved, section


def test_other_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", PAGE.read_text())

    assert [link for link in links if not Path(PAGE.parent / link).exists()] == []
