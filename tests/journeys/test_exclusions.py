"""An outage that was maintenance: excluded from the command line, and taken back, while it runs."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nines.demo.http_server import HttpServer
from tests.journeys.serving import Nines, Target, eventually, nines
from tests.web.ports import free_port

CONFIG = """
server: {{listen: "127.0.0.1:{port}", external_url: "http://127.0.0.1:{port}", bucket: 1s,
         database: "sqlite:///{database}"}}
alerting: {{route: {{receivers: []}}}}
services:
  shop:{maintenance}
    collectors:
      health: {{http: "{target}/health", interval: 1s, timeout: 5s}}
    slos:
      availability:
        objective: 99%
        window: 1d
        sli: {{probe: health}}
        tiers: [{{severity: page, factor: 14.4, long: 20s, short: 5s, keep_firing_for: 1s}}]
"""
MAINTENANCE = """
    maintenance: [{reason: patches, start: 2020-01-01T00:00, duration: 24h, rrule: FREQ=DAILY,
                   zone: Asia/Tokyo}]"""


@dataclass
class World:
    target: Target
    nines: Nines
    address: str

    def write(self, maintenance: str = "") -> None:
        port = self.nines.url.rpartition(":")[2]
        write(self.nines.config, port, self.address, maintenance)

    async def slo(self) -> dict[str, Any]:
        slo: dict[str, Any] = await self.nines.get("/api/v1/slos/shop/availability")
        return slo

    async def until(self, **states: object) -> None:
        async def so() -> bool:
            slo = await self.slo()
            return all(slo[key] == value for key, value in states.items())

        await eventually(so, str(states), self.nines.log)

    async def exclude(self, *arguments: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "nines", "exclude", *arguments, "--server", self.nines.url),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        out, _ = await process.communicate()
        assert process.returncode == 0, out.decode()
        return out.decode()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    target = Target()
    server = HttpServer(target.answer)
    config, port = tmp_path / "config.yaml", free_port()
    async with AsyncExitStack() as stack:
        await server.start()
        stack.push_async_callback(server.refuse)
        write(config, port, server.url)
        running = await stack.enter_async_context(nines(config, port))
        yield World(target, running, server.url)


def write(config: Path, port: str | int, target: str, maintenance: str = "") -> None:
    """Save a configuration, as editors do: nobody ever reads half of it."""
    database = config.with_name("nines.db")
    text = CONFIG.format(port=port, database=database, target=target, maintenance=maintenance)
    new = config.with_suffix(".new")
    new.write_text(text)
    new.rename(config)


@pytest.mark.slow
async def test_an_outage_that_was_maintenance(world: World) -> None:
    async def fifteen() -> bool:
        return bool((await world.slo())["events"]["good"] >= 15)

    await eventually(fifteen, "fifteen good probes", world.nines.log)
    world.target.status = 500
    await world.until(now_state="burning_fast")

    start = datetime.now(UTC) - timedelta(hours=1)
    said = await world.exclude(
        *("add", "shop", "--start", start.isoformat(), "--for", "2h"),
        *("--reason", "a new database", "--by", "ada"),
    )

    # The numbers forget it, its alert resolves, and what comes now is excluded as well.
    excluded = await world.slo()
    assert excluded["events"] == {"good": 0, "bad": 0, "unknown": 0, "total": 0}
    assert excluded["sli_ratio"] is None
    assert excluded["raw"]["events"]["bad"] >= 1
    await world.until(now_state="ok")

    async def goes_on() -> bool:
        raw = (await world.slo())["raw"]["events"]["bad"]
        return bool(raw > excluded["raw"]["events"]["bad"])

    await eventually(goes_on, "more of what is excluded", world.nines.log)
    assert (await world.slo())["events"]["total"] == 0
    incidents = await world.nines.get("/api/v1/incidents")
    assert [one["state"] for one in incidents["incidents"]] == ["resolved"]

    await world.nines.kill()
    await world.nines.start()
    assert (await world.slo())["events"]["good"] == 0
    assert "a new database" in await world.exclude("list")
    metrics = (await world.nines.client.get("/metrics")).text
    assert re.search(r'^slo_excluded_events{.*result="bad".*} [1-9]', metrics, re.MULTILINE)

    found = re.search(r"as (\S+):", said)
    assert found is not None
    await world.exclude("undo", found[1], "--by", "grace")

    undone = await world.slo()
    assert undone["raw"] is None
    events = {key: undone["events"][key] for key in ("good", "bad", "unknown")}
    assert events == {key: undone["lifetime"][key] for key in ("good", "bad", "unknown")}
    assert undone["events"]["good"] >= 15
    detail = await world.nines.get(f"/api/v1/exclusions/{found[1]}")
    assert [(one["by"], one["action"]) for one in detail["trail"]] == [
        ("ada", "created"),
        ("grace", "undone"),
    ]


@pytest.mark.slow
async def test_maintenance_of_the_file_begins_and_ends_with_a_reload(world: World) -> None:
    async def counted() -> bool:
        return bool((await world.slo())["events"]["good"] >= 3)

    await eventually(counted, "good probes", world.nines.log)

    world.write(MAINTENANCE)
    assert (await world.nines.client.post("/-/reload")).status_code == 200
    slo = await world.slo()
    assert slo["events"]["total"] == 0
    assert slo["raw"]["events"]["good"] >= 3
    assert slo["excluded_until"] is not None
    (listed,) = (await world.nines.get("/api/v1/exclusions"))["exclusions"]
    assert (listed["author"], listed["origin"]) == ("config.yaml", "configuration")

    world.write()
    assert (await world.nines.client.post("/-/reload")).status_code == 200
    slo = await world.slo()
    assert slo["raw"] is None
    assert slo["events"]["good"] >= 3
