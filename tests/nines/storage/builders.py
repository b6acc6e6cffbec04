"""Incidents, alerts and notifications with everything filled in, to be varied by keyword."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from alerting.alert import Alert, AlertKind, Facts
from alerting.incident import EventKind, Incident, IncidentEvent, IncidentState
from alerting.notification import (
    AlertLine,
    Message,
    Notification,
    NotificationKind,
    NotificationState,
)
from slo.severity import Severity

T0 = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
# Fields of whatever is built; `replace` refuses names that it does not have.
Varied: TypeAlias = Any

FACTS = Facts(
    headline="Burning 32 times too fast",
    reason="burn 32 over 1h and 40 over 5m, above 14.4",
    objective="99.9",
    window="30d",
    long="1h",
    short="5m",
    factor=14.4,
    burn_long=32.125,
    burn_short=40.0,
    bad=230,
    total=7_187,
    long_spent_ratio=0.0446,
    budget_left_ratio=-0.25,
    budget_left_seconds=-648.0,
    exhausts_at=T0 + timedelta(hours=3, microseconds=7),
    lasts=False,
    top_cause="status: 212 of 230 failures",
)


def an_incident(id_: str = "inc-1", **changes: Varied) -> Incident:
    incident = Incident(
        id=id_,
        service="shop",
        state=IncidentState.TRIGGERED,
        severity=Severity.PAGE,
        title="shop: availability burns",
        opened_at=T0,
    )
    return replace(incident, **changes)


def an_alert(id_: str = "alert-1", **changes: Varied) -> Alert:
    alert = Alert(
        id=id_,
        rule="shop/availability#page:1h:5m",
        service="shop",
        slo="availability",
        kind=AlertKind.BURN,
        severity=Severity.PAGE,
        started_at=T0,
        facts=FACTS,
        incident_id="inc-1",
    )
    return replace(alert, **changes)


def an_event(text: str, incident_id: str = "inc-1", **changes: Varied) -> IncidentEvent:
    return replace(IncidentEvent(incident_id, T0, EventKind.NOTE, text), **changes)


def a_message(**changes: Varied) -> Message:
    line = AlertLine(
        rule="shop/availability#page:1h:5m",
        slo="availability",
        kind=AlertKind.BURN,
        severity=Severity.PAGE,
        started_at=T0,
        ended_at=None,
        facts=FACTS,
        dashboard_url="http://nines.example/slos/shop/availability",
    )
    message = Message(
        notification_id="n-1",
        incident_id="inc-1",
        revision=1,
        kind=NotificationKind.TRIGGER,
        receiver="oncall",
        severity=Severity.PAGE,
        service="shop",
        service_title="The shop",
        title="shop: availability burns 32 times too fast",
        what_changed="A page tier began to fire.",
        opened_at=T0,
        decided_at=T0 + SECOND,
        incident_url="http://nines.example/incidents/inc-1",
        alerts=(line, replace(line, ended_at=T0 + SECOND, kind=AlertKind.NO_DATA)),
        labels={"env": "prod"},
    )
    return replace(message, **changes)


def a_notification(id_: str = "n-1", **changes: Varied) -> Notification:
    notification = Notification(
        id=id_,
        incident_id="inc-1",
        receiver="oncall",
        kind=NotificationKind.TRIGGER,
        revision=1,
        severity=Severity.PAGE,
        message=a_message(notification_id=id_),
        state=NotificationState.PENDING,
        created_at=T0,
        next_attempt_at=T0,
        reason="route: severity is page",
    )
    return replace(notification, **changes)
