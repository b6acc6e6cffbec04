"""Alerts, incidents and the outbox as rows; every public method is one transaction."""

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)

from alerting.alert import Alert, AlertKind
from alerting.backlog import Backlog, Tidied
from alerting.destination import Destination
from alerting.incident import EventKind, Incident, IncidentEvent, IncidentState
from alerting.lease import TERM, Lease, LeaseError
from alerting.notification import (
    Attempt,
    AttemptOutcome,
    Handle,
    Notification,
    NotificationKind,
    NotificationState,
)
from alerting.result import Result
from alerting.store import Decision, IncidentFile, Sent, told_and_said
from dashboards.source import IncidentDetail, IncidentPage
from nines.storage.codec import (
    destination_from_json,
    destination_to_json,
    facts_from_json,
    facts_to_json,
    mapping_from_json,
    mapping_to_json,
    message_from_json,
    message_to_json,
    names_from_json,
    names_to_json,
    state_from_json,
    state_to_json,
)
from nines.storage.counts import CountBatch, write_batch
from nines.storage.database import Database
from nines.storage.marks import write_marks
from nines.storage.schema import (
    alert_states,
    alerts,
    attempts,
    destinations,
    handles,
    incident_events,
    incidents,
    instant,
    notifications,
)
from nines.storage.shadows import write_shadows
from nines.storage.upsert import upsert
from slo.alert_state import AlertState
from slo.ledger import epoch_micros
from slo.severity import Severity

OPEN = "open"  # as an incident's state in a question: triggered or acknowledged
_MOST_RECORDS = 1_000  # as many as a page can hold in mind
_PRUNE_INCIDENTS = 200  # a batch: the writer is never held up for long
_PENDING = notifications.c.state == NotificationState.PENDING
_SAID_ALONE = [kind for kind in NotificationKind if kind.alone]
_OF_ROUTES = notifications.c.instead_of == ""  # what a fallback is sent follows its principal's
_NO_LEASE: dict[str, Any] = {"lease_owner": None, "leased_until": None}
_LOST = "The answer to this try was never recorded."
_NO_CURSOR = "The cursor is none that a page gave out; begin again without it."
_CRASHED = "Our process ended in the middle of this try."


class CursorError(ValueError):
    """A page was asked for with a cursor that we did not give out."""


