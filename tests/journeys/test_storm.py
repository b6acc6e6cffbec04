"""10,000 alerts for 500 services at once, and a SIGKILL in their midst: bounded memory, pages by
themselves, none forgotten.
"""

import json
import sqlite3
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from benchmarks.storm import bodies
from tests.journeys.serving import Nines, eventually, nines
from tests.web.ports import free_port

CONFIG = """
server: {{listen: "127.0.0.1:{port}", database: "sqlite:///{database}"}}
services: {{}}
alerting:
  alertmanager_api: {{}}
  receivers:
    oncall:
      pagerduty: {{routing_key: 0123456789abcdef0123456789abcdef, url: "{url}"}}
      rate: 60000/1m
    desk: {{webhook: {{url: "{url}/desk"}}, rate: 600/1m}}
  route:
    receivers: [desk]
    group_wait: 0s
    group_interval: 20s
    routes: [{{match: 'severity="critical"', receivers: [oncall]}}]
"""
ALERTS, SERVICES = 10_000, 500
MOST_MEMORY = 192 * 2**20  # bytes more than before the storm
FAULTS = (503, 429, 500)


@dataclass
class Vendors:
    """PagerDuty and a webhook. Each tenth request fails."""

    url: str = ""
    pages: Counter[str] = field(default_factory=Counter)  # by dedup_key
    posts: list[dict[str, Any]] = field(default_factory=list)
    failed: int = 0
    requests: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, path: str, body: dict[str, Any]) -> int:
        with self.lock:
            self.requests += 1
            if self.requests % 10 == 0:
                self.failed += 1
                return FAULTS[self.failed % len(FAULTS)]
            if path == "/desk":
                self.posts.append(body)
                return 200
            self.pages[body["dedup_key"]] += 1
            return 202


@pytest.fixture
def vendors() -> Iterator[Vendors]:
    seen = Vendors()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(seen.take(self.path, body))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    seen.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield seen
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
async def process(tmp_path: Path, vendors: Vendors) -> AsyncIterator[Nines]:
    port = free_port()
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(port=port, database=tmp_path / "nines.db", url=vendors.url))
    async with nines(config, port) as running:
        yield running


def resident(pid: int) -> int:
    """Bytes of memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def fates(database: Path) -> tuple[int, Counter[str], set[str], set[str]]:
    """How many alerts fire; messages by state; the alerts that were told; all alerts."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        firing = {
            row[0] for row in connection.execute("SELECT id FROM alerts WHERE ended_at IS NULL")
        }
        states: Counter[str] = Counter()
        told: set[str] = set()
        query = "SELECT state, alerts, digest, finished_at FROM notifications"
        for state, alerts, digest, finished in connection.execute(query):
            states[state] += 1
            if state == "delivered" or (state == "digested" and digest and finished):
                told.update(json.loads(alerts))
        (known,) = connection.execute("SELECT count(*) FROM outside_alerts").fetchone()
    return known, states, told, firing


@pytest.mark.slow
async def test_a_storm_is_stored_and_told_whole(
    process: Nines, vendors: Vendors, tmp_path: Path
) -> None:
    before = resident(process.pid)
    json_ = {"content-type": "application/json"}
    waiting = list(bodies(ALERTS, SERVICES))
    for number, body in enumerate(waiting):
        answer = await process.client.post(
            "/api/v2/alerts", content=body, headers=json_, timeout=60
        )
        assert answer.status_code == 200
        if number == len(waiting) // 2:
            await process.kill()  # what was answered with yes is stored, decided on or not
            await process.start()
            before = resident(process.pid)

    def whole() -> bool:
        _, states, told, firing = fates(tmp_path / "nines.db")
        return not states["pending"] and told == firing

    await eventually(whole, "everything to be told", process.log, within=150)
    known, states, told, firing = fates(tmp_path / "nines.db")
    assert known == len(firing) == len(told) == ALERTS
    assert not states["failed"]

    # Each page by itself, under a key of its own; the rest in digests, none of which is a page.
    assert len(vendors.pages) == SERVICES
    kinds = Counter(post["nines"]["kind"] for post in vendors.posts)
    severities = {post["nines"]["severity"] for post in vendors.posts}
    heard = {alert["labels"]["service"] for post in vendors.posts for alert in post["alerts"]}
    assert kinds["digest"] > 0
    assert severities == {"ticket"}
    assert len(heard) == SERVICES
    assert vendors.failed > 0
    assert resident(process.pid) - before < MOST_MEMORY
