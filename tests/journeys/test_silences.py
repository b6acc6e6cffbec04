"""An outage under a silence from the command line: nobody hears of it until it ends, then once."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.journeys.serving import eventually
from tests.journeys.shop import Shop, shop


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Shop]:
    async with shop(tmp_path) as one:
        yield one


async def silence(world: Shop, *arguments: str) -> str:
    """Run `nines silence` against the running one."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "nines", "silence", *arguments, "--server", world.nines.url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "NINES_NAME": "ada", "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    return out.decode()


async def made(world: Shop) -> str:
    """A silence of the shop; its id."""
    said = await silence(world, "add", "service=shop", "--for", "1h", "--reason", "a new database")
    found = re.search(r"as (\S+):", said)
    assert found is not None, said
    return found[1]


@pytest.mark.slow
async def test_an_outage_that_is_silenced_speaks_when_the_silence_ends(world: Shop) -> None:
    async def is_muted() -> bool:
        metrics = (await world.nines.client.get("/metrics")).text
        return "nines_alerts_muted 1" in metrics.splitlines()

    first = await made(world)
    world.target.status = 500
    await eventually(is_muted, "an alert that is muted", world.nines.log)
    await world.nines.kill()
    await world.nines.start()
    assert "a new database" in await silence(world, "list")
    assert "It would mute 1 of" in await silence(world, "preview", "service=shop", "--for", "1h")
    (incident,) = (await world.nines.get("/api/v1/incidents"))["incidents"]
    timeline = (await world.nines.get(f"/api/v1/incidents/{incident['id']}"))["timeline"]
    assert any(first in event["text"] for event in timeline)
    assert world.incidents() == []

    await silence(world, "end", first)
    await eventually(
        lambda: world.incidents() == [(incident["id"], "triggered")], "the page", world.nines.log
    )

    # Another one swallows no resolve that is owed to who was told.
    await made(world)
    world.target.status = 200
    await eventually(
        lambda: world.incidents() == [(incident["id"], "resolved")], "its resolve", world.nines.log
    )
