"""What an SLI counts, as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboards.event_facts import EventFacts, event_facts
from slo.definition import (
    SLO,
    Component,
    CompositeSLI,
    DerivedSLI,
    EventsSLI,
    GaugeSLI,
    HistogramSLI,
    ProbeSLI,
    QuorumSLI,
)
from slo.status import Part


@dataclass(frozen=True, slots=True)
class PartFacts:
    """What a derived SLI is made of: a vantage (service/collector), or an SLO (service/slo).

    A component's slice is good from `target_ratio` on. `bad`: events of the window that it made
    bad, by itself or with others; `alone`: slices in which it failed and too few others did.
    `hour` is what it counted itself in the last hour. These are null for a moment in the past.
    """

    id: str
    weight: int | None
    target_ratio: float | None
    bad: int | None
    alone: int | None
    hour: EventFacts | None


@dataclass(frozen=True, slots=True)
class SLIFacts:
    """What is counted. Selectors are written as PromQL would.

    A histogram's good events are at or below `threshold`, one of its edges; a gauge's lie on the
    `side` of it that is named, `below` or `above`.
    """

    kind: str  # probe, events, histogram, gauge, quorum, all, weighted
    collector: str | None  # service/collector; null where it is derived
    total: tuple[str, ...]
    bad: tuple[str, ...]
    good: tuple[str, ...]
    metric: tuple[str, ...] = ()  # of a histogram, without its suffix, or of a gauge
    side: str | None = None
    threshold: float | None = None
    parts: tuple[PartFacts, ...] = ()  # of a derived one
    bad_at: int | None = None  # how many vantages of a quorum must fail
    slice_seconds: float | None = None


def sli_facts(slo: SLO, parts: Sequence[Part]) -> SLIFacts:
    """What an SLO counts; `parts` are what is known of those that it is derived from."""
    match slo.sli:
        case ProbeSLI():
            return SLIFacts("probe", slo.collector_id, (), (), ())
        case EventsSLI(total=total, bad=bad, good=good):
            return SLIFacts(
                "events",
                slo.collector_id,
                tuple(map(str, total)),
                tuple(map(str, bad)),
                tuple(map(str, good)),
            )
        case HistogramSLI(histograms=histograms, total=total, good=good, below=below):
            return SLIFacts(
                "histogram",
                slo.collector_id,
                tuple(map(str, total)),
                (),
                tuple(map(str, good)),
                tuple(map(str, histograms)),
                "below",
                float(below.value),
            )
        case GaugeSLI(metric=metric, side=side, threshold=threshold):
            return SLIFacts(
                "gauge",
                slo.collector_id,
                (),
                (),
                (),
                tuple(map(str, metric)),
                side.value,
                float(threshold.value),
            )
        case QuorumSLI() | CompositeSLI():
            return _derived(slo.sli, {part.id: part for part in parts})


def _derived(sli: DerivedSLI, parts: Mapping[str, Part]) -> SLIFacts:
    components: Mapping[str, Component] = {}
    bad_at, kind = None, "quorum"
    if isinstance(sli, QuorumSLI):
        bad_at = sli.bad_at
    else:
        components = {one.sli_id: one for one in sli.components}
        kind = "weighted" if sli.weighted else "all"
    return SLIFacts(
        kind=kind,
        collector=None,
        total=(),
        bad=(),
        good=(),
        parts=tuple(_part(one, components.get(one), parts.get(one)) for one in sli.parts),
        bad_at=bad_at,
        slice_seconds=sli.slice.total_seconds(),
    )


def _part(part_id: str, component: Component | None, told: Part | None) -> PartFacts:
    return PartFacts(
        id=part_id,
        weight=component.weight if component else None,
        target_ratio=float(component.target) if component else None,
        bad=told.bad if told else None,
        alone=told.alone if told else None,
        hour=event_facts(told.hour) if told else None,
    )
