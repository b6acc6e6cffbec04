"""A real Nines reads JSON, a log and a Prometheus's past, is killed, and counts each event once."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nines.demo.http_server import HttpServer, Request, Response
from tests.fakes.metric_stores import prometheus
from tests.journeys.serving import Nines, eventually, nines
from tests.web.ports import free_port

HEAD = """
server: {{listen: "127.0.0.1:{port}", external_url: "http://127.0.0.1:{port}", bucket: 1s,
         database: "sqlite:///{folder}/nines.db"}}
alerting: {{route: {{receivers: []}}}}
services:
  shop:
    collectors:
"""
JSON_AND_LOG = """
      express:
        json: "{target}/metrics"
        interval: 1s
        timeout: 1s
        process_start: {{uptime: $.system.uptime}}
        metrics:
          requests_total: {{path: $.performance.requests, type: counter}}
          errors_total: {{path: $.performance.errors, type: counter}}
      access:
        log: access.log
        interval: 1s
        timeout: 1s
        units: {{responseTime: ms}}
        metrics:
          lines_total: {{labels: {{class: status_class}}}}
          slow_total: {{above: {{responseTime: 1s}}}}
    slos:
      express:
        objective: 99%
        window: 1h
        sli: {{collector: express, bad: errors_total, total: requests_total}}
      access:
        objective: 99%
        window: 1h
        sli: {{collector: access, bad: slow_total, total: lines_total}}
"""
PAST = """
      metrics:
        promql: "{target}"
        interval: 10s
        timeout: 5s
        backfill: 2h
        queries:
          requests_total: {{query: sum by (code) (http_requests_total), type: counter}}
    slos:
      past:
        objective: 99%
        window: 3h
        sli: {{collector: metrics, bad: 'requests_total{{code="500"}}', total: requests_total}}
"""
STEP = timedelta(seconds=10)


class Express:
    """A server with counters of its own, which begin again at nought with its process."""

    def __init__(self) -> None:
        self.looks = self.requests = self.errors = 0
        self._began = time.monotonic() - 3600
        self.requests = 5000

    def answer(self, _: Request) -> Response:
        self.looks += 1
        told = {
            "performance": {"requests": self.requests, "errors": self.errors},
            "system": {"uptime": time.monotonic() - self._began},
        }
        return Response(200, json.dumps(told).encode())

    def restart(self) -> None:
        self.requests, self.errors, self._began = 0, 0, time.monotonic()


async def lifetime(process: Nines, name: str) -> tuple[int, int]:
    told = (await process.get(f"/api/v1/slos/shop/{name}"))["lifetime"]
    return told["good"], told["bad"]


def write(log: Path, good: int, slow: int) -> None:
    lines = ['{"status": 200, "responseTime": "12"}\n'] * good
    lines += ['{"status": 200, "responseTime": "1000.5"}\n'] * slow
    with log.open("a") as file:
        file.write("".join(lines))


@asynccontextmanager
async def watching(folder: Path, collectors: str, target: str) -> AsyncIterator[Nines]:
    port = free_port()
    config = folder / "config.yaml"
    config.write_text((HEAD + collectors).format(port=port, folder=folder, target=target))
    async with nines(config, port) as process:
        yield process


@pytest.mark.slow
async def test_json_and_log_count_each_event_once_through_kills_and_rotation(
    tmp_path: Path,
) -> None:
    express, log = Express(), tmp_path / "access.log"
    write(log, 7, 7)  # before anybody looked
    server = HttpServer(express.answer)
    await server.start()
    try:
        async with watching(tmp_path, JSON_AND_LOG, server.url) as process:

            async def looked() -> None:
                """Until what is there now is read, and stored."""
                least = express.looks + 3
                await eventually(lambda: express.looks >= least, "looks", process.log)

            async def counted(name: str, good: int, bad: int) -> None:
                async def same() -> bool:
                    return await lifetime(process, name) == (good, bad)

                await eventually(same, f"{name} to have {good} and {bad}", process.log, within=10)

            await looked()
            express.requests += 100
            express.errors += 3
            write(log, 20, 2)
            await counted("express", 97, 3)
            await counted("access", 20, 2)
            await looked()

            await process.kill()
            write(log, 5, 1)
            log.rename(tmp_path / "access.log.1")
            write(log, 4, 1)
            express.restart()
            express.requests, express.errors = 40, 2
            await process.start()
            await counted("express", 97 + 38, 5)
            await counted("access", 29, 4)

            write(log, 1, 1)
            await counted("access", 30, 5)
            await looked()
            await process.kill()
            await process.start()
            await looked()
            await counted("access", 30, 5)
            await counted("express", 97 + 38, 5)
    finally:
        await server.refuse()


@pytest.mark.slow
@pytest.mark.needs("prometheus")
async def test_an_slo_on_a_prometheus_begins_with_its_past(tmp_path: Path) -> None:
    looks = 360
    began = datetime.now(UTC).replace(microsecond=0) - looks * STEP
    lines = ["# TYPE http_requests counter"]
    for code, every in (("200", 9), ("500", 1)):
        for look in range(looks):
            at = (began + look * STEP).timestamp()
            lines.append(f'http_requests_total{{code="{code}"}} {look * every} {at:.3f}')
    with prometheus(tmp_path / "prometheus", "\n".join([*lines, ""])) as url:
        async with watching(tmp_path, PAST, url) as process:
            first = await lifetime(process, "past")
            slo = await process.get("/api/v1/slos/shop/past")
            await process.kill()
            await process.start()
            again = await lifetime(process, "past")
            said = process.log()

    # All samples are seen: the first is the baseline.
    assert first == (9 * (looks - 1), looks - 1)
    assert again == first
    assert slo["events"]["total"] == 10 * (looks - 1)
    assert "backfilled" in said
