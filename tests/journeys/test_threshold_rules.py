"""Thresholds from a real page or probe to a pager: what is no SLO, and must not last."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from nines.demo.http_server import HttpServer, Request, Response
from nines.demo.inbox import Inbox
from tests.journeys.serving import Nines, eventually, nines
from tests.web.ports import free_port

CONFIG = """
server: {{listen: "127.0.0.1:{port}", external_url: "http://127.0.0.1:{port}", bucket: 1s,
         database: "sqlite:///{database}"}}
defaults: {{confirm: off}}
services:
  shop:
    title: Shop
    runbook: https://runbooks.example/shop
    collectors:
      health: {{http: "{target}/health", interval: 2s, timeout: 1s}}
      metrics: {{prometheus: "{target}/metrics", interval: 1s, timeout: 1s}}
    slos:
      availability: {{objective: 50%, sli: {{probe: health}}}}
    alerts:
      down: {{probe: health, down_for: {down_for}, keep_firing_for: 0s, severity: page}}
      cpu:
        {{collector: metrics, metric: cpu_busy_ratio, above: 70%, clear_below: 60%, for: 2s,
         keep_firing_for: 0s, by: [instance], severity: page}}
      errors:
        {{collector: metrics, bad: 'requests_total{{code=~"5.."}}', total: requests_total, over: 6s,
         above: 1%, keep_firing_for: 0s, severity: page}}
alerting:
  receivers:
    oncall: {{pagerduty: {{routing_key: 0123456789abcdef0123456789abcdef, url: "{inbox}"}}}}
  route:
    receivers: []
    routes: [{{match: ['kind="threshold"', 'alert=~"down|cpu|errors"'], receivers: [oncall]}}]
