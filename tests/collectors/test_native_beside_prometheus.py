"""A real Prometheus reads the pages that our tests write, and finds the same buckets."""

import json
import math
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from benchmarks.prometheus import prometheus
from benchmarks.serving import Process, last_core
from slo.exposition import Series
from slo.native import NativeHistogram, edge, nearest_edge
from tests.collectors.families import CONTENT_TYPE, delimited, native_family, read
from tests.slo.natives import histogram

CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs: [{{job_name: shop, static_configs: [{{targets: ["{address}"]}}]}}]
"""
SEEN = [0.0, 1e-9, 0.01, 0.1, 0.1, 0.19, 0.25, 0.3, 7.0, 40_000.0, -0.5, -3.0]
SHOWN = {
    f"{schema}": histogram(SEEN, schema, zero)
    for schema, zero in zip(range(-4, 9), [0.0, 2.0**-128] * 7, strict=False)
} | {"float": NativeHistogram(2, 4.5, 0.001, 0.5, ((-8, 1.5), (3, 2.5)))}
Bucket = tuple[float, float, float]


@contextmanager
def scraped(folder: Path, page: bytes) -> Iterator[Process]:
    """A Prometheus that scrapes this page."""
    kind = CONTENT_TYPE.partition(": ")[2].strip()

    def answer(request: Request) -> Response:
        assert "application/vnd.google.protobuf" in request.headers["accept"]
        return Response(page, content_type=kind)

    with HTTPServer() as server:
        server.expect_request("/metrics").respond_with_handler(answer)
        config = CONFIG.format(address=f"127.0.0.1:{server.port}")
        flag = "--enable-feature=native-histograms"
        with prometheus(folder, config, flag, core=last_core()) as process:
            yield process
        server.check_assertions()


def found_by(process: Process) -> dict[str, dict[str, Any]]:
    """The histograms that it has by now, by route."""
    url = f"{process.url}/api/v1/query?query=seconds"
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own address
        found = json.load(answer)["data"]["result"]
    return {one["metric"]["route"]: one["histogram"][1] for one in found}


def buckets(shown: NativeHistogram) -> list[Bucket]:
    """Lower edge, upper edge and count of each bucket that holds something, from below."""
    found: list[Bucket] = []
    for index, count in reversed(shown.negative):
        found.append((-edge(shown.schema, index), -edge(shown.schema, index - 1), float(count)))
    if shown.zero_count:
        found.append((-shown.zero_threshold, shown.zero_threshold, float(shown.zero_count)))
    for index, count in shown.positive:
        found.append((edge(shown.schema, index - 1), edge(shown.schema, index), float(count)))
    return found


@pytest.mark.slow
@pytest.mark.needs("prometheus")
def test_every_schema_has_the_buckets_that_prometheus_finds(tmp_path: Path) -> None:
    page = delimited(native_family("seconds", SHOWN))
    with scraped(tmp_path, page) as process:
        until = time.monotonic() + 30
        while len(theirs := found_by(process)) < len(SHOWN):
            assert time.monotonic() < until, theirs
            time.sleep(0.1)

    ours = read(page, ["seconds", "seconds_bucket"]).natives
    for route, found in theirs.items():
        shown = ours[Series("seconds", (("route", route),))]
        assert float(found["count"]) == shown.count
        same = [
            (nearest_edge(float(lower)), nearest_edge(float(upper)), float(count))
            for _, lower, upper, count in found["buckets"]
        ]
        assert same == buckets(shown), route
    assert len(theirs) == 14
    assert math.isclose(float(theirs["8"]["count"]), len(SEEN))
