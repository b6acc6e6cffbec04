"""Edits of the configuration under a running Nines: all of it is applied, or nothing."""

import html
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nines.demo.http_server import HttpServer, Request, Response
from nines.demo.inbox import Inbox
from tests.journeys.readings import metrics
from tests.journeys.serving import Nines, eventually, nines
from tests.web.ports import free_port

HEAD = """
server: {{listen: "127.0.0.1:{port}", external_url: "http://127.0.0.1:{port}", bucket: 1s,
         database: "sqlite:///{database}"}}
alerting:
  receivers:
    oncall: {{pagerduty: {{routing_key: 0123456789abcdef0123456789abcdef, url: "{inbox}"}}}}
  route: {{receivers: [oncall]}}
services:
  shop:
    collectors:
      health: {{http: "{target}/health", interval: 1s, timeout: 5s}}
      steady: {{http: "{target}/steady", interval: 1s, timeout: 5s}}
    slos:
"""
SLO = """
      {name}:
        objective: {objective}
        window: 1d
        sli: {{probe: {probe}}}
        tiers: [{{severity: page, factor: 14.4, long: 20s, short: 5s, keep_firing_for: 1s}}]
"""
MISTAKES = """
      broken:
        objective: 101%
        window: 1d
        sli: {probe: nobody}
        tears: []
"""
SOONER_THAN_THE_WATCH = 1.9  # seconds; it looks every five, and wants to see a change twice


class Target:
    """Answers as it is told, and knows how often it was asked; `/steady` is always well."""

    def __init__(self) -> None:
        self.status = 200
        self.asked = 0

    def answer(self, request: Request) -> Response:
        if request.path == "/steady":
            return Response(200, b"{}")
        self.asked += 1
        return Response(self.status, b"{}")


@dataclass
class World:
    target: Target
    inbox: Inbox
    nines: Nines
    head: str

    def write(self, more: str = "", **objectives: str) -> None:
        """Save a configuration with these SLOs."""
        write(self.nines.config, self.head, more, **objectives)

    async def slo(self, name: str = "availability") -> dict[str, Any] | None:
        answer = await self.nines.client.get(f"/api/v1/slos/shop/{name}")
        return dict(answer.json()) if answer.status_code == 200 else None

    async def promises(self) -> dict[str, str]:
        slos = (await self.nines.get("/api/v1/slos"))["slos"]
        return {slo["name"]: slo["objective"] for slo in slos}

    async def reloaded(self, within: float = 15, **objectives: str) -> None:
        async def applied() -> bool:
            return await self.promises() == objectives

        await eventually(applied, f"the objectives {objectives}", self.nines.log, within=within)

    async def nothing_was_lost(self) -> None:
        """Every answer of the target is an event, whatever was edited meanwhile."""
        start = self.target.asked

        async def counted() -> bool:
            slo = await self.slo()
            assert slo is not None
            events = slo["lifetime"]
            assert events["bad"] == 0
            told = events["good"] + events["unknown"]  # one that came late for our own fault
            return self.target.asked > start and bool(told == self.target.asked)

        await eventually(counted, "every probe to be counted", self.nines.log)

    async def banner(self) -> str:
        page = (await self.nines.client.get("/slos/shop/availability")).text
        found = re.search(r'<aside class="ill".*?</aside>', page, re.DOTALL)
        return html.unescape(found[0]) if found else ""


def write(config: Path, head: str, more: str = "", **objectives: str) -> None:
    slos = [
        SLO.format(
            name=name, objective=f"{value}%", probe="steady" if name == "steady" else "health"
        )
        for name, value in objectives.items()
    ]
    new = config.with_suffix(".new")
    new.write_text(head + "".join(slos) + more)
    new.rename(config)  # as editors do: nobody ever reads half of it


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    target, port, config = Target(), free_port(), tmp_path / "config.yaml"
    server = HttpServer(target.answer)
    async with AsyncExitStack() as stack:
        inbox = await stack.enter_async_context(Inbox.start())
        await server.start()
        stack.push_async_callback(server.refuse)
        database = tmp_path / "nines.db"
        head = HEAD.format(port=port, database=database, target=server.url, inbox=inbox.url)
        write(config, head, availability="99.99")
        yield World(target, inbox, await stack.enter_async_context(nines(config, port)), head)


@pytest.mark.slow
async def test_signal_request_and_saving_each_apply_an_edit_and_keep_the_counts(
    world: World,
) -> None:
    world.write(availability="99.9")
    os.kill(world.nines.pid, signal.SIGHUP)
    await world.reloaded(availability="99.9", within=SOONER_THAN_THE_WATCH)
    await world.nothing_was_lost()

    world.write(availability="99.9", second="99")
    answer = await world.nines.client.post("/-/reload")
    assert (answer.status_code, answer.json()) == (200, {"reloaded": True})
    assert await world.promises() == {"availability": "99.9", "second": "99"}
    await world.nothing_was_lost()
    second, first = await world.slo("second"), await world.slo()
    assert first is not None
    assert second is not None
    assert 0 < second["lifetime"]["total"] < first["lifetime"]["total"]

    world.write(availability="99.5", second="99")
    await world.reloaded(availability="99.5", second="99")
    await world.nothing_was_lost()


@pytest.mark.slow
async def test_a_broken_file_changes_nothing_and_every_mistake_is_told(world: World) -> None:
    world.write(MISTAKES, availability="99.5")
    answer = await world.nines.client.post("/-/reload")

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    problems = answer.json()["problems"]
    for said in ("objective", "nobody", "tears"):
        assert any(said in problem for problem in problems), problems
    assert all(re.match(r"\S+config\.yaml:\d+:\d+: ", problem) for problem in problems)
    assert await world.promises() == {"availability": "99.99"}
    assert (await metrics(world.nines)).one("nines_config_last_reload_successful") == 0
    banner = await world.banner()
    assert "The configuration was not reloaded, the old one goes on" in banner
    assert problems[0] in banner
    await world.nothing_was_lost()

    world.write(availability="99.5")
    assert (await world.nines.client.post("/-/reload")).status_code == 200
    await eventually(lambda: _is_well(world), "the metric to say so", within=8)
    assert await world.banner() == ""


async def _is_well(world: World) -> bool:
    return (await metrics(world.nines)).one("nines_config_last_reload_successful") == 1


@pytest.mark.slow
async def test_an_incident_outlives_an_edit_but_not_its_slo(world: World) -> None:
    log = world.nines.log
    world.write(availability="99.99", steady="99")
    assert (await world.nines.client.post("/-/reload")).status_code == 200
    world.target.status = 500
    await eventually(lambda: world.inbox.pagerduty, "the page", log, within=15)
    (page,) = world.inbox.pagerduty

    world.write(availability="99.9", steady="99")
    assert (await world.nines.client.post("/-/reload")).status_code == 200
    start = world.target.asked
    await eventually(lambda: world.target.asked >= start + 3, "three more probes", log)
    edited = await world.nines.get(f"/api/v1/incidents/{page.dedup_key}")
    assert (edited["state"], page.state) == ("triggered", "triggered")
    assert [event["event_action"] for event in page.events] == ["trigger"]

    world.write(steady="99")
    assert (await world.nines.client.post("/-/reload")).status_code == 200
    await eventually(lambda: page.state == "resolved", "its resolve", log, within=10)
    removed = await world.nines.get(f"/api/v1/incidents/{page.dedup_key}")
    assert removed["state"] == "resolved"
    assert all(alert["ended_at"] for alert in removed["alerts"])
    assert len(world.inbox.pagerduty) == 1
