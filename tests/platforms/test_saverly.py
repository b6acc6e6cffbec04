"""Whatever breaks of Saverly is told to the right people, and nothing else is."""

from pathlib import Path

import pytest

from nines.demo.platforms.saverly import SERVICES, Saverly
from tests.platforms.case import MINUTE, Case, assert_told

PAGED, TICKET = {"oncall", "sre"}, {"sre"}
BOTH = {"third-parties/stripe-down": "ticket", "third-parties/can-pay": "page"}
FAILING = {"stores/postgres-down": "page", **{f"{name}/availability": "page" for name in SERVICES}}
EXPIRED = {"page-load": "page", "certificate": "ticket"}
CASES = (
    Case("redemption down", {"redemption/availability": "page"}, "refused", PAGED),
    Case("failing coupons", {"coupon/errors": "page"}, "events failed", PAGED, 4 * MINUTE),
    Case("slow analytics", {"analytics/latency": "page"}, "events failed", PAGED, 10 * MINUTE),
    Case("slow search", {"search": "page"}, "events failed", PAGED, 3 * MINUTE),
    Case("slow payments", {"payments": "page"}, "events failed", PAGED, 3 * MINUTE),
    Case("slow database", {"user/slow-database": "ticket"}, "0.08", TICKET, 2 * MINUTE),
    Case("dead letters", {"dead-letters": "ticket"}, "dead_letters_total", TICKET),
    Case("stalled queue", {"stalled-queue": "page"}, "redemption.events", PAGED),
    Case("stripe outage", {"third-parties/stripe-down": "ticket"}, "critical", TICKET, 3 * MINUTE),
    Case("no processor", BOTH, "", PAGED, 3 * MINUTE),
    Case("postgres down", FAILING, "", PAGED, held=set(SERVICES)),
    Case("expired certificate", EXPIRED, "expired", PAGED, 3 * MINUTE),
    Case("singapore slow", {"slow-in-ap-southeast-1": "ticket"}, "100ms", TICKET),
)


def test_every_fault_is_played() -> None:
    assert {case.fault for case in CASES} == set(Saverly.faults)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_what_breaks_is_told(tmp_path: Path, case: Case) -> None:
    await assert_told("saverly", case, tmp_path)
