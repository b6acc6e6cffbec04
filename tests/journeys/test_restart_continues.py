"""Stopped or killed, and started again: everything goes on, and the time between is unknown."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from collectors.observation import Observation, Outcome
from nines.demo.http_server import HttpServer
from nines.demo.inbox import Inbox
from nines.service import Service
from slo.counts import Counts
from tests.fakes.clock import FakeClock
from tests.journeys.counted import App
from tests.journeys.readings import metrics
from tests.journeys.serving import Nines, Target, eventually, nines
from tests.slo.builders import T0
from tests.web.ports import free_port

CONFIG = """
server: {{listen: "127.0.0.1:{port}", external_url: "http://127.0.0.1:{port}", bucket: 1s,
         database: "sqlite:///{database}"}}
services:
  shop:
    collectors:
      health: {{http: "{target}/health", interval: 1s, timeout: 5s}}
      app: {{prometheus: "{app}/metrics", interval: 1s, timeout: 5s}}
    slos:
      availability:
        objective: 99.99%
        window: 1d
        sli: {{probe: health}}
        tiers:
          - {{severity: page, factor: 14.4, long: 1m, short: 5s, keep_firing_for: 1s}}
      requests:
        objective: 90%
        window: 1d
        sli: {{collector: app, total: http_requests_total,
              bad: 'http_requests_total{{code="500"}}'}}
alerting:
  receivers:
    oncall: {{pagerduty: {{routing_key: 0123456789abcdef0123456789abcdef, url: "{inbox}"}}}}
  route: {{receivers: [oncall]}}
