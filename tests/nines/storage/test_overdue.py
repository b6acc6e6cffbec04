"""What the auditor is told of the outbox: what waits too long, and pages that nobody has."""

from datetime import datetime, timedelta

import pytest

from alerting.incident import IncidentState
from alerting.notification import NotificationKind, NotificationState
from alerting.store import Decision
from nines.storage.alerts import AlertRecords
from nines.storage.database import Database
from nines.storage.overdue import owed
from slo.severity import Severity
from tests.nines.storage.builders import T0, Varied, a_notification, an_incident

MINUTE = timedelta(minutes=1)
NOW = T0 + 10 * MINUTE


def keep(database: Database, *notifications: Varied, **incident: Varied) -> None:
    rows = [a_notification(f"n-{number}", **one) for number, one in enumerate(notifications)]
    decision = Decision(incidents=(an_incident(**incident),), notifications=tuple(rows))
    AlertRecords(database).apply(decision, {})


def found(database: Database) -> list[tuple[str, bool]]:
    return [(one.receiver, one.given_up) for one in owed(database, NOW, 2 * MINUTE)]


def test_what_waits_longer_is_told_with_its_service(database: Database) -> None:
    keep(
        database,
        {"receiver": "late", "attempts": 3},
        {"receiver": "fresh", "created_at": NOW - MINUTE},
        {"receiver": "done", "state": NotificationState.DELIVERED, "finished_at": T0},
    )

    [late] = owed(database, NOW, 2 * MINUTE)
    assert (late.receiver, late.service, late.attempts) == ("late", "shop", 3)
    assert (late.decided_at, late.severity, late.leased_until) == (T0, Severity.PAGE, None)


def test_a_fresh_one_is_told_once_its_lease_is_over(database: Database) -> None:
    fresh = {"created_at": NOW, "next_attempt_at": NOW}
    keep(database, fresh)
    assert found(database) == []

    AlertRecords(database).begin_attempt("n-0", "gone", NOW)
    assert found(database) == []
    later = owed(database, NOW + 2 * MINUTE - timedelta(seconds=1), 2 * MINUTE)
    assert [one.leased_until for one in later] == [NOW + MINUTE]


def test_a_page_that_was_given_up_is_told_unless_somebody_has_it(database: Database) -> None:
    failed = {"state": NotificationState.FAILED, "finished_at": NOW}
    keep(database, failed)
    assert found(database) == [("oncall", True)]

    keep(database, failed, {"receiver": "mail", "state": NotificationState.DELIVERED})
    assert found(database) == []


@pytest.mark.parametrize(
    ("digest", "finished", "owes"),
    [
        (NotificationState.DELIVERED, T0, False),
        (NotificationState.PENDING, None, False),  # it is watched by itself
        (NotificationState.FAILED, None, True),
    ],
)
def test_a_page_that_a_digest_tells_somebody_else_is_not_owed(
    database: Database, digest: NotificationState, finished: datetime | None, *, owes: bool
) -> None:
    failed = {"state": NotificationState.FAILED, "finished_at": NOW}
    told = {"receiver": "slack", "state": NotificationState.DIGESTED, "digest": "n-2"}
    it = {
        "incident_id": "inc-2",
        "receiver": "slack",
        "kind": NotificationKind.DIGEST,
        "state": digest,
        "created_at": NOW,
    }
    AlertRecords(database).apply(Decision(incidents=(an_incident("inc-2"),)), {})
    keep(database, failed, told | {"finished_at": finished}, it)

    assert found(database) == ([("oncall", True)] if owes else [])


def test_one_that_is_over_or_that_a_person_took_is_owed_no_more(database: Database) -> None:
    failed = {"state": NotificationState.FAILED, "finished_at": NOW}
    for state in (IncidentState.RESOLVED, IncidentState.ACKNOWLEDGED):
        keep(database, failed, state=state)
        assert found(database) == []


def test_a_ticket_that_was_given_up_wakes_nobody(database: Database) -> None:
    keep(
        database,
        {"state": NotificationState.FAILED, "severity": Severity.TICKET},
        {"state": NotificationState.FAILED, "kind": NotificationKind.RESOLVE, "revision": 2},
    )
    assert found(database) == []


def test_a_canary_may_take_its_time(database: Database) -> None:
    keep(database, {"kind": NotificationKind.CANARY, "severity": Severity.INFO})
    assert found(database) == []
