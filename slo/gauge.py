"""From one page to a gauge's events: each sample is one, good on its side of the threshold."""

import math
from collections import Counter
from collections.abc import Mapping
from fractions import Fraction

from slo.definition import GaugeSLI
from slo.exposition import Page, Series
from slo.increment import BY_VALUES, Increment
from slo.selection import selects

_MOST_SAID = 10


def read_gauges(sli: GaugeSLI, page: Page) -> Increment:
    """The events of one page. Values are compared exactly, in the metric's own unit."""
    limit = Fraction(sli.threshold.value)
    good = bad = found = 0
    causes: Counter[str] = Counter()
    said: list[str] = []
    for series in page.samples:
        if not selects(sli.metric, series):
            continue
        found, sample = found + 1, page.samples[series]
        if not math.isfinite(sample.value):
            said.append(f"{series} is {sample.value:g}, which is not a value: it is left out")
            continue
        if sli.side.holds(sample.value, limit):
            good += 1
        else:
            bad += 1
            causes[_name(sli, series)] += 1
    return Increment(
        good=good,
        bad=bad,
        by=_largest(causes) if sli.by else {},
        anomalies=tuple(said[:_MOST_SAID]),
        data=good + bad > 0,
        missing="" if not found or good + bad else "every sample is NaN or infinite",
    )


def _name(sli: GaugeSLI, series: Series) -> str:
    labels = dict(series.labels)
    return " ".join(f"{label}={labels.get(label, '')}" for label in sli.by)


def _largest(causes: Counter[str]) -> Mapping[str, int]:
    """The largest first; what is beyond the kept ones is `other`."""
    ordered = sorted(causes.items(), key=lambda item: (-item[1], item[0]))
    rest = sum(bad for _, bad in ordered[BY_VALUES:])
    kept = dict(ordered[:BY_VALUES])
    return {**kept, "other": rest} if rest else kept
