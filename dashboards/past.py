"""What a page at a moment in the past says of it, and how records stood then."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from alerting.incident import Incident, IncidentState
from dashboards import format as write
from dashboards.source import CollectorHealth

_STEPS = (
    ("1 day earlier", timedelta(days=-1)),
    ("1 hour earlier", timedelta(hours=-1)),
    ("5 minutes earlier", timedelta(minutes=-5)),
    ("5 minutes later", timedelta(minutes=5)),
    ("1 hour later", timedelta(hours=1)),
    ("1 day later", timedelta(days=1)),
)


@dataclass(frozen=True, slots=True)
class PastView:
    """The note on top: when it is, and the ways from there."""

    at: str  # as links carry it
    iso: str
    when: str
    ago: str
    steps: tuple[tuple[str, str], ...]  # words and address
    now_url: str
    here: str  # the page's path, for the form that goes to another moment
    kept: tuple[tuple[str, str], ...]  # what else the address asks for


def past_view(
    at: datetime,
    now: datetime,
    since: datetime | None,
    path: str,
    query: Iterable[tuple[str, str]],
) -> PastView:
    """The note of the page at `path`; `since` is when anything began to be kept."""
    kept = tuple((key, value) for key, value in query if key != "at")
    moments = [(words, at + step) for words, step in _STEPS]
    return PastView(
        at=moment_query(at),
        iso=at.astimezone(UTC).isoformat(timespec="seconds"),
        when=f"{at.astimezone(UTC):%A}, {write.full(at)}",
        ago=write.ago(at, now),
        steps=tuple(
            (words, _address(path, (*kept, ("at", moment_query(moment)))))
            for words, moment in moments
            if moment < now and (since is None or moment >= since)
        ),
        now_url=_address(path, kept),
        here=path,
        kept=kept,
    )


def moment_query(at: datetime) -> str:
    """A moment as an address carries it."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _address(path: str, query: Iterable[tuple[str, str]]) -> str:
    told = urlencode(tuple(query))
    return f"{path}?{told}" if told else path


def incident_then(incident: Incident, at: datetime) -> Incident:
    """The incident as it stood at `at`; its title is the last that it had."""
    if incident.resolved_at is not None and incident.resolved_at <= at:
        return incident
    taken = incident.acknowledged_at is not None and incident.acknowledged_at <= at
    return replace(
        incident,
        state=IncidentState.ACKNOWLEDGED if taken else IncidentState.TRIGGERED,
        acknowledged_at=incident.acknowledged_at if taken else None,
        acknowledged_by=incident.acknowledged_by if taken else None,
        resolved_at=None,
    )


def collector_then(collector: CollectorHealth, at: datetime) -> CollectorHealth:
    """The collector with those of its newest runs that had been by then: few are kept."""
    recent = tuple(run for run in collector.recent if run.due <= at)
    return replace(
        collector,
        recent=recent,
        last=recent[0] if recent else None,
        lateness=recent[0].lateness if recent else None,
        runs={},
    )
