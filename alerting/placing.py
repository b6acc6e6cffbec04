"""Where the routes take an alert, and who holds it back there."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from alerting import wording
from alerting.alert import Alert, AlertChange, AlertKind, sli_of
from alerting.case import Case
from alerting.context import Context
from alerting.dependency import Parents
from alerting.flapping import flapping
from alerting.hearing import Placed
from alerting.incident import EventKind
from alerting.inhibition import Inhibitors, Source
from alerting.service import labels_of, rule_labels
from alerting.suppressor import Suppressor


def source_of(alert: Alert, context: Context) -> Source:
    """An alert that fires, as what may hold others back."""
    return Source(alert.id, alert.rule, labels_of(alert, context.service(alert.service)))


def begun_source(change: AlertChange, context: Context) -> Source:
    """The same of one that begins, and has no id yet."""
    if change.origin is not None:
        return Source(None, change.rule, change.origin.labels)
    service = replace(context.service(change.service), name=change.service)
    labels = rule_labels(service, sli_of(change.slo), change.severity, change.kind, change.rule)
    return Source(None, change.rule, labels)


@dataclass(frozen=True, slots=True)
class Others:
    """What else fires, as far as it may hold an alert back."""

    inhibitors: Inhibitors
    parents: Parents


def others(cases: Sequence[Case], context: Context) -> Others:
    """All that fires, here as it is after these changes, and elsewhere."""
    firing: list[Source] = []
    if context.looks_beyond:
        known = {id_ for case in cases for id_ in case.alerts}
        firing = [source_of(alert, context) for case in cases for alert in case.firing]
        firing += [source for source in context.elsewhere if source.id not in known]
    parents = Parents(context.dependencies, firing, context.ended, context.looks)
    return Others(Inhibitors(context.inhibitions, firing), parents)


def place(alert: Alert, case: Case, context: Context, beside: Others) -> Placed:
    """Where the routes take it, and who holds it back there."""
    labels = labels_of(alert, context.service(case.incident.service))
    everywhere = (
        *context.suppressors(labels),
        *beside.inhibitors.suppressors(labels),
        *beside.parents.holding(alert, labels, context.now),
        *_flapping(alert, context),
    )
    return Placed(
        alert,
        tuple(
            (hit, (*everywhere, *hit.suppressors(context.now))) for hit in context.tree.hits(labels)
        ),
    )


def _flapping(alert: Alert, context: Context) -> tuple[Suppressor, ...]:
    held = flapping(alert, context.recent, context.now) if alert.firing else None
    return () if held is None else (held,)


def hold_back(case: Case, placed: Sequence[Placed], context: Context) -> None:
    """Write down who began to hold an alert back, and who no longer does."""
    for one in placed:
        alert, now = one.alert, one.held_by
        spoken = alert.firing or (alert.kind is AlertKind.BUDGET and alert.id in case.changed)
        if now == alert.held_by or not spoken:
            continue
        name = wording.name(alert.slo, alert.severity, alert.facts)
        if begun := [by for by in now if by not in alert.held_by]:
            text = f"Nobody is newly told of {name}: {'; '.join(begun)}"
            case.log(EventKind.SUPPRESSED, wording.sentences(text), context)
        if gone := [by for by in alert.held_by if by not in now]:
            text = f"No longer held back is {name} by {'; '.join(gone)}"
            case.log(EventKind.SUPPRESSED, wording.sentences(text), context)
        case.carry(replace(alert, held_by=now))


def edges_of(placed: Sequence[Placed], now: datetime) -> list[datetime]:
    """When those who hold back what fires may cease to."""
    return [
        one.until
        for at in placed
        if at.alert.firing
        for _, suppressors in at.hits
        for one in suppressors
        if one.until is not None and one.until > now
    ]
