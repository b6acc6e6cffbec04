"""The heartbeat goes out while nothing is overdue, stops when something is, and holds up nobody."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from alerting.audit import Owed, Vitals, What
from alerting.notification import NotificationKind
from alerting.watching_config import HeartbeatConfig
from nines import auditor
from nines.auditor import Auditor
from nines.demo.http_server import HttpServer, Misbehaviour, Request, Response
from nines.storage.errors import StorageError
from slo.severity import Severity
from tests.fakes.clock import FakeClock

T = TypeVar("T")
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with capture_logs():
        yield


class Listener:
    """Whoever waits for our heartbeat."""

    def __init__(self) -> None:
        self.answer: Response | Misbehaviour = Response(200, b"OK")
        self.heard: list[Request] = []

    def take(self, request: Request) -> Response | Misbehaviour:
        self.heard.append(request)
        return self.answer


class World:
    """An auditor over vitals that the test decides."""

    def __init__(self, url: str, listener: Listener) -> None:
        self.listener = listener
        self.clock = FakeClock()
        self.owed: list[Owed] = []
        self.broken: Exception | None = None
        self.answers = asyncio.Event()  # the database
        self.answers.set()
        self.reads = 0
        self.config: HeartbeatConfig | None = HeartbeatConfig.model_validate(
            {"url": f"{url}/ping/secret", "timeout": "1s"}
        )
        self.auditor = Auditor(
            config=lambda: self.config,
            vitals=self.vitals,
            owed=self._owed,
            run=self._run,
            clock=self.clock,
        )

    def vitals(self) -> Vitals:
        now = self.clock.now()
        return Vitals(now, evaluated=now, stored=now)

    async def look(self, after: timedelta = timedelta(0)) -> None:
        """Time passes, the auditor looks, and the beat that it began ends."""
        self.clock.move(after)
        await self.auditor.look()
        beats = [one for one in asyncio.all_tasks() if one.get_name() == "heartbeat"]
        await asyncio.gather(*beats)

    def a_page(self) -> Owed:
        return Owed(
            "inc-1",
            "oncall",
            NotificationKind.TRIGGER,
            Severity.PAGE,
            "shop",
            self.clock.now() - 3 * MINUTE,
        )

    def _owed(self, _now: datetime, _within: timedelta) -> Sequence[Owed]:
        if self.broken:
            raise self.broken
        return list(self.owed)

    async def _run(self, call: Callable[[], T], /) -> T:
        self.reads += 1
        await self.answers.wait()
        return call()

    def write(self, **fields: object) -> None:
        """The configuration is reloaded with these instead."""
        assert self.config is not None
        written = {"url": self.config.url.value, "timeout": "1s"}
        self.config = HeartbeatConfig.model_validate(written | fields)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    listener = Listener()
    server = HttpServer(listener.take)
    await server.start()
    yield World(server.url, listener)
    await server.refuse()


async def test_a_beat_at_once_and_then_one_an_interval(world: World) -> None:
    await world.look()
    await world.look(30 * SECOND)
    assert len(world.listener.heard) == 1
    await world.look(30 * SECOND)

    assert [one.method for one in world.listener.heard] == ["GET", "GET"]
    assert world.auditor.heartbeat.last_success == world.clock.now()
    assert world.auditor.problems() == []


async def test_it_is_withheld_while_a_page_is_overdue_and_returns_at_once(world: World) -> None:
    await world.look()
    world.owed = [world.a_page()]
    for _ in range(5):
        await world.look(MINUTE)
    assert len(world.listener.heard) == 1
    withheld, overdue = world.auditor.problems()
    assert withheld.startswith("The heartbeat is withheld since 14:01:00 UTC: The page about shop")
    assert overdue.startswith("The page about shop to oncall has no receipt")

    world.owed = []
    await world.look(SECOND)
    assert len(world.listener.heard) == 2
    assert world.auditor.problems() == []


async def test_one_that_cannot_be_sent_is_shown_and_tried_again_soon(world: World) -> None:
    world.listener.answer = Response(500, b"oh no")
    await world.look()
    [problem] = world.auditor.problems()
    assert problem.startswith("The heartbeat cannot be sent: ")
    assert "500" in problem
    assert "secret" not in problem

    world.listener.answer = Response(200, b"OK")
    await world.look(5 * SECOND)
    assert len(world.listener.heard) == 2
    assert world.auditor.problems() == []
    assert (world.auditor.heartbeat.sent, world.auditor.heartbeat.failed) == (1, 1)


async def test_a_listener_that_hangs_holds_up_no_look(world: World) -> None:
    world.listener.answer = Misbehaviour.HANG
    await world.auditor.look()
    world.owed = [world.a_page()]
    await world.auditor.look()
    assert [one.what for one in world.auditor.overdue] == [What.DELIVERY]

    await world.look()
    assert "gave no answer" in world.auditor.heartbeat.problem


async def test_a_shorter_interval_holds_from_its_reload_on(world: World) -> None:
    world.write(interval="1h")
    await world.look()
    world.write(interval="10s")
    await world.look(5 * SECOND)
    await world.look(5 * SECOND)
    await world.look(5 * SECOND)
    assert len(world.listener.heard) == 3


async def test_the_same_configuration_read_again_changes_nothing(world: World) -> None:
    await world.look()
    world.write()
    await world.look(5 * SECOND)
    assert len(world.listener.heard) == 1


@pytest.mark.parametrize("removed", [True, False], ids=["removed", "another interval"])
async def test_a_beat_in_flight_ends_with_its_configuration(world: World, removed: bool) -> None:
    world.listener.answer = Misbehaviour.HANG
    await world.auditor.look()
    [beat] = [one for one in asyncio.all_tasks() if one.get_name() == "heartbeat"]
    world.listener.answer = Response(200, b"OK")
    if removed:
        world.config = None
    else:
        world.write(interval="2m")
    await world.look()
    await world.look(5 * SECOND)

    assert beat.cancelled()
    assert world.auditor.heartbeat.sent == (0 if removed else 1)
    assert world.auditor.heartbeat.failed == 0


async def test_a_read_that_hangs_is_told_and_no_second_begins_beside_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auditor, "_READ_WITHIN", 0.01)
    world.answers.clear()
    said = []
    for _ in range(3):
        await world.look(5 * SECOND)
        said += [one.sentence for one in world.auditor.overdue]
    assert said == [
        "The outbox cannot be read: the database gave no answer within 0 s.",
        "The outbox cannot be read: the database has given no answer for 5 s.",
        "The outbox cannot be read: the database has given no answer for 10 s.",
    ]
    assert (world.reads, world.listener.heard) == (1, [])

    world.answers.set()
    await world.clock.advance()
    await world.look(5 * SECOND)
    assert (world.auditor.overdue, world.reads) == ((), 2)
    assert len(world.listener.heard) == 1


async def test_an_outbox_that_cannot_be_read_withholds_it(world: World) -> None:
    world.broken = StorageError("The database is locked.")
    await world.look()
    assert world.auditor.overdue[0].sentence == (
        "The outbox cannot be read: The database is locked."
    )

    world.broken = RuntimeError("a mistake of ours")
    await world.look(MINUTE)
    assert world.auditor.overdue[0].what is What.AUDIT
    assert world.listener.heard == []


async def test_a_clock_that_is_set_withholds_it_for_a_while(world: World) -> None:
    await world.look()
    seconds = world.clock.monotonic()
    world.clock.monotonic = lambda: seconds + 5  # type: ignore[method-assign]
    await world.look(timedelta(hours=1))

    assert [one.what for one in world.auditor.overdue] == [What.CLOCK]
    assert len(world.listener.heard) == 1


async def test_it_is_posted_where_that_is_asked_for(world: World) -> None:
    assert world.config is not None
    world.config = world.config.model_copy(update={"method": "POST"})
    await world.look()
    assert [one.method for one in world.listener.heard] == ["POST"]


async def test_without_a_listener_what_is_overdue_is_told_all_the_same(world: World) -> None:
    world.config = None
    world.owed = [world.a_page()]
    await world.look()

    assert not world.auditor.beats
    assert len(world.auditor.problems()) == 1
    assert world.listener.heard == []


async def test_it_looks_again_and_again(world: World) -> None:
    looking = asyncio.create_task(world.auditor.run())
    await world.clock.advance(timedelta(0))
    world.owed = [replace(world.a_page())]
    await world.clock.advance(5 * SECOND)
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)

    assert [one.what for one in world.auditor.overdue] == [What.DELIVERY]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"interval": "500ms"}, "at least 1s"),
        ({"interval": "5s", "timeout": "6s"}, "a timeout of 6s is too long"),
        ({"interval": "nonsense"}, "interval"),
        ({"url": "ftp://x"}, "https://"),
    ],
)
def test_a_heartbeat_that_makes_no_sense_is_refused(written: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        HeartbeatConfig.model_validate({"url": "https://hc.example/x"} | written)


@pytest.mark.parametrize(("interval", "seconds"), [("5s", 5), ("10s", 10), ("1m", 10)])
def test_by_itself_no_request_of_a_heartbeat_lasts_longer_than_its_interval(
    interval: str, seconds: int
) -> None:
    written = {"url": "https://hc.example/x", "interval": interval}

    assert HeartbeatConfig.model_validate(written).timeout == timedelta(seconds=seconds)


async def test_without_a_heartbeat_it_looks_every_fifteen_seconds(world: World) -> None:
    looks: list[datetime] = []
    look = world.auditor.look

    async def looked() -> None:
        looks.append(world.clock.now())
        await look()

    world.auditor.look = looked  # type: ignore[method-assign]
    world.config = None
    running = asyncio.create_task(world.auditor.run())
    await world.clock.advance(MINUTE)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert len(looks) == 5
