"""What jobs tell, in a real service on a real database whose clock the test gives."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from alerting.notification import NotificationKind
from collectors.job import Ping, PingKind
from collectors.observation import Observation, Outcome
from nines.service import Service
from nines.storage.errors import StorageError
from slo.status import SLOStatus
from tests.fakes.clock import FakeClock
from tests.nines.told import kinds_told
from web.heartbeats import TooOftenError
from web.senders import NotKeptError, RefusedSenderError

EVENING = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
DUE = datetime(2026, 11, 21, 1, 30, tzinfo=UTC)  # 02:30 in Berlin
JOB = "shop/nightly"
CONFIG = """
server: {{database: "{database}"}}
alerting:
  receivers: {{oncall: {{webhook: {{url: "http://127.0.0.1:1/oncall"}}}}}}
  route: {{receivers: [oncall]}}
services:
  shop:
    collectors:
      nightly:
        heartbeat: {{cron: "{cron}", zone: Europe/Berlin, grace: 30m, token: only-you}}
        interval: 15s
    slos: {{backups: {{objective: 99%, sli: {{probe: nightly}}}}}}
    alerts: {{backup-missed: {{probe: nightly, failures: 1 of 1, severity: page}}}}
"""


class Night:
    """A service whose job is looked at whenever the test says so."""

    def __init__(self, folder: Path, database: str) -> None:
        self.clock = FakeClock(EVENING)
        self._folder, self._database = folder, database
        self.service: Service

    async def open(self, cron: str = "30 2 * * *") -> None:
        self.write(cron)
        self.service = await Service.open(self._folder / "config.yaml", {}, self.clock)
        self.service.rounds.take_up()
        await self.service.dispatch.settle()

    def write(self, cron: str) -> None:
        text = CONFIG.format(database=self._database, cron=cron)
        (self._folder / "config.yaml").write_text(text)

    async def look(self, at: datetime) -> None:
        self.clock.move(at - self.clock.now())
        collector = self.service.configured.collectors[JOB]
        self.service.rounds.on_observation(await collector.run(at, self.clock))
        await self.service.dispatch.settle()

    async def watch(self, start: datetime, end: datetime) -> None:
        """Look every minute, as often as is no absence."""
        while start < end:
            await self.look(start)
            start += timedelta(minutes=1)

    async def ping(
        self, kind: PingKind, run_id: str | None = None, code: int | None = None
    ) -> bool:
        told = Ping(0, self.clock.now(), kind, run_id, code)
        return await self.service.heartbeats.ping(JOB, told)

    @property
    def counts(self) -> tuple[int, int, int]:
        self.service.rounds.judge(["shop/backups"])
        status = cast("SLOStatus", self.service.live.status("shop/backups"))
        return status.lifetime.good, status.lifetime.bad, status.lifetime.unknown

    @property
    def last(self) -> Outcome:
        last = self.service.engine.targets[JOB].last
        assert last is not None
        return last.outcome

    async def told(self) -> list[str]:
        return await kinds_told(self.service)


@pytest.fixture
async def night(tmp_path: Path, database_url: str) -> AsyncIterator[Night]:
    world = Night(tmp_path, database_url.replace("postgresql://", "postgresql+psycopg://"))
    await world.open()
    yield world
    await world.service.close()


async def test_a_missed_run_pages_and_the_next_success_ends_it(night: Night) -> None:
    await night.watch(DUE - timedelta(minutes=2), DUE + timedelta(minutes=31))
    assert (night.counts, night.last) == ((0, 0, 0), Outcome.PASSED)
    await night.look(DUE + timedelta(minutes=31))
    assert (night.counts, night.last) == ((0, 1, 0), Outcome.FAILED)
    assert await night.told() == [NotificationKind.TRIGGER]

    await night.ping(PingKind.SUCCESS)
    await night.watch(DUE + timedelta(minutes=32), DUE + timedelta(minutes=35))
    assert night.counts == (0, 1, 0)  # it came too late, and is no run of its own
    assert await night.told() == [NotificationKind.TRIGGER, NotificationKind.RESOLVE]


async def test_every_run_counts_once_through_kills_and_repetitions(night: Night) -> None:
    await night.watch(DUE - timedelta(minutes=2), DUE + timedelta(minutes=1))
    await night.service.dispatch.flush()
    assert await night.ping(PingKind.SUCCESS, "run-1")
    assert not await night.ping(PingKind.SUCCESS, "run-1")
    for minute in (1, 2):
        await night.look(DUE + timedelta(minutes=minute))
        assert night.counts == (1, 0, 0)
        # Ended as a kill would: what was counted and not stored is counted again, once.
        await night.service.close()
        await night.open()
    await night.look(DUE + timedelta(minutes=3))
    assert night.counts == (1, 0, 0)
    await night.service.dispatch.flush()
    await night.service.close()
    await night.open()
    await night.look(DUE + timedelta(minutes=4))
    assert night.counts == (1, 0, 0)
    assert not await night.ping(PingKind.SUCCESS, "run-1")


async def test_a_run_that_was_due_while_nines_was_down_is_unknown(night: Night) -> None:
    await night.watch(DUE - timedelta(minutes=3), DUE - timedelta(minutes=1))
    await night.service.dispatch.flush()
    await night.service.close()
    night.clock.move(timedelta(hours=1))
    await night.open()
    back = night.clock.now()
    await night.watch(back, back + timedelta(minutes=33))
    assert (night.counts, night.last) == ((0, 0, 1), Outcome.PASSED)
    assert await night.told() == []


async def test_a_run_that_could_not_be_stored_is_not_the_jobs_failure(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StorageError("The disk is full.")

    await night.watch(DUE - timedelta(minutes=2), DUE + timedelta(minutes=1))
    with monkeypatch.context() as patch:
        patch.setattr("nines.storage.heartbeats.PingRecords.add", refuse)
        with pytest.raises(NotKeptError, match="disk is full"):
            await night.ping(PingKind.SUCCESS)
    await night.watch(DUE + timedelta(minutes=1), DUE + timedelta(minutes=33))
    assert night.counts == (0, 0, 1)


async def test_another_timetable_judges_nothing_of_the_past(night: Night) -> None:
    await night.watch(DUE - timedelta(minutes=2), DUE + timedelta(minutes=10))
    night.write("0 4 * * *")
    assert (await night.service.reloading.reload()).problems == ()
    await night.watch(DUE + timedelta(minutes=10), DUE + timedelta(minutes=45))
    assert night.counts == (0, 0, 0)
    await night.watch(DUE + timedelta(minutes=45), DUE + timedelta(minutes=122))
    assert night.counts == (0, 1, 0)


async def test_only_the_bearer_of_the_token_is_heard_and_not_too_often(night: Night) -> None:
    admit = night.service.heartbeats.admit
    for header in (None, "Bearer wrong", "Basic only-you", "Bearer"):
        with pytest.raises(RefusedSenderError) as refused:
            admit(JOB, header)
        assert refused.value.status == 401
        assert "only-you" not in refused.value.text
    with pytest.raises(RefusedSenderError) as refused:
        admit("shop/none", "Bearer only-you")
    assert refused.value.status == 404
    for _ in range(60):
        admit(JOB, "Bearer only-you")
    with pytest.raises(TooOftenError):
        admit(JOB, "Bearer only-you")


async def test_a_look_that_came_too_late_is_no_run(night: Night) -> None:
    at = night.clock.now()
    nothing = timedelta(0)
    late = Observation(JOB, at, at, nothing, nothing, Outcome.UNKNOWN, detail="we were late")
    night.service.rounds.on_observation(late)
    await night.look(at + timedelta(seconds=15))
    assert night.counts == (0, 0, 0)
