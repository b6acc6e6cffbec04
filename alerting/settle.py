"""What follows from what happened to the cases on the desk: rows to write, words to send."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from alerting import wording
from alerting.alert import Alert
from alerting.case import Case, in_order, newest
from alerting.context import Context
from alerting.draft import draft, line_of
from alerting.grounding import grounds_of
from alerting.grounds import Grounds
from alerting.hearing import Later, Placed, Say, Scene, hear, severity_moved, soonest
from alerting.incident import EventKind, Incident, IncidentEvent, IncidentState
from alerting.notification import Notification, NotificationKind
from alerting.placing import edges_of, hold_back, others, place
from alerting.routes import join
from alerting.service import labels_of
from alerting.store import Decision


def settle(cases: Sequence[Case], context: Context) -> Decision:
    """Rate every case, hear who has to be told, and gather what is to be written."""
    incidents: list[Incident] = []
    alerts: list[Alert] = []
    events: list[IncidentEvent] = []
    notifications: list[Notification] = []
    grounds: list[Grounds] = []
    looks: dict[str, datetime | None] = {}
    beside = others(cases, context)
    for case in cases:
        _rate(case, context)
        placed = [
            place(alert, case, context, beside) for alert in in_order(newest(case.alerts.values()))
        ]
        scene = _scene(case, placed, context)
        said, later = hear(scene)
        hold_back(case, placed, context)
        grounds.extend(_grounds(case, scene, said, later, context))
        looks[case.incident.id] = soonest(
            [*(one.at for one in later), *edges_of(placed, context.now)]
        )
        if not case.touched and not said and not case.carried:
            events.extend(case.events)
            continue
        if not case.opened:
            case.incident = replace(case.incident, revision=case.incident.revision + 1)
        _log_said(case, said, later, context)
        incidents.append(case.incident)
        moved = case.changed.keys() | case.carried
        alerts.extend(alert for alert in case.alerts.values() if alert.id in moved)
        events.extend(case.events)
        notifications.extend(draft(say, case, context) for say in said)
    return Decision(
        tuple(incidents),
        tuple(alerts),
        tuple(events),
        tuple(notifications),
        grounds=tuple(grounds),
        looks=looks,
    )


def _rate(case: Case, context: Context) -> None:
    """Severity, title and state follow from what fires."""
    if not case.touched:
        return
    service, was = context.service(case.incident.service), case.incident.severity
    if case.is_notice:
        lines = [line_of(alert, context) for alert in case.alerts.values()]
        case.incident = replace(case.incident, title=wording.title(service.title, lines))
        return
    shown = case.firing or in_order(case.alerts.values())
    if case.firing or case.opened:
        lines = [line_of(alert, context) for alert in shown]
        now = shown[0].severity
        case.incident = replace(
            case.incident, severity=now, title=wording.title(service.title, lines)
        )
        if now is not was and not case.opened:
            case.log(EventKind.SEVERITY, severity_moved(was, now), context)
    if not case.firing:
        ended_at = max(alert.ended_at or alert.started_at for alert in shown)
        lasted = wording.duration(ended_at - case.incident.opened_at)
        lines = [line_of(alert, context) for alert in in_order(newest(shown))]
        case.incident = replace(
            case.incident,
            state=IncidentState.RESOLVED,
            resolved_at=ended_at,
            title=wording.resolved_title(service.title, lines, ended_at - case.incident.opened_at),
        )
        case.log(
            EventKind.RESOLVED, f"Resolved after {lasted}: nothing of it fires any more.", context
        )


def _scene(case: Case, placed: Sequence[Placed], context: Context) -> Scene:
    return Scene(
        now=context.now,
        incident=case.incident,
        placed=placed,
        said=case.said,
        changed=case.changed,
        acknowledged=case.acknowledged,
        edited=case.edited,
        remark=case.remark,
        heard_from=case.heard_from,
        escalated_by=case.escalated_by,
    )


def _grounds(
    case: Case, scene: Scene, said: Sequence[Say], later: Sequence[Later], context: Context
) -> Iterator[Grounds]:
    """Why each alert is told or not, where that may have changed."""
    service = context.service(case.incident.service)
    moved = case.changed.keys() | case.carried
    begun = {one.id for say in said if say.kind is NotificationKind.TRIGGER for one in say.alerts}
    for one in scene.placed:
        anew = one.alert.firing and (case.edited or case.acknowledged or one.alert.id in begun)
        if anew or one.alert.id in moved:
            yield grounds_of(one, labels_of(one.alert, service), scene, said, later)


def _log_said(case: Case, said: Sequence[Say], later: Sequence[Later], context: Context) -> None:
    if case.opened and not case.firing and not case.is_notice:
        text = "Nobody is told: it ended in the same evaluation in which it began."
        case.log(EventKind.ROUTED, text, context)
    groups: dict[tuple[NotificationKind, str], list[str]] = {}
    for say in said:
        why = say.why.replace(f" to {say.receiver}", " to it")
        groups.setdefault((say.kind, why), []).append(say.receiver)
    for (kind, why), receivers in groups.items():
        text = f"To send: {kind} to {join(receivers)}" + (f", as {why}" if why else "")
        case.log(EventKind.ROUTED, wording.sentences(text), context)
    if not case.changed:
        return
    for one in later:
        at = f"{one.at:%H:%M:%S} UTC"
        case.log(EventKind.ROUTED, f"{one.receiver} waits until {at} for {one.what}.", context)
