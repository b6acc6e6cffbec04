"""What is known, as plain values with units in their names: the API and the exporter print these.

Ratios and rates are the exact fractions as the nearest float, never rounded for display. None
means that nothing is known. Times are aware UTC.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from alerting.alert import Alert
from alerting.incident import Incident
from alerting.notification import Attempt, Notification
from alerting.shadow import ShadowSummary
from collectors.observation import Observation
from dashboards import states
from dashboards.flow import Flow, FlowState
from dashboards.source import CollectorHealth, IncidentDetail, ServiceCard, SystemHealth
from slo.alert_state import AlertState
from slo.counts import Counts, WindowCounts
from slo.definition import (
    SLO,
    Component,
    CompositeSLI,
    DerivedSLI,
    EventsSLI,
    GaugeSLI,
    HistogramSLI,
    ProbeSLI,
    QuorumSLI,
)
from slo.outlook import ENOUGH_WEEKS, Outlook
from slo.rule import is_of_rule
from slo.status import Budget, BudgetState, Burn, NowState, Part, SLOStatus, TierReading
from slo.units import format_duration
from slo.versions import Version

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

STATES = (*BudgetState, *NowState)


@dataclass(frozen=True, slots=True)
class EventFacts:
    """Events of one stretch of time; `total` is good + bad."""

    good: int
    bad: int
    unknown: int
    total: int


@dataclass(frozen=True, slots=True)
class BurnFacts:
    """How fast one lookback spends the budget: 1 is exactly on budget."""

    lookback: str  # "1h"
    lookback_seconds: float
    rate: float | None
    events: EventFacts
    coverage_ratio: float | None


@dataclass(frozen=True, slots=True)
class BudgetFacts:
    """The error budget over the window. What remains may be negative.

    Where the SLO has `slices`, these are what is allowed and spent, and not events.
    `total_seconds` and `remaining_seconds` are time of a full outage.
    """

    allowed_events: float
    spent_events: float
    spent_ratio: float
    remaining_ratio: float
    remaining_seconds: float
    total_seconds: float


@dataclass(frozen=True, slots=True)
class ForecastFacts:
    """When the budget is gone at the last hour's pace; `lasts` is None when that is not known."""

    lasts: bool | None
    exhausts_at: datetime | None


@dataclass(frozen=True, slots=True)
class FlowFacts:
    """Whether anything comes to be counted: flowing, idle (it looked, and nothing happened), or why
    not: target_down, collector_down, series_missing; stopped where why is not kept.
    """

    state: FlowState
    sentence: str
    since: datetime | None  # the last observation


@dataclass(frozen=True, slots=True)
class RawFacts:
    """What the window would say if nothing were excluded, and what of it is."""

    sli_ratio: float | None
    events: EventFacts
    excluded: EventFacts
    spent_ratio: float | None
    remaining_ratio: float | None


@dataclass(frozen=True, slots=True)
class SLOFacts:
    """One SLO in a list. `budget_state` is the slow fact, `now_state` the fast one.

    `place` orders the worst first: the smaller, the worse; 0 is burning fast.
    """

    id: str
    service: str
    name: str
    variant: str  # which of several objectives and windows: "99.99"; the first is ""
    service_title: str | None
    owner: str | None
    objective: str  # "99.9"
    objective_ratio: float
    window: str  # "30d"
    window_seconds: int
    at: datetime
    budget_state: BudgetState
    now_state: NowState
    place: int
    sli_ratio: float | None
    sli_lowest_ratio: float | None
    sli_highest_ratio: float | None
    events: EventFacts
    coverage_ratio: float | None
    flow: FlowFacts
    budget: BudgetFacts | None
    burns: tuple[BurnFacts, ...]  # shortest lookback first
    forecast: ForecastFacts
    last_observation: datetime | None
    raw: RawFacts | None  # None: no exclusion is for it
    excluded_until: datetime | None  # what happens now is excluded, until then


@dataclass(frozen=True, slots=True)
class OutlookFacts:
    """The share of the budget left at `end`, were the coming weeks like past ones.

    In the worst, the middle and the best of `weeks` observed weeks; None while `weeks` is less
    than `weeks_needed`, as nothing is guessed.
    """

    slo: str
    end: datetime
    weeks: int
    weeks_needed: int
    lowest_ratio: float | None
    middle_ratio: float | None
    highest_ratio: float | None


@dataclass(frozen=True, slots=True)
class EvidenceFacts:
    """Is it chance? `likelihood`: probability of so many bad events, were the objective just met.

    `enough_bad` is how many bad events would rule chance out.
    """

    likelihood: float | None
    enough_bad: int | None


