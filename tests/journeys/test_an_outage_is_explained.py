"""After an outage: who was told and why, what it cost, and the draft of its post-mortem."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

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
    owner: shop-team
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
    {name}: {{pagerduty: {{routing_key: 0123456789abcdef0123456789abcdef, url: "{inbox}"}}}}
  route: {{receivers: [{name}]}}
"""


class World:
    """A target, a PagerDuty, and a Nines between them."""

    def __init__(self, target: Target, inbox: Inbox, process: Nines, text: str) -> None:
        self.target, self.inbox, self.nines, self._text = target, inbox, process, text

    def write(self, name: str | None) -> None:
        """Save the configuration with the receiver under this name, or without it."""
        text = self._text.replace("oncall", name or "oncall")
        if name is None:
            text = f"{text[: text.index('alerting:')]}alerting: {{receivers: {{}}, route: {{}}}}"
        self.nines.config.write_text(text)

    def states(self) -> list[str]:
        return [one.state for one in self.inbox.pagerduty]

    async def incident(self) -> dict[str, Any]:
        return dict((await self.nines.get("/api/v1/incidents"))["incidents"][0])

    async def command(self, *arguments: str) -> str:
        """What `nines` says; fails unless it is fine."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "nines", *arguments, "--server", self.nines.url),
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
        assert process.returncode == 0
        return out.decode()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    target, port = Target(), free_port()
    server = HttpServer(target.answer)
    await server.start()
    async with Inbox.start(http_port=0, smtp_port=0) as inbox:
        database = tmp_path / "nines.db"
        text = CONFIG.format(
            port=port, database=database, target=server.url, inbox=inbox.url, name="oncall"
        )
        config = tmp_path / "config.yaml"
        config.write_text(text)
        async with nines(config, port) as process:
            await eventually(lambda: _seen(process), "five good probes", process.log)
            yield World(target, inbox, process, text)
    await server.refuse()


async def _seen(process: Nines) -> bool:
    slo = await process.get("/api/v1/slos/shop/availability")
    return bool(slo["events"]["good"] >= 5)


@pytest.mark.slow
async def test_an_outage_is_explained_and_reviewed(world: World) -> None:
    quiet = await world.command("explain", "shop/availability")
    assert "It did not fire: burning 0x over 20s, not above 14.4x." in quiet

    world.target.status = 500
    await eventually(lambda: world.states() == ["triggered"], "a page", world.nines.log)
    world.target.status = 200
    await eventually(lambda: world.states() == ["resolved"], "its end", world.nines.log, within=60)
    incident = (await world.incident())["id"]

    explained = await world.command("explain", incident)
    assert "oncall was told." in explained
    assert "Route: no route matched, so the root's receivers, so to oncall" in explained
    assert "Try 1 of the trigger to oncall delivered in" in explained

    told = await world.nines.get(f"/api/v1/incidents/{incident}/aftermath")
    assert told["detect_seconds"] is not None
    assert told["acknowledge_seconds"] is None
    assert told["costs"][0]["bad"] >= 1
    times = await world.nines.get("/api/v1/incidents/times")
    assert [one["name"] for one in times["owners"]] == ["shop-team"]

    draft = await world.command("postmortem", incident)
    assert f"/incidents/{incident})" in draft
    assert "| shop/availability | " in draft
    assert "- Nobody acknowledged it." in draft
    assert "Time to resolve: not known" not in draft


@pytest.mark.slow
async def test_a_receiver_renamed_and_removed_leaves_nothing_open(world: World) -> None:
    world.target.status = 500
    await eventually(lambda: world.states() == ["triggered"], "a page", world.nines.log)
    incident = (await world.incident())["id"]

    for name in ("pager", None):
        world.write(name)
        assert (await world.nines.client.post("/-/reload")).status_code == 200

    await eventually(lambda: world.states() == ["resolved"], "its end", world.nines.log)
    assert [one.dedup_key for one in world.inbox.pagerduty] == [incident]
    explained = await world.command("explain", incident)
    assert "The routes were edited: no route matched, so the root's receivers, so to nobody" in (
        explained
    )
    assert "Try 1 of the resolve to pager delivered" in explained
