"""What an incident came to, from what a real service counted."""

from datetime import timedelta
from pathlib import Path

from dashboards.postmortem import postmortem
from dashboards.source import Aftermath, IncidentDetail
from tests.nines.living import START, Living, a_look, living

M, SECOND = timedelta(minutes=1), timedelta(seconds=1)
TIER = "{severity: page, factor: 14.4, long: 1h, short: 5m}"
UP = f"up: {{objective: 99.9%, sli: {{probe: front}}, notices: [], tiers: [{TIER}]}}"


async def newest(nines: Living) -> tuple[IncidentDetail, Aftermath]:
    live = nines.service.live
    page = await live.incidents(state=None, service=None, cursor=None, limit=1)
    detail = await live.incident(page.incidents[0].id)
    assert detail is not None
    return detail, await live.aftermath(detail)


async def test_it_is_known_when_the_harm_began_and_what_it_cost(tmp_path: Path) -> None:
    async with living(tmp_path, UP) as nines:
        await nines.pass_time(60 * M)
        await nines.pass_time(10 * M, failing=["front"])
        await nines.pass_time(90 * M)

        detail, told = await newest(nines)

    assert told.began == START + 60 * M + timedelta(seconds=10)
    assert told.times.detect == detail.incident.opened_at - told.began
    assert told.times.detect > timedelta(0)
    assert told.times.acknowledge is None
    ((slo_id, ledger),) = told.costs
    assert slo_id == "shop/up"
    assert ledger.cost == 60
    assert told.similar == ()


async def test_the_second_time_the_first_is_found(tmp_path: Path) -> None:
    async with living(tmp_path, UP) as nines:
        await nines.pass_time(30 * M)
        for _ in range(2):
            await nines.pass_time(5 * M, failing=["front"])
            await nines.pass_time(70 * M)

        detail, told = await newest(nines)
        times = await nines.service.live.incident_times(START, nines.clock.now(), 10)

    (found,) = told.similar
    assert found.sketch.incident_id != detail.incident.id
    assert "the same service" in found.common
    assert "not above" in found.sketch.ended_by
    assert [one.id for one, _ in times] == [detail.incident.id, found.sketch.incident_id]
    assert all(one.detect is not None for _, one in times)


async def test_a_hard_down_rule_tells_its_first_failure_and_what_the_slos_beside_it_lost(
    tmp_path: Path,
) -> None:
    slos = """
up: {objective: 50%, sli: {probe: front}, notices: []}
calm: {objective: 50%, sli: {probe: back}, notices: []}
"""
    more = """
alerts:
  down: {probe: front, down_for: 1m, severity: page}
maintenance:
  - {start: 2026-11-20T14:22Z, duration: 1m, reason: a new database}
"""
    async with living(tmp_path, slos, more) as nines:
        await nines.pass_time(20 * M)
        await nines.pass_time(70 * SECOND, failing=["front"])
        nines.clock.move(SECOND)
        look = a_look("shop/front", nines.clock.now(), bad=True)
        nines.service.rounds.on_confirming_look(look)
        await nines.pass_time(30 * SECOND, failing=["front"])
        await nines.pass_time(5 * M)

        detail, told = await newest(nines)
        draft = postmortem(detail, told, None, "https://nines.example", nines.clock.now())

    assert [alert.slo for alert in detail.alerts] == ["down"]
    assert told.began == START + 20 * M + 10 * SECOND
    assert told.times.detect == detail.incident.opened_at - told.began >= M
    ((slo_id, ledger),) = told.costs
    assert slo_id == "shop/up"
    assert ledger.cost == 10
    assert told.learning == {"shop/up"}
    assert {slo_id for slo_id, _ in told.excluded} == {"shop/up", "shop/calm"}
    assert f"- First noticed by down (page) at {detail.incident.opened_at:%Y-%m-%d}" in draft
    assert "- down, when it fired: down for" in draft
