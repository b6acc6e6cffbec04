"""Who is there is asked again and again, and the configuration taken up as it changes."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from nines.config import Config, load
from nines.config.found import Found
from nines.demo.http_server import HttpServer, Request, Response
from nines.discovery.following import Following
from tests.fakes.clock import FakeClock
from web.settings import ReloadResult

CONFIG = """\
discovery:
  shops:
    files: ["sd/*.json"]
    http: {url}/targets
    service:
      name: shop-{{{{host}}}}
      collectors: {{health: {{http: "https://{{{{target}}}}/"}}}}
      slos: {{up: {{objective: 99.9%, sli: {{probe: health}}}}}}
alerting: {{route: {{receivers: []}}}}
"""


def groups(*addresses: str) -> bytes:
    return json.dumps([{"targets": addresses}]).encode()


class Kept:
    """What was stored."""

    def __init__(self) -> None:
        self.found: dict[str, Found] = {}

    def load(self) -> dict[str, Found]:
        return dict(self.found)

    def save(self, found: Mapping[str, Found], at: datetime) -> None:
        assert at.tzinfo is not None
        self.found = dict(found)


async def _at_once(work: Callable[[], object]) -> object:
    return work()


class World:
    """A configuration, who is asked for targets, and whoever follows them."""

    def __init__(self, folder: Path, server: HttpServer) -> None:
        self.folder, self.server = folder, server
        self.http = Response(200, groups("web:443"))
        self.file = folder / "config.yaml"
        (folder / "sd").mkdir()
        (folder / "sd/one.json").write_bytes(groups("file:443"))
        self.kept, self.clock, self.reloads = Kept(), FakeClock(), 0
        self.start()

    def start(self) -> None:
        self.file.write_text(CONFIG.format(url=self.server.url))
        self.config: Config = load(self.file, {}, {})
        self.following = Following(
            config=lambda: self.config,
            directory=self.folder,
            store=self.kept,
            read=_at_once,
            write=_at_once,
            reload=self._reload,
            clock=self.clock,
        )

    async def _reload(self) -> ReloadResult:
        self.reloads += 1
        self.config = load(self.file, {}, self.following.found)
        return ReloadResult()

    async def begin(self) -> None:
        await self.following.begin()
        self.config = load(self.file, {}, self.following.found)

    async def later(self, seconds: float = 30) -> None:
        self.clock.move(timedelta(seconds=seconds))
        await self.following.look_when_due()

    @property
    def services(self) -> list[str]:
        return list(self.config.services)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    def handle(_: Request) -> Response:
        return made.http

    server = HttpServer(handle)
    await server.start()
    made = World(tmp_path, server)
    yield made
    await server.refuse()


async def test_targets_come_and_go(world: World) -> None:
    await world.begin()
    assert world.services == ["shop-file", "shop-web"]

    world.http = Response(200, groups("web:443", "new:443"))
    (world.folder / "sd/one.json").write_bytes(groups())
    await world.later()

    assert (world.services, world.reloads) == (["shop-web", "shop-new"], 1)
    assert world.following.targets() == {"shops": 2}


async def test_the_same_targets_are_no_reason_to_reload(world: World) -> None:
    await world.begin()
    await world.later()
    world.http = Response(200, groups("other:443"))
    await world.later(5)  # not due yet

    assert world.reloads == 0


async def test_whoever_was_found_is_watched_on_while_nobody_answers(world: World) -> None:
    await world.begin()
    world.http = Response(503, b"")
    (world.folder / "sd/one.json").write_bytes(b"[{")
    await world.later()

    assert (world.services, world.reloads) == (["shop-file", "shop-web"], 0)
    first, second = world.following.problems()
    assert "it answered 503; the 2 targets that were found before are watched on" in first
    assert "the file is no JSON" in second

    world.http = Response(200, groups("web:443"))
    (world.folder / "sd/one.json").write_bytes(groups("file:443"))
    await world.later()
    assert not world.following.problems()


async def test_a_restart_while_nobody_answers_knows_who_was_there(world: World) -> None:
    await world.begin()
    world.http = Response(503, b"")
    world.start()
    assert world.services == ["shop-file"]

    await world.begin()

    assert world.services == ["shop-file", "shop-web"]


async def test_sources_that_are_edited_are_looked_at_anew(world: World) -> None:
    await world.begin()
    world.file.write_text(CONFIG.format(url=world.server.url).replace("/targets", "/others"))
    world.config = load(world.file, {}, world.following.found)
    assert world.services == ["shop-file"]

    await world.later(1)

    assert (world.services, world.reloads) == (["shop-file", "shop-web"], 1)


async def test_a_group_that_is_gone_is_forgotten(world: World) -> None:
    await world.begin()
    world.file.write_text("alerting: {route: {receivers: []}}\n")
    world.config = load(world.file, {}, world.following.found)

    await world.later(1)

    assert (dict(world.following.found), world.following.targets(), world.reloads) == ({}, {}, 0)
