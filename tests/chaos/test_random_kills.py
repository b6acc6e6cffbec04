"""A few of the kills of `make chaos`: at random moments, while receivers fail at random."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.chaos.forks import Forks
from tests.chaos.kills import Chaos, Verdict
from tests.chaos.lending import Lend
from tests.chaos.world import world

KILLS = 8  # on each database
SECONDS = 90.0


@pytest.mark.slow
async def test_killed_at_random_while_receivers_fail_nothing_is_lost(
    lend: Lend, tmp_path: Path, forks: Forks
) -> None:
    async def one(seed: int, kind: str) -> Verdict:
        folder = tmp_path / kind
        folder.mkdir()
        async with world(folder, lend(kind, folder), forks) as at:
            return await Chaos(at, seed).run(KILLS, time.monotonic() + SECONDS)

    verdicts = await asyncio.gather(one(1, "sqlite"), one(2, "postgresql"))

    assert [fault for verdict in verdicts for fault in verdict.faults] == []
    assert all(verdict.outages and verdict.messages for verdict in verdicts)
