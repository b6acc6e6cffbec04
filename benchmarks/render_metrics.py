"""CPU of printing /metrics for 10,000 SLOs, per series, beside prometheus_client and /federate.

Every SLO is judged anew before each page, so that all its numbers are new; what the statuses
themselves cost, which are made when somebody asks, is told apart.
prometheus_client prints the same families, made beforehand; Prometheus has scraped the very page
and answers /federate for its `slo_*` series. Fails where a goal is missed.
Run: python -m benchmarks.render_metrics
"""

import statistics
import tempfile
import time
import urllib.request
from collections.abc import Generator, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from benchmarks.engine_tick import make_engine
from benchmarks.prometheus import missing, prometheus, served
from benchmarks.serving import last_core
from dashboards.source import SystemHealth
from nines.engine import Engine
from slo.ledger import BucketDelta
from web.exporter import Printer, Snapshot, page

SLOS = 10_000
ROUNDS = 5
PEER_ROUNDS = 3
_NOW = datetime(2026, 11, 21, tzinfo=UTC)
_SCRAPE_SECONDS = 15
Done = TypeVar("Done")


def main() -> None:
    """Print microseconds a series, and the ratios."""
    engine, printer = make_engine(SLOS), Printer()
    spent: list[float] = []
    made: list[float] = []
    steps: list[float] = []
    for number in range(ROUNDS + 1):
        _judge(engine, _NOW + timedelta(seconds=10 * number))
        began = time.process_time()
        snapshot = _snapshot(engine, _NOW + timedelta(seconds=10 * number))
        made.append(time.process_time() - began)
        began = time.process_time()
        samples = _finish(printer.samples(snapshot), steps)
        parts = _finish(page(samples, None, as_openmetrics=False), steps)
        spent.append(time.process_time() - began)
        if number == 0:
            steps = []  # the first page prepares what the others only fill in
    text = b"".join(parts)
    series = sum(not line.startswith(b"#") for line in text.splitlines())
    own = statistics.median(spent[1:]) / series
    print(f"{SLOS:,} SLOs, {series:,} series, {len(text) / 1e6:.1f} MB, median of {ROUNDS} pages")
    print(
        f"nines              {own * 1e6:6.2f} us a series (the first page"
        f" {spent[0] / series * 1e6:.2f}), longest step {max(steps) * 1e3:.1f} ms   goal <= 1 us"
    )
    print(f"its statuses made  {statistics.median(made[1:]) / SLOS * 1e6:6.0f} us an SLO")
    client = _client(text) / series
    print(f"prometheus_client  {client * 1e6:6.2f} us a series, 1/{client / own:.0f}")
    if why := missing():
        print(why)
        return
    peer = _federate(text)
    print(f"/federate          {peer * 1e6:6.2f} us a series, 1/{peer / own:.1f}   goal <= 1/10")
    if own * 10 > peer:
        raise SystemExit("Missed: a series costs more than a tenth of what it does in /federate.")


def _judge(engine: Engine, now: datetime) -> None:
    for number, entry in enumerate(engine.entries.values()):
        counts = BucketDelta(int(now.timestamp()), good=600 + number % 7, bad=number % 3, seen=1)
        entry.ledger.book(now, counts)
    engine.tick(now)


def _snapshot(engine: Engine, now: datetime) -> Snapshot:
    statuses = [entry.status for entry in engine.entries.values() if entry.status is not None]
    return Snapshot(
        statuses=statuses,
        digests=(),
        rules={slo_id: entry.states for slo_id, entry in engine.entries.items()},
        causes={},
        cards={},
        collectors=(),
        health=SystemHealth(
            started_at=_NOW,
            last_evaluation=now,
            evaluation_seconds=0.0,
            outbox_pending=0,
            outbox_oldest=None,
            config_loaded_at=_NOW,
            config_ok=True,
            version="benchmark",
            problems=(),
        ),
        notifications={},
        now=now,
    )


def _finish(steps: Generator[None, None, Done], lengths: list[float]) -> Done:
    while True:
        began = time.perf_counter()
        try:
            next(steps)
        except StopIteration as end:
            done: Done = end.value
            return done
        finally:
            lengths.append(time.perf_counter() - began)


class _Families(Collector):
    """What was parsed, to be printed again."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        return self._families


def _client(text: bytes) -> float:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(text_string_to_metric_families(text.decode())))
    spent = []
    for _ in range(PEER_ROUNDS):
        began = time.process_time()
        generate_latest(registry)
        spent.append(time.process_time() - began)
    return statistics.median(spent)


class _Same:
    """The same page each time."""

    def __init__(self, page_: bytes) -> None:
        self._page = page_

    def text(self) -> bytes:
        return self._page


def _federate(text: bytes) -> float:
    """Seconds of CPU a series, scrapes of the page in between taken off."""
    with tempfile.TemporaryDirectory() as name, served(_Same(text)) as address:
        config = (
            f"global: {{scrape_interval: {_SCRAPE_SECONDS}s}}\n"
            "scrape_configs:\n- job_name: nines\n"
            f"  static_configs: [{{targets: ['{address}']}}]\n"
        )
        with prometheus(Path(name), config, core=last_core()) as process:
            time.sleep(2 * _SCRAPE_SECONDS)
            before = process.cpu()
            time.sleep(2 * _SCRAPE_SECONDS)
            scraping = (process.cpu() - before) / (2 * _SCRAPE_SECONDS)
            spent = []
            url = f"{process.url}/federate?match[]=%7B__name__%3D~%22slo_.%2B%22%7D"
            for _ in range(PEER_ROUNDS):
                before, began = process.cpu(), time.monotonic()
                with urllib.request.urlopen(url, timeout=60) as answer:
                    body = answer.read()
                meanwhile = scraping * (time.monotonic() - began)
                told = sum(not line.startswith(b"#") for line in body.splitlines())
                spent.append((process.cpu() - before - meanwhile) / told)
    return statistics.median(spent)


if __name__ == "__main__":
    main()
