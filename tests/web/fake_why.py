"""Why the alerts of a fake source were told or not."""

from datetime import datetime, timedelta

from alerting.alert import Alert, AlertKind
from alerting.grounds import Course, Grounds
from alerting.suppressor import Suppressor, SuppressorKind
from dashboards.source import Fired, IncidentDetail, WhyFile


def why_of(detail: IncidentDetail, alert: Alert) -> WhyFile:
    """Two receivers: one was told, the other one was held back by a silence."""
    labels = {"service": alert.service, "slo": alert.slo, "severity": alert.severity.value}
    silence = Suppressor(
        SuppressorKind.SILENCE, "S1", "a deploy, by ann", alert.started_at + timedelta(hours=1)
    )
    courses = (
        Course('severity="page" matched route 1', ("oncall",), {}, "30s", "5m", "4h", ("mail",)),
        Course("no route matched, so the root's receivers", ("sre",), held_by=(silence,)),
    )
    words = {
        "oncall": "told now: trigger",
        "sre": "told nothing new: held back by silence S1 (a deploy, by ann)",
    }
    what = f"{alert.slo} fires: {alert.facts.headline}."
    grounds = Grounds(detail.incident.id, alert.id, alert.started_at, labels, courses, words, what)
    return WhyFile(alert, detail, (grounds,), labels, tuple(course.terms for course in courses))


def fired_of(details: list[IncidentDetail], owner: str, at: datetime) -> Fired:
    """The alerts of one SLO that fired at `at`."""
    alerts = (alert for detail in details for alert in detail.alerts)
    return Fired(
        tuple(one for one in alerts if f"{one.service}/{one.slo}" == owner and one.fired_at(at))
    )


def named_of(details: list[IncidentDetail], name: str, at: datetime | None) -> list[WhyFile]:
    """The alerts from outside of this name that fired at `at`, or ever, oldest first."""
    found = [
        (alert.started_at, detail, alert)
        for detail in details
        for alert in detail.alerts
        if alert.kind is AlertKind.OUTSIDE and f"{alert.service}/{alert.slo}" == name
        if at is None or alert.fired_at(at)
    ]
    return [why_of(detail, alert) for _, detail, alert in sorted(found, key=lambda one: one[0])]
