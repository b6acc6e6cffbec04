"""What is overdue and how the heartbeat stands: by page, API, metric and endpoint."""

from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from alerting.audit import Overdue, What
from alerting.heartbeat import Heartbeat
from collectors.lateness import Lateness
from tests.web.fakes import NOW, FakeSource
from tests.web.test_api import get
from tests.web.test_health import asking
from web.settings import WebSettings

LATE = Overdue(What.DELIVERY, "The page about shop to oncall has no receipt.")


def watched(source: FakeSource, *overdue: Overdue) -> None:
    """Somebody listens for the heartbeat, and the auditor found this."""
    beat = Heartbeat(last_success=NOW, sent=7, failed=1).audited(overdue, NOW)
    source.health_ = replace(source.health_, overdue=overdue, heartbeat=beat)


async def test_programs_are_told(client: httpx.AsyncClient, source: FakeSource) -> None:
    assert (await get(client, "/health"))["heartbeat"] is None
    watched(source, LATE)
    health = await get(client, "/health")

    assert health["overdue"] == [{"what": "delivery", "sentence": LATE.sentence}]
    heartbeat = health["heartbeat"]
    assert (heartbeat["sent"], heartbeat["failed"], heartbeat["problem"]) == (7, 1, "")
    assert heartbeat["withheld_since"] is not None


async def test_prometheus_is_told(client: httpx.AsyncClient, source: FakeSource) -> None:
    watched(source, LATE)
    page = (await client.get("/metrics")).text

    assert 'nines_overdue{what="delivery"} 1' in page
    assert 'nines_overdue{what="clock"} 0' in page
    assert "nines_heartbeat_withheld 1" in page
    assert f"nines_heartbeat_last_success_timestamp_seconds {NOW.timestamp()}" in page
    assert 'nines_heartbeats_total{outcome="failed"} 1' in page


async def test_without_a_heartbeat_no_metric_pretends_one(client: httpx.AsyncClient) -> None:
    page = (await client.get("/metrics")).text

    assert 'nines_overdue{what="delivery"} 0' in page
    assert "nines_heartbeat" not in page


async def test_prometheus_is_told_how_late_we_were(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    lateness = Lateness()
    for seconds in (0.002, 0.2, 60.0):
        lateness.add(timedelta(seconds=seconds))
    source.health_ = replace(source.health_, lateness=lateness.so_far())
    page = (await client.get("/metrics")).text

    (read,) = (
        family
        for family in text_string_to_metric_families(page)
        if family.name == "nines_collector_lateness_seconds"
    )
    counts = {one.labels.get("le", one.name): one.value for one in read.samples}
    assert read.type == "histogram"
    assert (counts["0.1"], counts["0.25"], counts["+Inf"]) == (1, 2, 3)
    assert counts["nines_collector_lateness_seconds_count"] == 3
    assert counts["nines_collector_lateness_seconds_sum"] == pytest.approx(60.202)


async def test_the_endpoint_for_whoever_asks_us(source: FakeSource, settings: WebSettings) -> None:
    async with asking(source, settings) as client:
        well = await client.get("/-/audit")
    settings = replace(settings, overdue=lambda: [LATE.sentence])
    async with asking(source, settings) as client:
        ill = await client.get("/-/audit")

    assert (well.status_code, well.json()) == (200, {"ok": True, "overdue": []})
    assert (ill.status_code, ill.json()) == (503, {"ok": False, "overdue": [LATE.sentence]})