"""
AWAY_SECONDS = 2


@dataclass
class World:
    target: Target
    app: App
    inbox: Inbox
    nines: Nines

    async def slo(self, name: str = "availability") -> dict[str, Any]:
        return dict(await self.nines.get(f"/api/v1/slos/shop/{name}"))

    async def stop(self) -> None:
        assert await self.nines.terminate() == 0

    async def seen_good(self, least: int) -> None:
        async def seen() -> bool:
            return bool((await self.slo())["lifetime"]["good"] >= least)

        await eventually(seen, f"{least} good probes", self.nines.log)

    async def counters_agree(self) -> None:
        """Wait for another page, and for Nines to have counted all that pages made known."""
        wanted = len(self.app.pages) + 1

        async def agree() -> bool:
            events = (await self.slo("requests"))["lifetime"]
            told = {"good": events["good"], "bad": events["bad"]}
            return len(self.app.pages) >= wanted and told == self.app.knowable()

        await eventually(agree, "the counters to agree", self.nines.log)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    target, app, port, config = Target(), App("shop"), free_port(), tmp_path / "config.yaml"
    server = HttpServer(target.answer)
    async with AsyncExitStack() as stack:
        inbox = await stack.enter_async_context(Inbox.start())
        for each in (server, app.server):
            await each.start()
            stack.push_async_callback(each.refuse)
        urls = {"target": server.url, "app": app.server.url, "inbox": inbox.url}
        config.write_text(CONFIG.format(port=port, database=tmp_path / "nines.db", **urls))
        traffic = asyncio.create_task(app.traffic())
        stack.callback(traffic.cancel)
        process = await stack.enter_async_context(nines(config, port))
        yield World(target, app, inbox, process)
        traffic.cancel()
        await asyncio.gather(traffic, return_exceptions=True)


@pytest.mark.slow
async def test_stopped_or_killed_it_goes_on_where_it_was_left(world: World) -> None:
    await world.seen_good(2)
    world.target.status = 500
    await eventually(lambda: world.inbox.pagerduty, "the page", world.nines.log, within=15)
    (page,) = world.inbox.pagerduty

    await away(world, world.stop, may_lose=0)
    await every_second_is_accounted_for(world, least_unknown=AWAY_SECONDS - 1)
    # Killed, it may lose what it had seen within the last second or two.
    await away(world, world.nines.kill, may_lose=2)
    await every_second_is_accounted_for(world, least_unknown=2 * AWAY_SECONDS - 2)

    counters = await world.slo("requests")
    assert counters["lifetime"]["bad"] == 4 * 3
    assert counters["lifetime"]["unknown"] == 0
    assert counters["coverage_ratio"] < 1
    incident = await world.nines.get(f"/api/v1/incidents/{page.dedup_key}")
    assert (incident["state"], page.state) == ("triggered", "triggered")
    assert [event["event_action"] for event in page.events] == ["trigger"]
    world.target.status = 200
    await eventually(lambda: page.state == "resolved", "its resolve", world.nines.log)
    assert len(world.inbox.pagerduty) == 1


async def away(world: World, leave: Callable[[], Awaitable[None]], may_lose: int) -> None:
    """End it in the middle of an outage, while requests go on to fail, and start it again."""
    world.app.process.count("500", 3)
    await world.counters_agree()
    before = await world.slo()
    await leave()
    world.app.process.count("500", 3)
    await asyncio.sleep(AWAY_SECONDS)
    await world.nines.start()

    after = await world.slo()
    (tier,), (tier_before,) = after["tiers"], before["tiers"]
    assert (tier["state"], tier["since"]) == ("firing", tier_before["since"])
    for result in ("good", "bad"):
        assert after["lifetime"][result] >= before["lifetime"][result] - may_lose
    await world.counters_agree()


async def every_second_is_accounted_for(world: World, least_unknown: int) -> None:
    """Each due instant since the first is good, bad or unknown, on every surface alike."""
    found: list[dict[str, Any]] = []

    async def whole() -> bool:
        found[:] = [await world.slo()]
        events = found[0]["lifetime"]
        first, last = (
            datetime.fromisoformat(found[0][name]) for name in ("watched_since", "last_observation")
        )
        # Since when it is watched is known to the bucket, of a second here.
        due = (last - first) // timedelta(seconds=1) + 1
        return bool(events["total"] + events["unknown"] == due)

    await eventually(whole, "every second to be accounted for", world.nines.log, within=10)
    slo = found[0]
    unknown = slo["lifetime"]["unknown"]
    assert unknown >= least_unknown
    assert slo["events"] == slo["lifetime"]
    assert slo["observations_due"] - slo["observations_seen"] == unknown
    assert slo["coverage_ratio"] == slo["observations_seen"] / slo["observations_due"] < 1
    assert slo["sli_lowest_ratio"] < slo["sli_ratio"] < slo["sli_highest_ratio"]
    page = (await world.nines.client.get("/slos/shop/availability")).text
    assert re.search(rf"<dt>Unknown</dt><dd>{unknown}\sprobes: our failures to look", page)
    label = {"service": "shop", "slo": "availability", "result": "unknown"}
    assert (await metrics(world.nines)).one("slo_events_total", **label) == unknown


async def test_what_was_due_while_it_started_is_unknown_too(tmp_path: Path) -> None:
    config, clock = tmp_path / "config.yaml", FakeClock(T0)
    config.write_text(
        f'server: {{database: "sqlite:///{tmp_path / "nines.db"}"}}\n'
        "services: {shop: {collectors: {health: {http: 'http://127.0.0.1:1/', interval: 10s}},"
        " slos: {availability: {objective: 99%, sli: {probe: health}}}}}\n"
    )
    nothing = timedelta(0)
    passed = Observation("shop/health", T0, T0, nothing, nothing, Outcome.PASSED)
    first = await Service.open(config, {}, clock)
    first.rounds.on_observation(passed)
    await first.dispatch.flush()
    await first.close()

    clock.move(timedelta(seconds=25))
    second = await Service.open(config, {}, clock)
    clock.move(timedelta(seconds=30))  # a start may take its time
    running = asyncio.create_task(second.run(serve_web=False, watch_file=False))
    await asyncio.sleep(0.05)
    second.stop.set()
    await running
    ledger = second.engine.entries["shop/availability"].ledger
    await second.close()

    assert ledger.lifetime == Counts(good=1, unknown=5)
