"""An SLO's counts over a stretch of time as columns: what its charts draw."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import accumulate

from dashboards import charts
from dashboards.source import Point
from slo.definition import SLO
from slo.slice_history import SliceHistory
from slo.status import SLOStatus
from slo.units import format_duration

BASE = timedelta(seconds=10)
MOST_POINTS = 5_000
_WANTED_POINTS = 1_500  # as many as a wide screen can show
_DETAIL = timedelta(days=35)  # beyond this, counts are kept by five minutes
_STEPS = tuple(
    timedelta(seconds=seconds)
    for seconds in (10, 30, 60, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400)
)


@dataclass(frozen=True, slots=True)
class Series:
    """Counts by step, oldest first; `t` is each step's start in epoch seconds.

    `running`: the last step is not over: its counts are those so far.
    `ends`: when each step ended, or for the running one the moment of the newest evaluation;
    `remaining` and `burn` are those of this instant.
    `excluded`: events beside the others, in `excluded_stretches` of [start, end) epoch seconds.
    `remaining`: the share of the present window's budget that was left then; it ends on the
    budget's own figure, and is None before the window began and before anybody watched.
    Where slices are counted and not events, both go by the slices that were over then.
    `burn`: by lookback (`1h`), the burn rate over the lookback that ended then; None without
    observations, 0 where they came and nothing had happened. Of the running step it is the SLO's
    own, to the last bit. Lookbacks that are no whole number of steps, or counted in a grain that
    does not fit the step, are left out.
    """

    slo: str
    start: datetime
    end: datetime
    step_seconds: int
    running: bool
    t: list[int]
    ends: list[float]
    good: list[int]
    bad: list[int]
    unknown: list[int]
    excluded: list[int]
    excluded_stretches: list[tuple[int, int]]
    remaining: list[float | None] | None
    burn: Mapping[str, list[float | None]] | None


def choose_step(start: datetime, end: datetime, now: datetime) -> timedelta:
    """A step that draws the stretch in at most some 1,500 points."""
    length = end - start
    least = timedelta(minutes=5) if now - start > _DETAIL else BASE
    for step in _STEPS:
        if step >= least and step * _WANTED_POINTS >= length:
            return step
    days = -(-length // (_STEPS[-1] * _WANTED_POINTS))
    return _STEPS[-1] * days


def lookbacks_of(status: SLOStatus, step: timedelta) -> tuple[timedelta, ...]:
    """The lookbacks whose burn rate can be drawn with this step, shortest first."""
    if status.slo.slicing is not None:
        return tuple(burn.lookback for burn in status.burns)
    return tuple(
        burn.lookback
        for burn in status.burns
        if charts.fits(burn.lookback, step) and burn.lookback // step <= MOST_POINTS
    )


def series(
    status: SLOStatus,
    points: Sequence[Point],
    start: datetime,
    step: timedelta,
    *,
    lookbacks: Sequence[timedelta] = (),
    bad_since: int | None = None,
    excluded: Sequence[tuple[datetime, datetime]] = (),
    slices: SliceHistory | None = None,
) -> Series:
    """The columns from `start` on; earlier points only feed the lookbacks.

    `excluded` are the stretches that do not count.

    `bad_since`: the bad events after the last point; with it, the burn-down is drawn. `slices` are
    those of the stretch and its lookbacks, where they are what the budget is counted in.
    """
    if bad_since is not None:
        bad_since += sum(point.bad for point in points if point.start >= status.at)
    # What began after the newest evaluation has not been looked at by anybody yet.
    points = [point for point in points if point.start < status.at]
    lead = sum(point.start < start for point in points)
    of_events = lookbacks if slices is None else ()
    drawn = charts.columns(status.slo, points, step, lead=lead, lookbacks=of_events)
    end = start + step * len(drawn.t)
    newest = bool(drawn.t) and end - step < status.at <= end
    ends = _ends(drawn.t, drawn.step, status.at if newest else None)
    remaining = None
    if bad_since is not None:
        remaining = burn_down(status, points[lead:], step, bad_since)
    burns: Mapping[str, list[float | None]] = drawn.burn
    if slices is not None:
        moments = [datetime.fromtimestamp(at, UTC) for at in ends]
        if bad_since is not None:
            remaining = burn_down_of_slices(status, slices, moments)
        burns = {
            format_duration(length): _slice_burns(status.slo, slices, length, moments)
            for length in lookbacks
        }
    return Series(
        slo=status.slo.id,
        start=start,
        end=end,
        step_seconds=int(step.total_seconds()),
        running=newest and status.at < end,
        t=drawn.t,
        ends=ends,
        good=drawn.good,
        bad=drawn.bad,
        unknown=drawn.unknown,
        excluded=[point.excluded for point in points[lead:]],
        excluded_stretches=[
            (int(first.timestamp()), int(last.timestamp())) for first, last in excluded
        ],
        remaining=remaining,
        burn={
            format_duration(length): _ending_now(burns[format_duration(length)], status, length)
            if newest
            else burns[format_duration(length)]
            for length in lookbacks
        }
        if lookbacks
        else None,
    )


def _ends(starts: Sequence[int], step: int, now: datetime | None) -> list[float]:
    ends = [float(start + step) for start in starts]
    if now is not None:
        ends[-1] = now.timestamp()
    return ends


def _ending_now(
    rates: list[float | None], status: SLOStatus, lookback: timedelta
) -> list[float | None]:
    """The rates with the newest evaluation's at their end: a lookback that ends in the future
    would be a shorter one, and seem to burn faster.
    """
    burn = status.burn(lookback)
    return [*rates[:-1], None if burn is None or burn.rate is None else float(burn.rate)]


def burn_down(
    status: SLOStatus, points: Sequence[Point], step: timedelta, bad_since: int
) -> list[float | None]:
    """What was left of the present window's budget after each step, told from its end backwards.

    So the last figure is the budget's own, whatever part of the window is drawn. None before the
    window began, and before anybody watched.
    """
    if status.budget is None:
        return [None] * len(points)
    allowed, share = status.budget.allowed.numerator, status.budget.allowed.denominator
    began = status.slo.window.start(status.at)
    if status.watched_since is not None:
        began = max(began, status.watched_since)
    after = list(accumulate((point.bad for point in reversed(points[1:])), initial=bad_since))
    return [
        float((allowed - max(status.budget.spent_events - later, 0) * share) / allowed)
        if point.start + step > began
        else None
        for point, later in zip(points, reversed(after), strict=True)
    ]


def burn_down_of_slices(
    status: SLOStatus, slices: SliceHistory, ends: Sequence[datetime]
) -> list[float | None]:
    """What was left of the present window's budget at these moments, as `burn_down` tells it."""
    budget = status.budget
    if budget is None:
        return [None] * len(ends)
    began = status.slo.window.start(status.at)
    if status.watched_since is not None:
        began = max(began, status.watched_since)
    left: list[float | None] = []
    for at in ends:
        later = slices.closed(at, status.at).cost
        spent = max(Fraction(budget.spent_events) - later, Fraction(0))
        left.append(float(1 - spent / budget.allowed) if at > began else None)
    return left


def _slice_burns(
    slo: SLO, slices: SliceHistory, lookback: timedelta, ends: Sequence[datetime]
) -> list[float | None]:
    rates = (slices.burn(slo.objective, lookback, at) for at in ends)
    return [None if rate is None else float(rate) for rate in rates]
