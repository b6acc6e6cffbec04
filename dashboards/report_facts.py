"""A report as plain values and as a table for spreadsheets; what is not known is null, or empty."""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime

from alerting.incident_times import Medians
from dashboards import format as write
from dashboards.plain import fields_of, number, ratio, seconds
from dashboards.report import Group, Incidents, Paging, Report, SLORecord
from dashboards.report_period import ReportPeriod
from dashboards.report_summary import summary
from dashboards.spreadsheet import cell


@dataclass(frozen=True, slots=True)
class ReportedSLO:
    """One objective. `total` events (or slices) of which `cost` were spent of `allowed` ones;
    `spent` is the share of these, 1 is all. `sli_before` is of the period before.
    """

    service: str
    slo: str
    owner: str | None
    objective: str
    window: str
    method: str
    met: bool | None
    sli: float | None
    sli_before: float | None
    total: int
    cost: float
    allowed: float
    spent: float | None
    unknown: int
    coverage: float | None


@dataclass(frozen=True, slots=True)
class ReportedGroup:
    """How many objectives of an owner or a service were met. `change`: how many more were missed
    than before, among those that had data in both periods.
    """

    name: str
    met: int
    missed: int
    no_data: int
    met_before: int | None
    missed_before: int | None
    change: int | None


@dataclass(frozen=True, slots=True)
class ReportedLoss:
    """An interval that burned too fast. `spent`: of the SLO's own budget, that of its window."""

    slo: str
    start: datetime
    end: datetime
    cost: float
    spent: float | None
    causes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ReportedIncident:
    """One that was opened in the period."""

    id: str
    service: str
    severity: str
    opened_at: datetime
    detect_seconds: float | None
    acknowledge_seconds: float | None
    resolve_seconds: float | None


@dataclass(frozen=True, slots=True)
class ReportedPages:
    """Incidents of severity page. `by_hour`: 24 counts, by the report's zone."""

    count: int
    acted_on: int
    at_night: int
    by_hour: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ReportedTimes:
    """How many incidents and pages the period before had, and its medians."""

    incidents: int
    pages: int
    detect_seconds: float | None
    acknowledge_seconds: float | None
    resolve_seconds: float | None


@dataclass(frozen=True, slots=True)
class ReportedReview:
    """SLOs whose objective should be talked about: `service/slo`."""

    always_kept: tuple[str, ...]
    always_missed: tuple[str, ...]
    no_data: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReportedTrend:
    """Of an SLO on a threshold: samples beyond it rise, in shares of all."""

    slo: str
    rise_per_day: float
    latest: float
    days_left: int
    days: int


@dataclass(frozen=True, slots=True)
class ReportedExclusion:
    """A stretch of an SLO that counts for nothing."""

    slo: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """What a day, a week or a month came to. `until`: its end, or now while it goes on.

    `before` is the period before, or as much of it as this one is old; null where nothing is known.
    """

    period: str
    kind: str
    zone: str
    start: datetime
    end: datetime
    until: datetime
    is_over: bool
    owner: str | None
    summary: str
    met: int
    missed: int
    no_data: int
    slos: tuple[ReportedSLO, ...]
    owners: tuple[ReportedGroup, ...]
    services: tuple[ReportedGroup, ...]
    losses: tuple[ReportedLoss, ...]
    more_losses: int
    incidents: tuple[ReportedIncident, ...]
    incidents_complete: bool
    detect_seconds: float | None
    acknowledge_seconds: float | None
    resolve_seconds: float | None
    before: ReportedTimes | None
    pages: ReportedPages
    review: ReportedReview
    outlook: tuple[ReportedTrend, ...]
    excluded: tuple[ReportedExclusion, ...]


@dataclass(frozen=True, slots=True)
class ReportName:
    """A report that there is; one that is not over tells what came so far."""

    period: str
    kind: str
    title: str
    is_over: bool


@dataclass(frozen=True, slots=True)
class ReportList:
    """The newest of each kind first."""

    zone: str
    reports: tuple[ReportName, ...]


