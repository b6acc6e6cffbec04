"""The edges of native histograms as series of a page, and what the bucket that a threshold cuts
leaves unknown."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from slo.definition import BUCKET, HistogramSLI
from slo.exposition import Page, Sample, Series
from slo.native import cumulative, nearest_edge

Exact = int | Fraction


def histogram_of(series: Series) -> Series:
    """What the buckets of one histogram share."""
    labels = tuple(pair for pair in series.labels if pair[0] != "le")
    return Series(series.metric.removesuffix(BUCKET), labels)


def threshold_of(sli: HistogramSLI) -> float:
    """The threshold as the edges of native histograms are written."""
    return nearest_edge(float(sli.below.value))


def with_edges(page: Page, slis: Iterable[object]) -> Page:
    """The page with the edges that these SLIs ask native histograms for, as cumulative counters.

    Such a series bears the histogram's bare name and `le`, which nothing else on a page does. A
    histogram that has classic buckets too, and among them one at the threshold, answers by that:
    it leaves nothing unknown, and stays what it is where the page comes as text.
    """
    if not page.natives:
        return page
    classic = _classic_edges(page)
    added: dict[Series, Sample] = {}
    for sli in slis:
        if not isinstance(sli, HistogramSLI):
            continue
        for series, histogram in page.natives.items():
            if not histogram.is_readable or float(sli.below.value) in classic[series]:
                continue
            labels = dict(series.labels)
            if any(one.metric == series.metric and one.matches(labels) for one in sli.histograms):
                created = _created(page, series)
                for edge, count in cumulative(histogram, threshold_of(sli)).items():
                    added[_series(series, repr(edge))] = Sample(count, created)
    return replace(page, samples={**page.samples, **added})


def is_former_edge(series: Series, page: Page) -> bool:
    """Whether it is an edge of a native histogram that is on the page without this edge."""
    if series in page.samples or all(name != "le" for name, _ in series.labels):
        return False
    return total_of(histogram_of(series)) in page.samples


def total_of(histogram: Series) -> Series:
    """The series of all events of a histogram."""
    return _series(replace(histogram, metric=histogram.metric + BUCKET), "+Inf")


@dataclass(frozen=True, slots=True)
class Cumulative:
    """One histogram at one page: all its events, and those at or below each edge."""

    total: Exact
    edges: Mapping[float, Exact]


@dataclass(frozen=True, slots=True)
class Split:
    """Events since the page before: `unknown` of them lie within a bucket that is cut."""

    events: Exact
    good: Exact
    unknown: Exact


def split(threshold: float, now: Cumulative, before: Cumulative | None, events: Exact) -> Split:
    """The `events` counted since the page before, by edges that both pages have.

    Without a page before, the histogram began anew. At or below the largest edge up to the
    threshold is good for sure, above the next one bad for sure.
    """
    if before is not None and _fell(now, before):
        before, events = None, now.total
    grown = dict(now.edges)
    if before is not None:
        grown = {
            edge: count - before.edges[edge]
            for edge, count in now.edges.items()
            if edge in before.edges
        }
    lower = max((edge for edge in grown if edge <= threshold), default=None)
    upper = min((edge for edge in grown if edge >= threshold), default=None)
    # The sum of a float histogram's buckets may differ from its count by a rounding.
    at_most = events if upper is None else min(grown[upper], events)
    good = 0 if lower is None else min(grown[lower], at_most)
    return Split(events, good, at_most - good)


def _fell(now: Cumulative, before: Cumulative) -> bool:
    """Whether some part holds less than before: the histogram began anew and overtook itself."""
    for edge, count in now.edges.items():
        was = before.edges.get(edge)
        if was is None:
            continue
        exact = isinstance(count, int) and isinstance(now.total, int)
        if count < was or (exact and now.total - count < before.total - was):
            return True
    return False


def _classic_edges(page: Page) -> defaultdict[Series, set[float]]:
    """The edges of the classic buckets that native histograms have beside."""
    edges: defaultdict[Series, set[float]] = defaultdict(set)
    metrics = {series.metric + BUCKET for series in page.natives}
    for series in page.samples:
        if series.metric in metrics:
            edges[histogram_of(series)].add(float(dict(series.labels).get("le", "nan")))
    return edges


def _created(page: Page, histogram: Series) -> float | None:
    total = page.samples.get(total_of(histogram))
    return None if total is None else total.created


def _series(histogram: Series, edge: str) -> Series:
    return Series(histogram.metric, tuple(sorted((*histogram.labels, ("le", edge)))))
