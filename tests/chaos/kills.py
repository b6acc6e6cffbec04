"""Kill Nines at random moments, while receivers fail at random, and judge what was heard."""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.chaos.judge import Heard, faults
from tests.chaos.vendors import KINDS, Fault
from tests.chaos.world import World

FAILING = 0.1  # of all calls
LIFE_SECONDS = 2.0  # at most, until the next kill
KILLS_A_HALF = 3  # at most, on the way to a page, and on the way to its end
CALM_SECONDS = 60.0  # within which what is left has to be told, once nobody is killed any more


@dataclass(slots=True)
class Verdict:
    """What became of one world."""

    kills: int = 0
    outages: int = 0
    messages: int = 0
    faults: list[str] = field(default_factory=list)


class Chaos:
    """One world, in which everything is by chance, of this seed."""

    def __init__(self, at: World, seed: int) -> None:
        self._at = at
        self._chance = random.Random(seed)  # noqa: S311 - a test's choice of moments
        self._kinds = list(Fault)
        self.kills = 0

    async def run(
        self, kills: int, until: float, say: Callable[[Verdict], None] = lambda _: None
    ) -> Verdict:
        """So many kills, and no new outage after the monotonic second `until`."""
        at = self._at
        await at.start()
        while self.kills < kills and time.monotonic() < until:
            try:
                await self._outage(kills)
            except (TimeoutError, AssertionError) as error:
                verdict = self.verdict()
                verdict.faults.append(f"it did not go on ({error!r}):\n{at.log()}")
                say(verdict)
                return verdict
            say(self.verdict())
        return self.verdict()

    def verdict(self) -> Verdict:
        """As things stand; whole between two outages."""
        events = self._at.events
        heard = sum(isinstance(event, Heard) for event in events)
        return Verdict(self.kills, self._at.outages, heard, faults(events, KINDS))

    async def _outage(self, most: int) -> None:
        at = self._at
        at.faults = self._fault
        at.breaks()
        await self._kill_some(most)
        self._calm()
        await at.settled(CALM_SECONDS, incidents=True)
        at.faults = self._fault
        at.heals()
        if self._chance.random() < 0.3:  # it comes back for a moment, which may not be seen
            await asyncio.sleep(self._chance.uniform(0.0, 2.0))
            at.breaks(sure=False)
            await self._kill_some(most)
            at.heals()
        await self._kill_some(most)
        self._calm()
        await at.settled(CALM_SECONDS, incidents=False)

    async def _kill_some(self, most: int) -> None:
        for _ in range(min(self._chance.randint(1, KILLS_A_HALF), most - self.kills)):
            await asyncio.sleep(self._chance.uniform(0.0, LIFE_SECONDS))
            await self._at.kill()
            self.kills += 1
            await self._at.start()

    def _calm(self) -> None:
        self._at.faults = lambda _: None

    def _fault(self, _: str) -> Fault | None:
        return self._chance.choice(self._kinds) if self._chance.random() < FAILING else None
