"""Exclusions as plain values: the API prints these."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboards.audit_facts import AuditFacts, audit_facts
from dashboards.schedule_facts import NEXT, OccurrenceFacts, occurrence_facts, schedule_facts
from dashboards.source import ExclusionFile
from slo.exclusion import Exclusion
from slo.recurrence import Interval, upcoming

ACTIVE, PLANNED, OVER, UNDONE = "active", "planned", "over", "undone"


@dataclass(frozen=True, slots=True)
class ExclusionFacts:
    """Time that does not count. `start` and `end` are of one that holds once; the others recur.

    `next`: the next five times that it holds, the running one first. `since`: nothing that lies
    before is excluded.
    """

    id: str
    service: str | None
    slo: str | None
    labels: Mapping[str, str]
    state: str  # active, planned (now is not excluded), over, undone
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
    created_at: datetime
    since: datetime
    ended_at: datetime | None
    undone_at: datetime | None
    public: str | None  # the words by which the status page announces it


@dataclass(frozen=True, slots=True)
class ExclusionDetail:
    """An exclusion, the ids of the SLOs that it is for, and what was done to it, oldest first."""

    exclusion: ExclusionFacts
    slos: tuple[str, ...]
    trail: tuple[AuditFacts, ...]


def state_of(exclusion: Exclusion, now: datetime) -> str:
    """Whether it excludes what happens now, will, did, or was taken back."""
    if exclusion.undone_at is not None:
        return UNDONE
    if exclusion.intervals(now, now + timedelta(microseconds=1)):
        return ACTIVE
    over = exclusion.over_by
    return OVER if over is not None and over <= now else PLANNED


def next_of(exclusion: Exclusion, now: datetime) -> list[Interval]:
    """The next times that it holds, the running one first."""
    if exclusion.undone_at is not None:
        return []
    return upcoming(exclusion.schedule, exclusion.ended_at, now, NEXT)


def exclusion_facts(exclusion: Exclusion, now: datetime) -> ExclusionFacts:
    """The facts of one at this moment."""
    when = schedule_facts(exclusion.schedule)
    return ExclusionFacts(
        id=exclusion.id,
        service=exclusion.scope.service,
        slo=exclusion.scope.slo,
        labels=dict(exclusion.scope.labels),
        state=state_of(exclusion, now),
        reason=exclusion.reason,
        author=exclusion.author,
        origin=exclusion.origin,
        start=when.start,
        end=when.end,
        rrule=when.rrule,
        zone=when.zone,
        first_local=when.first_local,
        duration_seconds=when.duration_seconds,
        next=occurrence_facts(next_of(exclusion, now), exclusion.schedule),
        created_at=exclusion.created_at,
        since=exclusion.since,
        ended_at=exclusion.ended_at,
        undone_at=exclusion.undone_at,
        public=exclusion.public,
    )


def exclusion_detail(file: ExclusionFile, now: datetime) -> ExclusionDetail:
    """The facts of one with what was done to it."""
    return ExclusionDetail(
        exclusion=exclusion_facts(file.exclusion, now),
        slos=file.slo_ids,
        trail=audit_facts(file.trail),
    )
