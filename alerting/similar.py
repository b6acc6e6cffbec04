"""Incidents of the past that resemble one: ranked, with what they have in common. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction

# What each thing in common weighs. Of a service alone every incident is similar to every other, so
# that is not enough; one cause in another service with the same labels is.
_SERVICE, _SLOS, _CAUSES, _KINDS, _LABELS = 3, 4, 3, 1, 2
ENOUGH = 5
_OWN = {
    "alertname",
    "service",
    "slo",
    "alert",
    "severity",
    "kind",
    "rule",
}  # labels of one alert, not of its service


@dataclass(frozen=True, slots=True)
class Sketch:
    """Of an incident, what tells whether another one resembles it.

    `causes` are kinds of failure (`status`), `kinds` those of its alerts. `ended_by` is a sentence.
    """

    incident_id: str
    service: str
    title: str
    opened_at: datetime
    resolved_at: datetime | None = None
    acknowledged_by: str | None = None
    slos: frozenset[str] = frozenset()
    causes: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    labels: Mapping[str, str] = field(default_factory=dict)
    ended_by: str = ""


@dataclass(frozen=True, slots=True)
class Similar:
    """One that resembles it: how much (larger is more), and in what."""

    sketch: Sketch
    score: Fraction
    common: tuple[str, ...]


def similar(one: Sketch, others: Iterable[Sketch], limit: int = 5) -> list[Similar]:
    """Those that resemble it, the most alike first, of equals the newest; at most `limit`."""
    found = [_likeness(one, other) for other in others if other.incident_id != one.incident_id]
    ranked = sorted(
        (like for like in found if like.score >= ENOUGH),
        key=lambda like: (like.score, like.sketch.opened_at, like.sketch.incident_id),
        reverse=True,
    )
    return ranked[:limit]


def _likeness(one: Sketch, other: Sketch) -> Similar:
    score, common = Fraction(0), []
    if one.service == other.service:
        score += _SERVICE
        common.append("the same service")
    for weight, mine, theirs, what in (
        (_SLOS, one.slos, other.slos, ""),
        (_CAUSES, one.causes, other.causes, "cause "),
        (_KINDS, one.kinds, other.kinds, "kind "),
    ):
        both = mine & theirs
        if both:
            score += weight * Fraction(len(both), len(mine | theirs))
            if weight != _KINDS:
                common.append(f"{what}{', '.join(sorted(both))}")
    pairs, others = _pairs(one.labels), _pairs(other.labels)
    if pairs & others:
        score += _LABELS * Fraction(len(pairs & others), len(pairs | others))
        common.append(", ".join(f"{name}={value}" for name, value in sorted(pairs & others)))
    return Similar(other, score, tuple(common))


def _pairs(labels: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset((name, value) for name, value in labels.items() if name not in _OWN)
