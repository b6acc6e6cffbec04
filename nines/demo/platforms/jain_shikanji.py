"""Jain Shikanji: a restaurant platform of nine services, and the hosts they run on."""

import random
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import ClassVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from nines.demo.http_server import Misbehaviour, Request, Response
from nines.demo.platforms.platform import NOT_FOUND, Events, Platform, json_answer

# Requests a second of each.
SERVICES: Mapping[str, float] = {
    "auth": 4.0,
    "user": 3.0,
    "product": 8.0,
    "order": 5.0,
    "payment": 2.0,
    "inventory": 3.0,
    "notification": 1.0,
    "analytics": 1.0,
    "loyalty": 1.0,
}
_HOSTS: Mapping[str, tuple[str, float]] = {
    "busy hosts": ("node_cpu_busy_ratio", 0.85),
    "full memory": ("node_memory_used_ratio", 0.92),
    "full disk": ("node_filesystem_free_ratio", 0.12),
    "many connections": ("db_connections_used_ratio", 0.91),
}


class JainShikanji(Platform):
    """Each service answers `/api/v1/health` and `/metrics`; `node` has the hosts' figures."""

    name = "Jain Shikanji"
    faults: ClassVar[Mapping[str, str]] = {
        "payment down": "its payment service refuses connections",
        "order errors": "one order in twenty fails",
        "slow payment": "its payment service takes 300 ms",
        "slow menu": "a part of the menu takes two seconds and a half",
        "database refuses": "its database refuses connections of the order service",
        "slow queries": "queries of the inventory take two seconds",
        "busy hosts": "its processors are busy",
        "full memory": "its memory is nearly full",
        "full disk": "its disk is nearly full",
        "many connections": "nearly all database connections are taken",
        "no orders": "nobody orders any more",
        "deployment": "its order service is deployed anew",
        "failed deployment": "its order service is deployed anew, and every order fails",
    }

    def __init__(self, now: Callable[[], datetime], rng: random.Random) -> None:
        super().__init__(now, rng)
        self._pages = {name: _Page(name, now()) for name in SERVICES}
        self._hosts = CollectorRegistry()
        self._figures = {
            name: Gauge(name, "A figure of the hosts.", registry=self._hosts)
            for name, _ in _HOSTS.values()
        }
        self._deployed = False
        for name in SERVICES:
            self.open_site(name, partial(self._of_service, name))
        self.open_site("node", self._of_hosts)

    def refused(self) -> frozenset[str]:
        return frozenset({"payment"} if self.fault == "payment down" else ())

    def pass_time(self, seconds: float) -> None:
        deployed = self.fault in ("deployment", "failed deployment")
        if deployed and not self._deployed:
            self._pages["order"] = _Page("order", self.now())
        self._deployed = deployed
        for name, per_second in SERVICES.items():
            self._pages[name].serve(per_second * seconds, self.fault)
        for fault, (name, bad) in _HOSTS.items():
            well = 0.6 if name == "node_filesystem_free_ratio" else 0.4
            self._figures[name].set(bad if self.fault == fault else well)

    def _of_service(self, name: str, request: Request) -> Response | Misbehaviour:
        match request.path:
            case "/api/v1/health":
                return json_answer(200, {"status": "ok", "service": name})
            case "/metrics":
                return _exposed(self._pages[name].registry)
        return NOT_FOUND

    def _of_hosts(self, request: Request) -> Response:
        return _exposed(self._hosts) if request.path == "/metrics" else NOT_FOUND


def _exposed(registry: CollectorRegistry) -> Response:
    return Response(200, generate_latest(registry), CONTENT_TYPE_LATEST)


class _Page:
    """One process of one service: fresh counters, and when it started."""

    def __init__(self, service: str, started: datetime) -> None:
        self._service = service
        self.registry = registry = CollectorRegistry()
        self._requests = Counter("http_requests", "Requests.", ("code",), registry=registry)
        self._seconds = Histogram(
            "http_request_duration_seconds",
            "How long they took.",
            buckets=(0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0),
            registry=registry,
        )
        self._refused = Counter(
            "db_connection_failures", "Connections that the database refused.", registry=registry
        )
        self._longest = Gauge(
            "db_longest_query_seconds", "The longest query that runs.", registry=registry
        )
        self._orders = Counter("orders", "Orders taken.", registry=registry)
        Gauge(
            "process_start_time_seconds",
            "Start time of the process since unix epoch in seconds.",
            registry=registry,
        ).set(started.timestamp())
        self._events: dict[str, Events] = {}

    def serve(self, expected: float, fault: str | None) -> None:
        """What happens in this time."""
        mine = fault if fault is not None and fault in _FAULTS_OF.get(self._service, ()) else None
        failing = {"order errors": 0.05, "failed deployment": 1.0}.get(mine or "", 0.0001)
        bad = self._take("bad", expected * failing)
        good = self._take("good", expected * (1 - failing))
        late = self._take("late", expected * (0.04 if mine == "slow menu" else 0.0))
        self._requests.labels("500").inc(bad)
        self._requests.labels("200").inc(good)
        for number in range(bad + good):
            usual = 0.3 if mine == "slow payment" else 0.04
            self._seconds.observe(2.6 if number < late else usual)
        if mine == "database refuses":
            self._refused.inc(self._take("refused", 0.5))
        self._longest.set(2.2 if mine == "slow queries" else 0.02)
        if self._service == "order":
            self._orders.inc(0 if mine == "no orders" else self._take("orders", expected / 20))

    def _take(self, name: str, expected: float) -> int:
        return self._events.setdefault(name, Events()).take(expected)


_FAULTS_OF: Mapping[str, frozenset[str]] = {
    "order": frozenset({"order errors", "database refuses", "no orders", "failed deployment"}),
    "payment": frozenset({"slow payment"}),
    "product": frozenset({"slow menu"}),
    "inventory": frozenset({"slow queries"}),
}
