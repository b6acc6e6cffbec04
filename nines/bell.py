"""Wake whoever waits for work, in place of looking every second whether there is any."""

import asyncio
from typing import Protocol


class Sleeper(Protocol):
    """The part of a clock that waiting needs."""

    async def sleep(self, seconds: float) -> None: ...


class Bell:
    """Rung by whoever has made work; however often before it is heard, it is heard once."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """There is something to do."""
        self._rung.set()

    def silence(self) -> None:
        """What it was rung for is about to be done."""
        self._rung.clear()

    async def heard(self) -> None:
        """Wait until it is rung, and silence it."""
        await self._rung.wait()
        self.silence()

    async def heard_within(self, seconds: float, clock: Sleeper) -> bool:
        """The same, for so long at most; False when it was not rung."""
        waits = (
            asyncio.ensure_future(self._rung.wait()),
            asyncio.ensure_future(clock.sleep(seconds)),
        )
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        was_rung = self._rung.is_set()
        self.silence()
        return was_rung
