"""An edit of the configuration: what is open is made to fit it."""

from collections.abc import Sequence
from dataclasses import replace

from alerting.case import Case
from alerting.context import Context
from alerting.evidence import begin, end
from alerting.incident import EventKind
from alerting.rules import Rules


def rename(cases: Sequence[Case], rules: Rules, context: Context) -> None:
    """An alert goes on under the rule that took its rule's place; nobody has to hear of it."""
    for case in cases:
        for alert in case.firing:
            new = rules.renamed.get(alert.rule)
            if new is not None and new in rules.configured and new not in rules.shadow:
                case.carry(replace(alert, rule=new))
                old_key, new_key = (rule.partition("#")[2] for rule in (alert.rule, new))
                text = f"The configuration was edited: {alert.slo} {old_key} goes on as {new_key}."
                case.log(EventKind.NOTE, text, context)


def conform(cases: list[Case], rules: Rules, context: Context) -> None:
    """End what has no rule any more or is in shadow; begin what fires and was never told."""
    for case in cases:
        case.edited = True
        for alert in case.firing:
            why = None
            if alert.origin is not None:
                continue  # its rule is not ours to configure
            if alert.rule not in rules.configured:
                why = "Its rule is no longer in the configuration."
            elif alert.rule in rules.shadow:
                why = "It is in shadow from now on: nobody is told of it."
            if why is not None:
                gone = replace(alert.facts, reason=why)
                end(alert.rule, context.now, gone, [case], context)
    for rule, change in rules.firing.items():
        if rule not in rules.shadow:
            begin(change, cases, context)
