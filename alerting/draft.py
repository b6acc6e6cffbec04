"""The notification that is due to a receiver, as it is now."""

from alerting import wording
from alerting.alert import Alert, Facts
from alerting.case import Case
from alerting.context import Context
from alerting.hearing import Say
from alerting.notification import (
    AlertLine,
    Message,
    Notification,
    NotificationKind,
    NotificationState,
)
from alerting.service import labels_of
from slo.rule import is_of_rule


def draft(say: Say, case: Case, context: Context) -> Notification:
    """The notification that tells `say` of an incident as it is now."""
    incident, service = case.incident, context.service(case.incident.service)
    lines = tuple(line_of(alert, context) for alert in say.alerts)
    resolved_at = None
    headline = wording.title(service.title, lines)
    if say.kind is NotificationKind.RESOLVE:
        resolved_at = incident.resolved_at or context.now
        headline = wording.resolved_title(service.title, lines, resolved_at - incident.opened_at)
    first = _first(say, case, context)
    message = Message(
        notification_id=context.new_id(),
        incident_id=incident.id,
        revision=incident.revision,
        kind=say.kind,
        receiver=say.receiver,
        severity=say.alerts[0].severity,
        service=incident.service,
        service_title=service.title,
        title=headline,
        what_changed=say.what_changed,
        opened_at=incident.opened_at,
        decided_at=context.now,
        incident_url=f"{context.external_url.rstrip('/')}/incidents/{incident.id}",
        alerts=lines,
        owner=service.owner,
        runbook=_runbook(say, service.runbook),
        acknowledged_by=incident.acknowledged_by,
        resolved_at=resolved_at,
        linked_to=incident.linked_to,
        first_slo=first.slo,
        first_severity=first.severity,
        labels=labels_of(say.alerts[0], service),
    )
    return Notification(
        id=message.notification_id,
        incident_id=incident.id,
        receiver=say.receiver,
        kind=say.kind,
        revision=incident.revision,
        severity=message.severity,
        message=message,
        state=NotificationState.PENDING,
        created_at=context.now,
        next_attempt_at=context.now,
        reason=say.what_changed,
        alerts=tuple(alert.id for alert in say.alerts if alert.firing)
        if say.kind not in (NotificationKind.RESOLVE, NotificationKind.NOTICE)
        else (),
        failover=say.failover,
    )


def _first(say: Say, case: Case, context: Context) -> Alert:
    """The alert with which the incident began for this receiver: it never changes."""
    by_age = sorted(case.alerts.values(), key=lambda a: (a.started_at, a.severity.rank, a.id))
    service = context.service(case.incident.service)
    own = (
        alert
        for alert in by_age
        if say.receiver in context.tree.explain(labels_of(alert, service)).receivers
    )
    return next(own, by_age[0])


def _runbook(say: Say, of_service: str | None) -> str | None:
    """What the loudest alert from outside brings along, else the service's own."""
    brought = (alert.origin.runbook for alert in say.alerts if alert.origin is not None)
    return next(filter(None, brought), None) or of_service


def line_of(alert: Alert, context: Context) -> AlertLine:
    """An alert as one line of a message, with the newest that is known of it."""
    origin = None if alert.origin is None else alert.origin.brief()
    labels = {} if origin else labels_of(alert, context.service(alert.service))
    return AlertLine(
        rule=alert.rule,
        slo=alert.slo,
        kind=alert.kind,
        severity=alert.severity,
        started_at=alert.started_at,
        ended_at=alert.ended_at,
        facts=_present(alert, context),
        labels=labels,
        dashboard_url=page_of(alert, context),
        origin=origin,
    )


def page_of(alert: Alert, context: Context) -> str:
    """Where to look into it."""
    base = context.external_url.rstrip("/")
    if alert.origin is not None:
        return alert.origin.url or f"{base}/incidents/{alert.incident_id}"
    if is_of_rule(alert.rule):
        return f"{base}/services/{alert.service}#rule-{alert.slo}"
    return f"{base}/slos/{alert.service}/{alert.slo}"


def _present(alert: Alert, context: Context) -> Facts:
    """What is true of it now: its own facts are of its first second, or of its last."""
    return context.present.get(alert.rule, alert.facts) if alert.firing else alert.facts
