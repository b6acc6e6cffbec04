"""Targets that come and go while Nines runs: watched as they come, and no page as they go."""

import json
from pathlib import Path

import pytest

from nines.demo.http_server import HttpServer
from nines.demo.inbox import Inbox
from tests.journeys.serving import Nines, Target, eventually, nines
from tests.web.ports import free_port

CONFIG = """
server: {{listen: "127.0.0.1:{port}", bucket: 1s, database: "sqlite:///{database}"}}
discovery:
  shops:
    files: ["targets/*.json"]
    refresh: 5s
    service:
      name: shop-{{{{city}}}}
      collectors:
        health: {{http: "http://{{{{target}}}}/health", interval: 1s, timeout: 500ms}}
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


class World:
    def __init__(self, folder: Path, inbox: Inbox, process: Nines) -> None:
        self.folder, self.inbox, self.process = folder, inbox, process

    def write(self, **targets: HttpServer) -> None:
        """Whole, as a discovery that is any good does."""
        groups = [
            {"targets": [f"127.0.0.1:{server.port}"], "labels": {"city": city}}
            for city, server in targets.items()
        ]
        fresh = self.folder / "fresh"
        fresh.write_text(json.dumps(groups))
        fresh.rename(self.folder / "targets/shops.json")

    async def services(self) -> set[str]:
        found = await self.process.get("/api/v1/slos")
        return {slo["id"].partition("/")[0] for slo in found["slos"]}

    async def watches(self, *services: str) -> None:
        async def same() -> bool:
            return await self.services() == set(services)

        await eventually(same, f"{services} to be watched", self.process.log)

    def incidents(self) -> list[tuple[str, str]]:
        return [(one.dedup_key, one.state) for one in self.inbox.pagerduty]


@pytest.mark.slow
async def test_a_target_is_watched_as_it_comes_and_ends_its_page_as_it_goes(
    tmp_path: Path,
) -> None:
    (tmp_path / "targets").mkdir()
    well, ill = Target(), Target()
    berlin, rome = HttpServer(well.answer), HttpServer(ill.answer)
    await berlin.start()
    await rome.start()
    port = free_port()
    config = tmp_path / "config.yaml"
    async with Inbox.start(http_port=0, smtp_port=0) as inbox:
        config.write_text(CONFIG.format(port=port, database=tmp_path / "nines.db", inbox=inbox.url))
        async with nines(config, port) as process:
            world = World(tmp_path, inbox, process)
            assert await world.services() == set()

            world.write(berlin=berlin, rome=rome)
            await world.watches("shop-berlin", "shop-rome")
            ill.status = 500
            await eventually(lambda: inbox.pagerduty, "a page about Rome", process.log)
            assert [state for _, state in world.incidents()] == ["triggered"]

            world.write(berlin=berlin)
            await world.watches("shop-berlin")
            await eventually(
                lambda: world.incidents()[0][1] == "resolved", "its page to end", process.log
            )

            await rome.refuse()  # gone indeed: nobody is paged for what nobody watches
            await process.kill()
            (tmp_path / "targets/shops.json").write_text("[{")
            await process.start()
            await world.watches("shop-berlin")
            health = await process.get("/api/v1/health")
            assert any("watched on" in problem for problem in health["problems"])
            assert len(world.incidents()) == 1
    await berlin.refuse()
