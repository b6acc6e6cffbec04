"""A web shop, of which the demo breaks what the others do not have."""

import random
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import ClassVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from nines.demo.http_server import Misbehaviour, Request, Response
from nines.demo.platforms.platform import NOT_FOUND, Platform

_ROUTES: Mapping[str, float] = {"/": 22.0, "/search": 9.0, "/cart": 5.0, "/checkout": 4.0}


class Shop(Platform):
    """A web shop with the Prometheus client library inside; a restart sets its counters to zero."""

    name = "Shop"
    faults: ClassVar[Mapping[str, str]] = {
        "failing checkout": "every checkout fails",
        "errors everywhere": "every request fails",
        "restart": "it restarts, counters at zero, and fails every request",
        "refused": "it refuses connections",
    }

    def __init__(self, now: Callable[[], datetime], rng: random.Random) -> None:
        super().__init__(now, rng)
        self._page = _ShopPage(now())
        self._restarted = False

    def refused(self) -> frozenset[str]:
        return frozenset({"web"} if self.fault == "refused" else ())

    def pass_time(self, seconds: float) -> None:
        """Serve some traffic; a restart happens once, at the beginning of its fault."""
        if self.fault == "restart" and not self._restarted:
            self._page = _ShopPage(self.now())
        self._restarted = self.fault == "restart"
        for route, per_second in _ROUTES.items():
            expected = per_second * seconds
            served = int(expected) + (self.rng.random() < expected % 1)
            for _ in range(served):
                self._page.serve(route, self._code(route), self.rng.expovariate(20))

    def answer(self, request: Request) -> Response | Misbehaviour:
        if request.path == "/metrics":
            return Response(200, generate_latest(self._page.registry), CONTENT_TYPE_LATEST)
        if request.path == "/healthz":
            return Response(200, b"ok\n", "text/plain; charset=utf-8")
        return NOT_FOUND

    def _code(self, route: str) -> str:
        chance = 0.0002
        if self.fault in ("errors everywhere", "restart") or (
            self.fault == "failing checkout" and route == "/checkout"
        ):
            chance = 1.0
        if self.rng.random() < chance:
            return "502" if route == "/checkout" else "500"
        return "404" if self.rng.random() < 0.01 else "200"


class _ShopPage:
    """One process of the shop: fresh counters, and when it started."""

    def __init__(self, started: datetime) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "http_requests_total",
            "Requests served, by route and status code.",
            ("route", "code"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "http_request_duration_seconds",
            "How long requests took.",
            ("route",),
            buckets=(0.05, 0.1, 0.2, 0.5, 1.0, 2.0),
            registry=self.registry,
        )
        Gauge(
            "process_start_time_seconds",
            "Start time of the process since unix epoch in seconds.",
            registry=self.registry,
        ).set(started.timestamp())

    def serve(self, route: str, code: str, seconds: float) -> None:
        self._requests.labels(route, code).inc()
        self._seconds.labels(route).observe(seconds)
