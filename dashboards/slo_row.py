"""An SLO in one row: what the list, the overview and a service's page show of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from alerting.incident import Incident, IncidentState
from dashboards import charts, learning, links, states
from dashboards import format as write
from dashboards.charts import Gauge, Sparkline
from dashboards.flow import Flow, flow_of
from dashboards.format import Moment
from dashboards.source import ServiceCard
from dashboards.states import Mark
from slo.alert_state import AlertState
from slo.selector import Matcher
from slo.status import SLOStatus
from slo.units import format_duration

HOUR = timedelta(hours=1)
OPEN = "Open"


@dataclass(frozen=True, slots=True)
class IncidentLink:
    """An open incident, from where it is mentioned."""

    url: str
    word: str  # "Open", or who looks after it
    acknowledge_url: str | None  # None: somebody has it, or it is offered elsewhere

    @property
    def taken(self) -> bool:
        return self.word != OPEN


@dataclass(frozen=True, slots=True)
class SLORow:
    """One SLO, ready to print."""

    topic: str  # its id in the live stream
    url: str
    name: str
    variant: str  # "99.99 % over 30d", where its name is that of several
    service: str
    service_url: str
    owner: str | None
    runbook: str | None
    marks: tuple[Mark, ...]
    why: str
    since: Moment | None
    objective: str
    window: str
    sli: str
    coverage: str  # how much of what was due was observed, where that is not all of it
    bounds: str  # with unknown events: between what the SLI may lie
    flow: Flow
    budget: str
    budget_time: str
    gauge: Gauge | None
    burn: str
    burn_lookback: str
    forecast: str
    incident: IncidentLink | None
    spark: Sparkline | None
    silence_url: str  # the form for a silence, filled in for its alerts


def slo_row(
    status: SLOStatus,
    *,
    card: ServiceCard | None,
    alert_states: Mapping[str, AlertState],
    incident: Incident | None,
    now: datetime,
    lookback: timedelta = HOUR,
    spark: Sparkline | None = None,
    flow: Flow | None = None,
) -> SLORow:
    """The row of one SLO. `incident` is the open one that it stands in."""
    slo, budget = status.slo, status.budget
    burn = status.burn(lookback)
    flow = flow or flow_of(status, None, now)
    since = states.firing_since(alert_states)
    return SLORow(
        topic=slo.id,
        url=links.slo_url(slo.id),
        name=slo.name,
        variant=f"{write.objective(slo.objective)} over {slo.window.label}" if slo.variant else "",
        service=slo.service,
        service_url=links.service_url(slo.service),
        owner=card.owner if card else None,
        runbook=links.safe_external(card.runbook) if card else None,
        marks=states.marks(status),
        why=why(status, flow),
        since=write.moment(since, now) if since else None,
        objective=write.objective(slo.objective),
        window=slo.window.label,
        sli=write.sli(status.sli, slo.objective),
        coverage=_coverage(status),
        bounds=bounds(status),
        flow=flow,
        budget=learning.budget(status),
        budget_time=learning.budget_time(status),
        gauge=charts.gauge(budget.remaining if budget and not learning.learns(status) else None),
        burn=write.burn(burn.rate if burn else None),
        burn_lookback=format_duration(lookback),
        forecast=forecast(status, now),
        incident=incident_link(incident) if incident else None,
        spark=spark,
        silence_url=links.silencing_url(
            f"{Matcher('service', '=', slo.service)}, {Matcher('slo', '=', slo.name)}"
        ),
    )


@dataclass(frozen=True, slots=True)
class RowFacts:
    """What the row of one SLO is told from, beside the time."""

    status: SLOStatus
    card: ServiceCard | None
    alert_states: Mapping[str, AlertState]
    incident: Incident | None  # the open one that it stands in
    spark: Sparkline | None
    flow: Flow

    def row(self, now: datetime, lookback: timedelta = HOUR) -> SLORow:
        return slo_row(
            self.status,
            card=self.card,
            alert_states=self.alert_states,
            incident=self.incident,
            now=now,
            lookback=lookback,
            spark=self.spark,
            flow=self.flow,
        )

    def shown(self, now: datetime) -> tuple[object, ...]:
        """All that a list shows of it: as long as this is equal, so is what is printed."""
        since = states.firing_since(self.alert_states)
        return (
            self.status,
            self.card,
            self.incident,
            self.spark,
            None if self.flow.flows else self.flow,
            write.ago(since, now) if since else None,
            now.astimezone(UTC).date(),  # today's times are told without their date
        )


def incident_link(incident: Incident) -> IncidentLink:
    """How an open incident is mentioned."""
    acknowledged = incident.state is IncidentState.ACKNOWLEDGED
    return IncidentLink(
        url=links.incident_url(incident.id),
        word=f"{incident.acknowledged_by} is on it" if acknowledged else OPEN,
        acknowledge_url=None if acknowledged else f"{links.incident_url(incident.id)}/acknowledge",
    )


def foremost(incidents: Iterable[Incident]) -> IncidentLink | None:
    """The open one that nobody has yet, else any that is open; `incidents` are newest first."""
    found = sorted(
        (one for one in incidents if one.open),
        key=lambda one: one.state is IncidentState.ACKNOWLEDGED,
    )
    return incident_link(found[0]) if found else None


def forecast(status: SLOStatus, now: datetime) -> str:
    """When the budget is gone at the last hour's pace, in a few words."""
    if status.budget is None or not status.forecast.known or learning.learns(status):
        return "not known"
    if status.budget.remaining <= 0:
        return "spent"
    if status.forecast.at is None:
        return "lasts"
    return f"runs out {write.stamp(status.forecast.at, now)}"


