"""The page of one SLO: decide, understand, prove."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from types import MappingProxyType

from alerting.incident import Incident
from dashboards import charts, learning, links, made_of, slo_row, states
from dashboards import format as write
from dashboards.charts import Gauge
from dashboards.counted import noun
from dashboards.coverage import coverage, excluded_now
from dashboards.flow import Flow, flow_of
from dashboards.format import Moment
from dashboards.made_of import MadeOf
from dashboards.run_row import FEW_RUNS, MOST_RUNS, RunRow, runs, runs_note
from dashboards.slo_address import address
from dashboards.slo_charts import (
    Chart,
    budget_chart,
    burn_chart,
    events_chart,
    opened_rule,
    sli_chart,
    threshold_label,
)
from dashboards.slo_definition import definition
from dashboards.slo_row import HOUR, IncidentLink
from dashboards.source import CollectorHealth, Point, ServiceCard
from dashboards.span import RangeLink, Span, SpanView
from dashboards.states import Mark
from dashboards.stretch import FIVE_MINUTES
from dashboards.tier_row import TierRow, tier_row
from slo.alert_state import AlertState
from slo.definition import SLO, ProbeSLI
from slo.outlook import Outlook
from slo.selector import Matcher
from slo.severity import Severity
from slo.slice_history import SliceHistory
from slo.status import SLOStatus

NOTHING_ASKED: Mapping[str, str] = MappingProxyType({})
NOBODY_KNOWN: Mapping[Severity, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class TileView:
    """One of the four figures at the top."""

    name: str
    value: str
    note: str
    tone: str  # good, warn, bad or plain
    gauge: Gauge | None = None


@dataclass(frozen=True, slots=True)
class CauseRow:
    """What made events bad."""

    cause: str
    count: str
    share: str
    width: str  # of 100


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the objectives and windows that an SLI has."""

    word: str
    url: str
    marks: tuple[Mark, ...]
    chosen: bool


@dataclass(frozen=True, slots=True)
class SLOView:
    """Everything the page prints."""

    topic: str
    name: str
    service: str
    service_title: str
    service_url: str
    owner: str | None
    runbook: str | None
    labels: tuple[tuple[str, str], ...]
    marks: tuple[Mark, ...]
    variants: tuple[Variant, ...]
    sentence: str
    incident: IncidentLink | None
    tiles: tuple[TileView, ...]
    budget_chart: Chart | None  # None: it is still being learnt
    burn_chart: Chart
    sli_chart: Chart | None  # None: what is judged are slices
    events_chart: Chart
    bar: SpanView
    causes: tuple[CauseRow, ...]
    causes_note: str
    rules: tuple[RangeLink, ...]  # which of them the burn chart opens
    tiers: tuple[TierRow, ...]
    made_of: MadeOf | None
    flow: Flow
    runs_title: str
    runs: tuple[RunRow, ...]
    runs_note: str
    runs_url: str | None  # with all, or with few again
    runs_word: str
    exclusions_url: str
    why_url: str
    silence_url: str | None
    excluded_now: str | None
    coverage: tuple[tuple[str, str], ...]
    definition: tuple[tuple[str, str], ...]
    yaml: str | None
    at: Moment


def variants(status: SLOStatus, siblings: Sequence[SLOStatus]) -> tuple[Variant, ...]:
    """The objectives and windows of one SLI, where there are several; in the file's order."""
    if len(siblings) < 2:  # itself
        return ()
    return tuple(
        Variant(
            f"{write.objective(one.slo.objective)} over {one.slo.window.label}",
            links.slo_url(one.slo.id),
            states.marks(one),
            one.slo.id == status.slo.id,
        )
        for one in siblings
    )


