"""Which of the series that others send an SLI or a rule reads."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TypeVar

from collectors.pushed.collector import SentSettings
from nines.config import Config
from slo.definition import GaugeSLI, sources
from slo.exposition import Series
from slo.rule import GaugeCheck
from slo.selector import Selector

_KNOWN = 100_000  # series of which it is known whether anybody wants them
_Settings = TypeVar("_Settings", bound=SentSettings)


class Selection:
    """Of one collector, by selectors."""

    def __init__(self, counters: Sequence[Selector], gauges: Sequence[Selector]) -> None:
        counted = {one.metric for one in counters}
        # What is read as both is a counter: it is told what it counted.
        self.gauges = frozenset(one.metric for one in gauges) - counted
        self._by_metric: dict[str, list[Selector]] = {}
        for one in (*counters, *gauges):
            # The other edges of a histogram are told to whoever asks for one that is not there.
            matchers = tuple(each for each in one.matchers if each.label != "le")
            self._by_metric.setdefault(one.metric, []).append(replace(one, matchers=matchers))
        self._known: dict[Series, bool] = {}

    @property
    def metrics(self) -> Collection[str]:
        """The names of all that is read."""
        return self._by_metric.keys()

    def wants(self, series: Series) -> bool:
        """Whether anybody reads it."""
        wanted = self._known.get(series)
        if wanted is None:
            labels = dict(series.labels)
            wanted = any(one.matches(labels) for one in self._by_metric.get(series.metric, ()))
            if len(self._known) >= _KNOWN:
                self._known.clear()
            self._known[series] = wanted
        return wanted


def selections(config: Config, kind: type[_Settings]) -> dict[str, tuple[_Settings, Selection]]:
    """What is read of each collector with settings of this kind."""
    counters: dict[str, list[Selector]] = {}
    gauges: dict[str, list[Selector]] = {}
    for slo in config.slos:
        if slo.collector_id is not None:
            into = gauges if isinstance(slo.sli, GaugeSLI) else counters
            into.setdefault(slo.collector_id, []).extend(sources(slo.sli))
    for rule in config.rules:
        into = gauges if isinstance(rule.check, GaugeCheck) else counters
        into.setdefault(rule.collector_id, []).extend(rule.sources())
    found = {}
    for service, one in config.services.items():
        for name, settings in one.collectors.items():
            if isinstance(settings, kind):
                id_ = f"{service}/{name}"
                selection = Selection(counters.get(id_, ()), gauges.get(id_, ()))
                found[id_] = settings, selection
    return found
