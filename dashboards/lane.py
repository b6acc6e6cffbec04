"""What happened beside the numbers: the lane of events in a chart, and the same as a table."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from alerting.incident import Incident
from alerting.silence import Silence
from dashboards import format as write
from dashboards import links
from slo.deployment import Deployment
from slo.recurrence import Interval, occurrences
from slo.severity import Severity
from slo.versions import Version

_MOST = 300  # in a chart, the newest
_MOST_TIMES = 50  # of one silence


class LaneKind(StrEnum):
    """What it is, in the order in which it is drawn."""

    EXCLUSION = "exclusion"
    SILENCE = "silence"
    INCIDENT = "incident"
    EDIT = "edit"
    ANNOTATION = "annotation"
    DEPLOYMENT = "deployment"


_WORDS = {
    LaneKind.EXCLUSION: "Excluded",
    LaneKind.SILENCE: "Silence",
    LaneKind.INCIDENT: "Incident",
    LaneKind.EDIT: "Configuration",
    LaneKind.ANNOTATION: "Annotation",
    LaneKind.DEPLOYMENT: "Deployment",
}


@dataclass(frozen=True, slots=True)
class LaneEvent:
    """One event, at a moment or (`end`) over a stretch of time."""

    kind: LaneKind
    start: datetime
    label: str
    end: datetime | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class LaneRow:
    """One event in a line of the table."""

    kind: str
    word: str
    when: str
    label: str
    url: str | None


@dataclass(frozen=True, slots=True)
class Lane:
    """`drawn` is JSON for the chart, oldest first; `rows` are newest first."""

    drawn: str
    rows: tuple[LaneRow, ...]


def lane(events: Iterable[LaneEvent], start: datetime, now: datetime) -> Lane:
    """Those of [start, now), cut to it."""
    seen = [one for one in events if one.start < now and (one.end or one.start) >= start]
    seen = sorted(seen, key=lambda one: (one.start, list(LaneKind).index(one.kind)))[-_MOST:]
    drawn = [
        {
            "kind": one.kind.value,
            "at": max(one.start, start).timestamp(),
            "to": None if one.end is None else min(one.end, now).timestamp(),
            "label": one.label,
        }
        for one in seen
    ]
    return Lane(json.dumps(drawn), tuple(_row(one, now) for one in reversed(seen)))


def _row(one: LaneEvent, now: datetime) -> LaneRow:
    when = write.stamp(one.start, now)
    if one.end is not None:
        when = write.between(one.start, one.end, now) if one.end <= now else f"since {when}"
    return LaneRow(one.kind.value, _WORDS[one.kind], when, one.label, one.url)


def of_deployments(found: Iterable[Deployment]) -> Iterator[LaneEvent]:
    """Releases."""
    for one in found:
        where = f" ({one.rollout.environment})" if one.rollout.environment else ""
        label = f"{one.rollout.version}{where} by {one.rollout.by}"
        yield LaneEvent(
            LaneKind.DEPLOYMENT, one.at, label, url=links.safe_external(one.rollout.url)
        )


def of_edits(found: Sequence[Version]) -> Iterator[LaneEvent]:
    """Changes of the SLO's own definition: every version but the first."""
    for one in found[1:]:
        label = "; ".join(one.changes) or f"Version {one.definition.number}"
        yield LaneEvent(LaneKind.EDIT, one.definition.valid_from, label, url="#versions")


def of_incidents(found: Iterable[Incident], now: datetime) -> Iterator[LaneEvent]:
    """Incidents; an open one goes on beyond now."""
    for one in found:
        yield LaneEvent(
            LaneKind.INCIDENT,
            one.opened_at,
            one.title,
            one.resolved_at or now + (now - one.opened_at),
            links.incident_url(one.id),
        )


def of_exclusions(found: Iterable[tuple[datetime, datetime]], url: str) -> Iterator[LaneEvent]:
    """Stretches that do not count."""
    for start, end in found:
        yield LaneEvent(LaneKind.EXCLUSION, start, "Does not count", end, url)


def of_silences(
    found: Iterable[Silence], labels: dict[str, str], start: datetime, now: datetime
) -> Iterator[LaneEvent]:
    """The times of silences that mute any alert with these labels, whatever its severity."""
    for one in found:
        if any(one.matches(labels | {"severity": severity}) for severity in Severity):
            for time in _times(one, start, now):
                yield LaneEvent(
                    LaneKind.SILENCE,
                    time.start,
                    f"{one.reason} ({one.author})",
                    time.end,
                    links.planned_url("silence", one.id),
                )


def _times(one: Silence, start: datetime, now: datetime) -> Iterator[Interval]:
    for number, time in enumerate(occurrences(one.schedule, start, now)):
        end = time.end if one.ended_at is None else min(time.end, one.ended_at)
        if number < _MOST_TIMES and end > time.start:
            yield Interval(time.start, end)
