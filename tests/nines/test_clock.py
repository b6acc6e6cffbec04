"""What waits for a bucket's edge sees the new bucket."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from nines.clock import next_edge

EDGE = datetime(2026, 11, 21, 12, 0, 10, tzinfo=UTC)


class Hasty:
    """A clock whose first timer ends early, or late."""

    def __init__(self, now: datetime, by: float) -> None:
        self._now, self._by = now, by

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._now.timestamp()

    async def sleep(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds + self._by)
        self._by = 0.0
        await asyncio.sleep(0)


@pytest.mark.parametrize("early", [0.0, -0.0004, -0.005, 0.0007])
async def test_a_timer_that_ends_early_is_set_again(early: float) -> None:
    clock = Hasty(EDGE - timedelta(seconds=3.2), early)

    await next_edge(clock, 10)

    assert EDGE <= clock.now() < EDGE + timedelta(seconds=0.01)


async def test_a_clock_that_was_set_back_meanwhile_is_looked_at_at_once() -> None:
    clock = Hasty(EDGE - timedelta(seconds=3), -3600)

    await next_edge(clock, 10)

    assert clock.now() < EDGE
