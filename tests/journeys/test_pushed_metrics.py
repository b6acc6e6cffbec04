"""A Prometheus and OpenTelemetry's SDK send to a real Nines, which is killed: all counts once."""

import asyncio
import itertools
import json
import sqlite3
import time
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource

from benchmarks.prometheus import prometheus
from benchmarks.serving import Process, last_core
from nines.demo.http_server import HttpServer, Request, Response
from tests.journeys.serving import Nines, eventually, nines
from tests.web.ports import free_port

CONFIG = """
server: {{listen: "127.0.0.1:{port}", external_url: "http://127.0.0.1:{port}", bucket: 1s,
         database: "sqlite:///{folder}/nines.db"}}
alerting: {{route: {{receivers: []}}}}
services:
  shop:
    collectors:
      metrics: {{remote_write: prometheus, bearer_token: only-you, interval: 1s, timeout: 1s}}
    slos:
      requests:
        objective: 99%
        window: 1h
        sli:
          collector: metrics
          bad: http_requests_total{{job="shop", code="500"}}
          total: http_requests_total{{job="shop"}}
      depth:
        objective: 99%
        window: 1h
        sli: {{collector: metrics, metric: queue_depth, below: "10"}}
"""
PROMETHEUS = """
global: {{scrape_interval: 200ms, external_labels: {{cluster: here}}}}
scrape_configs: [{{job_name: shop, static_configs: [{{targets: ["{target}"]}}]}}]
remote_write:
- url: "{nines}/api/v1/write"
  authorization: {{credentials: only-you}}
  queue_config: {{batch_send_deadline: 200ms, min_backoff: 50ms, max_backoff: 200ms}}
"""


class Shop:
    """A target whose counters begin again at nought with its process."""

    def __init__(self) -> None:
        self.good = self.bad = self.looks = 0

    def answer(self, _: Request) -> Response:
        self.looks += 1
        page = (
            f'http_requests_total{{code="200"}} {self.good}\n'
            f'http_requests_total{{code="500"}} {self.bad}\nqueue_depth 3\n'
        )
        return Response(200, page.encode(), content_type="text/plain; version=0.0.4")

    async def count(self, good: int, bad: int, *, anew: bool = False) -> None:
        """So many requests, and two scrapes that see them."""
        self.good, self.bad = (good, bad) if anew else (self.good + good, self.bad + bad)
        least = self.looks + 2
        await eventually(lambda: self.looks >= least, "scrapes")


def increase(process: Process, code: str) -> int:
    """Over all raw samples that Prometheus has, resets added up as it does."""
    query = urllib.parse.quote(f'http_requests_total{{code="{code}"}}[30m]')
    url = f"{process.url}/api/v1/query?query={query}"
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own address
        (series,) = json.load(answer)["data"]["result"]
    values = [float(value) for _, value in series["values"]]
    pairs = itertools.pairwise(values)
    return round(sum(now - was if now >= was else now for was, now in pairs))


async def told(process: Nines, name: str) -> dict[str, Any]:
    found: dict[str, Any] = await process.get(f"/api/v1/slos/shop/{name}")
    return found


async def stored(folder: Path) -> None:
    """Until what is counted by now is in the database."""
    now = time.time() * 1_000_000

    def is_stored() -> bool:
        with closing(sqlite3.connect(folder / "nines.db")) as connection:
            asked = "SELECT last_due FROM collectors WHERE collector_id = 'shop/metrics'"
            rows = connection.execute(asked).fetchall()
        return any(due >= now for (due,) in rows)

    await eventually(is_stored, "the counts to be stored")


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[tuple[Nines, Process, Shop]]:
    """All three of them."""
    shop, port, config = Shop(), free_port(), folder / "config.yaml"
    config.write_text(CONFIG.format(port=port, folder=folder))
    server = HttpServer(shop.answer)
    await server.start()
    try:
        async with nines(config, port) as process:
            written = PROMETHEUS.format(
                target=server.url.removeprefix("http://"), nines=process.url
            )
            with prometheus(folder, written, core=last_core()) as peer:
                yield process, peer, shop
    finally:
        await server.refuse()


