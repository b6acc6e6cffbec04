"""A real outage becomes one page, and its recovery one resolve: processes, sockets, storage."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from nines.demo.http_server import HttpServer
from nines.demo.inbox import Inbox
from tests.journeys.serving import Nines, Target, eventually, nines
from tests.web.ports import free_port

CONFIG = """
server: {{listen: "127.0.0.1:{port}", external_url: "http://127.0.0.1:{port}", bucket: 1s,
         database: "sqlite:///{database}"}}
services:
  shop:
    title: Shop
    runbook: https://runbooks.example/shop
    collectors:
      health: {{http: "{target}/health", interval: 1s, timeout: 500ms}}
    slos:
      availability:
        objective: 99.99%
        window: 1d
        sli: {{probe: health}}
        tiers:
          - {{severity: page, factor: 14.4, long: 20s, short: 5s, keep_firing_for: 1s}}
alerting:
  receivers:
    oncall: {{pagerduty: {{routing_key: 0123456789abcdef0123456789abcdef, url: "{inbox}"}}}}
  route: {{receivers: [oncall]}}
"""


@dataclass
class World:
    target: Target
    server: HttpServer
    inbox: Inbox
    nines: Nines

    def incidents(self) -> list[tuple[str, str]]:
        return [(incident.dedup_key, incident.state) for incident in self.inbox.pagerduty]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A healthy target, watched for a few seconds, and a PagerDuty that deduplicates by key."""
    target = Target()
    server = HttpServer(target.answer)
    await server.start()
    port = free_port()
    async with Inbox.start(http_port=0, smtp_port=0) as inbox:
        config = tmp_path / "config.yaml"
        text = CONFIG.format(
            port=port, database=tmp_path / "nines.db", target=server.url, inbox=inbox.url
        )
        config.write_text(text)
        async with nines(config, port) as process:
            world = World(target, server, inbox, process)
            await eventually(lambda: _seen(process, 5), "five good probes", process.log)
            yield world
    await server.refuse()


async def _seen(process: Nines, least: int) -> bool:
    slo = await process.get("/api/v1/slos/shop/availability")
    return bool(slo["events"]["good"] >= least)


@pytest.mark.slow
async def test_an_outage_is_one_incident_and_its_recovery_one_resolve(world: World) -> None:
    world.target.status = 500
    await eventually(lambda: world.incidents(), "a page", world.nines.log, within=10)
    key, state = world.incidents()[0]
    assert state == "triggered"

    world.target.status = 200
    await eventually(
        lambda: world.incidents() == [(key, "resolved")], "its resolve", world.nines.log
    )

    incident = await world.nines.get(f"/api/v1/incidents/{key}")
    page = (await world.nines.client.get(f"/incidents/{key}")).text
    kinds = [event["kind"] for event in incident["timeline"]]
    for kind in ("opened", "alert_firing", "routed", "delivered", "alert_resolved", "resolved"):
        assert kind in kinds
    assert "both above 14.4x" in page


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
async def test_killed_at_any_moment_of_an_outage_the_page_arrives_once(
    world: World, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - a test's choice of moments
    world.target.status = 500
    for _ in range(2):
        await asyncio.sleep(chance.uniform(0.0, 4.0))
        await world.nines.kill()
        await world.nines.start()

    await eventually(lambda: world.incidents(), "a page", world.nines.log, within=25)
    await asyncio.sleep(2)  # a resolve that must not come would come within its cooling down
    assert [state for _, state in world.incidents()] == ["triggered"]

    world.target.status = 200
    await eventually(
        lambda: [state for _, state in world.incidents()] == ["resolved"],
        "the resolve",
        world.nines.log,
        within=40,
    )


@pytest.mark.slow
async def test_it_stops_within_five_seconds_with_a_stream_open(world: World) -> None:
    async with world.nines.client.stream("GET", "/api/v1/stream") as stream:
        assert stream.status_code == 200
        async with asyncio.timeout(5):
            code = await world.nines.terminate()

    assert code == 0