@dataclass(frozen=True, slots=True)
class TierFacts:
    """One burn-rate tier: it fires while both rates are above `factor`.

    `spends_ratio` is the share of the budget that the factor spends within the long window;
    `exhausts_seconds` is how long a whole budget lasts at the factor.
    """

    key: str  # "page:1h:5m"
    severity: str
    state: str  # inactive, pending, firing
    since: datetime | None
    verdict: str  # true, false, frozen
    reason: str
    factor: float
    long: BurnFacts
    short: BurnFacts
    spends_ratio: float
    exhausts_seconds: float
    for_seconds: float
    keep_firing_for_seconds: float
    note: str | None
    evidence: EvidenceFacts


@dataclass(frozen=True, slots=True)
class PartFacts:
    """What a derived SLI is made of: a vantage (service/collector), or an SLO (service/slo).

    A component's slice is good from `target_ratio` on. `bad`: events of the window that it made
    bad, by itself or with others; `alone`: slices in which it failed and too few others did.
    `hour` is what it counted itself in the last hour. These are null for a moment in the past.
    """

    id: str
    weight: int | None
    target_ratio: float | None
    bad: int | None
    alone: int | None
    hour: EventFacts | None


@dataclass(frozen=True, slots=True)
class SLIFacts:
    """What is counted. Selectors are written as PromQL would.

    A histogram's good events are at or below `threshold`, one of its edges; a gauge's lie on the
    `side` of it that is named, `below` or `above`.
    """

    kind: str  # probe, events, histogram, gauge, quorum, all, weighted
    collector: str | None  # service/collector; null where it is derived
    total: tuple[str, ...]
    bad: tuple[str, ...]
    good: tuple[str, ...]
    metric: tuple[str, ...] = ()  # of a histogram, without its suffix, or of a gauge
    side: str | None = None
    threshold: float | None = None
    parts: tuple[PartFacts, ...] = ()  # of a derived one
    bad_at: int | None = None  # how many vantages of a quorum must fail
    slice_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class SliceFacts:
    """The closed slices of the window that count, and what they cost in wholly bad ones.

    Without a `target_ratio` each counts as its ratio of bad events. `no_data` is what an observed
    slice counts as in which nothing happened: ignore, good or bad.
    """

    length_seconds: int
    target_ratio: float | None
    no_data: str
    observed: int
    bad: float


@dataclass(frozen=True, slots=True)
class ShadowFacts:
    """What people would have been told in the last 30 days, were the SLO not in shadow.

    `incidents` would have opened for it alone, `pages` of them with a page.
    """

    incidents: int
    pages: int
    notices: int
    last: datetime | None
    firing: bool


@dataclass(frozen=True, slots=True)
class SLODetail(SLOFacts):
    """Everything there is to say about one SLO.

    The bounds take all unknown events as bad, or as good. `lifetime` only ever rises.
    """

    runbook: str | None
    labels: Mapping[str, str]
    sli: SLIFacts
    tiers: tuple[TierFacts, ...]
    no_data_state: str  # inactive, firing
    no_data_since: datetime | None
    no_data_after_seconds: float
    lifetime: EventFacts
    observations_seen: int
    observations_due: int
    watched_since: datetime | None
    causes: Mapping[str, int]  # bad events of the window, largest first
    anomalies: Mapping[str, int]  # sentences, and how often each was true since Nines started
    method: str  # occurrences, timeslices, ratio_timeslices
    slices: SliceFacts | None  # None: events are counted
    notices: tuple[float, ...]  # marks of the remaining budget that are told, as ratios
    shadow: ShadowFacts | None  # None: people are told
    version: int | None  # of its definition: the one that was in force


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """A service, and how many of its SLOs are in each state (each counts in two)."""

    name: str
    title: str
    owner: str | None
    runbook: str | None
    labels: Mapping[str, str]
    slos: tuple[str, ...]
    collectors: tuple[str, ...]
    worst: str | None
    states: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ObservationFacts:
    """One run of a collector. `detail` is a sentence."""

    due: datetime
    started: datetime
    lateness_seconds: float
    duration_seconds: float
    outcome: str  # passed, failed, unknown
    cause: str | None
    phase: str | None
    detail: str
    phases_seconds: Mapping[str, float]
    http_status: int | None
    http_version: str | None
    redirects: int
    body_bytes: int | None
    tls_version: str | None
    certificate_expires: datetime | None
    address: str | None
    warning: str | None


