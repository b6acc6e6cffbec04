"""Drive every collector at its due instants, and say so when one could not be met."""

import asyncio
import heapq
import itertools
import logging
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta

from collectors.driven import Driven, Run
from collectors.grid import Grid, from_us, to_us
from collectors.observation import Observation, Outcome
from collectors.rate_limit import Pace, RateLimit, Refused
from collectors.runnable import Clock, Runnable
from collectors.stalls import Stalls, excused
from collectors.unmet import misses, unmet
from slo.units import format_duration

Sink = Callable[[Observation], None]

_log = logging.getLogger(__name__)
_STEP_US = 1_000_000  # a wall clock that moves by more against the monotonic one was set
_WATCHFUL_SLEEP_SECONDS = 0.25  # how soon a loop that stood still while somebody looks is seen
_LONGEST_SLEEP_SECONDS = 2.0  # how soon a clock that was set, or a machine that slept, is seen
_MISSES_AT_ONCE = 100  # told to the sink, which judges each, before the event loop gets its turn
_FAREWELL_SECONDS = 5.0  # how long cancelled runs may take to end when we stop
_OVERTIME_SECONDS = 1.0  # what a run may take beyond its timeout before it is cancelled


class Schedule:
    """Runs collectors on their grids, each run a task of its own.

    Instants are instants of the wall clock, waited for on the monotonic clock. `sink` is told one
    observation per due instant, from within the event loop; what it raises is logged.
    """

    def __init__(self, clock: Clock, sink: Sink) -> None:
        self._clock = clock
        self._sink = sink
        self._pace = Pace()
        self._collectors: dict[str, Driven] = {}
        self._retired: list[Driven] = []
        self._queue: list[tuple[int, int, Driven]] = []
        self._order = itertools.count()
        self._backlog: deque[Iterator[Observation]] = deque()
        self._closing: set[asyncio.Task[None]] = set()
        self._aside: set[asyncio.Task[None]] = set()
        self._stalls = Stalls()
        self._next_review = 0.0
        self._ending = False
        self._running = 0  # runs under way
        self._sleeping: asyncio.Future[None] | None = None
        self._anchor_us = to_us(clock.now())
        self._anchor_monotonic = self._awake_at = clock.monotonic()

    def set(self, collectors: Sequence[Runnable]) -> None:
        """Drive these from now on. Who stays, as itself or rebuilt, keeps its rhythm.

        Runs under way are finished and told; a collector is closed after its last.
        Raises ValueError when an id comes twice.
        """
        wanted = {runnable.id: runnable for runnable in collectors}
        if len(wanted) < len(collectors):
            twice = Counter(runnable.id for runnable in collectors).most_common(1)[0][0]
            raise ValueError(f"the collector {twice} comes twice")
        now_us = self._now_us()
        for collector_id, old in list(self._collectors.items()):
            if wanted.get(collector_id) is not old.runnable:
                self._retire(old)
        former = self._collectors
        for collector_id in former.keys() - wanted.keys():
            former[collector_id].waiting.clear()
        self._collectors = {
            runnable.id: self._placed(runnable, former.get(runnable.id), now_us)
            for runnable in wanted.values()
        }
        self._requeue()
        self._wake()

    def limit(self, limits: Mapping[str, RateLimit], asks: Mapping[str, Mapping[str, int]]) -> None:
        """Ask no more than so often from now on; `asks` are a run's requests, by collector and
        limit. Runs wait for each other, and one that would be too late is told as unknown.
        """
        self._pace.set(limits, asks, self._clock.monotonic())

    def look_again(
        self,
        collector_id: str,
        after: timedelta,
        tell: Sink,
        *,
        by: Runnable | None = None,
        over: Callable[[], None] = lambda: None,
    ) -> None:
        """Run a collector once more, out of turn, and tell `tell` alone what it saw.

        It meets no due instant, and `sink` hears nothing of it. Of a collector that is gone by then
        nothing is told. `by` runs in its place, by other means, and is closed; `over` is called at
        the end, whatever came of it.
        """
        collector = self._collectors.get(collector_id)
        if collector is None or self._ending:
            over()
            return
        looking = asyncio.create_task(
            self._look_aside(collector, by, after, tell), name=f"look again {collector_id}"
        )
        self._aside.add(looking)
        looking.add_done_callback(self._aside.discard)
        looking.add_done_callback(lambda _: over())

    async def run(self, stop: asyncio.Event) -> None:
        """Drive the collectors until `stop` is set or this is cancelled; leave no task behind."""
        stopping = asyncio.create_task(stop.wait())
        # What was due before we began was nobody's to meet.
        self._anchor()
        for collector in self._collectors.values():
            collector.advance(self._anchor_us)
        self._requeue()
        try:
            while not stop.is_set():
                self._tick()
                await self._pause(stopping)
        finally:
            await self._end(stopping)

    def _placed(self, runnable: Runnable, former: Driven | None, now_us: int) -> Driven:
        if former is not None and former.runnable is runnable:
            return former
        grid = Grid.of(runnable.id, runnable.interval)
        high_water_us = former.high_water_us if former is not None else now_us
        placed = Driven(runnable, grid, 0, high_water_us)
        if former is not None:
            placed.waiting, former.waiting = former.waiting, deque()
        if former is not None and former.grid == grid:
            placed.generation, placed.reliving = former.generation, former.reliving
            placed.next_us = former.next_us
        else:
            placed.advance(now_us)
        return placed

    def _retire(self, collector: Driven) -> None:
        collector.retired = True
        self._retired.append(collector)

    def _requeue(self) -> None:
        self._queue = [
            (collector.next_us, next(self._order), collector)
            for collector in self._collectors.values()
        ]
        heapq.heapify(self._queue)

    # -- time

    def _now_us(self) -> int:
        """The wall clock's time as the monotonic clock carried it on since we last looked."""
        passed = self._clock.monotonic() - self._anchor_monotonic
        return self._anchor_us + round(passed * 1_000_000)

    def _anchor(self) -> None:
        self._anchor_us = to_us(self._clock.now())
        self._anchor_monotonic = self._awake_at = self._clock.monotonic()

    def _tick(self) -> None:
        began = self._clock.monotonic()
        self._stalls.note(self._awake_at, began)
        now_us = self._now_us()
        # First what became due while time really passed, then what somebody did to the clock.
        self._meet(now_us)
        self._follow_the_clock(now_us)
        if began >= self._next_review:
            self._next_review = began + _WATCHFUL_SLEEP_SECONDS
            self._review(now_us, began)
        self._tell_backlog()
        self._stalls.note(began, self._clock.monotonic())

    def _follow_the_clock(self, expected_us: int) -> None:
        self._anchor()
        step_us = self._anchor_us - expected_us
        if abs(step_us) <= _STEP_US:
            return  # slewing, and our own reading of two clocks one after the other
        _log.warning(
            "the wall clock was set %s by %.1f s; going on from %s",
            "forward" if step_us > 0 else "back",
            abs(step_us) / 1_000_000,
            from_us(self._anchor_us).isoformat(),
        )
        for collector in self._collectors.values():
            collector.clock_was_set(self._anchor_us)
        self._requeue()

    async def _pause(self, stopping: asyncio.Task[bool]) -> None:
        now = self._clock.monotonic()
        if self._backlog:
            self._awake_at = now
            await asyncio.sleep(0)
            return
        # Nobody's run can be late, or last too long, while there is none.
        watchful = self._running or self._retired
        seconds = _WATCHFUL_SLEEP_SECONDS if watchful else _LONGEST_SLEEP_SECONDS
        if self._queue:
            until_due = (self._queue[0][0] - self._now_us()) / 1_000_000
            seconds = min(max(until_due, 0.0), seconds)
        self._awake_at = now + seconds
        self._sleeping = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait({self._sleeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._sleeping.cancel()
            self._sleeping = None

    def _run_begins(self) -> None:
        """From now on we wake often enough to see how long it takes, and that we stand still."""
        self._running += 1
        if self._running == 1:
            self._wake()

    def _wake(self) -> None:
        """What the pause was measured by has changed."""
        if self._sleeping is not None:
            self._awake_at = self._clock.monotonic()
            self._sleeping.cancel()

    # -- due instants

    def _meet(self, now_us: int) -> None:
        while self._queue and self._queue[0][0] <= now_us:
            _, order, collector = self._queue[0]
            self._due(collector, now_us)
            heapq.heapreplace(self._queue, (collector.next_us, order, collector))

    def _due(self, collector: Driven, now_us: int) -> None:
        """Run the latest due instant; those before it had their time while nobody looked."""
        first_us, interval_us = collector.next_us, collector.grid.interval_us
        skipped = (now_us - first_us) // interval_us
        latest_us = first_us + skipped * interval_us
        if skipped:
            self._miss(collector, range(first_us, latest_us, interval_us), now_us)
        collector.high_water_us = max(collector.high_water_us, latest_us)
        if now_us - latest_us > collector.timeout_us:
            self._miss(collector, range(latest_us, latest_us + 1), now_us)
        else:
            collector.waiting.append(latest_us)
            self._start_waiting(collector)
        collector.advance(now_us)

    def _miss(self, collector: Driven, instants_us: range, now_us: int) -> None:
        self._backlog.append(misses(collector.runnable.id, instants_us, now_us))

    def _tell_backlog(self) -> None:
        for _ in range(_MISSES_AT_ONCE):
            if not self._backlog:
                return
            missed = next(self._backlog[0], None)
            if missed is None:
                self._backlog.popleft()
            else:
                self._tell(missed)

    # -- runs

    def _start_waiting(self, collector: Driven) -> None:
        while collector.waiting and len(collector.active) < collector.runs_at_once:
            if self._now_us() - collector.waiting[0] > collector.timeout_us:
                self._give_up_waiting(collector)
                continue
            run = Run(collector.waiting.popleft(), self._clock.monotonic())
            collector.active.append(run)
            self._run_begins()
            run.task = asyncio.create_task(
                self._look(collector, run), name=f"collect {collector.runnable.id}"
            )

    def _give_up_waiting(self, collector: Driven) -> None:
        due_us = collector.waiting.popleft()
        why = "the collector was busy with earlier runs"
        self._tell(unmet(collector.runnable.id, due_us, self._now_us(), why))

    async def _look(self, collector: Driven, run: Run) -> None:
        try:
            seen = await self._observe(collector, run)
        finally:
            collector.active.remove(run)
            self._running -= 1
        self._tell(seen)
        self._start_waiting(collector)

    async def _look_aside(
        self, collector: Driven, by: Runnable | None, after: timedelta, tell: Sink
    ) -> None:
        await self._clock.sleep(after.total_seconds())
        if collector.retired or self._ending:
            return
        run = Run(self._now_us(), self._clock.monotonic(), asyncio.current_task())
        collector.aside.append(run)
        self._run_begins()
        try:
            seen = await self._observe(collector, run, by)
        finally:
            collector.aside.remove(run)
            self._running -= 1
            if by is not None:
                await self._close(by)
        try:
            tell(seen)
        except Exception:  # noqa: BLE001 - who listens must not stop who looks
            _log.exception("a look at %s was not taken", collector.runnable.id)

    async def _observe(
        self, collector: Driven, run: Run, by: Runnable | None = None
    ) -> Observation:
        runnable = by or collector.runnable
        due = from_us(run.due_us)
        if (refused := await self._wait_for_room(runnable, run)) is not None:
            return self._ours(runnable.id, run, str(refused))
        try:
            seen = await runnable.run(due, self._clock)
        except asyncio.CancelledError:
            if not run.overdue or self._ending:
                raise
        except Exception as error:  # noqa: BLE001 - one collector's bug must not stop the others
            _log.exception("the collector %s failed", runnable.id)
            said = f"the collector itself failed: {type(error).__name__}: {error}"
            return self._ours(runnable.id, run, said)
        else:
            if not run.overdue:
                ended = self._clock.monotonic()
                lost = self._stalls.lost(run.began, ended, self._awake_at)
                return excused(seen, lost, ended - run.began)
        said = f"the run did not end within its timeout of {format_duration(runnable.timeout)}"
        return self._ours(runnable.id, run, f"{said}, and was cut short")

    async def _wait_for_room(self, runnable: Runnable, run: Run) -> Refused | None:
        """Until the limits of its target let it begin; or why it cannot, without being too late."""
        late = (self._now_us() - run.due_us) / 1_000_000
        patience = max(runnable.timeout.total_seconds() - late, 0.0)
        wait = self._pace.wait(runnable.id, self._clock.monotonic(), patience)
        if isinstance(wait, Refused):
            return wait
        if wait:
            run.began += wait  # its timeout is that of the look itself
            await self._clock.sleep(wait)
        return None

    def _ours(self, collector_id: str, run: Run, detail: str) -> Observation:
        duration = timedelta(seconds=self._clock.monotonic() - run.began)
        started = from_us(self._now_us()) - duration
        due = from_us(run.due_us)
        lateness = max(started - due, timedelta(0))
        return Observation(
            collector_id, due, started, lateness, duration, Outcome.UNKNOWN, detail=detail
        )

    def _tell(self, seen: Observation) -> None:
        if seen.collector_id not in self._collectors:
            return  # the collector is gone from the configuration
        try:
            self._sink(seen)
        except Exception:  # noqa: BLE001 - who listens must not stop who looks
            _log.exception("an observation of %s was not taken", seen.collector_id)

    # -- tidying

    def _review(self, now_us: int, now: float) -> None:
        """Give up what waited too long, cut short what does not end, close what has retired."""
        for collector in (*self._collectors.values(), *self._retired):
            while collector.waiting and now_us - collector.waiting[0] > collector.timeout_us:
                self._give_up_waiting(collector)
            allowed = collector.runnable.timeout.total_seconds() + _OVERTIME_SECONDS
            for run in (*collector.active, *collector.aside):
                if not run.overdue and run.task is not None and now - run.began > allowed:
                    run.overdue = True
                    run.task.cancel()
        for collector in [old for old in self._retired if not old.active and not old.aside]:
            self._retired.remove(collector)
            closing = asyncio.create_task(self._close(collector.runnable))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def _close(self, runnable: Runnable) -> None:
        try:
            await runnable.close()
        except Exception:  # noqa: BLE001 - the others are still to be closed
            _log.exception("the collector %s could not be closed", runnable.id)

    async def _end(self, stopping: asyncio.Task[bool]) -> None:
        everyone = [*self._collectors.values(), *self._retired]
        for collector in everyone:
            collector.waiting.clear()  # or a run that ends now would start the next
        self._ending = True
        tasks = [run.task for one in everyone for run in one.active if run.task is not None]
        tasks += self._aside
        for task in (*tasks, stopping):
            task.cancel()
        _, left = await asyncio.wait({*tasks, stopping, *self._closing}, timeout=_FAREWELL_SECONDS)
        for task in left:
            _log.error("%s does not end, and is left behind", task.get_name())
        for collector in everyone:
            await self._close(collector.runnable)
