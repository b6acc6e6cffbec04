"""Incidents and the outbox: what was decided is kept whole, and given back in order."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from alerting.alert import Alert, AlertKind
from alerting.backlog import tidy
from alerting.destination import Destination
from alerting.grounds import Course, Grounds
from alerting.incident import EventKind, IncidentEvent, IncidentState
from alerting.lease import SKEW, TERM, Lease, LeaseError
from alerting.notification import (
    Attempt,
    AttemptOutcome,
    Handle,
    Notification,
    NotificationKind,
    NotificationState,
)
from alerting.result import Result
from alerting.store import AlertStore, Decision, IncidentFile, Said
from alerting.suppressor import Suppressor, SuppressorKind
from nines.storage.alerts import AlertRecords
from nines.storage.batches import CountBatch
from nines.storage.counts import CountStore
from nines.storage.database import Database
from nines.storage.errors import StorageError
from nines.storage.incident_records import CursorError
from nines.storage.schema import (
    alerts,
    attempts,
    handles,
    incident_events,
    incidents,
    notifications,
)
from slo.alert_state import AlertState, Phase
from slo.ledger import BucketDelta
from slo.severity import Severity
from tests.nines.storage.builders import (
    FACTS,
    SECOND,
    T0,
    a_notification,
    an_alert,
    an_event,
    an_incident,
)

FIRING = AlertState(Phase.FIRING, T0)
RULE = "shop/availability#page:1h:5m"


@pytest.fixture
def records(database: Database) -> AlertRecords:
    return AlertRecords(database)


def decide(records: AlertRecords, *notifications: Notification, incident: str = "inc-1") -> None:
    decision = Decision(incidents=(an_incident(incident),), notifications=notifications)
    records.apply(decision, {})


def attempt(
    records: AlertRecords,
    notification: Notification,
    outcome: AttemptOutcome,
    state: NotificationState = NotificationState.PENDING,
) -> Attempt:
    begun, _ = records.begin_attempt(notification.id, "a", T0)
    ended = replace(begun, ended_at=T0 + SECOND, outcome=outcome)
    finish(records, ended, replace(notification, state=state), None, ())
    return ended


def finish(
    records: AlertRecords,
    ended: Attempt,
    notification: Notification,
    handle: Handle | None,
    events: Sequence[IncidentEvent],
    *added: Notification,
) -> None:
    destination = Destination(notification.receiver, last_success=T0)
    events = tuple(events)
    records.finish_attempt(Result(ended, notification, destination, handle, events, added))


def ids(notifications: Sequence[Notification]) -> list[str]:
    return [notification.id for notification in notifications]


def test_the_records_are_the_store_that_alerting_asks_for(records: AlertRecords) -> None:
    store: AlertStore = records  # checked by mypy

    assert store.open_incidents() == []


def test_a_decision_reads_back_whole(records: AlertRecords) -> None:
    incident, alert, notification = an_incident(), an_alert(), a_notification()
    decision = Decision(
        incidents=(incident,),
        alerts=(alert,),
        events=(an_event("opened"), an_event("routed", kind=EventKind.ROUTED)),
        notifications=(notification,),
    )
    records.apply(decision, {RULE: FIRING})

    detail = records.incident_detail("inc-1")

    assert detail is not None
    assert detail.incident == incident
    assert detail.alerts == (alert,)
    assert [(event.text, event.kind) for event in detail.events] == [
        ("opened", EventKind.NOTE),
        ("routed", EventKind.ROUTED),
    ]
    assert detail.notifications == (notification,)
    said = {"oncall": Said(T0, Severity.PAGE, {"alert-1": T0})}
    told = {"oncall": "firing"}
    assert records.incident_file("inc-1") == IncidentFile(incident, (alert,), told, said)
    assert records.alert_states() == {RULE: FIRING}


def test_why_an_alert_was_told_or_not_reads_back_and_goes_with_its_incident(
    records: AlertRecords,
) -> None:
    silenced = Suppressor(SuppressorKind.SILENCE, "S1", "a deploy, by ann", T0)
    course = Course(
        "no route matched", ("oncall",), {"slo": "x"}, "30s", "5m", None, ("mail",), (), (silenced,)
    )
    labels, words = {"service": "shop"}, {"oncall": "told now: trigger"}
    first = Grounds("inc-1", "alert-1", T0, labels, (course,), words, "It fires.")
    second = replace(first, at=T0 + SECOND, courses=(), what="")
    resolved = replace(an_incident(), state=IncidentState.RESOLVED, resolved_at=T0)

    records.apply(Decision((resolved,), (an_alert(),), grounds=(first, second)), {})

    assert records.grounds("alert-1") == [first, second]
    assert records.alert("alert-1") == an_alert()
    assert (records.grounds("alert-2"), records.alert("alert-2")) == ([], None)
    records.prune(T0 + timedelta(days=2), timedelta(days=1))
    assert records.grounds("alert-1") == []


def test_incidents_of_a_time_come_with_their_alerts_and_first_labels(records: AlertRecords) -> None:
    first, second = an_incident("inc-1"), an_incident("inc-2")
    budget = replace(an_alert("a-3"), incident_id="inc-3", kind=AlertKind.BUDGET)
    found = [Grounds("inc-1", "a-1", T0, {"env": env}, (), {}) for env in ("prod", "edited since")]
    records.apply(
        Decision(
            (first, replace(second, opened_at=second.opened_at + SECOND), an_incident("inc-3")),
            (an_alert("a-1"), replace(an_alert("a-2"), incident_id="inc-2"), budget),
            grounds=tuple(found),
        ),
        {},
    )
    end = first.opened_at + timedelta(days=1)

    newest = records.opened_between(first.opened_at, end, 10)

    assert [(one.id, [alert.id for alert in own]) for one, own in newest] == [
        ("inc-2", ["a-2"]),
        ("inc-1", ["a-1"]),
    ]
    assert len(records.opened_between(first.opened_at, end, 1)) == 1
    assert records.opened_between(end, end + SECOND, 10) == []
    assert records.labels_between(first.opened_at, end) == {"inc-1": {"env": "prod"}}


def test_what_was_said_to_a_receiver_of_another_name_was_said_to_it(records: AlertRecords) -> None:
    waiting, over = a_notification("n-1"), a_notification("n-2", incident_id="inc-2")
    decide(records, waiting)
    resolved = an_incident("inc-2", state=IncidentState.RESOLVED, resolved_at=T0)
    done = replace(over, state=NotificationState.DELIVERED)
    records.apply(Decision((resolved,), notifications=(done,)), {})
    begun, _ = records.begin_attempt("n-1", "a", T0)
    ended = replace(begun, ended_at=T0, outcome=AttemptOutcome.OK)
    told = replace(waiting, state=NotificationState.DELIVERED)
    finish(records, ended, told, {"thread": "1"}, ())

    records.rename_receivers({"oncall": "pager"})

    file = records.incident_file("inc-1")
    assert file is not None
    assert file.told == {"pager": "firing"}
    detail = records.incident_detail("inc-2")
    assert detail is not None
    assert [one.receiver for one in detail.notifications] == ["oncall"]  # a record of what was
    decide(records, replace(a_notification("n-3"), receiver="pager"))
    assert records.begin_attempt("n-3", "a", T0)[1] == {"thread": "1"}


def test_what_an_earlier_receiver_of_the_new_name_kept_gives_way(records: AlertRecords) -> None:
    for number, (receiver, thread) in enumerate((("pager", "old"), ("oncall", "new"))):
        one = replace(a_notification(f"n-{number}"), receiver=receiver)
        decide(records, one)
        begun, _ = records.begin_attempt(one.id, "a", T0)
        ended = replace(begun, ended_at=T0, outcome=AttemptOutcome.OK)
        told = replace(one, state=NotificationState.DELIVERED)
        finish(records, ended, told, {"thread": thread}, ())

    records.rename_receivers({"oncall": "pager"})
    records.rename_receivers({"pager": "pager"})

    decide(records, replace(a_notification("n-3"), receiver="pager"))
    assert records.begin_attempt("n-3", "a", T0)[1] == {"thread": "new"}


def test_what_began_of_late_is_known_by_rule(records: AlertRecords) -> None:
    def began(id_: str, rule: str, second: int) -> Alert:
        return replace(an_alert(id_), rule=rule, started_at=T0 + second * SECOND)

    own = (began("1", "a", 0), began("2", "a", 9), began("3", "a", 5), began("4", "b", 5))
    records.apply(Decision((an_incident(),), own), {})

    assert records.beginnings(T0) == {
        "a": [T0 + 5 * SECOND, T0 + 9 * SECOND],
        "b": [T0 + 5 * SECOND],
    }


def test_what_receivers_know_reads_back(records: AlertRecords) -> None:
    alert = an_alert(held_by=("silence 01 (deploy)",))
    records.apply(
        Decision(
            incidents=(an_incident(),),
            alerts=(alert,),
            notifications=(a_notification(alerts=("a", "b"), failover=("backup", "mail")),),
        ),
        {},
    )
    later = a_notification("n-2", kind=NotificationKind.UPDATE, revision=2, alerts=("b", "c"))
    decide(records, replace(later, created_at=T0 + SECOND))

    detail, file = records.incident_detail("inc-1"), records.incident_file("inc-1")

    assert detail is not None
    assert file is not None
    assert detail.alerts == file.alerts == (alert,)
    assert detail.notifications[0].failover == ("backup", "mail")
    assert detail.notifications[0].alerts == ("a", "b")
    since = {"b": T0, "c": T0 + SECOND}
    assert file.said == {"oncall": Said(T0 + SECOND, Severity.PAGE, since)}


def test_later_decisions_replace_by_id_and_add_events(records: AlertRecords) -> None:
    records.apply(
        Decision(incidents=(an_incident(),), alerts=(an_alert(),), events=(an_event("opened"),)), {}
    )
    resolved = an_incident(
        state=IncidentState.RESOLVED,
        severity=Severity.TICKET,
        revision=2,
        acknowledged_at=T0,
        acknowledged_by="kim",
        resolved_at=T0 + SECOND,
        linked_to="inc-0",
    )
    ended = an_alert(ended_at=T0 + SECOND, facts=replace(FACTS, bad=None))
    records.apply(
        Decision(incidents=(resolved,), alerts=(ended,), events=(an_event("resolved"),)), {}
    )

    detail = records.incident_detail("inc-1")

    assert detail is not None
    assert detail.incident == resolved
    assert detail.alerts == (ended,)
    assert [event.text for event in detail.events] == ["opened", "resolved"]


def test_what_is_not_there_is_none(records: AlertRecords) -> None:
    assert records.incident_file("inc-1") is None
    assert records.incident_detail("inc-1") is None


def test_the_slos_of_incidents_are_named_once_and_in_order(records: AlertRecords) -> None:
    found = (an_incident("inc-1"), an_incident("inc-2"), an_incident("inc-3"))
    stood = [("inc-1", "uptime"), ("inc-1", "login"), ("inc-1", "login"), ("inc-2", "login")]
    alerts = tuple(
        an_alert(f"alert-{number}", incident_id=incident, slo=slo)
        for number, (incident, slo) in enumerate(stood)
    )
    records.apply(Decision(incidents=found, alerts=alerts), {})

    assert records.slos_of(["inc-1", "inc-3"]) == {"inc-1": ("login", "uptime")}


def test_an_incident_whose_page_ended_before_its_ticket_was_a_page(records: AlertRecords) -> None:
    ticket, minute = Severity.TICKET, 60 * SECOND
    paged = an_incident("inc-1", severity=ticket, state=IncidentState.RESOLVED)
    calm = an_incident("inc-2", severity=Severity.INFO, opened_at=T0 - SECOND)
    found = (
        an_alert("a-1", severity=ticket, ended_at=T0 + 9 * minute),
        an_alert("a-2", started_at=T0 + minute, ended_at=T0 + 2 * minute),
        an_alert("a-3", incident_id="inc-2", severity=ticket, kind=AlertKind.BUDGET),
    )
    records.apply(Decision(incidents=(paged, calm), alerts=found), {})

    detail = records.incident_detail("inc-1")
    assert detail is not None
    assert (detail.incident.worst, detail.incident.severity) == (Severity.PAGE, ticket)
    of_pages = [one.worst for one in records.incidents().incidents]
    assert of_pages == [Severity.PAGE, Severity.INFO]
    assert [one.worst for one in records.incidents_at(T0 + minute)] == of_pages
    assert [one.worst for one in records.incidents_at(T0)] == [ticket, Severity.INFO]
    assert [one.worst for one in records.incidents_of("shop", "availability", T0, T0 + minute)] == [
        Severity.PAGE
    ]


def test_open_incidents_are_those_not_resolved_oldest_first(records: AlertRecords) -> None:
    records.apply(
        Decision(
            incidents=(
                an_incident("new", opened_at=T0 + SECOND),
                an_incident("old"),
                an_incident("other", service="pay", state=IncidentState.ACKNOWLEDGED),
                an_incident("over", state=IncidentState.RESOLVED),
            ),
            alerts=(an_alert(incident_id="old"), an_alert("alert-2", incident_id="over")),
        ),
        {},
    )

    assert [file.incident.id for file in records.open_incidents()] == ["old", "other", "new"]
    assert [file.incident.id for file in records.open_incidents("shop")] == ["old", "new"]
    assert [len(file.alerts) for file in records.open_incidents("shop")] == [1, 0]


@pytest.mark.parametrize(
    ("kinds", "told"),
    [
        pytest.param(["trigger"], "firing", id="trigger"),
        pytest.param(["trigger", "resolve"], "resolved", id="resolve"),
        pytest.param(["trigger", "acknowledge"], "firing", id="acknowledge"),
        pytest.param(["trigger", "resolve", "trigger", "update"], "firing", id="fires again"),
    ],
)
def test_told_is_what_was_decided_last(records: AlertRecords, kinds: list[str], told: str) -> None:
    for number, kind in enumerate(kinds):
        # The same moment and, for the last two, the same revision: their order still holds.
        revision = min(number, 2)
        decide(
            records,
            a_notification(f"n-{number}", kind=NotificationKind(kind), revision=revision),
        )
    file = records.incident_file("inc-1")

    assert file is not None
    assert file.told == {"oncall": told}


def test_a_rule_at_rest_leaves_no_state_behind(records: AlertRecords) -> None:
    records.apply(Decision(), {RULE: FIRING, "other": FIRING})
    records.apply(Decision(), {RULE: AlertState()})

    assert records.alert_states() == {"other": FIRING}


def test_a_decision_and_its_counts_are_one_transaction(
    records: AlertRecords, database: Database
) -> None:
    counts = CountStore(database)
    number = counts.register("shop/availability", "v1", T0).series_id
    batch = CountBatch(deltas={number: [BucketDelta(int(T0.timestamp()), bad=1)]})
    orphan = Decision(alerts=(an_alert(incident_id="nowhere"),))

    with pytest.raises(StorageError):
        records.apply(orphan, {RULE: FIRING}, batch)
    assert counts.register("shop/availability", "v1", T0).lifetime.bad == 0

    records.apply(Decision(incidents=(an_incident(),)), {RULE: FIRING}, batch)
    assert counts.register("shop/availability", "v1", T0).lifetime.bad == 1
    assert records.incident_file("inc-1") is not None


def test_a_statement_that_fails_in_the_middle_leaves_nothing(
    records: AlertRecords, database: Database
) -> None:
    with database.write() as connection:
        connection.execute(text("ALTER TABLE alert_states RENAME TO hidden"))  # written last

    decision = Decision(
        incidents=(an_incident(),), events=(an_event("opened"),), notifications=(a_notification(),)
    )
    with pytest.raises(StorageError, match="alert_states"):
        records.apply(decision, {RULE: FIRING})

    assert records.incident_detail("inc-1") is None
    assert records.outbox_pending() == (0, None)


def test_only_the_head_of_each_queue_is_due(records: AlertRecords) -> None:
    decide(
        records,
        a_notification("third", revision=3),
        a_notification("first", revision=1, created_at=T0 + SECOND),
        a_notification("second", revision=2),
        a_notification("slack", receiver="sre", revision=2),
    )
    decide(records, a_notification("elsewhere", incident_id="inc-2"), incident="inc-2")

    assert ids(records.due_notifications(T0)) == ["slack", "elsewhere", "first"]


def test_a_head_that_waits_holds_up_those_behind_it(records: AlertRecords) -> None:
    later = T0 + timedelta(minutes=5)
    decide(records, a_notification("n-1", next_attempt_at=later), a_notification("n-2", revision=2))

    assert records.due_notifications(T0) == []
    assert ids(records.due_notifications(later)) == ["n-1"]


def test_within_a_revision_the_order_of_decision_holds(records: AlertRecords) -> None:
    decide(records, a_notification("b"), a_notification("a"))

    assert ids(records.due_notifications(T0)) == ["b"]


def test_the_queue_goes_on_when_its_head_is_done(records: AlertRecords) -> None:
    first = a_notification("n-1")
    decide(records, first, a_notification("n-2", revision=2))

    attempt(records, first, AttemptOutcome.OK, NotificationState.DELIVERED)

    assert ids(records.due_notifications(T0)) == ["n-2"]


def test_due_notifications_come_in_bounded_numbers(records: AlertRecords) -> None:
    decide(records, *[a_notification(f"n-{n}", receiver=f"r{n}") for n in range(9)])

    assert ids(records.due_notifications(T0, limit=2)) == ["n-0", "n-1"]


def test_a_try_is_on_record_before_it_is_made(records: AlertRecords) -> None:
    decide(records, a_notification())

    begun, handle = records.begin_attempt("n-1", "a", T0)

    detail = records.incident_detail("inc-1")
    assert detail is not None
    assert (begun, handle) == (Attempt("n-1", 1, T0, by="a"), {})
    assert detail.attempts == (begun,)
    assert detail.notifications[0].attempts == 1


def test_a_finished_try_writes_all_that_follows_from_it(records: AlertRecords) -> None:
    notification = a_notification()
    decide(records, notification)
    begun, _ = records.begin_attempt("n-1", "a", T0)
    ended = replace(
        begun, ended_at=T0 + SECOND, outcome=AttemptOutcome.OK, status=202, detail="accepted"
    )
    delivered = replace(
        notification,
        state=NotificationState.DELIVERED,
        attempts=1,
        finished_at=T0 + SECOND,
        reason="delivered",
    )

    finish(records, ended, delivered, {"ts": "17.1"}, [an_event("sent", kind=EventKind.DELIVERED)])

    detail = records.incident_detail("inc-1")
    assert detail is not None
    assert detail.attempts == (ended,)
    assert detail.notifications == (delivered,)
    assert [event.text for event in detail.events] == ["sent"]
    assert records.outbox_pending() == (0, None)


def test_a_receiver_gets_its_own_handle_back(records: AlertRecords) -> None:
    first, second = a_notification("n-1"), a_notification("n-2", revision=2)
    decide(records, first, second, a_notification("other", receiver="mail"))
    begun, _ = records.begin_attempt("n-1", "a", T0)
    ended = replace(begun, ended_at=T0, outcome=AttemptOutcome.OK)
    done = replace(first, state=NotificationState.DELIVERED)
    finish(records, ended, done, {"channel": "C1", "ts": "17.1"}, ())

    begun, handle = records.begin_attempt("n-2", "a", T0)
    assert handle == {"channel": "C1", "ts": "17.1"}
    assert records.begin_attempt("other", "a", T0)[1] == {}

    # Without a new handle the stored one stays.
    finish(records, replace(begun, ended_at=T0), second, None, ())
    assert records.begin_attempt("n-2", "a", T0)[1] == {"channel": "C1", "ts": "17.1"}


def test_a_retry_waits_for_its_time_and_counts_on(records: AlertRecords) -> None:
    notification = a_notification()
    decide(records, notification)
    begun, _ = records.begin_attempt("n-1", "a", T0)
    ended = replace(begun, ended_at=T0 + SECOND, outcome=AttemptOutcome.RETRY, status=503)
    later = replace(notification, next_attempt_at=T0 + 30 * SECOND)
    finish(records, ended, later, None, ())

    assert records.due_notifications(T0 + 29 * SECOND) == []
    assert ids(records.due_notifications(T0 + 30 * SECOND)) == ["n-1"]
    assert records.begin_attempt("n-1", "a", T0 + 30 * SECOND)[0].number == 2


def test_what_is_delivered_is_not_tried_again(records: AlertRecords) -> None:
    notification = a_notification()
    decide(records, notification)
    attempt(records, notification, AttemptOutcome.OK, NotificationState.DELIVERED)

    with pytest.raises(LeaseError, match="n-1 is not ours to send"):
        records.begin_attempt("n-1", "a", T0)


def test_a_try_that_was_never_begun_cannot_end(records: AlertRecords) -> None:
    decide(records, a_notification())

    with pytest.raises(LeaseError, match="Try 1 of n-1 is not the one under way"):
        finish(records, Attempt("n-1", 1, T0, by="a"), a_notification(), None, ())


def test_after_a_crash_open_tries_are_ambiguous_and_due_again(records: AlertRecords) -> None:
    notification = a_notification()
    decide(records, notification, a_notification("other", receiver="mail"))
    attempt(records, notification, AttemptOutcome.RETRY)
    records.begin_attempt("n-1", "a", T0 + SECOND)

    closed = records.close_open_attempts(T0 + 2 * SECOND, "a")

    detail = records.incident_detail("inc-1")
    assert detail is not None
    assert closed == 1
    assert detail.attempts[1].outcome is AttemptOutcome.AMBIGUOUS
    assert detail.attempts[1].ended_at == T0 + 2 * SECOND
    assert detail.attempts[1].detail == "Our process ended in the middle of this try."
    assert ids(records.due_notifications(T0)) == ["n-1", "other"]
    assert records.close_open_attempts(T0, "a") == 0


def test_a_leased_notification_is_nobody_elses_until_the_lease_is_over(
    records: AlertRecords,
) -> None:
    notification = a_notification()
    decide(records, notification)
    stale, _ = records.begin_attempt("n-1", "a", T0)

    (seen,) = records.due_notifications(T0)
    assert seen.lease == Lease("a", T0 + TERM)
    with pytest.raises(LeaseError):
        records.begin_attempt("n-1", "b", T0 + TERM - SECOND)
    taken, _ = records.begin_attempt("n-1", "b", T0 + TERM)
    assert taken.number == 2

    delivered = replace(notification, state=NotificationState.DELIVERED)
    with pytest.raises(LeaseError, match="Try 1 of n-1 is not the one under way"):
        finish(records, stale, delivered, {"ts": "1"}, [an_event("too late")])
    finish(records, replace(taken, ended_at=T0, outcome=AttemptOutcome.OK), delivered, None, ())
    detail = records.incident_detail("inc-1")
    assert detail is not None
    assert [event.text for event in detail.events] == []
    assert detail.notifications[0].state is NotificationState.DELIVERED


def test_a_lease_from_before_the_clock_was_set_back_holds_up_nobody(records: AlertRecords) -> None:
    decide(records, a_notification(next_attempt_at=T0 - timedelta(hours=2)))
    records.begin_attempt("n-1", "a", T0)

    assert records.begin_attempt("n-1", "b", T0 - timedelta(hours=1))[0].number == 2


def test_a_worker_whose_clock_is_a_little_behind_takes_nobodys_lease(
    records: AlertRecords,
) -> None:
    decide(records, a_notification(next_attempt_at=T0 - timedelta(hours=2)))
    records.begin_attempt("n-1", "a", T0)

    for behind in (timedelta(milliseconds=1), SKEW):
        with pytest.raises(LeaseError):
            records.begin_attempt("n-1", "b", T0 - behind)
        assert Lease("a", T0 + TERM).free_at("b", T0 - behind) == T0 + TERM


def test_what_waits_for_a_moment_of_a_clock_that_was_set_back_is_due_at_once(
    records: AlertRecords,
) -> None:
    soon, hour = T0 + timedelta(minutes=4), timedelta(hours=1)
    decide(records, a_notification("n-1"), a_notification("n-2", receiver="mail"))
    attempt(records, a_notification("n-1", next_attempt_at=soon), AttemptOutcome.RETRY)

    records.pull_back(T0)
    assert {row.next_attempt_at for row in records.due_notifications(soon)} == {T0, soon}
    records.pull_back(T0 - hour)
    assert {row.next_attempt_at for row in records.due_notifications(T0 - hour)} == {T0 - hour}


def test_a_worker_that_comes_back_frees_its_own_leases_alone(records: AlertRecords) -> None:
    decide(records, a_notification("n-1"), a_notification("n-2", receiver="mail"))
    records.begin_attempt("n-1", "a", T0)
    records.begin_attempt("n-2", "b", T0)

    assert records.close_open_attempts(T0, "a") == 1
    assert [row.lease and row.lease.by for row in records.due_notifications(T0)] == [None, "b"]


def test_what_somebody_sends_is_not_skipped_under_their_hands(records: AlertRecords) -> None:
    decide(records, a_notification("n-1"), a_notification("n-2", revision=2))
    tidied = tidy(records.backlog("inc-1", "oncall"), T0)
    assert tidied
    records.begin_attempt("n-1", "b", T0)

    with pytest.raises(LeaseError):
        records.tidy(tidied, [an_event("skipped")], "a", T0)
    detail = records.incident_detail("inc-1")
    assert detail is not None
    assert {row.state for row in detail.notifications} == {NotificationState.PENDING}
    assert detail.events == ()


def test_a_fallback_is_written_with_the_failure_and_is_nobodys_own(records: AlertRecords) -> None:
    row = a_notification(failover=("mail",))
    decide(records, row)
    begun, _ = records.begin_attempt("n-1", "a", T0)
    failed = replace(row, state=NotificationState.FAILED)
    instead = a_notification("n-1.mail", receiver="mail", instead_of="oncall", failover=())
    ended = replace(begun, ended_at=T0, outcome=AttemptOutcome.PERMANENT)
    finish(records, ended, failed, None, (), instead)

    assert records.due_notifications(T0) == [instead]
    assert records.backlog("inc-1", "oncall").stand_ins == ("mail",)
    assert records.destinations() == {"oncall": Destination("oncall", last_success=T0)}
    file = records.incident_file("inc-1")
    assert file is not None
    assert file.told == {"oncall": "firing"}


def test_the_end_for_another_is_an_update_while_its_own_fires(records: AlertRecords) -> None:
    own = a_notification("n-1", receiver="mail", alerts=("a-1",), severity=Severity.TICKET)
    instead = a_notification("n-2.mail", receiver="mail", instead_of="oncall", alerts=("a-2",))
    principal = a_notification("n-2", alerts=("a-2",), state=NotificationState.FAILED)
    over = a_notification(
        "n-3.mail",
        receiver="mail",
        instead_of="oncall",
        kind=NotificationKind.RESOLVE,
        revision=2,
        alerts=(),
    )
    decided = replace(over, id="n-3", receiver="oncall", instead_of="")
    skipped = replace(decided, state=NotificationState.SKIPPED)
    told = [replace(row, state=NotificationState.DELIVERED) for row in (own, instead)]
    decide(records, principal, *told, skipped, over)

    assert [row.id for row in records.backlog("inc-1", "mail").goes_on] == ["n-1"]
    records.tidy(tidy(records.backlog("inc-1", "mail"), T0), (), "a", T0)

    found = records.backlog("inc-1", "mail")
    (update,) = found.waiting
    assert (update.kind, update.alerts, update.over) == (NotificationKind.UPDATE, (), True)
    assert update.message.what_changed.endswith("What is routed to mail itself still fires.")
    assert not tidy(found, T0)
    assert records.backlog("inc-1", "oncall").stand_ins == ()


def test_its_own_end_is_an_update_while_it_stands_in_and_is_decided(records: AlertRecords) -> None:
    own = a_notification("n-1", receiver="mail", alerts=("a-1",))
    principal = a_notification("n-2", alerts=("a-2",), state=NotificationState.FAILED)
    instead = a_notification("n-2.mail", receiver="mail", instead_of="oncall", alerts=("a-2",))
    over = a_notification(
        "n-3", receiver="mail", kind=NotificationKind.RESOLVE, revision=2, alerts=()
    )
    decide(records, own, principal, instead, over)

    records.tidy(tidy(records.backlog("inc-1", "mail"), T0), (), "a", T0)

    told = {row.id: row for row in records.backlog("inc-1", "mail").waiting}
    assert told["n-3"].kind is NotificationKind.UPDATE
    file = records.incident_file("inc-1")
    assert file is not None
    assert file.told == {"mail": "resolved", "oncall": "firing"}


def test_an_acknowledgement_that_is_told_anyway_is_not_told_for_another(
    records: AlertRecords,
) -> None:
    own = a_notification("n-1", receiver="mail", kind=NotificationKind.ACKNOWLEDGE, revision=3)
    other = replace(own, id="n-2.mail", instead_of="oncall")
    decide(records, own, other)

    assert records.backlog("inc-1", "mail").repeats == {"n-2.mail"}


def test_what_is_told_late_in_anothers_place_is_open_after_its_own_end(
    records: AlertRecords,
) -> None:
    own = a_notification(
        "n-3",
        receiver="mail",
        revision=3,
        kind=NotificationKind.RESOLVE,
        alerts=(),
        state=NotificationState.DELIVERED,
    )
    late = a_notification(
        "n-1.mail", receiver="mail", instead_of="oncall", state=NotificationState.DELIVERED
    )
    decide(records, own)
    decide(records, late)

    assert records.backlog("inc-1", "mail").arrived


def test_who_stood_in_for_a_receiver_stands_in_for_it_under_its_new_name(
    records: AlertRecords,
) -> None:
    decide(
        records,
        a_notification("n-1", state=NotificationState.FAILED),
        a_notification("n-1.mail", receiver="mail", instead_of="oncall"),
    )

    records.rename_receivers({"oncall": "pager"})

    assert records.backlog("inc-1", "pager").stand_ins == ("mail",)


def test_a_probe_has_what_waits_sent_at_once_and_is_remembered(records: AlertRecords) -> None:
    later = T0 + timedelta(minutes=5)
    decide(
        records,
        a_notification(next_attempt_at=later),
        a_notification("n-2", receiver="mail", next_attempt_at=later),
    )
    parked = Destination("oncall", failures=7, parked_at=T0, problem="401")
    records.probe(parked.half_open(T0), T0)

    assert ids(records.due_notifications(T0)) == ["n-1"]
    assert records.destinations() == {"oncall": parked.half_open(T0)}
    assert records.waiting() == {"mail": (1, T0), "oncall": (1, T0)}


def test_an_outage_that_came_and_went_is_one_row_to_send(records: AlertRecords) -> None:
    resolve = a_notification("n-2", kind=NotificationKind.RESOLVE, revision=2)
    decide(records, a_notification("n-1"), resolve)

    records.tidy(tidy(records.backlog("inc-1", "oncall"), T0), (), "a", T0)

    (row,) = records.due_notifications(T0)
    assert (row.id, row.kind, row.message.kind) == ("n-2", *[NotificationKind.MISSED] * 2)
    file = records.incident_file("inc-1")
    assert file is not None
    assert file.told == {"oncall": "resolved"}


def test_a_try_whose_end_was_lost_does_not_hold_up_the_next(records: AlertRecords) -> None:
    decide(records, a_notification())
    records.begin_attempt("n-1", "a", T0)

    again, _ = records.begin_attempt("n-1", "a", T0 + SECOND)

    detail = records.incident_detail("inc-1")
    assert detail is not None
    assert again.number == 2
    assert detail.attempts[0].outcome is AttemptOutcome.AMBIGUOUS


def test_a_decision_does_not_undo_the_count_of_tries(records: AlertRecords) -> None:
    notification = a_notification()
    decide(records, notification)
    records.begin_attempt("n-1", "a", T0)

    decide(records, replace(notification, reason="superseded"))

    (stored,) = records.due_notifications(T0)
    assert (stored.attempts, stored.reason) == (1, "superseded")


def test_a_trigger_that_was_delivered_may_have_arrived(records: AlertRecords) -> None:
    notification = a_notification()
    decide(records, notification)
    assert not records.backlog("inc-1", "oncall").may_have_arrived

    attempt(records, notification, AttemptOutcome.OK, NotificationState.DELIVERED)

    assert records.backlog("inc-1", "oncall").may_have_arrived
    assert not records.backlog("inc-1", "mail").may_have_arrived


@pytest.mark.parametrize(
    ("outcome", "arrived"),
    [
        pytest.param(AttemptOutcome.AMBIGUOUS, True, id="the answer was lost"),
        pytest.param(AttemptOutcome.RETRY, False, id="it was refused for now"),
        pytest.param(AttemptOutcome.PERMANENT, False, id="it was refused for good"),
    ],
)
def test_a_failed_try_may_have_arrived_only_when_in_doubt(
    records: AlertRecords, outcome: AttemptOutcome, arrived: bool
) -> None:
    notification = a_notification()
    decide(records, notification)
    attempt(records, notification, outcome, NotificationState.FAILED)

    assert records.backlog("inc-1", "oncall").may_have_arrived is arrived


def test_a_try_that_is_under_way_may_have_arrived(records: AlertRecords) -> None:
    decide(records, a_notification())
    records.begin_attempt("n-1", "a", T0)

    assert records.backlog("inc-1", "oncall").may_have_arrived


def test_a_delivered_resolve_wipes_the_slate(records: AlertRecords) -> None:
    trigger = a_notification("n-1")
    resolve = a_notification("n-2", kind=NotificationKind.RESOLVE, revision=2)
    again = a_notification("n-3", kind=NotificationKind.TRIGGER, revision=3)
    decide(records, trigger, resolve, again)
    attempt(records, trigger, AttemptOutcome.OK, NotificationState.DELIVERED)
    assert records.backlog("inc-1", "oncall").may_have_arrived

    attempt(records, resolve, AttemptOutcome.OK, NotificationState.DELIVERED)
    assert not records.backlog("inc-1", "oncall").may_have_arrived

    attempt(records, again, AttemptOutcome.OK, NotificationState.DELIVERED)
    assert records.backlog("inc-1", "oncall").may_have_arrived


def test_the_outbox_says_how_many_wait_and_since_when(records: AlertRecords) -> None:
    decide(
        records,
        a_notification("n-1", created_at=T0 + SECOND),
        a_notification("n-2", created_at=T0),
        a_notification("n-3", created_at=T0 - SECOND, state=NotificationState.FAILED),
    )

    assert records.outbox_pending() == (2, T0)


def test_pages_show_every_incident_once_newest_first(records: AlertRecords) -> None:
    # Seven at each moment: the id decides where the time does not.
    many = [an_incident(f"inc-{n}", opened_at=T0 + (n // 7) * SECOND) for n in range(50)]
    records.apply(Decision(incidents=tuple(many)), {})

    seen: list[str] = []
    cursor = None
    while True:
        page = records.incidents(cursor=cursor, limit=6)
        seen += [incident.id for incident in page.incidents]
        cursor = page.next_cursor
        if cursor is None:
            break
        # What opens while someone pages is on the first page, and shifts nothing.
        records.apply(
            Decision(incidents=(an_incident(f"late-{cursor}", opened_at=T0 + 99 * SECOND),)), {}
        )

    newest_first = sorted(many, key=lambda incident: (incident.opened_at, incident.id))[::-1]
    assert seen == [incident.id for incident in newest_first]


def test_a_page_that_is_exactly_full_is_the_last(records: AlertRecords) -> None:
    records.apply(Decision(incidents=tuple(an_incident(f"inc-{n}") for n in range(4))), {})

    assert records.incidents(limit=4).next_cursor is None


@pytest.mark.parametrize(
    ("state", "service", "found"),
    [
        pytest.param(None, None, ["a", "b", "c"], id="all"),
        pytest.param("open", None, ["a", "b"], id="open"),
        pytest.param("acknowledged", None, ["b"], id="acknowledged"),
        pytest.param("resolved", None, ["c"], id="resolved"),
        pytest.param(None, "pay", ["b"], id="of one service"),
        pytest.param("open", "shop", ["a"], id="open ones of one service"),
    ],
)
def test_pages_are_filtered(
    records: AlertRecords, state: str | None, service: str | None, found: list[str]
) -> None:
    records.apply(
        Decision(
            incidents=(
                an_incident("a"),
                an_incident("b", state=IncidentState.ACKNOWLEDGED, service="pay"),
                an_incident("c", state=IncidentState.RESOLVED),
            )
        ),
        {},
    )

    page = records.incidents(state, service)

    assert sorted(incident.id for incident in page.incidents) == found


@pytest.mark.parametrize(
    "cursor",
    [
        pytest.param("", id="empty"),
        pytest.param("!", id="another alphabet"),
        pytest.param("bm9wZQ", id="no time"),
        pytest.param("MTIz", id="no id"),
        pytest.param("OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTkuYQ", id="beyond every calendar"),
        pytest.param("é", id="not ASCII"),
    ],
)
def test_a_made_up_cursor_is_refused(records: AlertRecords, cursor: str) -> None:
    with pytest.raises(CursorError, match="begin again without it"):
        records.incidents(cursor=cursor)


def test_at_a_moment_there_are_those_opened_by_then_and_all_that_were_open(
    records: AlertRecords,
) -> None:
    hour = timedelta(hours=1)
    over, resolved = {"state": IncidentState.RESOLVED}, {"resolved_at": T0 + 4 * hour}
    found = (
        an_incident("old-open", opened_at=T0, **over, **resolved),
        an_incident("over", opened_at=T0 + hour, resolved_at=T0 + 2 * hour, **over),
        an_incident("newest", opened_at=T0 + 3 * hour),
        an_incident("later", opened_at=T0 + 4 * hour),
        an_incident("elsewhere", opened_at=T0, service="pets"),
    )
    records.apply(Decision(incidents=found), {})

    then = records.incidents_at(T0 + 3 * hour, service="shop", limit=2)
    only_open = records.incidents_at(T0 + 3 * hour, limit=0)
    after = records.incidents_at(T0 + 5 * hour, service="shop", limit=0)

    assert [one.id for one in then] == ["newest", "over", "old-open"]
    assert {one.id for one in only_open} == {"newest", "old-open", "elsewhere"}
    assert [one.id for one in after] == ["later", "newest"]


def test_retention_takes_old_resolved_incidents_with_all_that_is_theirs(
    records: AlertRecords, database: Database
) -> None:
    for n in range(5):
        over = an_incident(f"inc-{n}", state=IncidentState.RESOLVED, resolved_at=T0)
        sent = a_notification(f"n-{n}", incident_id=over.id)
        own = an_alert(f"alert-{n}", incident_id=over.id)
        event = an_event("opened", over.id)
        records.apply(Decision((over,), (own,), (event,), (sent,)), {})
        begun, _ = records.begin_attempt(sent.id, "a", T0)
        ended = replace(begun, ended_at=T0, outcome=AttemptOutcome.OK)
        done = replace(sent, state=NotificationState.DELIVERED)
        finish(records, ended, done, {"ts": "1"}, ())

    now, keep = T0 + timedelta(days=401), timedelta(days=400)
    removed = [records.prune(now, keep, limit=2) for _ in range(4)]

    assert removed == [2, 2, 1, 0]
    tables = (incidents, alerts, incident_events, notifications, attempts, handles)
    with database.read() as connection:
        left = [connection.execute(select(table)).all() for table in tables]
    assert left == [[]] * 6


def test_retention_spares_what_is_open_young_or_still_to_be_told(records: AlertRecords) -> None:
    old = an_incident("old", state=IncidentState.RESOLVED, resolved_at=T0)
    records.apply(
        Decision(
            incidents=(
                an_incident("open"),
                replace(old, id="young", resolved_at=T0 + SECOND),
                replace(old, id="untold"),
                old,
            ),
            notifications=(a_notification(incident_id="untold"),),
        ),
        {},
    )

    records.prune(T0 + SECOND + timedelta(days=400), timedelta(days=400))

    left = sorted(incident.id for incident in records.incidents().incidents)
    assert left == ["open", "untold", "young"]
