"""Every drill of the demo is told in time, as the terminal says, by who watches that platform."""

import asyncio
import random
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from nines.demo.inbox import Inbox
from nines.demo.run import write_history
from nines.demo.simulation import DRILLS, Drill, Simulation
from nines.service import Service
from slo.severity import Severity
from tests.platforms.scene import Scene, SceneClock
from tests.slo.builders import T0

CONFIG = Path(__file__).parents[3] / "nines" / "demo" / "config.yaml"
STEADY = timedelta(seconds=30)  # of live traffic, so that counters have a baseline
# Whose services have other names than the platform.
SERVICES = {
    "Active Active": {"regions"},
    "Jain Shikanji": {
        "shikanji-order", "shikanji-payment", "shikanji-product", "shikanji-hosts",
    },
    "Mewayz": {"mewayz"},
    "PetUniverse": {"petuniverse"},
    "Saverly": {"saverly", "saverly-third-parties"},
}  # fmt: skip


class PlayedClock(SceneClock):
    """Can be set by hand while the past is written."""

    _set: datetime | None = None

    def now(self) -> datetime:
        return self._set or super().now()

    def set(self, at: datetime | None) -> None:
        self._set = at


async def told_since(played: Scene, at: datetime) -> dict[str, tuple[Severity, datetime]]:
    """What fired since then: the severity and the moment of the loudest of each service."""
    found: dict[str, tuple[Severity, datetime]] = {}
    page = await played.service.live.incidents(state=None, service=None, cursor=None, limit=100)
    for incident in page.incidents:
        detail = await played.service.live.incident(incident.id)
        assert detail is not None
        for alert in sorted(detail.alerts, key=lambda one: one.started_at, reverse=True):
            if alert.started_at < at:
                continue
            before = found.get(alert.service)
            if before is None or alert.severity is before[0] or alert.severity is Severity.PAGE:
                found[alert.service] = (alert.severity, alert.started_at)
    return found


async def play(played: Scene, simulation: Simulation, drill: Drill) -> str | None:
    """What went otherwise than the terminal says."""
    await played.pass_time(timedelta(seconds=drill.pause))
    broken = played.clock.now()
    await simulation.break_now(drill.platform, drill.fault)
    await played.pass_time(timedelta(seconds=drill.seconds))
    await simulation.break_now(drill.platform, None)
    told = await told_since(played, broken)
    severe = [(severity, at) for severity, at in told.values() if severity is drill.told_as]
    if not told.keys() <= SERVICES[drill.platform] or not severe:
        return f"{drill.platform}, {drill.fault}: told {told}"
    if drill.told_as is not Severity.PAGE and len(severe) < len(told):
        return f"{drill.platform}, {drill.fault}: louder than it says, {told}"
    took = (min(at for _, at in severe) - broken).total_seconds()
    if not took <= drill.told_within:
        return f"{drill.platform}, {drill.fault}: after {took} s"
    return None


@pytest.mark.slow
async def test_each_drill_is_told_as_the_terminal_says(tmp_path: Path) -> None:
    clock = PlayedClock(T0)
    simulation = Simulation(clock.now, random.Random(1))  # noqa: S311 - a simulation
    async with Inbox.start(now=clock.now) as inbox:
        await simulation.open()
        environ = {
            "DEMO_PORT": "1",
            "DEMO_DATABASE": f"sqlite:///{tmp_path}/nines.db",
            "DEMO_INBOX": inbox.url,
            "DEMO_SMTP": inbox.smtp_url,
            **simulation.environ,
        }
        service = await Service.open(CONFIG, environ, clock)
        await write_history(service, clock, random.Random(1), 1)  # noqa: S311
        delivering = asyncio.create_task(service.delivery.run())
        try:
            played = Scene(service, list(simulation.platforms.values()), clock)
            await played.pass_time(STEADY)
            quiet = await told_since(played, clock.now() - STEADY)
            wrong = [await play(played, simulation, drill) for drill in DRILLS]
        finally:
            await service.delivery.stop(within=timedelta(0))
            delivering.cancel()
            await asyncio.gather(delivering, return_exceptions=True)
            await service.close()
            await simulation.stop()

    assert quiet == {}
    assert [one for one in wrong if one is not None] == []


def test_every_platform_has_its_turns() -> None:
    assert {drill.platform for drill in DRILLS} == set(SERVICES)
