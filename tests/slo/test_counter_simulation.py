"""Increments against processes that count: the sums are what the pages made knowable."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from slo.counter import advance
from slo.counter_state import TargetState
from slo.definition import EventsSLI
from slo.exposition import Page, Sample, Series
from slo.increment import Increment
from slo.selector import parse_selector

T0 = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
EVERY = timedelta(seconds=15)
SLI = EventsSLI(
    "metrics",
    total=(parse_selector("http_requests_total"),),
    bad=(parse_selector('http_requests_total{code=~"5.."}'),),
)
CODES = ("200", "404", "500", "503")


@dataclass
class Process:
    """Counts requests by code from zero; a code that was never answered has no series."""

    started: float
    answered: Counter[str] = field(default_factory=Counter)

    def page(self, *, tells_start: bool) -> Page:
        samples = {
            Series("http_requests_total", (("code", code),)): Sample(count)
            for code, count in self.answered.items()
        }
        return Page(samples, process_start=self.started if tells_start else None)


@dataclass
class World:
    """A service that is scraped, restarted and, now and then, not reached."""

    tells_start: bool
    process: Process = field(default_factory=lambda: Process(1000.0))
    state: TargetState = field(default_factory=TargetState)
    at: datetime = T0
    knowable: Counter[str] = field(default_factory=Counter)  # since the last page, this process
    total: Counter[str] = field(default_factory=Counter)  # what all pages made knowable
    happened: int = 0  # since the first page
    seen: list[Increment] = field(default_factory=list)

    def ask(self, code: str, times: int) -> None:
        self.process.answered[code] += times
        self.knowable[code] += times
        self.happened += times

    def restart(self) -> None:
        self.process = Process(self.process.started + 60.0)
        self.knowable.clear()

    def miss_a_scrape(self) -> None:
        self.at += EVERY

    def scrape(self) -> None:
        self.at += EVERY
        first = self.state.at is None
        page = self.process.page(tells_start=self.tells_start)
        self.state, increments = advance(self.state, page, self.at, {"a/b": SLI}, EVERY)
        self.seen.append(increments["a/b"])
        if first:
            self.happened = 0
        else:
            self.total += self.knowable
        self.knowable.clear()


asks = st.tuples(st.just("ask"), st.sampled_from(CODES), st.integers(1, 9))
steps = st.lists(
    st.one_of(
        asks,
        asks,
        st.tuples(st.just("scrape"), st.just(""), st.just(0)),
        st.tuples(st.just("restart"), st.just(""), st.just(0)),
        st.tuples(st.just("miss"), st.just(""), st.just(0)),
    ),
    max_size=60,
)


def play(world: World, script: list[tuple[str, str, int]]) -> None:
    # A busy past, so that no first value is more than was ever counted.
    world.ask("200", 1_000_000)
    world.scrape()
    world.ask("200", 100_000)
    world.scrape()
    for what, code, times in script:
        match what:
            case "ask":
                world.ask(code, times)
            case "restart":
                world.restart()
            case "miss":
                world.miss_a_scrape()
            case _:
                world.scrape()
    world.scrape()


@given(steps)
@settings(max_examples=300)
def test_a_process_that_tells_its_start_is_counted_exactly(
    script: list[tuple[str, str, int]],
) -> None:
    world = World(tells_start=True)
    play(world, script)

    bad = world.total["500"] + world.total["503"]
    assert sum(increment.bad for increment in world.seen) == bad
    assert sum(increment.good for increment in world.seen) == world.total.total() - bad
    assert all(increment.unknown == 0 for increment in world.seen)


@given(steps)
@settings(max_examples=300)
def test_a_process_that_does_not_tell_its_start_is_never_counted_above_what_happened(
    script: list[tuple[str, str, int]],
) -> None:
    world = World(tells_start=False)
    play(world, script)

    counted = sum(one.good + one.bad + one.unknown for one in world.seen)
    assert counted <= world.happened


@given(steps.map(lambda script: [step for step in script if step[0] != "restart"]))
def test_without_restarts_no_start_is_needed(script: list[tuple[str, str, int]]) -> None:
    world = World(tells_start=False)
    play(world, script)

    assert sum(one.good + one.bad for one in world.seen) == world.happened


@given(
    st.lists(
        st.tuples(st.sampled_from(["asked", "failed", "page"]), st.integers(1, 20)), max_size=80
    )
)
def test_bad_above_total_is_booked_later_or_named_but_never_above_a_pages_total(
    script: list[tuple[str, int]],
) -> None:
    sli = EventsSLI("m", total=(parse_selector("asked"),), bad=(parse_selector("failed"),))
    series = {name: Series(name, ()) for name in ("asked", "failed")}
    counts, before = Counter(asked=0, failed=0), Counter[str]()
    state, at, booked, named = TargetState(), T0, 0, 0
    for what, times in (("page", 0), *script, ("page", 0)):
        if what != "page":
            counts[what] += times
            continue
        at += EVERY
        page = Page({series[name]: Sample(count) for name, count in counts.items()})
        state, increments = advance(state, page, at, {"a/b": sli}, EVERY)
        increment = increments["a/b"]
        booked += increment.bad
        named += sum(int(text.split()[0]) for text in increment.anomalies)

        assert increment.good + increment.bad == counts["asked"] - before["asked"]
        assert increment.good >= 0
        before = counts.copy()

    waiting = sum(amount for _, amount in state.memories["a/b"].carry)
    assert booked + named + waiting == counts["failed"]


@given(st.lists(st.floats(0, 1000, allow_nan=False), min_size=2, max_size=60))
def test_fractions_never_drift(steps: list[float]) -> None:
    state, at, value, good = TargetState(), T0, 0.0, 0
    series = Series("http_requests_total", (("code", "200"),))
    for step in (0.0, *steps):
        value, at = value + step, at + EVERY
        page = Page({series: Sample(value)})
        state, increments = advance(state, page, at, {"a/b": SLI}, EVERY)
        good += increments["a/b"].good

    assert good == int(value)