@dataclass(frozen=True, slots=True)
class CollectorFacts:
    """A collector; `target` bears no secrets. `runs` counts by outcome since the start."""

    id: str
    service: str
    name: str
    kind: str
    target: str
    interval_seconds: float
    lateness_seconds: float | None
    runs: Mapping[str, int]
    last: ObservationFacts | None


@dataclass(frozen=True, slots=True)
class CollectorDetail(CollectorFacts):
    """A collector with its newest runs, newest first."""

    recent: tuple[ObservationFacts, ...]


@dataclass(frozen=True, slots=True)
class IncidentFacts:
    """An incident; `severity` is the loudest of what burns now."""

    id: str
    service: str
    state: str  # triggered, acknowledged, resolved
    severity: str
    title: str
    opened_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    resolved_at: datetime | None
    linked_to: str | None
    revision: int


@dataclass(frozen=True, slots=True)
class AlertFacts:
    """One episode of one rule, with the evidence of the moment when it last changed."""

    id: str
    rule: str
    slo: str | None  # service/slo; None of a threshold rule
    kind: str
    severity: str
    started_at: datetime
    ended_at: datetime | None
    headline: str
    reason: str
    evidence: Mapping[str, str | int | float | bool | datetime | None]


@dataclass(frozen=True, slots=True)
class TimelineFacts:
    """One step of an incident."""

    at: datetime
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class AttemptFacts:
    """One try to deliver a notification."""

    number: int
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    status: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class NotificationFacts:
    """One message to one receiver, why it was sent, and every try."""

    id: str
    receiver: str
    kind: str
    severity: str
    state: str  # pending, delivered, failed
    reason: str
    created_at: datetime
    finished_at: datetime | None
    attempts: tuple[AttemptFacts, ...]


@dataclass(frozen=True, slots=True)
class IncidentFile(IncidentFacts):
    """An incident with its alerts, its timeline (oldest first) and its notifications."""

    alerts: tuple[AlertFacts, ...]
    timeline: tuple[TimelineFacts, ...]
    notifications: tuple[NotificationFacts, ...]


@dataclass(frozen=True, slots=True)
class HealthFacts:
    """How Nines itself is doing; `problems` are sentences."""

    version: str
    started_at: datetime
    last_evaluation: datetime | None
    evaluation_seconds: float
    outbox_pending: int
    outbox_oldest_seconds: float
    config_loaded_at: datetime
    config_ok: bool
    problems: tuple[str, ...]
    storage_bytes: int | None
    storage_rows: dict[str, int]  # by table


def slo_facts(status: SLOStatus, card: ServiceCard | None, flow: Flow) -> SLOFacts:
    """The facts of one SLO for lists; `card` is its service."""
    slo = status.slo
    lowest, highest = status.sli_bounds or (None, None)
    return SLOFacts(
        id=slo.id,
        service=slo.service,
        name=slo.name,
        variant=slo.variant,
        service_title=card.title if card else None,
        owner=card.owner if card else None,
        objective=slo.objective.label,
        objective_ratio=float(slo.objective.share),
        window=slo.window.label,
        window_seconds=slo.window.seconds,
        at=status.at,
        budget_state=status.budget_state,
        now_state=status.now_state,
        place=states.weight(status)[0],
        sli_ratio=_ratio(status.sli),
        sli_lowest_ratio=_ratio(lowest),
        sli_highest_ratio=_ratio(highest),
        events=_events(status.window.counts),
        coverage_ratio=_ratio(status.window.coverage),
        flow=FlowFacts(flow.state, flow.sentence, flow.since),
        budget=_budget(status),
        burns=tuple(_burn(burn, burn.window.counts) for burn in status.burns),
        forecast=ForecastFacts(
            lasts=status.forecast.at is None if status.forecast.known else None,
            exhausts_at=status.forecast.at,
        ),
        last_observation=status.last_observation,
        raw=_raw(status),
        excluded_until=status.excluded_now[1] if status.excluded_now else None,
    )


def _raw(status: SLOStatus) -> RawFacts | None:
    raw = status.raw
    if raw is None:
        return None
    return RawFacts(
        sli_ratio=_ratio(raw.sli),
        events=_events(raw.window.counts),
        excluded=_events(status.excluded),
        spent_ratio=_ratio(raw.budget.spent) if raw.budget else None,
        remaining_ratio=_ratio(raw.budget.remaining) if raw.budget else None,
    )


