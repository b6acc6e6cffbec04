"""The way of labels through the routes, as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alerting.way import Way
from slo.units import format_duration


@dataclass(frozen=True, slots=True)
class EscalationFacts:
    """Who is told too, when nobody acknowledged `after` that time."""

    after: str
    receivers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HolderFacts:
    """Who holds an alert back there at that moment: a silence, an interval, another alert."""

    kind: str
    id: str
    words: str
    until: str | None


@dataclass(frozen=True, slots=True)
class RouteFacts:
    """One route that takes an alert with these labels: who is told, why, and on which terms."""

    receivers: tuple[str, ...]
    why: str
    failover: tuple[str, ...]
    escalate: tuple[EscalationFacts, ...]
    group_wait: str
    group_interval: str
    repeat_interval: str | None
    group: dict[str, str]
    held_by: tuple[HolderFacts, ...]


@dataclass(frozen=True, slots=True)
class RouteTest:
    """`labels` are those that were asked about and the service's own; `told` is who would hear."""

    labels: dict[str, str]
    told: tuple[str, ...]
    routes: tuple[RouteFacts, ...]


def route_test(labels: Mapping[str, str], ways: Sequence[Way]) -> RouteTest:
    """What the routes make of these labels."""
    told = dict.fromkeys(name for way in ways if not way.held_by for name in way.hit.receivers)
    return RouteTest(dict(labels), tuple(told), tuple(map(route_facts, ways)))


def route_facts(way: Way) -> RouteFacts:
    hit = way.hit
    return RouteFacts(
        receivers=hit.receivers,
        why=str(hit),
        failover=hit.failover,
        escalate=tuple(
            EscalationFacts(format_duration(step.after), step.receivers) for step in hit.escalate
        ),
        group_wait=format_duration(hit.wait),
        group_interval=format_duration(hit.interval),
        repeat_interval=format_duration(hit.repeat) if hit.repeat else None,
        group=dict(way.group),
        held_by=tuple(
            HolderFacts(
                str(one.kind), one.id, one.words, one.until.isoformat() if one.until else None
            )
            for one in way.held_by
        ),
    )