@pytest.mark.slow
@pytest.mark.needs("prometheus")
async def test_what_prometheus_writes_counts_as_it_counts_through_a_kill_and_a_reset(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as (process, peer, shop):

        async def same() -> bool:
            lifetime = (await told(process, "requests"))["lifetime"]
            return (lifetime["good"], lifetime["bad"]) == (
                increase(peer, "200"),
                increase(peer, "500"),
            )

        async def is_there() -> bool:
            return bool((await told(process, "depth"))["lifetime"]["good"])

        await eventually(is_there, "the first look", process.log)
        await shop.count(100, 3)
        await shop.count(40, 0, anew=True)  # it restarted between two of our looks
        await shop.count(7, 1)
        await eventually(same, "the counts", process.log)

        await stored(tmp_path)
        await shop.count(9, 2)
        await process.kill()
        await shop.count(20, 2)
        await shop.count(5, 0, anew=True)
        await process.start()
        await eventually(same, "the counts after a kill", process.log)
        await shop.count(1, 1)
        await eventually(same, "the counts at the end", process.log)

        lifetime = (await told(process, "requests"))["lifetime"]
        assert lifetime["good"] == 100 + 40 + 7 + 9 + 20 + 5 + 1
        assert lifetime["bad"] == 3 + 0 + 1 + 2 + 2 + 0 + 1


EXPORTED = """
server: {{listen: "127.0.0.1:{port}", external_url: "http://127.0.0.1:{port}", bucket: 1s,
         database: "sqlite:///{folder}/nines.db"}}
alerting: {{route: {{receivers: []}}}}
services:
  shop:
    collectors:
      metrics: {{otlp: opentelemetry, bearer_token: only-you, interval: 1s, timeout: 1s}}
    slos:
"""
OF_APP = """
      {name}:
        objective: 99%
        window: 1h
        sli:
          collector: metrics
          bad: http_server_requests_total{{job="shop/{name}", status="500"}}
          total: http_server_requests_total{{job="shop/{name}"}}
      {name}-fast:
        objective: 99%
        window: 1h
        sli:
          collector: metrics
          histogram: http_server_duration_seconds{{job="shop/{name}"}}
          below: 1s
"""
APPS = ["cumulative", "delta"]


class App:
    """A process with OpenTelemetry in it, whose name says how it tells what it counted."""

    def __init__(self, url: str, name: str) -> None:
        told = AggregationTemporality[name.upper()]
        exporter = OTLPMetricExporter(
            f"{url}/v1/metrics",
            headers={"authorization": "Bearer only-you"},
            compression=Compression.Gzip,
            preferred_temporality={Counter: told, Histogram: told},
        )
        view = View(
            instrument_name="*.duration",
            aggregation=ExplicitBucketHistogramAggregation((0.1, 1.0)),
        )
        self._provider = MeterProvider(
            # It exports when it is told to: no clock of its own.
            [PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)],
            Resource({"service.name": name, "service.namespace": "shop"}),
            views=[view],
        )
        meter = self._provider.get_meter("shop")
        self._requests = meter.create_counter("http.server.requests", unit="{request}")
        self._duration = meter.create_histogram("http.server.duration", unit="s")

    def serve(self, good: int, bad: int) -> None:
        """So many requests, of which bad ones are slow, too; exported where there is somebody."""
        self._requests.add(good, {"status": 200})
        self._requests.add(bad, {"status": 500})
        for seconds, count in ((0.05, good), (3.0, bad)):
            for _ in range(count):
                self._duration.record(seconds)
        self._provider.force_flush()

    def end(self) -> None:
        self._provider.shutdown()


@pytest.mark.slow
async def test_what_opentelemetry_exports_counts_once_through_a_kill_and_a_restart(
    tmp_path: Path,
) -> None:
    port, config = free_port(), tmp_path / "config.yaml"
    slos = "".join(OF_APP.format(name=name) for name in APPS)
    config.write_text(EXPORTED.format(port=port, folder=tmp_path) + slos)
    async with nines(config, port) as process:

        async def counted(good: int, bad: int) -> None:
            async def same() -> bool:
                found = [
                    (await told(process, f"{name}{of}"))["lifetime"]
                    for name in APPS
                    for of in ("", "-fast")
                ]
                return all((one["good"], one["bad"]) == (good, bad) for one in found)

            await eventually(same, f"{good} good and {bad} bad", process.log)

        async def are_there() -> bool:
            return all([(await told(process, name))["last_observation"] for name in APPS])

        async def serve(good: int, bad: int) -> None:
            await asyncio.gather(*(asyncio.to_thread(app.serve, good, bad) for app in apps))

        apps = [App(process.url, name) for name in APPS]
        try:
            await serve(100, 5)  # before the first look
            await eventually(are_there, "the first look", process.log)
            await serve(100, 3)
            await counted(100, 3)

            await stored(tmp_path)
            await process.kill()
            await process.start()
            await serve(20, 1)
            await counted(120, 4)
        finally:
            await asyncio.gather(*(asyncio.to_thread(app.end) for app in apps))

        # Others in their place, whose counters are higher than the old ones' at once.
        apps = [App(process.url, name) for name in APPS]
        try:
            await serve(250, 11)
            await counted(370, 15)
        finally:
            await asyncio.gather(*(asyncio.to_thread(app.end) for app in apps))
