"""What an SLO counts, as a short stable hash."""

import hashlib

from slo.definition import (
    SLO,
    Component,
    CompositeSLI,
    EventsSLI,
    GaugeSLI,
    HistogramSLI,
    ProbeSLI,
    QuorumSLI,
)
from slo.selector import Selector
from slo.threshold import Threshold
from slo.units import format_duration


def fingerprint(slo: SLO) -> str:
    """What is counted, as a short stable hash; objective, window and tiers do not matter.

    Counts belong to a fingerprint: an SLO whose SLI was edited starts empty.
    """
    match slo.sli:
        case ProbeSLI(collector=collector):
            parts = ["probe", collector]
        case EventsSLI() as events:
            sides = [
                sorted(map(_canonical, selectors))
                for selectors in (events.total, events.bad, events.good)
            ]
            parts = ["events", events.collector, *("\x1e".join(selectors) for selectors in sides)]
        case HistogramSLI(collector=collector, histograms=histograms, below=below):
            names = sorted(map(_canonical, histograms))
            parts = ["histogram", collector, "\x1e".join(names), _plain(below)]
        case GaugeSLI(collector=collector, metric=metric, side=side, threshold=threshold):
            names = sorted(map(_canonical, metric))
            parts = ["gauge", collector, "\x1e".join(names), side.value, _plain(threshold)]
        case QuorumSLI(vantages=vantages, bad_at=bad_at, slice=length):
            parts = ["quorum", *sorted(vantages), str(bad_at), format_duration(length)]
        case CompositeSLI(components=components, slice=length, weighted=weighted):
            kind = "weighted" if weighted else "all"
            parts = [kind, format_duration(length), *sorted(map(_component, components))]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]


def _component(component: Component) -> str:
    target, no_data = str(component.target), component.no_data.value
    weight = str(component.weight)
    return "\x1e".join((component.sli_id, target, no_data, component.counted, weight))


def _plain(threshold: Threshold) -> str:
    """The same text for the same number, however it was written."""
    return f"{threshold.value.normalize():f}"


def _canonical(selector: Selector) -> str:
    return str(Selector(selector.metric, tuple(sorted(selector.matchers, key=str))))
