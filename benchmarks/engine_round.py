"""The engine's own share of a round: 300 SLOs whose counters stand on one page, read every 15 s.

From two pages to increments, into the ledgers, to whoever could change by it, to who is told so;
and the ticks at the bucket's edges until the next page. What is outside of it (the socket, reading
the page, storing, printing) is measured by `rules`. Run: python -m benchmarks.engine_round
"""

import gc
import statistics
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np

from collectors.observation import Observation, Outcome
from nines.engine import Engine
from nines.entry import Entry
from nines.indicator import Indicator
from nines.target import Target
from slo.definition import SLO, EventsSLI
from slo.exposition import Layout, Page, Samples, Series
from slo.ledger import Ledger, grid_for
from slo.objective import Objective
from slo.selector import parse_selector
from slo.tiers import default_tiers
from slo.window import Rolling

SLOS = 300
ROUNDS = 240
_WARM = 40
_EVERY = timedelta(seconds=15)
_BUCKET = timedelta(seconds=10)
_PAGE = "shop/page"
_BEGAN = datetime(2026, 11, 21, tzinfo=UTC)


def main() -> None:
    """Print the median and the mean of an SLO's share."""
    engine = make_engine()
    noise = np.random.default_rng(11)
    layout = Layout(
        Series("http_requests_total", (("code", code), ("service", f"svc-{number:04d}")))
        for number in range(SLOS)
        for code in ("200", "500")
    )
    values = np.zeros(len(layout.series), np.int64)
    spent = []
    ticked = _BEGAN
    gc.collect()
    gc.freeze()
    for number in range(ROUNDS):
        values[::2] += noise.poisson(900, SLOS)
        values[1::2] += noise.poisson(0.4, SLOS)
        page = Page(Samples(layout, values.tolist()), process_start=1.0)
        due = _BEGAN + number * _EVERY
        seen = Observation(
            _PAGE, due, due, timedelta(0), timedelta(seconds=0.01), Outcome.PASSED, page=page
        )
        began = time.process_time()
        engine.observe(seen, due + timedelta(milliseconds=12))
        engine.changed(due + timedelta(milliseconds=12), _PAGE)
        while ticked + _BUCKET <= due + _EVERY:
            ticked += _BUCKET
            engine.tick(ticked + timedelta(milliseconds=1))
            engine.changed(ticked + timedelta(milliseconds=1))
        spent.append((time.process_time() - began) / SLOS * 1e6)
        engine.take_batch(str(number))
    counted = sum(one.ledger.lifetime.total for one in engine.indicators)
    if counted < 0.9 * values.sum() * (ROUNDS - 1) / ROUNDS:
        raise SystemExit(f"Only {counted} of {values.sum()} events were counted.")
    steady = spent[_WARM:]
    print(f"CPU of the engine per SLO and round of {_EVERY.seconds} s, {len(steady)} rounds, us")
    print(
        f"median {statistics.median(steady):.2f}  mean {statistics.mean(steady):.2f}"
        f"  slowest {max(steady):.2f}"
    )
    print("goal <= 29: 1/1000 of Prometheus's 29 ms for the rules of one SLO")


def make_engine() -> Engine:
    """An engine of SLOs that one page feeds."""
    window, objective = Rolling(timedelta(days=30)), Objective(Decimal("0.999"))
    tiers = default_tiers(objective, window.length)
    grid = grid_for(10, window.length)
    grid.reserve(SLOS)
    entries = []
    for number in range(SLOS):
        of_service = f'service="svc-{number:04d}"'
        sli = EventsSLI(
            "page",
            (parse_selector(f"http_requests_total{{{of_service}}}"),),
            (parse_selector(f'http_requests_total{{{of_service},code=~"5.."}}'),),
        )
        slo = SLO("shop", f"svc-{number:04d}", objective, window, sli, tiers, _EVERY, 5 * _EVERY)
        ledger = Ledger(10, window.length, grid=grid)
        entries.append(Entry(slo, Indicator(slo, number, "v1", ledger)))
    engine = Engine(10, awake_since=_BEGAN)
    engine.watch(entries, {_PAGE: Target(_EVERY)})
    return engine


if __name__ == "__main__":
    main()