def slo_view(
    status: SLOStatus,
    *,
    siblings: Sequence[SLOStatus],
    card: ServiceCard | None,
    alert_states: Mapping[str, AlertState],
    incident: Incident | None,
    collector: CollectorHealth | None,
    components: Sequence[SLOStatus] = (),
    vantages: Sequence[CollectorHealth] = (),
    window_points: Sequence[Point],
    range_points: Sequence[Point],
    span: Span,
    bar: SpanView,
    now: datetime,
    past: bool = False,
    flow: Flow | None = None,
    slices: SliceHistory | None = None,
    asked: Mapping[str, str] = NOTHING_ASKED,
    told: Mapping[Severity, str] = NOBODY_KNOWN,
    yaml: str | None = None,
    outlook: Outlook | None = None,
) -> SLOView:
    """The page at `now`. The points are those of `stretch()` of the window and of the `span`.

    `siblings` are the SLOs of the same SLI, itself included. `past`: it is not now any more.
    `slices` are those of the window and the span, where they are what is counted. `asked` is what
    the address says, `told` who is told of a severity, `yaml` the definition.
    """
    slo = status.slo
    flow = flow or flow_of(status, None, now)
    opened = opened_rule(status, alert_states, asked.get("rule"))
    whole = asked.get("runs") == "all"
    most = MOST_RUNS if whole else FEW_RUNS
    return SLOView(
        topic=slo.id,
        name=slo.name,
        service=slo.service,
        service_title=card.title if card else slo.service,
        service_url=links.service_url(slo.service),
        owner=card.owner if card else None,
        runbook=links.safe_external(card.runbook) if card else None,
        labels=tuple(card.labels.items()) if card else (),
        marks=states.marks(status),
        variants=variants(status, siblings),
        sentence=sentence(status, now),
        incident=slo_row.incident_link(incident) if incident else None,
        tiles=tiles(status, now),
        budget_chart=(
            None
            if learning.learns(status)
            else budget_chart(status, window_points, slices, now, outlook)
        ),
        burn_chart=burn_chart(status, range_points, slices, span, alert_states, now, opened),
        sli_chart=sli_chart(status, range_points, span, now),
        events_chart=events_chart(status, range_points, span, now),
        bar=bar,
        causes=causes(status),
        causes_note=_causes_note(status),
        rules=rule_links(status, opened, asked),
        tiers=tuple(
            tier_row(
                status,
                reading,
                alert_states.get(reading.tier.key, AlertState()),
                now,
                told=told.get(reading.tier.severity, ""),
                chart_url=address(slo, asked, {"rule": reading.tier.key}) + "#chart-burn",
                opened=reading.tier.key == opened,
            )
            for reading in status.tiers
        ),
        made_of=made_of.view(status, components, vantages, now),
        flow=flow,
        runs_title="Probe results" if isinstance(slo.sli, ProbeSLI) else "Collector runs",
        runs=runs(collector, now, most),
        runs_note=runs_note(slo, collector, most, past=past),
        runs_url=(
            address(slo, asked, {"runs": None if whole else "all"}) + "#runs"
            if collector is not None and len(collector.recent) > FEW_RUNS
            else None
        ),
        runs_word=f"Show {FEW_RUNS}" if whole else "Show all",
        exclusions_url=links.exclusions_url(slo.sli_id),
        why_url=links.why_url(slo.id),
        silence_url=None if past else links.silencing_url(_matchers(slo)),
        excluded_now=excluded_now(status, now),
        coverage=coverage(status, now),
        definition=definition(slo),
        yaml=yaml,
        at=write.moment(status.at, now),
    )


def rule_links(
    status: SLOStatus, opened: str | None, asked: Mapping[str, str]
) -> tuple[RangeLink, ...]:
    """The rules to choose from over the burn chart, and all of them; none where there is one."""
    if len(status.tiers) < 2:
        return ()
    slo = status.slo
    return (
        RangeLink(
            "All rules", address(slo, asked, {"rule": "all"}) + "#chart-burn", opened is None
        ),
        *(
            RangeLink(
                threshold_label(one),
                address(slo, asked, {"rule": one.tier.key}) + "#chart-burn",
                one.tier.key == opened,
            )
            for one in status.tiers
        ),
    )


def _matchers(slo: SLO) -> str:
    """All that this SLO raises, as a silence names it."""
    said = {"service": slo.service, "slo": slo.name}
    return ", ".join(str(Matcher(name, "=", value)) for name, value in said.items())


def sentence(status: SLOStatus, now: datetime) -> str:
    """How it stands, in one plain sentence."""
    slo, hour = status.slo, status.burn(HOUR)
    what = noun(slo)
    if status.budget is None:
        unknown = status.window.counts.unknown
        if unknown:
            return (
                f"Nothing can be said: all {write.count(unknown)} {noun(slo, unknown)} of "
                f"{slo.window.phrase} are unknown, because we failed to look."
            )
        return f"No {what} in {slo.window.phrase}: there is nothing to judge yet."
    counts = hour.window.counts if hour else None
    if counts is None or hour is None or not counts.total:
        lead = f"No {what} in the last hour"
    elif not counts.bad:
        lead = f"None of {write.count(counts.total)} {what} failed in the last hour"
    else:
        lead = (
            f"{write.count(counts.bad)} of {write.count(counts.total)} {what} failed in the last "
            f"hour ({write.share(counts.bad_ratio)}): burning {write.burn(hour.rate)}"
        )
    remaining = status.budget.remaining
    period = write.window_name(slo.window)
    if remaining < 0:
        over = write.budget_time(status.budget.remaining_time(slo))
        budget = f"the {period} budget is spent, {over}"
    elif remaining == 0:
        budget = f"the {period} budget is spent exactly"
    else:
        budget = f"{write.budget(remaining)} of the {period} budget left"
    if learning.learns(status):
        return f"{lead}; {learning.sentence(status, what, now)}."
    return f"{lead}; {budget}{_outlook(status, now)}."