def report_facts(made: Report) -> ReportFacts:
    """All of a report."""
    facts, times = made.facts, made.times
    return ReportFacts(
        period=facts.period.slug,
        kind=str(facts.period.kind),
        zone=facts.period.zone.key,
        start=facts.period.start,
        end=facts.period.end,
        until=facts.until,
        is_over=made.is_over,
        owner=facts.owner,
        summary=" ".join(one.replace(write.NBSP, " ") for one in summary(made)),
        met=made.met,
        missed=made.missed,
        no_data=made.no_data,
        slos=tuple(map(_slo, facts.slos)),
        owners=tuple(map(_group, made.owners)),
        services=tuple(map(_group, made.services)),
        losses=tuple(
            ReportedLoss(
                slo=one.slo.id,
                start=one.loss.start,
                end=one.loss.end,
                cost=number(one.loss.cost),
                spent=ratio(one.loss.share),
                causes=dict(one.loss.causes),
            )
            for one in made.losses
        ),
        more_losses=made.more_losses,
        incidents=_incidents(facts.incidents),
        incidents_complete=facts.complete,
        detect_seconds=seconds(times.detect.value),
        acknowledge_seconds=seconds(times.acknowledge.value),
        resolve_seconds=seconds(times.resolve.value),
        before=_before(made.times_before, made.paging_before),
        pages=ReportedPages(
            made.paging.pages, made.paging.acted, made.paging.night, made.paging.by_hour
        ),
        review=ReportedReview(
            always_kept=tuple(slo.id for slo in made.review.always_kept),
            always_missed=tuple(slo.id for slo in made.review.always_missed),
            no_data=tuple(slo.id for slo in made.review.no_data),
        ),
        outlook=tuple(
            ReportedTrend(
                slo=one.slo.id,
                rise_per_day=float(one.per_day),
                latest=float(one.latest),
                days_left=one.days_left,
                days=one.days,
            )
            for one in made.trends
        ),
        excluded=tuple(
            ReportedExclusion(one.slo.id, start, end)
            for one in facts.slos
            for start, end in one.excluded
        ),
    )


def report_list(shown: Iterable[ReportPeriod], zone: str, now: datetime) -> ReportList:
    """Which reports there are."""
    return ReportList(
        zone,
        tuple(ReportName(one.slug, str(one.kind), one.title, one.is_over(now)) for one in shown),
    )


def _slo(one: SLORecord) -> ReportedSLO:
    slo = one.slo
    return ReportedSLO(
        service=slo.service,
        slo=slo.key,
        owner=one.owner,
        objective=slo.objective.label,
        window=slo.window.label,
        method=slo.method,
        met=one.now.met(slo),
        sli=ratio(one.now.sli()),
        sli_before=ratio(one.before.sli()) if one.before else None,
        total=one.now.of,
        cost=number(one.now.cost),
        allowed=number(one.now.allowed(slo)),
        spent=ratio(one.now.spent(slo)),
        unknown=one.now.unknown,
        coverage=ratio(one.now.coverage),
    )


def _group(group: Group) -> ReportedGroup:
    return ReportedGroup(
        name=group.name,
        met=group.met,
        missed=group.missed,
        no_data=group.no_data,
        met_before=group.met_before,
        missed_before=group.missed_before,
        change=group.change,
    )


def _incidents(incidents: Incidents) -> tuple[ReportedIncident, ...]:
    return tuple(
        ReportedIncident(
            id=incident.id,
            service=incident.service,
            severity=str(incident.worst),
            opened_at=incident.opened_at,
            detect_seconds=seconds(took.detect),
            acknowledge_seconds=seconds(took.acknowledge),
            resolve_seconds=seconds(took.resolve),
        )
        for incident, took in incidents
    )


def _before(times: Medians | None, paging: Paging | None) -> ReportedTimes | None:
    if times is None or paging is None:
        return None
    return ReportedTimes(
        incidents=times.incidents,
        pages=paging.pages,
        detect_seconds=seconds(times.detect.value),
        acknowledge_seconds=seconds(times.acknowledge.value),
        resolve_seconds=seconds(times.resolve.value),
    )


def report_csv(made: Report) -> str:
    """A line for each SLO; what is not known is an empty cell."""
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\r\n")  # RFC 4180
    table.writerow(["period", *(one.name for one in fields(ReportedSLO))])
    for slo in map(_slo, made.facts.slos):
        table.writerow([made.facts.period.slug, *map(cell, fields_of(slo).values())])
    return written.getvalue()
