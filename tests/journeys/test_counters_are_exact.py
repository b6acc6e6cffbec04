"""Counters of real pages, counted to the unit: through restarts, gaps and new series."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.counted import App
from tests.journeys.readings import Metrics, metrics
from tests.journeys.serving import Nines, eventually, nines
from tests.web.ports import free_port

HEAD = """
server: {{listen: "127.0.0.1:{port}", external_url: "http://127.0.0.1:{port}", bucket: 1s,
         database: "sqlite:///{database}"}}
services:
"""
SERVICE = """
  {name}:
    collectors:
      app: {{prometheus: "{target}/metrics", interval: 1s, timeout: 5s}}
    slos:
      availability:
        objective: 99.9%
        window: 1d
        sli:
          collector: app
          total: http_requests_total
          bad: 'http_requests_total{{code="500"}}'
"""


@dataclass
class World:
    apps: dict[str, App]
    nines: Nines

    async def events(self, name: str) -> dict[str, int]:
        slo = await self.nines.get(f"/api/v1/slos/{name}/availability")
        return {result: slo["lifetime"][result] for result in ("good", "bad")}

    async def pages_read(self, app: App, more: int = 1) -> None:
        """Wait until so many further pages were served and the newest of them was counted."""
        wanted = len(app.pages) + more

        async def read() -> bool:
            return len(app.pages) >= wanted and await self.events(app.name) == app.knowable()

        await eventually(read, f"page {wanted} of {app.name} to be counted", self.nines.log)


@asynccontextmanager
async def watched(tmp_path: Path, *apps: App) -> AsyncIterator[World]:
    """A Nines that scrapes these every second while they have traffic."""
    for app in apps:
        await app.server.start()
    port = free_port()
    config = tmp_path / "config.yaml"
    config.write_text(
        HEAD.format(port=port, database=tmp_path / "nines.db")
        + "".join(SERVICE.format(name=app.name, target=app.server.url) for app in apps)
    )
    traffic = [asyncio.create_task(app.traffic()) for app in apps]
    try:
        async with nines(config, port) as process:
            yield World({app.name: app for app in apps}, process)
    finally:
        for task in traffic:
            task.cancel()
        await asyncio.gather(*traffic, return_exceptions=True)
        for app in apps:
            await app.server.refuse()


async def errors_and_a_restart(world: World, app: App) -> None:
    """A code never seen before, then a restart that takes unseen requests with it, then more."""
    await world.pages_read(app, 2)
    app.process.count("500", 3)
    await world.pages_read(app, 2)
    app.process.count("500", 2)
    app.process.count("200", 1000)
    app.restart()
    await world.pages_read(app)
    app.process.count("500", 5)
    await world.pages_read(app, 2)
    app.process.count("500", 1)
    await world.pages_read(app)


async def errors_in_a_gap(world: World, app: App) -> None:
    """Nobody can look for several intervals, while the process goes on counting."""
    await world.pages_read(app, 2)
    app.process.count("500", 3)
    await world.pages_read(app)
    await app.server.refuse()
    app.process.count("500", 4)
    await asyncio.sleep(4)
    await app.server.start()
    await world.pages_read(app)
    app.process.count("500", 2)
    await world.pages_read(app)


@pytest.mark.slow
async def test_every_event_that_pages_made_known_is_counted_once(tmp_path: Path) -> None:
    text, openmetrics, gap = App("text"), App("openmetrics", openmetrics=True), App("gap")
    async with watched(tmp_path, text, openmetrics, gap) as world:
        await asyncio.gather(
            errors_and_a_restart(world, text),
            errors_and_a_restart(world, openmetrics),
            errors_in_a_gap(world, gap),
        )
        for app in world.apps.values():
            await app.server.refuse()  # no further page: the numbers stand still
        knowable = {app.name: app.knowable() for app in world.apps.values()}
        found: dict[str, dict[str, float]] = {}

        async def told() -> bool:
            page = await metrics(world.nines)
            for name in world.apps:
                label = {"service": name, "slo": "availability"}
                found[name] = {
                    result: page.one("slo_events_total", **label, result=result)
                    for result in ("good", "bad")
                }
            return found == knowable

        try:
            await eventually(told, "the metrics to say so", within=8)
        finally:
            assert found == knowable
        # A new code began at 0; what the process took with it (2) is not known.
        assert knowable["text"]["bad"] == knowable["openmetrics"]["bad"] == 3 + 5 + 1
        assert knowable["gap"]["bad"] == 3 + 4 + 2
        smeared = await world.nines.get("/api/v1/slos/gap/availability")
        assert smeared["events"] == smeared["lifetime"]
        failed = [
            run["cause"]
            for run in (await world.nines.get("/api/v1/collectors/gap/app"))["recent"]
            if run["outcome"] == "failed"
        ]
        assert len(failed) >= 3
        assert set(failed) == {"connect"}


@pytest.mark.slow
async def test_api_page_and_metrics_say_the_same_of_one_moment(tmp_path: Path) -> None:
    app = App("shop")
    async with watched(tmp_path, app) as world:
        await world.pages_read(app, 2)
        app.process.count("500", 7)
        await world.pages_read(app, 2)

        api, page, metric = await one_moment(world.nines)

    label = {"service": "shop", "slo": "availability"}
    assert api["events"]["bad"] == 7
    assert metric.one("slo_sli_ratio", **label) == api["sli_ratio"]
    remaining = api["budget"]["remaining_ratio"]
    assert metric.one("slo_error_budget_remaining_ratio", **label) == remaining
    for result in ("good", "bad", "unknown"):
        told = metric.one("slo_events_total", **label, result=result)
        assert told == api["lifetime"][result] == api["events"][result]
    burns = {dict(at)["lookback"]: rate for at, rate in metric.all("slo_burn_rate").items()}
    assert burns == {burn["lookback"]: burn["rate"] for burn in api["burns"]}
    assert len(burns) == 6
    assert metric.one("slo_coverage_ratio", **label) == api["coverage_ratio"]

    tile = r"<dt>(?:<a [^>]+>)?([^<]+)(?:</a>)?</dt><dd><span class=\"value\">([^<]+)</span>"
    tiles = dict(re.findall(tile, page))
    assert same(tiles["SLI"], Fraction(api["sli_ratio"]) * 100)
    assert (tiles["Budget left"], api["budget_state"]) == ("learning", "learning")
    hour = next(burn for burn in api["burns"] if burn["lookback"] == "1h")
    assert same(tiles["Burn rate"], Fraction(hour["rate"]))
    good, bad, total = (f"{api['events'][name]:,}" for name in ("good", "bad", "total"))
    assert f"<dd>{good} and {bad}</dd>" in page
    assert f"{bad} of {total} requests failed in the last hour" in page


async def one_moment(process: Nines) -> tuple[dict[str, Any], str, Metrics]:
    """The SLO by its API, its page and the metrics, all three of one evaluation."""
    caught: list[tuple[dict[str, Any], str, Metrics]] = []
    where = "/api/v1/slos/shop/availability"

    async def catch() -> bool:
        before = await process.get(where)
        page = (await process.client.get("/slos/shop/availability")).text
        metric = await metrics(process)
        after = await process.get(where)
        evaluated = metric.one("slo_last_evaluation_timestamp_seconds", service="shop")
        at = datetime.fromisoformat(before["at"]).timestamp()
        # The page lies between two equal answers, so it shows that evaluation too.
        if before["at"] == after["at"] and evaluated == at:
            caught.append((before, page, metric))
        return bool(caught)

    await eventually(catch, "one evaluation in all three", process.log)
    return caught[0]


def same(shown: str, exact: Fraction) -> bool:
    """Whether what a page shows is this number, cut or rounded where the page ends it."""
    digits = re.fullmatch(r"(-?[\d.]+)\s?[%x]", shown)
    assert digits is not None, shown
    places = len(digits[1].partition(".")[2])
    scaled = exact * 10**places
    return Fraction(digits[1]) * 10**places in (floor(scaled), round(scaled))
