"""Two workers share an outbox: each notification is sent by one at a time, in order, none lost."""

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol, TypeVar

import pytest
from structlog.testing import capture_logs

from alerting.delivery import Delivery
from alerting.lease import TERM
from alerting.notification import (
    AttemptOutcome,
    DeliveryError,
    Handle,
    Message,
    Notification,
    NotificationKind,
    NotificationState,
    Receipt,
)
from alerting.store import Decision
from nines.storage.alerts import AlertRecords
from nines.storage.database import Database
from tests.fakes.clock import FakeClock, settle
from tests.nines.storage.builders import a_message, a_notification, an_incident

T = TypeVar("T")
STORY = (NotificationKind.TRIGGER, NotificationKind.ACKNOWLEDGE, NotificationKind.RESOLVE)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with capture_logs():
        yield


class Rng(Protocol):
    def random(self) -> float: ...


@dataclass
class OtherSide:
    """What every worker sends to: refuses by chance, and sees who talks at the same time."""

    chance: Rng
    failing: float = 0.4
    under_way: set[str] = field(default_factory=set)
    accepted: list[tuple[str, str, NotificationKind]] = field(default_factory=list)
    hangs: asyncio.Event | None = None
    calls: int = 0

    async def deliver(self, message: Message, *, handle: Handle, attempt: int) -> Receipt:
        del handle, attempt
        self.calls += 1
        assert message.notification_id not in self.under_way, "sent by two at a time"
        self.under_way.add(message.notification_id)
        try:
            if self.hangs:
                await self.hangs.wait()
            await asyncio.sleep(0)
        finally:
            self.under_way.discard(message.notification_id)
        if self.chance.random() < self.failing:
            lost = self.chance.random() < 0.5
            if lost:
                self._take(message)
            outcome = AttemptOutcome.AMBIGUOUS if lost else AttemptOutcome.RETRY
            raise DeliveryError("scripted", outcome=outcome)
        self._take(message)
        return Receipt("taken", 202)

    async def close(self) -> None: ...

    def _take(self, message: Message) -> None:
        self.accepted.append((message.incident_id, message.receiver, message.kind))


