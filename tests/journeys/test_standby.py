"""Two Nines on one PostgreSQL: one watches, one stands by, and an outage is one page."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg
import pytest

from nines.demo.http_server import HttpServer, Request, Response
from tests.conftest import PostgresServer
from tests.journeys.serving import Nines, Target, eventually
from tests.web.ports import free_port

CONFIG = """
server: {{listen: "127.0.0.1:{port}", bucket: 1s, database: "{database}"}}
services:
  shop:
    collectors:
      health: {{http: "{target}/", interval: 1s, timeout: 1s}}
    slos: {{availability: {{objective: 50%, sli: {{probe: health}}}}}}
    alerts: {{down: {{probe: health, down_for: 1s, keep_firing_for: 0s, severity: page}}}}
alerting:
  receivers: {{hook: {{webhook: {{url: "{hook}/"}}}}}}
  route: {{receivers: [hook]}}
"""


@dataclass
class Hook:
    """What a webhook was told, in its order."""

    told: list[tuple[str, str]] = field(default_factory=list)  # status and incident

    def take(self, request: Request) -> Response:
        body = json.loads(request.body)
        self.told.append((body["status"], body["nines"]["incident_id"]))
        return Response(200, b"")

    def is_over(self) -> bool:
        return bool(self.told) and self.told[-1][0] == "resolved"


@dataclass
class Pair:
    """Both processes, what they watch and whom they tell."""

    first: Nines
    second: Nines
    target: Target
    hook: Hook
    url: str

    async def ready(self, one: Nines) -> int | None:
        """The status it answers; None: it does not listen."""
        try:
            return (await one.client.get("/-/ready")).status_code
        except httpx.TransportError:
            return None


@pytest.fixture
def url(postgres: PostgresServer) -> Iterator[str]:
    name = postgres.lend()
    yield postgres.url(name)
    postgres.take_back(name)


@pytest.fixture
async def pair(tmp_path: Path, url: str) -> AsyncIterator[Pair]:
    target, hook = Target(), Hook()
    servers = watched, heard = HttpServer(target.answer), HttpServer(hook.take)
    for server in servers:
        await server.start()
    database = url.replace("postgresql:", "postgresql+psycopg:")
    both: list[Nines] = []
    for name in ("first", "second"):
        config, port = tmp_path / f"{name}.yaml", free_port()
        config.write_text(
            CONFIG.format(port=port, database=database, target=watched.url, hook=heard.url)
        )
        both.append(Nines(config, port, "--standby"))
    one = Pair(both[0], both[1], target, hook, url)
    try:
        await one.first.start()
        await one.second.launch()
        await eventually(_answers(one, one.second, 503), "the second to stand by", one.second.log)
        yield one
    finally:
        await one.first.close()
        await one.second.close()
        for server in servers:
            await server.refuse()


def _answers(pair: Pair, one: Nines, status: int) -> Callable[[], Awaitable[bool]]:
    async def answers() -> bool:
        return await pair.ready(one) == status

    return answers


@pytest.mark.slow
async def test_who_stands_by_goes_on_where_the_other_died(pair: Pair) -> None:
    assert (await pair.second.client.get("/-/healthy")).status_code == 200
    page = await pair.second.client.get("/")
    assert (page.status_code, page.headers["retry-after"]) == (503, "1")
    assert "stands by" in page.text

    pair.target.status = 500
    await eventually(lambda: len(pair.hook.told) == 1, "the page", pair.first.log)
    await pair.first.kill()
    await eventually(_answers(pair, pair.second, 200), "the second to take over", pair.second.log)
    pair.target.status = 200
    await eventually(pair.hook.is_over, "the end", pair.second.log)

    # Killed before it heard the yes, it is said again: to the same key.
    assert list(dict.fromkeys(status for status, _ in pair.hook.told)) == ["firing", "resolved"]
    assert len({incident for _, incident in pair.hook.told}) == 1


@pytest.mark.slow
async def test_one_that_lost_the_database_without_knowing_stands_by_and_tells_nobody(
    pair: Pair,
) -> None:
    with psycopg.connect(pair.url, autocommit=True) as connection:
        (lost,) = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks"
            " WHERE locktype = 'advisory' AND granted AND mode = 'ExclusiveLock'"
        ).fetchall()
    assert lost == (True,)
    await eventually(_answers(pair, pair.second, 200), "the second to take over", pair.second.log)
    await eventually(_answers(pair, pair.first, 503), "the first to stand by", pair.first.log)

    pair.target.status = 500
    await eventually(lambda: pair.hook.told, "the page", pair.second.log)
    pair.target.status = 200
    await eventually(pair.hook.is_over, "the end", pair.second.log)
    await asyncio.sleep(1)  # a message too many would be on its way

    assert [status for status, _ in pair.hook.told] == ["firing", "resolved"]


@pytest.mark.slow
async def test_who_stands_by_ends_when_told_to(pair: Pair) -> None:
    assert await pair.second.terminate() == 0
    assert await pair.ready(pair.first) == 200
