"""A real outage becomes one page, and its recovery one resolve: processes, sockets, storage."""

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.journeys.serving import eventually
from tests.journeys.shop import Shop, shop


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Shop]:
    async with shop(tmp_path) as one:
        yield one


@pytest.mark.slow
async def test_an_outage_is_one_incident_and_its_recovery_one_resolve(world: Shop) -> None:
    world.target.status = 500
    await eventually(lambda: world.incidents(), "a page", world.nines.log, within=10)
    key, state = world.incidents()[0]
    assert state == "triggered"

    world.target.status = 200
    await eventually(
        lambda: world.incidents() == [(key, "resolved")], "its resolve", world.nines.log
    )

    incident = await world.nines.get(f"/api/v1/incidents/{key}")
    page = (await world.nines.client.get(f"/incidents/{key}")).text
    kinds = [event["kind"] for event in incident["timeline"]]
    for kind in ("opened", "alert_firing", "routed", "delivered", "alert_resolved", "resolved"):
        assert kind in kinds
    assert "both above 14.4x" in page


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
async def test_killed_at_any_moment_of_an_outage_the_page_arrives_once(
    world: Shop, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - a test's choice of moments
    world.target.status = 500
    for _ in range(2):
        await asyncio.sleep(chance.uniform(0.0, 4.0))
        await world.nines.kill()
        await world.nines.start()

    await eventually(lambda: world.incidents(), "a page", world.nines.log, within=25)
    await asyncio.sleep(2)  # a resolve that must not come would come within its cooling down
    assert [state for _, state in world.incidents()] == ["triggered"]

    world.target.status = 200
    await eventually(
        lambda: [state for _, state in world.incidents()] == ["resolved"],
        "the resolve",
        world.nines.log,
        within=40,
    )


@pytest.mark.slow
async def test_it_stops_within_five_seconds_with_a_stream_open(world: Shop) -> None:
    async with world.nines.client.stream("GET", "/api/v1/stream") as stream:
        assert stream.status_code == 200
        async with asyncio.timeout(5):
            code = await world.nines.terminate()

    assert code == 0
