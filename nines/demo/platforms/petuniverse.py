"""PetUniverse: pet care on one Next.js process, with a database, a cache and six third parties."""

import random
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import ClassVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from nines.demo.http_server import Misbehaviour, Request, Response
from nines.demo.platforms.platform import NOT_FOUND, Events, Platform, iso, json_answer

THIRD_PARTIES = ("stripe", "sendgrid", "twilio", "algolia", "r2", "sentry")
_A_SECOND: Mapping[str, float] = {
    "/": 8.0,
    "/api/pets": 20.0,
    "/api/bookings": 6.0,
    "/api/payments": 2.0,
    "/api/uploads": 1.0,
}
_POOL = 20  # database connections


class PetUniverse(Platform):
    """`GET /api/health`: two booleans and a time, 200 when both are true and 503 otherwise."""

    name = "PetUniverse"
    faults: ClassVar[Mapping[str, str]] = {
        "cache down": "its cache is down",
        "database down": "its database is down",
        "slow answers": "its pages take longer than promised",
        "hanging answers": "it takes connections and never answers",
        "refused": "it refuses connections",
        "failing bookings": "every booking fails",
        "slow api": "its API takes two seconds",
        "slow queries": "its database is slow",
        "cold cache": "its cache forgets everything",
        "full pool": "its connection pool is nearly used up",
        "failing payments": "payments are declined",
        "failing uploads": "uploads break off",
        "stripe outage": "Stripe has a major outage",
        "twilio refused": "Twilio refuses connections",
        "abuse": "somebody runs into its rate limits and guesses passwords",
        "nobody signed in": "it has lost all sessions",
        "restart": "it restarts, counters at zero",
    }

    def __init__(self, now: Callable[[], datetime], rng: random.Random) -> None:
        super().__init__(now, rng)
        self._page = _Page(now())
        self._restarted = False
        for party in THIRD_PARTIES:
            self.open_site(party, partial(self._status_page, party))

    def refused(self) -> frozenset[str]:
        return frozenset(
            {"refused": ("web",), "twilio refused": ("twilio",)}.get(self.fault or "", ())
        )

    def pass_time(self, seconds: float) -> None:
        if self.fault == "restart" and not self._restarted:
            self._page = _Page(self.now())
        self._restarted = self.fault == "restart"
        self._page.serve(seconds, self.fault)

    def answer(self, request: Request) -> Response | Misbehaviour:
        if self.fault == "hanging answers":
            return Misbehaviour.HANG
        delay = 2.2 if self.fault == "slow answers" else 0.0
        match request.path:
            case "/":
                page = b"<h1>PetUniverse</h1>"
                return Response(200, page, "text/html; charset=utf-8", delay=delay)
            case "/api/health":
                database, cache = self.fault != "database down", self.fault != "cache down"
                body = {"database": database, "cache": cache, "timestamp": iso(self.now())}
                return json_answer(200 if database and cache else 503, body)
            case "/metrics":
                return Response(200, generate_latest(self._page.registry), CONTENT_TYPE_LATEST)
        return NOT_FOUND

    def _status_page(self, party: str, _: Request) -> Response:
        """As status pages of third parties answer `/api/v2/status.json`."""
        broken = self.fault == f"{party} outage"
        status = (
            {"indicator": "major", "description": "Major Service Outage"}
            if broken
            else {"indicator": "none", "description": "All Systems Operational"}
        )
        return json_answer(200, {"page": {"name": party}, "status": status})


class _Page:
    """One process: fresh counters, and when it started."""

    def __init__(self, started: datetime) -> None:
        self.registry = registry = CollectorRegistry()
        self._requests = Counter(
            "http_requests", "Requests served.", ("route", "code"), registry=registry
        )
        self._seconds = Histogram(
            "http_request_duration_seconds",
            "How long requests took.",
            ("route",),
            buckets=(0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0),
            registry=registry,
        )
        self._queries = Histogram(
            "db_query_duration_seconds",
            "How long queries took.",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0),
            registry=registry,
        )
        self._pool = Gauge(
            "db_pool_connections", "Connections, by state.", ("state",), registry=registry
        )
        self._used = Gauge(
            "db_pool_used_ratio", "Share of the connections in use.", registry=registry
        )
        self._lookups = Counter(
            "cache_lookups", "Lookups, by what came of them.", ("result",), registry=registry
        )
        self._sessions = Gauge("active_sessions", "People signed in.", registry=registry)
        self._payments = Counter("payments", "Payments.", ("outcome",), registry=registry)
        self._uploads = Counter("file_uploads", "Uploads.", ("outcome",), registry=registry)
        self._limited = Counter(
            "rate_limit_violations", "Requests beyond a rate limit.", registry=registry
        )
        self._lockouts = Counter(
            "account_lockouts", "Accounts locked after five failed logins.", registry=registry
        )
        Gauge(
            "process_start_time_seconds",
            "Start time of the process since unix epoch in seconds.",
            registry=registry,
        ).set(started.timestamp())
        self._events: dict[str, Events] = {}

    def serve(self, seconds: float, fault: str | None) -> None:
        """What happens in this time."""
        for route, per_second in _A_SECOND.items():
            self._serve(route, per_second * seconds, fault)
        cold = fault == "cold cache"
        self._lookups.labels("hit").inc(self._take("hit", (10 if cold else 45) * seconds))
        self._lookups.labels("miss").inc(self._take("miss", (40 if cold else 5) * seconds))
        for counter, name in ((self._payments, "payments"), (self._uploads, "uploads")):
            share = 0.5 if fault == f"failing {name}" else 0.001
            count = 2.0 * seconds
            counter.labels("failed").inc(self._take(f"{name} failed", count * share))
            counter.labels("succeeded").inc(self._take(name, count * (1 - share)))
        busy = _POOL - 1 if fault == "full pool" else 6
        self._pool.labels("busy").set(busy)
        self._pool.labels("idle").set(_POOL - busy)
        self._used.set(busy / _POOL)
        self._sessions.set(0 if fault == "nobody signed in" else 240)
        if fault == "abuse":
            self._limited.inc(self._take("limited", 2 * seconds))
            self._lockouts.inc(self._take("lockouts", 0.5 * seconds))

    def _serve(self, route: str, expected: float, fault: str | None) -> None:
        broken = fault == "failing bookings" and route == "/api/bookings"
        failing = expected if broken else expected * 0.0001
        bad = self._take(f"bad {route}", failing)
        good = self._take(f"good {route}", expected - failing)
        self._requests.labels(route, "500").inc(bad)
        self._requests.labels(route, "200").inc(good)
        slow = fault == "slow api" and route.startswith("/api/")
        for _ in range(bad + good):
            self._seconds.labels(route).observe(2.4 if slow else 0.08)
            self._queries.observe(0.4 if fault == "slow queries" else 0.004)

    def _take(self, name: str, expected: float) -> int:
        return self._events.setdefault(name, Events()).take(expected)