def _outlook(status: SLOStatus, now: datetime) -> str:
    if status.budget is None or status.budget.remaining <= 0 or not status.forecast.known:
        return ""
    if status.forecast.at is None:
        return "; at this pace it lasts"
    return f"; at this pace it runs out {write.ago(status.forecast.at, now)}"


def tiles(status: SLOStatus, now: datetime) -> tuple[TileView, ...]:
    """SLI, budget, burn, forecast."""
    return (_sli_tile(status), _budget_tile(status), _burn_tile(status), _outlook_tile(status, now))


def _sli_tile(status: SLOStatus) -> TileView:
    slo = status.slo
    met = status.sli is not None and status.sli >= Fraction(slo.objective.share)
    tone = "plain" if status.sli is None else "good" if met else "bad"
    note = (
        f"objective {write.objective(slo.objective)} over {slo.window.label}; "
        f"coverage {write.coverage(status.window.coverage)}"
    )
    if bounds := slo_row.bounds(status):
        note += f"; {bounds} with the unknown"
    return TileView("SLI", write.sli(status.sli, slo.objective), note, tone)


def _budget_tile(status: SLOStatus) -> TileView:
    slo, budget = status.slo, status.budget
    whole = timedelta(seconds=float(slo.objective.budget_share * slo.window.seconds))
    if budget is None:
        return TileView("Budget left", write.NO_DATA, f"of {write.span(whole)}", "plain")
    if learning.learns(status):
        return TileView("Budget left", learning.WORD, learning.seen_so_far(status), "plain")
    left = write.budget_time(budget.remaining_time(slo))
    tone = "bad" if budget.remaining <= 0 else "warn" if budget.remaining < Fraction(1, 4) else ""
    return TileView(
        "Budget left",
        write.budget(budget.remaining),
        f"{left}; the whole is {write.span(whole)}"
        if budget.remaining < 0
        else f"{left} of {write.span(whole)}",
        tone or "good",
        charts.gauge(budget.remaining),
    )


def _burn_tile(status: SLOStatus) -> TileView:
    hour, brief = status.burn(HOUR), status.burn(FIVE_MINUTES)
    rate = hour.rate if hour else None
    tone = "plain" if rate is None else "warn" if rate > 1 else "good"
    if any(mark is states.BURNING_FAST for mark in states.marks(status)):
        tone = "bad"
    five = brief.rate if brief else None
    if rate is None and five is None:
        note = "no events in the last hour"
    else:
        note = f"over 1h; {write.burn(five)} over 5m"
    return TileView("Burn rate", write.burn(rate), note, tone)


def _outlook_tile(status: SLOStatus, now: datetime) -> TileView:
    if status.budget is None or not status.forecast.known:
        return TileView("Budget runs out", "not known", "nothing to go on from", "plain")
    if learning.learns(status):
        return TileView("Budget runs out", "not known", "it is still being learnt", "plain")
    if status.budget.remaining <= 0:
        return TileView("Budget runs out", "spent", "it comes back as bad events age out", "bad")
    if status.forecast.at is None:
        return TileView("Budget runs out", "lasts", "at the last hour's pace", "good")
    soon = status.forecast.at - now < timedelta(days=3)
    return TileView(
        "Budget runs out",
        write.ago(status.forecast.at, now),
        f"{write.stamp(status.forecast.at, now)}, at the last hour's pace",
        "bad" if soon else "warn",
    )


# --- causes ---------------------------------------------------------------------------------------


def causes(status: SLOStatus) -> tuple[CauseRow, ...]:
    """The window's bad events by cause, largest first."""
    total = sum(status.causes.values())
    ordered = sorted(status.causes.items(), key=lambda item: (-item[1], item[0]))
    most = ordered[0][1] if ordered else 0
    return tuple(
        CauseRow(cause, write.count(n), write.share(Fraction(n, total)), f"{n / most * 100:.2f}")
        for cause, n in ordered
        if n
    )


def _causes_note(status: SLOStatus) -> str:
    bad = status.window.counts.bad
    if not bad:
        return f"No bad {noun(status.slo)} in the window: nothing to explain."
    if not status.causes:
        return f"The causes of the {write.count(bad)} bad {noun(status.slo)} are not recorded."
    return f"What made {noun(status.slo)} bad in {status.slo.window.phrase}."
