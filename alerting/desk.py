"""The desk: what an alert's change means for incidents, and who has to hear what. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime

from alerting import wording
from alerting.alert import Alert, AlertChange, AlertKind, Facts, Remark, sli_of
from alerting.hearing import (
    Later,
    Placed,
    Say,
    Scene,
    ended,
    fires,
    hear,
    severity_moved,
    soonest,
)
from alerting.incident import EventKind, Incident, IncidentEvent, IncidentState
from alerting.inhibition import Inhibition, Source, inhibitors
from alerting.notification import (
    AlertLine,
    Message,
    Notification,
    NotificationKind,
    NotificationState,
)
from alerting.routes import Route, join
from alerting.store import FIRING, Decision, IncidentFile, Said
from alerting.suppressor import Suppressor
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


@dataclass(frozen=True, slots=True)
class Context:
    """What a decision rests on besides the incidents. `new_id` gives ids that sort by age.

    `present` are the facts of the rules that fire, by rule, as they are at this moment.
    `suppressors` says of an alert's labels which silences hold it back now. `inhibitions` are the
    rules by which one alert holds back another, `elsewhere` what fires beside what is decided on.
    """

    now: datetime
    new_id: Callable[[], str]
    tree: Route
    services: Mapping[str, Service]
    external_url: str
    present: Mapping[str, Facts] = field(default_factory=dict)
    suppressors: Callable[[Mapping[str, str]], tuple[Suppressor, ...]] = lambda _: ()
    inhibitions: tuple[Inhibition, ...] = ()
    elsewhere: Sequence[Source] = ()

    def service(self, name: str) -> Service:
        """The service as configured; its bare name when it no longer is."""
        return self.services.get(name) or Service(name, name)


@dataclass(frozen=True, slots=True)
class Rules:
    """What is configured now, after an edit: every rule, and which of them are in shadow.

    `firing`: what there is to say of each that fires. `renamed`: a rule that is gone, and the one
    that goes on in its place.
    """

    configured: Set[str]
    shadow: Set[str] = frozenset()
    firing: Mapping[str, AlertChange] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)

    def of(self, service: str) -> "Rules":
        """The same, with what fires of one service alone."""
        firing = {rule: one for rule, one in self.firing.items() if one.service == service}
        return replace(self, firing=firing)

    def after(self, earlier: "Rules") -> "Rules":
        """These, where nobody has acted on the `earlier` ones yet."""
        way = {old: self.renamed.get(new, new) for old, new in earlier.renamed.items()}
        return replace(self, renamed={**way, **self.renamed})


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
    cases = _open_cases(files)
    if rules is not None:
        _rename(cases, rules, context)
    notices: list[AlertChange] = []
    for change in changes:
        if isinstance(change, Remark):
            for case in cases:
                if change.incident_id in (None, case.incident.id):
                    case.log(EventKind.NOTE, change.text, context)
        elif change.kind is AlertKind.BUDGET:
            notices.append(change)
        elif change.firing:
            _begin(change, cases, context)
        else:
            _end(change.rule, change.at, change.facts, cases, context)
    if rules is not None:
        _conform(cases, rules, context)
    for notice in notices:
        if notice.firing:
            _notice(notice, cases, context)
    return _settle(cases, context)


def review(files: Sequence[IncidentFile], context: Context) -> Decision:
    """What time alone makes due: a wait is over, nobody acknowledged, a suppressor is gone."""
    return _settle(_open_cases(files), context)


def acknowledge(
    file: IncidentFile, by: str, context: Context, *, where: str = "", heard_from: str | None = None
) -> Decision:
    """Somebody takes it. On one that is resolved or taken, a note says that nothing changed.

    `where` it was done ("Slack"); the receiver `heard_from` knows of it, and is not told.
    """
    incident = file.incident
    by = f"{by} ({where})" if where else by
    if not incident.open:
        at = wording.moment(incident.resolved_at or incident.opened_at)
        return _note(incident, f"{by} acknowledged this after it was resolved at {at}", context)
    if incident.state is IncidentState.ACKNOWLEDGED:
        at = wording.moment(incident.acknowledged_at or incident.opened_at)
        first = f"{incident.acknowledged_by} did so at {at}"
        return _note(incident, f"{by} acknowledged this again; {first}", context)
    case = _Case(file)
    case.heard_from = heard_from
    case.acknowledge(by, context)
    return _settle([case], context)


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
    case = _Case(file)
    case.heard_from, case.remark = heard_from, text
    case.log(EventKind.NOTE, text, context)
    return _settle([case], context)


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


class _Case:
    """An incident on the desk: its file, and what has happened to it in this decision."""

    def __init__(self, file: IncidentFile, *, opened: bool = False) -> None:
        self.incident = file.incident
        self.alerts = {alert.id: alert for alert in file.alerts}
        self.before = file
        self.opened = opened
        self.acknowledged = False
        self.remark = ""  # what happened elsewhere, to be said
        self.heard_from: str | None = None  # the receiver that told us, and is told nothing
        self.changed: dict[str, str] = {}  # alert id to the sentence about what became of it
        self.carried: set[str] = set()  # ids of alerts that changed in nothing to speak of
        self.edited = False  # the configuration was, and it is made to fit
        self.is_notice = False  # it is nothing but a notice, closed as it is opened
        self.events: list[IncidentEvent] = []

    @property
    def firing(self) -> list[Alert]:
        """What fires now, loudest first."""
        return _sorted(alert for alert in self.alerts.values() if alert.firing)

    @property
    def touched(self) -> bool:
        return self.opened or self.acknowledged or bool(self.changed or self.remark)

    def holds(self, slo: str) -> bool:
        return any(alert.sli == sli_of(slo) for alert in self.alerts.values())

    @property
    def said(self) -> dict[str, Said]:
        """What those were told who were told that it fires."""
        told = [name for name, word in self.before.told.items() if word == FIRING]
        return {name: self.before.said.get(name) or self._unsaid() for name in told}

    def _unsaid(self) -> Said:
        """Where nothing more is known: of all that fired."""
        at, incident = self.before.incident.opened_at, self.before.incident
        ids = [alert.id for alert in self.before.alerts if alert.firing]
        return Said(at, incident.severity, dict.fromkeys(ids, at))

    def put(self, alert: Alert, sentence: str) -> None:
        self.alerts[alert.id] = alert
        self.changed[alert.id] = sentence

    def carry(self, alert: Alert) -> None:
        """Keep it as it is now, without a word to anybody."""
        self.alerts[alert.id] = alert
        self.carried.add(alert.id)

    def log(self, kind: EventKind, text: str, context: Context) -> None:
        self.events.append(IncidentEvent(self.incident.id, context.now, kind, text))

    def acknowledge(self, by: str, context: Context) -> None:
        self.acknowledged = True
        self.incident = replace(
            self.incident,
            state=IncidentState.ACKNOWLEDGED,
            acknowledged_at=context.now,
            acknowledged_by=by,
        )
        self.log(EventKind.ACKNOWLEDGED, f"{by} acknowledged.", context)

    def covers(self, change: AlertChange) -> bool:
        """Whether this incident can still tell people of the change.

        An acknowledged one is silent about news (PagerDuty notifies nobody any more), so it only
        takes more evidence of what was acknowledged: the same SLO, no louder than it was then.
        """
        acknowledged_at = self.incident.acknowledged_at
        if acknowledged_at is None:
            return True
        seen = [a for a in self.alerts.values() if a.started_at <= acknowledged_at]
        loudest = min((alert.severity.rank for alert in seen), default=0)
        return self.holds(change.slo) and change.severity.rank >= loudest


def _open_cases(files: Sequence[IncidentFile]) -> list[_Case]:
    """Oldest first."""
    found = [file for file in files if file.incident.open]
    return [_Case(f) for f in sorted(found, key=lambda f: (f.incident.opened_at, f.incident.id))]


def _begin(change: AlertChange, cases: list[_Case], context: Context) -> None:
    if any(alert.rule == change.rule for case in cases for alert in case.firing):
        return
    case = _home(change, cases) or _opened(change, cases, context)
    alert = _alert(change, case, context)
    words = fires(alert)
    case.put(alert, words)
    case.log(
        EventKind.ALERT_FIRING,
        wording.sentences(words, wording.capital(alert.facts.reason)),
        context,
    )
    routed = context.tree.explain(labels_of(alert, context.service(alert.service)))
    case.log(EventKind.ROUTED, wording.sentences(str(routed)), context)


def _alert(change: AlertChange, case: _Case, context: Context) -> Alert:
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
    )


def _notice(change: AlertChange, cases: list[_Case], context: Context) -> None:
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


def _only_a_notice(change: AlertChange, cases: list[_Case], context: Context) -> _Case:
    incident = Incident(
        id=context.new_id(),
        service=change.service,
        state=IncidentState.RESOLVED,
        severity=change.severity,
        title="",  # given once every change is known
        opened_at=change.at,
        resolved_at=change.at,
    )
    case = _Case(IncidentFile(incident, (), {}), opened=True)
    case.is_notice = True
    case.log(
        EventKind.OPENED,
        "A notice of its own, closed as it was opened: nothing of this service was open.",
        context,
    )
    cases.append(case)
    return case


def _home(change: AlertChange, cases: Sequence[_Case]) -> _Case | None:
    """The open incident that this is evidence for: the newest with its SLO, else the newest."""
    fit = [case for case in cases if case.covers(change)]
    at_home = [case for case in fit if case.holds(change.slo)]
    best = at_home or fit
    return best[-1] if best else None


def _opened(change: AlertChange, cases: list[_Case], context: Context) -> _Case:
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
    case = _Case(IncidentFile(incident, (), {}), opened=True)
    why = "nothing of this service was open"
    if taken:
        why = (
            f"incident {taken.id} was acknowledged by {taken.acknowledged_by} before this began, "
            "and tells nobody of news"
        )
    case.log(EventKind.OPENED, f"Opened: {why}.", context)
    cases.append(case)
    return case


def _end(rule: str, at: datetime, facts: Facts, cases: Sequence[_Case], context: Context) -> None:
    for case in cases:
        for alert in case.firing:
            if alert.rule != rule:
                continue
            over = replace(alert, ended_at=max(at, alert.started_at), facts=facts)
            words = ended(over)
            case.put(over, words)
            case.log(EventKind.ALERT_RESOLVED, words, context)


def _rename(cases: Sequence[_Case], rules: Rules, context: Context) -> None:
    """An alert goes on under the rule that took its rule's place; nobody has to hear of it."""
    for case in cases:
        for alert in case.firing:
            new = rules.renamed.get(alert.rule)
            if new is not None and new in rules.configured and new not in rules.shadow:
                case.carry(replace(alert, rule=new))
                old_key, new_key = (rule.partition("#")[2] for rule in (alert.rule, new))
                text = f"The configuration was edited: {alert.slo} {old_key} goes on as {new_key}."
                case.log(EventKind.NOTE, text, context)


