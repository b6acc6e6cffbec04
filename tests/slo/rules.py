"""Threshold rules for tests, as the configuration writes them."""

from datetime import timedelta

from slo.exposition import Page, Sample, Series
from slo.rule import Rule
from slo.rule_config import RuleConfig, RuleSurroundings, build_rule

S = timedelta(seconds=1)


def a_rule(name: str = "cpu", interval: timedelta = 10 * S, **written: object) -> Rule:
    """The rule that these keys make; `for_` stands for `for`."""
    keys = {"severity": "ticket", **written}
    config = RuleConfig.model_validate(
        {("for" if key == "for_" else key): value for key, value in keys.items()}
    )
    return build_rule(name, config, RuleSurroundings("shop", interval))


def a_page(metric: str, *values: float, **labelled: float) -> Page:
    """One series a value, told apart by the label `instance`."""
    named = {**{f"i{number}": value for number, value in enumerate(values)}, **labelled}
    return Page(
        {Series(metric, (("instance", name),)): Sample(value) for name, value in named.items()},
        process_start=1.0,
    )
