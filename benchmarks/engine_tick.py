"""One tick of the engine: every SLO looked at, 8 windows and 4 tiers each, 30 days in reach.

Each tick comes ten seconds after the other and follows a bucket of counts booked to every SLO, as
one page would (booking is timed apart); a tick is what the service does at a bucket's edge: find
whom time could change, evaluate those, and tell whose pages show something new. The ticks run over
every edge there is: of ten seconds, of minutes and of five minutes. Some SLOs burn.

Memory is resident memory: of the whole process at 10,000 SLOs, and what 1,000 add to an empty one.
Each size runs in a process of its own. Run: python -m benchmarks.engine_tick
"""

import gc
import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np

from nines.engine import Engine
from nines.entry import Entry
from nines.indicator import Indicator
from nines.target import Target
from slo.definition import SLO, ProbeSLI
from slo.grain import BAD, COLUMNS, GOOD, SEEN
from slo.ledger import Ledger, epoch_micros, grid_for
from slo.objective import Objective
from slo.tiers import default_tiers
from slo.window import Rolling

SIZES = (1_000, 10_000)
TICKS = 360
_ILL = 0.002  # of all SLOs
_NOW = datetime(2026, 11, 21, 0, 0, 0, 400, tzinfo=UTC)
_REACH = timedelta(days=30)


def main() -> None:
    """Print each size's tick, its cost per SLO and its memory."""
    print(f"{TICKS} ticks each, an hour of them; CPU in ms")
    shown = {}
    for size in SIZES:
        told = subprocess.run(
            [sys.executable, "-m", "benchmarks.engine_tick", str(size)],
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
        one = shown[size] = json.loads(told)
        print(
            f"{size:6,} SLOs: tick p50 {one['p50']:6.2f}  p99 {one['p99']:6.2f}"
            f"  slowest {one['slowest']:6.2f} = {one['p50'] / size * 1e3:.3f} us an SLO;"
            f" booking {one['booking'] / size * 1e3:.2f} us an SLO;"
            f" {one['evaluated']:.1f} evaluated a tick"
        )
        print(
            f"              {one['whole'] / size / 1e3:.1f} kB an SLO of the whole process,"
            f" {one['added'] / size / 1e3:.1f} kB added to an empty one"
        )
    small, large = (shown[size]["p50"] / size for size in SIZES)
    print(f"an SLO's share at {SIZES[1]:,} is {large / small:.2f} of that at {SIZES[0]:,}")
    print("goal: 10,000 SLOs p99 <= 5 ms, a flat cost per SLO, <= 130 kB an SLO")


def measure(size: int) -> dict[str, float]:
    """An hour of ticks at this size."""
    gc.collect()
    empty = _resident()
    engine = make_engine(size)
    entries = list(engine.entries.values())
    grid = entries[0].ledger.grid
    places = np.array([entry.ledger.place for entry in entries], np.intp)
    noise = np.random.default_rng(7)
    ill = noise.choice(size, max(1, int(size * _ILL)), replace=False)
    began_at = noise.integers(20, 280, len(ill))  # ten minutes each
    engine.tick(_NOW)
    engine.changed(_NOW)
    gc.collect()
    gc.freeze()
    ticks, bookings, evaluated = [], [], 0
    for number in range(1, TICKS + 1):
        now = _NOW + timedelta(seconds=10 * number)
        amounts = np.zeros((size, COLUMNS), np.int64)
        amounts[:, GOOD], amounts[:, SEEN] = 600, 1
        amounts[:, BAD] = noise.poisson(0.3, size)
        amounts[ill[(began_at < number) & (number < began_at + 60)], BAD] = 300
        bucket = int(now.timestamp()) // 10 * 10
        began = time.process_time()
        grid.book_many(places, bucket, amounts, epoch_micros(now))
        booked = time.process_time()
        suspects = engine.suspects(now)
        engine.tick(now, suspects)
        engine.changed(now)
        ticks.append((time.process_time() - booked) * 1e3)
        bookings.append((booked - began) * 1e3)
        evaluated += len(suspects)
    gc.collect()
    whole = _resident()
    return {
        "p50": float(np.percentile(ticks, 50)),
        "p99": float(np.percentile(ticks, 99)),
        "slowest": max(ticks),
        "booking": float(np.percentile(bookings, 50)),
        "evaluated": evaluated / TICKS,
        "whole": whole,
        "added": whole - empty,
    }


def make_engine(size: int) -> Engine:
    """An engine of SLOs with 30 days of counts: Poisson 600 events a bucket, 0.05 % bad."""
    window, objective = Rolling(_REACH), Objective(Decimal("0.999"))
    tiers = default_tiers(objective, window.length)
    end = int(_NOW.timestamp())
    rows = {width: _history(end, width, reach) for width, reach in _GRAINS}
    grid = grid_for(10, window.length)
    grid.reserve(size)
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
        ledger = Ledger(10, window.length, grid=grid)
        for width in ledger.widths:
            ledger.load(width, rows[width])
        ledger.last_observation = _NOW
        entries.append(Entry(slo, Indicator(slo, number, "v1", ledger)))
    engine = Engine(10, awake_since=_NOW - timedelta(days=30))
    engine.watch(
        entries,
        {f"{entry.slo.service}/up": Target(entry.slo.interval) for entry in entries},
    )
    return engine


_GRAINS = ((10, 6 * 3600), (60, 3 * 86_400), (300, 30 * 86_400))


def _history(end: int, width: int, reach: int) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    noise = np.random.default_rng(width)
    buckets = np.arange(end - reach, end, width, dtype=np.int64) // width * width
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
    if len(sys.argv) > 1:
        print(json.dumps(measure(int(sys.argv[1]))))
    else:
        main()
