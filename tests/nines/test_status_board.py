"""A running service's status page: days of the fleet's zone, counted before anybody asks."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from alerting.status_incident import ComponentState, Impact, Stage, StatusPlan
from collectors.observation import Outcome
from dashboards.status_page import ComponentFacts
from slo.exclusion import Plan, Scope
from slo.recurrence import Once
from tests.nines.living import STEP, Living, a_look, living

SLOS = """
up: {objective: 99.9%, sli: {probe: front}}
slow: {objective: 99%, sli: {probe: back}}
sliced: {objective: 99%, sli: {probe: front}, method: timeslices, slice: 5m, slice_target: 99%}
"""
PAGE = """
status_page:
  title: Acme
  zone: Asia/Tokyo
  groups:
    all:
      title: All
      components:
        front: {title: Front, slos: [shop/up]}
        sliced: {title: Sliced, slos: [shop/sliced]}
        back: {title: Back, performance: [shop/slow]}
"""
PART = timedelta(minutes=10)  # it begins as long before midnight in Tokyo


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Living]:
    one = Living(tmp_path)
    one.write(SLOS)
    file = tmp_path / "config.yaml"
    file.write_text(file.read_text() + PAGE)
    await one.clock.advance(timedelta(minutes=50))
    await one.open()
    yield one
    await one.service.close()


async def shown(world: Living, *, fresh: bool = True) -> dict[str, ComponentFacts]:
    await world.service.dispatch.flush()
    if fresh:
        await world.service.board.fill()
    facts = await world.service.board.facts()
    assert facts is not None
    return {one.component.key: one for one in facts.components}


async def test_days_are_those_of_the_zone_and_what_was_not_seen_is_no_downtime(
    world: Living,
) -> None:
    await world.pass_time(PART)  # the 20th in Tokyo; the last look is at midnight
    await world.pass_time(PART / 2, failing=["front"])
    await world.pass_time(PART / 2, failing=["front"], every=2)
    for _ in range(60):  # we could not look
        await world.clock.advance(STEP)
        look = a_look("shop/front", world.clock.now(), bad=False)
        world.service.rounds.on_observation(replace(look, outcome=Outcome.UNKNOWN))
    world.service.rounds.judge()
    found = await shown(world)

    front, back, sliced = found["front"], found["back"], found["sliced"]
    assert [day.date for day in front.days[-2:]] == [date(2026, 11, 20), date(2026, 11, 21)]
    assert [day.good for day in front.days[-2:]] == [1, Fraction(16, 61)]
    assert [day.state for day in front.days[-2:]] == [
        ComponentState.OPERATIONAL,
        ComponentState.MAJOR_OUTAGE,
    ]
    assert [day.state for day in front.days[:-2]] == [None] * 88
    assert back.days[-1].state is ComponentState.OPERATIONAL
    assert [day.good for day in sliced.days[-2:]] == [1, Fraction(1, 3)]


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "Asia/Kathmandu"])
async def test_all_days_together_are_those_that_were_read_one_by_one(
    world: Living, tmp_path: Path, zone: str
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(file.read_text().replace("Asia/Tokyo", zone))
    assert (await world.service.reloading.reload()).problems == ()
    await world.pass_time(PART, failing=["front"], every=3)
    one_by_one = await shown(world)
    world.service.board._anew_at = None
    together = await shown(world)

    assert together == one_by_one
    failed = [day for day in together["front"].days if day.good is not None and day.good < 1]
    assert failed


async def test_it_tells_what_the_api_tells_of_the_same_day(world: Living) -> None:
    await world.pass_time(4 * PART, failing=["front"], every=7)
    found = await shown(world)
    now = world.clock.now()
    day = await world.service.live.points("shop/up", now - 3 * PART, now, PART)
    good, bad = sum(one.good for one in day), sum(one.bad for one in day)

    assert found["front"].days[-1].good == Fraction(good, good + bad)


async def test_an_exclusion_reaches_days_and_is_shown_as_what_was_announced(
    world: Living,
) -> None:
    began = world.clock.now()
    await world.pass_time(PART / 2, failing=["front"])
    await world.pass_time(PART / 2)
    before = (await shown(world))["front"].days[-2]
    stretch = Once(began, began + PART / 2 + STEP)
    plan = Plan(Scope("shop", "up"), stretch, "inner", "ada", "We moved.")
    made = await world.service.live.exclude(plan)
    after = (await shown(world))["front"].days[-2]
    await world.service.live.undo_exclusion(made.id, "ada")
    again = (await shown(world))["front"].days[-2]

    # The last look that failed came at the end of the first half.
    assert [before.good, after.good] == [Fraction(29, 59), 1]
    assert after.state is ComponentState.UNDER_MAINTENANCE
    assert again == before


async def test_a_page_reads_no_counts(world: Living, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.pass_time(PART)
    known = await shown(world)

    async def refuse(*_: object) -> None:
        pytest.fail("a page read counts")

    monkeypatch.setattr(world.service.live, "points", refuse)
    monkeypatch.setattr(world.service.live, "slices", refuse)
    monkeypatch.setattr(world.service.live, "steps", refuse)

    assert (await shown(world, fresh=False)).keys() == known.keys()


async def test_what_was_posted_outlives_a_kill(world: Living) -> None:
    touched = {"front": ComponentState.PARTIAL_OUTAGE}
    plan = StatusPlan("It fails", Impact.MAJOR, Stage.INVESTIGATING, "so", "ada", touched)
    told, _ = await world.service.board.post(plan, "k", "x")
    await world.service.close()
    await world.open()
    again, is_new = await world.service.board.post(plan, "k", "x")

    assert world.service.board.incidents() == [told]
    assert (again, is_new) == (told, False)
    assert (await shown(world))["front"].state is ComponentState.PARTIAL_OUTAGE


async def test_a_reload_shows_another_page(world: Living, tmp_path: Path) -> None:
    await world.pass_time(PART)
    await shown(world)
    file = tmp_path / "config.yaml"
    before, after = "back: {title: Back, performance:", "other: {title: Other, slos:"
    file.write_text(file.read_text().replace(before, after))
    assert (await world.service.reloading.reload()).problems == ()

    found = await shown(world, fresh=False)
    assert list(found) == ["front", "sliced", "other"]
    assert found["other"].days[-2].good == 1


async def test_without_a_page_there_are_no_facts(tmp_path: Path) -> None:
    async with living(tmp_path, SLOS) as one:
        await one.service.board.fill()

        assert await one.service.board.facts() is None
