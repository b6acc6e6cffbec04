"""Whatever breaks of Mewayz is told to the right people, and nothing else is."""

from pathlib import Path

import pytest

from nines.demo.platforms.mewayz import Mewayz
from tests.platforms.case import MINUTE, Case, assert_told

PAGED, TICKET = {"oncall", "sre"}, {"sre"}
CASES = (
    Case("dead database behind a 200", {"availability": "page", "errors": "page"}, "failed", PAGED),
    Case("dead cache behind a 200", {"availability": "page"}, "$.redis", PAGED),
    Case("half a body", {"availability": "page"}, "body", PAGED),
    Case("refused", {"availability": "page"}, "refused", PAGED),
    Case("failing accounts", {"account": "page"}, "status 500", PAGED, 4 * MINUTE),
    Case("errors", {"errors": "page"}, "events failed", PAGED),
    Case("slow requests", {"fast": "page"}, "events failed", PAGED, 5 * MINUTE),
    Case("cold cache", {"cache-hits": "ticket"}, "events failed", TICKET, 14 * MINUTE),
    Case("memory leak", {"memory": "ticket"}, "memory_bytes", TICKET, 7 * MINUTE),
    Case("restart", {}, "", set()),
    Case("somebody asks too often", {}, "", set()),
)


def test_every_fault_is_played() -> None:
    assert {case.fault for case in CASES} == set(Mewayz.faults)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_what_breaks_is_told(tmp_path: Path, case: Case) -> None:
    await assert_told("mewayz", case, tmp_path)
