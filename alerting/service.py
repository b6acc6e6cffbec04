"""A service as alerting knows it, and the labels of its alerts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from alerting.alert import Alert, AlertKind
from slo.rule import is_of_rule
from slo.severity import Severity

ALERT_NAMES = {
    AlertKind.BURN: "ErrorBudgetBurn",
    AlertKind.NO_DATA: "NoData",
    AlertKind.BUDGET: "ErrorBudgetNotice",
    AlertKind.THRESHOLD: "ThresholdCrossed",
}  # no name for those from outside: they bring theirs


@dataclass(frozen=True, slots=True)
class Service:
    """What alerting has to know of a service."""

    name: str
    title: str
    owner: str | None = None
    runbook: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


def is_of_slo(alert: Alert) -> bool:
    """Whether an SLO of ours raised it, and neither a threshold rule nor somebody else."""
    return alert.origin is None and not is_of_rule(alert.rule)


def common_labels(service: str, alerts: Iterable[Alert]) -> dict[str, str]:
    """What all of these alerts of a service, or of a group from outside, have in common.

    Of our own alone: the service and, where it is one alone, which of its SLOs or rules.
    """
    each = [_telling(service, alert) for alert in alerts] or [{"service": service}]
    first, *others = each
    return {
        name: value
        for name, value in first.items()
        if all(labels.get(name) == value for labels in others)
    }


def _telling(service: str, alert: Alert) -> dict[str, str]:
    if alert.origin is not None:
        return dict(alert.origin.labels)
    return {"service": service, "slo" if is_of_slo(alert) else "alert": alert.sli}


def labels_of(alert: Alert, service: Service) -> dict[str, str]:
    """The service's labels and, over them, the alert's own: one set for all who ask.

    Routes, silences and inhibition match on it; messages and Alertmanager's API print it.

    Of one from outside, the labels that it came with, as they are.
    """
    if alert.origin is not None:
        return dict(alert.origin.labels)
    service = replace(service, name=alert.service)
    return rule_labels(service, alert.sli, alert.severity, alert.kind, alert.rule)


def with_labels_of(service: Service, labels: Mapping[str, str]) -> dict[str, str]:
    """These labels over the service's own: what an alert of it would have beside its own."""
    owner = {"owner": service.owner} if service.owner else {}
    return {**service.labels, **owner, **labels}


def rule_labels(
    service: Service, name: str, severity: Severity, kind: AlertKind, rule: str
) -> dict[str, str]:
    """The labels of the alerts that one rule would raise; `name` is its SLO's, or its own.

    `rule` names it over its episodes, as in `Alert.rule`.
    """
    owner = {"owner": service.owner} if service.owner else {}
    return {
        **service.labels,
        **owner,
        "alertname": ALERT_NAMES[kind],
        "service": service.name,
        "alert" if is_of_rule(rule) else "slo": name,
        "severity": str(severity),
        "kind": str(kind),
        "rule": rule,
    }
