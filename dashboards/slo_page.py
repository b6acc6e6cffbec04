"""The page of one SLO: decide, understand, prove."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from alerting.incident import Incident
from collectors.observation import Observation, Outcome, Phase
from dashboards import charts, learning, links, made_of, slo_row, states
from dashboards import format as write
from dashboards.charts import Gauge
from dashboards.flow import Flow, flow_of
from dashboards.format import Moment
from dashboards.made_of import MadeOf
from dashboards.series import burn_down, burn_down_of_slices
from dashboards.slo_row import HOUR, IncidentLink
from dashboards.source import CollectorHealth, Point, ServiceCard
from dashboards.states import Mark
from slo.alert_state import AlertState
from slo.alert_state import Phase as AlertPhase
from slo.definition import (
    SLO,
    CompositeSLI,
    EventsSLI,
    GaugeSLI,
    HistogramSLI,
    ProbeSLI,
    QuorumSLI,
)
from slo.slice_history import SliceHistory
from slo.slices import NoData, Slicing
from slo.status import SLOStatus, TierReading, Verdict
from slo.units import format_duration
from slo.window import Calendar, Rolling, Window

RANGES = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "window": None,
}
DEFAULT_RANGE = "24h"
TABLE_STEPS = 24
MOST_RUNS = 15
MOST_ANOMALIES = 5
_FIVE_MINUTES = timedelta(minutes=5)
_BUCKET = timedelta(seconds=10)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time cut into steps, for one chart and its table."""

    start: datetime
    end: datetime
    step: timedelta


