"""When collectors run, and what is said when they could not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from collectors import schedule as schedule_module
from collectors import unmet
from collectors.http import HttpConfig
from collectors.kinds import build
from collectors.observation import Cause, Observation, Outcome
from collectors.runnable import Clock
from collectors.schedule import Schedule
from nines.clock import SystemClock
from tests.collectors.clockwork import START, Clockwork, settle
from tests.collectors.wire import Server, answer, says

TEN_SECONDS = timedelta(seconds=10)


@dataclass
class Collector:
    """A collector that passes at once, or does what `act` does."""

    id: str = "shop/health"
    interval: timedelta = TEN_SECONDS
    timeout: timedelta = timedelta(seconds=5)
    kind: str = "fake"
    target: str = "nowhere"
    act: Callable[[Clock], Awaitable[Outcome]] | None = None
    cause: Cause | None = None
    dues: list[datetime] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    closed: bool = False

    async def run(self, due: datetime, clock: Clock) -> Observation:
        started, began = clock.now(), clock.monotonic()
        self.dues.append(due)
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            outcome = Outcome.PASSED if self.act is None else await self.act(clock)
        finally:
            self.at_once -= 1
        duration = timedelta(seconds=clock.monotonic() - began)
        return Observation(
            self.id, due, started, started - due, duration, outcome, self.cause, detail="slow"
        )

    async def close(self) -> None:
        self.closed = True


def lasting(
    seconds: float, outcome: Outcome = Outcome.PASSED
) -> Callable[[Clock], Awaitable[Outcome]]:
    async def act(clock: Clock) -> Outcome:
        await clock.sleep(seconds)
        return outcome

    return act


@dataclass
class Bench:
    """A schedule under way, and what it told."""

    clock: Clockwork
    schedule: Schedule
    told: list[Observation]

    def dues(self, outcome: Outcome | None = None) -> list[datetime]:
        return [one.due for one in self.told if outcome is None or one.outcome is outcome]


@asynccontextmanager
async def driving(*collectors: Collector, clock: Clockwork | None = None) -> AsyncIterator[Bench]:
    clock = clock or Clockwork()
    told: list[Observation] = []
    schedule = Schedule(clock, told.append)
    schedule.set(collectors)
    stop = asyncio.Event()
    task = asyncio.create_task(schedule.run(stop))
    await settle()
    try:
        yield Bench(clock, schedule, told)
    finally:
        stop.set()
        await task


def assert_each_due_once(dues: list[datetime]) -> None:
    assert len(set(dues)) == len(dues)


async def test_a_collector_runs_once_an_interval_on_its_own_grid() -> None:
    one, other = Collector(id="a/x"), Collector(id="b/y")
    async with driving(one, other) as bench:
        await bench.clock.advance(60)

    for collector in (one, other):
        assert len(collector.dues) == 6
        assert {later - earlier for earlier, later in pairwise(collector.dues)} == {TEN_SECONDS}
    assert one.dues[0] != other.dues[0]


async def test_the_grid_is_the_same_after_a_restart() -> None:
    before, after = Collector(), Collector()
    async with driving(before) as bench:
        await bench.clock.advance(30)
    async with driving(after) as bench:
        await bench.clock.advance(3)
        await bench.clock.advance(27)

    assert before.dues == after.dues


async def test_a_run_starts_when_it_is_due() -> None:
    async with driving(Collector()) as bench:
        await bench.clock.advance(60)

    assert all(seen.lateness < timedelta(milliseconds=1) for seen in bench.told)


async def test_runs_of_a_slow_collector_overlap_as_often_as_its_timeout_allows() -> None:
    slow = Collector(timeout=timedelta(seconds=25), act=lasting(24.9))
    async with driving(slow) as bench:
        await bench.clock.advance(100)

        assert slow.most_at_once == 3
        assert all(seen.lateness < timedelta(milliseconds=1) for seen in bench.told)


async def test_a_collector_that_is_busy_too_long_makes_the_due_run_unknown() -> None:
    collector = Collector(timeout=TEN_SECONDS)

    async def stubborn(clock: Clock) -> Outcome:
        collector.act = None  # only the first run is
        with suppress(asyncio.CancelledError):
            await clock.sleep(40)
        await clock.sleep(30)
        return Outcome.PASSED

    collector.act = stubborn
    async with driving(collector) as bench:
        await bench.clock.advance(50)

        *lost, met = bench.told
        assert all(seen.outcome is Outcome.UNKNOWN for seen in lost)
        assert sum("busy with earlier runs" in seen.detail for seen in lost) == 3
        assert sum("did not end within its timeout" in seen.detail for seen in lost) == 1
        assert timedelta(seconds=1) < met.lateness < TEN_SECONDS
        assert_each_due_once(bench.dues())


async def test_a_run_that_does_not_end_is_cut_short_and_unknown() -> None:
    stuck = Collector(act=lasting(10_000))
    async with driving(stuck) as bench:
        await bench.clock.advance(20)

        assert bench.told[0].outcome is Outcome.UNKNOWN
        assert "did not end within its timeout of 5s" in bench.told[0].detail


async def test_an_exception_of_a_collector_is_unknown_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def crash(clock: Clock) -> Outcome:
        raise ZeroDivisionError(f"at {clock.monotonic()}")

    healthy = Collector(id="b/y")
    async with driving(Collector(act=crash), healthy) as bench:
        await bench.clock.advance(20)

        crashed = [seen for seen in bench.told if seen.collector_id == "shop/health"]
        assert [seen.outcome for seen in crashed] == [Outcome.UNKNOWN] * 2
    assert len(healthy.dues) == 2
    assert "the collector shop/health failed" in caplog.text


async def test_a_sink_that_raises_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    def full(seen: Observation) -> None:
        raise OSError(f"no room for {seen.due}")

    clock, collector, stop = Clockwork(), Collector(), asyncio.Event()
    schedule = Schedule(clock, full)
    schedule.set([collector])
    task = asyncio.create_task(schedule.run(stop))
    await clock.advance(30)
    stop.set()
    await task

    assert len(collector.dues) == 3
    assert "was not taken" in caplog.text


@pytest.mark.parametrize("hours", [1, -1])
async def test_a_wall_clock_that_is_set_causes_neither_a_burst_nor_a_stop(
    hours: int, caplog: pytest.LogCaptureFixture
) -> None:
    collector = Collector()
    ran_at: list[float] = []
    async with driving(collector) as bench:

        async def note(clock: Clock) -> Outcome:
            ran_at.append(clock.monotonic())
            return Outcome.PASSED

        collector.act = note
        await bench.clock.advance(60)
        bench.clock.set_wall(timedelta(hours=hours, seconds=3))
        await bench.clock.advance(3700)

        gaps = [later - earlier for earlier, later in pairwise(ran_at)]
        assert max(gaps) <= 20.1
        assert sum(gap < 9.9 for gap in gaps) <= 1
        assert bench.dues(Outcome.UNKNOWN) == []
        assert_each_due_once(bench.dues())
    assert "the wall clock was set" in caplog.text


async def test_runs_are_booked_by_the_corrected_wall_clock() -> None:
    async with driving(Collector()) as bench:
        await bench.clock.advance(60)
        bench.clock.set_wall(timedelta(hours=-1))
        await bench.clock.advance(60)

        assert all(
            timedelta(0) <= seen.started - seen.due < timedelta(seconds=1) for seen in bench.told
        )
        assert bench.told[-1].due < START


async def test_a_clock_set_back_again_and_again_never_repeats_an_instant() -> None:
    async with driving(Collector()) as bench:
        for _ in range(5):
            await bench.clock.advance(300)
            bench.clock.set_wall(timedelta(seconds=-290))
        await bench.clock.advance(900)

        assert_each_due_once(bench.dues())
        assert len(bench.told) >= (5 * 300 + 900) / 10 - 12


async def test_a_small_step_back_does_not_run_an_instant_twice() -> None:
    async with driving(Collector()) as bench:
        await bench.clock.advance(30)
        bench.clock.set_wall(timedelta(seconds=-5))
        await bench.clock.advance(60)

        assert_each_due_once(bench.dues())


async def test_what_was_due_while_the_process_stood_still_is_unknown() -> None:
    collector = Collector()
    async with driving(collector) as bench:
        await bench.clock.advance(30)
        await bench.clock.stand_still(65)
        await bench.clock.advance(25)

        assert len(bench.told) == 12
        assert len(bench.dues(Outcome.UNKNOWN)) in (6, 7)
        assert_each_due_once(bench.dues())
        assert "we were" in next(s for s in bench.told if s.outcome is Outcome.UNKNOWN).detail


async def test_a_run_that_would_start_later_than_its_timeout_is_not_run() -> None:
    hasty = Collector(timeout=timedelta(seconds=1))
    async with driving(hasty) as bench:
        await bench.clock.advance(12)
        ran = len(hasty.dues)
        due = hasty.dues[-1] + TEN_SECONDS
        await bench.clock.advance((due - bench.clock.now()).total_seconds() - 1)
        await bench.clock.stand_still(3)

        assert len(hasty.dues) == ran
        assert bench.told[-1].due == due
        assert bench.told[-1].outcome is Outcome.UNKNOWN
        assert "we were 2.0 s late" in bench.told[-1].detail


async def test_a_gap_of_days_is_told_in_bounded_detail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unmet, "_REPORTED", 100)
    async with driving(Collector()) as bench:
        await bench.clock.advance(10)
        told = len(bench.told)
        await bench.clock.stand_still(3 * 86_400)
        await bench.clock.advance(1)

        unknown = [seen for seen in bench.told[told:] if seen.outcome is Outcome.UNKNOWN]
        assert len(unknown) == 101
        summed, *detailed = unknown
        assert "this stands for 25" in summed.detail
        assert {b.due - a.due for a, b in pairwise(detailed)} == {TEN_SECONDS}


async def test_a_long_backlog_does_not_hold_up_the_event_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(schedule_module, "_MISSES_AT_ONCE", 10)
    async with driving(Collector()) as bench:
        await bench.clock.advance(10)
        told = len(bench.told)
        bench.clock._pass(3600)
        turns = 0
        bench.clock._sleepers[0][2].set_result(None)
        while len(bench.told) - told < 360 and turns < 1000:
            await asyncio.sleep(0)
            turns += 1

        assert turns >= 36
        assert_each_due_once(bench.dues())


async def test_slowness_while_we_stood_still_is_not_laid_to_the_target() -> None:
    slow = Collector(act=lasting(4.0, Outcome.FAILED), cause=Cause.TIMEOUT)
    async with driving(slow) as bench:
        while not slow.at_once:
            await bench.clock.advance(0.5)
        await bench.clock.stand_still(5)
        await bench.clock.advance(1)

        assert bench.told[-1].outcome is Outcome.UNKNOWN
        assert bench.told[-1].cause is None
        assert "this process stood still for" in bench.told[-1].detail


async def test_slowness_while_we_were_awake_is_the_targets() -> None:
    slow = Collector(act=lasting(4.0, Outcome.FAILED), cause=Cause.TIMEOUT)
    async with driving(slow) as bench:
        await bench.clock.advance(20)

        assert {(seen.outcome, seen.cause) for seen in bench.told} == {
            (Outcome.FAILED, Cause.TIMEOUT)
        }


async def test_a_rebuilt_collector_keeps_its_rhythm_and_the_old_one_is_closed() -> None:
    old, new = Collector(), Collector()
    async with driving(old) as bench:
        await bench.clock.advance(25)
        bench.schedule.set([new])
        await bench.clock.advance(35)

        assert old.closed
        assert not new.closed
        assert {b - a for a, b in pairwise(bench.dues())} == {TEN_SECONDS}
        assert [seen.outcome for seen in bench.told] == [Outcome.PASSED] * 6
    assert new.closed


async def test_a_run_under_way_when_its_collector_is_replaced_is_still_told() -> None:
    old, new = Collector(act=lasting(3)), Collector()
    async with driving(old) as bench:
        while not old.at_once:
            await bench.clock.advance(0.5)
        bench.schedule.set([new])
        closed_at_once = old.closed
        await bench.clock.advance(4)

        assert (closed_at_once, old.closed) == (False, True)
        assert bench.dues() == old.dues


async def test_a_collector_that_is_gone_runs_no_more() -> None:
    gone, stays = Collector(id="a/x"), Collector(id="b/y")
    async with driving(gone, stays) as bench:
        await bench.clock.advance(20)
        bench.schedule.set([stays])
        ran = len(gone.dues)
        await bench.clock.advance(40)

        assert len(gone.dues) == ran
        assert gone.closed


async def test_a_changed_interval_repeats_no_instant() -> None:
    async with driving(Collector()) as bench:
        await bench.clock.advance(25)
        bench.schedule.set([Collector(interval=timedelta(seconds=5))])
        await bench.clock.advance(25)

        assert_each_due_once(bench.dues())
        assert len(bench.told) >= 6


def test_an_id_that_comes_twice_is_refused() -> None:
    schedule = Schedule(Clockwork(), print)

    with pytest.raises(ValueError, match="shop/health comes twice"):
        schedule.set([Collector(), Collector()])


async def test_cancellation_leaves_no_task_and_closes_everybody() -> None:
    stuck = Collector(act=lasting(10_000), timeout=timedelta(seconds=30))
    clock = Clockwork()
    told: list[Observation] = []
    schedule = Schedule(clock, told.append)
    schedule.set([stuck])
    task = asyncio.create_task(schedule.run(asyncio.Event()))
    await clock.advance(25)
    assert stuck.at_once == 2
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert stuck.closed
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert told == []


async def test_what_was_due_before_the_schedule_began_is_not_missed() -> None:
    clock, told = Clockwork(), list[Observation]()
    schedule = Schedule(clock, told.append)
    schedule.set([Collector()])
    clock._pass(600)
    stop = asyncio.Event()
    task = asyncio.create_task(schedule.run(stop))
    await clock.advance(10)
    stop.set()
    await task

    assert [seen.outcome for seen in told] == [Outcome.PASSED]


async def test_by_the_machines_own_clock_a_real_probe_runs_in_its_rhythm() -> None:
    stop, told = asyncio.Event(), list[Observation]()

    def note(seen: Observation) -> None:
        told.append(seen)
        if len(told) == 3:
            stop.set()

    async with Server(says(answer())) as server:
        config = {
            "http": f"http://127.0.0.1:{server.port}/",
            "interval": "100ms",
            "timeout": "10s",
        }
        schedule = Schedule(SystemClock(), note)
        schedule.set([build("shop/health", HttpConfig.model_validate(config), ())])
        await asyncio.wait_for(schedule.run(stop), 20)

    assert_each_due_once([seen.due for seen in told])
    assert Outcome.PASSED in {seen.outcome for seen in told}
    assert Outcome.FAILED not in {seen.outcome for seen in told}


async def test_a_look_out_of_turn_is_told_to_who_asked_alone() -> None:
    told: list[Observation] = []
    collector = Collector()
    async with driving(collector) as bench:
        await bench.clock.advance(10)
        dues = bench.dues()

        bench.schedule.look_again(collector.id, timedelta(seconds=1), told.append)
        await bench.clock.advance(0.9)
        assert told == []
        await bench.clock.advance(0.2)

        assert [one.outcome for one in told] == [Outcome.PASSED]
        assert told[0].due == START + timedelta(seconds=11)
        assert bench.dues() == dues


async def test_a_look_out_of_turn_that_hangs_is_cut_short_and_ours() -> None:
    told: list[Observation] = []
    collector = Collector(act=lasting(1000))
    async with driving(collector) as bench:
        bench.schedule.look_again(collector.id, timedelta(seconds=1), told.append)
        await bench.clock.advance(8)

    assert [one.outcome for one in told] == [Outcome.UNKNOWN]


async def test_nobody_looks_again_for_a_collector_that_is_gone() -> None:
    told: list[Observation] = []
    collector = Collector()
    async with driving(collector) as bench:
        bench.schedule.look_again(collector.id, timedelta(seconds=1), told.append)
        bench.schedule.set([])
        bench.schedule.look_again(collector.id, timedelta(seconds=1), told.append)
        await bench.clock.advance(5)

    assert told == []
    assert collector.closed


class Counted(Clockwork):
    """A clock that counts how often it is asked to wake somebody."""

    sleeps = 0

    async def sleep(self, seconds: float) -> None:
        self.sleeps += 1
        await super().sleep(seconds)


async def test_while_nobody_looks_the_schedule_sleeps_and_misses_nothing() -> None:
    collector = Collector(interval=timedelta(minutes=1))
    async with driving(collector, clock=Counted()) as bench:
        await bench.clock.advance(600)

        assert len(collector.dues) == 10
        assert {one.lateness for one in bench.told} == {timedelta(0)}
        assert isinstance(bench.clock, Counted)
        assert bench.clock.sleeps < 340  # every two seconds, and at each due instant


async def test_collectors_that_are_set_while_it_sleeps_start_when_they_are_due() -> None:
    slow, quick = Collector(interval=timedelta(hours=1)), Collector("b/y", timedelta(seconds=1))
    async with driving(slow) as bench:
        await bench.clock.advance(0.1)
        bench.schedule.set([slow, quick])
        await bench.clock.advance(1.5)

        assert quick.dues
        assert {one.lateness for one in bench.told} == {timedelta(0)}


async def test_a_standstill_is_seen_in_a_run_that_began_while_it_slept() -> None:
    told: list[Observation] = []
    collector = Collector(
        interval=timedelta(hours=1), cause=Cause.TIMEOUT, act=lasting(1.2, Outcome.FAILED)
    )
    async with driving(collector) as bench:
        await bench.clock.advance(2.1)
        bench.schedule.look_again(collector.id, timedelta(0), told.append)
        await bench.clock.advance(0.1)
        await bench.clock.stand_still(0.7)
        await bench.clock.advance(1)

    assert [one.outcome for one in told] == [Outcome.UNKNOWN]
    assert "stood still" in told[0].detail
