"""What is known of SLOs and services, as plain values with units in their names.

The API and the exporter print these, and the likes of them beside this. Ratios and rates are the
exact fractions as the nearest float, never rounded for display. None means that nothing is known.
Times are aware UTC.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from alerting.shadow import ShadowSummary
from dashboards import states
from dashboards.event_facts import EventFacts, event_facts
from dashboards.flow import Flow, FlowState
from dashboards.glance import Glance
from dashboards.plain import fields_of, number, ratio
from dashboards.sli_facts import SLIFacts, sli_facts
from dashboards.source import ServiceCard
from dashboards.states import Standing
from slo.alert_state import AlertState
from slo.counts import Counts
from slo.definition import SLO
from slo.outlook import ENOUGH_WEEKS, Outlook
from slo.status import Budget, BudgetState, Burn, NowState, SLOStatus, TierReading
from slo.units import format_duration
from slo.versions import Version

STATES = (*BudgetState, *NowState)


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
    not: target_down, collector_down, series_missing, waiting (its first slice is not over yet);
    stopped where why is not kept.
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
        sli_ratio=ratio(status.sli),
        sli_lowest_ratio=ratio(lowest),
        sli_highest_ratio=ratio(highest),
        events=event_facts(status.window.counts),
        coverage_ratio=ratio(status.window.coverage),
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
        sli_ratio=ratio(raw.sli),
        events=event_facts(raw.window.counts),
        excluded=event_facts(status.excluded),
        spent_ratio=ratio(raw.budget.spent) if raw.budget else None,
        remaining_ratio=ratio(raw.budget.remaining) if raw.budget else None,
    )


def outlook_facts(slo: SLO, outlook: Outlook) -> OutlookFacts:
    """The facts of what will be left."""
    return OutlookFacts(
        slo=slo.id,
        end=outlook.end,
        weeks=outlook.weeks,
        weeks_needed=ENOUGH_WEEKS,
        lowest_ratio=ratio(outlook.lowest),
        middle_ratio=ratio(outlook.middle),
        highest_ratio=ratio(outlook.highest),
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
        **fields_of(slo_facts(status, card, flow)),
        runbook=card.runbook if card else None,
        labels=card.labels if card else {},
        sli=sli_facts(slo, status.parts),
        tiers=tuple(
            _tier(slo, reading, rules.get(reading.tier.key, AlertState()))
            for reading in status.tiers
        ),
        no_data_state=no_data.phase.value,
        no_data_since=no_data.since,
        no_data_after_seconds=slo.no_data_after.total_seconds(),
        lifetime=event_facts(status.lifetime),
        observations_seen=status.window.seen,
        observations_due=status.window.due,
        watched_since=status.watched_since,
        causes=dict(status.causes),
        anomalies=dict(status.anomalies),
        method=status.slo.method,
        slices=_slices(status),
        notices=tuple(float(mark) for mark in slo.notices),
        shadow=None if shadow is None else ShadowFacts(**fields_of(shadow)),
        version=version,
    )


def count_states(statuses: Iterable[Standing]) -> dict[str, int]:
    """How many SLOs are in each state; every SLO counts in its budget's and in its now state."""
    counts = dict.fromkeys((state.value for state in STATES), 0)
    for status in statuses:
        counts[status.budget_state.value] += 1
        counts[status.now_state.value] += 1
    return counts


def service_facts(card: ServiceCard, own: Sequence[Glance]) -> ServiceFacts:
    """A service and the standing of its own SLOs, worst first."""
    return ServiceFacts(
        name=card.name,
        title=card.title,
        owner=card.owner,
        runbook=card.runbook,
        labels=card.labels,
        slos=card.slo_ids,
        collectors=card.collectors,
        worst=own[0].marks[0].key if own else None,
        states=count_states(own),
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
        spent_events=number(budget.spent_events),
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


def _slices(status: SLOStatus) -> SliceFacts | None:
    slicing, slices = status.slo.slicing, status.slices
    if slicing is None or slices is None:
        return None
    return SliceFacts(
        length_seconds=slicing.seconds,
        target_ratio=ratio(slicing.target),
        no_data=slicing.no_data.value,
        observed=slices.observed,
        bad=number(slices.cost),
    )


def _burn(burn: Burn, counts: Counts) -> BurnFacts:
    return BurnFacts(
        lookback=format_duration(burn.lookback),
        lookback_seconds=burn.lookback.total_seconds(),
        rate=ratio(burn.rate),
        events=event_facts(counts),
        coverage_ratio=ratio(burn.window.coverage),
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
