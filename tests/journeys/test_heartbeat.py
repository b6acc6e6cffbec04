"""A dead man's switch hears Nines until a receiver hangs, and again once it answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from nines.demo.http_server import HttpServer, Misbehaviour, Request, Response
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
    hangs: {{webhook: {{url: "{hangs}/hook"}}}}
  route: {{receivers: [hangs]}}
  heartbeat: {{url: "{listener}/ping", interval: 1s, timeout: 1s, overdue_after: 3s}}
"""


@dataclass
class Beats:
    heard: list[float] = field(default_factory=list)

    def answer(self, _request: Request) -> Response:
        self.heard.append(asyncio.get_running_loop().time())
        return Response(200, b"OK")

    @property
    def silent_for(self) -> float:
        return asyncio.get_running_loop().time() - self.heard[-1]


@dataclass
class World:
    nines: Nines
    target: Target
    beats: Beats
    hanging: HttpServer
    hangs: list[bool]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    target, beats, port, hangs = Target(), Beats(), free_port(), [True]

    def answer(_request: Request) -> Response | Misbehaviour:
        return Misbehaviour.HANG if hangs else Response(200, b"ok")

    servers = {
        "target": HttpServer(target.answer),
        "listener": HttpServer(beats.answer),
        "hangs": HttpServer(answer),
    }
    async with AsyncExitStack() as stack:
        for server in servers.values():
            stack.push_async_callback(server.refuse)
            await server.start()
        config = tmp_path / "config.yaml"
        urls = {name: server.url for name, server in servers.items()}
        config.write_text(CONFIG.format(port=port, database=tmp_path / "nines.db", **urls))
        process = await stack.enter_async_context(nines(config, port))
        yield World(process, target, beats, servers["hangs"], hangs)


@pytest.mark.slow
async def test_a_hung_receiver_stops_the_heartbeat_until_it_answers(world: World) -> None:
    log, beats = world.nines.log, world.beats
    await eventually(lambda: len(beats.heard) >= 3, "the first beats", log)

    world.target.status = 500
    await eventually(lambda: beats.silent_for > 4, "the heartbeat to stop", log)
    health = await world.nines.get("/api/v1/health")
    assert [one["what"] for one in health["overdue"]] == ["delivery"]
    said = next(one for one in health["problems"] if one.startswith("The heartbeat is withheld"))
    assert "The page about shop to hangs has no receipt" in said
    assert (await world.nines.client.get("/-/audit")).status_code == 503
    assert "nines_heartbeat_withheld 1" in (await world.nines.client.get("/metrics")).text

    world.hangs.clear()
    await world.hanging.refuse()  # whoever hung is started again
    await world.hanging.start()
    stopped = len(beats.heard)
    await eventually(lambda: len(beats.heard) > stopped + 1, "the heartbeat to return", log)
    await eventually(lambda: audited(world), "the auditor to be content", log)


@pytest.mark.slow
async def test_a_canary_arrives_opens_nothing_and_is_an_event_of_our_own_slo(world: World) -> None:
    log, client = world.nines.log, world.nines.client
    world.hangs.clear()

    async def counting() -> bool:
        collectors = (await world.nines.get("/api/v1/collectors"))["collectors"]
        runs = {one["id"]: one["runs"] for one in collectors}
        return bool(runs["nines/delivery"].get("passed"))

    await eventually(counting, "the outbox to be counted", log)
    sent = await client.post("/api/v1/receivers/hangs/canary", json={"by": "ann"})
    assert sent.status_code == 200, sent.text

    async def arrived() -> bool:
        [receiver] = (await world.nines.get("/api/v1/receivers"))["receivers"]
        return bool(receiver["canary"]["state"] == "delivered")

    async def counted() -> bool:
        slo = await world.nines.get("/api/v1/slos/nines/delivery")
        return (slo["lifetime"]["good"], slo["lifetime"]["bad"]) == (1, 0)

    await eventually(arrived, "the canary to arrive", log)
    assert (await world.nines.get("/api/v1/incidents"))["incidents"] == []
    await eventually(counted, "it to be counted", log)
    assert (
        'nines_receiver_canary_success{receiver="hangs"} 1' in (await client.get("/metrics")).text
    )


async def audited(world: World) -> bool:
    return (await world.nines.client.get("/-/audit")).status_code == 200
