"""A silence over real alerts of a real service: it stops speaking, and nothing else."""

from datetime import timedelta
from pathlib import Path

import pytest

from alerting.silence import SilencePlan, SilenceState, read_matchers
from slo.planning import PlanError
from slo.recurrence import Once
from tests.nines.living import START, Living, living

SLOS = """
up:
  objective: 99%
  window: 1d
  sli: {probe: front}
  notices: []
  tiers: [{severity: page, factor: 14.4, long: 5m, short: 1m, keep_firing_for: 10s}]
"""
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def a_plan(
    world: Living,
    lasts: timedelta = HOUR,
    matcher: str = 'service="shop"',
    *,
    until_resolved: bool = False,
) -> SilencePlan:
    now = world.clock.now()
    return SilencePlan(
        read_matchers([matcher]),
        Once(now, now + lasts),
        "a new database",
        "ada",
        until_resolved=until_resolved,
    )


async def test_over_a_trigger_it_stops_speaking_and_counts_on(tmp_path: Path) -> None:
    async with living(tmp_path, SLOS) as world:
        await world.pass_time(6 * MINUTE)
        silence = await world.service.live.make_silence(a_plan(world))

        await world.pass_time(2 * MINUTE, failing=["front"])

        assert await world.told() == []
        assert world.service.live.muted_alerts() == 1
        (one,) = (
            await world.service.live.incidents(state=None, service=None, cursor=None, limit=9)
        ).incidents
        assert one.open
        assert any(silence.id in line for line in await world.timeline())
        status = world.service.live.status("shop/up")
        assert status is not None
        assert status.window.counts.bad == 12
        file = await world.service.live.silence(silence.id)
        assert file is not None
        assert [alert.slo for alert in file.now] == ["up"]

        # It ends by hand while it fires: who was not told is told then, at once.
        await world.service.live.end_silence(silence.id, "grace")
        assert await world.told() == ["trigger to desk", "trigger to oncall"]
        await world.service.rounds.look_at_silences()
        assert world.service.live.muted_alerts() == 0


async def test_over_a_resolve_it_lets_those_know_who_were_told(tmp_path: Path) -> None:
    async with living(tmp_path, SLOS) as world:
        await world.pass_time(6 * MINUTE)
        await world.pass_time(2 * MINUTE, failing=["front"])
        assert "trigger to oncall" in await world.told()

        await world.service.live.make_silence(a_plan(world))
        await world.pass_time(10 * MINUTE)

        assert (await world.told("oncall"))[-1] == "resolve to oncall"
        assert (await world.told("desk"))[-1] == "resolve to desk"


async def test_when_its_time_is_over_while_it_fires_people_are_told(tmp_path: Path) -> None:
    async with living(tmp_path, SLOS) as world:
        await world.pass_time(6 * MINUTE)
        await world.service.live.make_silence(a_plan(world, 4 * MINUTE))

        await world.pass_time(3 * MINUTE, failing=["front"])
        assert await world.told() == []
        await world.pass_time(2 * MINUTE, failing=["front"])

        assert await world.told() == ["trigger to desk", "trigger to oncall"]


async def test_it_is_over_when_what_it_mutes_has_resolved(tmp_path: Path) -> None:
    async with living(tmp_path, SLOS) as world:
        await world.pass_time(6 * MINUTE)
        made = await world.service.live.make_silence(a_plan(world, until_resolved=True))
        await world.pass_time(MINUTE)
        assert state(world, made.id) is SilenceState.ACTIVE  # it waits for what is to come

        await world.pass_time(2 * MINUTE, failing=["front"])
        assert state(world, made.id) is SilenceState.ACTIVE
        await world.pass_time(10 * MINUTE)

        assert state(world, made.id) is SilenceState.EXPIRED
        file = await world.service.live.silence(made.id)
        assert file is not None
        assert [(one.by, one.action) for one in file.trail] == [
            ("ada", "created"),
            ("Nines", "ended"),
        ]
        assert await world.told() == []
        await world.pass_time(2 * MINUTE, failing=["front"])
        assert "trigger to oncall" in await world.told()


