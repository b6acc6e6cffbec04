"""The real clock; everything else is handed one."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol

# Where there is one, the clock that goes on while the machine is suspended: what was due then was
# missed, and must not look as if the wall clock had been set forward.
_MONOTONIC = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

_TIMER_SECONDS = 0.001  # the loop's timers know no less, and round to the nearest
_EARLY_SECONDS = 0.05  # rounded, or slewed meanwhile


class Clock(Protocol):
    """Wall time for stamps, monotonic seconds for waiting."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


async def next_edge(clock: Clock, seconds: int) -> None:
    """Sleep until the wall clock shows a multiple of so many seconds, and not just before it.

    Whose timer ends a moment early would look at the bucket before, and find nothing new.
    """
    await clock.sleep(seconds - clock.now().timestamp() % seconds)
    missing = seconds - clock.now().timestamp() % seconds
    if missing < _EARLY_SECONDS:
        await clock.sleep(missing + _TIMER_SECONDS)


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.clock_gettime(_MONOTONIC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
