"""What goes wrong around Nines: nothing is lost, no stranger is told, the reason can be read."""

import asyncio
import os
import signal
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from alerting.notification import NotificationKind
from alerting.outbox import LONGEST_BACKOFF
from nines.storage.schema import metadata
from tests.chaos.deciding import decide
from tests.chaos.forks import Forks
from tests.chaos.judge import Broke, Healed, Said, faults
from tests.chaos.lending import Lend
from tests.chaos.vendors import KINDS, Fault
from tests.chaos.world import World, world

pytestmark = pytest.mark.slow
HOUR = 3600


@pytest.fixture
async def at(lend: Lend, tmp_path: Path, forks: Forks) -> AsyncIterator[World]:
    async with world(tmp_path, lend("sqlite", tmp_path), forks) as made:
        yield made


async def paged(at: World) -> None:
    """It breaks, and everybody is told."""
    since = len(at.events)
    at.breaks()
    await at.told(Said.FIRING, since)
    await at.settled()


async def over(at: World) -> None:
    """It heals, and everybody is told."""
    since = len(at.events)
    at.heals()
    await at.told(Said.RESOLVED, since)
    await at.settled()


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Somebody else has the database to himself."""
    if url.startswith("sqlite"):
        other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")
            other.close()
    else:
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            tables = ", ".join(table.name for table in metadata.sorted_tables)
            connection.execute(f"LOCK TABLE {tables} IN EXCLUSIVE MODE".encode())
            yield
            connection.rollback()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_a_page_waits_for_a_locked_database_and_says_so(
    kind: str, lend: Lend, tmp_path: Path, forks: Forks
) -> None:
    url = lend(kind, tmp_path)
    async with world(tmp_path, url, forks) as at:
        await at.start()
        await at.ask("GET", "/-/ready")
        since = len(at.events)
        with locked(url):
            at.breaks()
            await at.says("storage_refused", within=40)
            assert "Storing failed" in (await at.ask("GET", "/-/ready")).text
        await at.told(Said.FIRING, since)
        await over(at)

        assert faults(at.events, KINDS) == []


async def test_a_page_waits_for_room_on_a_full_disk_and_says_so(at: World) -> None:
    await at.start()
    await at.ask("GET", "/-/ready")
    since = len(at.events)
    at.trouble(full=True)
    at.breaks()
    await at.says("the disk is full")
    assert "the disk is full" in (await at.ask("GET", "/-/ready")).text
    at.trouble()
    await at.told(Said.FIRING, since)
    await over(at)

    assert faults(at.events, KINDS) == []


@pytest.mark.parametrize("by", [HOUR, -HOUR], ids=["forward", "back"])
async def test_a_clock_that_is_set_by_an_hour_holds_up_no_page_and_no_end(
    at: World, by: int
) -> None:
    await at.start()
    at.faults = lambda _: Fault.BUSY
    since = len(at.events)
    at.breaks()
    await at.says("busy")  # a second try waits for its time
    at.trouble(ahead=by)
    at.faults = lambda _: None
    await at.told(Said.FIRING, since)
    await over(at)
    at.trouble(ahead=0)
    await paged(at)
    await over(at)

    assert faults(at.events, KINDS) == []


async def test_without_names_a_page_waits_and_says_why(at: World) -> None:
    at.configure(by_name=True)
    at.trouble(dns=True)
    await at.start()
    since = len(at.events)
    at.breaks()
    await at.says("name resolution")
    await at.tried_again()
    assert len(at.events) == since + 1
    at.trouble()
    await at.told(Said.FIRING, since)
    await over(at)

    assert faults(at.events, KINDS) == []


async def test_after_an_hour_without_a_network_everything_is_told_once(
    lend: Lend, tmp_path: Path, forks: Forks
) -> None:
    url = lend("sqlite", tmp_path)
    async with world(tmp_path, url, forks) as at:
        for one in at.vendors.values():
            await one.stop()
        await asyncio.to_thread(decide, at.events, url, NotificationKind.TRIGGER, 2, KINDS)
        worker = await at.start_worker("one")
        await at.says("cannot be reached")
        pause = int(LONGEST_BACKOFF.total_seconds())
        for ahead in range(pause, HOUR + 1, pause):
            at.set_clocks(ahead)
            await at.tried_again()
        assert await at.states() == {"pending": 2 * len(KINDS)}

        for one in at.vendors.values():
            await one.start()
        await at.settled_by(range(3660, 4600, 60))
        await asyncio.to_thread(decide, at.events, url, NotificationKind.RESOLVE, 2, KINDS)
        await at.settled_by(range(4660, 4800, 60))
        os.kill(worker.pid, signal.SIGTERM)
        await worker.ended.wait()

        assert faults(at.events, KINDS) == []


async def test_who_is_told_next_is_who_stands_there_when_the_time_comes(at: World) -> None:
    route = "receivers: [webhook]\nescalate: [{{after: 4s, receivers: [{}]}}]"
    at.configure(route.format("teams"))
    await at.start()
    await at.ask("GET", "/-/ready")
    at.breaks()
    await at.told(Said.FIRING, 0, names=["webhook"])
    at.configure(route.format("discord"))
    assert (await at.ask("POST", "/-/reload")).status_code == 200
    await at.told(Said.FIRING, 0, names=["discord"])
    at.heals()
    await at.told(Said.RESOLVED, 0, names=["webhook", "discord"])
    await at.settled(incidents=False)

    assert faults(at.events, ["webhook", "discord"]) == []
    assert at.heard("webhook") == [Said.FIRING, Said.RESOLVED]


async def test_what_waits_for_a_receiver_that_is_removed_goes_to_who_took_its_place(
    at: World,
) -> None:
    route = "receivers: [webhook, {}]"
    at.configure(route.format("slack"))
    at.faults = lambda name: Fault.BUSY if name == "slack" else None
    await at.start()
    at.breaks()
    await at.says("busy")
    at.configure(route.format("teams"), without=["slack"])
    assert (await at.ask("POST", "/-/reload")).status_code == 200
    at.faults = lambda _: None  # it would take what it is sent
    await at.told(Said.FIRING, 0, names=["teams"])
    at.heals()
    await at.told(Said.RESOLVED, 0, names=["webhook", "teams"])
    await at.settled(incidents=False)

    assert faults(at.events, ["webhook", "teams"]) == []
    found = (await at.ask("GET", "/api/v1/incidents")).json()["incidents"]
    told = (await at.ask("GET", f"/api/v1/incidents/{found[0]['id']}")).text
    assert "the configuration has no receiver slack any more" in told


async def test_labels_of_any_kind_reach_everybody(at: World) -> None:
    labels = {
        "alertname": "Disk\nfull\r\nBcc: everyone@example.com",
        "severity": "critical",
        "service": "shop",
        "flames": "🔥" * 300,
        "dump": "x" * 100_000,
        "slack": "<!channel> *bold* [a](http://b) {{ 7 * 7 }}",
        "nul": "a\x00b\u202ec",
    }
    alert = {"labels": labels, "annotations": {"summary": "many\nwords " * 9_000}}
    await at.start()
    since = len(at.events)
    at.events.append(Broke())
    answer = await at.ask("POST", "/api/v2/alerts", [alert])
    assert answer.status_code == 200, answer.text
    await at.told(Said.FIRING, since)
    at.events.append(Healed())
    await at.ask("POST", "/api/v2/alerts", [{**alert, "endsAt": "2026-01-01T00:00:00Z"}])
    await at.told(Said.RESOLVED, since)
    await at.settled(incidents=False)

    assert faults(at.events, KINDS) == []
