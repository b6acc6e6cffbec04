"""Incidents: the list of them, and the page of one with its timeline."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerting.alert import Alert, AlertKind, Facts
from alerting.incident import EventKind, Incident, IncidentEvent, IncidentState
from alerting.notification import Attempt, AttemptOutcome, Notification, NotificationState
from alerting.receipt import Known, ReceiptState
from alerting.service import common_labels, is_of_slo
from alerting.wording import capital
from dashboards import format as write
from dashboards import links
from dashboards.format import Moment
from dashboards.past import moment_query
from dashboards.source import IncidentDetail, IncidentPage, ServiceCard
from dashboards.status_posting import drafting_url
from slo.fields import NAME_PATTERN
from slo.selector import Matcher
from slo.severity import Severity

FILTERS = (
    ("", "All"),
    (IncidentState.TRIGGERED.value, "Triggered"),
    (IncidentState.ACKNOWLEDGED.value, "Acknowledged"),
    (IncidentState.RESOLVED.value, "Resolved"),
)
_STATE_WORDS = {
    IncidentState.TRIGGERED: "Triggered",
    IncidentState.ACKNOWLEDGED: "Acknowledged",
    IncidentState.RESOLVED: "Resolved",
}
_SEVERITY_WORDS = {
    Severity.PAGE: "Page",
    Severity.TICKET: "Ticket",
    Severity.INFO: "Info",
}
_EVENT_WORDS = {
    EventKind.OPENED: "Opened",
    EventKind.ALERT_FIRING: "Alert firing",
    EventKind.ALERT_RESOLVED: "Alert resolved",
    EventKind.SEVERITY: "Severity",
    EventKind.ACKNOWLEDGED: "Acknowledged",
    EventKind.RESOLVED: "Resolved",
    EventKind.NOTICE: "Budget notice",
    EventKind.NOTE: "Note",
    EventKind.ROUTED: "Routed",
    EventKind.SUPPRESSED: "Held back",
    EventKind.ATTEMPT: "Delivery tried",
    EventKind.DELIVERED: "Delivered",
    EventKind.GAVE_UP: "Gave up",
}
_EVENT_TONES = {
    EventKind.OPENED: "bad",
    EventKind.ALERT_FIRING: "bad",
    EventKind.GAVE_UP: "bad",
    EventKind.SEVERITY: "warn",
    EventKind.NOTICE: "warn",
    EventKind.ACKNOWLEDGED: "accent",
    EventKind.ALERT_RESOLVED: "good",
    EventKind.RESOLVED: "good",
    EventKind.DELIVERED: "good",
}
_OUTCOME_WORDS = {
    AttemptOutcome.OK: "delivered",
    AttemptOutcome.RETRY: "failed, to be tried again",
    AttemptOutcome.PERMANENT: "refused for good",
    AttemptOutcome.AMBIGUOUS: "may have arrived",
}
_NOTIFICATION_WORDS = {
    NotificationState.PENDING: "waiting",
    NotificationState.DELIVERED: "delivered",
    NotificationState.FAILED: "given up",
    NotificationState.SKIPPED: "not needed any more",
    NotificationState.DIGESTED: "told in a digest",
}
_WHAT = {
    AlertKind.NO_DATA: "No data",
    AlertKind.BUDGET: "Error budget",
    AlertKind.THRESHOLD: "Threshold",
    AlertKind.OUTSIDE: "From outside",
}
_NOTICE = "A notice about an error budget: told once, with nothing to resolve."
_MOST_NAMED = 3
_SENT_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d) UTC")  # `wording.moment`
_SERVICE = re.compile(NAME_PATTERN)
_RECEIPT_WORDS = {
    ReceiptState.CONFIRMED: "Confirmed: the vendor told us of its incident.",
    ReceiptState.AWAITED: "Accepted; the vendor is still to tell us of its incident.",
    ReceiptState.MISSING: "Accepted, but the vendor never told us of an incident.",
    ReceiptState.UNVERIFIED: (
        "Accepted, which counts as delivered: no webhook of this receiver has reached us yet."
    ),
}
_AROUND = timedelta(hours=1)
_INTO_IT = timedelta(minutes=1)  # counts are told up to the edge of a bucket, which comes before


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """An incident in one line. Its title stays true while it goes on: who, never how fast."""

    topic: str
    url: str
    acknowledge_url: str
    title: str
    told: str  # the headline of what was sent last
    service: str
    service_url: str
    state: str
    state_word: str
    severity: str
    severity_word: str
    opened: Moment
    lasted: str
    who: str | None
    open: bool
    triggered: bool


@dataclass(frozen=True, slots=True)
class Filter:
    """A link that shows some of the incidents."""

    word: str
    url: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class IncidentsView:
    """The list of incidents."""

    rows: tuple[IncidentRow, ...]
    filters: tuple[Filter, ...]
    service: str | None
    clear_url: str | None  # shows all services again
    older_url: str | None
    newest_url: str | None
    empty: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One step of the timeline."""

    at: Moment
    time: str
    word: str
    text: str
    tone: str  # bad, warn, accent, good or plain


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One alert as evidence."""

    slo: str
    url: str
    then_url: str  # the SLO's page when it had just fired
    charts_url: str | None  # its charts from an hour before; None: it is no SLO's
    why_url: str  # who was told, and why
    what: str
    severity: str
    severity_word: str
    firing: bool
    state_word: str
    started: Moment
    lasted: str
    headline: str
    reason: str
    figures: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class TriedRow:
    """One attempt to deliver."""

    number: int
    at: Moment
    outcome: str
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class ToldRow:
    """One notification: who was told what, and how that went."""

    receiver: str
    kind: str
    state: str
    state_word: str
    reason: str
    at: Moment
    tries: tuple[TriedRow, ...]
    receipt: str | None = None  # what is known beyond the vendor's first answer


@dataclass(frozen=True, slots=True)
class IncidentView:
    """The page of one incident."""

    row: IncidentRow
    id: str
    summary: str
    facts: tuple[tuple[str, str], ...]
    runbook: str | None
    owner: str | None
    service_title: str
    linked_url: str | None
    timeline: tuple[Entry, ...]
    alerts: tuple[AlertRow, ...]
    told: tuple[ToldRow, ...]
    can_acknowledge: bool
    silence_url: str | None  # the form for a silence of what fires
    why_url: str
    escalate_url: str
    notes_url: str
    customers_url: str | None  # the form that tells customers, filled in, where they are told
    remembered: str
    notice: str | None
    name_missing: bool


def incidents_view(
    page: IncidentPage,
    *,
    slos: Mapping[str, Sequence[str]],
    state: str | None,
    service: str | None,
    cursor: str | None,
    now: datetime,
) -> IncidentsView:
    """The list, newest first. `slos` are those of each incident, by its id."""
    filters = tuple(
        Filter(
            word,
            links.with_query("/incidents", state=key, service=service),
            key == (state or ""),
        )
        for key, word in FILTERS
    )
    narrowed = state is not None or service is not None
    return IncidentsView(
        rows=incident_rows(page.incidents, slos, now),
        filters=filters,
        service=service,
        clear_url=links.with_query("/incidents", state=state) if service else None,
        older_url=links.with_query(
            "/incidents", state=state, service=service, cursor=page.next_cursor
        )
        if page.next_cursor
        else None,
        newest_url=links.with_query("/incidents", state=state, service=service) if cursor else None,
        empty="No incident matches this filter." if narrowed else "No incident so far.",
    )


def incident_rows(
    incidents: Sequence[Incident], slos: Mapping[str, Sequence[str]], now: datetime
) -> tuple[IncidentRow, ...]:
    """A line about each."""
    return tuple(incident_row(each, slos.get(each.id, ()), now) for each in incidents)


def neutral_title(incident: Incident, slos: Sequence[str]) -> str:
    """What an incident is about, in words that are true at every moment of it."""
    if not slos:
        return incident.service
    shown = slos if len(slos) <= _MOST_NAMED else slos[: _MOST_NAMED - 1]
    more = len(slos) - len(shown)
    *first, last = [*shown, f"{more} more"] if more else shown
    return f"{incident.service}: {', '.join(first)}{' and ' if first else ''}{last}"


def incident_row(incident: Incident, slos: Sequence[str], now: datetime) -> IncidentRow:
    """One line about an incident; `slos` are the names of those that stand in it."""
    return IncidentRow(
        topic=incident.id,
        url=links.incident_url(incident.id),
        acknowledge_url=f"{links.incident_url(incident.id)}/acknowledge",
        title=neutral_title(incident, slos),
        told=incident.title,
        service=incident.service,
        service_url=_place_url(incident.service),
        state=incident.state.value,
        state_word=_STATE_WORDS[incident.state],
        severity=incident.worst.value,
        severity_word=_SEVERITY_WORDS[incident.worst],
        opened=write.moment(incident.opened_at, now),
        lasted=write.span((incident.resolved_at or now) - incident.opened_at),
        who=incident.acknowledged_by,
        open=incident.open,
        triggered=incident.state is IncidentState.TRIGGERED,
    )


def _place_url(service: str) -> str:
    """What it is about: a service, or what a group of alerts from outside shares."""
    if _SERVICE.fullmatch(service):
        return links.service_url(service)
    return links.with_query("/incidents", service=service)


def incident_view(
    detail: IncidentDetail,
    *,
    card: ServiceCard | None,
    remembered: str,
    notice: str | None,
    name_missing: bool = False,
    has_status_page: bool = False,
    now: datetime,
) -> IncidentView:
    """The page of one incident. `remembered` is the reader's name, as told before.

    `name_missing`: it was acknowledged by nobody, so the field has to be filled first.
    """
    incident = detail.incident
    return IncidentView(
        row=incident_row(incident, sorted({alert.slo for alert in detail.alerts}), now),
        id=incident.id,
        summary=_NOTICE if _is_notice(detail) else summary(incident, now),
        facts=_times(incident, now),
        runbook=_runbook(card, detail),
        owner=card.owner if card else None,
        service_title=card.title if card else incident.service,
        linked_url=links.incident_url(incident.linked_to) if incident.linked_to else None,
        timeline=tuple(entry(event, now) for event in reversed(detail.events)),
        alerts=tuple(alert_row(alert, now) for alert in _loudest_first(detail.alerts)),
        told=tuple(
            told_row(
                notification, detail.attempts, now, receipt=detail.receipts.get(notification.id)
            )
            for notification in detail.notifications
        ),
        can_acknowledge=incident.state is IncidentState.TRIGGERED,
        silence_url=links.silencing_url(_labels(detail)) if incident.open else None,
        why_url=links.why_url(incident.id),
        escalate_url=f"{links.incident_url(incident.id)}/escalate",
        notes_url=f"{links.incident_url(incident.id)}/notes",
        customers_url=drafting_url(incident.id) if has_status_page else None,
        remembered=remembered,
        notice=notice,
        name_missing=name_missing and incident.open,
    )


def _runbook(card: ServiceCard | None, detail: IncidentDetail) -> str | None:
    """What the newest alert from outside brings along, else the service's own."""
    brought = (one.origin.runbook for one in reversed(detail.alerts) if one.origin is not None)
    return links.safe_external(next(filter(None, brought), card.runbook if card else None))


