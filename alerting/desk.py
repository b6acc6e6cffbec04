"""The desk: what an alert's change means for incidents, and who has to hear what. Pure."""

from collections.abc import Sequence

from alerting import wording
from alerting.alert import AlertChange, AlertKind, Remark
from alerting.case import Case, open_cases
from alerting.context import Context
from alerting.edit import conform, rename
from alerting.evidence import begin, end, mark_passed
from alerting.incident import EventKind, Incident, IncidentEvent, IncidentState
from alerting.notification import NotificationKind
from alerting.rules import Rules
from alerting.settle import settle
from alerting.store import Decision, IncidentFile


def decide(
    changes: Sequence[AlertChange | Remark],
    files: Sequence[IncidentFile],
    context: Context,
    rules: Rules | None = None,
) -> Decision:
    """What follows from the changes of one service. `files`: its open incidents.

    A change that tells nothing new (the rule fires already, or does not) has no effect; a remark
    goes to the timelines, and tells nobody. After an edit of the configuration `rules` are those of
    now, and what is open is made to fit them, all in one: who is told anything hears of the edit at
    most once.
    """
    cases = open_cases(files)
    if rules is not None:
        rename(cases, rules, context)
    notices: list[AlertChange] = []
    for change in changes:
        if isinstance(change, Remark):
            for case in cases:
                if change.incident_id in (None, case.incident.id):
                    case.log(EventKind.NOTE, change.text, context)
        elif change.kind is AlertKind.BUDGET:
            notices.append(change)
        elif change.firing:
            begin(change, cases, context)
        else:
            end(change.rule, change.at, change.facts, cases, context)
    if rules is not None:
        conform(cases, rules, context)
    for notice in notices:
        if notice.firing:
            mark_passed(notice, cases, context)
    return settle(cases, context)


def review(files: Sequence[IncidentFile], context: Context) -> Decision:
    """What time alone makes due: a wait is over, nobody acknowledged, a suppressor is gone."""
    return settle(open_cases(files), context)


def acknowledge(
    file: IncidentFile, by: str, context: Context, *, where: str = "", heard_from: str | None = None
) -> Decision:
    """Somebody takes it. On one that is resolved or taken, a note says that nothing changed.

    `where` it was done ("Slack"); the receiver `heard_from` knows of it, and is not told.
    """
    incident = file.incident
    by = f"{by} ({where})" if where else by
    if not incident.open:
        text = f"{by} acknowledged this after it was resolved at {_resolved_at(incident)}"
        return _note(incident, text, context)
    if incident.state is IncidentState.ACKNOWLEDGED:
        first = f"{incident.acknowledged_by} did so at {_taken_at(incident)}"
        return _note(incident, f"{by} acknowledged this again; {first}", context)
    case = Case(file)
    case.heard_from = heard_from
    case.acknowledge(by, context)
    return settle([case], context)


def in_vain(incident: Incident) -> str | None:
    """What to say to whoever acknowledges it as it is; None when that changes something."""
    if not incident.open:
        return f"It was resolved at {_resolved_at(incident)} already: nothing changed."
    if incident.state is IncidentState.ACKNOWLEDGED:
        first = f"{incident.acknowledged_by} acknowledged it at {_taken_at(incident)} already"
        return f"{first}: nothing changed."
    return None


def escalate(file: IncidentFile, by: str, context: Context) -> Decision:
    """Somebody does not want to wait: whom the next step of an escalation reaches is told now.

    Where nobody is left, or it is over, a note says that nothing changed.
    """
    incident = file.incident
    if not incident.open:
        text = f"{by} escalated this after it was resolved at {_resolved_at(incident)}"
        return _note(incident, text, context)
    case = Case(file)
    case.escalated_by = by
    decision = settle([case], context)
    if not reached(decision):
        return _note(incident, f"{by} escalated this, but the route names nobody further", context)
    return decision


def reached(decision: Decision) -> list[str]:
    """The receivers that hear of it for the first time."""
    began = NotificationKind.TRIGGER
    return [one.receiver for one in decision.notifications if one.kind is began]


def note(file: IncidentFile, text: str, by: str, context: Context) -> Decision:
    """Somebody writes something down for the others; nobody is told."""
    event = IncidentEvent(file.incident.id, context.now, EventKind.NOTE, f"{by}: {text}")
    return Decision(events=(event,))


def remark(
    file: IncidentFile,
    text: str,
    context: Context,
    *,
    heard_from: str | None = None,
    silent: bool = False,
) -> Decision:
    """Write down what happened elsewhere; of an open incident, whoever was told of it hears it."""
    if silent or not file.incident.open:
        event = IncidentEvent(file.incident.id, context.now, EventKind.NOTE, text)
        return Decision(events=(event,))
    case = Case(file)
    case.heard_from, case.remark = heard_from, text
    case.log(EventKind.NOTE, text, context)
    return settle([case], context)


def _resolved_at(incident: Incident) -> str:
    return wording.moment(incident.resolved_at or incident.opened_at)


def _taken_at(incident: Incident) -> str:
    return wording.moment(incident.acknowledged_at or incident.opened_at)


def _note(incident: Incident, text: str, context: Context) -> Decision:
    """Nothing changed, and the timeline says so."""
    text = f"{text}: nothing changed."
    return Decision(events=(IncidentEvent(incident.id, context.now, EventKind.NOTE, text),))
