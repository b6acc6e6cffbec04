"""Threshold rules on `/metrics`."""

from collections.abc import Callable, Iterator, Sequence

from dashboards.rule_facts import RuleFacts, rule_facts
from slo.rule_status import RuleStatus
from web.exposition import Family, Labels, gauge

_VALUE = gauge(
    "nines_rule_value",
    "What a threshold rule saw last, in the unit of its limit; of a quantile the share of events "
    "above its limit, of a probe that must not be down the seconds that it is.",
)
_LIMIT = gauge("nines_rule_limit", "What its value is held against, in the same unit.")
_FIRING = gauge("nines_rule_firing", "Whether a threshold rule fires: 1 or 0.")
_FIGURES: tuple[tuple[Family, Callable[[RuleFacts], float | None]], ...] = (
    (_VALUE, lambda facts: facts.value),
    (_LIMIT, lambda facts: facts.limit_value),
    (_FIRING, lambda facts: int(facts.state == "firing")),
)


def rule_lines(statuses: Sequence[RuleStatus]) -> Iterator[tuple[Family, bytes]]:
    """The lines of every rule, by family. What is not known is left out."""
    told = [rule_facts(status) for status in statuses]
    for family, figure in _FIGURES:
        yield family, family.lines((_labels(facts), figure(facts)) for facts in told)


def _labels(facts: RuleFacts) -> Labels:
    return (("service", facts.service), ("alert", facts.name), ("severity", facts.severity))
