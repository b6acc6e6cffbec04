"""When the budget runs out, if the last hour goes on while old buckets leave the window."""

from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from slo.definition import SLO
from slo.exclusion import planned_slices
from slo.ledger import Ledger
from slo.slices import Slicing
from slo.status import Forecast
from slo.window import Calendar

_HOUR = timedelta(hours=1)


def forecast(slo: SLO, ledger: Ledger, now: datetime) -> Forecast:
    """The first moment when spent >= 1 at the last hour's burn and traffic, within one window."""
    if isinstance(slo.window, Calendar):
        return _of_period(slo, slo.window, ledger, now)
    if slo.slicing is not None:
        return _of_slices(slo, slo.slicing, ledger, now)
    share = float(slo.objective.budget_share)
    whole = ledger.window(slo.window.length, now).counts
    pace_over = min(_HOUR, slo.window.length)
    pace = ledger.window(pace_over, now)
    if whole.total and whole.bad >= share * whole.total:
        return Forecast(known=True, at=now)
    if not pace.counts.total:
        return Forecast(known=False)
    if not whole.bad and not pace.counts.bad:
        return Forecast(known=True)  # nothing is spent, at no pace: no slot needs to be looked at
    seconds = pace_over.total_seconds()
    bad_per_second = pace.counts.bad / seconds
    total_per_second = pace.counts.total / seconds
    width, good, bad = ledger.leaving(slo.window.length, now)
    leaving = bad - share * (good + bad)
    gained = (bad_per_second - share * total_per_second) * width
    return _crossing(whole.bad - share * whole.total, gained - leaving, width, now)


def _of_period(slo: SLO, window: Calendar, ledger: Ledger, now: datetime) -> Forecast:
    """Nothing leaves a period before it is over: what is spent and allowed grow at their pace."""
    share = float(slo.objective.budget_share)
    start, end = window.start(now), window.end(now)
    if slo.slicing is None:
        whole, pace = ledger.since(start, now).counts, ledger.window(_HOUR, now).counts
        if whole.total and whole.bad >= share * whole.total:
            return Forecast(known=True, at=now)
        if not pace.total:
            return Forecast(known=False)
        left = share * whole.total - whole.bad
        rise = (pace.bad - share * pace.total) / _HOUR.total_seconds()
    else:
        slices = ledger.slices_since(start, now)
        planned = planned_slices(start, end, slo.slicing.length, ledger.overlay)
        left = share * planned - float(slices.cost)
        over = min(max(_HOUR // slo.slicing.length, 1) * slo.slicing.length, window.length)
        recent = ledger.slices(over, now)
        if slices.observed and left <= 0:
            return Forecast(known=True, at=now)
        if not recent.observed:
            return Forecast(known=False)
        rise = float(recent.cost) / over.total_seconds()
    if rise <= 0 or left >= rise * (end - now).total_seconds():
        return Forecast(known=True)
    return Forecast(known=True, at=now + timedelta(seconds=left / rise))


def _of_slices(slo: SLO, slicing: Slicing, ledger: Ledger, now: datetime) -> Forecast:
    """As for events: a slice that counts is one, and costs what it costs."""
    share = float(slo.objective.budget_share)
    whole = ledger.slices(slo.window.length, now)
    pace_over = min(max(_HOUR // slicing.length, 1) * slicing.length, slo.window.length)
    pace = ledger.slices(pace_over, now)
    if whole.observed and whole.cost >= slo.objective.budget_share * whole.observed:
        return Forecast(known=True, at=now)
    if not pace.observed:
        return Forecast(known=False)
    # Per slice; the newest is not over yet.
    slices = max(pace_over // slicing.length - 1, 1)
    gained = (float(pace.cost) - share * pace.observed) / slices
    width, costs, counted = ledger.leaving_slices(slo.window.length, now)
    over = float(whole.cost) - share * whole.observed
    return _crossing(over, gained - (costs - share * counted), width, now)


def _crossing(now_over: float, moves: NDArray[np.float64], width: int, now: datetime) -> Forecast:
    """When what is spent over the allowance reaches 0; it moves linearly while one slot leaves."""
    at_edges = now_over + np.cumsum(moves)
    over = np.flatnonzero(at_edges >= 0)
    if not over.size:
        return Forecast(known=True)
    step = int(over[0])
    before = float(at_edges[step - 1]) if step else now_over
    rise = float(at_edges[step]) - before
    part = -before / rise if rise > 0 else 0.0
    return Forecast(known=True, at=now + timedelta(seconds=(step + part) * width))
