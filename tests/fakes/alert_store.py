"""An AlertStore in memory, which can be told to die at any call."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from alerting.alert import Alert
from alerting.incident import Incident, IncidentEvent
from alerting.notification import (
    Attempt,
    AttemptOutcome,
    Handle,
    Notification,
    NotificationKind,
    NotificationState,
)
from alerting.store import Decision, IncidentFile, Sent, told_and_said
from slo.alert_state import AlertState


@dataclass
class MemoryAlertStore:
    """Rows in dicts. `before` and `after` run around every call: let them raise to break it."""

    incidents: dict[str, Incident] = field(default_factory=dict)
    alerts: dict[str, Alert] = field(default_factory=dict)
    events: list[IncidentEvent] = field(default_factory=list)
    notifications: dict[str, Notification] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    handles: dict[tuple[str, str], Handle] = field(default_factory=dict)
    states: dict[str, AlertState] = field(default_factory=dict)
    before: Callable[[str], None] = lambda _: None
    after: Callable[[str], None] = lambda _: None

    def open_incidents(self, service: str | None = None) -> list[IncidentFile]:
        return [
            self._file(incident)
            for incident in self.incidents.values()
            if incident.open and service in (None, incident.service)
        ]

    def incident_file(self, incident_id: str) -> IncidentFile | None:
        incident = self.incidents.get(incident_id)
        return self._file(incident) if incident else None

    def apply(self, decision: Decision, states: Mapping[str, AlertState]) -> None:
        self.before("apply")
        self.incidents.update((row.id, row) for row in decision.incidents)
        self.alerts.update((row.id, row) for row in decision.alerts)
        self.notifications.update((row.id, row) for row in decision.notifications)
        self._log(decision.events)
        self.states.update(states)
        self.after("apply")

    def alert_states(self) -> dict[str, AlertState]:
        return dict(self.states)

    def due_notifications(self, now: datetime, limit: int = 200) -> list[Notification]:
        self.before("due_notifications")
        heads: dict[tuple[str, str], Notification] = {}
        for row in self.notifications.values():
            if row.state is NotificationState.PENDING:
                heads.setdefault((row.incident_id, row.receiver), row)
        due = [row for row in heads.values() if row.next_attempt_at <= now]
        self.after("due_notifications")
        return sorted(due, key=lambda row: row.next_attempt_at)[:limit]

    def begin_attempt(self, notification_id: str, at: datetime) -> tuple[Attempt, Handle]:
        self.before("begin_attempt")
        row = self.notifications[notification_id]
        number = 1 + sum(a.notification_id == notification_id for a in self.attempts)
        attempt = Attempt(notification_id, number, at)
        self.attempts.append(attempt)
        self.after("begin_attempt")
        return attempt, self.handles.get((row.incident_id, row.receiver), {})

    def finish_attempt(
        self,
        attempt: Attempt,
        notification: Notification,
        handle: Handle | None,
        events: Sequence[IncidentEvent],
    ) -> None:
        self.before("finish_attempt")
        self.attempts = [
            attempt if (a.notification_id, a.number) == (attempt.notification_id, attempt.number)
            else a
            for a in self.attempts
        ]  # fmt: skip
        self.notifications[notification.id] = notification
        if handle is not None:
            self.handles[notification.incident_id, notification.receiver] = handle
        self._log(events)
        self.after("finish_attempt")

    def may_have_arrived(self, incident_id: str, receiver: str) -> bool:
        self.before("may_have_arrived")
        known = False
        for row in self.notifications.values():
            if (row.incident_id, row.receiver) != (incident_id, receiver):
                continue
            if row.kind is NotificationKind.NOTICE:
                continue
            delivered = row.state is NotificationState.DELIVERED
            if row.kind is NotificationKind.RESOLVE:
                known = known and not delivered
            else:
                known = known or delivered or self._unsure(row.id)
        self.after("may_have_arrived")
        return known

    def close_open_attempts(self, now: datetime) -> int:
        self.before("close_open_attempts")
        cut_off = [a for a in self.attempts if a.outcome is None]
        self.attempts = [
            a if a.outcome else
            dataclasses.replace(a, ended_at=now, outcome=AttemptOutcome.AMBIGUOUS)
            for a in self.attempts
        ]  # fmt: skip
        self.after("close_open_attempts")
        return len(cut_off)

    def outbox_pending(self) -> tuple[int, datetime | None]:
        waiting = [
            row.created_at
            for row in self.notifications.values()
            if row.state is NotificationState.PENDING
        ]
        return len(waiting), min(waiting, default=None)

    def _file(self, incident: Incident) -> IncidentFile:
        alerts = tuple(a for a in self.alerts.values() if a.incident_id == incident.id)
        sent = [
            Sent(row.receiver, row.kind, row.created_at, row.severity, row.alerts)
            for row in self.notifications.values()
            if row.incident_id == incident.id
        ]
        return IncidentFile(incident, alerts, *told_and_said(sent, alerts))

    def _log(self, events: Sequence[IncidentEvent]) -> None:
        start = len(self.events)
        self.events.extend(
            dataclasses.replace(event, id=start + number)
            for number, event in enumerate(events, start=1)
        )

    def _unsure(self, notification_id: str) -> bool:
        return any(
            a.notification_id == notification_id and a.outcome in (None, AttemptOutcome.AMBIGUOUS)
            for a in self.attempts
        )
