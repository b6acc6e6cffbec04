"""Threshold rules in a whole service: incidents, edits, kills, shadow and planned work."""

from datetime import timedelta
from pathlib import Path

from slo.alert_state import Phase
from tests.nines.living import START, STEP, Living, a_look, living

MINUTE = timedelta(minutes=1)
SLOS = "calm: {objective: 50%, sli: {probe: back}}"
DOWN = """
alerts:
  down: {probe: front, down_for: 1m, severity: page}
"""


def confirm(world: Living, *, bad: bool) -> None:
    """The look that was asked for comes back a second later."""
    world.clock.move(timedelta(seconds=1))
    world.service.rounds.on_confirming_look(a_look("shop/front", world.clock.now(), bad=bad))


def phase(world: Living) -> Phase:
    return world.service.engine.thresholds.watched["shop#alert:down"].state.phase


async def test_a_confirmed_outage_is_an_incident_and_ends_after_a_minute(tmp_path: Path) -> None:
    async with living(tmp_path, SLOS, DOWN) as world:
        await world.pass_time(10 * MINUTE)
        await world.pass_time(timedelta(seconds=70), failing=["front"])
        assert await world.told() == []

        confirm(world, bad=True)
        await world.service.dispatch.settle()

        assert await world.told() == ["trigger to desk", "trigger to oncall"]
        assert "A look 1s later failed too" in str(await world.timeline())
        await world.pass_time(2 * MINUTE)
        assert await world.told("oncall") == ["trigger to oncall", "resolve to oncall"]


async def test_a_look_that_passes_is_a_note_in_what_is_open(tmp_path: Path) -> None:
    other = DOWN + "  quick: {probe: back, down_for: 10s, severity: ticket}"
    async with living(tmp_path, SLOS, other) as world:
        await world.pass_time(timedelta(seconds=20), failing=["back"])
        world.service.rounds.on_confirming_look(a_look("shop/back", world.clock.now(), bad=True))
        await world.pass_time(timedelta(seconds=70), failing=["back", "front"])
        confirm(world, bad=False)
        await world.service.dispatch.settle()

        assert await world.told("oncall") == []
        notes = [line for line in await world.timeline() if line.startswith("note: ")]
        assert len(notes) == 1
        assert notes[0].startswith("note: down: a confirming look at")


async def test_killed_and_started_again_it_goes_on_where_it_was(tmp_path: Path) -> None:
    async with living(tmp_path, SLOS, DOWN) as world:
        await world.pass_time(timedelta(seconds=50), failing=["front"])
        await world.restart()
        assert phase(world) is Phase.PENDING

        await world.pass_time(timedelta(seconds=20), failing=["front"])
        confirm(world, bad=True)
        await world.service.dispatch.settle()
        assert await world.told("oncall") == ["trigger to oncall"]

        await world.restart()
        assert phase(world) is Phase.FIRING
        await world.pass_time(MINUTE, failing=["front"])
        assert await world.told("oncall") == ["trigger to oncall"]


async def test_a_rule_that_is_taken_away_ends_and_says_why(tmp_path: Path) -> None:
    async with living(tmp_path, SLOS, DOWN) as world:
        await world.pass_time(timedelta(seconds=70), failing=["front"])
        confirm(world, bad=True)
        await world.service.dispatch.settle()

        await world.edit(SLOS, DOWN.replace("1m", "2m"))
        assert phase(world) is Phase.FIRING  # an edit is no end
        assert await world.told("oncall") == ["trigger to oncall"]
        await world.pass_time(timedelta(seconds=10), failing=["front"])
        await world.edit(SLOS)

        assert await world.told("oncall") == ["trigger to oncall", "resolve to oncall"]
        assert "no longer in the configuration" in str(await world.timeline())


async def test_in_shadow_it_is_written_down_and_told_to_nobody(tmp_path: Path) -> None:
    async with living(tmp_path, SLOS, DOWN.replace("page}", "page, shadow: true}")) as world:
        await world.pass_time(timedelta(seconds=70), failing=["front"])
        confirm(world, bad=True)
        await world.service.dispatch.settle()

        (shadow,) = await world.shadows()
        assert (shadow.rule, shadow.receivers) == ("shop#alert:down", ("oncall", "desk"))
        assert await world.told() == []


async def test_planned_work_of_the_service_silences_it(tmp_path: Path) -> None:
    work = f"""
maintenance:
  - {{reason: patches, start: {START:%Y-%m-%dT%H:%M}Z, duration: 1h}}
"""
    async with living(tmp_path, SLOS, DOWN + work) as world:
        await world.pass_time(5 * MINUTE, failing=["front"])
        assert phase(world) is Phase.INACTIVE
        assert world.service.engine.thresholds.take_looks() == []

        await world.edit(SLOS, DOWN)  # it is over before its time
        await world.pass_time(timedelta(seconds=70), failing=["front"])
        assert phase(world) is Phase.PENDING


async def test_who_heard_of_an_outage_hears_of_its_end_in_planned_work(tmp_path: Path) -> None:
    async with living(tmp_path, SLOS, DOWN) as world:
        await world.pass_time(10 * MINUTE)
        await world.pass_time(timedelta(seconds=70), failing=["front"])
        confirm(world, bad=True)
        await world.service.dispatch.settle()
        assert await world.told("oncall") == ["trigger to oncall"]

        now = f"{world.clock.now():%Y-%m-%dT%H:%M:%S}Z"
        work = f"maintenance:\n  - {{reason: patches, start: {now}, duration: 1h}}\n"
        await world.edit(SLOS, DOWN + work)
        await world.pass_time(5 * MINUTE, failing=["front"])
        assert await world.told("oncall") == ["trigger to oncall", "resolve to oncall"]

        await world.pass_time(60 * MINUTE)  # it recovers within, and the work ends
        assert await world.told("oncall") == ["trigger to oncall", "resolve to oncall"]


async def test_failures_among_the_last_runs_are_counted_on_over_a_kill(tmp_path: Path) -> None:
    flaky = "alerts: {flaky: {probe: front, failures: 3 of 5, recovery: 2, severity: page}}"
    slos = "up: {objective: 50%, sli: {probe: front}}"
    async with living(tmp_path, slos, flaky) as world:
        await world.pass_time(MINUTE)
        await world.pass_time(2 * STEP, failing=["front"])
        await world.restart()
        assert await world.told("oncall") == []

        await world.pass_time(STEP, failing=["front"])

        assert await world.told("oncall") == ["trigger to oncall"]
        facts = (await world.notifications())[0].message.alerts[0].facts
        assert facts.headline == "3 of the last 5 runs failed"
        assert facts.limit == "3 of the last 5 runs failed, until 2 in a row passed"
        status = world.service.engine.entries["shop/up"].status
        assert status is not None
        assert (status.window.counts.bad, status.window.counts.total) == (3, 9)
