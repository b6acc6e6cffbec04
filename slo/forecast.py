"""When the budget runs out, if the last hour goes on while old buckets leave the window."""

from datetime import datetime, timedelta

import numpy as np

from slo.definition import SLO
from slo.ledger import Ledger
from slo.status import Forecast

_HOUR = timedelta(hours=1)


def forecast(slo: SLO, ledger: Ledger, now: datetime) -> Forecast:
    """The first moment when spent >= 1 at the last hour's burn and traffic, within one window."""
    share = float(slo.objective.budget_share)
    whole = ledger.window(slo.window.length, now).counts
    pace_over = min(_HOUR, slo.window.length)
    pace = ledger.window(pace_over, now)
    if whole.total and whole.bad >= share * whole.total:
        return Forecast(known=True, at=now)
    if not pace.counts.total:
        return Forecast(known=False)
    seconds = pace_over.total_seconds()
    bad_per_second = pace.counts.bad / seconds
    total_per_second = pace.counts.total / seconds
    width, good, bad = ledger.leaving(slo.window.length, now)
    # over = bad - share * total must stay below 0; it moves linearly while one slot leaves.
    leaving = bad - share * (good + bad)
    gained = (bad_per_second - share * total_per_second) * width
    at_edges = (whole.bad - share * whole.total) + np.cumsum(gained - leaving)
    over = np.flatnonzero(at_edges >= 0)
    if not over.size:
        return Forecast(known=True)
    step = int(over[0])
    before = float(at_edges[step - 1]) if step else whole.bad - share * whole.total
    rise = float(at_edges[step]) - before
    part = -before / rise if rise > 0 else 0.0
    return Forecast(known=True, at=now + timedelta(seconds=(step + part) * width))
