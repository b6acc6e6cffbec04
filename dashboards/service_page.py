"""The page of one service, and the plain list of all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from alerting.incident import Incident
from collectors.observation import Outcome
from dashboards import format as write
from dashboards import links, slo_row, states
from dashboards.charts import Sparkline
from dashboards.flow import FlowOf
from dashboards.format import Moment
from dashboards.glance import Roll, census
from dashboards.incident_page import IncidentRow, incident_rows
from dashboards.rule_row import RuleRow, firing, rule_rows
from dashboards.slo_row import IncidentLink, SLORow
from dashboards.source import CollectorHealth, ServiceCard
from dashboards.states import Mark
from slo.alert_state import AlertState
from slo.rule_status import RuleStatus
from slo.selector import Matcher
from slo.status import SLOStatus
from slo.units import format_duration

_RULES_NAMED = 5


@dataclass(frozen=True, slots=True)
class CollectorRow:
    """How one collector of the service is doing."""

    id: str
    kind: str
    target: str
    interval: str
    outcome: str  # passed, failed, unknown or none
    word: str
    detail: str
    last: Moment | None
    took: str
    lateness: str
    runs: str


@dataclass(frozen=True, slots=True)
class ServiceView:
    """Everything the page prints."""

    name: str
    title: str
    owner: str | None
    runbook: str | None
    labels: tuple[tuple[str, str], ...]
    mark: Mark | None
    incident: IncidentLink | None  # the open one that is to be looked at first
    silence_url: str | None
    sentence: str
    rows: tuple[SLORow, ...]
    rules: tuple[RuleRow, ...]
    collectors: tuple[CollectorRow, ...]
    incidents: tuple[IncidentRow, ...]
    incidents_url: str


@dataclass(frozen=True, slots=True)
class ServiceLine:
    """A service in the list of all."""

    name: str
    title: str
    url: str
    owner: str | None
    marks: tuple[tuple[Mark, int], ...]
    slos: str
    labels: tuple[tuple[str, str], ...]


def service_view(
    card: ServiceCard,
    *,
    statuses: Sequence[SLOStatus],
    rules: Sequence[RuleStatus] = (),
    alert_states: Mapping[str, Mapping[str, AlertState]],
    incidents: Sequence[Incident],
    slos: Mapping[str, Sequence[str]],
    collectors: Sequence[CollectorHealth],
    sparks: Mapping[str, Sparkline],
    now: datetime,
    past: bool = False,
    flows: FlowOf | None = None,
) -> ServiceView:
    """The page at `now`; `statuses`, worst first, and `incidents` are its own.

    `slos` are by incident.

    `past`: it is not now any more.
    """
    open_ = slo_row.open_incidents(incidents, slos)
    return ServiceView(
        name=card.name,
        title=card.title,
        owner=card.owner,
        runbook=links.safe_external(card.runbook),
        labels=tuple(card.labels.items()),
        mark=states.marks(statuses[0])[0] if statuses else None,
        incident=slo_row.foremost(incidents),
        silence_url=None if past else links.silencing_url(str(Matcher("service", "=", card.name))),
        sentence=sentence(statuses, rules),
        rows=tuple(
            slo_row.slo_row(
                status,
                card=card,
                alert_states=alert_states.get(status.slo.id, {}),
                incident=open_.get(status.slo.id),
                now=now,
                spark=sparks.get(status.slo.id),
                flow=flows(status) if flows else None,
            )
            for status in statuses
        ),
        rules=rule_rows(rules, now),
        collectors=tuple(
            collector_row(each, now, past=past) for each in collectors if each.id in card.collectors
        ),
        incidents=incident_rows(incidents, slos, now),
        incidents_url=links.with_query("/incidents", service=card.name),
    )


def sentence(statuses: Sequence[SLOStatus], rules: Sequence[RuleStatus] = ()) -> str:
    """How the service stands: its SLOs counted by state, worst first, and the alerts that fire."""
    return f"{_slo_sentence(statuses)}{_rule_sentence(firing(rules))}"


def _rule_sentence(fire: Sequence[RuleStatus]) -> str:
    if not fire:
        return ""
    names = ", ".join(one.rule.name for one in fire[:_RULES_NAMED])
    return f" {write.plural(len(fire), 'threshold is', 'thresholds are')} crossed: {names}."


def _slo_sentence(statuses: Sequence[SLOStatus]) -> str:
    if not statuses:
        return "This service has no SLO."
    census = states.census(map(states.marks, statuses))
    parts = [
        f"{write.count(census[mark])} {mark.word.lower()}" for mark in states.MARKS if census[mark]
    ]
    return f"{write.plural(len(statuses), 'SLO')}: {', '.join(parts)}."


def collector_row(collector: CollectorHealth, now: datetime, *, past: bool = False) -> CollectorRow:
    """How one collector is doing."""
    last = collector.last
    return CollectorRow(
        id=collector.id,
        kind=collector.kind,
        target=collector.target,
        interval=format_duration(collector.interval),
        outcome=last.outcome.value if last else "none",
        word=_WORDS[last.outcome] if last else "Not kept" if past else "No run yet",
        detail=(last.detail or last.warning or "") if last else "",
        last=write.moment(last.started, now) if last else None,
        took=write.latency(last.duration) if last else "-",
        lateness="-" if collector.lateness is None else write.latency(collector.lateness),
        runs=", ".join(
            f"{write.count(collector.runs[key])} {key}"
            for key in (outcome.value for outcome in Outcome)
            if collector.runs.get(key)
        )
        or ("not kept" if past else "none"),
    )


_WORDS = {Outcome.PASSED: "Passed", Outcome.FAILED: "Failed", Outcome.UNKNOWN: "Unknown"}


def service_lines(services: Sequence[ServiceCard], roll: Roll) -> tuple[ServiceLine, ...]:
    """All services, the worst first, then by name."""
    found: list[tuple[tuple[int, str], ServiceLine]] = []
    for card in services:
        own = roll.by_service.get(card.name, ())
        by_mark = census(own)
        place = own[0].weight[0] if own else len(states.MARKS) * 2
        line = ServiceLine(
            name=card.name,
            title=card.title,
            url=links.service_url(card.name),
            owner=card.owner,
            marks=tuple((mark, by_mark[mark]) for mark in states.MARKS if by_mark[mark]),
            slos=write.plural(len(own), "SLO"),
            labels=tuple(card.labels.items()),
        )
        found.append(((place, card.name), line))
    found.sort(key=lambda pair: pair[0])
    return tuple(line for _, line in found)