def _labels(detail: IncidentDetail) -> str:
    """The labels that all that fires has in common, as matchers."""
    firing = [one for one in detail.alerts if one.firing]
    common = common_labels(detail.incident.service, firing)
    return ", ".join(str(Matcher(name, "=", value)) for name, value in common.items())


def _is_notice(detail: IncidentDetail) -> bool:
    return bool(detail.alerts) and all(a.kind is AlertKind.BUDGET for a in detail.alerts)


def summary(incident: Incident, now: datetime) -> str:
    """Where it stands, in one sentence."""
    age = write.span((incident.resolved_at or now) - incident.opened_at)
    if incident.state is IncidentState.RESOLVED:
        by = f"; {incident.acknowledged_by} looked after it" if incident.acknowledged_by else ""
        return f"Over: it lasted {age}{by}."
    if incident.state is IncidentState.ACKNOWLEDGED:
        return f"{incident.acknowledged_by} has been on it; it has been open for {age}."
    return f"Nobody has taken it yet; it has been open for {age}."


def entry(event: IncidentEvent, now: datetime) -> Entry:
    """One step of the timeline."""
    return Entry(
        at=write.moment(event.at, now),
        time=write.stamp(event.at, now, seconds=True),
        word=_EVENT_WORDS[event.kind],
        text=event.text,
        tone=_EVENT_TONES.get(event.kind, "plain"),
    )