def _conform(cases: list[_Case], rules: Rules, context: Context) -> None:
    """End what has no rule any more or is in shadow; begin what fires and was never told."""
    for case in cases:
        case.edited = True
        for alert in case.firing:
            why = None
            if alert.rule not in rules.configured:
                why = "Its rule is no longer in the configuration."
            elif alert.rule in rules.shadow:
                why = "It is in shadow from now on: nobody is told of it."
            if why is not None:
                gone = replace(alert.facts, reason=why)
                _end(alert.rule, context.now, gone, [case], context)
    for rule, change in rules.firing.items():
        if rule not in rules.shadow:
            _begin(change, cases, context)


def _settle(cases: Sequence[_Case], context: Context) -> Decision:
    incidents: list[Incident] = []
    alerts: list[Alert] = []
    events: list[IncidentEvent] = []
    notifications: list[Notification] = []
    waits: list[Later] = []
    edges: list[datetime] = []
    firing = _sources(cases, context)
    for case in cases:
        _rate(case, context)
        placed = [
            _placed(alert, case, context, firing)
            for alert in _sorted(_newest(case.alerts.values()))
        ]
        said, later = hear(_scene(case, placed, context))
        _hold_back(case, placed, context)
        waits.extend(later)
        edges.extend(_edges(placed, context.now))
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
        notifications.extend(_notification(say, case, context) for say in said)
    again = soonest([*(one.at for one in waits), *edges])
    return Decision(
        tuple(incidents), tuple(alerts), tuple(events), tuple(notifications), again=again
    )


