"""Digests in the outbox, on both databases."""

from dataclasses import replace

import pytest

from alerting.backlog import Tidied
from alerting.destination import Destination
from alerting.digest import digest, overflowing
from alerting.lease import LeaseError
from alerting.notification import (
    AttemptOutcome,
    DeliveryError,
    NotificationKind,
    NotificationState,
    Receipt,
)
from alerting.result import Scene, delivered, failed, given_up_for
from alerting.store import Decision
from nines.storage import outbox
from nines.storage.alerts import AlertRecords
from nines.storage.database import Database
from slo.severity import Severity
from tests.fakes.chance import Constant
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


def given_up(records: AlertRecords, id_: str, after: AttemptOutcome | None = None) -> None:
    """Give a digest up, `after` a try that ended like this, or without one."""
    (row,) = records.due_notifications(T0)
    scene = Scene(Destination("slack"))
    if after is None:
        gone, added, events = given_up_for(row, "slack is parked", scene, T0)
        records.tidy(Tidied(skipped=(gone,), added=added), events, "a", T0)
        return
    for outcome in (after, AttemptOutcome.PERMANENT):
        (row,) = records.due_notifications(T0 + SECOND)
        attempt, _ = records.begin_attempt(id_, "a", T0 + SECOND)
        error = DeliveryError("no such channel", outcome=outcome)
        records.finish_attempt(failed(row, attempt, error, scene, T0, Constant(0.5)))


@pytest.mark.parametrize("after", [None, AttemptOutcome.RETRY], ids=["untried", "tried"])
def test_what_one_told_that_is_given_up_waits_again_by_itself(
    database: Database, after: AttemptOutcome | None
) -> None:
    records = AlertRecords(database)
    incidents = stored(records)
    id_ = put_together(records)

    given_up(records, id_, after)

    rows = records.due_notifications(T0 + SECOND)
    assert {row.id for row in rows} == {"n-0", "n-1", "n-2"}
    assert {row.attempts for row in rows} == {0 if after is None else 2}
    assert digest(rows, records.queues("slack", incidents), T0) is None
    assert overflowing(rows, 1) == []
    detail = records.incident_detail(incidents[2])
    assert detail is not None
    assert f"The digest {id_} was given up:" in detail.events[-1].text
    assert detail.events[-1].text.endswith("What it told goes by itself.")
    first = records.incident_detail(incidents[0])
    assert first is not None
    assert [row.state for row in first.notifications] == [
        NotificationState.PENDING,
        NotificationState.FAILED,
    ]


@pytest.mark.parametrize(
    ("outcome", "unsure"), [(AttemptOutcome.AMBIGUOUS, True), (AttemptOutcome.RETRY, False)]
)
def test_one_that_was_given_up_may_have_arrived_all_the_same(
    database: Database, outcome: AttemptOutcome, *, unsure: bool
) -> None:
    records = AlertRecords(database)
    incidents = stored(records)
    given_up(records, put_together(records), outcome)

    seen = records.backlog(incidents[1], "slack")

    assert (seen.arrived, seen.may_have_arrived) == (False, unsure)


def test_a_crash_while_one_is_given_up_leaves_it_to_be_sent(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = AlertRecords(database)
    stored(records)
    id_ = put_together(records)

    def dies(*_: object) -> None:
        raise OSError("killed")

    with monkeypatch.context() as within:
        within.setattr(outbox, "write_events", dies)  # the last that it writes
        with pytest.raises(OSError, match="killed"):
            given_up(records, id_)

    assert [row.id for row in records.due_notifications(T0)] == [id_]
    given_up(records, id_)
    assert {row.id for row in records.due_notifications(T0)} == {"n-0", "n-1", "n-2"}


def test_an_update_that_stands_for_its_trigger_is_told_as_one(database: Database) -> None:
    records = AlertRecords(database)
    incidents = stored(records)
    update = a_notification(
        "later",
        incident_id=incidents[0],
        receiver="slack",
        severity=Severity.TICKET,
        kind=NotificationKind.UPDATE,
        revision=2,
    )
    records.apply(Decision(notifications=(update,)), {})

    put_together(records)

    detail = records.incident_detail(incidents[0])
    assert detail is not None
    later = next(row for row in detail.notifications if row.id == "later")
    assert (later.state, later.kind) == (NotificationState.DIGESTED, NotificationKind.TRIGGER)
    assert later.message.kind is NotificationKind.TRIGGER


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
