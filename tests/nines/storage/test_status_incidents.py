"""What customers were told is kept update by update, once for each key, on both databases."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from alerting.status_incident import (
    ComponentState,
    Impact,
    Stage,
    StatusIncident,
    StatusPlan,
    UpdatePlan,
    begun,
    gone_on,
)
from nines.storage.audit import AuditRecords
from nines.storage.database import Database
from nines.storage.status_incidents import Request, StatusIncidentRecords
from slo.key import KeyReusedError

T0 = datetime(2026, 11, 20, 14, 0, 0, 7, tzinfo=UTC)
HOUR = timedelta(hours=1)
NONE = Request()


def post(
    records: StatusIncidentRecords, name: str, at: datetime = T0, request: Request = NONE
) -> tuple[StatusIncident, bool]:
    touched = {"buy": ComponentState.MAJOR_OUTAGE, "see": None}
    plan = StatusPlan(f"{name} ☕", Impact.MAJOR, Stage.INVESTIGATING, "so\nit is", "ada", touched)
    return records.tell(None, lambda _: begun(plan, at, name, f"{name}-1"), request)


def go_on(
    records: StatusIncidentRecords, name: str, stage: Stage, at: datetime, request: Request = NONE
) -> tuple[StatusIncident, bool]:
    plan = UpdatePlan(name, stage, "more", "bob", Impact.MINOR, {"buy": None})

    def decide(before: StatusIncident | None) -> StatusIncident:
        assert before is not None
        return gone_on(before, plan, at, f"{name}-{len(before.updates) + 1}")

    return records.tell(name, decide, request)


def test_it_is_found_as_it_was_told_newest_first(database: Database) -> None:
    records = StatusIncidentRecords(database)
    one, _ = post(records, "one")
    two, _ = post(records, "two", T0 + HOUR)
    later, is_new = go_on(records, "one", Stage.RESOLVED, T0 + HOUR)

    assert is_new
    assert later.updates[0] == one.updates[0]
    assert (later.stage, later.impact, later.resolved_at) == (
        Stage.RESOLVED,
        Impact.MINOR,
        T0 + HOUR,
    )
    assert later.components == {"buy": None, "see": None}
    assert StatusIncidentRecords(database).all() == [two, later]


def test_a_key_counts_once_for_incidents_and_updates_alike(database: Database) -> None:
    records = StatusIncidentRecords(database)
    first = post(records, "one", request=Request("k", "x"))
    again = post(records, "other", request=Request("k", "x"))
    go_on(records, "one", Stage.IDENTIFIED, T0, Request("l", "y"))
    repeated, is_new = go_on(records, "one", Stage.IDENTIFIED, T0, Request("l", "y"))

    assert first[1]
    assert again == (first[0], False)
    assert not is_new
    assert len(repeated.updates) == 2
    with pytest.raises(KeyReusedError):
        go_on(records, "one", Stage.RESOLVED, T0, Request("k", "z"))
    assert [one.id for one in records.all()] == ["one"]


def test_each_change_is_in_the_audit_log_and_a_refused_one_changes_nothing(
    database: Database,
) -> None:
    records = StatusIncidentRecords(database)
    post(records, "one")
    go_on(records, "one", Stage.MONITORING, T0)
    with pytest.raises(LookupError):
        go_on(records, "none", Stage.MONITORING, T0)

    found, _ = AuditRecords(database).page(before=None, limit=9, by=None, action=None)
    told = [(one.by, one.action, one.subject) for one in found]
    assert told == [
        ("bob", "status incident updated", "one"),
        ("ada", "status incident posted", "one"),
    ]
    assert json.loads(found[0].before or "")["stage"] == "investigating"
    assert json.loads(found[0].after or "")["stage"] == "monitoring"


def test_what_is_long_over_is_forgotten_and_what_is_open_never(database: Database) -> None:
    records = StatusIncidentRecords(database)
    post(records, "open")
    post(records, "over")
    go_on(records, "over", Stage.RESOLVED, T0)

    assert records.prune(T0 + HOUR, HOUR) == 0
    assert records.prune(T0 + 2 * HOUR, HOUR) == 1
    assert [one.id for one in records.all()] == ["open"]
