"""Canaries go out when they are due or asked for, one at a time, and are no incidents."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from alerting.notification import NotificationState
from alerting.store import Decision
from alerting.watching_config import CanaryConfig
from nines.canaries import REMEMBERED
from nines.service import Service
from nines.storage.alerts import AlertRecords
from nines.storage.canaries import canaries
from nines.storage.database import Database
from tests.fakes.clock import FakeClock
from tests.nines.living import HEAD, START
from tests.nines.storage.builders import T0, a_notification, an_incident

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
SLOS = "      up: {objective: 99%, sli: {probe: front}}\n"


class World:
    def __init__(self, folder: Path, canary: str) -> None:
        self.file = folder / "config.yaml"
        text = HEAD.format(database=folder / "nines.db") + SLOS
        ours = f"  delivery_slo: off\n  canary: {canary}\n  route:"
        self.file.write_text(text.replace("  route:", ours, 1))
        self.clock = FakeClock(START)
        self.service: Service

    async def open(self) -> None:
        self.service = await Service.open(self.file, {}, self.clock)

    async def look(self, after: timedelta = timedelta(0)) -> None:
        self.clock.move(after)
        await self.service.canaries.look()

    async def end(self, receiver: str, state: NotificationState, reason: str = "") -> None:
        """What waits for it ended so."""
        last = self.service.canaries.last[receiver]
        detail = await self.service.live.incident(last.incident_id)
        assert detail is not None
        [row] = detail.notifications
        ended = replace(row, state=state, finished_at=self.clock.now(), reason=reason)
        write = self.service.records.apply
        await asyncio.to_thread(lambda: write(Decision(notifications=(ended,)), {}))

    @property
    def states(self) -> dict[str, str]:
        return {name: str(one.state) for name, one in self.service.canaries.last.items()}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    one = World(tmp_path, "{every: 1d}")
    await one.open()
    yield one
    await one.service.close()


async def test_every_receiver_is_sent_one_as_often_as_the_schedule_says(world: World) -> None:
    await world.look()
    assert world.states == {"oncall": "pending", "desk": "pending"}
    first = dict(world.service.canaries.last)
    for name in first:
        await world.end(name, NotificationState.DELIVERED)

    await world.look(DAY - MINUTE)
    assert world.states == {"oncall": "delivered", "desk": "delivered"}
    await world.look(MINUTE)
    assert world.states == {"oncall": "pending", "desk": "pending"}
    assert world.service.canaries.last["desk"].last_success == first["desk"].decided_at


async def test_one_is_sent_when_somebody_asks_and_no_second_beside_it(world: World) -> None:
    assert await world.service.send_canary("desk", "ann")
    assert not await world.service.send_canary("desk", "bob")
    await world.end("desk", NotificationState.DELIVERED)
    assert await world.service.send_canary("desk", "bob")

    standing = {one.name: one.canary for one in world.service.live.receivers()}
    assert standing["oncall"] is None
    assert standing["desk"] is not None
    assert standing["desk"].waits
    assert await world.service.live.canary("nobody", "ann") is None


async def test_of_two_who_ask_at_once_one_is_told_that_one_is_on_its_way(world: World) -> None:
    asked = [world.service.send_canary("desk", by) for by in ("ann", "bob")]

    assert sorted(await asyncio.gather(*asked)) == [False, True]


async def test_a_canary_is_in_no_list_of_incidents_and_its_tries_can_be_read(world: World) -> None:
    await world.look()
    page = await world.service.live.incidents(state=None, service=None, cursor=None, limit=10)
    past = await world.service.live.incidents_at(world.clock.now(), service=None, limit=10)
    last = world.service.canaries.last["desk"]

    assert (page.incidents, list(past)) == ((), [])
    detail = await world.service.live.incident(last.incident_id)
    assert detail is not None
    assert detail.events[0].text == "To send: canary to desk, as the schedule asked."


async def test_that_none_gets_through_is_a_sentence_on_every_page(world: World) -> None:
    await world.look()
    for name in world.states:
        await world.end(name, NotificationState.DELIVERED)
    for _ in range(3):
        await world.look(DAY)
        await world.end("desk", NotificationState.FAILED, "nobody answers")
        await world.end("oncall", NotificationState.DELIVERED)
    await world.look(MINUTE)

    assert [one for one in world.service.live.health().problems if "canary" in one] == [
        (
            "No canary gets through to desk: the last arrived 3 d ago, and one is due every 1 d "
            "(nobody answers)."
        )
    ]


async def test_only_the_named_ones_in_their_hours(tmp_path: Path) -> None:
    hours = '{day: [{times: [{start_time: "09:00", end_time: "17:00"}]}]}'
    canary = (
        f"{{every: 1h, receivers: [desk], active_time_intervals: [day]}}\n  time_intervals: {hours}"
    )
    one = World(tmp_path, canary)
    await one.open()
    try:
        one.clock.move(timedelta(hours=4))  # 18:00
        await one.look()
        assert one.states == {}
        await one.look(timedelta(hours=15))
        assert one.states == {"desk": "pending"}
    finally:
        await one.service.close()


def test_the_newest_of_each_and_when_one_last_arrived(database: Database) -> None:
    def keep(number: int, receiver: str, state: NotificationState) -> None:
        at = T0 + number * MINUTE
        incident = an_incident(f"c-{number}", service="nines/canary", opened_at=at)
        row = a_notification(
            f"n-{number}",
            incident_id=incident.id,
            receiver=receiver,
            kind="canary",
            state=state,
            created_at=at,
            finished_at=None if state is NotificationState.PENDING else at,
        )
        AlertRecords(database).apply(Decision(incidents=(incident,), notifications=(row,)), {})

    keep(0, "desk", NotificationState.DELIVERED)
    keep(1, "desk", NotificationState.DELIVERED)
    keep(2, "desk", NotificationState.FAILED)
    keep(3, "oncall", NotificationState.PENDING)

    found = canaries(database, T0)
    assert {name: (one.state, one.last_success) for name, one in found.items()} == {
        "desk": (NotificationState.FAILED, T0 + MINUTE),
        "oncall": (NotificationState.PENDING, None),
    }
    assert set(canaries(database, T0 + 3 * MINUTE)) == {"oncall"}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"every": "5m"}, "at least 15m"),
        ({"every": "15d"}, "15d is too long.*at most 14d"),
        ({"every": "1d", "receivers": []}, "at least 1 item"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(written: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        CanaryConfig.model_validate(written)


def test_two_that_were_missed_are_within_what_is_remembered() -> None:
    longest = CanaryConfig.model_validate({"every": "14d"})

    assert 2 * longest.every < REMEMBERED
