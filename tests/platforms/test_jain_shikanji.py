"""Whatever breaks of Jain Shikanji is told to the right people, and nothing else is."""

from pathlib import Path

import pytest

from nines.demo.platforms.jain_shikanji import JainShikanji
from tests.platforms.case import MINUTE, Case, assert_told

PAGED, TICKET, NOTED = {"oncall"}, {"sre"}, {"mail"}
DOWN = {"payment/availability": "page", "payment/down": "page"}
ERRORS = {"order/errors": "page", "order/error-rate": "page"}
CASES = (
    Case("payment down", DOWN, "refused", PAGED),
    Case("order errors", ERRORS, "", PAGED, 5 * MINUTE),
    Case("slow payment", {"payment/latency": "page"}, "events failed", PAGED, 10 * MINUTE),
    Case("slow menu", {"product/p99": "page"}, "above 2s", PAGED, 5 * MINUTE),
    Case("database refuses", {"order/db-connections": "page"}, "db_connection_failures", PAGED),
    Case("slow queries", {"inventory/slow-queries": "ticket"}, "2.2", TICKET),
    Case("busy hosts", {"hosts/cpu": "ticket"}, "85 %", TICKET, 6 * MINUTE),
    Case("full memory", {"hosts/memory": "ticket"}, "92 %", TICKET, 6 * MINUTE),
    Case("full disk", {"hosts/disk": "ticket"}, "12 %", TICKET),
    Case("many connections", {"hosts/connections": "ticket"}, "91 %", TICKET),
    Case("no orders", {"business/few-orders": "info"}, "orders_total", NOTED, 11 * MINUTE),
    Case("deployment", {}, "", set()),
    Case("failed deployment", ERRORS, "", PAGED),
)


def test_every_fault_is_played() -> None:
    assert {case.fault for case in CASES} == set(JainShikanji.faults)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_what_breaks_is_told(tmp_path: Path, case: Case) -> None:
    await assert_told("jain-shikanji", case, tmp_path)