def outlook_facts(slo: SLO, outlook: Outlook) -> OutlookFacts:
    """The facts of what will be left."""
    return OutlookFacts(
        slo=slo.id,
        end=outlook.end,
        weeks=outlook.weeks,
        weeks_needed=ENOUGH_WEEKS,
        lowest_ratio=_ratio(outlook.lowest),
        middle_ratio=_ratio(outlook.middle),
        highest_ratio=_ratio(outlook.highest),
    )


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """One definition of an SLO: as it was written, filled in with what was the default.

    `changes`: what it changed, in words. `counts_of`: the first version over the same counts.
    """

    version: int
    valid_from: datetime
    valid_until: datetime | None
    changes: tuple[str, ...]
    counts_of: int
    definition: dict[str, Any]


def version_facts(version: Version) -> VersionFacts:
    """One of them."""
    one = version.definition
    return VersionFacts(
        version=one.number,
        valid_from=one.valid_from,
        valid_until=version.until,
        changes=version.changes,
        counts_of=version.counts_of,
        definition=json.loads(one.text),
    )


def slo_detail(
    status: SLOStatus,
    card: ServiceCard | None,
    rules: Mapping[str, AlertState],
    flow: Flow,
    *,
    version: int | None = None,
    shadow: ShadowSummary | None = None,
) -> SLODetail:
    """Everything about one SLO; `rules` are its rules' states by key.

    `version` is the one that was in force, `shadow` what it would have told.
    """
    slo = status.slo
    no_data = rules.get("no_data", AlertState())
    return SLODetail(
        **_fields(slo_facts(status, card, flow)),
        runbook=card.runbook if card else None,
        labels=card.labels if card else {},
        sli=_sli(slo, status.parts),
        tiers=tuple(
            _tier(slo, reading, rules.get(reading.tier.key, AlertState()))
            for reading in status.tiers
        ),
        no_data_state=no_data.phase.value,
        no_data_since=no_data.since,
        no_data_after_seconds=slo.no_data_after.total_seconds(),
        lifetime=_events(status.lifetime),
        observations_seen=status.window.seen,
        observations_due=status.window.due,
        watched_since=status.watched_since,
        causes=dict(status.causes),
        anomalies=dict(status.anomalies),
        method=status.slo.method,
        slices=_slices(status),
        notices=tuple(float(mark) for mark in slo.notices),
        shadow=None if shadow is None else ShadowFacts(**_fields(shadow)),
        version=version,
    )


def count_states(statuses: Sequence[SLOStatus]) -> dict[str, int]:
    """How many SLOs are in each state; every SLO counts in its budget's and in its now state."""
    counts = dict.fromkeys((state.value for state in STATES), 0)
    for status in statuses:
        counts[status.budget_state.value] += 1
        counts[status.now_state.value] += 1
    return counts


def service_facts(card: ServiceCard, statuses: Sequence[SLOStatus]) -> ServiceFacts:
    """A service and the standing of its SLOs; `statuses` are its own."""
    worst = min(statuses, key=states.weight, default=None)
    return ServiceFacts(
        name=card.name,
        title=card.title,
        owner=card.owner,
        runbook=card.runbook,
        labels=card.labels,
        slos=card.slo_ids,
        collectors=card.collectors,
        worst=states.marks(worst)[0].key if worst else None,
        states=count_states(statuses),
    )


def collector_facts(collector: CollectorHealth) -> CollectorFacts:
    """How one collector is doing."""
    service, _, name = collector.id.partition("/")
    return CollectorFacts(
        id=collector.id,
        service=service,
        name=name,
        kind=collector.kind,
        target=collector.target,
        interval_seconds=collector.interval.total_seconds(),
        lateness_seconds=_seconds(collector.lateness),
        runs=collector.runs,
        last=observation_facts(collector.last) if collector.last else None,
    )


def collector_detail(collector: CollectorHealth) -> CollectorDetail:
    """A collector and its newest runs."""
    return CollectorDetail(
        **_fields(collector_facts(collector)),
        recent=tuple(observation_facts(observation) for observation in collector.recent),
    )


def observation_facts(observation: Observation) -> ObservationFacts:
    """What one run saw, without the page that it read."""
    return ObservationFacts(
        due=observation.due,
        started=observation.started,
        lateness_seconds=observation.lateness.total_seconds(),
        duration_seconds=observation.duration.total_seconds(),
        outcome=observation.outcome.value,
        cause=observation.cause.value if observation.cause else None,
        phase=observation.phase.value if observation.phase else None,
        detail=observation.detail,
        phases_seconds={
            phase.value: length.total_seconds() for phase, length in observation.phases.items()
        },
        http_status=observation.http_status,
        http_version=observation.http_version,
        redirects=observation.redirects,
        body_bytes=observation.body_bytes,
        tls_version=observation.tls_version,
        certificate_expires=observation.certificate_expires,
        address=observation.address,
        warning=observation.warning,
    )


