"""A clock whose time passes only when a test lets it."""

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
_TURNS = 12  # of the event loop, for tasks that a wake-up makes ready to go as far as they can


class Clockwork:
    """Sleepers are woken at their time, one after another, as on an idle machine."""

    def __init__(self, start: datetime = START) -> None:
        self._wall = start
        self._monotonic = 1000.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def now(self) -> datetime:
        return self._wall

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._monotonic + seconds, next(self._order), woken))
        await woken

    async def advance(self, seconds: float) -> None:
        """Let time pass; everybody wakes when he asked to."""
        end = self._monotonic + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            at, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                self._pass(max(at - self._monotonic, 0.0))
                woken.set_result(None)
                await settle()
        self._pass(end - self._monotonic)
        await settle()

    async def stand_still(self, seconds: float) -> None:
        """Let time pass while this process is stopped, and then wake whose time has come."""
        self._pass(seconds)
        await self.advance(0)

    def set_wall(self, by: timedelta) -> None:
        """Somebody sets the wall clock."""
        self._wall += by

    def _pass(self, seconds: float) -> None:
        self._monotonic += seconds
        self._wall += timedelta(seconds=seconds)


async def settle() -> None:
    """Let every task that can go on do so."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)
