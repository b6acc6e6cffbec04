"""An AlertStore in memory, which can be told to die at any call."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from alerting.alert import Alert
from alerting.backlog import Backlog, Tidied
from alerting.destination import Destination
from alerting.digest import Digest, ended
from alerting.failover import Standing, owed, standing_in, told_already
from alerting.incident import Incident, IncidentEvent
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
    standing: dict[str, Destination] = field(default_factory=dict)
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
        self.attempts.extend(decision.attempts)
        self._log(decision.events)
        self.states.update(states)
        self.after("apply")

    def alert_states(self) -> dict[str, AlertState]:
        return dict(self.states)

    def due_notifications(self, now: datetime, limit: int = 200) -> list[Notification]:
        self.before("due_notifications")
        heads: dict[tuple[str, str], Notification] = {}
        for row in self.notifications.values():
            digest = self.notifications.get(row.digest)
            in_digest = digest is not None and digest.state is NotificationState.PENDING
            if row.state is NotificationState.PENDING or in_digest:
                head = digest if digest and in_digest else row
                heads.setdefault((row.incident_id, row.receiver), head)
        due = {row.id: row for row in heads.values() if row.next_attempt_at <= now}.values()
        self.after("due_notifications")
        return sorted(due, key=lambda row: row.next_attempt_at)[:limit]

    def begin_attempt(self, notification_id: str, by: str, at: datetime) -> tuple[Attempt, Handle]:
        self.before("begin_attempt")
        row = self._free(notification_id, by, at)
        if row.next_attempt_at > at:
            raise LeaseError(f"{notification_id} is not due")
        number = row.attempts + 1
        self._cut_off(at, lambda a: a.notification_id == notification_id)
        attempt = Attempt(notification_id, number, at, by=by)
        self.attempts.append(attempt)
        self.notifications[row.id] = dataclasses.replace(
            row, attempts=number, lease=Lease(by, at + TERM)
        )
        self.after("begin_attempt")
        return attempt, self.handles.get((row.incident_id, row.receiver), {})

    def finish_attempt(self, result: Result) -> None:
        self.before("finish_attempt")
        attempt, notification = result.attempt, result.notification
        row = self.notifications[notification.id]
        under_way = row.lease and (attempt.number, attempt.by) == (row.attempts, row.lease.by)
        if not under_way or row.state is not NotificationState.PENDING:
            raise LeaseError(f"try {attempt.number} of {row.id} is not the one under way")
        self.attempts = [
            attempt if (a.notification_id, a.number) == (attempt.notification_id, attempt.number)
            else a
            for a in self.attempts
        ]  # fmt: skip
        self.notifications[notification.id] = dataclasses.replace(notification, lease=None)
        if result.handle is not None:
            self.handles[notification.incident_id, notification.receiver] = result.handle
        self._follow(notification)
        self.notifications.update((row.id, row) for row in result.added)
        self.standing[result.destination.receiver] = result.destination
        self._log(result.events)
        self.after("finish_attempt")

    def destinations(self) -> dict[str, Destination]:
        self.before("destinations")
        self.after("destinations")
        return dict(self.standing)

    def probe(self, destination: Destination, now: datetime) -> None:
        self.before("probe")
        self.standing[destination.receiver] = destination
        for row in list(self.notifications.values()):
            waits = row.state is NotificationState.PENDING and row.receiver == destination.receiver
            if waits and row.next_attempt_at > now:
                self.notifications[row.id] = dataclasses.replace(row, next_attempt_at=now)
        self.after("probe")

    def pull_back(self, now: datetime) -> None:
        self.before("pull_back")
        ahead = {one.notification_id for one in self.attempts if one.started_at > now + SKEW}
        ahead |= {row.id for row in self.notifications.values() if row.created_at > now + SKEW}
        for row in list(self.notifications.values()):
            waits = row.state is NotificationState.PENDING and row.next_attempt_at > now
            if waits and row.id in ahead:
                self.notifications[row.id] = dataclasses.replace(row, next_attempt_at=now)
        self.after("pull_back")

    def backlog(self, incident_id: str, receiver: str) -> Backlog:
        self.before("backlog")
        arrived = known = False
        waiting = []
        for row in self.notifications.values():
            if (row.incident_id, row.receiver) != (incident_id, receiver):
                continue
            if row.state is NotificationState.PENDING:
                waiting.append(row)
            if row.kind.alone:
                continue
            tellers = [row, self.notifications.get(row.digest, row)]
            delivered = any(one.state is NotificationState.DELIVERED for one in tellers)
            unsure = any(self._unsure(one.id) for one in tellers)
            if row.kind is NotificationKind.RESOLVE:
                arrived, known = arrived and not delivered, known and not delivered
            else:
                arrived = arrived or delivered
                known = known or delivered or unsure
        standing = [
            Standing(
                row.id, row.receiver, row.instead_of, row.kind, row.revision, row.state, row.over
            )
            for row in self.notifications.values()
            if row.incident_id == incident_id
        ]
        self.after("backlog")
        return Backlog(
            tuple(waiting),
            arrived,
            known,
            standing_in(standing, receiver),
            tuple(self.notifications[id_] for id_ in owed(standing, receiver).values()),
            frozenset(row.id for row in waiting if told_already(standing, row)),
        )

    def tidy(self, tidied: Tidied, events: Sequence[IncidentEvent], by: str, at: datetime) -> None:
        self.before("tidy")
        rows = (*tidied.skipped, *tidied.changed)
        for row in rows:
            self._free(row.id, by, at)
        self.notifications.update((row.id, row) for row in (*rows, *tidied.added))
        for row in rows:
            self._follow(row)
        self._log(events)
        self.after("tidy")

    def queues(
        self, receiver: str, incident_ids: Sequence[str]
    ) -> dict[str, tuple[Notification, ...]]:
        self.before("queues")
        found: dict[str, tuple[Notification, ...]] = {}
        for row in self.notifications.values():
            waits = row.state is NotificationState.PENDING and row.receiver == receiver
            if waits and row.incident_id in incident_ids:
                found[row.incident_id] = (*found.get(row.incident_id, ()), row)
        self.after("queues")
        return found

    def put_together(self, digest: Digest, by: str, at: datetime) -> None:
        self.before("put_together")
        rows = (*digest.told, *digest.skipped)
        for row in rows:
            self._free(row.id, by, at)
        self.notifications.update((row.id, row) for row in (*rows, digest.notification))
        self._log(digest.events)
        self.after("put_together")

    def close_open_attempts(self, now: datetime, by: str) -> int:
        self.before("close_open_attempts")
        others = {row.id for row in self.notifications.values() if row.lease and row.lease.by != by}
        cut_off = self._cut_off(now, lambda a: a.notification_id not in others)
        for id_ in self.notifications.keys() - others:
            self.notifications[id_] = dataclasses.replace(self.notifications[id_], lease=None)
        self.after("close_open_attempts")
        return cut_off

    def outbox_pending(self) -> tuple[int, datetime | None]:
        waiting = [
            row.created_at
            for row in self.notifications.values()
            if row.state is NotificationState.PENDING
        ]
        return len(waiting), min(waiting, default=None)

    def _follow(self, digest: Notification) -> None:
        if digest.kind is NotificationKind.DIGEST:
            of_it = (row for row in self.notifications.values() if row.digest == digest.id)
            told = [row for row in of_it if row.state is NotificationState.DIGESTED]
            rows, events = ended(digest, told)
            self.notifications.update((row.id, row) for row in rows)
            self._log(events)

    def _file(self, incident: Incident) -> IncidentFile:
        alerts = tuple(a for a in self.alerts.values() if a.incident_id == incident.id)
        sent = [
            Sent(row.receiver, row.kind, row.created_at, row.severity, row.alerts)
            for row in self.notifications.values()
            if row.incident_id == incident.id and not row.instead_of
        ]
        return IncidentFile(incident, alerts, *told_and_said(sent, alerts))

    def _free(self, notification_id: str, by: str, at: datetime) -> Notification:
        row = self.notifications[notification_id]
        taken = row.lease and row.lease.free_at(by, at) > at
        if row.state is not NotificationState.PENDING or taken:
            raise LeaseError(f"{notification_id} does not wait any more")
        return row

    def _cut_off(self, now: datetime, which: Callable[[Attempt], bool]) -> int:
        cut_off = [a for a in self.attempts if a.outcome is None and which(a)]
        self.attempts = [
            dataclasses.replace(a, ended_at=now, outcome=AttemptOutcome.AMBIGUOUS)
            if a in cut_off else a
            for a in self.attempts
        ]  # fmt: skip
        return len(cut_off)

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
