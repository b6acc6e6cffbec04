"""Incidents, their alerts and their timelines, as rows and back."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, select

from alerting.alert import Alert, AlertKind
from alerting.incident import EventKind, Incident, IncidentEvent, IncidentState
from nines.storage.codec import (
    facts_from_json,
    facts_to_json,
    names_from_json,
    names_to_json,
    origin_from_json,
    origin_to_json,
)
from nines.storage.schema import alerts, incident_events, incidents
from nines.storage.upsert import add, upsert
from slo.severity import Severity


def incident_values(incident: Incident) -> dict[str, Any]:
    return {
        "id": incident.id,
        "service": incident.service,
        "state": incident.state,
        "severity": incident.severity,
        "title": incident.title,
        "opened_at": incident.opened_at,
        "revision": incident.revision,
        "acknowledged_at": incident.acknowledged_at,
        "acknowledged_by": incident.acknowledged_by,
        "resolved_at": incident.resolved_at,
        "linked_to": incident.linked_to,
    }


def incident_of(row: Row[Any]) -> Incident:
    return Incident(
        id=row.id,
        service=row.service,
        state=IncidentState(row.state),
        severity=Severity(row.severity),
        title=row.title,
        opened_at=row.opened_at,
        revision=row.revision,
        acknowledged_at=row.acknowledged_at,
        acknowledged_by=row.acknowledged_by,
        resolved_at=row.resolved_at,
        linked_to=row.linked_to,
    )


def alert_values(alert: Alert) -> dict[str, Any]:
    return {
        "id": alert.id,
        "incident_id": alert.incident_id,
        "rule": alert.rule,
        "service": alert.service,
        "slo": alert.slo,
        "kind": alert.kind,
        "severity": alert.severity,
        "started_at": alert.started_at,
        "ended_at": alert.ended_at,
        "facts": facts_to_json(alert.facts),
        "held_by": names_to_json(alert.held_by) if alert.held_by else None,
        "origin": None if alert.origin is None else origin_to_json(alert.origin),
    }


def alert_of(row: Row[Any]) -> Alert:
    return Alert(
        id=row.id,
        rule=row.rule,
        service=row.service,
        slo=row.slo,
        kind=AlertKind(row.kind),
        severity=Severity(row.severity),
        started_at=row.started_at,
        facts=facts_from_json(row.facts),
        incident_id=row.incident_id,
        ended_at=row.ended_at,
        held_by=names_from_json(row.held_by) if row.held_by else (),
        origin=origin_from_json(row.origin) if row.origin else None,
    )


def event_of(row: Row[Any]) -> IncidentEvent:
    return IncidentEvent(row.incident_id, row.at, EventKind(row.kind), row.text, row.id)


def write_events(connection: Connection, events: Sequence[IncidentEvent]) -> None:
    rows = [
        {"incident_id": event.incident_id, "at": event.at, "kind": event.kind, "text": event.text}
        for event in events
    ]
    add(connection, incident_events, rows)


def replace_rows(
    connection: Connection,
    table: Table,
    rows: Iterable[dict[str, Any]],
    keep: frozenset[str] = frozenset(),
) -> None:
    """Insert rows by their id; one that is stored already is replaced, but for columns `keep`."""
    new = list(rows)
    if new:
        upsert(connection, table, new, key=("id",), change=[c for c in new[0] if c not in keep])


def select_alerts(*where: ColumnElement[bool]) -> Select[Any]:
    """The alerts of incidents, oldest first; `where` is about incidents."""
    return (
        select(alerts)
        .join(incidents, incidents.c.id == alerts.c.incident_id)
        .where(*where)
        .order_by(alerts.c.started_at, alerts.c.id)
    )


def alerts_by_incident(rows: Iterable[Row[Any]]) -> dict[str, list[Alert]]:
    """The rows as alerts, by incident, in their order."""
    by_incident: dict[str, list[Alert]] = {}
    for row in rows:
        by_incident.setdefault(row.incident_id, []).append(alert_of(row))
    return by_incident
