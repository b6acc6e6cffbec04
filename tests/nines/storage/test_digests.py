"""Digests in the outbox, on both databases."""

from dataclasses import replace

import pytest

from alerting.backlog import Tidied
from alerting.destination import Destination
from alerting.digest import digest
from alerting.lease import LeaseError
from alerting.notification import NotificationKind, NotificationState, Receipt
from alerting.result import Scene, delivered, given_up_for
from alerting.store import Decision
from nines.storage.alerts import AlertRecords
from nines.storage.database import Database
from slo.severity import Severity
from tests.nines.storage.builders import SECOND, T0, a_notification, an_incident


def stored(records: AlertRecords, count: int = 3) -> list[str]:
    """As many incidents, each with a ticket that waits for Slack."""
    rows = [
        a_notification(
            f"n-{number}", incident_id=f"inc-{number}", receiver="slack", severity=Severity.TICKET
        )
        for number in range(count)
    ]
    incidents = tuple(an_incident(row.incident_id) for row in rows)
    records.apply(Decision(incidents=incidents, notifications=tuple(rows)), {})
    return [row.incident_id for row in rows]


def put_together(records: AlertRecords, by: str = "a") -> str:
    heads = records.due_notifications(T0)
    one = digest(heads, records.queues("slack", [head.incident_id for head in heads]), T0)
    assert one is not None
    records.put_together(one, by, T0)
    return one.notification.id


def test_it_takes_the_place_of_what_it_tells_and_what_is_later_waits_for_it(
    database: Database,
) -> None:
    records = AlertRecords(database)
    incidents = stored(records)
    id_ = put_together(records)
    end = a_notification(
        "end", incident_id=incidents[1], receiver="slack", kind=NotificationKind.RESOLVE, revision=2
    )
    records.apply(Decision(notifications=(end,)), {})

    assert [row.id for row in records.due_notifications(T0)] == [id_]
    assert not records.backlog(incidents[1], "slack").may_have_arrived

    (row,) = records.due_notifications(T0)
    attempt, _ = records.begin_attempt(id_, "a", T0)
    assert records.backlog(incidents[1], "slack").may_have_arrived
    scene = Scene(Destination("slack"))
    records.finish_attempt(delivered(row, attempt, Receipt("ok"), scene, T0 + SECOND))

    assert [row.id for row in records.due_notifications(T0)] == ["end"]
    seen = records.backlog(incidents[1], "slack")
    assert (seen.arrived, seen.may_have_arrived) == (True, True)
    detail = records.incident_detail(incidents[1])
    assert detail is not None
    told = detail.notifications[0]
    assert (told.state, told.digest) == (NotificationState.DIGESTED, id_)
    assert told.finished_at == T0 + SECOND


def test_one_that_is_given_up_gives_up_what_it_tells(database: Database) -> None:
    records = AlertRecords(database)
    incidents = stored(records)
    id_ = put_together(records)
    (row,) = records.due_notifications(T0)
    gone, _, _ = given_up_for(row, "no such channel", Scene(Destination("slack")), T0)

    records.tidy(Tidied(skipped=(gone,)), (), "a", T0)

    detail = records.incident_detail(incidents[2])
    assert detail is not None
    (told,) = detail.notifications
    assert told.state is NotificationState.FAILED
    assert told.reason == f"the digest {id_} was given up: no such channel"


def test_what_another_worker_sends_is_put_into_none(database: Database) -> None:
    records = AlertRecords(database)
    stored(records)
    heads = records.due_notifications(T0)
    one = digest(heads, records.queues("slack", [head.incident_id for head in heads]), T0)
    assert one is not None
    records.begin_attempt("n-1", "b", T0)

    with pytest.raises(LeaseError):
        records.put_together(one, "a", T0)

    assert {row.id for row in records.due_notifications(T0)} == {"n-0", "n-1", "n-2"}
    assert replace(one.notification, id="x").digest == ""
