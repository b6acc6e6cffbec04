"""Jain Shikanji's nightly backup that does not run wakes whom it should, and nobody else."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collectors.job import Ping, PingKind
from nines.service import Service
from tests.fakes.clock import FakeClock

EXAMPLE = Path(__file__).parents[2] / "examples" / "jain-shikanji"
DUE = datetime(2026, 11, 20, 20, 30, tzinfo=UTC)  # 02:00 in Kolkata
MINUTE = timedelta(minutes=1)


class Backups:
    """The example, of which only the backups are looked at."""

    def __init__(self, service: Service, clock: FakeClock) -> None:
        self.service, self.clock = service, clock

    async def watch(self, until: datetime) -> None:
        while self.clock.now() < until:
            self.clock.move(MINUTE)
            for name in ("backups/full", "backups/incremental"):
                seen = await self.service.configured.collectors[name].run(
                    self.clock.now(), self.clock
                )
                self.service.rounds.on_observation(seen)
        await self.service.dispatch.settle()

    async def ping(self, kind: PingKind, code: int | None = None, said: str = "") -> None:
        told = Ping(0, self.clock.now(), kind, "tonight", code, said)
        assert await self.service.heartbeats.ping("backups/full", told)

    async def alerts(self) -> list[tuple[str, str, str, set[str]]]:
        page = await self.service.live.incidents(state=None, service=None, cursor=None, limit=50)
        found = []
        for incident in page.incidents:
            detail = await self.service.live.incident(incident.id)
            assert detail is not None
            told = {one.receiver for one in detail.notifications}
            found += [
                (one.slo, str(one.severity), one.facts.headline + one.facts.reason, told)
                for one in detail.alerts
            ]
        return found


@pytest.fixture
async def backups(tmp_path: Path) -> AsyncIterator[Backups]:
    clock = FakeClock(DUE - 30 * MINUTE)
    environ = {
        "NINES_DATABASE": f"sqlite:///{tmp_path}/nines.db",
        "PAGERDUTY_ROUTING_KEY": "example0" * 4,
        "SLACK_TOKEN": "xoxb-example",
        "JAIN_SHIKANJI_BACKUP_TOKEN": "example",
    }
    service = await Service.open(EXAMPLE, environ, clock)
    service.rounds.take_up()
    yield Backups(service, clock)
    await service.close()


async def test_a_backup_that_does_not_run_pages(backups: Backups) -> None:
    await backups.watch(DUE + 60 * MINUTE)
    assert await backups.alerts() == []
    await backups.watch(DUE + 61 * MINUTE)
    ((name, severity, why, told),) = await backups.alerts()
    assert (name, severity, told) == ("full-missed", "page", {"oncall"})
    assert "the run due Sat 2026-11-21 02:00 Asia/Kolkata was not heard of" in why


async def test_a_backup_that_fails_pages_with_what_it_said(backups: Backups) -> None:
    await backups.watch(DUE + 10 * MINUTE)
    await backups.ping(PingKind.FAIL, 28, "no space left on device")
    await backups.watch(DUE + 11 * MINUTE)
    ((name, severity, why, told),) = await backups.alerts()
    assert (name, severity, told) == ("full-missed", "page", {"oncall"})
    assert "failed with exit 28; it said: 'no space left on device'" in why


async def test_a_backup_that_runs_wakes_nobody(backups: Backups) -> None:
    await backups.watch(DUE + 10 * MINUTE)
    await backups.ping(PingKind.SUCCESS)
    await backups.watch(DUE + 62 * MINUTE)
    assert await backups.alerts() == []
