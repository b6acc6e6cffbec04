"""A canary says that a receiver can be reached, comes last, is given up soon, and wakes nobody."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alerting.canary import SERVICE, Canary, canary, is_due, too_old
from alerting.incident import IncidentState
from alerting.notification import (
    AttemptOutcome,
    DeliveryError,
    Message,
    NotificationKind,
    NotificationState,
)
from alerting.outbox import CANARY_FOR, first, urgency
from alerting.receivers.alertmanager import alerts
from alerting.receivers.email import subject
from alerting.receivers.pagerduty import event
from alerting.receivers.slack import post
from alerting.receivers.webhook import body
from slo.severity import Severity
from tests.alerting.night import Night
from tests.alerting.scene import Scene

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def message(scene: Scene) -> Message:
    [one] = canary("oncall", "ann", scene.context).notifications
    return one.message


def sent(scene: Scene, **changes: object) -> Canary:
    one = Canary("oncall", "c-1", scene.clock.now() - HOUR, NotificationState.DELIVERED)
    return replace(one, **changes)  # type: ignore[arg-type]  # fields of Canary


def test_it_stands_in_an_incident_of_its_own_that_is_over(scene: Scene) -> None:
    decision = canary("oncall", "ann", scene.context)

    [incident], [notification] = decision.incidents, decision.notifications
    assert (incident.service, incident.state) == (SERVICE, IncidentState.RESOLVED)
    assert (notification.receiver, notification.kind) == ("oncall", NotificationKind.CANARY)
    assert (notification.failover, notification.severity) == ((), Severity.INFO)
    assert decision.events[0].text == "To send: canary to oncall, as ann asked."


def test_it_is_marked_wherever_it_arrives_and_opens_nothing(scene: Scene) -> None:
    told = message(scene)

    change = event(told)
    assert "event_action" not in change  # a change event: no incident, no notification
    assert change["payload"]["summary"] == "Nines can reach oncall"
    assert subject(told) == "[CANARY] Nines can reach oncall"
    assert "CANARY" in str(post(told, 1, buttons=True)["text"])
    assert "Acknowledge" not in str(post(told, 1, buttons=True))


def test_a_webhook_and_an_alertmanager_hear_of_nothing_that_fires(scene: Scene) -> None:
    told = message(scene)

    hook = body(told, "https://nines.example")
    assert (hook["status"], hook["nines"]["kind"]) == ("resolved", "canary")
    assert [(one["status"], one["labels"]["alertname"]) for one in hook["alerts"]] == [
        ("resolved", "Canary")
    ]
    [handed] = alerts(told, scene.clock.now(), DAY)
    assert handed["endsAt"] == handed["startsAt"]


def test_it_comes_behind_everything_else(scene: Scene) -> None:
    [one] = canary("sre", "ann", scene.context).notifications
    ticket = next(n for n in scene.fires(severity=Severity.TICKET).notifications)

    assert urgency(one) > urgency(ticket)
    assert first([one, ticket]) is ticket


@pytest.mark.parametrize(
    ("age", "waits", "due"),
    [(None, False, True), (HOUR, False, False), (DAY, False, True), (DAY, True, False)],
    ids=["never sent", "lately", "a day ago", "on its way"],
)
def test_when_the_next_is_due(scene: Scene, age: timedelta | None, waits: bool, due: bool) -> None:
    now = scene.clock.now()
    state = NotificationState.PENDING if waits else NotificationState.DELIVERED
    last = None if age is None else sent(scene, decided_at=now - age, state=state)

    assert is_due(last, DAY, now) is due


def test_one_that_does_not_arrive_is_told_once_one_was_missed(scene: Scene) -> None:
    now = scene.clock.now()
    failed = {"state": NotificationState.FAILED, "reason": "nobody answers"}

    assert too_old(None, DAY, now) is None
    assert too_old(sent(scene, last_success=now - DAY, **failed), DAY, now) is None
    assert too_old(sent(scene, last_success=now - 3 * DAY, **failed), DAY, now) == (
        "No canary gets through to oncall: the last arrived 3 d ago, and one is due every 1 d "
        "(nobody answers)"
    )
    assert "none ever arrived" in (too_old(sent(scene, **failed), DAY, now) or "")
    assert too_old(sent(scene, state=NotificationState.PENDING), DAY, now) is None


def test_one_that_arrived_is_not_missed_while_none_may_be_sent(scene: Scene) -> None:
    last = sent(scene, last_success=scene.clock.now() - 3 * DAY)

    assert too_old(last, DAY, scene.clock.now()) is not None
    assert too_old(last, DAY, scene.clock.now(), always=False) is None


DOWN = DeliveryError("nobody answers")
REVOKED = DeliveryError("revoked", outcome=AttemptOutcome.PERMANENT, status=401, parks=True)


async def test_it_is_given_up_after_ten_minutes_and_says_so() -> None:
    async with Night() as night:
        night.oncall.script = [DOWN] * 500
        await night.told(night.keep(canary("oncall", "ann", night.context)))
        await night.passes(CANARY_FOR.total_seconds() - 1)
        assert night.row("oncall", "canary").state is NotificationState.PENDING
        await night.passes(301)

        row = night.row("oncall", "canary")
        assert row.state is NotificationState.FAILED
        assert "tries in 10 min failed; the last one: nobody answers" in row.reason
        assert night.mail.accepted == []


async def test_a_receiver_that_it_finds_parked_is_told_to_another() -> None:
    async with Night() as night:
        night.oncall.script = [REVOKED]
        await night.told(night.keep(canary("oncall", "ann", night.context)))

        [report] = [*night.sre.accepted, *night.mail.accepted]
        assert report.title == "Nines cannot reach oncall any more"
        await night.passes(CANARY_FOR.total_seconds() + 31)
        row = night.row("oncall", "canary")
        assert (row.state, row.reason) == (
            NotificationState.FAILED,
            "oncall is parked: revoked",
        )
        assert len(night.oncall.calls) == 1


async def test_one_that_arrives_is_a_receipt() -> None:
    async with Night() as night:
        await night.told(night.keep(canary("oncall", "ann", night.context)))

        assert night.oncall.kinds == ["canary"]
        assert night.row("oncall", "canary").state is NotificationState.DELIVERED
        assert night.store.standing["oncall"].last_success == night.clock.now()
