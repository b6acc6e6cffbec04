"""Silences as plain values: the API prints these."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from alerting.alert import Alert, AlertKind
from alerting.silence import Silence, SilenceState
from dashboards.audit_facts import AuditFacts, audit_facts
from dashboards.schedule_facts import NEXT, OccurrenceFacts, occurrence_facts, schedule_facts
from dashboards.source import SilenceFile
from slo.severity import Severity


@dataclass(frozen=True, slots=True)
class SilenceFacts:
    """Alerts of which nobody is newly told. `start` and `end` are of one that holds once.

    `next`: the next five times that it mutes, the running one first. `active_until`: None while it
    does not mute.
    """

    id: str
    state: SilenceState
    matchers: tuple[str, ...]
    reason: str
    author: str
    origin: str  # api, configuration
    start: datetime | None
    end: datetime | None
    rrule: str | None
    zone: str | None
    first_local: str | None
    duration_seconds: float
    next: tuple[OccurrenceFacts, ...]
    active_until: datetime | None
    until_resolved: bool
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class MutedFacts:
    """One alert that a silence takes."""

    service: str
    slo: str
    severity: Severity
    kind: AlertKind
    incident_id: str
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class SilenceDetail:
    """A silence, the alerts that it takes, and what was done to it, oldest first.

    `now`: those that fire; `week`: those of the last seven days (of one that recurs, at its times
    of the week), newest first.
    """

    silence: SilenceFacts
    now: tuple[MutedFacts, ...]
    week: tuple[MutedFacts, ...]
    trail: tuple[AuditFacts, ...]


def silence_facts(silence: Silence, now: datetime) -> SilenceFacts:
    """The facts of one at this moment."""
    when = schedule_facts(silence.schedule)
    stretch = silence.stretch(now)
    return SilenceFacts(
        id=silence.id,
        state=silence.state(now),
        matchers=tuple(map(str, silence.matchers)),
        reason=silence.reason,
        author=silence.author,
        origin=silence.origin,
        start=when.start,
        end=when.end,
        rrule=when.rrule,
        zone=when.zone,
        first_local=when.first_local,
        duration_seconds=when.duration_seconds,
        next=occurrence_facts(silence.next(now, NEXT), silence.schedule),
        active_until=stretch.end if stretch else None,
        until_resolved=silence.until_resolved,
        created_at=silence.created_at,
        ended_at=silence.ended_at,
    )


def silence_detail(file: SilenceFile, now: datetime) -> SilenceDetail:
    """The facts of one with what it mutes and what was done to it."""
    return SilenceDetail(
        silence=silence_facts(file.silence, now),
        now=_muted(file.now),
        week=_muted(file.week),
        trail=audit_facts(file.trail),
    )


def _muted(alerts: Iterable[Alert]) -> tuple[MutedFacts, ...]:
    return tuple(
        MutedFacts(
            service=one.service,
            slo=one.slo,
            severity=one.severity,
            kind=one.kind,
            incident_id=one.incident_id,
            started_at=one.started_at,
            ended_at=one.ended_at,
        )
        for one in alerts
    )
