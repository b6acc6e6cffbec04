"""What alerting needs remembered. Every method is synchronous and one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from alerting.alert import Alert, ShadowAlert
from alerting.incident import Incident, IncidentEvent
from alerting.notification import Attempt, Handle, Notification
from slo.alert_state import AlertState
from slo.notices import Marks


@dataclass(frozen=True, slots=True)
class IncidentFile:
    """An incident with all that belongs to the next decision about it.

    `told` maps a receiver's name to "firing" or "resolved": the last notification decided for it
    that was no notice.
    """

    incident: Incident
    alerts: tuple[Alert, ...]
    told: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from a change: new and changed rows, all written in one transaction.

    Rows are told by their id: one that is stored already is replaced. Events are always new.
    `marks` are the budgets' marks by the SLO's id.
    """

    incidents: tuple[Incident, ...] = ()
    alerts: tuple[Alert, ...] = ()
    events: tuple[IncidentEvent, ...] = ()
    notifications: tuple[Notification, ...] = ()
    shadows: tuple[ShadowAlert, ...] = ()
    marks: Mapping[str, Marks] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        told = self.incidents or self.alerts or self.events or self.notifications
        return not (told or self.shadows or self.marks)


class AlertStore(Protocol):
    """The memory of alerting; implemented by nines/storage."""

    def open_incidents(self, service: str | None = None) -> list[IncidentFile]: ...

    def incident_file(self, incident_id: str) -> IncidentFile | None: ...

    def apply(self, decision: Decision, states: Mapping[str, AlertState]) -> None:
        """Write a decision and the rules' states (by rule key) in one transaction."""

    def alert_states(self) -> dict[str, AlertState]: ...

    def due_notifications(self, now: datetime, limit: int = 200) -> list[Notification]:
        """Pending, due, and with no earlier pending one for the same incident and receiver."""

    def begin_attempt(self, notification_id: str, at: datetime) -> tuple[Attempt, Handle]:
        """Record that a try begins, before the call; gives the receiver's stored handle too."""

    def finish_attempt(
        self,
        attempt: Attempt,
        notification: Notification,
        handle: Handle | None,
        events: Sequence[IncidentEvent],
    ) -> None:
        """Record how a try ended and what became of its notification, in one transaction."""

    def may_have_arrived(self, incident_id: str, receiver: str) -> bool:
        """Whether the receiver may still show the incident as open.

        True when a notification that is no resolve and no notice, decided after the last
        *delivered* resolve to this receiver (or ever, without one), was delivered or has a try that
        is ambiguous or without an end.
        """

    def close_open_attempts(self, now: datetime) -> int:
        """After a crash: mark tries without an end as ambiguous; gives how many."""

    def outbox_pending(self) -> tuple[int, datetime | None]:
        """How many notifications wait, and when the oldest was decided."""
