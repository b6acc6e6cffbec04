"""A platform, the Nines that watches it by the example's configuration, and who was told.

Sockets, database and receivers are real; time passes when the test says so. Collectors run when
they are due, one instant after another, so that nothing depends on how fast the machine is.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from alerting.notification import NotificationState
from collectors.observation import Observation
from collectors.runnable import Runnable
from dashboards.source import IncidentDetail
from examples.stage import stage
from nines.demo.platforms.platform import Platform
from nines.service import Service
from slo.epoch import floor
from tests.fakes.clock import FakeClock
from tests.slo.builders import T0

_STEP = timedelta(seconds=1)
_EDGE = timedelta(seconds=10)
_IMPATIENT = timedelta(seconds=0.2)


class SceneClock(FakeClock):
    """What a look takes is what it took, and as long as the platform says that it lingered;
    between looks time passes by the test.
    """

    def __init__(self, start: datetime) -> None:
        super().__init__(start)
        self._lingered = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + time.perf_counter() + self._lingered

    async def linger(self, seconds: float) -> None:
        self._lingered += seconds


@dataclass(frozen=True, slots=True)
class Fired:
    """What an alert said: `service/slo` or `service/alert`, how bad, and why."""

    what: str
    severity: str
    why: str


class Scene:
    """`pass_time`, break things, and look at who was told what."""

    def __init__(self, service: Service, platforms: Sequence[Platform], clock: SceneClock) -> None:
        self.service, self.clock, self.platforms = service, clock, platforms
        self._looks: list[tuple[datetime, Runnable, Callable[[Observation], None]]] = []
        service.rounds.schedule.look_again = self._look_again  # type: ignore[method-assign]
        for platform in platforms:
            platform.linger = clock.linger

    @property
    def platform(self) -> Platform:
        """The only one."""
        (platform,) = self.platforms
        return platform

    async def pass_time(self, by: timedelta) -> None:
        """Everything that is due in this time happens, in its order."""
        end = self.clock.now() + by
        while self.clock.now() < end:
            for platform in self.platforms:
                platform.pass_time(_STEP.total_seconds())
            self.clock.move(_STEP)
            await self._look()
            if self.clock.now() == floor(self.clock.now(), _EDGE):
                await self._judge()

    async def breaks(self, fault: str, lasting: timedelta) -> list[Fired]:
        """Break it, let time pass, mend it; all that fired since the scene began."""
        if "hang" in fault:
            for one in self.service.configured.collectors.values():
                _hurry(one)
        await self.platform.break_now(fault)
        await self.pass_time(lasting)
        await self.platform.break_now(None)
        return await self.fired()

    async def fired(self) -> list[Fired]:
        """Every alert so far, over or not, in the order of their names."""
        found = [
            Fired(
                f"{alert.service}/{alert.slo}",
                str(alert.severity),
                f"{alert.facts.headline} {alert.facts.reason} {alert.facts.top_cause or ''} "
                f"{alert.facts.series or ''}",
            )
            for detail in await self._incidents()
            for alert in detail.alerts
        ]
        return sorted(found, key=lambda one: (one.what, one.severity))

    async def told(self) -> set[str]:
        """The receivers that a message reached."""
        return {
            one.receiver
            for detail in await self._incidents()
            for one in detail.notifications
            if one.state is NotificationState.DELIVERED
        }

    async def held(self) -> set[str]:
        """The services that something fired of, and nobody was told."""
        return {
            detail.incident.service
            for detail in await self._incidents()
            if not any(one.state is NotificationState.DELIVERED for one in detail.notifications)
        }

    async def _incidents(self) -> list[IncidentDetail]:
        live = self.service.live
        page = await live.incidents(state=None, service=None, cursor=None, limit=100)
        found = [await live.incident(one.id) for one in page.incidents]
        return [detail for detail in found if detail is not None]

    async def _look(self) -> None:
        now = self.clock.now()
        due = [
            one
            for one in self.service.configured.collectors.values()
            if now == floor(now, one.interval)
        ]
        for one in due:  # alone, so that nobody lingers for another
            self.service.rounds.on_observation(await one.run(now, self.clock))
        again = [look for look in self._looks if look[0] <= now]
        self._looks = [look for look in self._looks if look[0] > now]
        for _, runnable, tell in again:
            tell(await runnable.run(now, self.clock))

    async def _judge(self) -> None:
        service, now = self.service, self.clock.now()
        service.rounds.judge(service.engine.suspects(now))
        service.dispatch.submit(service.engine.tick_rules(now))
        await service.rounds.look_at_budgets()
        await service.rounds.look_at_silences()
        await service.dispatch.settle()
        await service.dispatch.review()
        await service.dispatch.settle()
        for _ in range(200):
            waiting, _oldest = await service.threads.read(service.records.outbox_pending)
            if not waiting:
                return
            service.delivery.notify()
            await asyncio.sleep(0.01)

    def _look_again(
        self,
        collector_id: str,
        after: timedelta,
        tell: Callable[[Observation], None],
        *,
        by: Runnable | None = None,
        over: Callable[[], None] = lambda: None,
    ) -> None:
        if by is not None:  # there is one way to a stage
            over()
            return
        runnable = self.service.configured.collectors[collector_id]
        self._looks.append((self.clock.now() + after, runnable, tell))


def _hurry(runnable: Runnable) -> None:
    """Waiting for who never answers is no part of the story."""
    source = getattr(runnable, "_source", None)
    for one, name in ((runnable, "timeout"), (source, "_timeout")):
        if hasattr(one, name):
            setattr(one, name, _IMPATIENT)


@asynccontextmanager
async def scene(name: str, folder: Path, well_for: timedelta) -> AsyncIterator[Scene]:
    """The example on its stage, watched and well for a while."""
    clock = SceneClock(T0)
    async with stage(name, folder, clock.now, "127.0.0.1:1") as playing:
        service = await Service.open(playing.config, playing.environ, clock)
        delivering = asyncio.create_task(service.delivery.run())
        try:
            made = Scene(service, (playing.platform,), clock)
            await made.pass_time(well_for)
            yield made
        finally:
            await service.delivery.stop(within=timedelta(0))
            delivering.cancel()
            await asyncio.gather(delivering, return_exceptions=True)
            await service.close()
