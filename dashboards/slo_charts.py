"""The charts of one SLO: its budget, how fast it burns, its events."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from dashboards import format as write
from dashboards import learning, links
from dashboards.counted import noun
from dashboards.series import burn_down, burn_down_of_slices
from dashboards.source import Point
from dashboards.span import Span, preset
from dashboards.stretch import BUCKET, FIVE_MINUTES, window_length
from slo.alert_state import AlertState
from slo.alert_state import Phase as AlertPhase
from slo.definition import SLO
from slo.outlook import Outlook
from slo.slice_history import SliceHistory
from slo.status import SLOStatus, TierReading
from slo.units import format_duration


@dataclass(frozen=True, slots=True)
class Table:
    """A chart's numbers as a table."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart: what the browser fetches and draws, and the finding in words for everybody."""

    kind: str  # budget, burn, sli or events
    title: str
    finding: str
    url: str
    options: str  # JSON
    table: Table


def budget_chart(
    status: SLOStatus,
    points: Sequence[Point],
    slices: SliceHistory | None,
    now: datetime,
    outlook: Outlook | None = None,
) -> Chart:
    """What was left along the window, and in what band it may go on."""
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
            write.cost(cost) if _seen(status, point, step) else write.NO_DATA,
        )
        for point, left, cost in zip(points, left_after, costs, strict=True)
    )
    return Chart(
        kind="budget",
        title=f"Error budget, {slo.window.phrase.removeprefix('the ')}",
        finding=_budget_finding(status, points, costs, now),
        url=_points(slo, preset("window", slo, now), "remaining"),
        options=json.dumps(
            {
                "window": int(window_length(slo, now).total_seconds()),
                "outlook": _cone(outlook),
            }
        ),
        table=Table(("From", "Budget left after", f"Bad {what}"), rows),
    )


def _cone(outlook: Outlook | None) -> dict[str, float] | None:
    """Where the budget may end; the sentence above the chart says it in words."""
    if outlook is None or outlook.lowest is None:
        return None
    shares = (outlook.lowest, outlook.middle, outlook.highest)
    low, middle, high = (float(share) for share in shares if share is not None)
    return {"end": outlook.end.timestamp(), "low": low, "middle": middle, "high": high}


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


