"""A promise in shadow, in the real service: everything is known of it, and nobody is told."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from alerting.alert import AlertKind, ShadowAlert
from alerting.shadow import ShadowSummary
from nines.shadows import Shadows
from slo.alert_state import Phase
from slo.severity import Severity
from tests.alerting.scene import FACTS
from tests.nines.living import Living, living
from tests.slo.builders import T0

M = timedelta(minutes=1)


def slo(*, shadow: bool, objective: str = "99%") -> str:
    return (
        f"up: {{objective: {objective}, window: 1d, sli: {{probe: front}}, shadow: {shadow}, "
        "notices: [], tiers: [{severity: page, factor: 14.4, long: 1h, short: 5m}]}"
    )


def summary(nines: Living) -> ShadowSummary | None:
    return nines.service.live.shadow("shop/up")


async def test_an_outage_is_computed_and_recorded_and_nobody_is_told(tmp_path: Path) -> None:
    async with living(tmp_path, slo(shadow=True)) as nines:
        await nines.pass_time(60 * M)
        await nines.pass_time(20 * M, failing=["front"])
        assert nines.service.engine.states()["shop/up#page:1h:5m"].phase is Phase.FIRING
        while_it_burns = summary(nines)

        await nines.pass_time(40 * M)

        assert await nines.told() == []
        assert nines.service.records.open_incidents() == []
        (one,) = await nines.shadows()
        assert one.ended_at is not None
        assert one.receivers == ("oncall", "desk")
        assert while_it_burns == ShadowSummary(1, 1, 0, one.started_at, firing=True)
        assert summary(nines) == ShadowSummary(1, 1, 0, one.started_at, firing=False)


async def test_leaving_the_shadow_while_it_burns_opens_the_incident_then(tmp_path: Path) -> None:
    async with living(tmp_path, slo(shadow=True)) as nines:
        await nines.pass_time(60 * M)
        await nines.pass_time(20 * M, failing=["front"])

        await nines.edit(slo(shadow=False))
        assert await nines.told() == ["trigger to desk", "trigger to oncall"]
        assert summary(nines) is None
        (one,) = await nines.shadows()
        assert not one.firing

        await nines.pass_time(40 * M)
        assert (await nines.told())[2:] == ["resolve to desk", "resolve to oncall"]


async def test_entering_the_shadow_tells_who_knew_that_it_is_over(tmp_path: Path) -> None:
    async with living(tmp_path, slo(shadow=False)) as nines:
        await nines.pass_time(60 * M)
        await nines.pass_time(20 * M, failing=["front"])

        await nines.edit(slo(shadow=True))
        await nines.pass_time(3 * M, failing=["front"])

        assert (await nines.told())[2:] == ["resolve to desk", "resolve to oncall"]
        assert any(
            "It is in shadow from now on: nobody is told of it." in line
            for line in await nines.timeline()
        )
        (one,) = await nines.shadows()
        assert one.firing


async def test_the_shadow_outlives_a_restart_and_an_edit_beside_it(tmp_path: Path) -> None:
    async with living(tmp_path, slo(shadow=True)) as nines:
        await nines.pass_time(60 * M)
        await nines.pass_time(20 * M, failing=["front"])
        before = await nines.shadows()

        await nines.restart()
        await nines.edit(slo(shadow=True, objective="99.5%"))
        await nines.pass_time(3 * M, failing=["front"])

        assert [one.id for one in await nines.shadows()] == [one.id for one in before]
        assert summary(nines) == ShadowSummary(1, 1, 0, before[0].started_at, firing=True)
        assert await nines.told() == []


async def test_it_is_told_of_the_past_as_it_was_recorded(tmp_path: Path) -> None:
    async with living(tmp_path, slo(shadow=True)) as nines:
        await nines.pass_time(60 * M)
        await nines.pass_time(20 * M, failing=["front"])
        at = nines.clock.now()
        await nines.pass_time(40 * M)

        (then,) = await nines.service.live.as_of(at, ["shop/up"])

        assert then.states["page:1h:5m"].phase is Phase.FIRING
        assert then.status.now_state == "burning_fast"


def test_a_threshold_rule_and_an_slo_of_one_name_are_told_apart() -> None:
    burned = ShadowAlert(
        id="1",
        rule="shop/cpu#page:1h:5m",
        service="shop",
        slo="cpu",
        kind=AlertKind.BURN,
        severity=Severity.PAGE,
        started_at=T0,
        facts=FACTS,
        receivers=("oncall",),
    )
    crossed = replace(burned, id="2", rule="shop#alert:cpu", severity=Severity.TICKET)
    shadows = Shadows([burned, crossed])

    assert shadows.summary("shop/cpu", T0) == ShadowSummary(1, 1, 0, T0, firing=True)
    assert shadows.summary("shop#alert:cpu", T0) == ShadowSummary(1, 0, 0, T0, firing=True)