def alert_row(alert: Alert, now: datetime) -> AlertRow:
    """One alert, with the numbers it was decided on."""
    facts = alert.facts
    is_notice = alert.kind is AlertKind.BUDGET
    state_word, then = ("Firing", "fired") if alert.firing else ("Resolved", "resolved")
    if is_notice:
        state_word, then = "Noticed", "was noticed"
    said = alert.origin.url if alert.origin else ""
    return AlertRow(
        slo=alert.slo,
        url=(url := links.alert_page_url(alert.service, alert.slo, alert.rule, said)),
        then_url=links.at_moment(url, moment_query(min(alert.started_at + _INTO_IT, now))),
        charts_url=_charts_url(alert, now) if is_of_slo(alert) else None,
        why_url=links.why_url(alert.id),
        what=_WHAT.get(alert.kind) or f"Burn rate over {facts.long} and {facts.short}",
        severity=alert.severity.value,
        severity_word=_SEVERITY_WORDS[alert.severity],
        firing=alert.firing,
        state_word=state_word,
        started=write.moment(alert.started_at, now),
        lasted=write.span((alert.ended_at or now) - alert.started_at),
        headline=f"When it {then}: {facts.headline}",
        reason=capital(facts.reason),
        figures=_figures(facts, now),
    )


def _charts_url(alert: Alert, now: datetime) -> str:
    """From an hour before it began, until as long after its end, or now."""
    end = now if alert.ended_at is None else min(alert.ended_at + _AROUND, now)
    slo_id = f"{alert.service}/{alert.slo}"
    return links.charts_url(slo_id, moment_query(alert.started_at - _AROUND), moment_query(end))


