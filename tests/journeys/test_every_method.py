"""Histograms, gauges, slices and the calendar, from a real page to every place that shows them."""

from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from nines.demo.http_server import HttpServer, Request, Response
from tests.journeys.readings import metrics
from tests.journeys.serving import Nines, eventually, nines
from tests.web.ports import free_port

CONFIG = """
server: {{listen: "127.0.0.1:{port}", external_url: "http://127.0.0.1:{port}", bucket: 1s,
         database: "sqlite:///{database}"}}
services:
  shop:
    collectors: {{app: {{prometheus: "{target}/metrics", interval: 1s}}}}
    slos:
      latency:
        objective: 95%
        window: day Asia/Kathmandu
        sli: {{collector: app, histogram: request_seconds, below: 1s}}
      no-edge:
        objective: 95%
        sli: {{collector: app, histogram: request_seconds, below: 200ms}}
      queue:
        objective: 95%
        sli: {{collector: app, metric: queue_depth, below: 100}}
      slices:
        objective: 95%
        method: timeslices
        slice: 1s
        slice_target: 90%
        no_data: bad
        sli: {{collector: app, histogram: request_seconds, below: 1s}}
alerting: {{route: {{receivers: []}}}}
"""


class Shop:
    """Every page finds nine fast requests and a slow one more, and a short queue."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._seconds = Histogram(
            "request_seconds", "Requests.", buckets=(0.1, 0.5, 1), registry=self.registry
        )
        self._queue = Gauge("queue_depth", "Queue.", registry=self.registry)
        self.server = HttpServer(self._answer)

    def _answer(self, _request: Request) -> Response:
        for _ in range(9):
            self._seconds.observe(0.05)
        self._seconds.observe(3)
        self._queue.set(7)
        return Response(200, generate_latest(self.registry), CONTENT_TYPE_LATEST)


async def test_every_method_tells_the_same_on_its_page_the_api_and_metrics(tmp_path: Path) -> None:
    shop, port = Shop(), free_port()
    await shop.server.start()
    config = tmp_path / "config.yaml"
    config.write_text(
        CONFIG.format(port=port, database=tmp_path / "nines.db", target=shop.server.url)
    )
    try:
        async with nines(config, port) as process:
            await eventually(lambda: _counted(process), "pages to be counted", process.log)
            await shop.server.refuse()
            await _check(process)
    finally:
        await shop.server.refuse()


async def _counted(process: Nines) -> bool:
    slo = await process.get("/api/v1/slos/shop/slices")
    return bool(slo["slices"]["observed"] >= 3)


async def _check(process: Nines) -> None:
    latency = await process.get("/api/v1/slos/shop/latency")
    assert latency["window"] == "day Asia/Kathmandu"
    assert latency["sli_ratio"] == 0.9
    assert latency["events"]["good"] == 9 * latency["events"]["bad"] > 0
    assert latency["sli"]["threshold"] == 1.0

    missing = await process.get("/api/v1/slos/shop/no-edge")
    assert missing["sli_ratio"] is None
    (said,) = missing["anomalies"]
    assert said == "200ms is not an edge of request_seconds; the nearest are 0.1 and 0.5"

    queue = await process.get("/api/v1/slos/shop/queue")
    assert (queue["sli_ratio"], queue["sli"]["kind"]) == (1.0, "gauge")

    slices = await process.get("/api/v1/slos/shop/slices")
    assert slices["method"] == "timeslices"
    assert slices["slices"]["bad"] == slices["budget"]["spent_events"]

    told = await metrics(process)
    labels = {"service": "shop", "slo": "latency", "window": "day Asia/Kathmandu"}
    assert told.one("slo_sli_ratio", **labels) == 0.9
    assert told.one("slo_window_seconds", **labels) == 86_400
    for name, words in {
        "latency": "Asia/Kathmandu",
        "no-edge": "the nearest are 0.1 and 0.5",
        "queue": "each sample that is below 100",
        "slices": "slices of 1s, good from 90",
    }.items():
        page = await process.client.get(f"/slos/shop/{name}")
        assert page.status_code == 200
        assert words in page.text
        numbers = await process.client.get(f"/slos/shop/{name}/numbers")
        assert numbers.status_code == 200
        account = await process.get(f"/api/v1/slos/shop/{name}/budget")
        assert account["window"] == (await process.get(f"/api/v1/slos/shop/{name}"))["window"]
    opened = (await process.client.get("/slos/shop/slices/numbers")).text
    assert "SLI = 1 - cost of bad slices / slices that count" in opened
    assert "(cost / slices) / (1 - T)" in opened
    await _check_the_past(process)
    listed = (await process.client.get("/slos/shop/latency/numbers")).text
    assert "It adds up to the unit" in listed


async def _check_the_past(process: Nines) -> None:
    for path in ("/", "/slos", "/slos/shop/slices", "/slos/shop/latency", "/services/shop"):
        past = await process.client.get(path, params={"at": "now-1s"})
        assert past.status_code == 200
        assert "This is the past: " in past.text
        before = await process.client.get(path, params={"at": "now-1d"})
        assert before.status_code == 400
        assert "nothing is kept from before" in before.text
