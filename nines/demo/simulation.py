"""Run the platforms on loopback, and break something else every few minutes."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from nines.demo.http_server import HttpServer
from nines.demo.platforms import Mewayz, PetUniverse, Platform, Shop

_STEP_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Drill:
    """One thing that breaks: where, what, and for how long."""

    platform: str
    fault: str
    seconds: float
    pause: float  # quiet time before it


# An outage of 52 seconds spends enough of a 99.9 % budget to page: each drill lasts longer.
DRILLS = (
    Drill("Mewayz", "dead database behind a 200", 100, 15),
    Drill("Shop", "failing checkout", 110, 75),
    Drill("PetUniverse", "cache down", 100, 75),
    Drill("Shop", "restart", 90, 75),
    Drill("PetUniverse", "slow answers", 110, 75),
    Drill("Shop", "errors everywhere", 80, 75),
    Drill("Mewayz", "half a body", 100, 75),
    Drill("PetUniverse", "hanging answers", 100, 75),
    Drill("Shop", "refused", 100, 75),
    Drill("Mewayz", "dead cache behind a 200", 90, 75),
    Drill("PetUniverse", "database down", 100, 75),
)


class Simulation:
    """The platforms' servers and the drill that never ends."""

    def __init__(self, now: Callable[[], datetime], rng: random.Random) -> None:
        self.platforms: dict[str, Platform] = {
            "PetUniverse": PetUniverse(now),
            "Mewayz": Mewayz(now, rng),
            "Shop": Shop(now, rng),
        }
        self.servers = {
            name: HttpServer(platform.answer) for name, platform in self.platforms.items()
        }
        self._tasks: list[asyncio.Task[None]] = []

    async def start(
        self, drills: tuple[Drill, ...] = DRILLS, tell: Callable[[str], None] | None = None
    ) -> None:
        """Open the servers; then time passes and drills follow one another until `stop`."""
        for server in self.servers.values():
            await server.start()
        self._tasks = [
            asyncio.create_task(self._pass_time(), name="demo-traffic"),
            asyncio.create_task(self._drill(drills, tell or (lambda _: None)), name="demo-drills"),
        ]

    async def stop(self) -> None:
        """Close everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for server in self.servers.values():
            await server.refuse()

    async def break_now(self, platform: str, fault: str | None) -> None:
        """Set or (with None) mend one platform's fault."""
        server = self.servers[platform]
        if fault == "refused":
            await server.refuse()
        elif self.platforms[platform].fault == "refused":
            await server.start()
        self.platforms[platform].fault = fault

    async def _pass_time(self) -> None:
        while True:
            await asyncio.sleep(_STEP_SECONDS)
            for platform in self.platforms.values():
                platform.pass_time(_STEP_SECONDS)

    async def _drill(self, drills: tuple[Drill, ...], tell: Callable[[str], None]) -> None:
        while drills:
            for drill in drills:
                await asyncio.sleep(drill.pause)
                tell(f"{drill.platform} breaks for {drill.seconds:.0f} s: {drill.fault}")
                await self.break_now(drill.platform, drill.fault)
                await asyncio.sleep(drill.seconds)
                await self.break_now(drill.platform, None)
                tell(f"{drill.platform} is mended")
