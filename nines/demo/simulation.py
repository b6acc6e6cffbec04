"""Run the platforms on loopback, and break something else every few minutes."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from nines.demo.platforms.active_active import ActiveActive
from nines.demo.platforms.jain_shikanji import JainShikanji
from nines.demo.platforms.mewayz import Mewayz
from nines.demo.platforms.petuniverse import PetUniverse
from nines.demo.platforms.platform import Platform
from nines.demo.platforms.saverly import Saverly
from slo.severity import Severity

_STEP_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Drill:
    """One thing that breaks, for how long, and when somebody is told at the latest."""

    platform: str
    fault: str
    seconds: float = 100
    told_within: float = 65
    told_as: Severity = Severity.PAGE
    pause: float = 75  # quiet time before it

    def told(self, says: str) -> str:
        """A line about it; `says` is what the platform's name begins."""
        return (
            f"{self.platform}: {says} for {self.seconds:.0f} s "
            f"(a {self.told_as} within {self.told_within:.0f} s)"
        )


# At 99.9 % a page needs 52 seconds of a full outage after a clean hour; what fails is seen at the
# next look, 5 or 10 seconds later. The platforms take turns, so that each has been well for ten
# minutes, and its incident is resolved, before it breaks again.
DRILLS = (
    Drill("Mewayz", "dead database behind a 200", pause=15),
    Drill("Active Active", "tokyo lost", told_as=Severity.TICKET),
    Drill("Jain Shikanji", "failed deployment"),
    Drill("PetUniverse", "failing bookings"),
    Drill("Saverly", "redemption down"),
    Drill("Mewayz", "half a body"),
    Drill("Active Active", "all regions lost"),
    Drill("Jain Shikanji", "slow menu", seconds=130, told_within=100),
    Drill("PetUniverse", "slow answers"),
    Drill("Saverly", "stripe outage", told_as=Severity.TICKET),
    Drill("Mewayz", "dead cache behind a 200"),
    Drill("Active Active", "tokyo and iowa lost"),
    Drill("Jain Shikanji", "full disk", told_as=Severity.TICKET),
    Drill("PetUniverse", "cache down"),
    Drill("Saverly", "stalled queue", seconds=120, told_within=90),
)
KINDS: tuple[type[Platform], ...] = (ActiveActive, JainShikanji, Mewayz, PetUniverse, Saverly)


class Simulation:
    """The platforms' servers and the drill that never ends."""

    def __init__(self, now: Callable[[], datetime], rng: random.Random) -> None:
        self.platforms: dict[str, Platform] = {kind.name: kind(now, rng) for kind in KINDS}
        self._tasks: list[asyncio.Task[None]] = []

    async def start(
        self, drills: tuple[Drill, ...] = DRILLS, tell: Callable[[str], None] | None = None
    ) -> None:
        """Open the servers; then time passes and drills follow one another until `stop`."""
        await self.open()
        self._tasks = [
            asyncio.create_task(self._pass_time(), name="demo-traffic"),
            asyncio.create_task(self._drill(drills, tell or (lambda _: None)), name="demo-drills"),
        ]

    async def open(self) -> None:
        """Open the servers."""
        for platform in self.platforms.values():
            await platform.start()

    @property
    def environ(self) -> dict[str, str]:
        """What the configuration's variables are."""
        return {k: v for one in self.platforms.values() for k, v in one.environ.items()}

    async def stop(self) -> None:
        """Close everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for platform in self.platforms.values():
            await platform.stop()

    async def break_now(self, platform: str, fault: str | None) -> None:
        """Set or (with None) mend one platform's fault."""
        await self.platforms[platform].break_now(fault)

    async def _pass_time(self) -> None:
        while True:
            await asyncio.sleep(_STEP_SECONDS)
            for platform in self.platforms.values():
                platform.pass_time(_STEP_SECONDS)

    async def _drill(self, drills: tuple[Drill, ...], tell: Callable[[str], None]) -> None:
        while drills:
            for drill in drills:
                await asyncio.sleep(drill.pause)
                tell(drill.told(self.platforms[drill.platform].faults[drill.fault]))
                await self.break_now(drill.platform, drill.fault)
                await asyncio.sleep(drill.seconds)
                await self.break_now(drill.platform, None)
                tell(f"{drill.platform} is mended")