class Workers:
    """Deliveries over one store, each on a clock that all share."""

    def __init__(self, records: AlertRecords, other: OtherSide, names: Sequence[str]) -> None:
        self.clock = FakeClock()
        self.clock.move(timedelta(days=1))
        self.records = records
        self.chance = random.Random(11)  # noqa: S311 - a test's own
        self.other = other
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.deliveries: dict[str, Delivery] = {}
        for name in names:
            self.start(name)

    def start(self, name: str) -> None:
        receivers = {"oncall": self.other, "sre": self.other}
        self.deliveries[name] = Delivery(
            self.records,
            self.run,
            receivers,
            self.clock,
            random.Random(name),  # noqa: S311 - jitter, no secret
            lambda *_: None,
            name=name,
            sleep=self.clock.sleep,
        )
        self.tasks[name] = asyncio.create_task(self.deliveries[name].run())

    async def run(self, call: Callable[[], T], /) -> T:
        """Storage in place; before and after it others may do something."""
        for _ in range(int(self.chance.random() * 4)):
            await asyncio.sleep(0)
        result = call()
        for _ in range(int(self.chance.random() * 4)):
            await asyncio.sleep(0)
        return result

    async def kill(self, name: str) -> None:
        tasks = [self.tasks[name], *self.deliveries[name]._lanes.tasks()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def passes(self, seconds: float) -> None:
        for delivery in self.deliveries.values():
            delivery.notify()
        await settle()
        await self.clock.advance(timedelta(seconds=seconds))

    async def end(self) -> None:
        for name in self.tasks:
            await self.kill(name)


def written(incident: str, receiver: str, revision: int, kind: NotificationKind) -> Notification:
    id_ = f"{incident}-{receiver}-{revision}"
    message = a_message(
        notification_id=id_, incident_id=incident, receiver=receiver, revision=revision, kind=kind
    )
    return a_notification(
        id_,
        incident_id=incident,
        receiver=receiver,
        revision=revision,
        kind=kind,
        message=message,
        created_at=FakeClock().now(),
        next_attempt_at=FakeClock().now(),
    )


async def test_two_workers_race_and_each_is_sent_by_one_at_a_time(database: Database) -> None:
    records = AlertRecords(database)
    other = OtherSide(random.Random(3))  # noqa: S311 - a test's own
    workers = Workers(records, other, ["a", "b"])
    try:
        for number in range(8):
            kinds = STORY[:2] if number % 2 else STORY
            rows = [
                written(f"inc-{number}", receiver, revision, kind)
                for revision, kind in enumerate(kinds, 1)
                for receiver in ("oncall", "sre")
            ]
            incident = an_incident(f"inc-{number}")
            records.apply(Decision(incidents=(incident,), notifications=tuple(rows)), {})
            await workers.passes(1)
            if number == 4:
                await workers.kill("a")
            if number == 6:
                workers.start("a")
        for _ in range(40):
            await workers.passes(20)
    finally:
        await workers.end()

    assert records.outbox_pending() == (0, None)
    by_whom = set()
    for number in range(8):
        detail = records.incident_detail(f"inc-{number}")
        assert detail is not None
        by_whom |= {attempt.by for attempt in detail.attempts}
        assert {n.state for n in detail.notifications} <= {
            NotificationState.DELIVERED,
            NotificationState.SKIPPED,
        }
        for receiver in ("oncall", "sre"):
            told = [
                kind
                for incident, name, kind in other.accepted
                if (incident, name) == (f"inc-{number}", receiver)
            ]
            over = [kind for kind in told if kind.over]
            assert bool(over) is (number % 2 == 0)
            if NotificationKind.RESOLVE in told:
                assert told[0] is NotificationKind.TRIGGER
            assert told[-1].over is (number % 2 == 0)
    assert by_whom == {"a", "b"}


async def test_a_dead_workers_lease_runs_out_and_another_takes_over(database: Database) -> None:
    records = AlertRecords(database)
    other = OtherSide(random.Random(3), failing=0.0, hangs=asyncio.Event())  # noqa: S311
    workers = Workers(records, other, ["a"])
    try:
        row = written("inc-1", "oncall", 1, NotificationKind.TRIGGER)
        records.apply(Decision(incidents=(an_incident("inc-1"),), notifications=(row,)), {})
        await workers.passes(0)
        assert other.calls == 1
        await workers.kill("a")
        other.hangs = None

        workers.start("b")
        await workers.passes(TERM.total_seconds() - 1)
        assert other.calls == 1
        await workers.passes(2)
        assert other.calls == 2
    finally:
        await workers.end()

    detail = records.incident_detail("inc-1")
    assert detail is not None
    told = [(attempt.by, attempt.outcome) for attempt in detail.attempts]
    assert told == [("a", AttemptOutcome.AMBIGUOUS), ("b", AttemptOutcome.OK)]


async def test_a_worker_that_slept_through_its_lease_cannot_end_anothers_try(
    database: Database,
) -> None:
    records = AlertRecords(database)
    row = written("inc-1", "oncall", 1, NotificationKind.TRIGGER)
    records.apply(Decision(incidents=(an_incident("inc-1"),), notifications=(row,)), {})
    other = OtherSide(random.Random(3), failing=0.0)  # noqa: S311 - a test's own
    workers = Workers(records, other, [])
    asleep = asyncio.Event()
    awake = workers.run

    async def sleepy(call: Callable[[], T], /) -> T:
        if other.calls:
            await asleep.wait()
        return await awake(call)

    try:
        workers.run = sleepy  # type: ignore[method-assign]  # a's storage hangs once it has sent
        workers.start("a")
        await workers.passes(0)
        workers.run = awake  # type: ignore[method-assign]
        workers.start("b")
        await workers.passes(TERM.total_seconds() + 1)
        assert other.calls == 2
        asleep.set()
        await workers.passes(1)
    finally:
        await workers.end()

    detail = records.incident_detail("inc-1")
    assert detail is not None
    told = [(attempt.by, attempt.outcome) for attempt in detail.attempts]
    assert told == [("a", AttemptOutcome.AMBIGUOUS), ("b", AttemptOutcome.OK)]
    assert [event.text[:5] for event in detail.events] == ["Try 2"]
