"""Whether SLIs and threshold rules read what their collectors will tell."""

from collections.abc import Iterable, Iterator, Mapping

from collectors.settings import CollectorSettings
from nines.config.document import Path
from nines.config.references import unknown
from nines.config.validation import Finding
from slo.definition import SLO, GaugeSLI, sources
from slo.rule import GaugeCheck, Rule
from slo.selector import Selector


def unread_metrics(
    slos: Iterable[SLO], rules: Iterable[Rule], collectors: Mapping[str, CollectorSettings]
) -> Iterator[Finding]:
    """Metrics that are not among those that a collector's settings name, or of another type."""
    for slo in slos:
        if slo.collector_id is not None and not slo.variant:
            at: Path = ("services", slo.service, "slos", slo.name, "sli")
            types = _types(collectors.get(slo.collector_id))
            wanted = "gauge" if isinstance(slo.sli, GaugeSLI) else "counter"
            yield from _unread(at, sources(slo.sli), wanted, types)
    for rule in rules:
        at = ("services", rule.service, "alerts", rule.name)
        wanted = "gauge" if isinstance(rule.check, GaugeCheck) else "counter"
        types = _types(collectors.get(rule.collector_id))
        yield from _unread(at, rule.sources(), wanted, types)


def _types(collector: CollectorSettings | None) -> Mapping[str, str] | None:
    return None if collector is None else collector.metric_types()


def _unread(
    at: Path, selectors: Iterable[Selector], wanted: str, types: Mapping[str, str] | None
) -> Iterator[Finding]:
    if types is None:
        return
    for metric in dict.fromkeys(selector.metric for selector in selectors):
        if metric not in types:
            yield Finding(at, unknown("metric", metric, list(types)))
        elif types[metric] != wanted:
            yield Finding(at, _SAID[wanted].format(metric))


_SAID = {
    "gauge": "`{}` is a counter: it is counted by `total`, `bad` or `good`, not compared",
    "counter": "`{}` is a gauge: it is compared (`metric`, `below` or `above`), not counted",
}
