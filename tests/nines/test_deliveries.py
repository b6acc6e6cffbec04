"""Our own deliveries go through the engine as any SLO's events, and do not feed on themselves."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from alerting.delivery_sli import BAD, CANARY_AGE, SERVICE, TOTAL
from alerting.incident import IncidentState
from alerting.notification import NotificationKind, NotificationState
from alerting.store import Decision
from nines.config import load
from nines.deliveries import DeliveryCollector
from nines.service import Service
from nines.storage.alerts import AlertRecords
from nines.storage.database import Database
from nines.storage.deliveries import deliveries
from slo.exposition import Page, Series
from tests.fakes.clock import FakeClock
from tests.nines.living import HEAD, START
from tests.nines.storage.builders import Varied, a_notification, an_incident

STEP, MINUTE = timedelta(seconds=10), timedelta(minutes=1)
SLOS = "      up: {objective: 99%, sli: {probe: front}}\n"


class World:
    """A real service whose outbox the test fills, and whose looks at it the test makes."""

    def __init__(self, folder: Path, own: str = "{within: 1m}") -> None:
        self.file = folder / "config.yaml"
        text = HEAD.format(database=folder / "nines.db") + SLOS
        ours = f"alerting:\n  delivery_slo: {own}\n"
        self.file.write_text(text.replace("alerting:\n", ours, 1))
        self.clock = FakeClock(START)
        self.service: Service
        self.count = 0

    async def open(self) -> None:
        self.service = await Service.open(self.file, {}, self.clock)
        self.service.rounds.take_up()
        await self.service.dispatch.settle()

    async def look(self, steps: int = 1) -> Page:
        """So many looks of the collector, each counted, judged and stored."""
        collector = self.service.configured.collectors[DeliveryCollector.id]
        for _ in range(steps):
            self.clock.move(STEP)
            seen = await collector.run(self.clock.now(), self.clock)
            self.service.rounds.on_observation(seen)
            self.service.rounds.judge()
            await self.service.dispatch.settle()
            await self.service.dispatch.flush()
        assert seen.page is not None, seen.detail
        return seen.page

    async def decided(self, *states: NotificationState, **more: Varied) -> None:
        """These were decided now, and ended at once, or wait."""
        service = more.pop("service", "shop")
        self.clock.move(timedelta(seconds=1))
        for state in states:
            self.count += 1
            now, id_ = self.clock.now(), f"{self.count:04}"
            ended = None if state is NotificationState.PENDING else now
            row = a_notification(
                f"n-{id_}",
                incident_id=f"inc-{id_}",
                state=state,
                created_at=now,
                next_attempt_at=now,
                finished_at=ended,
            )
            row = replace(row, **more)
            incident = an_incident(
                f"inc-{id_}",
                service=service,
                state=IncidentState.RESOLVED,
                opened_at=now,
                resolved_at=now,
            )
            decision = Decision(incidents=(incident,), notifications=(row,))
            store = partial(self.service.records.apply, decision, {})
            await self.service.threads.write(store)

    def counted(self) -> tuple[int, int]:
        """Good and bad events of the SLO."""
        status = self.service.live.status("nines/delivery")
        assert status is not None
        return status.lifetime.good, status.lifetime.bad


def value(page: Page, metric: str, receiver: str = "oncall") -> int | float:
    return page.samples[Series(metric, (("receiver", receiver),))].value


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    one = World(tmp_path)
    await one.open()
    yield one
    await one.service.close()


DELIVERED, FAILED, PENDING = (
    NotificationState.DELIVERED,
    NotificationState.FAILED,
    NotificationState.PENDING,
)


async def test_how_late_a_run_began_is_counted(world: World) -> None:
    await world.look(2)

    late = world.service.live.health().lateness
    assert (late.runs, late.within[0], late.seconds) == (2, 2, 0.0)


async def test_each_delivery_is_one_event_of_an_slo_like_any_other(world: World) -> None:
    await world.look()
    await world.decided(DELIVERED, DELIVERED, FAILED, PENDING)
    page = await world.look()
    assert (value(page, TOTAL), value(page, BAD)) == (3, 1)
    assert (value(page, TOTAL, "desk"), value(page, BAD, "desk")) == (0, 0)
    await world.look(8)  # now the fourth is late

    assert world.counted() == (2, 2)
    card = next(one for one in world.service.live.services() if one.name == SERVICE)
    assert (card.slo_ids, card.collectors) == (("nines/delivery",), ("nines/delivery",))


async def test_what_it_says_about_itself_is_no_event(world: World) -> None:
    await world.look()
    await world.decided(FAILED, FAILED, service=SERVICE)
    await world.decided(DELIVERED, service="nines/canary")
    await world.look()

    assert world.counted() == (1, 0)


async def test_what_a_digest_tells_is_an_event_each_and_the_digest_is_none(world: World) -> None:
    await world.look()
    await world.decided(*[NotificationState.DIGESTED] * 3, digest="0004")
    await world.decided(DELIVERED, kind=NotificationKind.DIGEST)
    await world.decided(NotificationState.DIGESTED, finished_at=None)
    await world.look()
    assert world.counted() == (3, 0)
    await world.look(8)  # the digest of the last has not arrived in time

    assert world.counted() == (3, 1)


async def test_nothing_is_lost_or_doubled_over_a_restart(world: World) -> None:
    await world.look()
    await world.decided(DELIVERED, FAILED, PENDING)
    await world.look(2)
    await world.service.close()
    world.clock.move(10 * MINUTE)  # the one that waits was late while nobody was here
    await world.open()
    await world.decided(DELIVERED)
    await world.look(2)

    assert world.counted() == (2, 2)


async def test_a_reload_goes_on_counting(world: World) -> None:
    await world.look()
    await world.decided(DELIVERED, DELIVERED)
    await world.look()
    world.file.write_text(world.file.read_text().replace("1m}", "2m}"))
    assert (await world.service.reloading.reload()).problems == ()
    await world.decided(DELIVERED)
    await world.look()

    assert world.counted() == (3, 0)


async def test_deliveries_that_fail_page_by_a_route_that_works(world: World) -> None:
    await world.look()
    for _ in range(20):
        await world.decided(FAILED)
        await world.look(2)

    page = await world.service.live.incidents(state=None, service=SERVICE, cursor=None, limit=9)
    [incident] = page.incidents
    assert incident.title.startswith("Nines delivery: burning")
    detail = await world.service.live.incident(incident.id)
    assert detail is not None
    told = {one.receiver: one.failover for one in detail.notifications}
    assert told == {"oncall": ("desk",), "desk": ("oncall",)}
    before = world.counted()
    await world.look(20)
    assert world.counted() == before


async def test_an_outbox_that_cannot_be_read_is_unknown_and_no_event(world: World) -> None:
    await world.look()
    collector = world.service.configured.collectors[DeliveryCollector.id]

    def broken(*_: object) -> list[object]:
        raise OSError("no disk")

    world.service.deliveries._read = broken  # type: ignore[assignment]
    seen = await collector.run(world.clock.now(), world.clock)
    assert (str(seen.outcome), seen.page) == ("unknown", None)
    assert seen.detail == "The outbox cannot be read: no disk"


async def test_canaries_that_do_not_arrive_are_an_alert(tmp_path: Path) -> None:
    one = World(tmp_path, "{within: 1m}\n  canary: {every: 15m, receivers: [desk]}")
    await one.open()
    try:
        await one.service.canaries.look()
        for _ in range(50):
            page = await one.look(6)
        assert value(page, CANARY_AGE, "desk") == 50 * 60
        names = [rule.rule.name for rule in one.service.live.rules()]
        assert names == ["canary"]
        found = await one.service.live.incidents(state=None, service=SERVICE, cursor=None, limit=9)
        assert [incident.title.partition(":")[0] for incident in found.incidents] == [
            "Nines canary"
        ]
    finally:
        await one.service.close()


async def test_whom_the_schedule_sends_no_canaries_misses_none(tmp_path: Path) -> None:
    one = World(tmp_path, "{within: 1m}\n  canary: {every: 15m, receivers: [desk]}")
    await one.open()
    try:
        await one.service.send_canary("oncall", "ann")
        await one.service.canaries.look()
        page = await one.look(6 * 50)
        aged = [series.labels for series in page.samples if series.metric == CANARY_AGE]
        assert aged == [(("receiver", "desk"),)]
        assert [said for said in one.service.canaries.problems() if "oncall" in said] == []
    finally:
        await one.service.close()


async def test_routes_may_match_what_it_says_about_itself(tmp_path: Path) -> None:
    one = World(tmp_path, "{receivers: [self]}")
    text = one.file.read_text().replace(
        "    desk:", '    self: {webhook: {url: "http://127.0.0.1:1/self"}}\n    desk:'
    )
    routes = '  routes:\n      - {match: \'service="nines", slo="delivery"\', receivers: [desk]}'
    one.file.write_text(text.replace("  routes:", routes, 1))

    advice = [one.sentence for one in load(one.file, {}).advice]
    assert [said for said in advice if "secret" not in said] == []


async def test_it_can_be_switched_off(tmp_path: Path) -> None:
    one = World(tmp_path, "off")
    await one.open()
    try:
        assert [card.name for card in one.service.live.services()] == ["shop"]
        assert DeliveryCollector.id not in one.service.configured.collectors
    finally:
        await one.service.close()


def test_the_outbox_is_read_from_where_it_was_left(database: Database) -> None:
    def keep(number: int, at: datetime, service: str = "shop") -> None:
        incident = an_incident(f"i-{number}", service=service)
        row = a_notification(f"n-{number}", incident_id=incident.id, created_at=at)
        decision = Decision(incidents=(incident,), notifications=(row,))
        AlertRecords(database).apply(decision, {})

    for number in range(4):
        keep(number, START + number * MINUTE)
    keep(4, START + 5 * MINUTE, SERVICE)

    first = deliveries(database, START + MINUTE, 0, ())
    assert [one.id for one in first] == ["n-1", "n-2", "n-3"]
    again = deliveries(database, START, first[1].sequence, ())
    assert [one.id for one in again] == ["n-3"]
    assert not any(one.awaits_receipt for one in deliveries(database, START, 0, ("oncall",)))
