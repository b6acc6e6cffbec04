"""What a threshold rule sees at one moment, and whether that makes it true."""

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction

from slo.exposition import Page, Series
from slo.recent import Recent, Sums
from slo.rule import GaugeCheck, QuantileCheck, RateCheck, RatioCheck, Rule, RunCheck, WindowCheck
from slo.selection import selects
from slo.status import Verdict
from slo.threshold import Side

KEPT = 10  # series kept of a gauge, the worst first
_MICROSECOND = timedelta(microseconds=1)

Value = int | float | Fraction


@dataclass(frozen=True, slots=True)
class Reading:
    """What a rule saw. Values are exact, in the limit's unit; None: nothing to compare.

    A quantile's value is the share of events above its limit. `series` are a gauge's, the worst
    first; `beyond` how many of its `found` series are on the wrong side. `sums` are the events of
    the last stretch. `seen_at` is when the newest of it was due, None before anything came.
    """

    value: Value | None = None
    series: tuple[tuple[str, Value], ...] = ()
    beyond: int = 0
    found: int = 0
    sums: Sums | None = None
    seen_at: datetime | None = None


def read_gauge(check: GaugeCheck, page: Page, at: datetime) -> Reading:
    """The values of one page; without any, nothing came."""
    bounds = check.bounds
    values = [
        (_name(series, check.by), value)
        for series in page.samples
        if selects(check.metric, series) and math.isfinite(value := page.samples[series].value)
    ]
    if not values:
        return Reading()
    sign = 1 if bounds.side is Side.BELOW else -1
    worst = sorted(values, key=lambda each: (sign * each[1], each[0]))
    return Reading(
        value=worst[0][1],
        series=tuple(worst[:KEPT]),
        beyond=sum(bounds.beyond(value, firing=False) for _, value in values),
        found=len(values),
        seen_at=at,
    )


def read_window(
    check: WindowCheck, recent: Recent, now: datetime, seen_at: datetime | None
) -> Reading:
    """What the last stretch comes to; no value without an event to have a share of."""
    sums = recent.sums(now)
    reading = Reading(sums=sums, seen_at=seen_at)
    match check:
        case RateCheck(bounds=bounds):
            period = bounds.limit.unit.period
            if period is None or not sums.observed:
                return reading
            rate = Fraction(sums.bad * (period // _MICROSECOND), sums.observed // _MICROSECOND)
            return replace(reading, value=rate)
        case RatioCheck() | QuantileCheck():
            if sums.total < max(check.least, 1):
                return reading
            is_good = isinstance(check, RatioCheck) and bool(check.good)
            return replace(reading, value=Fraction(sums.good if is_good else sums.bad, sums.total))


def judge(
    rule: Rule, reading: Reading, now: datetime, *, firing: bool, clear: Reading | None = None
) -> Verdict:
    """What the rule says now, before `for` and `keep_firing_for`.

    `firing`: it fires, and was not over since; then only crossing its clearing limit ends it.
    `clear` is the reading at a quantile's clearing limit.
    """
    check = rule.check
    if isinstance(check, RunCheck):
        return Verdict.FROZEN  # told by its runs, one by one
    if isinstance(check, GaugeCheck):
        if is_stale(rule, reading, now):
            return Verdict.FROZEN
    elif reading.sums is None or reading.sums.observed * 2 < check.over:
        return Verdict.FROZEN
    if reading.value is None:
        return Verdict.FALSE  # observed, and nothing happened
    if isinstance(check, QuantileCheck):
        at_clear = _more_than_allowed(check, clear) if firing and clear is not None else None
        at_limit = _more_than_allowed(check, reading)
        return at_limit if at_clear is None or at_limit is Verdict.TRUE else at_clear
    true = check.bounds.beyond(reading.value, firing=firing)
    return Verdict.TRUE if true else Verdict.FALSE


def _more_than_allowed(check: QuantileCheck, reading: Reading) -> Verdict:
    """Whether too many events were above an edge; FROZEN where unknown ones decide that."""
    sums = reading.sums
    if sums is None or not sums.total:
        return Verdict.FALSE
    allowed = check.allowed * (sums.total + sums.unknown)
    if sums.bad > allowed:
        return Verdict.TRUE
    return Verdict.FROZEN if sums.bad + sums.unknown > allowed else Verdict.FALSE


def is_stale(rule: Rule, reading: Reading, now: datetime) -> bool:
    """Whether a gauge's value is too old to go by: two runs in a row brought none."""
    return reading.seen_at is None or (now - reading.seen_at) * 2 > rule.interval * 5


def _name(series: Series, by: tuple[str, ...]) -> str:
    """What tells one series of a gauge from another."""
    if not by:
        return str(series)
    labels = dict(series.labels)
    return " ".join(f"{label}={labels.get(label, '')}" for label in by)
