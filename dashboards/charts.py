"""Turn counts into what a chart draws: columns for the browser, SVG shapes made here.

The arithmetic of budgets and burn rates is that of `slo`; here it is only repeated along time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from math import log1p

import numpy as np
from numpy.typing import NDArray

from dashboards import format as write
from dashboards.source import Point
from slo.definition import SLO
from slo.epoch import EPOCH
from slo.ledger import unit_seconds
from slo.units import format_duration

Ints = NDArray[np.int64]
_SECOND = timedelta(seconds=1)
_BASE_SECONDS = 10  # the coarsest base bucket; finer ones give the same windows on whole steps


@dataclass(frozen=True, slots=True)
class Columns:
    """Counts by step, oldest first; `t` is each step's start in epoch seconds.

    `burn`: by lookback (`1h`), the burn rate over the lookback that ends with each step, counted
    in the lookback's own grain as the engine counts it.
    """

    step: int
    t: list[int]
    good: list[int]
    bad: list[int]
    unknown: list[int]
    burn: Mapping[str, list[float | None]]


def columns(
    slo: SLO,
    points: Sequence[Point],
    step: timedelta,
    *,
    lead: int = 0,
    lookbacks: Sequence[timedelta] = (),
) -> Columns:
    """The columns of a chart. The first `lead` points only feed the lookbacks and are not drawn.

    The points lie on whole steps since the epoch.
    """
    good = np.array([point.good for point in points], dtype=np.int64)
    bad = np.array([point.bad for point in points], dtype=np.int64)
    seen = np.array([point.seen for point in points], dtype=np.int64)
    unknown = [point.unknown for point in points[lead:]]
    return Columns(
        step=int(step.total_seconds()),
        t=[int(point.start.timestamp()) for point in points[lead:]],
        good=good[lead:].tolist(),
        bad=bad[lead:].tolist(),
        unknown=unknown,
        burn={
            format_duration(lookback): _trailing_burn(slo, (good, bad, seen), firsts, lead)
            for lookback in lookbacks
            for firsts in (_firsts(points, step, lookback),)
        },
    )


def fits(lookback: timedelta, step: timedelta) -> bool:
    """Can the burn rate over `lookback` be drawn with this step, bucket by bucket?"""
    grain = _grain(lookback, step)
    return not lookback % step and (not grain % step or not step % grain)


def _grain(lookback: timedelta, step: timedelta) -> timedelta:
    base = min(_BASE_SECONDS, _whole(step))
    return timedelta(seconds=unit_seconds(int(lookback.total_seconds()), base))


def _firsts(points: Sequence[Point], step: timedelta, lookback: timedelta) -> Ints:
    """For each point, the first one of the lookback that ends with it, as the engine counts.

    A window reaches from `ceil(end) - lookback`, ceiled to its grain, to its end.
    """
    ends = np.arange(1, len(points) + 1, dtype=np.int64) * _whole(step)
    if points:
        ends += (points[0].start - EPOCH) // _SECOND
    grain = _whole(_grain(lookback, step))
    starts = -(-ends // grain) * grain - _whole(lookback)
    firsts: Ints = np.arange(1, len(points) + 1) - (ends - starts) // _whole(step)
    return np.maximum(firsts, 0)


def _whole(length: timedelta) -> int:
    return length // _SECOND


def _trailing_burn(
    slo: SLO, counts: tuple[Ints, Ints, Ints], firsts: Ints, lead: int
) -> list[float | None]:
    """The burn rate from each step's first step on; observed idle time burns 0."""
    sums = [_trailing_sum(values, firsts)[lead:].tolist() for values in counts]
    # An int over an int is rounded once: the float nearest to the exact rate, as everywhere.
    share, unit = slo.objective.budget_share.numerator, slo.objective.budget_share.denominator
    return [
        bad * unit / ((good + bad) * share) if good + bad else 0.0 if seen else None
        for good, bad, seen in zip(*sums, strict=True)
    ]


def _trailing_sum(values: Ints, firsts: Ints) -> Ints:
    sums = np.concatenate(([0], np.cumsum(values)))
    trailing: Ints = sums[1:] - sums[firsts]
    return trailing


# --- sparkline -----------------------------------------------------------------------------------

SPARK_DAYS = 7
SPARK_STEP = timedelta(hours=4)
SPARK_STEPS = SPARK_DAYS * 6
_SPARK_HEIGHT = 24.0
_BAR_PITCH = 3


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar in the sparkline's units; `tone`: calm, over (spends too fast), void (no data)."""

    x: int
    y: str
    height: str
    tone: str


@dataclass(frozen=True, slots=True)
class Sparkline:
    """Seven days of burn as bars, with the same in words for those who do not see it."""

    width: int
    height: int
    bars: tuple[Bar, ...]
    words: str


def sparkline(slo: SLO, points: Sequence[Point]) -> Sparkline:
    """Bars of 4 h each, higher the faster the budget burned.

    The scale is logarithmic: one failure must be visible, and 1 % must differ from 50 %.
    """
    burns = [_burn(slo, point) for point in points]
    return Sparkline(
        width=max(len(points) * _BAR_PITCH - 1, 1),
        height=int(_SPARK_HEIGHT),
        bars=tuple(_bar(index, rate) for index, rate in enumerate(burns)),
        words=_spark_words(burns),
    )


def _burn(slo: SLO, point: Point) -> Fraction | None:
    total = point.good + point.bad
    return Fraction(point.bad, total) / slo.objective.budget_share if total else None


def _bar(index: int, rate: Fraction | None) -> Bar:
    x = index * _BAR_PITCH
    if rate is None:
        return Bar(x, f"{_SPARK_HEIGHT - 1:g}", "1", "void")
    # 1x stands at a third of the height, 100x fills it.
    high = min(log1p(float(rate) * 6) / log1p(600) * (_SPARK_HEIGHT - 2), _SPARK_HEIGHT - 2) + 2
    return Bar(x, f"{_SPARK_HEIGHT - high:.1f}", f"{high:.1f}", "over" if rate > 1 else "calm")


def _spark_words(burns: Sequence[Fraction | None]) -> str:
    known = [rate for rate in burns if rate is not None]
    if not known:
        return f"Last {SPARK_DAYS} days: no data"
    over = sum(rate > 1 for rate in known)
    silent = len(burns) - len(known)
    worst = max(known)
    parts = [f"Last {SPARK_DAYS} days: worst 4 h burned {write.burn(worst)}"]
    if over:
        parts.append(f"{over} of {len(burns)} stretches above 1x")
    if silent:
        parts.append(f"{silent} without data")
    return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Gauge:
    """A budget bar from -25 % to 100 %: where zero stands, and what is filled from there."""

    zero: str
    start: str
    length: str
    tone: str  # good, low, gone


_GAUGE_ROOM = 0.25


def gauge(remaining: Fraction | None) -> Gauge | None:
    """The bar for a budget; None without data. Beyond its ends it is simply full.

    It begins where its number does; only one that is overspent needs room left of zero.
    """
    if remaining is None:
        return None
    room = _GAUGE_ROOM if remaining < 0 else 0.0
    value = min(max(float(remaining), -room), 1.0)
    zero = room / (1 + room) * 100
    end = (value + room) / (1 + room) * 100
    tone = "gone" if remaining <= 0 else "low" if remaining < Fraction(1, 4) else "good"
    start, length = (zero, end - zero) if end >= zero else (end, zero - end)
    return Gauge(f"{zero:g}", f"{start:.2f}", f"{length:.2f}", tone)