class AlertRecords:
    """The AlertStore of `alerting`, and what pages ask about incidents."""

    def __init__(self, database: Database) -> None:
        self._database = self.database = database

    def open_incidents(self, service: str | None = None) -> list[IncidentFile]:
        """Files of the incidents that are not resolved, oldest first."""
        where = [incidents.c.state != IncidentState.RESOLVED]
        if service is not None:
            where.append(incidents.c.service == service)
        with self._database.read() as connection:
            return _files(connection, *where)

    def incident_file(self, incident_id: str) -> IncidentFile | None:
        """One incident's file, open or not; None when there is no such incident."""
        with self._database.read() as connection:
            files = _files(connection, incidents.c.id == incident_id)
        return files[0] if files else None

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
            _write_decision(connection, decision)
            _write_states(connection, states)

    def alert_states(self) -> dict[str, AlertState]:
        """Where every rule stands that is not simply inactive, by rule key."""
        with self._database.read() as connection:
            rows = connection.execute(select(alert_states)).all()
        return {row.rule: state_from_json(row.state) for row in rows}

    def due_notifications(self, now: datetime, limit: int = 200) -> list[Notification]:
        """The head of each (incident, receiver) queue that is due, oldest first."""
        earlier = notifications.alias()
        blocked = exists().where(
            earlier.c.state == NotificationState.PENDING,
            earlier.c.incident_id == notifications.c.incident_id,
            earlier.c.receiver == notifications.c.receiver,
            tuple_(earlier.c.revision, earlier.c.sequence)
            < tuple_(notifications.c.revision, notifications.c.sequence),
        )
        query = (
            select(notifications)
            .where(_PENDING, notifications.c.next_attempt_at <= now, ~blocked)
            .order_by(notifications.c.created_at, notifications.c.sequence)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [_notification(row) for row in connection.execute(query)]

    def backlog(self, incident_id: str, receiver: str) -> Backlog:
        """What waits for a receiver about an incident; see `AlertStore`."""
        opens = notifications.c.kind.not_in([NotificationKind.RESOLVE, *_SAID_ALONE])
        delivered = notifications.c.state == NotificationState.DELIVERED
        to_receiver = and_(
            notifications.c.incident_id == incident_id, notifications.c.receiver == receiver
        )
        order = (notifications.c.revision, notifications.c.sequence)
        last_resolve = (
            select(*order)
            .where(to_receiver, notifications.c.kind == NotificationKind.RESOLVE, delivered)
            .order_by(*(column.desc() for column in order))
            .limit(1)
        )
        unsure = exists().where(
            attempts.c.notification_id == notifications.c.id,
            or_(attempts.c.outcome == AttemptOutcome.AMBIGUOUS, attempts.c.ended_at.is_(None)),
        )
        with self._database.read() as connection:
            waiting = select(notifications).where(to_receiver, _PENDING).order_by(*order)
            rows = connection.execute(waiting).all()
            since = connection.execute(last_resolve).one_or_none()
            after = tuple_(*order) > (tuple(since) if since else (-1, -1))
            told = (
                select(notifications.c.state)
                .where(to_receiver, opens, after, or_(delivered, unsure))
                .distinct()
            )
            states = set(connection.execute(told).scalars())
            instead = select(notifications.c.receiver, notifications.c.kind).where(
                notifications.c.incident_id == incident_id,
                notifications.c.instead_of == receiver,
                notifications.c.kind.not_in(_SAID_ALONE),
                notifications.c.state != NotificationState.SKIPPED,
            )
            rows_instead = connection.execute(instead.order_by(*order)).all()
            last = {row.receiver: row.kind for row in rows_instead}
        stand_ins = tuple(name for name, kind in last.items() if kind != NotificationKind.RESOLVE)
        arrived = NotificationState.DELIVERED in states
        return Backlog(tuple(map(_notification, rows)), arrived, bool(states), stand_ins)

    def tidy(self, tidied: Tidied, events: Sequence[IncidentEvent], by: str, at: datetime) -> None:
        """End and change rows that wait and that nobody sends; raises LeaseError else."""
        with self._database.write() as connection:
            for row in (*tidied.skipped, *tidied.changed):
                changed = connection.execute(
                    update(notifications)
                    .where(notifications.c.id == row.id, _PENDING, _free(by, at))
                    .values(_progress(row) | _content(row))
                )
                if changed.rowcount != 1:
                    raise LeaseError(f"The notification {row.id} does not wait any more.")
            _replace(connection, notifications, map(_notification_values, tidied.added))
            _write_events(connection, events)

    def begin_attempt(self, notification_id: str, by: str, at: datetime) -> tuple[Attempt, Handle]:
        """Lease it and write down that a try begins; see `AlertStore`.

        An earlier try without an end is closed as ambiguous: it must not hold up this one.
        """
        with self._database.write() as connection:
            # Counting the try up first locks the row: two processes never get the same number.
            found = connection.execute(
                update(notifications)
                .where(
                    notifications.c.id == notification_id,
                    _PENDING,
                    notifications.c.next_attempt_at <= at,
                    _free(by, at),
                )
                .values(
                    attempts=notifications.c.attempts + 1, lease_owner=by, leased_until=at + TERM
                )
                .returning(
                    notifications.c.attempts,
                    notifications.c.incident_id,
                    notifications.c.receiver,
                )
            ).one_or_none()
            if found is None:
                raise LeaseError(f"The notification {notification_id} is not ours to send.")
            of_this = attempts.c.notification_id == notification_id
            _close_attempts(connection, at, _LOST, of_this)
            attempt = Attempt(notification_id, found.attempts, at, by=by)
            connection.execute(insert(attempts).values(_attempt_values(attempt)))
            stored = connection.execute(
                select(handles.c.handle).where(
                    handles.c.incident_id == found.incident_id,
                    handles.c.receiver == found.receiver,
                )
            ).scalar()
        return attempt, mapping_from_json(stored) if stored else {}

    def finish_attempt(self, result: Result) -> None:
        """Write how a try ended, and all that comes of it.

        Raises LeaseError when it is not the newest try of its notification any more.
        """
        attempt, notification = result.attempt, result.notification
        with self._database.write() as connection:
            newest = connection.execute(
                update(notifications)
                .where(
                    notifications.c.id == notification.id,
                    notifications.c.attempts == attempt.number,
                    notifications.c.lease_owner == attempt.by,
                    _PENDING,
                )
                .values(_progress(replace(notification, attempts=attempt.number)) | _NO_LEASE)
            )
            if newest.rowcount != 1:
                raise LeaseError(
                    f"Try {attempt.number} of {attempt.notification_id} is not the one under way."
                )
            connection.execute(
                update(attempts)
                .where(
                    attempts.c.notification_id == attempt.notification_id,
                    attempts.c.number == attempt.number,
                )
                .values(_attempt_values(attempt))
            )
            if result.handle is not None:
                key = {"incident_id": notification.incident_id, "receiver": notification.receiver}
                upsert(
                    connection,
                    handles,
                    [key | {"handle": mapping_to_json(result.handle)}],
                    key=("incident_id", "receiver"),
                    change=("handle",),
                )
            _replace(connection, notifications, map(_notification_values, result.added))
            _write_destination(connection, result.destination)
            _write_events(connection, result.events)

    def destinations(self) -> dict[str, Destination]:
        """How the receivers stand of which anything is remembered, by name."""
        with self._database.read() as connection:
            rows = connection.execute(select(destinations)).all()
        return {row.receiver: destination_from_json(row.state) for row in rows}

    def probe(self, destination: Destination, now: datetime) -> None:
        """Remember how a receiver stands, and have what waits for it sent at once."""
        waits = notifications.c.receiver == destination.receiver
        with self._database.write() as connection:
            _write_destination(connection, destination)
            connection.execute(
                update(notifications)
                .where(_PENDING, waits, notifications.c.next_attempt_at > now)
                .values(next_attempt_at=now)
            )

    def waiting(self) -> dict[str, tuple[int, datetime]]:
        """By receiver, how many notifications wait for it, and when the oldest was decided."""
        query = (
            select(notifications.c.receiver, func.count(), func.min(notifications.c.created_at))
            .where(_PENDING)
            .group_by(notifications.c.receiver)
        )
        with self._database.read() as connection:
            return {name: (count, at) for name, count, at in connection.execute(query)}

    def close_open_attempts(self, now: datetime, by: str) -> int:
        """After a crash of `by`: mark its tries without an end as ambiguous; gives how many."""
        ours = or_(notifications.c.lease_owner.is_(None), notifications.c.lease_owner == by)
        of_ours = attempts.c.notification_id.in_(select(notifications.c.id).where(ours))
        with self._database.write() as connection:
            closed = _close_attempts(connection, now, _CRASHED, of_ours)
            free = update(notifications).where(_PENDING, notifications.c.lease_owner == by)
            connection.execute(free.values(_NO_LEASE))
            return closed

    def outbox_pending(self) -> tuple[int, datetime | None]:
        """How many notifications wait, and when the oldest was decided."""
        query = select(func.count(), func.min(notifications.c.created_at)).where(_PENDING)
        with self._database.read() as connection:
            count, oldest = connection.execute(query).one()
        return count, oldest

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
        query = select(incidents).order_by(incidents.c.opened_at.desc(), incidents.c.id.desc())
        if state == OPEN:
            query = query.where(incidents.c.state != IncidentState.RESOLVED)
        elif state is not None:
            query = query.where(incidents.c.state == state)
        if service is not None:
            query = query.where(incidents.c.service == service)
        if cursor is not None:
            query = query.where(newest_first < _from_cursor(cursor))
        with self._database.read() as connection:
            found = [_incident(row) for row in connection.execute(query.limit(limit + 1))]
        page = tuple(found[:limit])
        return IncidentPage(page, _to_cursor(page[-1]) if len(found) > limit else None)

    def incident_detail(self, incident_id: str) -> IncidentDetail | None:
        """All that is known of one incident, oldest first; None when there is no such incident."""
        of_this = incidents.c.id == incident_id
        with self._database.read() as connection:
            row = connection.execute(select(incidents).where(of_this)).one_or_none()
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
                incident=_incident(row),
                alerts=tuple(_alerts(connection, of_this).get(incident_id, ())),
                events=tuple(map(_event, events)),
                notifications=tuple(map(_notification, sent)),
                attempts=tuple(map(_attempt, tries)),
            )

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
            return [_alert(row) for row in connection.execute(query)]

    def alerts_since(self, at: datetime, limit: int) -> list[Alert]:
        """The newest of those that fired at `at` or later, at most `limit`; newest first."""
        query = (
            select(alerts)
            .where(or_(alerts.c.ended_at.is_(None), alerts.c.ended_at > at))
            .order_by(alerts.c.started_at.desc(), alerts.c.id.desc())
        )
        with self._database.read() as connection:
            return [_alert(row) for row in connection.execute(query.limit(limit))]

    def incidents_at(
        self, at: datetime, service: str | None = None, limit: int = 50
    ) -> list[Incident]:
        """The newest opened by `at`, at most `limit`, and those open then; newest first."""
        query = (
            select(incidents)
            .where(incidents.c.opened_at <= at)
            .order_by(incidents.c.opened_at.desc(), incidents.c.id.desc())
        )
        if service is not None:
            query = query.where(incidents.c.service == service)
        open_then = or_(incidents.c.resolved_at.is_(None), incidents.c.resolved_at > at)
        with self._database.read() as connection:
            found = [_incident(row) for row in connection.execute(query.limit(limit))]
            still = connection.execute(query.where(open_then).limit(_MOST_RECORDS))
            known = {incident.id for incident in found}
            return found + [one for row in still if (one := _incident(row)).id not in known]

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
            select(incidents)
            .where(incidents.c.service == service, incidents.c.opened_at < end, fired)
            .order_by(incidents.c.opened_at.desc(), incidents.c.id.desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            return [_incident(row) for row in connection.execute(query)][::-1]

    def prune(self, now: datetime, keep: timedelta, limit: int = _PRUNE_INCIDENTS) -> int:
        """Forget incidents resolved more than `keep` ago, with all that belongs to them.

        One short transaction of at most `limit` incidents: call it until it gives 0, the number
        that went. An incident whose last word still waits to be delivered stays.
        """
        waits = exists().where(notifications.c.incident_id == incidents.c.id, _PENDING)
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


def _write_decision(connection: Connection, decision: Decision) -> None:
    _replace(connection, incidents, map(_incident_values, decision.incidents))
    _replace(connection, alerts, map(_alert_values, decision.alerts))
    # Tries are counted by those who make them, whatever was known when the decision fell.
    tries = frozenset({"attempts"})
    _replace(connection, notifications, map(_notification_values, decision.notifications), tries)
    _write_events(connection, decision.events)
    write_shadows(connection, decision.shadows)
    write_marks(connection, decision.marks)


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


def _replace(
    connection: Connection,
    table: Table,
    rows: Iterable[dict[str, Any]],
    keep: frozenset[str] = frozenset(),
) -> None:
    """Insert rows by their id; one that is stored already is replaced, but for columns `keep`."""
    new = list(rows)
    if new:
        upsert(connection, table, new, key=("id",), change=[c for c in new[0] if c not in keep])


def _write_events(connection: Connection, events: Sequence[IncidentEvent]) -> None:
    rows = [
        {"incident_id": event.incident_id, "at": event.at, "kind": event.kind, "text": event.text}
        for event in events
    ]
    if rows:
        connection.execute(insert(incident_events), rows)


def _write_destination(connection: Connection, destination: Destination) -> None:
    row = {"receiver": destination.receiver, "state": destination_to_json(destination)}
    upsert(connection, destinations, [row], key=("receiver",), change=("state",))


def _free(by: str, at: datetime) -> ColumnElement[bool]:
    """Whether worker `by` may take a notification; `Lease.free_at` says the same."""
    until = notifications.c.leased_until
    ours = notifications.c.lease_owner == by
    return or_(until.is_(None), ours, until <= at, until > at + TERM)


def _close_attempts(
    connection: Connection, at: datetime, detail: str, *where: ColumnElement[bool]
) -> int:
    return connection.execute(
        update(attempts)
        .where(attempts.c.ended_at.is_(None), *where)
        .values(ended_at=at, outcome=AttemptOutcome.AMBIGUOUS, detail=detail)
    ).rowcount


def _files(connection: Connection, *where: ColumnElement[bool]) -> list[IncidentFile]:
    query = select(incidents).where(*where).order_by(incidents.c.opened_at, incidents.c.id)
    found = [_incident(row) for row in connection.execute(query)]
    of_each = _alerts(connection, *where)
    sent = _sent(connection, *where)
    files = []
    for incident in found:
        own = tuple(of_each.get(incident.id, ()))
        files.append(IncidentFile(incident, own, *told_and_said(sent.get(incident.id, ()), own)))
    return files


def _alerts(connection: Connection, *where: ColumnElement[bool]) -> dict[str, list[Alert]]:
    """By incident, oldest first; `where` is about incidents."""
    query = (
        select(alerts)
        .join(incidents, incidents.c.id == alerts.c.incident_id)
        .where(*where)
        .order_by(alerts.c.started_at, alerts.c.id)
    )
    by_incident: dict[str, list[Alert]] = {}
    for row in connection.execute(query):
        by_incident.setdefault(row.incident_id, []).append(_alert(row))
    return by_incident


def _sent(connection: Connection, *where: ColumnElement[bool]) -> dict[str, list[Sent]]:
    """By incident, what was decided to be sent, in that order; of `where` incidents."""
    query = (
        select(
            notifications.c.incident_id,
            notifications.c.receiver,
            notifications.c.kind,
            notifications.c.created_at,
            notifications.c.severity,
            notifications.c.alerts,
        )
        .join(incidents, incidents.c.id == notifications.c.incident_id)
        .where(notifications.c.kind != NotificationKind.NOTICE, _OF_ROUTES, *where)
        .order_by(notifications.c.revision, notifications.c.sequence)
    )
    sent: dict[str, list[Sent]] = {}
    for incident_id, receiver, kind, at, severity, told in connection.execute(query):
        ids = None if told is None else names_from_json(told)
        one = Sent(receiver, NotificationKind(kind), at, Severity(severity), ids)
        sent.setdefault(incident_id, []).append(one)
    return sent


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


def _incident_values(incident: Incident) -> dict[str, Any]:
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


def _incident(row: Row[Any]) -> Incident:
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


def _alert_values(alert: Alert) -> dict[str, Any]:
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
    }


