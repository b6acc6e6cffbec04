"""One collector's place in the schedule: what is due next, what waits, and what is under way."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta

from collectors.grid import Grid
from collectors.runnable import Runnable


@dataclass(slots=True, eq=False)
class Run:
    """One run under way."""

    due_us: int
    began: float  # monotonic seconds
    task: asyncio.Task[None] | None = None
    overdue: bool = False


@dataclass(slots=True, eq=False)
class Driven:
    """One collector's place in the schedule."""

    runnable: Runnable
    grid: Grid
    next_us: int
    # Instants up to here were met or missed already; they are never due a second time.
    high_water_us: int
    generation: int = 0  # of the grid while time is relived; none serves twice
    reliving: bool = False  # the clock went back, and has not passed `high_water_us` again
    waiting: deque[int] = field(default_factory=deque)
    active: list[Run] = field(default_factory=list)
    aside: list[Run] = field(default_factory=list)  # out of turn: no due instant's
    retired: bool = False

    @property
    def timeout_us(self) -> int:
        return self.runnable.timeout // timedelta(microseconds=1)

    @property
    def runs_at_once(self) -> int:
        return max(1, -(-self.timeout_us // self.grid.interval_us))

    def advance(self, now_us: int) -> None:
        """Set the next due instant after `now_us`, passing over what was met or missed already."""
        if now_us >= self.high_water_us:
            self.reliving = False
        elif self.reliving:
            relived = self.grid.shifted(self.generation).after(now_us)
            if relived <= self.high_water_us:
                self.next_us = relived
                return
        self.next_us = self.grid.after(max(now_us, self.high_water_us))

    def clock_was_set(self, now_us: int) -> None:
        """Go on from the corrected time: neither a burst, nor a stop, nor an instant met twice."""
        if self.reliving or self.high_water_us - now_us > self.grid.interval_us:
            self.reliving = True
            self.generation += 1
        self.advance(now_us)
