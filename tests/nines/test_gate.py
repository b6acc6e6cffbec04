"""The gate of a running service, over counts of its own: before, during and after a bad release."""

from datetime import timedelta
from pathlib import Path

import httpx

from tests.nines.living import Living, living
from web.app import create_app
from web.settings import WebSettings

SLOS = """
up:
  objective: 99%
  window: 1d
  sli: {probe: front}
  notices: []
  tiers: [{severity: page, factor: 14.4, long: 5m, short: 1m, keep_firing_for: 10s}]
"""
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


async def gate(world: Living, since: str | None = None) -> tuple[str, str]:
    """The state, and the reasons in a line."""
    settings = WebSettings(now=world.clock.now)
    app = create_app(world.service.live, settings=settings)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:9919"
    ) as client:
        query = {} if since is None else {"since": since}
        answer = await client.get("/api/v1/slos/shop/up/gate", params=query)
    told = answer.json()
    return told["state"], " ".join(one["sentence"] for one in told["reasons"])


async def test_a_bad_release_is_seen_and_the_budget_that_it_cost_stops_the_next(
    tmp_path: Path,
) -> None:
    async with living(tmp_path, SLOS) as world:
        await world.pass_time(HOUR)
        world.service.pulse.last_evaluation = world.clock.now()
        learning = await gate(world)
        early = await gate(world, "now-10s")

        await world.pass_time(2 * MINUTE, failing=["front"])
        world.service.pulse.last_evaluation = world.clock.now()
        state, why = await gate(world, "now-2m")
        healed = world.clock.now()
        await world.pass_time(10 * MINUTE)
        world.service.pulse.last_evaluation = world.clock.now()
        minutes = (world.clock.now() - healed) // MINUTE
        after = await gate(world, f"now-{minutes}m")

    assert learning[0] == "caution"
    assert "still being learnt" in learning[1]
    assert "that is too little to compare" in early[1]
    assert state == "freeze"
    assert "page rule fires" in why
    assert "shop/up is worse than before: 11 of 12 events were bad since" in why
    assert "shop/up is no worse than before: 1 of 60 events were bad since" in after[1]