"""


class Target:
    """A health endpoint and a page of metrics; `fails` says whether the nth look at it does."""

    def __init__(self) -> None:
        self.fails: Callable[[int], bool] = lambda _: False
        self.looks = 0
        self.cpu = 0.5
        self.errors_a_page = 0
        self.pages = self.errors = 0

    def answer(self, request: Request) -> Response:
        if request.path == "/metrics":
            self.pages += 1
            self.errors += self.errors_a_page
            lines = (
                f'cpu_busy_ratio{{instance="a"}} {self.cpu}',
                'cpu_busy_ratio{instance="b"} 0.25',
                f'requests_total{{code="200"}} {100 * self.pages - self.errors}',
                f'requests_total{{code="500"}} {self.errors}',
            )
            return Response(200, "".join(f"{line}\n" for line in lines).encode(), "text/plain")
        self.looks += 1
        return Response(500 if self.fails(self.looks) else 200, b"{}")


class World:
    def __init__(self, target: Target, inbox: Inbox, process: Nines) -> None:
        self.target, self.inbox, self.nines = target, inbox, process

    @property
    def pages(self) -> list[Any]:
        return list(self.inbox.pagerduty)

    async def rule(self, name: str) -> dict[str, Any]:
        answer = await self.nines.get("/api/v1/services/shop/rules")
        return next(rule for rule in answer["rules"] if rule["name"] == name)

    async def looked(self, least: int) -> None:
        await eventually(
            lambda: self.target.looks >= least, f"look {least} at the target", self.nines.log
        )


@asynccontextmanager
async def watching(folder: Path, down_for: str) -> AsyncIterator[World]:
    target = Target()
    server = HttpServer(target.answer)
    await server.start()
    port = free_port()
    async with Inbox.start(http_port=0, smtp_port=0) as inbox:
        config = folder / "config.yaml"
        config.write_text(
            CONFIG.format(
                port=port,
                database=folder / "nines.db",
                target=server.url,
                inbox=inbox.url,
                down_for=down_for,
            )
        )
        try:
            async with nines(config, port) as process:
                yield World(target, inbox, process)
        finally:
            await server.refuse()


@pytest.mark.slow
async def test_what_recovers_within_the_second_of_the_confirming_look_wakes_nobody(
    tmp_path: Path,
) -> None:
    async with watching(tmp_path, "4s") as world:
        await world.looked(1)
        first = world.target.looks + 1
        # Three runs fail, which makes four seconds; the look that confirms them is the fourth.
        world.target.fails = lambda look: first <= look < first + 3

        await world.looked(first + 5)
        rule = await world.rule("down")
        slo = await world.nines.get("/api/v1/slos/shop/availability")

        assert world.pages == []
        assert (await world.nines.get("/api/v1/incidents"))["incidents"] == []
        assert rule["state"] == "ok"
        assert "passed after 3 failures" in rule["remark"]
        # The look that confirmed nothing is evidence, and counts for no SLO.
        assert slo["events"]["bad"] == 3
        assert slo["events"]["total"] < world.target.looks


@pytest.mark.slow
async def test_what_stays_down_pages_once_the_confirming_look_failed_too(tmp_path: Path) -> None:
    async with watching(tmp_path, "4s") as world:
        await world.looked(1)
        world.target.fails = lambda _: True

        await eventually(lambda: world.pages, "a page", world.nines.log, within=15)

        (page,) = world.pages
        incident = await world.nines.get(f"/api/v1/incidents/{page.dedup_key}")
        assert incident["title"].startswith("Shop down: down for ")
        assert "A look 1s later failed too" in str(incident["timeline"])
        assert (await world.rule("down"))["state"] == "firing"

        world.target.fails = lambda _: False
        await eventually(lambda: world.pages[0].state == "resolved", "its end", world.nines.log)


@pytest.mark.slow
async def test_killed_in_the_middle_of_an_outage_it_remembers_when_that_began(
    tmp_path: Path,
) -> None:
    async with watching(tmp_path, "6s") as world:
        await world.looked(1)
        world.target.fails = lambda _: True
        await world.looked(world.target.looks + 2)

        async def pending() -> bool:
            return bool((await world.rule("down"))["state"] == "pending")

        await eventually(pending, "the rule to be pending", world.nines.log)
        await world.looked(world.target.looks + 1)  # by now a flush has stored it
        killed_at = datetime.now(UTC)
        await world.nines.kill()
        await world.nines.start()

        await eventually(lambda: world.pages, "a page", world.nines.log, within=25)

        rule = await world.rule("down")
        assert datetime.fromisoformat(rule["first_failure"]) < killed_at
        assert len(world.pages) == 1


@pytest.mark.slow
async def test_a_gauge_and_an_error_rate_share_the_service_s_incident(tmp_path: Path) -> None:
    async with watching(tmp_path, "1h") as world:
        world.target.cpu = 0.832
        await eventually(lambda: world.pages, "a page", world.nines.log, within=15)
        (page,) = world.pages
        world.target.errors_a_page = 5

        async def both() -> bool:
            incident = await world.nines.get(f"/api/v1/incidents/{page.dedup_key}")
            rules = {alert["rule"] for alert in incident["alerts"]}
            return rules == {"shop#alert:cpu", "shop#alert:errors"}

        await eventually(both, "the errors to join", world.nines.log, within=20)
        world.target.cpu = 0.65  # between the limits: it goes on
        world.target.errors_a_page = 0

        async def errors_end() -> bool:
            return bool((await world.rule("errors"))["state"] == "ok")

        await eventually(errors_end, "the errors to end", world.nines.log, within=20)
        assert (await world.rule("cpu"))["state"] == "firing"
        assert [one.state for one in world.pages] == ["triggered"]

        world.target.cpu = 0.59
        await eventually(lambda: world.pages[0].state == "resolved", "the end", world.nines.log)
        assert "83.2 %, above 70 % for 2s, until below 60 % (instance=a)" in str(
            (await world.nines.get(f"/api/v1/incidents/{page.dedup_key}"))["timeline"]
        )
