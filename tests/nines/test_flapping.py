"""A rule that flaps, in a real service: its beginnings are known over incidents and restarts."""

from datetime import timedelta
from pathlib import Path

from tests.nines.living import Living, living

M = timedelta(minutes=1)
TIER = "{severity: page, factor: 10, long: 2m, short: 1m, keep_firing_for: 10s}"
UP = f"up: {{objective: 99%, window: 1d, sli: {{probe: front}}, notices: [], tiers: [{TIER}]}}"


async def flap(nines: Living, times: int) -> None:
    for _ in range(times):
        await nines.pass_time(M, failing=["front"])
        await nines.pass_time(2 * M)


async def test_the_third_is_told_the_fourth_only_when_it_lasts(tmp_path: Path) -> None:
    async with living(tmp_path, UP) as nines:
        await nines.pass_time(2 * M)
        await flap(nines, 5)
        assert (await nines.told("oncall")).count("trigger to oncall") == 3
        assert (await nines.told("oncall")).count("resolve to oncall") == 3
        assert "it began 5 times in 12 min" in " ".join(await nines.timeline())

        await nines.pass_time(4 * M, failing=["front"])
        assert (await nines.told("oncall")).count("trigger to oncall") == 3
        await nines.pass_time(3 * M, failing=["front"])

        assert (await nines.told("oncall")).count("trigger to oncall") == 4
        last = (await nines.notifications())[-1].message.what_changed
        assert "no longer held back by flapping" in last


async def test_a_restart_forgets_no_beginning(tmp_path: Path) -> None:
    nines = Living(tmp_path)
    nines.write(UP)
    await nines.open()
    await nines.pass_time(2 * M)
    await flap(nines, 3)
    await nines.service.close()
    await nines.open()

    await flap(nines, 1)

    assert (await nines.told("oncall")).count("trigger to oncall") == 3
    await nines.service.close()
