"""A service whose counters the test plays: it knows what every page said.

What can be known is the sum over consecutive pages; what a process counted after its last page
went with it.
"""

import asyncio
import random
import time
from collections import Counter as Tally
from collections.abc import Mapping
from itertools import pairwise

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.exposition import CONTENT_TYPE_LATEST, choose_encoder, generate_latest

from nines.demo.http_server import HttpServer, Request, Response


class Process:
    """A process that counts its requests; with `started`, its page tells when it began."""

    def __init__(self, *, tells_start: bool) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter("http_requests", "Requests.", ["code"], registry=self.registry)
        if tells_start:
            start = Gauge("process_start_time_seconds", "Start.", registry=self.registry)
            start.set(time.time())

    def count(self, code: str, by: int = 1) -> None:
        self._requests.labels(code).inc(by)

    def counted(self) -> dict[str, int]:
        return {
            sample.labels["code"]: int(sample.value)
            for family in self._requests.collect()
            for sample in family.samples
            if sample.name == "http_requests_total"
        }


class App:
    """A service with traffic, one process at a time, and what each page served said."""

    def __init__(self, name: str, *, openmetrics: bool = False) -> None:
        self.name = name
        self._openmetrics = openmetrics
        self.pages: list[tuple[Process, Mapping[str, int]]] = []
        self.process = self._begin()
        self.server = HttpServer(self._answer)
        self._chance = random.Random(name)  # noqa: S311 - a test's traffic

    def restart(self) -> None:
        self.process = self._begin()

    def knowable(self) -> dict[str, int]:
        """Good and bad events between the first page and the last."""
        known: Tally[str] = Tally()
        for (old, before), (new, after) in pairwise(self.pages):
            base = before if old is new else {}
            known.update({code: value - base.get(code, 0) for code, value in after.items()})
        return {"good": known["200"], "bad": known["500"]}

    async def traffic(self) -> None:
        """Requests that succeed, for ever."""
        while True:
            self.process.count("200", self._chance.randint(0, 9))
            await asyncio.sleep(0.02)

    def _begin(self) -> Process:
        # With OpenMetrics the counters' own creation has to tell a restart.
        return Process(tells_start=not self._openmetrics)

    def _answer(self, request: Request) -> Response:
        self.pages.append((self.process, self.process.counted()))
        if self._openmetrics:
            encode, content_type = choose_encoder(request.headers["accept"])
            assert "openmetrics" in content_type
            return Response(200, encode(self.process.registry), content_type)
        return Response(200, generate_latest(self.process.registry), CONTENT_TYPE_LATEST)
