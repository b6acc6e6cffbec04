"""Whatever breaks of PetUniverse is told to the right people, and nothing else is."""

from pathlib import Path

import pytest

from nines.demo.platforms.petuniverse import PetUniverse
from tests.platforms.case import MINUTE, Case, assert_told

PAGED, TICKET = {"oncall", "sre"}, {"sre"}
PARTIES = "petuniverse-third-parties"
CASES = (
    Case("cache down", {"availability": "page"}, "status 503", PAGED),
    Case("database down", {"availability": "page"}, "status 503", PAGED),
    Case("hanging answers", {"availability": "page"}, "timeout", PAGED),
    Case("refused", {"availability": "page"}, "refused", PAGED),
    Case("slow answers", {"page-load": "page"}, "latency", PAGED, 4 * MINUTE),
    Case("failing bookings", {"errors": "page"}, "/api/bookings", PAGED),
    Case("slow api", {"api-latency": "page"}, "route=/api/pets", PAGED, 12 * MINUTE),
    Case("slow queries", {"queries": "ticket"}, "events failed", TICKET, 12 * MINUTE),
    Case("cold cache", {"cache-hits": "ticket"}, "events failed", TICKET, 12 * MINUTE),
    Case("full pool", {"pool": "ticket"}, "95 %", TICKET, 7 * MINUTE),
    Case("failing payments", {"payments": "page"}, "events failed", PAGED),
    Case("failing uploads", {"uploads": "page"}, "events failed", PAGED, 4 * MINUTE),
    Case("abuse", {"rate-limit-burst": "ticket", "lockouts": "page"}, "/", PAGED, 26 * MINUTE),
    Case(
        "stripe outage",
        {f"{PARTIES}/stripe-down": "ticket"},
        "indicator",
        TICKET,
        5 * MINUTE,
    ),
    Case(
        "twilio refused",
        {f"{PARTIES}/twilio-down": "ticket"},
        "refused",
        TICKET,
        5 * MINUTE,
    ),
    Case("nobody signed in", {"sessions-gone": "ticket"}, "below 1", TICKET, 7 * MINUTE),
    Case("restart", {}, "", set()),
)


def test_every_fault_is_played() -> None:
    assert {case.fault for case in CASES} == set(PetUniverse.faults)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=str)
async def test_what_breaks_is_told(tmp_path: Path, case: Case) -> None:
    await assert_told("petuniverse", case, tmp_path)
