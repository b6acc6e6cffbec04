"""Edits of the configuration during an outage: what goes on is neither resolved nor told anew."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.nines.living import living

M = timedelta(minutes=1)
PAGE = "{severity: page, factor: 14.4, long: 1h, short: 5m}"
TICKET = "{severity: ticket, factor: 3, long: 6h, short: 30m}"


def slo(objective: str = "99%", window: str = "1d", tiers: str = PAGE, probe: str = "front") -> str:
    """One SLO; 14.4 times its pace is an error rate of 14.4 % at 99 %."""
    return (
        f"up: {{objective: {objective}, window: {window}, sli: {{probe: {probe}}}, "
        f"notices: [], tiers: [{tiers}]}}"
    )


async def test_an_outage_goes_on_through_edits_of_everything_but_its_slo(tmp_path: Path) -> None:
    async with living(tmp_path, slo()) as nines:
        await nines.pass_time(60 * M)
        await nines.pass_time(20 * M, failing=["front", "back"])
        assert await nines.told() == ["trigger to desk", "trigger to oncall"]

        for edited in (
            slo(objective="99.5%"),
            slo(objective="99.5%", window="7d"),
            slo(objective="99.5%", window="7d", tiers=PAGE.replace("14.4", "10")),
            slo(tiers="{severity: page, factor: 9, long: 1h, short: 5m, keep_firing_for: 5m}"),
            slo(probe="back"),
        ):
            await nines.edit(edited)
            await nines.pass_time(3 * M, failing=["front", "back"])

        assert await nines.told() == ["trigger to desk", "trigger to oncall"]
        await nines.pass_time(40 * M)
        assert await nines.told() == [
            "trigger to desk",
            "trigger to oncall",
            "resolve to desk",
            "resolve to oncall",
        ]


async def test_a_tier_that_takes_another_ones_place_tells_nobody(tmp_path: Path) -> None:
    async with living(tmp_path, slo()) as nines:
        await nines.pass_time(60 * M)
        await nines.pass_time(20 * M, failing=["front"])
        told = await nines.told()

        await nines.edit(slo(tiers=PAGE.replace("1h", "65m")))
        await nines.pass_time(3 * M, failing=["front"])

        assert await nines.told() == told
        assert (
            "note: The configuration was edited: up page:1h:5m goes on as page:1h5m:5m."
            in await nines.timeline()
        )
        await nines.pass_time(40 * M)
        assert await nines.told() == [*told, "resolve to desk", "resolve to oncall"]


async def test_a_tier_with_a_wait_takes_the_place_without_waiting(tmp_path: Path) -> None:
    async with living(tmp_path, slo()) as nines:
        await nines.pass_time(60 * M)
        await nines.pass_time(20 * M, failing=["front"])
        told = await nines.told()

        await nines.edit(
            slo(tiers="{severity: page, factor: 14.4, long: 2h, short: 10m, for: 10m}")
        )
        await nines.pass_time(3 * M, failing=["front"])

        assert await nines.told() == told


async def test_a_receiver_of_another_name_goes_on_where_it_was(tmp_path: Path) -> None:
    async with living(tmp_path, slo()) as nines:
        await nines.pass_time(60 * M)
        await nines.pass_time(20 * M, failing=["front"])
        assert await nines.told() == ["trigger to desk", "trigger to oncall"]

        nines._head = nines._head.replace("oncall", "pager")
        await nines.edit(slo())
        await nines.pass_time(M, failing=["front"])
        assert await nines.told() == ["trigger to desk", "trigger to pager"]

        await nines.pass_time(70 * M)
        assert (await nines.told("pager"))[-1] == "resolve to pager"


async def test_a_receiver_that_is_gone_is_told_why_it_is_over_for_it(tmp_path: Path) -> None:
    async with living(tmp_path, slo()) as nines:
        await nines.pass_time(60 * M)
        await nines.pass_time(20 * M, failing=["front"])
        whole = nines._head
        nines._head = whole.replace("[oncall, desk]", "[desk]").replace(
            "    oncall: {pagerduty: {routing_key: 0123456789abcdef0123456789abcdef}}\n", ""
        )
        await nines.edit(slo())

        (resolve,) = [one for one in await nines.notifications() if one.kind == "resolve"]
        assert resolve.receiver == "oncall"
        assert "The configuration no longer routes what fires to oncall" in resolve.reason
        assert list(nines.service.configured.leaving) == ["oncall"]

        nines._head = whole
        await nines.edit(slo())
        assert list(nines.service.configured.leaving) == []


async def test_a_removed_tier_ends_with_its_reason(tmp_path: Path) -> None:
    async with living(tmp_path, slo(tiers=f"{PAGE}, {TICKET}")) as nines:
        await nines.pass_time(60 * M)
        await nines.pass_time(30 * M, failing=["front"])
        told = await nines.told()

        await nines.edit(slo(tiers=TICKET))

        assert await nines.told() == [*told, "resolve to oncall", "update to desk"]
        assert any(
            "up (page, 1h and 5m) ended" in line
            and "Its rule is no longer in the configuration." in line
            for line in await nines.timeline()
        )
        await nines.pass_time(3 * M, failing=["front"])
        assert len(await nines.told()) == len(told) + 2


async def test_a_tier_of_another_severity_is_one_update(tmp_path: Path) -> None:
    async with living(tmp_path, slo()) as nines:
        await nines.pass_time(60 * M)
        await nines.pass_time(20 * M, failing=["front"])
        told = await nines.told()

        await nines.edit(slo(tiers=PAGE.replace("page", "ticket")))
        await nines.pass_time(3 * M, failing=["front"])

        assert await nines.told() == [*told, "resolve to oncall", "update to desk"]


async def test_an_edit_while_nobody_was_here_goes_on_too(tmp_path: Path) -> None:
    async with living(tmp_path, slo()) as nines:
        await nines.pass_time(60 * M)
        await nines.pass_time(20 * M, failing=["front"])
        told = await nines.told()

        await nines.restart(slo(objective="99.5%", tiers=PAGE.replace("5m", "10m")))
        await nines.pass_time(3 * M, failing=["front"])

        assert await nines.told() == told


@pytest.mark.parametrize(
    ("edited", "minutes"),
    # With another SLI it waits until half of the short window was observed, and then cools down.
    [(slo(window="7d"), 10), (slo(probe="back"), 14)],
    ids=["window", "SLI"],
)
async def test_what_is_cooling_down_goes_on_cooling_down(
    tmp_path: Path, edited: str, minutes: int
) -> None:
    tiers = "{severity: page, factor: 14.4, long: 1h, short: 5m, keep_firing_for: 10m}"
    edited = edited.replace(PAGE, tiers)
    async with living(tmp_path, slo(tiers=tiers)) as nines:
        await nines.pass_time(60 * M)
        await nines.pass_time(20 * M, failing=["front"])
        await nines.pass_time(10 * M)
        cooling = dict(nines.service.engine.states())

        await nines.edit(edited)

        assert cooling["shop/up#page:1h:5m"].false_since is not None
        assert nines.service.engine.states()["shop/up#page:1h:5m"].phase == "firing"
        await nines.pass_time(minutes * M)
        assert (await nines.told())[2:] == ["resolve to desk", "resolve to oncall"]
