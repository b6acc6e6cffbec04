"""The whole demo: platforms, a past, the dashboard and the inbox, on free ports."""

import asyncio

import httpx
import pytest

from nines.demo.run import Demo, DemoOptions


@pytest.mark.slow
async def test_the_demo_has_a_past_and_can_be_opened_and_ends() -> None:
    ready = asyncio.Event()
    demo = Demo(DemoOptions(port=0, inbox_port=0, days=3, drills=()), lambda _: None)
    running = asyncio.create_task(demo.run(lambda _: ready.set()))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    service, inbox = demo.service, demo.inbox
    assert service is not None
    assert inbox is not None
    while service.port is None:  # noqa: ASYNC110 - the server says so to the service alone
        await asyncio.sleep(0.01)
    async with httpx.AsyncClient(trust_env=False) as client:
        home = service.config.server.external_url
        pages = [
            (await client.get(f"{home}{path}")).status_code
            for path in ("/", "/slos", "/slos/regions/quorum", "/incidents", "/metrics")
        ]
        incidents = (await client.get(f"{home}/api/v1/incidents")).json()["incidents"]
        journey = (
            await client.get(
                f"{service.config.server.external_url}/api/v1/slos/petuniverse/booking"
            )
        ).json()
        inbox_page = await client.get(inbox.url)
    service.stop.set()
    await running

    assert pages == [200] * 5
    assert {incident["service"] for incident in incidents} == {"saverly", "petuniverse"}
    assert [incident.state for incident in inbox.pagerduty] == ["resolved"] * len(inbox.pagerduty)
    assert inbox_page.status_code == 200
    # Three days of five minutes, in which bookings failed once.
    assert journey["events"]["total"] in range(3 * 288 - 3, 3 * 288 + 1)
    assert journey["events"]["bad"] in (2, 3)
    assert journey["events"]["unknown"] <= 1
