"""More than a receiver takes is told in one message, nothing is dropped, and pages go first."""

from dataclasses import replace
from datetime import timedelta

from alerting.bucket import Rate
from alerting.digest import digest, overflowing
from alerting.notification import (
    DeliveryError,
    Notification,
    NotificationKind,
    NotificationState,
)
from alerting.receivers import RECEIVERS
from alerting.receivers.webhook import body
from alerting.routes import Route
from slo.severity import Severity
from tests.alerting.night import Night
from tests.alerting.scene import PAGE, TICKET
from tests.fakes.clock import START

MINUTE = timedelta(minutes=1)
RATE = Rate(60, MINUTE, burst=1, digest_after=3)
DOWN = DeliveryError("HTTP 503", status=503)


def many(night: Night, severity: Severity, count: int) -> list[Notification]:
    """An incident each, as if of a service each; nothing of it is sent yet."""
    before = set(night.store.notifications)
    for number in range(count):
        night.fires(f"{severity}-{number}", severity)
        night.acknowledged()
    for id_, row in list(night.store.notifications.items()):
        if row.kind is NotificationKind.ACKNOWLEDGE:
            del night.store.notifications[id_]
    return [row for id_, row in night.store.notifications.items() if id_ not in before]


def stormy() -> Night:
    night = Night(Route(receivers=("sre",)))
    night.calls_at_once = False  # what is put together has waited
    night.delivery._lanes.use({"sre": RATE}, {})
    return night


async def test_what_waits_beyond_the_most_is_told_in_one_that_lists_it() -> None:
    night = stormy()
    rows = many(night, TICKET, 5)
    async with night:
        await night.passes(3)
        (told,) = night.sre.accepted

        assert told.kind is NotificationKind.DIGEST
        assert told.title == "5 messages in one, about Shop"
        for row in rows:
            assert row.message.incident_url in told.story
        assert len(told.alerts) == 5
        stored = [night.store.notifications[row.id] for row in rows]
        assert {row.state for row in stored} == {NotificationState.DIGESTED}
        assert {row.digest for row in stored} == {told.notification_id}
        assert sum("is told in the digest" in line for line in _every_note(night)) == 5


async def test_no_page_is_put_into_it_and_pages_go_first() -> None:
    night = stormy()
    many(night, TICKET, 5)
    many(night, PAGE, 2)
    async with night:
        await night.passes(5)

    assert [(str(m.kind), m.severity) for m in night.sre.accepted] == [
        ("trigger", PAGE),
        ("trigger", PAGE),
        ("digest", TICKET),
    ]


async def test_pages_that_are_too_many_themselves_are_told_in_one_with_a_pages_urgency() -> None:
    night = stormy()
    many(night, TICKET, 2)
    many(night, PAGE, 5)
    async with night:
        await night.passes(9)

    first, *others = night.sre.accepted
    assert (first.kind, first.severity) == (NotificationKind.DIGEST, PAGE)
    assert first.title == "5 pages in one, about Shop"
    assert [str(message.kind) for message in others] == ["trigger", "trigger"]


async def test_the_end_of_what_a_digest_told_is_told_after_it() -> None:
    night = stormy()
    rows = many(night, TICKET, 5)
    night.sre.script = [DOWN]
    async with night:
        await night.passes(0)
        await night.told(night.ends("ticket-0", TICKET))
        assert night.sre.accepted == []  # the digest is to be tried again, and goes first
        await night.passes(60)

        assert night.sre.kinds == ["digest", "resolve"]
        assert night.sre.accepted[1].incident_id == rows[0].incident_id


async def test_what_came_and_went_meanwhile_goes_its_own_way() -> None:
    night = stormy()
    many(night, TICKET, 5)
    night.ends("ticket-0", TICKET)
    async with night:
        await night.passes(10)

    kinds = night.sre.kinds
    assert sorted(kinds) == ["digest", "missed"]
    one = next(m for m in night.sre.accepted if m.kind is NotificationKind.DIGEST)
    assert one.title.startswith("4 messages")


async def test_a_digest_survives_a_crash_before_and_after_it_was_put_together() -> None:
    night = stormy()
    rows = many(night, TICKET, 5)
    night.sre.hangs = True
    async with night:
        await night.passes(1)
        await night.die()
        night.sre.free()
        await night.passes(120)

        assert night.sre.kinds[0] == "digest"
        assert set(night.sre.kinds) == {"digest"}
        told = {night.store.notifications[row.id].digest for row in rows}
        assert told == {night.sre.accepted[0].notification_id}


def test_what_has_been_tried_and_ends_are_in_no_digest() -> None:
    night = stormy()
    rows = many(night, TICKET, 5)
    tried = [replace(row, attempts=1) for row in rows]
    ends = [replace(row, kind=NotificationKind.RESOLVE) for row in rows]

    assert overflowing(tried, 3) == []
    assert overflowing(ends, 3) == []
    assert len(overflowing(rows, 3)) == 5
    assert overflowing(rows, 5) == []
    assert len(overflowing(rows, 5, goes_on=True)) == 5
    assert overflowing(rows[:1], 5, goes_on=True) == []


def test_a_digest_is_as_old_as_the_first_that_it_tells() -> None:
    night = stormy()
    rows = many(night, TICKET, 3)
    rows = [replace(row, created_at=START + n * MINUTE) for n, row in enumerate(rows)]
    now = START + 10 * MINUTE

    one = digest(rows, {row.incident_id: [row] for row in rows}, now)

    assert one is not None
    assert (one.notification.created_at, one.notification.next_attempt_at) == (START, now)
    assert one.notification.message.decided_at == now


def test_only_where_people_read_there_are_digests() -> None:
    """A digest could not close at PagerDuty what it opened there."""
    able = {name for name, kind in RECEIVERS.items() if kind.rate.digest_after is not None}

    assert able == {"discord", "email", "slack", "teams", "webhook"}


async def test_a_webhook_hears_of_every_alert_in_it() -> None:
    night = stormy()
    many(night, TICKET, 5)
    async with night:
        await night.passes(3)
    (told,) = night.sre.accepted

    sent = body(told, "https://nines.example")

    assert sent["status"] == "firing"
    assert len(sent["alerts"]) == 5
    assert sent["nines"]["kind"] == "digest"


def _every_note(night: Night) -> list[str]:
    return [event.text for event in night.store.events]