async def test_half_an_hour_before_its_end_the_timeline_says_so_once(tmp_path: Path) -> None:
    async with living(tmp_path, SLOS) as world:
        await world.pass_time(6 * MINUTE)
        made = await world.service.live.make_silence(a_plan(world, 34 * MINUTE))

        await world.pass_time(3 * MINUTE, failing=["front"])
        assert not [line for line in await world.timeline() if "ends at" in line]
        await world.pass_time(3 * MINUTE, failing=["front"])

        (note,) = [line for line in await world.timeline() if "ends at" in line]
        assert note.startswith(f"note: Silence {made.id} of ada (a new database) ends at 2026")
        file = await world.service.live.silence(made.id)
        assert file is not None
        assert [one.action for one in file.trail] == ["created", "warned"]


async def test_one_of_others_mutes_nothing(tmp_path: Path) -> None:
    async with living(tmp_path, SLOS) as world:
        await world.pass_time(6 * MINUTE)
        await world.service.live.make_silence(a_plan(world, matcher="severity=ticket"))

        await world.pass_time(2 * MINUTE, failing=["front"])

        assert "trigger to oncall" in await world.told()


async def test_it_outlives_a_kill(tmp_path: Path) -> None:
    async with living(tmp_path, SLOS) as world:
        await world.pass_time(6 * MINUTE)
        made = await world.service.live.make_silence(a_plan(world))
        await world.restart()

        assert [one.id for one in world.service.live.silences()] == [made.id]
        await world.pass_time(2 * MINUTE, failing=["front"])
        assert await world.told() == []


async def test_a_preview_tells_what_fires_and_last_weeks_and_changes_nothing(
    tmp_path: Path,
) -> None:
    async with living(tmp_path, SLOS) as world:
        await world.pass_time(6 * MINUTE)
        await world.pass_time(2 * MINUTE, failing=["front"])
        await world.pass_time(10 * MINUTE)
        await world.pass_time(3 * MINUTE, failing=["front"])

        seen = await world.service.live.try_silence(a_plan(world))
        other = await world.service.live.try_silence(a_plan(world, matcher="service=blog"))

        assert (len(seen.now), len(seen.week)) == (1, 2)
        assert (other.now, other.week) == ((), ())
        assert world.service.live.silences() == []


async def test_one_is_changed_by_its_id_as_alertmanager_has_it(tmp_path: Path) -> None:
    async with living(tmp_path, SLOS) as world:
        live = world.service.live
        made = await live.make_silence(a_plan(world))

        longer = SilencePlan(made.matchers, Once(START, START + 2 * HOUR), "longer", "grace")
        same = await live.make_silence(longer, made.id)
        other = await live.make_silence(a_plan(world, matcher="service=blog"), made.id)

        assert (same.id, same.reason) == (made.id, "longer")
        assert other.id != made.id
        assert state(world, made.id) is SilenceState.EXPIRED
        with pytest.raises(LookupError):
            await live.make_silence(longer, "none")


async def test_what_the_file_says_begins_and_ends_with_a_reload(tmp_path: Path) -> None:
    async with living(tmp_path, SLOS) as world:
        await world.pass_time(6 * MINUTE)
        head = world._head
        world._head = head.replace(
            "alerting:\n",
            "alerting:\n  silences:\n    - {match: 'service=\"shop\"', reason: patches,"
            " start: 2026-11-01T15:00, duration: 2h, rrule: FREQ=DAILY, zone: Europe/Berlin}\n",
        )
        await world.edit(SLOS)

        (one,) = world.service.live.silences()
        assert (one.author, one.reason, one.origin) == ("config.yaml", "patches", "configuration")
        await world.pass_time(2 * MINUTE, failing=["front"])
        assert await world.told() == []
        with pytest.raises(PlanError, match="written in config"):
            await world.service.live.end_silence(one.id, "ada")

        world._head = head
        await world.edit(SLOS)
        assert state(world, one.id) is SilenceState.EXPIRED
        assert await world.told() == ["trigger to desk", "trigger to oncall"]


def state(world: Living, silence_id: str) -> SilenceState:
    (found,) = [one for one in world.service.live.silences() if one.id == silence_id]
    return found.state(world.clock.now())
