"""Which series of a page the SLIs of one target read."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from slo.definition import CounterSLI, HistogramSLI, sources
from slo.exposition import Series
from slo.selector import Selector

# The selectors, as text, that select a series; none for one that nobody selects.
Matches = Mapping[Series, frozenset[str]]


def selects(selectors: Iterable[Selector], series: Series) -> bool:
    """Whether any of them selects it."""
    return any(
        one.metric == series.metric and one.matches(dict(series.labels)) for one in selectors
    )


@dataclass(frozen=True, slots=True)
class Reads:
    """What one SLI reads: its selectors as text, and what tells that it reads something else."""

    total: frozenset[str]
    side: frozenset[str]
    edges: frozenset[str]  # of native histograms
    mark: str


class Selection:
    """What some SLIs read of a page, by SLO's id; made once for many pages."""

    def __init__(self, slis: Mapping[str, CounterSLI]) -> None:
        self.slis = dict(slis)
        self.reads = {slo: _reads(sli) for slo, sli in slis.items()}
        every = {str(one): one for sli in slis.values() for one in sources(sli)}
        self.selectors = frozenset(every)
        self.metrics = frozenset(one.metric for one in every.values())
        self._readers: defaultdict[str, list[str]] = defaultdict(list)
        for slo, reads in self.reads.items():
            for name in reads.total | reads.side | reads.edges:
                self._readers[name].append(slo)
        self._by_label: defaultdict[tuple[str, str, str], list[tuple[str, Selector]]]
        self._others: defaultdict[str, list[tuple[str, Selector]]]
        self._by_label, self._others = defaultdict(list), defaultdict(list)
        for name, one in every.items():
            self._file(name, one)

    def is_of(self, slis: Mapping[str, CounterSLI]) -> bool:
        """Whether it was made of these SLIs."""
        return self.slis == slis

    def readers(self, names: Iterable[str]) -> Iterator[str]:
        """The SLOs that read what these selectors select; one may come several times."""
        for name in names:
            yield from self._readers[name]

    def matches(self, series: Iterable[Series], known: Matches) -> Matches:
        """By whom each of the series is selected; `known` is an earlier answer of ours."""
        found = {}
        for one in series:
            names = known.get(one)
            found[one] = self._match(one) if names is None else names
        return found

    def _file(self, name: str, selector: Selector) -> None:
        """Selectors that demand a label's value are looked up by it: there may be thousands."""
        for matcher in selector.matchers:
            if matcher.operator == "=" and matcher.value and matcher.label != "le":
                key = (selector.metric, matcher.label, matcher.value)
                self._by_label[key].append((name, selector))
                return
        self._others[selector.metric].append((name, selector))

    def _match(self, series: Series) -> frozenset[str]:
        if series.metric not in self.metrics:
            return frozenset()
        labels = dict(series.labels)
        candidates = list(self._others.get(series.metric, ()))
        for label, value in series.labels:
            candidates += self._by_label.get((series.metric, label, value), ())
        return frozenset(name for name, one in candidates if one.matches(labels))


def _reads(sli: CounterSLI) -> Reads:
    total = frozenset(map(str, sli.total))
    side = frozenset(map(str, sli.bad or sli.good))
    edges = frozenset(map(str, sli.edges)) if isinstance(sli, HistogramSLI) else frozenset[str]()
    return Reads(total, side, edges, f"{sorted(total)} {sorted(side)} {bool(sli.bad)}")
