"""A real service on a real database whose clock and observations a test gives; nothing is sent."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerting.alert import ShadowAlert
from alerting.notification import Notification, NotificationKind
from collectors.observation import Cause, Observation, Outcome
from nines.service import Service
from nines.storage.shadows import ShadowRecords
from tests.fakes.clock import FakeClock, settle

STEP = timedelta(seconds=10)
START = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
HEAD = """
server: {{database: "sqlite:///{database}"}}
alerting:
  receivers:
    oncall: {{pagerduty: {{routing_key: 0123456789abcdef0123456789abcdef}}}}
    desk: {{webhook: {{url: "http://127.0.0.1:1/desk"}}}}
  route:
    receivers: [desk]
    routes:
      - {{match: 'severity="page"', receivers: [oncall, desk]}}
services:
  shop:
    collectors:
      front: {{http: "http://127.0.0.1:1/front", interval: 10s}}
      back: {{http: "http://127.0.0.1:1/back", interval: 10s}}
    slos:
"""


class Living:
    """`slos` are lines below `slos:`; what the collectors see is told by `pass_time`."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock(START)
        self.service: Service
        self._config = folder / "config.yaml"
        self._head = HEAD.format(database=folder / "nines.db")

    def write(self, slos: str, more: str = "") -> None:
        """Save a configuration with these SLOs; `more` are lines beside `slos:`."""
        lines = [f"      {line}" for line in slos.strip().splitlines()]
        lines += [f"    {line}" for line in more.strip().splitlines()]
        self._config.write_text(self._head + "\n".join(lines) + "\n")

    async def open(self) -> None:
        """Start, as a process does."""
        self.service = await Service.open(self._config, {}, self.clock)
        self.service.rounds.take_up()
        await self.service.dispatch.settle()

    async def edit(self, slos: str, more: str = "") -> None:
        """Save it and have it read."""
        self.write(slos, more)
        assert (await self.service.reloading.reload()).problems == ()
        await self.service.dispatch.settle()

    async def restart(self, slos: str | None = None) -> None:
        """End as a kill would: nothing that waits in memory is stored."""
        await self.service.close()
        if slos is not None:
            self.write(slos)
        await self.open()

    async def pass_time(
        self, by: timedelta, *, failing: Sequence[str] = (), every: int = 1, silent: bool = False
    ) -> None:
        """Let both collectors look every 10 s; of those `failing`, each `every`-th look fails."""
        for number in range(by // STEP):
            self.look(failing if number % every == 0 else (), silent=silent)
            await self.service.rounds.look_at_budgets()
            await self.service.rounds.look_at_silences()
            await self.service.dispatch.settle()
            await self.service.dispatch.review()
        await self.service.dispatch.flush()

    def look(self, failing: Sequence[str] = (), *, silent: bool = False) -> None:
        """One look of both collectors and one evaluation; nothing of it is stored yet."""
        self.clock.move(STEP)
        now = self.clock.now()
        for name in () if silent else ("front", "back"):
            self.service.rounds.on_observation(a_look(f"shop/{name}", now, bad=name in failing))
        self.service.rounds.judge()

    async def until(self, seen: Callable[[], bool]) -> None:
        """Let time pass, and the threads that read files and storage answer, until this is so."""
        for _ in range(200):
            await self.clock.advance(timedelta(seconds=5))
            await asyncio.sleep(0.01)
            await settle()
            if seen():
                return
        pytest.fail("it did not come to be")

    async def shadows(self) -> list[ShadowAlert]:
        """What was written down and told to nobody."""
        return ShadowRecords(self.service.database).since(START)

    async def notifications(self) -> list[Notification]:
        """All that was ever decided to be said, oldest first; at one moment, by kind."""
        page = await self.service.live.incidents(state=None, service=None, cursor=None, limit=500)
        found: list[Notification] = []
        for incident in page.incidents:
            detail = await self.service.live.incident(incident.id)
            assert detail is not None
            found += detail.notifications
        return sorted(found, key=lambda one: (one.created_at, str(one.kind), one.receiver))

    async def told(self, receiver: str | None = None) -> list[str]:
        """The same as `trigger to oncall`."""
        return [
            f"{one.kind} to {one.receiver}"
            for one in await self.notifications()
            if receiver in (None, one.receiver)
        ]

    async def notices(self) -> list[str]:
        """The titles of the notices that went out by themselves."""
        return [
            one.message.title
            for one in await self.notifications()
            if one.kind is NotificationKind.NOTICE
        ]

    async def timeline(self) -> list[str]:
        """What happened to the newest incident."""
        page = await self.service.live.incidents(state=None, service=None, cursor=None, limit=1)
        detail = await self.service.live.incident(page.incidents[0].id)
        assert detail is not None
        return [f"{event.kind}: {event.text}" for event in detail.events]


@asynccontextmanager
async def living(folder: Path, slos: str, more: str = "") -> AsyncIterator[Living]:
    """Opened, and closed at the end."""
    one = Living(folder)
    one.write(slos, more)
    await one.open()
    try:
        yield one
    finally:
        await one.service.close()


def a_look(collector_id: str, at: datetime, *, bad: bool) -> Observation:
    nothing = timedelta(0)
    return Observation(
        collector_id=collector_id,
        due=at,
        started=at,
        lateness=nothing,
        duration=nothing,
        outcome=Outcome.FAILED if bad else Outcome.PASSED,
        cause=Cause.STATUS if bad else None,
        http_status=503 if bad else 200,
        detail="expected status 200, got 503" if bad else "",
    )
