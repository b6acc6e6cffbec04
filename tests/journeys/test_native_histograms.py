"""Native histograms of a real page: counted through a restart, a gap and coarser buckets."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest

from nines.demo.http_server import HttpServer, Request, Response
from slo.native import NativeHistogram
from tests.collectors.families import CONTENT_TYPE, delimited, native_family
from tests.journeys.serving import eventually, nines
from tests.slo.natives import Client, three_ways
from tests.web.ports import free_port

CONFIG = """
server: {{listen: "127.0.0.1:{port}", external_url: "http://127.0.0.1:{port}", bucket: 1s,
         database: "sqlite:///{database}"}}
services:
  shop:
    collectors:
      app: {{prometheus: "{target}/metrics", interval: 1s, timeout: 5s}}
    slos:
      edge:
        {{objective: 99%, window: 1d, sli: {{collector: app, histogram: seconds, below: 250ms}}}}
      cut:
        {{objective: 99%, window: 1d, sli: {{collector: app, histogram: seconds, below: 200ms}}}}
"""
FAST, CUT, SLOW = 0.1, 0.19, 0.4


@dataclass(frozen=True)
class Shown:
    process: Client
    schema: int
    seen: tuple[float, ...]


class App:
    """A service that answers in protobuf alone, and remembers what each page showed."""

    def __init__(self) -> None:
        self.server = HttpServer(self._answer)
        self.pages: list[Shown] = []
        self.asked: set[str] = set()
        self.process, self.created = Client(3), 1000.0

    def restart(self) -> None:
        self.process, self.created = Client(3), self.created + 100

    def knowable(self, threshold: float) -> dict[str, int]:
        """Good, bad and unknown between consecutive pages, by the coarser buckets of the two."""
        sums = [0, 0, 0]
        for old, new in zip(self.pages, self.pages[1:], strict=False):
            same = old.process is new.process
            events = new.seen[len(old.seen) :] if same else new.seen
            schema = min(old.schema, new.schema) if same else new.schema
            counts = three_ways(events, threshold, schema)
            sums = [a + b for a, b in zip(sums, counts, strict=True)]
        return dict(zip(("good", "bad", "unknown"), sums, strict=True))

    def _answer(self, request: Request) -> Response:
        self.asked.add(request.headers["accept"])
        shown: NativeHistogram = self.process.shows()
        self.pages.append(Shown(self.process, shown.schema, tuple(self.process.seen)))
        page = delimited(native_family("seconds", {"a": shown}, created=self.created))
        return Response(200, page, CONTENT_TYPE.partition(": ")[2].strip())


@pytest.mark.slow
async def test_every_event_is_good_bad_or_unknown_as_the_buckets_of_both_pages_tell(
    tmp_path: Path,
) -> None:
    app, port = App(), free_port()
    await app.server.start()
    config = tmp_path / "config.yaml"
    config.write_text(
        CONFIG.format(port=port, database=tmp_path / "nines.db", target=app.server.url)
    )
    thresholds = {"edge": 0.25, "cut": 0.2}
    async with nines(config, port) as process:

        async def counted() -> dict[str, dict[str, int]]:
            found = {}
            for name in thresholds:
                life = (await process.get(f"/api/v1/slos/shop/{name}"))["lifetime"]
                found[name] = {kind: life[kind] for kind in ("good", "bad", "unknown")}
            return found

        async def seen(*events: float) -> None:
            app.process.seen += events
            wanted = len(app.pages) + 1

            async def told() -> bool:
                known = {name: app.knowable(below) for name, below in thresholds.items()}
                return len(app.pages) >= wanted and await counted() == known

            await eventually(told, f"page {wanted} to be counted", process.log)

        try:
            await seen(FAST)
            await seen(FAST, CUT, SLOW)
            app.process.seen += [CUT]  # goes with its process
            app.restart()
            await seen(FAST, FAST, CUT, CUT, SLOW, SLOW)  # overtook: its creation alone tells
            await app.server.refuse()
            app.process.seen += [FAST, SLOW]
            await asyncio.sleep(2)
            await app.server.start()
            await seen(CUT)
            app.process.schema = 1
            await seen(FAST, CUT, SLOW, SLOW)
        finally:
            await app.server.refuse()
        found = await counted()
        cut = await process.get("/api/v1/slos/shop/cut")
        page = (await process.client.get("/slos/shop/cut")).text

    assert sum(found["edge"].values()) == sum(found["cut"].values()) >= 16
    assert found["edge"]["unknown"] == 0
    assert found["edge"]["bad"] == 1 + 2 + 1 + 2
    assert found["cut"]["unknown"] > 0
    assert "200ms is not an edge of seconds; the nearest are" in str(cut)
    good = found["edge"]["good"] / sum(found["edge"].values())  # no event lies between the two
    assert cut["sli_lowest_ratio"] < good <= cut["sli_highest_ratio"]
    assert "with the unknown" in page
    assert all(accept.startswith("application/vnd.google.protobuf;") for accept in app.asked)
