"""What begins, ends or is noticed, put into the incidents of its service."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from alerting import wording
from alerting.alert import Alert, AlertChange, Facts
from alerting.case import Case
from alerting.context import Context
from alerting.flapping import warning
from alerting.hearing import ended, fires
from alerting.incident import EventKind, Incident, IncidentState
from alerting.service import labels_of
from alerting.store import IncidentFile


def begin(change: AlertChange, cases: list[Case], context: Context) -> None:
    """A rule fires: evidence of an open incident, else a new one. Known already: nothing."""
    if any(alert.rule == change.rule for case in cases for alert in case.firing):
        return
    case = _home(change, cases) or _opened(change, cases, context)
    alert = _alert(change, case, context)
    words = wording.sentences(fires(alert), warning(alert, context.recent))
    case.put(alert, words)
    case.log(
        EventKind.ALERT_FIRING,
        wording.sentences(words, wording.capital(alert.facts.reason)),
        context,
    )
    routed = context.tree.explain(labels_of(alert, context.service(alert.service)))
    case.log(EventKind.ROUTED, wording.sentences(str(routed)), context)


def end(rule: str, at: datetime, facts: Facts, cases: Sequence[Case], context: Context) -> None:
    for case in cases:
        for alert in case.firing:
            if alert.rule != rule:
                continue
            last = replace(facts, since=alert.facts.since)
            over = replace(alert, ended_at=max(at, alert.started_at), facts=last)
            words = ended(over)
            case.put(over, words)
            case.log(EventKind.ALERT_RESOLVED, words, context)


def mark_passed(change: AlertChange, cases: list[Case], context: Context) -> None:
    """The rule fires no more, wherever it did."""
    """A budget's mark was passed: evidence of what is open, else told alone; it holds nothing open.

    An acknowledged incident takes it too: it wakes nobody, so nobody misses a call by it.
    """
    fit = [case for case in cases if case.firing]
    at_home = [case for case in fit if case.holds(change.slo)]
    best = at_home or fit
    case = best[-1] if best else _only_a_notice(change, cases, context)
    alert = replace(_alert(change, case, context), ended_at=change.at)
    case.put(alert, wording.sentences(f"{alert.slo}: {alert.facts.headline}"))
    case.log(
        EventKind.NOTICE,
        wording.sentences(
            f"{alert.slo}: {alert.facts.headline}",
            wording.capital(alert.facts.reason),
            alert.facts.spent_most or "",
        ),
        context,
    )
    routed = context.tree.explain(labels_of(alert, context.service(alert.service)))
    case.log(EventKind.ROUTED, wording.sentences(str(routed)), context)


def _alert(change: AlertChange, case: Case, context: Context) -> Alert:
    return Alert(
        id=context.new_id(),
        rule=change.rule,
        service=change.service,
        slo=change.slo,
        kind=change.kind,
        severity=change.severity,
        started_at=change.at,
        facts=change.facts,
        incident_id=case.incident.id,
        origin=change.origin,
    )


def _only_a_notice(change: AlertChange, cases: list[Case], context: Context) -> Case:
    incident = Incident(
        id=context.new_id(),
        service=change.service,
        state=IncidentState.RESOLVED,
        severity=change.severity,
        title="",  # given once every change is known
        opened_at=change.at,
        resolved_at=change.at,
    )
    case = Case(IncidentFile(incident, (), {}), opened=True)
    case.is_notice = True
    case.log(
        EventKind.OPENED,
        "A notice of its own, closed as it was opened: nothing of this service was open.",
        context,
    )
    cases.append(case)
    return case


def _home(change: AlertChange, cases: Sequence[Case]) -> Case | None:
    """The open incident that this is evidence for: the newest with its SLO, else the newest."""
    fit = [case for case in cases if case.covers(change)]
    at_home = [case for case in fit if case.holds(change.slo)]
    best = at_home or fit
    return best[-1] if best else None


def _opened(change: AlertChange, cases: list[Case], context: Context) -> Case:
    taken = cases[-1].incident if cases else None
    incident = Incident(
        id=context.new_id(),
        service=change.service,
        state=IncidentState.TRIGGERED,
        severity=change.severity,
        title="",  # given once every change is known
        opened_at=change.at,
        linked_to=taken.id if taken else None,
    )
    case = Case(IncidentFile(incident, (), {}), opened=True)
    why = "nothing of this service was open"
    if taken:
        why = (
            f"incident {taken.id} was acknowledged by {taken.acknowledged_by} before this began, "
            "and tells nobody of news"
        )
    case.log(EventKind.OPENED, f"Opened: {why}.", context)
    cases.append(case)
    return case
