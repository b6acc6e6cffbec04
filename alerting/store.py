"""What alerting needs remembered. Every method is synchronous and one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from alerting.alert import Alert, ShadowAlert
from alerting.backlog import Backlog, Tidied
from alerting.destination import Destination
from alerting.digest import Digest
from alerting.grounds import Grounds
from alerting.incident import Incident, IncidentEvent
from alerting.notification import Attempt, Handle, Notification, NotificationKind
from alerting.outside.book import Outside
from alerting.result import Result
from slo.alert_state import AlertState
from slo.notices import Marks
from slo.severity import Severity

FIRING, RESOLVED = "firing", "resolved"  # what a receiver was told last


@dataclass(frozen=True, slots=True)
class Said:
    """What one receiver was told last of an incident.

    `firing`: by the id of each alert it was told to be firing, since when it is told so.
    """

    at: datetime
    severity: Severity
    firing: Mapping[str, datetime]


@dataclass(frozen=True, slots=True)
class IncidentFile:
    """An incident with all that belongs to the next decision about it.

    `told` maps a receiver's name to "firing" or "resolved": the last notification decided for it
    that tells how it stands. `said` has the rest of it, for those who were told "firing".
    """

    incident: Incident
    alerts: tuple[Alert, ...]
    told: Mapping[str, str]
    said: Mapping[str, Said] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sent:
    """Of a notification, what the next decision has to know."""

    receiver: str
    kind: NotificationKind
    at: datetime  # decided
    severity: Severity
    alerts: tuple[str, ...] | None


def told_and_said(
    sent: Iterable[Sent], alerts: Sequence[Alert]
) -> tuple[dict[str, str], dict[str, Said]]:
    """An incident's file from its `alerts` and its notifications in the order of their decision."""
    told: dict[str, str] = {}
    said: dict[str, Said] = {}
    for one in sent:
        if not one.kind.stands:
            continue
        if one.kind.over or one.alerts == ():
            told[one.receiver] = RESOLVED
            said.pop(one.receiver, None)
            continue
        told[one.receiver] = FIRING
        before = said.get(one.receiver)
        since = {} if before is None else before.firing
        ids = one.alerts
        if ids is None:
            ids = tuple(a.id for a in alerts if a.fired_at(one.at))
        firing = {id_: since.get(id_, one.at) for id_ in ids}
        said[one.receiver] = Said(one.at, one.severity, firing)
    return told, said


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from a change: new and changed rows, all written in one transaction.

    Rows are told by their id: one that is stored already is replaced. Events are always new.
    `marks` are the budgets' marks by the SLO's id; `grounds` say why each alert was told or not;
    `outside` is how alerts from outside stand, by fingerprint (None: over); `attempts` are first
    tries that begin with it. `looks` are no rows: when to look at each incident again, should
    nothing happen before; None: never.
    """

    incidents: tuple[Incident, ...] = ()
    alerts: tuple[Alert, ...] = ()
    events: tuple[IncidentEvent, ...] = ()
    notifications: tuple[Notification, ...] = ()
    shadows: tuple[ShadowAlert, ...] = ()
    marks: Mapping[str, Marks] = field(default_factory=dict)
    grounds: tuple[Grounds, ...] = ()
    outside: Mapping[str, Outside | None] = field(default_factory=dict)
    attempts: tuple[Attempt, ...] = ()
    looks: Mapping[str, datetime | None] = field(default_factory=dict)

    @classmethod
    def of(cls, decisions: Sequence["Decision"]) -> "Decision":
        """All of them as one, in their order."""
        return cls(
            incidents=tuple(row for decision in decisions for row in decision.incidents),
            alerts=tuple(row for decision in decisions for row in decision.alerts),
            events=tuple(row for decision in decisions for row in decision.events),
            notifications=tuple(row for decision in decisions for row in decision.notifications),
            shadows=tuple(row for decision in decisions for row in decision.shadows),
            marks={slo: marks for decision in decisions for slo, marks in decision.marks.items()},
            grounds=tuple(row for decision in decisions for row in decision.grounds),
            outside={
                mark: entry for decision in decisions for mark, entry in decision.outside.items()
            },
            attempts=tuple(row for decision in decisions for row in decision.attempts),
            looks={id_: at for decision in decisions for id_, at in decision.looks.items()},
        )

    @property
    def again(self) -> datetime | None:
        """When the first of its incidents is to be looked at again."""
        return min((at for at in self.looks.values() if at is not None), default=None)

    @property
    def empty(self) -> bool:
        told = self.incidents or self.alerts or self.events or self.notifications
        return not (told or self.shadows or self.marks or self.outside)


class AlertStore(Protocol):
    """The memory of alerting; implemented by nines/storage."""

    def open_incidents(self, service: str | None = None) -> list[IncidentFile]: ...

    def incident_file(self, incident_id: str) -> IncidentFile | None: ...

    def apply(self, decision: Decision, states: Mapping[str, AlertState]) -> None:
        """Write a decision and the rules' states (by rule key) in one transaction."""

    def alert_states(self) -> dict[str, AlertState]: ...

    def due_notifications(self, now: datetime, limit: int = 200) -> list[Notification]:
        """Pending, due, and with no earlier pending one for the same incident and receiver."""

    def backlog(self, incident_id: str, receiver: str) -> Backlog:
        """What waits for a receiver about an incident, and whether it may show it as open.

        Something may have arrived when a notification that is no resolve and not said alone,
        decided after the last *delivered* resolve to this receiver (or ever, without one), was
        delivered or has a try that is ambiguous or without an end, or is told in a digest of which
        that is true.
        """

    def queues(
        self, receiver: str, incident_ids: Sequence[str]
    ) -> Mapping[str, Sequence[Notification]]:
        """All that waits for a receiver about these incidents, by incident, oldest first."""

    def put_together(self, digest: Digest, by: str, at: datetime) -> None:
        """Put a digest into the outbox in the place of what it tells, in one transaction.

        Until it has ended, nothing later is due about what it tells. Raises LeaseError when one of
        those does not wait any more, or somebody sends it.
        """

    def tidy(self, tidied: Tidied, events: Sequence[IncidentEvent], by: str, at: datetime) -> None:
        """End and change rows that wait, in one transaction, for worker `by`.

        Raises LeaseError when one of them does not wait any more, or somebody sends it.
        """

    def begin_attempt(self, notification_id: str, by: str, at: datetime) -> tuple[Attempt, Handle]:
        """Lease a notification to a worker and record that its try begins, before the call.

        Gives the receiver's stored handle too. Raises LeaseError when it does not wait, or is
        another's.
        """

    def finish_attempt(self, result: Result) -> None:
        """Record how a try ended and all that comes of it, in one transaction.

        Raises LeaseError when a newer try was begun: what this one says is no longer asked for.
        """

    def destinations(self) -> dict[str, Destination]:
        """How the receivers stand of which anything is remembered, by name."""

    def probe(self, destination: Destination, now: datetime) -> None:
        """Remember how a receiver stands, and have what waits for it sent at once."""

    def pull_back(self, now: datetime) -> None:
        """The clock was set back: what it had put off by what it said then is due at once."""

    def close_open_attempts(self, now: datetime, by: str) -> int:
        """After a crash of worker `by`: mark its tries without an end as ambiguous; how many.

        Those of others are marked when their lease is over.
        """

    def outbox_pending(self) -> tuple[int, datetime | None]:
        """How many notifications wait, and when the oldest was decided."""