def told_row(
    notification: Notification,
    attempts: Sequence[Attempt],
    now: datetime,
    *,
    receipt: Known | None = None,
) -> ToldRow:
    """One notification with all its attempts."""
    own = [attempt for attempt in attempts if attempt.notification_id == notification.id]
    return ToldRow(
        receiver=notification.receiver,
        kind=notification.kind.value,
        state=notification.state.value,
        state_word=_state_word(notification),
        reason=notification.reason,
        at=write.moment(notification.created_at, now),
        tries=tuple(_tried(attempt, now) for attempt in own),
        receipt=None if receipt is None else _RECEIPT_WORDS[receipt.state],
    )


def _tried(attempt: Attempt, now: datetime) -> TriedRow:
    outcome = "under way" if attempt.outcome is None else _OUTCOME_WORDS[attempt.outcome]
    status = f"{attempt.status}: " if attempt.status and not _tells(attempt) else ""
    return TriedRow(
        number=attempt.number,
        at=write.moment(attempt.started_at, now),
        outcome=outcome,
        ok=attempt.outcome is AttemptOutcome.OK,
        detail=f"{status}{attempt.detail}",
    )


def _tells(attempt: Attempt) -> bool:
    return str(attempt.status) in attempt.detail


def _figures(facts: Facts, now: datetime) -> tuple[tuple[str, str], ...]:
    said = {"Measured": facts.measured, "Limit": facts.limit, "Worst": facts.series}
    found = [(what, write.joined(text)) for what, text in said.items() if text]
    if facts.burn_long is not None and facts.burn_short is not None:
        found.append((f"Burn {facts.long}", write.burn(facts.burn_long)))
        found.append((f"Burn {facts.short}", write.burn(facts.burn_short)))
    if facts.bad is not None and facts.total:
        found.append(("Bad events", f"{write.count(facts.bad)} of {write.count(facts.total)}"))
    if facts.learning:
        found.append(("Budget", facts.learning))
    else:
        found += _budget_figures(facts, now)
    if facts.spent_most:
        found.append(("Spent", facts.spent_most))
    if facts.top_cause:
        found.append(("Top cause", facts.top_cause))
    if facts.found:
        found.append(("Looked again", _with_stamps(facts.found, now)))
    return tuple(found)


def _with_stamps(text: str, now: datetime) -> str:
    """What was sent names its times whole, as it is read anywhere; here they are like others."""

    def stamp(found: re.Match[str]) -> str:
        return write.stamp(datetime.fromisoformat(f"{found[1]}+00:00"), now)

    return _SENT_MOMENT.sub(stamp, text)


def _budget_figures(facts: Facts, now: datetime) -> Iterator[tuple[str, str]]:
    if facts.long_spent_ratio is not None:
        yield f"Budget spent in {facts.long}", write.share(facts.long_spent_ratio)
    if facts.budget_left_seconds is not None:
        left = timedelta(seconds=facts.budget_left_seconds)
        yield "Budget left", write.budget_time(left)
    if facts.exhausts_at is not None:
        yield "Runs out", write.stamp(facts.exhausts_at, now)


def _times(incident: Incident, now: datetime) -> tuple[tuple[str, str], ...]:
    found = [("Opened", write.stamp(incident.opened_at, now, seconds=True))]
    if incident.acknowledged_at:
        after = write.span(incident.acknowledged_at - incident.opened_at)
        found.append(("Acknowledged", f"after {after}, by {incident.acknowledged_by}"))
    if incident.resolved_at:
        after = write.span(incident.resolved_at - incident.opened_at)
        at = write.stamp(incident.resolved_at, now, seconds=True)
        found.append(("Resolved", f"{at}, after {after}"))
    return tuple(found)


def _loudest_first(alerts: Sequence[Alert]) -> list[Alert]:
    return sorted(alerts, key=lambda alert: (not alert.firing, alert.severity.rank, alert.rule))


def _state_word(notification: Notification) -> str:
    if notification.state is NotificationState.DIGESTED and not notification.arrived:
        return "waits in a digest"
    return _NOTIFICATION_WORDS[notification.state]
