"""An incident on the desk: its file, and what has happened to it in one decision."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from alerting.alert import Alert, AlertChange, sli_of
from alerting.context import Context
from alerting.incident import EventKind, IncidentEvent, IncidentState
from alerting.store import FIRING, IncidentFile, Said


class Case:
    """An incident on the desk: its file, and what has happened to it in this decision."""

    def __init__(self, file: IncidentFile, *, opened: bool = False) -> None:
        self.incident = file.incident
        self.alerts = {alert.id: alert for alert in file.alerts}
        self.before = file
        self.opened = opened
        self.acknowledged = False
        self.remark = ""  # what happened elsewhere, to be said
        self.escalated_by = ""  # who wants the next of an escalation told now
        self.heard_from: str | None = None  # the receiver that told us, and is told nothing
        self.changed: dict[str, str] = {}  # alert id to the sentence about what became of it
        self.carried: set[str] = set()  # ids of alerts that changed in nothing to speak of
        self.edited = False  # the configuration was, and it is made to fit
        self.is_notice = False  # it is nothing but a notice, closed as it is opened
        self.events: list[IncidentEvent] = []

    @property
    def firing(self) -> list[Alert]:
        """What fires now, loudest first."""
        return in_order(alert for alert in self.alerts.values() if alert.firing)

    @property
    def touched(self) -> bool:
        return self.opened or self.acknowledged or bool(self.changed or self.remark)

    def holds(self, slo: str) -> bool:
        return any(alert.sli == sli_of(slo) for alert in self.alerts.values())

    @property
    def said(self) -> dict[str, Said]:
        """What those were told who were told that it fires."""
        told = [name for name, word in self.before.told.items() if word == FIRING]
        return {name: self.before.said.get(name) or self._unsaid() for name in told}

    def _unsaid(self) -> Said:
        """Where nothing more is known: of all that fired."""
        at, incident = self.before.incident.opened_at, self.before.incident
        ids = [alert.id for alert in self.before.alerts if alert.firing]
        return Said(at, incident.severity, dict.fromkeys(ids, at))

    def put(self, alert: Alert, sentence: str) -> None:
        self.alerts[alert.id] = alert
        self.changed[alert.id] = sentence

    def carry(self, alert: Alert) -> None:
        """Keep it as it is now, without a word to anybody."""
        self.alerts[alert.id] = alert
        self.carried.add(alert.id)

    def log(self, kind: EventKind, text: str, context: Context) -> None:
        self.events.append(IncidentEvent(self.incident.id, context.now, kind, text))

    def acknowledge(self, by: str, context: Context) -> None:
        self.acknowledged = True
        self.incident = replace(
            self.incident,
            state=IncidentState.ACKNOWLEDGED,
            acknowledged_at=context.now,
            acknowledged_by=by,
        )
        self.log(EventKind.ACKNOWLEDGED, f"{by} acknowledged.", context)

    def covers(self, change: AlertChange) -> bool:
        """Whether this incident can still tell people of the change.

        An acknowledged one is silent about news (PagerDuty notifies nobody any more), so it only
        takes more evidence of what was acknowledged: the same SLO, no louder than it was then.
        """
        acknowledged_at = self.incident.acknowledged_at
        if acknowledged_at is None:
            return True
        seen = [a for a in self.alerts.values() if a.started_at <= acknowledged_at]
        loudest = min((alert.severity.rank for alert in seen), default=0)
        return self.holds(change.slo) and change.severity.rank >= loudest


def open_cases(files: Sequence[IncidentFile]) -> list[Case]:
    """Oldest first."""
    found = [file for file in files if file.incident.open]
    return [Case(f) for f in sorted(found, key=lambda f: (f.incident.opened_at, f.incident.id))]


def newest(alerts: Iterable[Alert]) -> Iterable[Alert]:
    """The newest episode of each rule: one that flaps for days stays one line in a message."""
    by_age = sorted(alerts, key=lambda a: (a.started_at, a.id))
    return {alert.rule: alert for alert in by_age}.values()


def in_order(alerts: Iterable[Alert]) -> list[Alert]:
    """Firing first, then ended; the loudest first, then the oldest."""
    return sorted(alerts, key=lambda a: (not a.firing, a.severity.rank, a.started_at, a.id))
