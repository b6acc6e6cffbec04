"""A log's lines from the file to the ledger: each is counted once, whoever restarts or rotates."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from collectors.log import LogConfig, LogLines
from collectors.means import Means
from collectors.resolve import Resolver
from nines.engine import Engine
from nines.entry import Entry
from nines.indicator import Indicator
from nines.resume import resume_target
from nines.storage.batches import CollectorRecord
from nines.target import Target
from slo.counts import Counts
from slo.definition import EventsSLI
from slo.ledger import Ledger
from slo.selector import parse_selector
from tests.slo.builders import T0, an_slo

STEP = timedelta(seconds=10)
ACCESS = "shop/access"
CONFIG = {
    "metrics": {
        "requests_total": {"labels": {"class": "status_class"}},
        "errors_total": {"where": {"status": "^5"}},
    }
}


@dataclass
class Clock:
    """Stands where it is put."""

    at: datetime = T0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)


@dataclass
class Shop:
    """One Nines on one log; `restart` keeps what was stored, and nothing else."""

    log: Path
    clock: Clock = field(default_factory=Clock)
    indicator: Indicator = field(init=False)
    collector_clock: Clock | None = None  # another one, that stands

    def __post_init__(self) -> None:
        self.log.write_text("")
        bad, total = parse_selector("errors_total"), parse_selector("requests_total")
        slo = replace(an_slo(), name="requests", sli=EventsSLI("access", (total,), (bad,)))
        self.indicator = Indicator(slo, 1, "", Ledger(10, slo.window.length))
        self._start(None)

    def _start(self, record: CollectorRecord | None) -> None:
        self._engine = Engine(10, awake_since=self.clock.at)
        target = resume_target(STEP, record, None, self.clock.at)
        self._engine.watch([Entry(self.indicator.slo, self.indicator)], {ACCESS: target})
        self.reload()

    def reload(self) -> None:
        """Make the collector anew, as a reload does."""
        config = LogConfig.model_validate({"log": str(self.log), **CONFIG})
        self.collector = LogLines(ACCESS, config, Means(STEP, STEP, Resolver()))
        self.collector.go_on_from(
            lambda: self._target.counters.position if self._target.counters else None
        )

    @property
    def _target(self) -> Target:
        return self._engine.targets[ACCESS]

    def write(self, good: int, bad: int) -> None:
        with self.log.open("a") as file:
            file.write('{"status": 200}\n' * good + '{"status": 503}\n' * bad)

    def rotate(self) -> None:
        self.log.rename(self.log.with_name("access.log.1"))
        self.log.write_text("")

    async def look(self) -> None:
        self.clock.at += STEP
        seen = await self.collector.run(self.clock.at, self.collector_clock or self.clock)
        self._engine.observe(seen, self.clock.at)

    def restart(self, away: timedelta) -> None:
        batch = self._engine.take_batch("once")
        assert batch is not None
        self.clock.at += away
        self._start(batch.collector_states[ACCESS])

    @property
    def counted(self) -> Counts:
        return self.indicator.ledger.lifetime


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "access.log")


@pytest.mark.parametrize("looks", [1, 60])  # after so many nothing is odd any more
async def test_a_restart_counts_what_was_written_meanwhile_and_nothing_twice(
    shop: Shop, looks: int
) -> None:
    await shop.look()
    for _ in range(looks):
        shop.write(3, 1)
        await shop.look()
    assert shop.counted == Counts(good=3 * looks, bad=looks)
    shop.write(10, 2)
    shop.rotate()
    shop.write(4, 1)
    shop.restart(timedelta(minutes=10))
    await shop.look()
    shop.write(1, 1)
    await shop.look()

    assert shop.counted == Counts(good=3 * looks + 15, bad=looks + 4)


async def test_a_restart_without_a_line_meanwhile_counts_nothing(shop: Shop) -> None:
    await shop.look()
    shop.write(3, 1)
    await shop.look()
    for _ in range(3):
        shop.restart(timedelta(seconds=1))
        await shop.look()

    assert shop.counted == Counts(good=3, bad=1)


async def test_a_reload_counts_each_line_once(shop: Shop) -> None:
    await shop.look()
    shop.write(3, 1)
    await shop.look()
    shop.write(5, 0)
    shop.reload()
    await shop.look()
    shop.write(0, 2)
    await shop.look()

    assert shop.counted == Counts(good=8, bad=3)


async def test_lines_from_before_it_was_first_looked_at_are_not_counted(shop: Shop) -> None:
    shop.write(100, 100)
    await shop.look()
    shop.write(2, 0)
    await shop.look()

    assert shop.counted == Counts(good=2)


@pytest.mark.parametrize("set_by", [timedelta(0), timedelta(hours=-1)])
async def test_two_reloads_in_a_moment_and_a_clock_that_was_set_back_lose_nothing(
    shop: Shop, set_by: timedelta
) -> None:
    await shop.look()
    shop.write(3, 1)
    await shop.look()
    for _ in range(3):
        shop.reload()
        shop.collector_clock = Clock(T0 + set_by)
        shop.write(9, 1)
        await shop.look()

    assert shop.counted == Counts(good=30, bad=4)
