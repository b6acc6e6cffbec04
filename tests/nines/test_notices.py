"""Budget notices of the real service: one for each crossing, whatever happens in between."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.alert import AlertChange, AlertKind
from nines.engine import Engine
from nines.entry import Entry
from nines.indicator import Indicator
from nines.notices import Notices
from nines.target import Target
from slo.ledger import BucketDelta, Ledger
from slo.objective import Objective
from slo.window import Rolling
from tests.alerting.scene import FACTS, TICKET
from tests.nines.living import Living, living
from tests.slo.builders import T0, an_slo

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
            "shop up: 44 % of the 2h budget left (32 s), below 50 %",
            "shop up: 16 % of the 2h budget left (12 s), below 25 %",
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
            "Most went in 2 min 10 s from 2026-11-20 16:00 UTC: 42 % of the whole, "
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

        assert title.startswith("shop early: 86 % of the 2h budget left")


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
        await nines.service.rounds.look_at_budgets()

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


async def test_budgets_of_slices_and_of_the_calendar_pass_marks_too(tmp_path: Path) -> None:
    promises = "\n".join(
        (
            slo(", method: timeslices, slice: 1m, slice_target: 90%").replace("up", "minutes"),
            slo().replace("up", "today").replace("2h", "day UTC"),
        )
    )
    async with living(tmp_path, promises) as nines:
        await nines.pass_time(2 * H)
        await nines.pass_time(6 * M, failing=["front"])
        await nines.pass_time(2 * M)

        titles = await nines.notices()

        assert any(title.startswith("shop minutes: ") for title in titles)
        assert any(title.startswith("shop today: ") for title in titles)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40)), min_size=1, max_size=80))
def test_who_is_not_suspected_would_not_have_changed(steps: list[tuple[int, int]]) -> None:
    """Whatever is booked, looking at suspects alone leaves every mark as looking at all does."""
    engine = Engine(10, T0)
    few = replace(an_slo(), window=Rolling(H), tiers=(), notices=(Decimal("0.5"), Decimal(0)))
    slos = [
        replace(few, name=f"s{number}", objective=Objective(Decimal(share)))
        for number, share in enumerate(("0.9", "0.5", "0.99", "0.95"))
    ]
    entries = [
        Entry(one, Indicator(one, number, "f", Ledger(10, H)))
        for number, one in enumerate(slos, start=1)
    ]
    engine.watch(entries, {"shop/health": Target(timedelta(seconds=10))})
    some, everybody = Notices(settled=engine.settled), Notices()
    for one in (some, everybody):
        one.watch(entries)
    each = [
        AlertChange(
            f"{slo.id}#budget", slo.service, slo.key, AlertKind.BUDGET, TICKET, False, T0, FACTS
        )
        for slo in slos
    ]
    now = T0
    for which, bad in steps:
        now += timedelta(seconds=70)
        for place, entry in enumerate(entries):
            failed = bad if place == which else 0
            delta = BucketDelta(entry.ledger.bucket_of(now), 40 - failed, failed, seen=7)
            engine.book_history(entry.slo.id, now, delta, {})
        some.look([engine.entries[slo_id] for slo_id in engine.unsettled(now)], now)
        everybody.look(entries, now)

        assert some.marks_of(each) == everybody.marks_of(each)