def incident_facts(incident: Incident) -> IncidentFacts:
    """An incident as a list shows it."""
    return IncidentFacts(
        id=incident.id,
        service=incident.service,
        state=incident.state.value,
        severity=incident.severity.value,
        title=incident.title,
        opened_at=incident.opened_at,
        acknowledged_at=incident.acknowledged_at,
        acknowledged_by=incident.acknowledged_by,
        resolved_at=incident.resolved_at,
        linked_to=incident.linked_to,
        revision=incident.revision,
    )


def incident_file(detail: IncidentDetail) -> IncidentFile:
    """An incident with everything that belongs to it."""
    return IncidentFile(
        **_fields(incident_facts(detail.incident)),
        alerts=tuple(_alert(alert) for alert in detail.alerts),
        timeline=tuple(
            TimelineFacts(event.at, event.kind.value, event.text) for event in detail.events
        ),
        notifications=tuple(
            _notification(
                notification,
                [one for one in detail.attempts if one.notification_id == notification.id],
            )
            for notification in detail.notifications
        ),
    )


def health_facts(health: SystemHealth, now: datetime) -> HealthFacts:
    """How Nines itself is doing at `now`."""
    oldest = health.outbox_oldest
    return HealthFacts(
        version=health.version,
        started_at=health.started_at,
        last_evaluation=health.last_evaluation,
        evaluation_seconds=health.evaluation_seconds,
        outbox_pending=health.outbox_pending,
        outbox_oldest_seconds=max((now - oldest).total_seconds(), 0.0) if oldest else 0.0,
        config_loaded_at=health.config_loaded_at,
        config_ok=health.config_ok,
        problems=health.problems,
        storage_bytes=health.storage_bytes,
        storage_rows=dict(health.storage_rows),
    )


def _budget(status: SLOStatus) -> BudgetFacts | None:
    budget, slo = status.budget, status.slo
    if budget is None:
        return None
    # Fractions taken apart: an int over an int is rounded once, like float(Fraction), but a list
    # or a scrape of ten thousand SLOs does not pay for the fractions in between.
    allowed, unit = budget.allowed.numerator, budget.allowed.denominator
    spent = budget.spent_events * unit
    share = slo.objective.budget_share
    return BudgetFacts(
        allowed_events=allowed / unit,
        spent_events=_plain(budget.spent_events),
        spent_ratio=float(spent / allowed),
        remaining_ratio=remaining_ratio(budget),
        remaining_seconds=float(
            (allowed - spent) * share.numerator * slo.window.seconds / (allowed * share.denominator)
        ),
        total_seconds=share.numerator * slo.window.seconds / share.denominator,
    )


def remaining_ratio(budget: Budget) -> float:
    """The share that is left, rounded once."""
    allowed, spent = budget.allowed, budget.spent_events
    whole = allowed.numerator * spent.denominator
    return (whole - spent.numerator * allowed.denominator) / whole


def _plain(number: Fraction | int) -> float:
    """A whole number stays one."""
    return int(number) if number.denominator == 1 else float(number)


def _slices(status: SLOStatus) -> SliceFacts | None:
    slicing, slices = status.slo.slicing, status.slices
    if slicing is None or slices is None:
        return None
    return SliceFacts(
        length_seconds=slicing.seconds,
        target_ratio=_ratio(slicing.target),
        no_data=slicing.no_data.value,
        observed=slices.observed,
        bad=_plain(slices.cost),
    )


def _burn(burn: Burn, counts: Counts) -> BurnFacts:
    return BurnFacts(
        lookback=format_duration(burn.lookback),
        lookback_seconds=burn.lookback.total_seconds(),
        rate=_ratio(burn.rate),
        events=_events(counts),
        coverage_ratio=_coverage(burn.window),
    )


