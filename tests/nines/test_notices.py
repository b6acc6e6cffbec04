"""Budget notices of the real service: one for each crossing, whatever happens in between."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.nines.living import Living, living

M = timedelta(minutes=1)
H = timedelta(hours=1)
# 99 % of 2 h by a look every 10 s: 7.2 bad looks are the whole budget. No tier can fire of it.
QUIET = "[{severity: info, factor: 99, long: 1h, short: 5m}]"


def slo(more: str = "", objective: str = "99%", probe: str = "front") -> str:
    return (
        f"up: {{objective: {objective}, window: 2h, sli: {{probe: {probe}}}, tiers: {QUIET}, "
        f"no_data_after: 1d{more}}}"
    )


async def lose(nines: Living, looks: int) -> None:
    """So many looks of `front` fail, one a minute."""
    for _ in range(looks):
        await nines.pass_time(timedelta(seconds=10), failing=["front"])
        await nines.pass_time(timedelta(seconds=50))


async def test_each_mark_is_told_once_as_the_budget_is_spent(tmp_path: Path) -> None:
    async with living(tmp_path, slo()) as nines:
        await nines.pass_time(2 * H)
        await lose(nines, 3)
        assert await nines.notices() == []
        await lose(nines, 1)
        assert len(await nines.notices()) == 1
        await lose(nines, 10)

        assert await nines.notices() == [
            "shop up: 44.5 % of the 2h budget left (32 s), below 50 %",
            "shop up: 16.7 % of the 2h budget left (12 s), below 25 %",
            "shop up: -11 % of the 2h budget, 7 s over, below 0 %",
        ]
        assert await nines.told() == ["notice to desk"] * 3
        assert nines.service.records.open_incidents() == []


async def test_a_notice_says_what_took_most_of_the_budget(tmp_path: Path) -> None:
    async with living(tmp_path, slo()) as nines:
        await nines.pass_time(2 * H)
        await lose(nines, 4)

        (notification,) = await nines.notifications()

        facts = notification.message.alerts[0].facts
        assert facts.spent_most == (
            "Most went in 2 min 10 s from 2026-11-20 16:00 UTC: 41.6 % of the whole, "
            "mostly status 503"
        )
        assert facts.budget_left_ratio == pytest.approx(1 - 4 / 7.21)


async def test_a_budget_that_comes_back_can_be_told_again(tmp_path: Path) -> None:
    async with living(tmp_path, slo()) as nines:
        await nines.pass_time(2 * H)
        await lose(nines, 4)
        await nines.pass_time(3 * H)
        await lose(nines, 4)

        assert len(await nines.notices()) == 2


async def test_nothing_is_told_while_learning(tmp_path: Path) -> None:
    async with living(tmp_path, slo()) as nines:
        await lose(nines, 4)
        assert nines.service.engine.entries["shop/up"].ledger.lifetime.bad == 4
        assert await nines.notices() == []

        await nines.pass_time(10 * M)

        assert len(await nines.notices()) == 1


async def test_marks_are_configured_and_switched_off(tmp_path: Path) -> None:
    marks = "\n".join(
        (
            slo(", notices: [90%]").replace("up", "early"),
            slo(", notices: []").replace("up", "never"),
        )
    )
    async with living(tmp_path, marks) as nines:
        await nines.pass_time(2 * H)
        await lose(nines, 1)

        (title,) = await nines.notices()

        assert title.startswith("shop early: 86.1 % of the 2h budget left")


async def test_a_crossing_is_told_once_through_restarts(tmp_path: Path) -> None:
    async with living(tmp_path, slo()) as nines:
        await nines.pass_time(2 * H)
        await lose(nines, 4)
        for _ in range(3):
            await nines.restart()
            await nines.pass_time(M)
        assert len(await nines.notices()) == 1

        await lose(nines, 2)
        await nines.restart()
        await nines.pass_time(M)

        assert len(await nines.notices()) == 2


async def test_a_crossing_that_was_not_stored_is_told_after_the_restart(tmp_path: Path) -> None:
    """The mark and its notice are one transaction: killed before it, neither is there."""
    async with living(tmp_path, slo()) as nines:
        await nines.pass_time(2 * H)
        await lose(nines, 3)
        nines.look(failing=["front"])

        await nines.restart()
        assert await nines.notices() == []
        await lose(nines, 1)

        assert len(await nines.notices()) == 1


async def test_an_edit_of_the_promise_is_told_to_nobody(tmp_path: Path) -> None:
    async with living(tmp_path, slo()) as nines:
        await nines.pass_time(2 * H)
        await lose(nines, 3)

        await nines.edit(slo(objective="99.5%"))
        await nines.pass_time(M)
        assert await nines.notices() == []

        await nines.restart(slo(objective="99.4%"))
        await nines.pass_time(M)

        assert await nines.notices() == []


async def test_another_sli_is_learnt_before_anything_is_told(tmp_path: Path) -> None:
    async with living(tmp_path, slo()) as nines:
        await nines.pass_time(2 * H)

        await nines.edit(slo(probe="back"))
        await nines.pass_time(2 * M, failing=["back"])

        assert await nines.notices() == []


async def test_it_joins_the_incident_that_is_open(tmp_path: Path) -> None:
    tier = "[{severity: page, factor: 2, long: 10m, short: 5m}]"
    burning = slo(", notices: [25%]").replace(QUIET, tier).replace("2h", "1d")
    async with living(tmp_path, burning) as nines:
        await nines.pass_time(3 * H)
        await nines.pass_time(6 * M, failing=["front"])

        assert await nines.told() == [
            "trigger to desk",
            "trigger to oncall",
            "update to desk",
        ]
        assert any(line.startswith("notice: up: ") for line in await nines.timeline())


async def test_in_shadow_it_is_written_down_alone(tmp_path: Path) -> None:
    async with living(tmp_path, slo(", shadow: true")) as nines:
        await nines.pass_time(2 * H)
        await lose(nines, 4)

        assert await nines.told() == []
        (one,) = await nines.shadows()
        assert (one.kind, one.receivers) == ("budget", ("desk",))
