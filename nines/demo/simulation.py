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
    """One thing that breaks: where, what, for how long, and when somebody is paged at the latest.

    `says` ends a sentence that begins with the platform's name.
    """

    platform: str
    fault: str
    says: str
    seconds: float = 100
    page_within: float = 65
    pause: float = 75  # quiet time before it

    def __str__(self) -> str:
        return (
            f"{self.platform}: {self.says} for {self.seconds:.0f} s "
            f"(a page within {self.page_within:.0f} s)"
        )


# At 99.9 % a page needs 52 seconds of a full outage after a clean hour; what fails is seen at the
# next look, 5 or 10 seconds later. The platforms take turns, so that each has been well for six
# minutes, and its incident is resolved, before it breaks again.
DRILLS = (
    Drill("Mewayz", "dead database behind a 200", "its database is dead behind a 200", pause=15),
    Drill("Shop", "failing checkout", "every checkout fails"),
    Drill("PetUniverse", "cache down", "its cache is down"),
    Drill("Mewayz", "half a body", "its answers break off"),
    Drill("Shop", "restart", "it restarts, counters at zero, and fails every request"),
    Drill("PetUniverse", "slow answers", "its pages take longer than promised"),
    Drill("Mewayz", "dead cache behind a 200", "its cache is dead behind a 200"),
    Drill("Shop", "errors everywhere", "every request fails"),
    Drill("PetUniverse", "hanging answers", "it takes connections and never answers"),
    Drill("Mewayz", "dead database behind a 200", "its database is dead behind a 200"),
    Drill("Shop", "refused", "it refuses connections"),
    Drill("PetUniverse", "database down", "its database is down"),
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
                tell(str(drill))
                await self.break_now(drill.platform, drill.fault)
                await asyncio.sleep(drill.seconds)
                await self.break_now(drill.platform, None)
                tell(f"{drill.platform} is mended")