def _rate(case: _Case, context: Context) -> None:
    """Severity, title and state follow from what fires."""
    if not case.touched:
        return
    service, was = context.service(case.incident.service), case.incident.severity
    if case.is_notice:
        lines = [_line(alert, context) for alert in case.alerts.values()]
        case.incident = replace(case.incident, title=wording.title(service.title, lines))
        return
    shown = case.firing or _sorted(case.alerts.values())
    if case.firing or case.opened:
        lines = [_line(alert, context) for alert in shown]
        now = shown[0].severity
        case.incident = replace(
            case.incident, severity=now, title=wording.title(service.title, lines)
        )
        if now is not was and not case.opened:
            case.log(EventKind.SEVERITY, severity_moved(was, now), context)
    if not case.firing:
        ended_at = max(alert.ended_at or alert.started_at for alert in shown)
        lasted = wording.duration(ended_at - case.incident.opened_at)
        lines = [_line(alert, context) for alert in _sorted(_newest(shown))]
        case.incident = replace(
            case.incident,
            state=IncidentState.RESOLVED,
            resolved_at=ended_at,
            title=wording.resolved_title(service.title, lines, ended_at - case.incident.opened_at),
        )
        case.log(
            EventKind.RESOLVED, f"Resolved after {lasted}: nothing of it fires any more.", context
        )


