"""A service as alerting knows it, and the labels of its alerts."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from alerting.alert import Alert, AlertKind
from slo.rule import is_of_rule
from slo.severity import Severity


@dataclass(frozen=True, slots=True)
class Service:
    """What alerting has to know of a service."""

    name: str
    title: str
    owner: str | None = None
    runbook: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


def labels_of(alert: Alert, service: Service) -> dict[str, str]:
    """What routes match on: the service's labels and, over them, the alert's own."""
    service = replace(service, name=alert.service)
    return rule_labels(
        service, alert.sli, alert.severity, alert.kind, of_threshold=is_of_rule(alert.rule)
    )


def rule_labels(
    service: Service, name: str, severity: Severity, kind: AlertKind, *, of_threshold: bool = False
) -> dict[str, str]:
    """The labels of the alerts that one rule would raise; `name` is its SLO's, or its own."""
    owner = {"owner": service.owner} if service.owner else {}
    return {
        **service.labels,
        **owner,
        "service": service.name,
        "alert" if of_threshold else "slo": name,
        "severity": str(severity),
        "kind": str(kind),
    }
