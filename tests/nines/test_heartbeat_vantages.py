"""Jobs as the vantages of a quorum, in a real service whose clock the test gives."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from alerting.notification import NotificationKind
from collectors.job import Ping, PingKind
from nines.service import Service
from slo.status import SLOStatus
from tests.fakes.clock import FakeClock
from tests.nines.told import kinds_told

T0 = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
LOOK = timedelta(seconds=10)
PLACES = ("tokyo", "singapore", "iowa")
# Each place tells once a minute that it reached the shop; the backup runs once a night.
CONFIG = """
server: {{database: "sqlite:///{folder}/nines.db"}}
defaults: {{interval: 10s}}
alerting:
  receivers: {{oncall: {{webhook: {{url: "http://127.0.0.1:1/oncall"}}}}}}
  route: {{receivers: [oncall]}}
services:
  shop:
    collectors:
      tokyo: {{heartbeat: {{every: 1m, grace: 20s, token: only-you}}}}
      singapore: {{heartbeat: {{every: 1m, grace: 20s, token: only-you}}}}
      iowa: {{heartbeat: {{every: 1m, grace: 20s, token: only-you}}}}
    slos:
      reached: {{objective: 99%, sli: {{quorum: [tokyo, singapore, iowa], bad_at: 2}}}}
      from-tokyo: {{objective: 99%, sli: {{probe: tokyo}}}}
"""


class Shop:
    """A service whose jobs are looked at every ten seconds, and ping when the test says so."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock(T0)
        self._folder = folder
        self.service: Service

    async def open(self) -> None:
        (self._folder / "config.yaml").write_text(CONFIG.format(folder=self._folder))
        self.service = await Service.open(self._folder / "config.yaml", {}, self.clock)
        self.service.rounds.take_up()
        await self.service.dispatch.settle()

    async def pass_minutes(self, minutes: int, pinging: Sequence[str]) -> None:
        """Each look a moment after its slice began, as it is due; pings half a minute on."""
        for _ in range(minutes):
            for second in range(0, 60, 10):
                if second == 30:
                    for name in pinging:
                        told = Ping(0, self.clock.now(), PingKind.SUCCESS)
                        assert await self.service.heartbeats.ping(f"shop/{name}", told)
                for name in PLACES:
                    job = self.service.configured.collectors[f"shop/{name}"]
                    seen = await job.run(self.clock.now(), self.clock)
                    self.service.rounds.on_observation(seen)
                self.clock.move(LOOK)
            self.service.rounds.judge()
            await self.service.dispatch.settle()

    def counts(self, slo: str = "reached") -> tuple[int, int, int]:
        status = cast("SLOStatus", self.service.live.status(f"shop/{slo}"))
        return status.lifetime.good, status.lifetime.bad, status.lifetime.unknown

    async def told(self) -> list[str]:
        return await kinds_told(self.service)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    world = Shop(tmp_path)
    await world.open()
    yield world
    await world.service.close()


async def test_before_the_first_run_nothing_is_known(shop: Shop) -> None:
    await shop.pass_minutes(1, ())
    good, bad, unknown = shop.counts()
    assert (good, bad) == (0, 0)
    assert unknown >= 5


async def test_one_silent_job_is_no_outage_and_two_are(shop: Shop) -> None:
    await shop.pass_minutes(4, PLACES)
    good, bad, unknown = shop.counts()
    assert good >= 6 * 3 - 2  # every slice of ten seconds, though a job tells once a minute
    assert bad == 0

    await shop.pass_minutes(4, PLACES[:2])
    after_one = shop.counts()
    assert after_one[0] - good >= 6 * 4 - 2
    assert after_one[1:] == (0, unknown)
    assert await shop.told() == []

    await shop.pass_minutes(5, PLACES[:1])
    after_two = shop.counts()
    # Singapore is missed 80 s after its last ping, and stays so until it tells again.
    assert 6 * 3 <= after_two[1] <= 6 * 4
    assert after_two[2] == unknown
    assert (await shop.told())[:1] == [NotificationKind.TRIGGER]

    await shop.pass_minutes(3, PLACES)
    assert shop.counts()[1] - after_two[1] <= 4
    # What the job itself promised counts its runs, and no looks.
    runs = shop.counts("from-tokyo")
    assert 14 <= runs[0] <= 17
    assert runs[1:] == (0, 0)


async def test_what_nobody_looked_at_is_unknown(shop: Shop) -> None:
    await shop.pass_minutes(3, PLACES)
    before = shop.counts()
    await shop.service.dispatch.flush()
    await shop.service.close()
    shop.clock.move(timedelta(minutes=5))
    await shop.open()
    await shop.pass_minutes(3, PLACES)
    good, bad, unknown = shop.counts()
    assert bad == 0
    assert 6 * 4 <= unknown - before[2] <= 6 * 6
    assert good - before[0] >= 6 * 2