def _tier(slo: SLO, reading: TierReading, state: AlertState) -> TierFacts:
    tier = reading.tier
    return TierFacts(
        key=tier.key,
        severity=tier.severity.value,
        state=state.phase.value,
        since=state.since,
        verdict=reading.verdict.value,
        reason=reading.reason,
        factor=float(tier.factor),
        long=_burn(reading.long, reading.long.window.counts),
        # A short window believes only what it saw itself: its rate is of the observed events.
        short=_burn(reading.short, reading.short.window.observed),
        spends_ratio=float(tier.share(slo.window.length)),
        exhausts_seconds=float(slo.window.seconds / tier.factor),
        for_seconds=tier.for_.total_seconds(),
        keep_firing_for_seconds=tier.keep_firing_for.total_seconds(),
        note=tier.note,
        evidence=EvidenceFacts(reading.likelihood, reading.enough_bad),
    )


def _sli(slo: SLO, parts: Sequence[Part]) -> SLIFacts:
    match slo.sli:
        case ProbeSLI():
            return SLIFacts("probe", slo.collector_id, (), (), ())
        case EventsSLI(total=total, bad=bad, good=good):
            return SLIFacts(
                "events",
                slo.collector_id,
                tuple(map(str, total)),
                tuple(map(str, bad)),
                tuple(map(str, good)),
            )
        case HistogramSLI(histograms=histograms, total=total, good=good, below=below):
            return SLIFacts(
                "histogram",
                slo.collector_id,
                tuple(map(str, total)),
                (),
                tuple(map(str, good)),
                tuple(map(str, histograms)),
                "below",
                float(below.value),
            )
        case GaugeSLI(metric=metric, side=side, threshold=threshold):
            return SLIFacts(
                "gauge",
                slo.collector_id,
                (),
                (),
                (),
                tuple(map(str, metric)),
                side.value,
                float(threshold.value),
            )
        case QuorumSLI() | CompositeSLI():
            return _derived(slo.sli, {part.id: part for part in parts})


def _derived(sli: DerivedSLI, parts: Mapping[str, Part]) -> SLIFacts:
    components: Mapping[str, Component] = {}
    bad_at, kind = None, "quorum"
    if isinstance(sli, QuorumSLI):
        bad_at = sli.bad_at
    else:
        components = {one.sli_id: one for one in sli.components}
        kind = "weighted" if sli.weighted else "all"
    return SLIFacts(
        kind=kind,
        collector=None,
        total=(),
        bad=(),
        good=(),
        parts=tuple(_part(one, components.get(one), parts.get(one)) for one in sli.parts),
        bad_at=bad_at,
        slice_seconds=sli.slice.total_seconds(),
    )


def _part(part_id: str, component: Component | None, told: Part | None) -> PartFacts:
    return PartFacts(
        id=part_id,
        weight=component.weight if component else None,
        target_ratio=float(component.target) if component else None,
        bad=told.bad if told else None,
        alone=told.alone if told else None,
        hour=_events(told.hour) if told else None,
    )


def _alert(alert: Alert) -> AlertFacts:
    evidence = _fields(alert.facts)
    headline, reason = evidence.pop("headline"), evidence.pop("reason")
    return AlertFacts(
        id=alert.id,
        rule=alert.rule,
        slo=None if is_of_rule(alert.rule) else f"{alert.service}/{alert.slo}",
        kind=alert.kind.value,
        severity=alert.severity.value,
        started_at=alert.started_at,
        ended_at=alert.ended_at,
        headline=headline,
        reason=reason,
        evidence=evidence,
    )


def _notification(notification: Notification, attempts: Sequence[Attempt]) -> NotificationFacts:
    return NotificationFacts(
        id=notification.id,
        receiver=notification.receiver,
        kind=notification.kind.value,
        severity=notification.severity.value,
        state=notification.state.value,
        reason=notification.reason,
        created_at=notification.created_at,
        finished_at=notification.finished_at,
        attempts=tuple(
            AttemptFacts(
                number=attempt.number,
                started_at=attempt.started_at,
                ended_at=attempt.ended_at,
                outcome=attempt.outcome.value if attempt.outcome else None,
                status=attempt.status,
                detail=attempt.detail,
            )
            for attempt in attempts
        ),
    )


def _events(counts: Counts) -> EventFacts:
    return EventFacts(counts.good, counts.bad, counts.unknown, counts.total)


def _coverage(window: WindowCounts) -> float | None:
    return _ratio(window.coverage)


def _ratio(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


def _seconds(length: timedelta | None) -> float | None:
    return None if length is None else length.total_seconds()


def _fields(value: "DataclassInstance") -> dict[str, Any]:
    """A dataclass's own fields, not copied: what a larger one of the same family begins with."""
    return {one.name: getattr(value, one.name) for one in fields(value)}