def stretch(length: timedelta, now: datetime) -> Stretch:
    """The last `length`, in about 24 steps that lie on whole buckets; it reaches up to now."""
    grain = _FIVE_MINUTES if length >= TABLE_STEPS * _FIVE_MINUTES else _BUCKET
    step = max(-(-length // TABLE_STEPS // grain) * grain, grain)
    end = _EPOCH + -(-(now - _EPOCH) // grain) * grain
    steps = -(-length // step)
    return Stretch(end - steps * step, end, step)


def window_length(slo: SLO, now: datetime) -> timedelta:
    """How long the SLO's window is by now: a period of the calendar has only begun at first."""
    if isinstance(slo.window, Rolling):
        return slo.window.length
    elapsed = now - slo.window.start(now)
    return max(-(-elapsed // _FIVE_MINUTES) * _FIVE_MINUTES, _FIVE_MINUTES)


@dataclass(frozen=True, slots=True)
class TileView:
    """One of the four figures at the top."""

    name: str
    value: str
    note: str
    tone: str  # good, warn, bad or plain
    gauge: Gauge | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A chart's numbers as a table."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart: what the browser fetches and draws, and the finding in words for everybody."""

    kind: str  # budget, burn or events
    title: str
    finding: str
    url: str
    options: str  # JSON
    table: Table


@dataclass(frozen=True, slots=True)
class CauseRow:
    """What made events bad."""

    cause: str
    count: str
    share: str
    width: str  # of 100


@dataclass(frozen=True, slots=True)
class TierRow:
    """One burn-rate rule."""

    phase: str
    phase_word: str
    since: Moment | None
    severity: str
    severity_word: str
    threshold: str
    short: str
    long: str
    short_over: bool
    long_over: bool
    reason: str
    at_threshold: str  # how long a full budget lasts there


@dataclass(frozen=True, slots=True)
class PhaseBar:
    """One phase of a probe's run, on a line that is 100 long."""

    name: str
    kind: int  # its place among the phases, which gives its colour
    took: str
    start: str
    length: str


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run of the probe."""

    at: Moment
    time: str
    outcome: str
    word: str
    took: str
    detail: str
    status: str
    bars: tuple[PhaseBar, ...]
    words: str


@dataclass(frozen=True, slots=True)
class RangeLink:
    """A choice of how far the charts look back."""

    word: str
    url: str
    chosen: bool


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
    events_chart: Chart
    ranges: tuple[RangeLink, ...]
    causes: tuple[CauseRow, ...]
    causes_note: str
    tiers: tuple[TierRow, ...]
    made_of: MadeOf | None
    flow: Flow
    learns: bool  # shares of its budget are of what was seen so far
    runs_title: str
    runs: tuple[RunRow, ...]
    runs_note: str
    exclusions_url: str
    excluded_now: str | None
    coverage: tuple[tuple[str, str], ...]
    definition: tuple[tuple[str, str], ...]
    at: Moment


def variants(status: SLOStatus, siblings: Sequence[SLOStatus]) -> tuple[Variant, ...]:
    """The objectives and windows of one SLI, where there are several; in the file's order."""
    if len(siblings) < 2:  # itself
        return ()
    return tuple(
        Variant(
            f"{write.target(one.slo.objective)} over {one.slo.window.label}",
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
    range_key: str,
    now: datetime,
    past: bool = False,
    flow: Flow | None = None,
    slices: SliceHistory | None = None,
) -> SLOView:
    """The page at `now`. The points are those of `stretch()` of the window and of the range.

    `siblings` are the SLOs of the same SLI, itself included. `past`: it is not now any more.
    `slices` are those of the window and the range, where they are what is counted.
    """
    slo = status.slo
    length = RANGES[range_key] or window_length(slo, now)
    flow = flow or flow_of(status, None, now)
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
            None if learning.learns(status) else _budget_chart(status, window_points, slices, now)
        ),
        burn_chart=_burn_chart(status, range_points, slices, length, alert_states, now),
        events_chart=_events_chart(status, range_points, length, now),
        ranges=tuple(
            RangeLink(
                f"Window ({slo.window.label})" if key == "window" else key,
                links.with_query(links.slo_url(slo.id), range="" if key == DEFAULT_RANGE else key),
                key == range_key,
            )
            for key in RANGES
        ),
        causes=causes(status),
        causes_note=_causes_note(status),
        tiers=tuple(
            tier_row(status, reading, alert_states.get(reading.tier.key, AlertState()), now)
            for reading in status.tiers
        ),
        made_of=made_of.view(status, components, vantages, now),
        flow=flow,
        learns=learning.learns(status),
        runs_title="Probe results" if isinstance(slo.sli, ProbeSLI) else "Collector runs",
        runs=_runs(collector, now),
        runs_note=_runs_note(slo, collector, past=past),
        exclusions_url=links.exclusions_url(slo.sli_id),
        excluded_now=_excluded_now(status, now),
        coverage=coverage(status, now),
        definition=_definition(slo),
        at=write.moment(status.at, now),
    )


# --- the sentence and the tiles ------------------------------------------------------------------


def noun(slo: SLO, number: int = 2) -> str:
    """What this SLO's events are called."""
    match slo.sli:
        case ProbeSLI():
            one = "probe"
        case EventsSLI(total=total) if any("request" in each.metric for each in total):
            one = "request"
        case HistogramSLI(total=total) if any("request" in each.metric for each in total):
            one = "request"
        case GaugeSLI():
            one = "sample"
        case QuorumSLI() | CompositeSLI(weighted=False):
            one = "slice"
        case CompositeSLI():
            one = "weighted slice"
        case _:
            one = "event"
    return one if number == 1 else f"{one}s"


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
        f"target {write.target(slo.objective)} over {slo.window.label}; "
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
    hour, brief = status.burn(HOUR), status.burn(_FIVE_MINUTES)
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


# --- charts --------------------------------------------------------------------------------------


def _budget_chart(
    status: SLOStatus, points: Sequence[Point], slices: SliceHistory | None, now: datetime
) -> Chart:
    slo, step = status.slo, _step(points)
    costs: list[Fraction | int] = [point.bad for point in points]
    left_after, what = burn_down(status, points, step, bad_since=0), noun(slo)
    if slices is not None:
        ends = [min(point.start + step, status.at) for point in points]
        costs = [slices.closed(one.start, end).cost for one, end in zip(points, ends, strict=True)]
        left_after, what = burn_down_of_slices(status, slices, ends), "slices"
    rows = tuple(
        (
            _from(status, point, step, now),
            write.NO_DATA if left is None else write.budget(Fraction(left)),
            _cost(cost) if _seen(status, point, step) else write.NO_DATA,
        )
        for point, left, cost in zip(points, left_after, costs, strict=True)
    )
    return Chart(
        kind="budget",
        title=f"Error budget, {slo.window.phrase.removeprefix('the ')}",
        finding=_budget_finding(status, points, costs, now),
        url=_points(slo, window_length(slo, now), "remaining"),
        options=json.dumps({"window": int(window_length(slo, now).total_seconds())}),
        table=Table(("From", "Budget left after", f"Bad {what}"), rows),
    )


def _cost(cost: Fraction | int) -> str:
    """Bad events or slices; of ratio slices, parts of one."""
    return write.count(int(cost)) if cost.denominator == 1 else f"{float(cost):.2f}"


def _budget_finding(
    status: SLOStatus, points: Sequence[Point], costs: Sequence[Fraction | int], now: datetime
) -> str:
    if status.budget is None:
        return "No data in this window."
    watched = [
        (cost, index)
        for index, (point, cost) in enumerate(zip(points, costs, strict=True))
        if _seen(status, point, _step(points))
    ]
    most, worst = max(watched, key=lambda pair: pair[0], default=(0, 0))
    if not most:
        return f"Nothing was spent in this window.{_watched(status, points, now)}"
    lost = write.share(Fraction(most) / status.budget.allowed)
    when = _stretch_of(status, points[worst], _step(points), now)
    return (
        f"{_left(status)} The biggest loss, {lost} of the budget, fell into {when}."
        f"{_watched(status, points, now)}"
    )


def _watched(status: SLOStatus, points: Sequence[Point], now: datetime) -> str:
    """Since when there is anything to draw, where that is not the whole stretch."""
    since = status.watched_since
    if since is None or not points or since <= points[0].start:
        return ""
    return f" Watched since {write.stamp(since, now)}."


def _seen(status: SLOStatus, point: Point, step: timedelta) -> bool:
    """Did anybody watch in this step?"""
    return status.watched_since is not None and point.start + step > status.watched_since


def _from(status: SLOStatus, point: Point, step: timedelta, now: datetime) -> str:
    """Where a step begins; that of the running one says that it is not over."""
    said = write.stamp(point.start, now, seconds=bool(step % timedelta(minutes=1)))
    return f"{said}, so far" if point.start + step > status.at else said


def _count(status: SLOStatus, point: Point, number: int, step: timedelta) -> str:
    return write.count(number) if _seen(status, point, step) else write.NO_DATA


def _stretch_of(status: SLOStatus, point: Point, step: timedelta, now: datetime) -> str:
    """A step as a stretch of time in which somebody watched."""
    start, end = point.start, min(point.start + step, status.at)
    if status.watched_since is not None:
        start = max(start, min(status.watched_since, end))
    return write.between(start, end, now)


def _left(status: SLOStatus) -> str:
    if status.budget is None:
        return ""
    if learning.learns(status):
        return "The budget is still being learnt."
    if status.budget.remaining < 0:
        over = write.budget_time(status.budget.remaining_time(status.slo))
        return f"The budget is spent, {over}."
    return f"{write.budget(status.budget.remaining)} is left."


def _burn_chart(
    status: SLOStatus,
    points: Sequence[Point],
    slices: SliceHistory | None,
    length: timedelta,
    alert_states: Mapping[str, AlertState],
    now: datetime,
) -> Chart:
    slo = status.slo
    step = _step(points)
    rates = [_rate(slo, point) for point in points]
    if slices is not None:
        rates = [_slice_rate(slo, point, slices, min(point.start + step, now)) for point in points]
    known = [(rate, index) for index, rate in enumerate(rates) if rate]
    if known:
        rate, index = max(known)
        when = _stretch_of(status, points[index], step, now)
        finding = f"The fastest stretch, {when}, burned {write.burn(rate)}."
    elif any(rate is not None for rate in rates):
        finding = "Nothing burned."
    else:
        finding = "No data in this stretch."
    firing = [reading for reading in status.tiers if _fires(alert_states, reading)]
    if firing:
        finding += " Firing now: " + ", ".join(_threshold_label(each) for each in firing) + "."
    return Chart(
        kind="burn",
        title=f"Burn rate, last {format_duration(length)}",
        finding=finding,
        url=_points(slo, length, "burn", step=_line_step(length)),
        options=json.dumps(
            {
                "tiers": [
                    {
                        "factor": float(reading.tier.factor),
                        "label": _threshold_label(reading),
                        "severity": reading.tier.severity.value,
                        "long": format_duration(reading.tier.long),
                        "short": format_duration(reading.tier.short),
                        "firing": _fires(alert_states, reading),
                        "since": _epoch(alert_states.get(reading.tier.key)),
                    }
                    for reading in status.tiers
                ]
            }
        ),
        table=Table(
            ("From", f"Burn rate over {write.length(step)}"),
            tuple(
                (_from(status, point, step, now), write.burn(rate))
                for point, rate in zip(points, rates, strict=True)
            ),
        ),
    )


def _events_chart(
    status: SLOStatus, points: Sequence[Point], length: timedelta, now: datetime
) -> Chart:
    slo = status.slo
    good, bad, unknown = (
        sum(getattr(point, name) for point in points) for name in ("good", "bad", "unknown")
    )
    if good + bad:
        finding = (
            f"{write.count(bad)} of {write.count(good + bad)} {noun(slo)} failed "
            f"({write.share(Fraction(bad, good + bad))})"
        )
    else:
        finding = f"No {noun(slo)}"
    if unknown:
        finding += f"; {write.count(unknown)} unknown, because we failed to look"
    step = _step(points)
    return Chart(
        kind="events",
        title=f"{noun(slo).capitalize()}, last {format_duration(length)}",
        finding=f"{finding}.{_watched(status, points, now)}",
        url=_points(slo, length, None, step=_bar_step(length)),
        options=json.dumps({"noun": noun(slo)}),
        table=Table(
            ("From", "Good", "Bad", "Unknown"),
            tuple(
                (
                    _from(status, point, step, now),
                    *(
                        _count(status, point, number, step)
                        for number in (point.good, point.bad, point.unknown)
                    ),
                )
                for point in points
            ),
        ),
    )


def _points(slo: SLO, length: timedelta, include: str | None, step: timedelta | None = None) -> str:
    """The address of a chart's data, up to whenever it is fetched."""
    return links.with_query(
        links.points_url(slo.id),
        start=f"now-{format_duration(length)}",
        include=include,
        step=format_duration(step) if step else None,
    )


def _line_step(length: timedelta) -> timedelta | None:
    """Five minutes for days: a whole part of every lookback, and kept the longest."""
    return _FIVE_MINUTES if timedelta(days=1) <= length <= timedelta(days=7) else None


def _bar_step(length: timedelta) -> timedelta:
    """Steps wide enough to be seen as bars: about a hundred of them."""
    grain = _FIVE_MINUTES if length >= 100 * _FIVE_MINUTES else _BUCKET
    return max(-(-length // 100 // grain) * grain, grain)


def _step(points: Sequence[Point]) -> timedelta:
    return points[1].start - points[0].start if len(points) > 1 else _BUCKET


def _rate(slo: SLO, point: Point) -> Fraction | None:
    total = point.good + point.bad
    if not total:
        return Fraction(0) if point.seen else None
    return Fraction(point.bad, total) / slo.objective.budget_share


def _slice_rate(slo: SLO, point: Point, slices: SliceHistory, end: datetime) -> Fraction | None:
    """As `_rate`, of the slices that ended in the step."""
    ratio = slices.closed(point.start, end).bad_ratio
    if ratio is None:
        return Fraction(0) if point.seen else None
    return ratio / slo.objective.budget_share


def _fires(alert_states: Mapping[str, AlertState], reading: TierReading) -> bool:
    state = alert_states.get(reading.tier.key)
    return state is not None and state.phase is AlertPhase.FIRING


def _epoch(state: AlertState | None) -> float | None:
    return state.since.timestamp() if state and state.since else None


def _threshold_label(reading: TierReading) -> str:
    tier = reading.tier
    windows = f"{format_duration(tier.long)} & {format_duration(tier.short)}"
    return f"{tier.severity.value} {write.factor(tier.factor)} ({windows})"


# --- causes, rules, runs -------------------------------------------------------------------------


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


def tier_row(status: SLOStatus, reading: TierReading, state: AlertState, now: datetime) -> TierRow:
    """One rule: what it looks at, what it sees, and why it says what it says."""
    tier = reading.tier
    waiting = reading.verdict is Verdict.FROZEN and state.phase is AlertPhase.INACTIVE
    return TierRow(
        phase="frozen" if waiting else state.phase.value,
        phase_word="Cannot tell" if waiting else state.phase.value.capitalize(),
        since=write.moment(state.since, now) if state.since else None,
        severity=tier.severity.value,
        severity_word=tier.severity.value.capitalize(),
        threshold=write.factor(tier.factor),
        short=f"{write.burn(reading.short.rate)} over {format_duration(tier.short)}",
        long=f"{write.burn(reading.long.rate)} over {format_duration(tier.long)}",
        short_over=reading.short.rate is not None and reading.short.rate > tier.factor,
        long_over=reading.long.rate is not None and reading.long.rate > tier.factor,
        reason=_reason(reading, state, now) + (f" ({tier.note})" if tier.note else ""),
        at_threshold=f"lasts {write.span(status.slo.window.length / float(tier.factor))}",
    )


def _reason(reading: TierReading, state: AlertState, now: datetime) -> str:
    """Why the rule is where it is; a firing one that is no longer true says until when."""
    if state.phase is not AlertPhase.FIRING or reading.verdict is Verdict.TRUE:
        return reading.reason
    if reading.verdict is Verdict.FROZEN:
        return f"{reading.reason}, so it keeps firing"
    keep = reading.tier.keep_firing_for
    until = write.stamp((state.false_since or now) + keep, now, seconds=True)
    return (
        f"{reading.reason}; kept firing until {until} (keep_firing_for "
        f"{format_duration(keep)}), then it resolves"
    )


_OUTCOMES = {Outcome.PASSED: "Passed", Outcome.FAILED: "Failed", Outcome.UNKNOWN: "Unknown"}
_PHASES = {
    Phase.RESOLVE: "DNS",
    Phase.CONNECT: "connect",
    Phase.TLS: "TLS",
    Phase.PROCESSING: "wait",
    Phase.TRANSFER: "transfer",
    Phase.JUDGE: "judge",
}


def _runs(collector: CollectorHealth | None, now: datetime) -> tuple[RunRow, ...]:
    if collector is None:
        return ()
    # Failures first: they are what one comes to see.
    ordered = sorted(collector.recent, key=lambda run: (run.outcome is Outcome.PASSED, -_when(run)))
    shown = ordered[:MOST_RUNS]
    longest = max((_phases_total(run) for run in shown), default=timedelta(0))
    return tuple(run_row(run, longest, now) for run in shown)


def _runs_note(slo: SLO, collector: CollectorHealth | None, *, past: bool) -> str:
    if past and (collector is None or not collector.recent):
        return "Single runs are kept for a short while only; their counts stay."
    if collector is None or not collector.recent:
        return f"No run of {slo.collector_id} since Nines started."
    shown = min(len(collector.recent), MOST_RUNS)
    return (
        f"{shown} of the last {write.plural(len(collector.recent), 'run')} of {slo.collector_id}, "
        "those that did not pass first."
    )


def run_row(run: Observation, longest: timedelta, now: datetime) -> RunRow:
    """One run: how it ended and where its time went, on the scale of the longest run shown."""
    bars = _phase_bars(run, longest)
    facts = [f"HTTP {run.http_status}" if run.http_status else "", run.address or ""]
    seen = ", ".join(filter(None, facts))
    cause = f"{run.cause.value}: " if run.cause else ""
    detail = f"{cause}{run.detail}" if run.detail else cause.removesuffix(": ")
    return RunRow(
        at=write.moment(run.due, now),
        time=write.stamp(run.due, now, seconds=True),
        outcome=run.outcome.value,
        word=_OUTCOMES[run.outcome],
        took=write.latency(run.duration),
        detail=detail or seen or "nothing to object to",
        status=seen if detail else "",
        bars=bars,
        words=", ".join(f"{bar.name} {bar.took}" for bar in bars) or "no phases",
    )


def _when(run: Observation) -> float:
    return run.due.timestamp()


def _phases_total(run: Observation) -> timedelta:
    return sum(run.phases.values(), timedelta(0))


def _phase_bars(run: Observation, longest: timedelta) -> tuple[PhaseBar, ...]:
    bars: list[PhaseBar] = []
    start = 0.0
    for kind, phase in enumerate(Phase):
        took = run.phases.get(phase)
        if took is None or not longest:
            continue
        length = took / longest * 100
        bars.append(
            PhaseBar(_PHASES[phase], kind, write.latency(took), f"{start:.2f}", f"{length:.2f}")
        )
        start += length
    return tuple(bars)


# --- coverage and definition ---------------------------------------------------------------------


def coverage(status: SLOStatus, now: datetime) -> tuple[tuple[str, str], ...]:
    """How much was observed, and what is unknown."""
    slo, window = status.slo, status.window
    seen = f"{write.count(window.seen)} of {write.count(window.due)} observations due"
    unknown = window.counts.unknown
    last = status.last_observation
    return (
        ("Coverage", f"{write.coverage(window.coverage)} ({seen})"),
        (
            "Unknown",
            f"{write.count(unknown)} {noun(slo, unknown)}: our failures to look, counted for nobody"
            if unknown
            else "none",
        ),
        ("Good and bad", f"{write.count(window.counts.good)} and {write.count(window.counts.bad)}"),
        *_slices(status),
        *_excluded(status),
        ("Last observation", write.ago(last, now) if last else "none yet"),
        ("Watched since", write.stamp(status.watched_since, now) if status.watched_since else "-"),
        *(("Anomaly", f"{said} ({times})") for said, times in _anomalies(status)),
    )


def _excluded(status: SLOStatus) -> list[tuple[str, str]]:
    """What does not count, and what the numbers would be if it did."""
    raw, slo = status.raw, status.slo
    if raw is None:
        return []
    gone = status.excluded
    number = gone.total + gone.unknown
    events = (
        f"{write.count(number)} {noun(slo, number)}: {write.count(gone.good)} good, "
        f"{write.count(gone.bad)} bad, {write.count(gone.unknown)} unknown"
    )
    left = learning.left(status, raw.budget)
    return [
        ("Excluded", events if number else "nothing of this window"),
        ("Without exclusions", f"SLI {write.sli(raw.sli, slo.objective)}, budget left {left}"),
    ]


def _excluded_now(status: SLOStatus, now: datetime) -> str | None:
    if status.excluded_now is None:
        return None
    until = write.stamp(status.excluded_now[1], now)
    return f"Excluded until {until}: what happens now does not count."


def _slices(status: SLOStatus) -> list[tuple[str, str]]:
    """What the budget is counted in, where that is no event."""
    if status.slices is None:
        return []
    observed, cost = status.slices.observed, status.slices.cost
    bad = write.count(int(cost)) if cost.denominator == 1 else f"{float(cost):.2f}"
    return [("Slices", f"{write.count(observed)} that count, {bad} of them bad")]


def _anomalies(status: SLOStatus) -> list[tuple[str, str]]:
    """What could not be counted as it came, the most frequent first."""
    ordered = sorted(status.anomalies.items(), key=lambda item: (-item[1], item[0]))
    return [(said, write.plural(times, "time")) for said, times in ordered[:MOST_ANOMALIES]]


def _over(window: Window) -> str:
    if isinstance(window, Calendar):
        return f"the calendar's {window.period} in {window.zone.key}"
    return f"a rolling {window.label}"


def _method(slicing: Slicing) -> str:
    counts = (
        "each counts as its ratio"
        if slicing.target is None
        else f"good from {write.share(slicing.target)} on"
    )
    idle = "" if slicing.no_data is NoData.IGNORE else f"; idle ones are {slicing.no_data.value}"
    return f"slices of {slicing.label}, {counts}{idle}"


def _definition(slo: SLO) -> tuple[tuple[str, str], ...]:
    parts = [
        ("Objective", f"{write.target(slo.objective)} over {_over(slo.window)}"),
    ]
    if slo.collector_id is not None:
        every = format_duration(slo.interval)
        parts.append(("Collector", f"{slo.collector_id}, every {every}"))
    match slo.sli:
        case ProbeSLI():
            parts.append(("Counts", "one run of the probe is one event"))
        case EventsSLI(total=total, bad=bad, good=good):
            side, selectors = ("Bad", bad) if bad else ("Good", good)
            parts.append((side, " + ".join(str(each) for each in selectors)))
            parts.append(("Total", " + ".join(str(each) for each in total)))
        case HistogramSLI(histograms=histograms, below=below):
            parts.append(("Histogram", " + ".join(str(each) for each in histograms)))
            parts.append(("Good", f"at or below {below}, as its buckets tell"))
        case GaugeSLI(metric=metric, side=wanted, threshold=threshold):
            parts.append(("Gauge", " + ".join(str(each) for each in metric)))
            parts.append(("Good", f"each sample that is {wanted.value} {threshold}"))
        case QuorumSLI() | CompositeSLI():
            parts += made_of.definition(slo.sli)
    if slo.slicing is not None:
        parts.append(("Method", _method(slo.slicing)))
    parts.append(("No data", f"alerts after {format_duration(slo.no_data_after)} of silence"))
    return tuple(parts)