def source_of(alert: Alert, context: Context) -> Source:
    """An alert that fires, as what may hold others back."""
    return Source(alert.id, alert.rule, labels_of(alert, context.service(alert.service)))


def begun_source(change: AlertChange, context: Context) -> Source:
    """The same of one that begins, and has no id yet."""
    service = replace(context.service(change.service), name=change.service)
    labels = rule_labels(
        service,
        sli_of(change.slo),
        change.severity,
        change.kind,
        of_threshold=is_of_rule(change.rule),
    )
    return Source(None, change.rule, labels)


def _sources(cases: Sequence[_Case], context: Context) -> list[Source]:
    """All that fires: here as it is after these changes, and elsewhere."""
    if not context.inhibitions:
        return []
    known = {id_ for case in cases for id_ in case.alerts}
    here = [source_of(alert, context) for case in cases for alert in case.firing]
    return [*here, *(source for source in context.elsewhere if source.id not in known)]


def _placed(alert: Alert, case: _Case, context: Context, firing: Sequence[Source]) -> Placed:
    """Where the routes take it, and who holds it back there."""
    labels = labels_of(alert, context.service(case.incident.service))
    everywhere = (
        *context.suppressors(labels),
        *inhibitors(context.inhibitions, labels, firing),
    )
    return Placed(
        alert,
        tuple(
            (hit, (*everywhere, *hit.suppressors(context.now))) for hit in context.tree.hits(labels)
        ),
    )


def _scene(case: _Case, placed: Sequence[Placed], context: Context) -> Scene:
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
    )


def _hold_back(case: _Case, placed: Sequence[Placed], context: Context) -> None:
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


def _edges(placed: Sequence[Placed], now: datetime) -> list[datetime]:
    """When those who hold back what fires may cease to."""
    return [
        one.until
        for at in placed
        if at.alert.firing
        for _, suppressors in at.hits
        for one in suppressors
        if one.until is not None and one.until > now
    ]


def _log_said(case: _Case, said: Sequence[Say], later: Sequence[Later], context: Context) -> None:
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


def _notification(say: Say, case: _Case, context: Context) -> Notification:
    incident, service = case.incident, context.service(case.incident.service)
    lines = tuple(_line(alert, context) for alert in say.alerts)
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
        runbook=service.runbook,
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


def _first(say: Say, case: _Case, context: Context) -> Alert:
    """The alert with which the incident began for this receiver: it never changes."""
    by_age = sorted(case.alerts.values(), key=lambda a: (a.started_at, a.severity.rank, a.id))
    service = context.service(case.incident.service)
    own = (
        alert
        for alert in by_age
        if say.receiver in context.tree.explain(labels_of(alert, service)).receivers
    )
    return next(own, by_age[0])


def _line(alert: Alert, context: Context) -> AlertLine:
    base, page = context.external_url.rstrip("/"), f"slos/{alert.service}/{alert.slo}"
    if is_of_rule(alert.rule):
        page = f"services/{alert.service}#rule-{alert.slo}"
    return AlertLine(
        rule=alert.rule,
        slo=alert.slo,
        kind=alert.kind,
        severity=alert.severity,
        started_at=alert.started_at,
        ended_at=alert.ended_at,
        facts=_present(alert, context),
        dashboard_url=f"{base}/{page}",
    )


def _present(alert: Alert, context: Context) -> Facts:
    """What is true of it now: its own facts are of its first second, or of its last."""
    return context.present.get(alert.rule, alert.facts) if alert.firing else alert.facts


def _newest(alerts: Iterable[Alert]) -> Iterable[Alert]:
    """The newest episode of each rule: one that flaps for days stays one line in a message."""
    by_age = sorted(alerts, key=lambda a: (a.started_at, a.id))
    return {alert.rule: alert for alert in by_age}.values()


def _sorted(alerts: Iterable[Alert]) -> list[Alert]:
    """Firing first, then ended; the loudest first, then the oldest."""
    return sorted(alerts, key=lambda a: (not a.firing, a.severity.rank, a.started_at, a.id))


def _note(incident: Incident, text: str, context: Context) -> Decision:
    """Nothing changed, and the timeline says so."""
    text = f"{text}: nothing changed."
    return Decision(events=(IncidentEvent(incident.id, context.now, EventKind.NOTE, text),))
