"""Receivers that fail in every way, beside a good one that must not wait for them."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from json import loads
from pathlib import Path
from typing import Any

import pytest

from nines.demo.http_server import HttpServer, Misbehaviour, Request, Response
from nines.demo.inbox import Inbox
from tests.journeys.serving import Nines, Target, eventually, nines
from tests.web.ports import free_port

CONFIG = """
server: {{listen: "127.0.0.1:{port}", external_url: "http://127.0.0.1:{port}", bucket: 1s,
         database: "sqlite:///{database}"}}
services:
  shop:
    collectors:
      health: {{http: "{target}/health", interval: 1s}}
    slos:
      availability:
        objective: 99.99%
        window: 1d
        sli: {{probe: health}}
        tiers:
          - {{severity: page, factor: 14.4, long: 20s, short: 5s, keep_firing_for: 1s}}
alerting:
  receivers:
    good: {{pagerduty: {{routing_key: 0123456789abcdef0123456789abcdef, url: "{inbox}"}}}}
    refuses: {{webhook: {{url: "{refuses}/refuses"}}}}
    hangs: {{webhook: {{url: "{hangs}/hangs"}}}}
    rejects: {{webhook: {{url: "{answers}/rejects"}}}}
    limits: {{webhook: {{url: "{answers}/limits"}}}}
    breaks: {{webhook: {{url: "{answers}/breaks"}}}}
  route: {{receivers: [refuses, hangs, rejects, limits, breaks, good]}}
