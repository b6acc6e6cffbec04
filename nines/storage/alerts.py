"""What alerting decides, as rows, and the files that its decisions rest on."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, delete, exists, select

from alerting.incident import EventKind, IncidentState
from alerting.notification import NotificationKind
from alerting.store import Decision, IncidentFile, Sent, told_and_said
from nines.storage.audit import told, write_audit
from nines.storage.batches import CountBatch, write_batch
from nines.storage.codec import names_from_json, names_to_json, state_from_json, state_to_json
from nines.storage.database import Database
from nines.storage.grounds import write_grounds
from nines.storage.incident_records import IncidentRecords
from nines.storage.incident_rows import (
    alert_values,
    alerts_by_incident,
    incident_of,
    incident_values,
    replace_rows,
    select_alerts,
    write_events,
)
from nines.storage.marks import write_marks
from nines.storage.notification_rows import PENDING, STANDS, attempt_values, notification_values
from nines.storage.outbox import OutboxRecords
from nines.storage.outside import write_outside
from nines.storage.prepared import Prepared, among
from nines.storage.schema import alert_states, alerts, attempts, incidents, notifications
from nines.storage.shadows import write_shadows
from nines.storage.upsert import add, upsert
from slo.alert_state import AlertState
from slo.severity import Severity

_PRUNE_INCIDENTS = 200  # a batch: the writer is never held up for long
# Tries are counted by those who make them, whatever was known when the decision fell.
_OF_TRIES = frozenset({"attempts", "lease_owner", "leased_until"})
_OF_ROUTES = notifications.c.instead_of == ""  # what a fallback is sent follows its principal's


class AlertRecords(OutboxRecords, IncidentRecords):
    """The AlertStore of `alerting`, and what pages ask about incidents."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.database = database

    def open_incidents(self, service: str | None = None) -> list[IncidentFile]:
        """Files of the incidents that are not resolved, oldest first."""
        if service is not None:
            return self.open_incidents_of([service])[service]
        with self._database.read() as connection:
            return _ALL_OPEN.of(connection, {})

    def open_incidents_of(self, services: Collection[str]) -> dict[str, list[IncidentFile]]:
        """The same of some services, by service; each is there."""
        found: dict[str, list[IncidentFile]] = {name: [] for name in services}
        with self.database.read() as connection:
            for file in _OPEN_OF.of(connection, {"services": names_to_json(tuple(found))}):
                found[file.incident.service].append(file)
        return found

    def open_services(self) -> dict[str, str]:
        """The service of each incident that is not resolved, by the incident's id."""
        query = select(incidents.c.id, incidents.c.service).where(_IS_OPEN)
        with self.database.read() as connection:
            return {row.id: row.service for row in connection.execute(query)}

    def incident_file(self, incident_id: str) -> IncidentFile | None:
        """One incident's file, open or not; None when there is no such incident."""
        with self._database.read() as connection:
            files = _ONE.of(connection, {"incident": incident_id})
        return files[0] if files else None

    def incident_files(self, ids: Collection[str]) -> list[IncidentFile]:
        """Those of several, oldest first."""
        with self._database.read() as connection:
            return _SOME.of(connection, {"ids": names_to_json(tuple(ids))})

    def apply(
        self,
        decision: Decision,
        states: Mapping[str, AlertState],
        batch: CountBatch | None = None,
    ) -> None:
        """Write a decision, the rules' states and the counts behind them in one transaction."""
        with self._database.write() as connection:
            if batch is not None:
                write_batch(connection, batch)
            write_decision(connection, decision)
            _write_states(connection, states)

    def alert_states(self) -> dict[str, AlertState]:
        """Where every rule stands that is not simply inactive, by rule key."""
        with self._database.read() as connection:
            rows = connection.execute(select(alert_states)).all()
        return {row.rule: state_from_json(row.state) for row in rows}

    def prune(self, now: datetime, keep: timedelta, limit: int = _PRUNE_INCIDENTS) -> int:
        """Forget incidents resolved more than `keep` ago, with all that belongs to them.

        One short transaction of at most `limit` incidents: call it until it gives 0, the number
        that went. An incident whose last word still waits to be delivered stays.
        """
        waits = exists().where(notifications.c.incident_id == incidents.c.id, PENDING)
        old = (
            select(incidents.c.id)
            .where(
                incidents.c.state == IncidentState.RESOLVED,
                incidents.c.resolved_at < now - keep,
                ~waits,
            )
            .limit(limit)
        )
        with self._database.write() as connection:
            return connection.execute(delete(incidents).where(incidents.c.id.in_(old))).rowcount


