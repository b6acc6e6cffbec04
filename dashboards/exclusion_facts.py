"""Exclusions as plain values: the API prints these."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dashboards.source import ExclusionFile
from slo.audit import AuditEntry
from slo.exclusion import Exclusion
from slo.recurrence import Interval, Once, following

NEXT = 5  # occurrences that are told
ACTIVE, PLANNED, OVER, UNDONE = "active", "planned", "over", "undone"


@dataclass(frozen=True, slots=True)
class OccurrenceFacts:
    """One time that it holds, [start, end); also as the clocks of its zone show it."""

    start: datetime
    end: datetime
    local_start: str
    local_end: str


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


@dataclass(frozen=True, slots=True)
class AuditFacts:
    """Who did what, and how the exclusion was before (None: it was not there) and after."""

    at: datetime
    by: str
    action: str  # created, changed, ended, undone
    before: Mapping[str, Any] | None
    after: Mapping[str, Any]


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
    ended = exclusion.ended_at
    return [
        Interval(one.start, one.end if ended is None else min(one.end, ended))
        for one in following(exclusion.schedule, now, NEXT)
        if ended is None or max(one.start, now) < ended
    ]


def exclusion_facts(exclusion: Exclusion, now: datetime) -> ExclusionFacts:
    """The facts of one at this moment."""
    schedule = exclusion.schedule
    once = schedule if isinstance(schedule, Once) else None
    recurring = None if isinstance(schedule, Once) else schedule
    length = timedelta(0) if once is None else once.end - once.start
    zone = None if recurring is None else recurring.zone
    return ExclusionFacts(
        id=exclusion.id,
        service=exclusion.scope.service,
        slo=exclusion.scope.slo,
        labels=dict(exclusion.scope.labels),
        state=state_of(exclusion, now),
        reason=exclusion.reason,
        author=exclusion.author,
        origin=exclusion.origin,
        start=once.start if once else None,
        end=once.end if once else None,
        rrule=recurring.rule if recurring else None,
        zone=zone.key if zone else None,
        first_local=recurring.first.isoformat() if recurring else None,
        duration_seconds=(recurring.length if recurring else length).total_seconds(),
        next=tuple(
            OccurrenceFacts(
                one.start,
                one.end,
                one.start.astimezone(zone or one.start.tzinfo).isoformat(),
                one.end.astimezone(zone or one.end.tzinfo).isoformat(),
            )
            for one in next_of(exclusion, now)
        ),
        created_at=exclusion.created_at,
        since=exclusion.since,
        ended_at=exclusion.ended_at,
        undone_at=exclusion.undone_at,
    )


def exclusion_detail(file: ExclusionFile, now: datetime) -> ExclusionDetail:
    """The facts of one with what was done to it."""
    return ExclusionDetail(
        exclusion=exclusion_facts(file.exclusion, now),
        slos=file.slo_ids,
        trail=audit_facts(file.trail),
    )


def audit_facts(trail: Sequence[AuditEntry]) -> tuple[AuditFacts, ...]:
    """The facts of a trail, in its order."""
    return tuple(
        AuditFacts(
            at=entry.at,
            by=entry.by,
            action=entry.action,
            before=None if entry.before is None else json.loads(entry.before),
            after=json.loads(entry.after),
        )
        for entry in trail
    )
