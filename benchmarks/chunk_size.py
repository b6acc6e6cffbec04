"""Bytes on disk per (good, bad) pair in cold chunks, beside Prometheus's for the same counters.

Ten days of ten second buckets, Poisson 600 events a bucket, 0.1 % of them bad, seeds fixed; written
by CountStore.flush and packed as usual. Prometheus stores the same as two rising counters, in
blocks that promtool makes; only its chunks are counted. Run: python -m benchmarks.chunk_size
"""

import statistics
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.prometheus import backfill, missing
from nines.storage.batches import CountBatch
from nines.storage.counts import CountStore
from nines.storage.database import migrate, open_database
from slo.ledger import BucketDelta

DAYS = 10
SEEDS = (1, 2, 3)
_START = datetime(2026, 11, 1, tzinfo=UTC)
_FIRST = int(_START.timestamp())
_PAIRS = DAYS * 8_640


def main() -> None:
    """Print the median over the seeds and the ratio."""
    ours, theirs = [], []
    for seed in SEEDS:
        noise = np.random.default_rng(seed)
        events = noise.poisson(600, _PAIRS)
        bad = noise.binomial(events, 0.001)
        ours.append(_packed(events, bad))
        if not missing():
            theirs.append(_blocks(events, bad))
    own = statistics.median(ours)
    print(f"{_PAIRS:,} buckets of (good, bad), median of {len(SEEDS)} seeds")
    print(
        f"packed chunks       {own:6.3f} bytes a pair, {own / 2:.3f} a sample   goal <= 1.5 a pair"
    )
    if why := missing():
        print(why)
        return
    peer = statistics.median(theirs)
    print(f"Prometheus's chunks {peer * 2:6.3f} bytes a pair, {peer:.3f} a sample")
    print(f"ratio               {own / 2 / peer:6.2f}   goal <= 0.5")


def _packed(events: NDArray[np.int64], bad: NDArray[np.int64]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(f"sqlite:///{folder}/nines.db")
        migrate(database)
        store = CountStore(database)
        number = store.register("shop/requests", "v1", _START).series_id
        for day in range(DAYS):
            deltas = [
                BucketDelta(_FIRST + 10 * n, good=int(events[n] - bad[n]), bad=int(bad[n]), seen=1)
                for n in range(day * 8_640, (day + 1) * 8_640)
            ]
            store.flush(CountBatch(deltas={number: deltas}))
        while store.pack(_START + timedelta(days=DAYS + 2)):
            pass
        with database.read() as connection:
            size = connection.exec_driver_sql(
                "SELECT sum(length(rows)) FROM packed_counts"
            ).scalar()
            left = connection.exec_driver_sql("SELECT count(*) FROM counts").scalar()
        database.close()
    if left or size is None:
        raise SystemExit(f"{left} buckets were not packed.")
    return int(size) / _PAIRS


def _blocks(events: NDArray[np.int64], bad: NDArray[np.int64]) -> float:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        backfill(folder, _lines(events, bad))
        size = sum(file.stat().st_size for file in folder.glob("tsdb/*/chunks/*"))
    return size / (2 * _PAIRS)


def _lines(events: NDArray[np.int64], bad: NDArray[np.int64]) -> Iterator[str]:
    yield "# TYPE http_requests counter\n"
    for code, counts in (("200", events - bad), ("500", bad)):
        for n, value in enumerate(np.cumsum(counts).tolist()):
            yield f'http_requests_total{{code="{code}"}} {value} {_FIRST + 10 * n}\n'
    yield "# EOF\n"


if __name__ == "__main__":
    main()
