"""The default tiers from an observation to PagerDuty and back, by the injected clock."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from collectors.observation import Cause, Observation, Outcome
from nines.demo.inbox import Inbox
from nines.service import Service
from tests.fakes.clock import FakeClock
from tests.slo.builders import T0

CONFIG = """
server: {{database: "sqlite:///{database}"}}
services:
  shop:
    collectors: {{health: {{http: "http://127.0.0.1:1/", interval: 10s, timeout: 1s}}}}
    slos: {{availability: {{objective: 99.9%, sli: {{probe: health}}}}}}
alerting:
  receivers:
    oncall: {{pagerduty: {{routing_key: 0123456789abcdef0123456789abcdef, url: "{inbox}"}}}}
  route: {{receivers: [], routes: [{{match: 'severity="page"', receivers: [oncall]}}]}}
"""
STEP = timedelta(seconds=10)


class Scene:
    """A service that is told what its probe saw, and a PagerDuty."""

    def __init__(self, service: Service, clock: FakeClock, inbox: Inbox) -> None:
        self._service, self._clock, self.inbox = service, clock, inbox

    async def probe(self, outcome: Outcome, runs: int) -> None:
        for _ in range(runs):
            failed = outcome is Outcome.FAILED
            self._service.rounds.on_observation(
                Observation(
                    collector_id="shop/health",
                    due=self._clock.now(),
                    started=self._clock.now(),
                    lateness=timedelta(0),
                    duration=timedelta(milliseconds=3),
                    outcome=outcome,
                    cause=Cause.STATUS if failed else None,
                    http_status=500 if failed else 200,
                    detail="expected status 2xx, got 500" if failed else "",
                )
            )
            self._clock.move(STEP)
        await self._service.dispatch.settle()
        while (await self._service.threads.write(self._service.records.outbox_pending))[0]:
            self._service.delivery.notify()
            await asyncio.sleep(0.01)

    async def timeline(self) -> list[str]:
        page = await self._service.live.incidents(state=None, service=None, cursor=None, limit=9)
        (incident,) = page.incidents
        detail = await self._service.live.incident(incident.id)
        assert detail is not None
        return [event.text for event in detail.events]

    @property
    def pages(self) -> list[str]:
        return [incident.state for incident in self.inbox.pagerduty]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with Inbox.start(http_port=0, smtp_port=0) as inbox:
        config = tmp_path / "config.yaml"
        config.write_text(CONFIG.format(database=tmp_path / "nines.db", inbox=inbox.url))
        clock = FakeClock(T0)
        service = await Service.open(config, {}, clock)
        delivering = asyncio.create_task(service.delivery.run())
        try:
            scene = Scene(service, clock, inbox)
            await scene.probe(Outcome.PASSED, 720)
            yield scene
        finally:
            await service.delivery.stop(within=timedelta(0))
            delivering.cancel()
            await asyncio.gather(delivering, return_exceptions=True)
            await service.close()


async def test_an_outage_pages_with_its_sixth_failure_and_resolves_once_it_is_over(
    scene: Scene,
) -> None:
    await scene.probe(Outcome.FAILED, 5)
    before = scene.pages
    await scene.probe(Outcome.FAILED, 1)
    during = scene.pages
    await scene.probe(Outcome.PASSED, 29)
    cooling = scene.pages
    await scene.probe(Outcome.PASSED, 60)

    assert (before, during, cooling, scene.pages) == (
        [],
        ["triggered"],
        ["triggered"],
        ["resolved"],
    )
    told = "\n".join(await scene.timeline())
    assert "Burning 16.6x over 1h and 194x over 5m, both above 14.4x" in told
    assert 'Routed to oncall: severity="page" matched route 1' in told
