"""One tick of the engine: every SLO judged anew, 8 lookbacks and 4 tiers each, 30 days in reach.

Each tick comes ten seconds after the other and follows a bucket of counts booked to every SLO
(booking is timed apart). Run: python -m benchmarks.engine_tick
"""

import gc
import statistics
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np

from nines.engine import Engine, Entry, Indicator, Target
from slo.definition import SLO, ProbeSLI
from slo.ledger import BucketDelta, Ledger
from slo.objective import Objective
from slo.tiers import default_tiers
from slo.window import Rolling

SIZES = (1_000, 10_000)
TICKS = 7
_NOW = datetime(2026, 11, 21, tzinfo=UTC)


def main() -> None:
    """Print each size's tick, its cost per SLO and its memory."""
    print(f"{TICKS} ticks each; CPU")
    for size in SIZES:
        gc.collect()
        before = _resident()
        engine = make_engine(size)
        engine.tick(_NOW)
        memory = (_resident() - before) / size
        ticks, bookings = [], []
        for number in range(1, TICKS + 1):
            now = _NOW + timedelta(seconds=10 * number)
            bucket = int(now.timestamp())
            began = time.process_time()
            for entry in engine.entries.values():
                entry.ledger.book(now, BucketDelta(bucket, good=600, bad=number % 2, seen=1))
            booked = time.process_time()
            engine.tick(now)
            ticks.append(time.process_time() - booked)
            bookings.append(booked - began)
        median, slowest = statistics.median(ticks), max(ticks)
        print(
            f"{size:6,} SLOs: tick {median * 1e3:8.1f} ms, slowest {slowest * 1e3:8.1f} ms"
            f" = {median / size * 1e6:6.1f} us an SLO; booking"
            f" {statistics.median(bookings) / size * 1e6:.1f} us; {memory / 1e3:.1f} kB an SLO"
        )
        del engine
    print("goal: 10,000 SLOs p99 <= 5 ms, a flat cost per SLO, <= 130 kB an SLO")


def make_engine(size: int) -> Engine:
    """An engine of SLOs with 30 days of counts: Poisson 600 events a bucket, 0.05 % bad."""
    window, objective = Rolling(timedelta(days=30)), Objective(Decimal("0.999"))
    tiers = default_tiers(objective, window.length)
    end = int(_NOW.timestamp())
    rows = {width: _history(end, width, reach) for width, reach in _GRAINS}
    entries = []
    for number in range(size):
        slo = SLO(
            service=f"svc-{number}",
            name="availability",
            objective=objective,
            window=window,
            sli=ProbeSLI("up"),
            tiers=tiers,
            interval=timedelta(seconds=10),
            no_data_after=timedelta(minutes=2),
        )
        ledger = Ledger(10, window.length)
        for width in ledger.widths:
            ledger.load(width, rows[width])
        ledger.last_observation = _NOW
        entries.append(Entry(slo, Indicator(slo, number, "v1", ledger)))
    engine = Engine(10, awake_since=_NOW - timedelta(days=30))
    engine.watch(entries, {entry.slo.collector_id: Target(entry.slo.interval) for entry in entries})
    return engine


_GRAINS = ((10, 6 * 3600), (60, 3 * 86_400), (300, 30 * 86_400))


def _history(end: int, width: int, reach: int) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    noise = np.random.default_rng(width)
    buckets = np.arange(end - reach, end, width, dtype=np.int64)
    rows = np.zeros((len(buckets), 8), np.int64)
    rows[:, 0] = buckets
    rows[:, 1] = noise.poisson(60 * width, len(buckets))
    rows[:, 2] = noise.poisson(0.03 * width, len(buckets))
    rows[:, 4] = width // 10
    return rows


def _resident() -> int:
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Rss:")) * 1024


if __name__ == "__main__":
    main()
