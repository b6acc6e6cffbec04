"""The simulated platforms: PetUniverse, Mewayz and a shop, each with its own faults."""

import json
import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from nines.demo.http_server import Misbehaviour, Request, Response

_NOT_FOUND = Response(404, b'{"error": "not found"}')


class Platform(Protocol):
    """What the simulation drives: time passes, things break, requests are answered."""

    name: str
    faults: tuple[str, ...]
    fault: str | None

    def pass_time(self, seconds: float) -> None: ...

    def answer(self, request: Request) -> Response | Misbehaviour: ...


def _json(status: int, body: object, delay: float = 0.0) -> Response:
    return Response(
        status,
        json.dumps(body).encode(),
        headers={"X-Response-Time": f"{delay * 1000 + 3:.0f}ms"},
        delay=delay,
    )


def _iso(now: Callable[[], datetime]) -> str:
    return now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(slots=True)
class PetUniverse:
    """`GET /api/health`: two booleans and a time, 200 when both are true and 503 otherwise."""

    now: Callable[[], datetime]
    name: str = "PetUniverse"
    faults: tuple[str, ...] = ("cache down", "database down", "slow answers", "hanging answers")
    fault: str | None = None

    def pass_time(self, seconds: float) -> None:
        """Nothing of it depends on time."""

    def answer(self, request: Request) -> Response | Misbehaviour:
        if self.fault == "hanging answers":
            return Misbehaviour.HANG
        delay = 1.2 if self.fault == "slow answers" else 0.0
        if request.path == "/":
            return Response(200, b"<h1>PetUniverse</h1>", "text/html; charset=utf-8", delay=delay)
        if request.path != "/api/health":
            return _NOT_FOUND
        database, cache = self.fault != "database down", self.fault != "cache down"
        body = {"database": database, "cache": cache, "timestamp": _iso(self.now)}
        return _json(200 if database and cache else 503, body, delay)


_MEWAYZ_LIMIT = 100  # requests an address may make within
_MEWAYZ_LIMIT_WINDOW = timedelta(minutes=15)


@dataclass(slots=True)
class Mewayz:
    """`GET /health` always answers 200, whatever is broken; `GET /metrics` answers JSON.

    Every address (there is one here) may ask 100 times in 15 minutes, then it gets a 429.
    """

    now: Callable[[], datetime]
    rng: random.Random
    name: str = "Mewayz"
    faults: tuple[str, ...] = (
        "dead database behind a 200",
        "dead cache behind a 200",
        "half a body",
    )
    fault: str | None = None
    uptime: float = 0.0
    requests: int = 0
    errors: int = 0
    slow: int = 0
    hits: int = 0
    misses: int = 0
    _asked: deque[datetime] = field(default_factory=deque)

    def pass_time(self, seconds: float) -> None:
        """Serve some traffic."""
        self.uptime += seconds
        served = self.rng.randint(0, max(1, int(seconds * 30)))
        broken = self.fault == "dead database behind a 200"
        self.requests += served
        self.errors += served // 2 if broken else int(self.rng.random() < 0.01)
        self.slow += served // 100
        cold = self.fault == "dead cache behind a 200"
        self.misses += served if cold else served // 5
        self.hits += 0 if cold else served - served // 5

    def answer(self, request: Request) -> Response | Misbehaviour:
        if self._limited():
            return _json(429, {"error": "Too many requests, please try again later."})
        if request.path == "/health":
            answer = _json(200, self._health())
            if self.fault == "half a body":
                return Response(200, answer.body[: len(answer.body) // 2])
            return answer
        if request.path == "/metrics":
            return _json(200, self._metrics())
        return _NOT_FOUND

    def _limited(self) -> bool:
        now = self.now()
        while self._asked and now - self._asked[0] >= _MEWAYZ_LIMIT_WINDOW:
            self._asked.popleft()
        if len(self._asked) >= _MEWAYZ_LIMIT:
            return True
        self._asked.append(now)
        return False

    def _performance(self) -> dict[str, object]:
        slow = self.fault == "dead cache behind a 200"
        return {
            "requests": self.requests,
            "slowRequests": self.slow,
            "cacheHits": self.hits,
            "cacheMisses": self.misses,
            "errors": self.errors,
            "averageResponseTime": 240 if slow else 35,
        }

    def _health(self) -> dict[str, object]:
        dead_database = self.fault == "dead database behind a 200"
        dead_cache = self.fault == "dead cache behind a 200"
        return {
            "status": "OK",
            "timestamp": _iso(self.now),
            "uptime": round(self.uptime, 1),
            "memory": {"rss": 96_000_000, "heapTotal": 60_000_000, "heapUsed": 41_000_000},
            "metrics": self._performance(),
            "redis": "disconnected" if dead_cache else "connected",
            "database": "disconnected" if dead_database else "connected",
        }

    def _metrics(self) -> dict[str, object]:
        seen = self.hits + self.misses
        rate = round(self.hits / seen, 3) if seen else 0
        return {
            "performance": {**self._performance(), "cacheHitRate": rate},
            "system": {
                "memory": {"rss": 96_000_000},
                "cpu": {"user": int(self.uptime * 9000), "system": int(self.uptime * 2000)},
                "uptime": round(self.uptime, 1),
            },
            "cache": {"hitRate": rate, "totalHits": self.hits, "totalMisses": self.misses},
        }


_ROUTES: Mapping[str, float] = {"/": 22.0, "/search": 9.0, "/cart": 5.0, "/checkout": 4.0}


@dataclass(slots=True)
class Shop:
    """A web shop with the Prometheus client library inside; a restart sets its counters to zero."""

    now: Callable[[], datetime]
    rng: random.Random
    name: str = "Shop"
    faults: tuple[str, ...] = ("failing checkout", "errors everywhere", "restart", "refused")
    fault: str | None = None
    _page: "_ShopPage" = field(init=False)
    _restarted: bool = False

    def __post_init__(self) -> None:
        self._page = _ShopPage(self.now())

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
        return _NOT_FOUND

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