def write_decision(connection: Connection, decision: Decision) -> None:
    replace_rows(connection, incidents, map(incident_values, decision.incidents))
    replace_rows(connection, alerts, map(alert_values, decision.alerts))
    replace_rows(
        connection, notifications, map(notification_values, decision.notifications), _OF_TRIES
    )
    add(connection, attempts, [attempt_values(one) for one in decision.attempts])
    write_events(connection, decision.events)
    _write_acknowledgements(connection, decision)
    write_grounds(connection, decision.grounds)
    write_shadows(connection, decision.shadows)
    write_marks(connection, decision.marks)
    write_outside(connection, decision.outside)


def _write_acknowledgements(connection: Connection, decision: Decision) -> None:
    """They are what people do in a decision: the audit log has them, whichever way they came."""
    taken = {one.incident_id for one in decision.events if one.kind is EventKind.ACKNOWLEDGED}
    for incident in decision.incidents:
        if incident.id in taken and incident.acknowledged_at is not None:
            by = incident.acknowledged_by or ""
            write_audit(
                connection,
                at=incident.acknowledged_at,
                by=by,
                action="incident acknowledged",
                subject=incident.id,
                before=told({"state": IncidentState.TRIGGERED, "acknowledged_by": None}),
                after=told({"state": incident.state, "acknowledged_by": by}),
            )


def _write_states(connection: Connection, states: Mapping[str, AlertState]) -> None:
    # An inactive rule needs no row, so rules that are gone leave none behind.
    at_rest = [{"at_rest": rule} for rule, state in states.items() if state == AlertState()]
    if at_rest:
        forget = delete(alert_states).where(alert_states.c.rule == bindparam("at_rest"))
        connection.execute(forget, at_rest)
    upsert(
        connection,
        alert_states,
        [
            {"rule": rule, "state": state_to_json(state)}
            for rule, state in sorted(states.items())
            if state != AlertState()
        ],
        key=("rule",),
        change=("state",),
    )


_Where = Callable[[str], ColumnElement[bool]]  # by the dialect


class _Files:
    """The files of `where` incidents."""

    def __init__(self, where: _Where) -> None:
        self._incidents = Prepared(
            lambda dialect: (
                select(incidents)
                .where(where(dialect))
                .order_by(incidents.c.opened_at, incidents.c.id)
            )
        )
        self._alerts = Prepared(lambda dialect: select_alerts(where(dialect)))
        self._sent = Prepared(lambda dialect: _select_sent(where(dialect)))

    def of(self, connection: Connection, values: Mapping[str, object]) -> list[IncidentFile]:
        """Oldest first."""
        found = [incident_of(row) for row in self._incidents.rows(connection, values)]
        if not found:
            return []
        of_each = alerts_by_incident(self._alerts.rows(connection, values))
        sent: dict[str, list[Sent]] = {}
        for row in self._sent.rows(connection, values):
            incident_id, receiver, kind, at, severity, told = row
            ids = None if told is None else names_from_json(told)
            one = Sent(receiver, NotificationKind(kind), at, Severity(severity), ids)
            sent.setdefault(incident_id, []).append(one)
        files = []
        for incident in found:
            own = tuple(of_each.get(incident.id, ()))
            said = told_and_said(sent.get(incident.id, ()), own)
            files.append(IncidentFile(incident, own, *said))
        return files


def _select_sent(where: ColumnElement[bool]) -> Select[Any]:
    """What was decided to be sent about `where` incidents, in the order of the decisions."""
    return (
        select(
            notifications.c.incident_id,
            notifications.c.receiver,
            notifications.c.kind,
            notifications.c.created_at,
            notifications.c.severity,
            notifications.c.alerts,
        )
        .join(incidents, incidents.c.id == notifications.c.incident_id)
        .where(STANDS, _OF_ROUTES, where)
        .order_by(notifications.c.revision, notifications.c.sequence)
    )


_IS_OPEN = incidents.c.state != IncidentState.RESOLVED
_ALL_OPEN = _Files(lambda _: _IS_OPEN)
_OPEN_OF = _Files(lambda dialect: and_(_IS_OPEN, among(incidents.c.service, "services", dialect)))
_SOME = _Files(lambda dialect: among(incidents.c.id, "ids", dialect))
_ONE = _Files(lambda _: incidents.c.id == bindparam("incident"))
