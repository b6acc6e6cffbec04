"""One region lost is a ticket, two are a page; whatever breaks is told, and nothing else is."""

from pathlib import Path

import pytest

from nines.demo.platforms.active_active import REGIONS, ActiveActive
from tests.platforms.case import Case, assert_told

PAGED, TICKET = {"oncall", "sre"}, {"sre"}
LOST = {f"platform/{region}-lost": "ticket" for region in REGIONS}
TOKYO = {"platform/tokyo-lost": "ticket"}
TWO = {"platform/regions": "page", **TOKYO, "platform/iowa-lost": "ticket"}
ALL = {"platform/availability": "page", "platform/regions": "page", **LOST}
CASES = (
    Case("tokyo lost", TOKYO, "refused", TICKET),
    Case("tokyo hangs", TOKYO, "timeout", TICKET),
    Case("tokyo and iowa lost", TWO, "", PAGED),
    Case("all regions lost", ALL, "", PAGED),
    Case(
        "bad release in singapore",
        {"platform/singapore-errors": "page"},
        "events failed",
        PAGED,
    ),
    Case("replication behind", {"platform/replication": "page"}, "120", PAGED),
    Case("gateway down", {"platform/availability": "page"}, "refused", PAGED),
)


def test_every_fault_is_played() -> None:
    assert {case.fault for case in CASES} == set(ActiveActive.faults)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_what_breaks_is_told(tmp_path: Path, case: Case) -> None:
    await assert_told("active-active", case, tmp_path)