"""
ASKED_PAUSE_SECONDS = 3


@dataclass
class Hooks:
    """Webhooks by path: each fails as its name says, then takes what comes."""

    taken: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    calls: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def answer(self, request: Request) -> Response | Misbehaviour:
        name = request.path.removeprefix("/")
        self.calls[name].append(asyncio.get_running_loop().time())
        tries = len(self.calls[name])
        if name == "rejects":
            return Response(400, b'{"error": "no such channel"}')
        if name == "limits" and tries == 1:
            return Response(429, b"", headers={"Retry-After": str(ASKED_PAUSE_SECONDS)})
        if name == "breaks" and tries <= 2:
            return Response(500, b"oh no")
        return self.take(request)

    def take(self, request: Request) -> Response:
        name = request.path.removeprefix("/")
        self.taken[name].append((request.headers["webhook-id"], loads(request.body)["status"]))
        return Response(202, b"")


@dataclass
class World:
    nines: Nines
    target: Target
    inbox: Inbox
    hooks: Hooks
    refusing: HttpServer
    hanging: HttpServer
    hangs: list[bool]

    async def incident(self) -> dict[str, Any]:
        incidents = (await self.nines.get("/api/v1/incidents"))["incidents"]
        return dict(await self.nines.get(f"/api/v1/incidents/{incidents[0]['id']}"))

    async def notification(self, receiver: str, kind: str = "trigger") -> dict[str, Any]:
        found = [
            one
            for one in (await self.incident())["notifications"]
            if (one["receiver"], one["kind"]) == (receiver, kind)
        ]
        assert len(found) == 1, f"{len(found)} {kind} notifications to {receiver}"
        return dict(found[0])

    async def end_the_faults(self) -> None:
        """Who refused listens, and who hung is started again."""
        await self.refusing.start()
        await self.hanging.refuse()
        self.hangs.clear()
        await self.hanging.start()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    target, hooks, port, hangs = Target(), Hooks(), free_port(), [True]
    servers = {
        "target": HttpServer(target.answer),
        "answers": HttpServer(hooks.answer),
        "hangs": HttpServer(lambda r: Misbehaviour.HANG if hangs else hooks.take(r)),
        "refuses": HttpServer(hooks.take, port=free_port()),
    }
    async with AsyncExitStack() as stack:
        inbox = await stack.enter_async_context(Inbox.start())
        for name, server in servers.items():
            stack.push_async_callback(server.refuse)
            if name != "refuses":
                await server.start()
        config = tmp_path / "config.yaml"
        urls = {name: server.url for name, server in servers.items()}
        config.write_text(
            CONFIG.format(port=port, database=tmp_path / "nines.db", inbox=inbox.url, **urls)
        )
        process = await stack.enter_async_context(nines(config, port))
        yield World(process, target, inbox, hooks, servers["refuses"], servers["hangs"], hangs)


@pytest.mark.slow
async def test_a_page_does_not_wait_for_receivers_that_fail(world: World) -> None:
    log = world.nines.log

    world.target.status = 500
    await eventually(lambda: world.inbox.pagerduty, "the page", log, within=10)
    good = await delivered(world, "good")
    assert [attempt["outcome"] for attempt in good["attempts"]] == ["ok"]
    assert (await world.notification("hangs"))["state"] == "pending"

    await every_failure_is_told(world)
    await world.end_the_faults()
    for name in ("refuses", "hangs", "limits", "breaks"):
        notification = await delivered(world, name)
        assert world.hooks.taken[name] == [(notification["id"], "firing")]
        assert notification["attempts"][-1]["status"] == 202
    limited, again = world.hooks.calls["limits"][:2]
    assert again - limited >= ASKED_PAUSE_SECONDS

    world.target.status = 200
    await eventually(
        lambda: world.inbox.pagerduty[0].state == "resolved", "its resolve", log, within=15
    )
    for name in ("refuses", "hangs", "limits", "breaks"):
        resolve = await delivered(world, name, "resolve")
        assert [status for _, status in world.hooks.taken[name]] == ["firing", "resolved"]
        assert world.hooks.taken[name][1][0] == resolve["id"]
    events = [event["event_action"] for event in world.inbox.pagerduty[0].events]
    assert events == ["trigger", "resolve"]
    # Who never took the page has nothing to resolve, and is not asked again.
    assert len(world.inbox.pagerduty) == len(world.hooks.calls["rejects"]) == 1
    assert "rejects" not in world.hooks.taken


async def every_failure_is_told(world: World) -> None:
    """Attempts with status and sentence, and the end of what is given up."""

    first: dict[str, dict[str, Any]] = {}

    async def tried() -> bool:
        for one in (await world.incident())["notifications"]:
            if one["attempts"]:
                first[one["receiver"]] = one["attempts"][0]
        ended = {name for name, attempt in first.items() if attempt["ended_at"]}
        return {"good", "refuses", "rejects", "limits", "breaks"} <= ended

    await eventually(tried, "every receiver to be tried", world.nines.log, within=10)
    del first["good"]
    told = {name: (attempt["outcome"], attempt["status"]) for name, attempt in first.items()}
    assert told == {
        "refuses": ("retry", None),
        "hangs": (None, None),  # it is under way
        "rejects": ("permanent", 400),
        "limits": ("retry", 429),
        "breaks": ("ambiguous", 500),
    }
    rejected = await world.notification("rejects")
    assert rejected["state"] == "failed"
    assert rejected["reason"].endswith("another try would end the same way")
    assert "cannot be reached" in first["refuses"]["detail"]
    assert 'answered 400: "{"error": "no such channel"}"' in first["rejects"]["detail"]
    assert "answered 429" in first["limits"]["detail"]
    assert 'answered 500: "oh no"' in first["breaks"]["detail"]
    texts = " ".join(event["text"] for event in (await world.incident())["timeline"])
    for name in ("refuses", "limits", "breaks"):
        assert f"Try 1 to {name}: " in texts
    assert "Gave up the trigger to rejects: " in texts


async def delivered(world: World, receiver: str, kind: str = "trigger") -> dict[str, Any]:
    async def done() -> bool:
        kinds = [
            one["state"]
            for one in (await world.incident())["notifications"]
            if (one["receiver"], one["kind"]) == (receiver, kind)
        ]
        return kinds == ["delivered"]

    await eventually(done, f"the {kind} to {receiver}", world.nines.log)
    return await world.notification(receiver, kind)