def _coverage(status: SLOStatus) -> str:
    """Beside the SLI; full coverage needs no words, and without any the SLI itself is none."""
    seen = status.window.coverage
    return "" if seen is None or seen >= 1 else f"coverage {write.coverage(seen)}"


def bounds(status: SLOStatus) -> str:
    """Between what the SLI lies, were all unknown events bad, or good; nothing where that is it."""
    if status.sli is None or status.sli_bounds is None or not status.window.counts.unknown:
        return ""
    low, high = (write.sli(bound, status.slo.objective) for bound in status.sli_bounds)
    return f"{low} to {high}" if low != high else ""


def why(status: SLOStatus, flow: Flow) -> str:
    """What is happening behind the first mark, in one clause; the budget is told beside it."""
    first = states.marks(status)[0]
    hour = status.burn(HOUR)
    if first is states.FAILING:
        return failing(status)
    if first in (states.STALE, states.NO_DATA) and not flow.flows:
        return flow.clause
    if first is states.LEARNING:
        return learning.seen_so_far(status)
    if first in (states.STALE, states.NO_DATA):
        return first.means
    if hour is None or hour.rate is None:
        return "no events in the last hour"
    if not hour.rate:
        return "nothing burned in the last hour"
    return f"burning {write.burn(hour.rate)} over 1h"


def failing(status: SLOStatus) -> str:
    """What fails, of an SLO that no rule may judge yet."""
    if not status.burns:
        return states.FAILING.means
    brief = status.burns[0]
    counts = brief.window.counts
    return (
        f"{write.count(counts.bad)} of {write.count(counts.total)} failed in the last "
        f"{format_duration(brief.lookback)}; too early to judge"
    )


def open_incidents(
    incidents: Sequence[Incident], slos: Mapping[str, Sequence[str]]
) -> dict[str, Incident]:
    """By SLO id, the open incident that it stands in; the untaken one before the other."""
    found: dict[str, Incident] = {}
    for incident in incidents:
        for name in slos.get(incident.id, ()) if incident.open else ():
            slo_id = f"{incident.service}/{name}"
            if slo_id not in found or incident.state is IncidentState.TRIGGERED:
                found[slo_id] = incident
    return found