def burn_chart(
    status: SLOStatus,
    points: Sequence[Point],
    slices: SliceHistory | None,
    span: Span,
    alert_states: Mapping[str, AlertState],
    now: datetime,
    opened: str | None = None,
) -> Chart:
    """How fast it burned; `opened` is the rule whose two windows are drawn, None: all long ones."""
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
        finding += " Firing now: " + ", ".join(threshold_label(each) for each in firing) + "."
    return Chart(
        kind="burn",
        title=f"Burn rate, {span.phrase(now)}",
        finding=finding,
        url=_points(slo, span, "burn", step=_line_step(span.length)),
        options=json.dumps(
            {
                "tiers": [
                    {
                        "factor": float(reading.tier.factor),
                        "label": threshold_label(reading),
                        "severity": reading.tier.severity.value,
                        "long": format_duration(reading.tier.long),
                        "short": format_duration(reading.tier.short),
                        "firing": _fires(alert_states, reading),
                        "since": _epoch(alert_states.get(reading.tier.key)),
                        "opened": reading.tier.key == opened,
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


def opened_rule(
    status: SLOStatus, alert_states: Mapping[str, AlertState], asked: str | None
) -> str | None:
    """The key of the rule that the burn chart opens: the one asked for, else the loudest that
    fires. None: all are drawn; `asked` may wish that by any other word.
    """
    keys = [reading.tier.key for reading in status.tiers]
    if asked:
        return asked if asked in keys else None
    firing = [one.tier.key for one in status.tiers if _fires(alert_states, one)]
    return firing[0] if firing else None


def sli_chart(
    status: SLOStatus, points: Sequence[Point], span: Span, now: datetime
) -> Chart | None:
    """The share of good events along time, against the objective; None where slices are judged."""
    slo, step = status.slo, _step(points)
    if slo.slicing is not None:
        return None
    shares = [
        Fraction(one.good, one.good + one.bad) if one.good + one.bad else None for one in points
    ]
    known = [(share, index) for index, share in enumerate(shares) if share is not None]
    below = [one for one in known if one[0] < slo.objective.share]
    if not known:
        finding = "No data in this stretch."
    elif not below:
        finding = f"Never below the objective of {write.objective(slo.objective)}."
    else:
        share, index = min(below)
        when = _stretch_of(status, points[index], step, now)
        finding = (
            f"Below the objective of {write.objective(slo.objective)} in {len(below)} of "
            f"{write.plural(len(known), 'step')} of {write.length(step)}; "
            f"lowest in {when}: {write.sli(share, slo.objective)}."
        )
    return Chart(
        kind="sli",
        title=f"SLI, {span.phrase(now)}",
        finding=f"{finding}{_watched(status, points, now)}",
        url=_points(slo, span, None, step=_bar_step(span, now)),
        options=json.dumps({"objective": float(slo.objective.share), "places": _places(slo)}),
        table=Table(
            ("From", f"SLI over {write.length(step)}"),
            tuple(
                (_from(status, point, step, now), write.sli(share, slo.objective))
                for point, share in zip(points, shares, strict=True)
            ),
        ),
    )


def _places(slo: SLO) -> int:
    """The decimals of its SLI: one more than its objective has."""
    return len(slo.objective.label.partition(".")[2]) + 1


def events_chart(status: SLOStatus, points: Sequence[Point], span: Span, now: datetime) -> Chart:
    slo = status.slo
    good, bad, unknown = (
        sum(getattr(point, name) for point in points) for name in ("good", "bad", "unknown")
    )
    if bad:
        finding = (
            f"{write.count(bad)} of {write.count(good + bad)} {noun(slo)} failed "
            f"({write.share(Fraction(bad, good + bad))})"
        )
    elif good:
        finding = f"None of {write.count(good)} {noun(slo)} failed"
    else:
        finding = f"No {noun(slo)}"
    if unknown:
        finding += f"; {write.count(unknown)} unknown, because we failed to look"
    step = _step(points)
    return Chart(
        kind="events",
        title=f"{noun(slo).capitalize()}, {span.phrase(now)}",
        finding=f"{finding}.{_watched(status, points, now)}",
        url=_points(slo, span, None, step=_bar_step(span, now)),
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


def _points(slo: SLO, span: Span, include: str | None, step: timedelta | None = None) -> str:
    """The address of a chart's data, up to whenever it is fetched where the span moves on."""
    return links.with_query(
        links.points_url(slo.id),
        start=span.since,
        end=None if span.moves else span.until,
        include=include,
        step=format_duration(step) if step else None,
    )


def _line_step(length: timedelta) -> timedelta | None:
    """Five minutes for days: a whole part of every lookback, and kept the longest."""
    return FIVE_MINUTES if timedelta(days=1) <= length <= timedelta(days=7) else None


def _bar_step(span: Span, now: datetime) -> timedelta:
    """Steps wide enough to be seen as bars: about a hundred of them."""
    grain = FIVE_MINUTES if span.length >= 100 * FIVE_MINUTES else span.grain(now)
    return max(-(-span.length // 100 // grain) * grain, grain)


def _step(points: Sequence[Point]) -> timedelta:
    return points[1].start - points[0].start if len(points) > 1 else BUCKET


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


def threshold_label(reading: TierReading) -> str:
    """A rule in a few words: `page 14.4x (1h & 5m)`."""
    tier = reading.tier
    windows = f"{format_duration(tier.long)} & {format_duration(tier.short)}"
    return f"{tier.severity.value} {write.factor(tier.factor)} ({windows})"
