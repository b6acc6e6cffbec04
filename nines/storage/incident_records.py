"""What pages ask about incidents and alerts."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, case, exists, func, or_, select, tuple_

from alerting import canary
from alerting.alert import Alert, AlertKind
from alerting.grounds import Grounds
from alerting.incident import Incident, IncidentState
from dashboards.source import IncidentDetail, IncidentPage
from nines.storage.codec import grounds_from_json
from nines.storage.database import Database
from nines.storage.grounds import grounds_of_alert
from nines.storage.incident_rows import (
    alert_of,
    alerts_by_incident,
    event_of,
    incident_of,
    select_alerts,
)
from nines.storage.notification_rows import attempt_of, notification_of
from nines.storage.schema import (
    alerts,
    attempts,
    grounds,
    incident_events,
    incidents,
    instant,
    notifications,
)
from slo.ledger import epoch_micros
from slo.severity import Severity

OPEN = "open"  # as an incident's state in a question: triggered or acknowledged
_MOST_RECORDS = 1_000  # as many as a page can hold in mind
_SHOWN = incidents.c.service != canary.SERVICE  # a canary is no incident
_NO_CURSOR = "The cursor is none that a page gave out; begin again without it."


class CursorError(ValueError):
    """A page was asked for with a cursor that we did not give out."""


class IncidentRecords:
    """Incidents as they are read; every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def incidents(
        self,
        state: str | None = None,
        service: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> IncidentPage:
        """A page of incidents, newest first. `state` is a state's name or "open".

        Raises CursorError for a cursor that no page gave out.
        """
        newest_first = tuple_(incidents.c.opened_at, incidents.c.id)
        query = (
            _with_peak().where(_SHOWN).order_by(incidents.c.opened_at.desc(), incidents.c.id.desc())
        )
        if state == OPEN:
            query = query.where(incidents.c.state != IncidentState.RESOLVED)
        elif state is not None:
            query = query.where(incidents.c.state == state)
        if service is not None:
            query = query.where(incidents.c.service == service)
        if cursor is not None:
            query = query.where(newest_first < _from_cursor(cursor))
        with self._database.read() as connection:
            found = [_incident_of(row) for row in connection.execute(query.limit(limit + 1))]
        page = tuple(found[:limit])
        return IncidentPage(page, _to_cursor(page[-1]) if len(found) > limit else None)

    def incident_detail(self, incident_id: str) -> IncidentDetail | None:
        """All that is known of one incident, oldest first; None when there is no such incident."""
        of_this = incidents.c.id == incident_id
        with self._database.read() as connection:
            row = connection.execute(_with_peak().where(of_this)).one_or_none()
            if row is None:
                return None
            events = connection.execute(
                select(incident_events)
                .where(incident_events.c.incident_id == incident_id)
                .order_by(incident_events.c.id)
            )
            sent = connection.execute(
                select(notifications)
                .where(notifications.c.incident_id == incident_id)
                .order_by(notifications.c.sequence)
            )
            tries = connection.execute(
                select(attempts)
                .join(notifications, notifications.c.id == attempts.c.notification_id)
                .where(notifications.c.incident_id == incident_id)
                .order_by(attempts.c.started_at, notifications.c.sequence, attempts.c.number)
            )
            return IncidentDetail(
                incident=_incident_of(row),
                alerts=tuple(map(alert_of, connection.execute(select_alerts(of_this)))),
                events=tuple(map(event_of, events)),
                notifications=tuple(map(notification_of, sent)),
                attempts=tuple(map(attempt_of, tries)),
            )

    def alert(self, alert_id: str) -> Alert | None:
        """One alert; None when there is no such alert."""
        with self._database.read() as connection:
            row = connection.execute(select(alerts).where(alerts.c.id == alert_id)).one_or_none()
        return None if row is None else alert_of(row)

    def beginnings(self, since: datetime) -> dict[str, list[datetime]]:
        """By rule, when it began to fire after `since`, in order of time."""
        query = select(alerts.c.rule, alerts.c.started_at).where(alerts.c.started_at > since)
        found: dict[str, list[datetime]] = {}
        with self._database.read() as connection:
            for name, at in connection.execute(query.order_by(alerts.c.started_at)):
                found.setdefault(name, []).append(at)
        return found

    def ended_since(self, at: datetime) -> list[Alert]:
        """Those that ended after it, oldest first."""
        query = select(alerts).where(alerts.c.ended_at > at).order_by(alerts.c.ended_at)
        with self._database.read() as connection:
            return [alert_of(row) for row in connection.execute(query)]

    def grounds(self, alert_id: str) -> list[Grounds]:
        """Why an alert was told or not, as it was decided, oldest first."""
        with self._database.read() as connection:
            return grounds_of_alert(connection, alert_id)

    def alerts_at(self, at: datetime) -> list[Alert]:
        """Those that fired at `at`, oldest first; their facts are of when they last changed."""
        query = (
            select(alerts)
            .where(
                alerts.c.started_at <= at,
                or_(alerts.c.ended_at.is_(None), alerts.c.ended_at > at),
            )
            .order_by(alerts.c.started_at, alerts.c.id)
        )
        with self._database.read() as connection:
            return [alert_of(row) for row in connection.execute(query)]

    def outside_named(self, name: str, at: datetime | None, limit: int) -> list[Alert]:
        """The newest alerts from outside that go by `service/alertname`, oldest first.

        Of those that fired at `at`, or of all; at most `limit`. Both parts may hold a slash.
        """
        query = select(alerts).where(
            alerts.c.kind == AlertKind.OUTSIDE.value, alerts.c.service + "/" + alerts.c.slo == name
        )
        if at is not None:
            query = query.where(
                alerts.c.started_at <= at, or_(alerts.c.ended_at.is_(None), alerts.c.ended_at > at)
            )
        newest = query.order_by(alerts.c.started_at.desc(), alerts.c.id.desc()).limit(limit)
        with self._database.read() as connection:
            return [alert_of(row) for row in connection.execute(newest)][::-1]

    def alerts_since(self, at: datetime, limit: int) -> list[Alert]:
        """The newest of those that fired at `at` or later, at most `limit`; newest first."""
        query = (
            select(alerts)
            .where(or_(alerts.c.ended_at.is_(None), alerts.c.ended_at > at))
            .order_by(alerts.c.started_at.desc(), alerts.c.id.desc())
        )
        with self._database.read() as connection:
            return [alert_of(row) for row in connection.execute(query.limit(limit))]

    def incidents_at(
        self, at: datetime, service: str | None = None, limit: int = 50
    ) -> list[Incident]:
        """The newest opened by `at`, at most `limit`, and those open then; newest first."""
        query = (
            _with_peak(alerts.c.started_at <= at)
            .where(incidents.c.opened_at <= at, _SHOWN)
            .order_by(incidents.c.opened_at.desc(), incidents.c.id.desc())
        )
        if service is not None:
            query = query.where(incidents.c.service == service)
        open_then = or_(incidents.c.resolved_at.is_(None), incidents.c.resolved_at > at)
        with self._database.read() as connection:
            found = [_incident_of(row) for row in connection.execute(query.limit(limit))]
            still = connection.execute(query.where(open_then).limit(_MOST_RECORDS))
            known = {incident.id for incident in found}
            return found + [one for row in still if (one := _incident_of(row)).id not in known]

    def opened_between(
        self, start: datetime, end: datetime, limit: int
    ) -> list[tuple[Incident, tuple[Alert, ...]]]:
        """The newest incidents opened in [start, end) with their alerts, newest first.

        At most `limit`; those that are nothing but notices about a budget are none.
        """
        real = exists().where(
            alerts.c.incident_id == incidents.c.id, alerts.c.kind != AlertKind.BUDGET
        )
        query = (
            _with_peak()
            .where(incidents.c.opened_at >= start, incidents.c.opened_at < end, real)
            .order_by(incidents.c.opened_at.desc(), incidents.c.id.desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            found = [_incident_of(row) for row in connection.execute(query)]
            if not found:
                return []
            # By a range and not by a list of ids, which may be longer than a database takes.
            query = select_alerts(
                incidents.c.opened_at >= found[-1].opened_at,
                incidents.c.opened_at <= found[0].opened_at,
            )
            by_incident = alerts_by_incident(connection.execute(query))
        return [(one, tuple(by_incident.get(one.id, ()))) for one in found]

    def labels_between(self, start: datetime, end: datetime) -> dict[str, Mapping[str, str]]:
        """By incident opened in [start, end], the labels that its first alert had."""
        first = (
            select(func.min(grounds.c.number))
            .join(incidents, incidents.c.id == grounds.c.incident_id)
            .where(incidents.c.opened_at >= start, incidents.c.opened_at <= end)
            .group_by(grounds.c.incident_id)
        )
        query = select(grounds.c.incident_id, grounds.c.grounds).where(grounds.c.number.in_(first))
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        return {row.incident_id: grounds_from_json(row.grounds).labels for row in rows}

    def slos_of(self, incident_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """By incident, the names of the SLOs whose alerts stand in it, in order of the names."""
        query = (
            select(alerts.c.incident_id, alerts.c.slo)
            .where(alerts.c.incident_id.in_(incident_ids))
            .distinct()
        )
        with self._database.read() as connection:
            found = sorted((row.incident_id, row.slo) for row in connection.execute(query))
        return {
            incident: tuple(slo for _, slo in rows)
            for incident, rows in groupby(found, key=lambda row: row[0])
        }

    def incidents_of(
        self, service: str, slo: str, start: datetime, end: datetime, limit: int = _MOST_RECORDS
    ) -> list[Incident]:
        """Those in which an alert of this SLO fired between `start` and `end`, oldest first.

        Of more than `limit`, the newest.
        """
        fired = exists().where(
            alerts.c.incident_id == incidents.c.id,
            alerts.c.slo == slo,
            alerts.c.kind != AlertKind.BUDGET,
            alerts.c.started_at < end,
            or_(alerts.c.ended_at.is_(None), alerts.c.ended_at > start),
        )
        query = (
            _with_peak()
            .where(incidents.c.service == service, incidents.c.opened_at < end, fired)
            .order_by(incidents.c.opened_at.desc(), incidents.c.id.desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            return [_incident_of(row) for row in connection.execute(query)][::-1]


def _with_peak(*which: ColumnElement[bool]) -> Select[Any]:
    """Incidents with the rank of the loudest of their alerts (of those `which` alone).

    Notices about a budget are none: they never fire.
    """
    peak = (
        select(func.min(case({one.value: one.rank for one in Severity}, value=alerts.c.severity)))
        .where(alerts.c.incident_id == incidents.c.id, alerts.c.kind != AlertKind.BUDGET, *which)
        .scalar_subquery()
    )
    return select(incidents, peak.label("peak"))


def _incident_of(row: Row[Any]) -> Incident:
    peak = None if row.peak is None else list(Severity)[row.peak]
    return replace(incident_of(row), peak=peak)


def _to_cursor(incident: Incident) -> str:
    text = f"{epoch_micros(incident.opened_at)}.{incident.id}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _from_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        text = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
        micros, dot, incident_id = text.partition(".")
        opened_at = instant(int(micros))
    except (ValueError, OverflowError, binascii.Error) as error:
        raise CursorError(_NO_CURSOR) from error
    if not dot:
        raise CursorError(_NO_CURSOR)
    return opened_at, incident_id