def _alert(row: Row[Any]) -> Alert:
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
    )


def _event(row: Row[Any]) -> IncidentEvent:
    return IncidentEvent(row.incident_id, row.at, EventKind(row.kind), row.text, row.id)


def _progress(notification: Notification) -> dict[str, Any]:
    """What delivering changes of a notification."""
    return {
        "state": notification.state,
        "next_attempt_at": notification.next_attempt_at,
        "attempts": notification.attempts,
        "finished_at": notification.finished_at,
        "reason": notification.reason,
    }


def _content(notification: Notification) -> dict[str, Any]:
    """What it says."""
    return {
        "kind": notification.kind,
        "severity": notification.severity,
        "message": message_to_json(notification.message),
    }


def _notification_values(notification: Notification) -> dict[str, Any]:
    return (
        _progress(notification)
        | _content(notification)
        | {
            "id": notification.id,
            "incident_id": notification.incident_id,
            "receiver": notification.receiver,
            "revision": notification.revision,
            "created_at": notification.created_at,
            "alerts": None if notification.alerts is None else names_to_json(notification.alerts),
            "failover": names_to_json(notification.failover) if notification.failover else None,
            "instead_of": notification.instead_of,
        }
    )


def _notification(row: Row[Any]) -> Notification:
    return Notification(
        id=row.id,
        incident_id=row.incident_id,
        receiver=row.receiver,
        kind=NotificationKind(row.kind),
        revision=row.revision,
        severity=Severity(row.severity),
        message=message_from_json(row.message),
        state=NotificationState(row.state),
        created_at=row.created_at,
        next_attempt_at=row.next_attempt_at,
        attempts=row.attempts,
        finished_at=row.finished_at,
        reason=row.reason,
        alerts=None if row.alerts is None else names_from_json(row.alerts),
        failover=names_from_json(row.failover) if row.failover else (),
        instead_of=row.instead_of,
        lease=Lease(row.lease_owner, row.leased_until) if row.leased_until else None,
    )


def _attempt_values(attempt: Attempt) -> dict[str, Any]:
    return {
        "notification_id": attempt.notification_id,
        "number": attempt.number,
        "started_at": attempt.started_at,
        "ended_at": attempt.ended_at,
        "outcome": attempt.outcome,
        "status": attempt.status,
        "detail": attempt.detail,
        "by": attempt.by,
    }


def _attempt(row: Row[Any]) -> Attempt:
    return Attempt(
        notification_id=row.notification_id,
        number=row.number,
        started_at=row.started_at,
        ended_at=row.ended_at,
        outcome=None if row.outcome is None else AttemptOutcome(row.outcome),
        status=row.status,
        detail=row.detail,
        by=row.by,
    )


# For the other modules of storage that read and write the same rows.
incident_of, notification_of, write_decision = _incident, _notification, _write_decision
