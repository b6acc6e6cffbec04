"""Three regions of a platform: one down wakes nobody, two page, and a kill doubles nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nines.demo.http_server import HttpServer
from nines.demo.inbox import Inbox
from tests.journeys.readings import metrics
from tests.journeys.serving import Nines, Target, eventually, nines
from tests.web.ports import free_port

CONFIG = """
server: {{listen: "127.0.0.1:{port}", external_url: "http://127.0.0.1:{port}", bucket: 1s,
         database: "sqlite:///{database}"}}
defaults: {{interval: 1s, timeout: 1s}}
services:
  platform:
    collectors:
      tokyo: {{http: "{tokyo}/"}}
      singapore: {{http: "{singapore}/"}}
      iowa: {{http: "{iowa}/"}}
    slos:
      reachable:
        objective: 99.99%
        window: 1d
        sli: {{quorum: [tokyo, singapore, iowa]}}
        tiers: [{{severity: page, factor: 14.4, long: 1m, short: 5s, keep_firing_for: 1s}}]
      tokyo: {{objective: 99%, sli: {{probe: tokyo}}}}
      journey:
        objective: 99%
        window: 1d
        sli: {{all: [reachable, tokyo], slice: 2s, slice_target: 50%}}
        tiers: [{{severity: ticket, factor: 2, long: 1m, short: 10s}}]
alerting:
  receivers:
    oncall: {{pagerduty: {{routing_key: 0123456789abcdef0123456789abcdef, url: "{inbox}"}}}}
  route: {{receivers: [], routes: [{{match: 'severity="page"', receivers: [oncall]}}]}}
"""
REGIONS = ("tokyo", "singapore", "iowa")


@dataclass
class World:
    regions: dict[str, Target]
    inbox: Inbox
    nines: Nines

    async def slo(self, name: str = "reachable") -> dict[str, Any]:
        return dict(await self.nines.get(f"/api/v1/slos/platform/{name}"))

    async def part(self, name: str) -> dict[str, Any]:
        parts = (await self.slo())["sli"]["parts"]
        return next(part for part in parts if part["id"] == f"platform/{name}")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    port, config = free_port(), tmp_path / "config.yaml"
    regions, urls = {name: Target() for name in REGIONS}, {}
    async with AsyncExitStack() as stack:
        inbox = await stack.enter_async_context(Inbox.start())
        for name, target in regions.items():
            server = HttpServer(target.answer)
            await server.start()
            stack.push_async_callback(server.refuse)
            urls[name] = server.url
        config.write_text(
            CONFIG.format(port=port, database=tmp_path / "nines.db", inbox=inbox.url, **urls)
        )
        yield World(regions, inbox, await stack.enter_async_context(nines(config, port)))


@pytest.mark.slow
async def test_one_region_down_wakes_nobody_and_two_page(world: World) -> None:
    world.regions["iowa"].status = 500

    async def alone() -> bool:
        return bool((await world.part("iowa"))["alone"] >= 3)

    await eventually(alone, "failures of one vantage", world.nines.log)
    quiet = await world.slo()
    page = (await world.nines.client.get("/slos/platform/reachable")).text
    told = await metrics(world.nines)
    assert quiet["events"]["bad"] == 0
    assert quiet["sli"]["bad_at"] == 2
    assert not world.inbox.pagerduty
    assert "one vantage is no outage" in page
    assert all(f">{name}</a>" in page for name in REGIONS)
    assert told.one("slo_below_quorum_slices", service="platform", slo="reachable") >= 3

    world.regions["tokyo"].status = 500
    await eventually(lambda: world.inbox.pagerduty, "the page", world.nines.log, within=20)
    (paged,) = world.inbox.pagerduty
    assert "tokyo, iowa" in str(paged.events)

    async def broken() -> bool:
        return bool((await world.slo("journey"))["events"]["bad"] >= 2)

    await eventually(broken, "the journey to break", world.nines.log)
    journey = (await world.nines.client.get("/slos/platform/journey")).text
    assert "platform/reachable, platform/tokyo" in journey
    assert 'href="/slos/platform/reachable"' in journey

    await world.nines.kill()
    await asyncio.sleep(2)
    await world.nines.start()
    await every_slice_is_there_once(world)
    assert len(world.inbox.pagerduty) == 1


async def every_slice_is_there_once(world: World) -> None:
    """Each second since the first is good, bad or unknown, and what is open is judged in time."""

    async def whole() -> bool:
        slo = await world.slo()
        first, last = (
            datetime.fromisoformat(slo[name]) for name in ("watched_since", "last_observation")
        )
        due = (last - first) // timedelta(seconds=1) + 1
        events = slo["events"]
        return bool(events["total"] + events["unknown"] == due and events["unknown"] >= 1)

    await eventually(whole, "every second to be accounted for", world.nines.log, within=15)
