"""A real service of whose incidents a digest tells: whoever reads of them hears that it did."""

from functools import partial

from alerting.destination import Destination
from alerting.digest import digest
from alerting.notification import (
    AttemptOutcome,
    DeliveryError,
    NotificationKind,
    NotificationState,
    Receipt,
)
from alerting.result import Scene, delivered, failed
from dashboards.postmortem import postmortem
from nines.storage.overdue import owed
from tests.fakes.chance import Constant
from tests.nines.living import Living
from tests.nines.test_intake import MINUTE, alert, pass_time, post, world
from web.why import why

__all__ = ["world"]


async def put_together(world: Living) -> str:
    """Two pages in one digest for oncall; its id."""
    await post(world, alert(service="cart"), alert(service="shop"))
    now, records = world.clock.now(), world.service.records
    heads = await world.service.threads.read(partial(records.due_notifications, now))
    queues = records.queues("oncall", [one.incident_id for one in heads])
    one = digest(heads, queues, now)
    assert one is not None
    await world.service.threads.write(partial(records.put_together, one, "nines", now))
    return one.notification.id


async def tried(world: Living, error: DeliveryError | None = None) -> None:
    """The digest is sent, and arrives or not."""
    now, records = world.clock.now(), world.service.records
    (row,) = records.due_notifications(now)
    assert row.kind is NotificationKind.DIGEST
    attempt, _ = await world.service.threads.write(
        partial(records.begin_attempt, row.id, "nines", now)
    )
    scene = Scene(Destination("oncall"))
    done = (
        delivered(row, attempt, Receipt("ok"), scene, now)
        if error is None
        else failed(row, attempt, error, scene, now, Constant(0.0))
    )
    await world.service.threads.write(partial(records.finish_attempt, done))


async def said(world: Living) -> list[tuple[bool | None, bool]]:
    """Of each incident: whether oncall was told, and whether a post-mortem says so."""
    live, now = world.service.live, world.clock.now()
    found = []
    page = await live.incidents(state=None, service=None, cursor=None, limit=100)
    for incident in page.incidents:
        detail = await live.incident(incident.id)
        assert detail is not None
        (told,) = (await why(live, incident.id, None, now)).alerts
        (answer,) = told.receivers
        text = postmortem(detail, await live.aftermath(detail), None, "https://nines", now)
        found.append((answer.told, "- oncall was told at" in text))
    return found


async def test_what_it_told_was_told(world: Living) -> None:
    await put_together(world)
    assert await said(world) == [(False, False)] * 2

    await tried(world)

    assert await said(world) == [(True, True)] * 2
    await pass_time(world, MINUTE)
    assert owed(world.service.database, world.clock.now(), MINUTE / 2) == []


async def test_what_it_could_not_tell_is_told_after_a_restart_all_the_same(world: Living) -> None:
    id_ = await put_together(world)
    await world.restart()
    await tried(world, DeliveryError("HTTP 400", outcome=AttemptOutcome.PERMANENT))
    await world.restart()

    rows = world.service.records.due_notifications(world.clock.now())
    assert [str(row.kind) for row in rows] == ["trigger", "trigger"]
    assert {row.state for row in rows} == {NotificationState.PENDING}
    assert {row.digest for row in rows} == {id_}
    assert await said(world) == [(False, False)] * 2
