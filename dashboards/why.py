"""Why an alert was told or not, in order of time: from what was written down when it happened."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from alerting import wording
from alerting.alert import Alert
from alerting.grounds import KNOWN_ALREADY, Course, Grounds
from alerting.incident import EventKind
from alerting.notification import (
    Attempt,
    AttemptOutcome,
    Notification,
    NotificationKind,
    NotificationState,
)
from alerting.routes import join
from dashboards import format as write
from dashboards.receivers_page import ReceiverStanding
from dashboards.source import WhyFile
from dashboards.why_not import RuleWhy

_TOLD_OF = (EventKind.ACKNOWLEDGED, EventKind.NOTE, EventKind.GAVE_UP, EventKind.RESOLVED)
_TELLS = (NotificationKind.TRIGGER, NotificationKind.UPDATE, NotificationKind.NOTICE)
_NOT_KEPT = (
    "It was decided by a version of Nines that did not yet write down why; what is left is its "
    "notifications and its incident's timeline."
)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class SuppressorFacts:
    """Who held it back: a silence, a mute or active interval of a route, or another alert."""

    kind: str
    id: str
    words: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class RouteFacts:
    """One route that took it, its terms, and who held it back there, as of the last decision."""

    route: str
    receivers: tuple[str, ...]
    group: Mapping[str, str]
    group_wait: str
    group_interval: str
    repeat_interval: str | None
    failover: tuple[str, ...]
    escalate: tuple[str, ...]
    held_by: tuple[SuppressorFacts, ...]


@dataclass(frozen=True, slots=True)
class AnswerFacts:
    """One receiver: whether it was told (None: it may have been), and why or why not."""

    receiver: str
    told: bool | None
    words: str


@dataclass(frozen=True, slots=True)
class StepFacts:
    """One step on the way; `kind` is decided, sent, tried, delivered or incident."""

    at: datetime
    kind: str
    receiver: str | None
    words: str


@dataclass(frozen=True, slots=True)
class AlertWhy:
    """One alert: who was told and who was not, on which grounds, and every step in order."""

    alert_id: str
    incident_id: str
    rule: str
    service: str
    slo: str
    kind: str
    severity: str
    name: str
    origin_url: str | None  # of one from outside, where its sender shows it
    started_at: datetime
    ended_at: datetime | None
    answer: str
    receivers: tuple[AnswerFacts, ...]
    labels: Mapping[str, str]
    routes: tuple[RouteFacts, ...]
    steps: tuple[StepFacts, ...]
    since: tuple[str, ...]  # what was changed since, so that it would be another answer now


@dataclass(frozen=True, slots=True)
class WhyFacts:
    """The answer about an alert, all alerts of an incident, or the rules of an SLO at a moment.

    `at` is the moment that `rules` are told of. `notes` say what the answer could not rest on.
    `steps` are those that several of the alerts share: they are in none of these.
    """

    of: str
    at: datetime | None
    alerts: tuple[AlertWhy, ...] = ()
    rules: tuple[RuleWhy, ...] = ()
    notes: tuple[str, ...] = ()
    steps: tuple[StepFacts, ...] = ()


def alert_why(file: WhyFile, receivers: Iterable[ReceiverStanding] = ()) -> AlertWhy:
    """The whole story of one alert; `receivers`: how they stand now."""
    alert, last = file.alert, file.grounds[-1] if file.grounds else None
    shown = _decisive(file.grounds, alert)
    about = [one for one in file.detail.notifications if _is_about(one, alert)]
    tries = _by_notification(file.detail.attempts)
    standing = {one.name: one for one in receivers}
    answers = tuple(_answers(alert, last, about, tries, standing))
    return AlertWhy(
        alert_id=alert.id,
        incident_id=alert.incident_id,
        rule=alert.rule,
        service=alert.service,
        slo=alert.slo,
        kind=alert.kind.value,
        severity=alert.severity.value,
        name=f"{alert.service}: {wording.name(alert.slo, alert.severity, alert.facts)}",
        origin_url=(alert.origin.url or None) if alert.origin else None,
        started_at=alert.started_at,
        ended_at=alert.ended_at,
        answer=_answer(answers, shown),
        receivers=answers,
        labels=dict(last.labels) if last else {},
        routes=tuple(map(_route, shown.courses)) if shown else (),
        steps=tuple(sorted(_steps(file, about, tries), key=lambda one: one.at)),
        since=tuple(_since(file, last)),
    )


def incident_why(of: str, alerts: Sequence[AlertWhy], notes: tuple[str, ...] = ()) -> WhyFacts:
    """The alerts of one incident; a step that several of them took is told once, beside them."""
    taken = Counter(step for one in alerts for step in set(one.steps))
    shared = (step for one in alerts for step in one.steps if taken[step] > 1)
    return WhyFacts(
        of,
        None,
        tuple(
            replace(one, steps=tuple(step for step in one.steps if taken[step] == 1))
            for one in alerts
        ),
        notes=notes,
        steps=tuple(sorted(dict.fromkeys(shared), key=lambda one: one.at)),
    )


def _decisive(grounds: Sequence[Grounds], alert: Alert) -> Grounds | None:
    """The last that was decided while it fired: what is said of its end explains nothing."""
    fired = [one for one in grounds if alert.ended_at is None or one.at < alert.ended_at]
    shown = fired or grounds
    return shown[-1] if shown else None


def _answer(answers: Sequence[AnswerFacts], grounds: Grounds | None) -> str:
    told = [one.receiver for one in answers if one.told]
    maybe = [one.receiver for one in answers if one.told is None]
    others = [one.receiver for one in answers if one.told is False]
    if not answers:
        if grounds is None:
            return "Nobody was told."
        return "Nobody was told: no receivers stand where the routes take it."
    parts = [
        f"{join(told)} {_were(told)} told" if told else "Nobody was told",
        f"{join(maybe)} may have been told" if maybe else "",
        f"{join(others)} {_were(others)} not" if others and told else "",
    ]
    return wording.sentences("; ".join(filter(None, parts)))


def _were(names: Sequence[str]) -> str:
    return "was" if len(names) == 1 else "were"


def _is_about(notification: Notification, alert: Alert) -> bool:
    return any(
        (line.slo, line.started_at) == (alert.slo, alert.started_at)
        and (line.rule == alert.rule or alert.id in (notification.alerts or ()))
        for line in notification.message.alerts
    )


def _by_notification(attempts: Iterable[Attempt]) -> dict[str, list[Attempt]]:
    found: dict[str, list[Attempt]] = {}
    for one in sorted(attempts, key=lambda one: one.number):
        found.setdefault(one.notification_id, []).append(one)
    return found


def _answers(
    alert: Alert,
    last: Grounds | None,
    about: Sequence[Notification],
    tries: Mapping[str, Sequence[Attempt]],
    standing: Mapping[str, ReceiverStanding],
) -> Iterator[AnswerFacts]:
    """Each receiver that it was routed to, or that was told all the same."""
    telling = [one for one in about if one.kind in _TELLS or one.instead_of]
    names = dict.fromkeys([*(last.words if last else ()), *(one.receiver for one in telling)])
    for name in names:
        own = [one for one in telling if one.receiver == name]
        arrived = next((one for one in own if one.arrived), None)
        if arrived is not None:
            yield AnswerFacts(name, True, _arrived(alert, arrived, tries))
        elif own:
            unsure = any(
                one.outcome in (None, AttemptOutcome.AMBIGUOUS)
                for row in own
                for one in tries.get(row.id, ())
            )
            words = _under_way(own[-1], tries, standing.get(name))
            yield AnswerFacts(name, None if unsure else False, words)
        else:
            yield AnswerFacts(name, False, last.words.get(name, "") if last else "")


def _arrived(alert: Alert, row: Notification, tries: Mapping[str, Sequence[Attempt]]) -> str:
    at = row.finished_at or row.created_at
    if row.state is NotificationState.DIGESTED:
        return f"told at {write.full(at)}: {row.reason}"
    number = len(tries.get(row.id, ()))
    took = f"{_took(at - alert.started_at)} after it began"
    instead = f", instead of {row.instead_of}" if row.instead_of else ""
    return f"told at {write.full(at)}, {took} ({row.kind}, try {number or 1}{instead})"


def _under_way(
    row: Notification, tries: Mapping[str, Sequence[Attempt]], standing: ReceiverStanding | None
) -> str:
    last = next(reversed(tries.get(row.id, ())), None)
    said = f"try {last.number}: {last.detail or 'under way'}" if last else "not tried yet"
    match row.state:
        case NotificationState.PENDING:
            return f"not told yet ({said}){_waits_for(row, standing)}"
        case NotificationState.SKIPPED:
            return f"not told: {row.reason}"
        case NotificationState.DIGESTED:
            return f"to be {row.reason}, which has not arrived yet"
        case _:
            return f"not told, given up: {row.reason}"


def _waits_for(row: Notification, standing: ReceiverStanding | None) -> str:
    """What a message that is not sent yet waits for: its receiver, or its own next try."""
    due = row.next_attempt_at
    if standing is not None:
        known, paced = standing.destination, standing.paced_until
        if known.parked_at is not None:
            return (
                f": {row.receiver} is parked since {write.full(known.parked_at)}: "
                f"{known.problem.rstrip('.')}; nothing is sent there until it is unparked, by an "
                f"edit that mends it or by: nines unpark {row.receiver} --by YOUR_NAME"
            )
        if known.open_until is not None and known.open_until > due:
            why = known.sentence().rstrip(".")
            return f": {why}; the next try there is due at {write.full(known.open_until)}"
        if paced is not None and paced > due:
            return (
                f": {row.receiver} is told no faster than it takes, the most urgent first; the "
                f"next message to it may go at {write.full(paced)}"
            )
    return f"; the next try is due at {write.full(due)}"


def _route(course: Course) -> RouteFacts:
    return RouteFacts(
        route=course.route,
        receivers=course.receivers,
        group=dict(course.group),
        group_wait=course.group_wait,
        group_interval=course.group_interval,
        repeat_interval=course.repeat_interval,
        failover=course.failover,
        escalate=course.escalate,
        held_by=tuple(
            SuppressorFacts(one.kind.value, one.id, one.words, one.until) for one in course.held_by
        ),
    )


def _steps(
    file: WhyFile, about: Sequence[Notification], tries: Mapping[str, Sequence[Attempt]]
) -> Iterator[StepFacts]:
    alert, detail = file.alert, file.detail
    if not file.grounds:
        yield StepFacts(alert.started_at, "decided", None, _NOT_KEPT)
    yield from _decided(file.grounds)
    for row in about:
        instead = f", instead of {row.instead_of}" if row.instead_of else ""
        words = (
            f"{row.kind} to {row.receiver} put into the outbox{instead}: {row.message.what_changed}"
        )
        yield StepFacts(row.created_at, "sent", row.receiver, wording.sentences(words))
        own = tries.get(row.id, ())
        for place, one in enumerate(own):
            after = own[place + 1] if place + 1 < len(own) else None
            kind = "delivered" if one.outcome is AttemptOutcome.OK else "tried"
            yield StepFacts(one.started_at, kind, row.receiver, _tried(one, row, after))
    until = alert.ended_at
    for event in detail.events:
        late = until is not None and event.at > until and event.kind is EventKind.NOTE
        if event.kind in _TOLD_OF and event.at >= alert.started_at and not late:
            yield StepFacts(event.at, "incident", None, event.text)


def _decided(grounds: Sequence[Grounds]) -> Iterator[StepFacts]:
    before: Grounds | None = None
    for one in grounds:
        if before is not None and _says_nothing_new(one, before):
            continue  # a restart or an edit that changed nothing here
        edited = before is not None and [c.terms for c in one.courses] != [
            c.terms for c in before.courses
        ]
        routes = "; ".join(
            f"{course.route}, so to {join(course.receivers) or 'nobody'}" for course in one.courses
        )
        told = "; ".join(f"{name}: {words}" for name, words in one.words.items())
        words = wording.sentences(
            one.what,
            (f"The routes were edited: {routes}" if edited else wording.capital(routes))
            if before is None or edited
            else "",
            told,
        )
        yield StepFacts(one.at, "decided", None, words)
        before = one


def _says_nothing_new(one: Grounds, before: Grounds) -> bool:
    if one.what or (one.labels, one.courses) != (before.labels, before.courses):
        return False
    moved = (words for name, words in one.words.items() if words != before.words.get(name))
    return all(words.startswith(KNOWN_ALREADY) for words in moved)


def _tried(one: Attempt, row: Notification, after: Attempt | None) -> str:
    status = f"{one.status}, " if one.status and str(one.status) not in one.detail else ""
    took = f" in {_took(one.ended_at - one.started_at)}" if one.ended_at else ""
    outcome = {
        None: "under way",
        AttemptOutcome.OK: f"delivered{took}",
        AttemptOutcome.RETRY: f"failed{took}",
        AttemptOutcome.PERMANENT: f"refused for good{took}",
        AttemptOutcome.AMBIGUOUS: f"may have arrived{took}",
    }[one.outcome]
    again = ""
    if one.outcome in (AttemptOutcome.RETRY, AttemptOutcome.AMBIGUOUS):
        if after is not None:
            again = f"; tried again at {write.full(after.started_at)}"
        elif row.state is NotificationState.PENDING:
            again = f"; the next try is due at {write.full(row.next_attempt_at)}"
        else:
            again = f"; not tried again: {row.reason}"
    said = f": {status}{one.detail.rstrip('.')}" if status or one.detail else ""
    return f"Try {one.number} of the {row.kind} to {row.receiver} {outcome}{said}{again}."


def _since(file: WhyFile, last: Grounds | None) -> Iterator[str]:
    """What the configuration of now would do otherwise."""
    for edit in file.edits:
        said = "; ".join(edit.changes) or "it began anew"
        at = wording.moment(edit.definition.valid_from)
        yield f"{file.alert.slo} was edited at {at} (version {edit.definition.number}): {said}."
    if file.courses is None:
        yield "Its rule is no longer in the configuration: it could not fire now."
        return
    if last is None:
        return
    moved = [
        f"{name} was {_value(last.labels.get(name))} and is {_value(file.labels.get(name))} now"
        for name in sorted(last.labels.keys() | file.labels.keys())
        if last.labels.get(name) != file.labels.get(name)
    ]
    if moved:
        yield wording.sentences(f"The labels changed since: {'; '.join(moved)}")
    if [one.terms for one in last.courses] != list(file.courses):
        now = "; ".join(
            f"{one.route}, so to {join(one.receivers) or 'nobody'}" for one in file.courses
        )
        yield wording.sentences(f"The routes were edited since. Now it would go another way: {now}")


def _value(value: str | None) -> str:
    return "not there" if value is None else f"“{value}”"


def _took(length: timedelta) -> str:
    """`34 ms`, `1.2 s`, and from a minute on as all durations."""
    length = max(length, timedelta(0))
    if length < timedelta(seconds=1):
        return f"{length // _MILLISECOND} ms"
    if length < timedelta(minutes=1):
        return f"{length // (100 * _MILLISECOND) / 10:g} s"
    return wording.duration(length)
