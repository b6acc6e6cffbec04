"""A clock that moves when the test says so, and sleeps that end with it."""

import asyncio
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)


class FakeClock:
    """Wall time, monotonic seconds and `sleep`, all of them moved by `advance`."""

    def __init__(self, at: datetime = START) -> None:
        self._at = at
        self._started = at
        self._sleepers: list[tuple[datetime, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._at

    def monotonic(self) -> float:
        return (self._at - self._started).total_seconds()

    async def sleep(self, seconds: float) -> None:
        sleeper = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._at + timedelta(seconds=seconds), sleeper))
        await sleeper

    def move(self, by: timedelta) -> None:
        """Let time pass without waking anybody."""
        self._at += by

    def set(self, at: datetime) -> None:
        """Somebody sets the wall clock: no time passes, and sleeps end when they would have."""
        by = at - self._at
        self._at, self._started = at, self._started + by
        self._sleepers = [(until + by, sleeper) for until, sleeper in self._sleepers]

    async def advance(self, by: timedelta = timedelta(0)) -> None:
        """Let time pass, ending sleeps in their order and letting everybody act in between."""
        end = self._at + by
        await settle()
        while due := sorted(
            (until for until, sleeper in self._sleepers if not sleeper.done() and until <= end)
        ):
            self._at = max(self._at, due[0])
            for until, sleeper in self._sleepers:
                if until <= self._at and not sleeper.done():
                    sleeper.set_result(None)
            self._sleepers = [entry for entry in self._sleepers if not entry[1].done()]
            await settle()
        self._at = end


async def settle() -> None:
    """Let every task go on until all of them wait."""
    loop = asyncio.get_running_loop()
    for _ in range(200):
        await asyncio.sleep(0)
        if not getattr(loop, "_ready", True):
            return
