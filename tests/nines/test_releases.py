"""What a release cost is what its first hour's counts say, and no more is told than is known."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

from dashboards.release_cost import HourCost, ReleaseCost, release_costs
from slo.deployment import Rollout
from tests.nines.living import START, Living, living

SLOS = """
up:
  objective: 99%
  window: 6h
  sli: {probe: front}
  notices: []
  tiers: [{severity: page, factor: 14.4, long: 5m, short: 1m}]
"""
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


async def cost(world: Living, at: timedelta) -> ReleaseCost:
    """Of a release so long after the start."""
    status = world.service.live.status("shop/up")
    assert status is not None
    now = world.clock.now()
    (found,) = await release_costs(world.service.live, [status], START + at, now)
    return found


def without_share(hour: HourCost | None) -> HourCost | None:
    return None if hour is None else replace(hour, spent=None)


async def test_the_first_hour_is_told_when_it_is_over_beside_the_hour_before(
    tmp_path: Path,
) -> None:
    async with living(tmp_path, SLOS) as world:
        await world.pass_time(HOUR)
        at = HOUR + timedelta(seconds=3)  # within a bucket, which belongs to the new version
        await world.service.logbook.deploy(Rollout("shop", "v2", START + at, "ada"))
        await world.pass_time(2 * MINUTE, failing=["front"])
        early = await cost(world, at)
        await world.pass_time(HOUR)
        late = await cost(world, at)
        nothing = await cost(world, -5 * HOUR)
        again = await cost(world, at)

    assert not early.over
    # The looks at :10 to 2:00 fail; that of the bucket that begins now has not been counted yet.
    assert without_share(early.first) == HourCost(1, 11, None)
    assert late.over
    assert without_share(late.first) == HourCost(348, 12, None)
    assert without_share(late.before) == HourCost(359, 0, None)  # the first look came after 10 s
    assert late.first is not None
    assert late.first.spent == Fraction(12) / (Fraction(1, 100) * 732)
    assert late == again
    assert (nothing.before, nothing.first, nothing.over) == (None, None, True)
