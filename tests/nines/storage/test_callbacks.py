"""What comes back, on both databases: taken once, done once, receipted once."""

from dataclasses import replace
from datetime import timedelta

import pytest

from alerting.callbacks.act import Act, ActKind
from alerting.notification import Notification, NotificationKind, NotificationState
from alerting.receipt import ReceiptState
from alerting.store import Decision
from nines.storage.alerts import AlertRecords
from nines.storage.callbacks import CallbackRecords, Taken
from nines.storage.database import Database
from tests.nines.storage.builders import SECOND, T0, a_notification, an_incident

HOUR = timedelta(hours=1)
ACT = Act(ActKind.ACKNOWLEDGE, "oncall", "i-1", "ann", "Slack", revision=3)


@pytest.fixture
def back(database: Database) -> CallbackRecords:
    return CallbackRecords(database)


@pytest.fixture
def records(database: Database) -> AlertRecords:
    return AlertRecords(database)


def test_a_key_is_made_once(back: CallbackRecords) -> None:
    assert back.signing_key("mail", "first") == "first"
    assert back.signing_key("mail", "second") == "first"
    assert back.signing_key("other", "second") == "second"


def test_what_was_taken_waits_until_it_is_done(back: CallbackRecords) -> None:
    assert back.accept("a", ACT, T0) is Taken.NEW
    assert back.accept("a", ACT, T0 + SECOND) is Taken.REPLAYED
    assert [(one.id, one.at, one.act) for one in back.waiting()] == [("a", T0, ACT)]

    back.done("a", T0 + SECOND)

    assert back.waiting() == []
    assert back.accept("a", ACT, T0 + HOUR) is Taken.REPLAYED
    assert back.prune(T0 + HOUR, HOUR) == 0
    assert back.prune(T0 + HOUR + 2 * SECOND, HOUR) == 1
    assert back.known("a") is None


def test_another_that_asks_for_the_same_is_kept_and_not_done(back: CallbackRecords) -> None:
    assert back.accept("a", ACT, T0, once="ann takes it") is Taken.NEW
    assert back.accept("b", ACT, T0 + SECOND, once="ann takes it") is Taken.AGAIN
    assert [one.id for one in back.waiting()] == ["a"]

    later = T0 + HOUR
    taken = back.accept("c", ACT, later, once="ann takes it", since=later - 10 * SECOND)
    assert taken is Taken.NEW


def test_a_webhook_has_proven_itself_since_the_first(back: CallbackRecords) -> None:
    assert back.proven() == {}
    for number, at in enumerate((T0, T0 + HOUR)):
        back.accept(f"e{number}", ACT, at, verified=True)
    assert back.proven() == {"oncall": T0}


def paged(records: AlertRecords) -> Notification:
    """A trigger that oncall took a second after T0."""
    incident = an_incident()
    one = a_notification(incident_id=incident.id, receiver="oncall", kind=NotificationKind.TRIGGER)
    done = replace(one, state=NotificationState.DELIVERED, finished_at=T0 + SECOND)
    records.apply(Decision(incidents=(incident,), notifications=(done,)), {})
    return done


def test_a_page_waits_for_its_receipt_once_the_webhook_is_proven(
    back: CallbackRecords, records: AlertRecords
) -> None:
    one = paged(records)
    until = T0 + HOUR
    assert back.unreceipted("oncall", T0 - HOUR, until) == []  # nothing proven
    back.accept("e", ACT, T0, verified=True)
    assert [found.id for found in back.unreceipted("oncall", T0 - HOUR, until)] == [one.id]
    assert back.unreceipted("oncall", T0 - HOUR, T0) == []
    assert back.unreceipted("other", T0 - HOUR, until) == []

    assert back.give_up_on(one, until, (), ()) is True
    assert back.give_up_on(one, until, (), ()) is False
    assert back.unreceipted("oncall", T0 - HOUR, until) == []
    assert back.receipts_of(one.incident_id) == {one.id: (ReceiptState.MISSING, until)}


def test_what_was_delivered_before_the_webhook_was_proven_is_not_waited_for(
    back: CallbackRecords, records: AlertRecords
) -> None:
    paged(records)
    back.accept("e", ACT, T0 + 2 * SECOND, verified=True)
    assert back.unreceipted("oncall", T0 - HOUR, T0 + HOUR) == []


def test_a_receiver_stands_where_it_was_brought_last(
    back: CallbackRecords, records: AlertRecords
) -> None:
    one = paged(records)
    found = back.standing(one.incident_id, "oncall")
    assert found is not None
    assert (found.incident.id, found.revision) == (one.incident_id, one.revision)
    assert back.standing(one.incident_id, "sre") is None
    assert back.standing("i-unknown", "oncall") is None
    mailed = back.mailed(one.incident_id, one.id)
    assert mailed is not None
    assert mailed.id == one.incident_id
    assert back.mailed(one.incident_id, "n-unknown") is None


def test_a_receipt_needs_a_try_that_may_have_arrived_and_counts_once(
    back: CallbackRecords, records: AlertRecords
) -> None:
    incident = an_incident()
    one = a_notification(incident_id=incident.id, receiver="oncall", kind=NotificationKind.TRIGGER)
    records.apply(Decision(incidents=(incident,), notifications=(one,)), {})
    assert back.receive(incident.id, "oncall", T0) is None

    records.begin_attempt(one.id, "worker", one.next_attempt_at)
    received = back.receive(incident.id, "oncall", T0 + SECOND)

    assert received is not None
    assert (received.notification_id, received.late) == (one.id, False)
    assert back.receive(incident.id, "oncall", T0 + 2 * SECOND) is None
    assert back.receipts_of(incident.id) == {one.id: (ReceiptState.CONFIRMED, T0 + SECOND)}
