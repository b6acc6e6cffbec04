"""Saverly: a coupon marketplace of seven services, four regions, queues and third parties."""

import random
import ssl
import tempfile
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from typing import ClassVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from nines.demo.certificates import Authority
from nines.demo.http_server import Misbehaviour, Request, Response
from nines.demo.platforms.platform import NOT_FOUND, Events, Platform, json_answer

# Requests a second of each.
SERVICES: Mapping[str, float] = {
    "user": 4.0,
    "business": 2.0,
    "coupon": 8.0,
    "redemption": 4.0,
    "notification": 2.0,
    "analytics": 1.0,
    "payment": 2.0,
}
REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "ap-southeast-1")
# Each with who stands in for it.
THIRD_PARTIES: Mapping[str, str] = {
    "stripe": "backup-processor",
    "maps": "other-geocoder",
    "sendgrid": "ses",
    "twilio": "sns",
}
_FAULTS_OF: Mapping[str, frozenset[str]] = {
    "coupon": frozenset({"failing coupons", "slow search"}),
    "payment": frozenset({"slow payments", "stripe outage"}),
    "user": frozenset({"slow database"}),
    "analytics": frozenset({"slow analytics"}),
}


class Saverly(Platform):
    """The gateway is its own site; each service answers `/healthz` and `/metrics`."""

    name = "Saverly"
    faults: ClassVar[Mapping[str, str]] = {
        "redemption down": "its redemption service refuses connections",
        "failing coupons": "one coupon in twenty fails",
        "slow analytics": "its analytics take 150 ms",
        "slow search": "searches take half a second",
        "slow payments": "payments take four seconds",
        "slow database": "queries take 80 ms on average",
        "dead letters": "messages end in its dead-letter queue",
        "stalled queue": "nobody reads its redemption events",
        "postgres down": "its database refuses connections, and all seven services fail",
        "expired certificate": "its certificate has expired",
        "no processor": "Stripe has an outage, and so has the other processor",
        "stripe outage": "Stripe has an outage, and the other processor takes the payments",
        "singapore slow": "its gateway takes 300 ms from ap-southeast-1",
    }

    def __init__(self, now: Callable[[], datetime], rng: random.Random) -> None:
        super().__init__(now, rng)
        self._pages = {name: _Page(name) for name in SERVICES}
        self._queues = _Queues()
        for name in SERVICES:
            self.open_site(name, partial(self._of_service, name))
        for region in REGIONS:
            self.open_site(region, partial(self._of_region, region))
        for party in chain.from_iterable(THIRD_PARTIES.items()):
            self.open_site(party, partial(self._of_party, party))
        self.open_site("postgres", lambda _: NOT_FOUND)
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.open_site("edge", lambda _: json_answer(200, {"service": "edge"}), self._tls)
        self._folder: tempfile.TemporaryDirectory[str] | None = None  # while it runs
        self._authority: Authority | None = None
        self.open_site("kafka", self._of_kafka)

    def refused(self) -> frozenset[str]:
        return frozenset(
            {"redemption down": ("redemption",), "postgres down": ("postgres",)}.get(
                self.fault or "", ()
            )
        )

    @property
    def environ(self) -> dict[str, str]:
        ca = str(self._authority.certificate) if self._authority else ""
        return {**super().environ, "SAVERLY_CA": ca}

    async def start(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="saverly-")
        self._authority = Authority(Path(self._folder.name), self.now())
        self._present()
        await super().start()

    async def stop(self) -> None:
        await super().stop()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = self._authority = None

    async def break_now(self, fault: str | None) -> None:
        await super().break_now(fault)
        self._present()

    def _present(self) -> None:
        """Have the edge present the certificate of the moment."""
        left = -1 if self.fault == "expired certificate" else 3000
        if self._authority is not None:
            self._authority.present(self._tls, self.now() + timedelta(days=left))

    def pass_time(self, seconds: float) -> None:
        for name, per_second in SERVICES.items():
            mine = self.fault if self.fault in _FAULTS_OF.get(name, ()) else None
            self._pages[name].serve(per_second * seconds, mine)
        self._queues.pass_time(seconds, self.fault)

    def _of_service(self, name: str, request: Request) -> Response | Misbehaviour:
        match request.path:
            case "/healthz":
                if self.fault == "postgres down":
                    return json_answer(503, {"status": "no database", "service": name})
                return json_answer(200, {"status": "ok", "service": name})
            case "/metrics":
                return _exposed(self._pages[name].registry)
        return NOT_FOUND

    def _of_region(self, region: str, _: Request) -> Response:
        """The gateway as it is met from a region."""
        slow = self.fault == "singapore slow" and region == "ap-southeast-1"
        return json_answer(200, {"region": region}, 0.3 if slow else 0.0)

    def _of_party(self, party: str, _: Request) -> Response:
        broken = self.fault == f"{party} outage" or (
            self.fault == "no processor" and party in ("stripe", THIRD_PARTIES["stripe"])
        )
        return json_answer(200, {"status": {"indicator": "critical" if broken else "none"}})

    def _of_kafka(self, request: Request) -> Response:
        return _exposed(self._queues.registry) if request.path == "/metrics" else NOT_FOUND


def _exposed(registry: CollectorRegistry) -> Response:
    return Response(200, generate_latest(registry), CONTENT_TYPE_LATEST)


class _Page:
    """What one service counts."""

    def __init__(self, service: str) -> None:
        self._service = service
        self.registry = registry = CollectorRegistry()
        self._requests = Counter("http_requests", "Requests.", ("code",), registry=registry)
        self._seconds = Histogram(
            "http_request_duration_seconds",
            "How long they took.",
            buckets=(0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 3.0),
            registry=registry,
        )
        self._query_seconds = Counter("db_query_seconds", "Spent in queries.", registry=registry)
        self._average = Gauge(
            "db_query_average_seconds", "How long a query takes.", registry=registry
        )
        self._searches = Histogram(
            "search_seconds", "Searches.", buckets=(0.05, 0.1, 0.2, 0.5, 1.0), registry=registry
        )
        self._payments = Histogram(
            "payment_seconds", "Payments, end to end.", buckets=(0.5, 1.0, 3.0, 10.0),
            registry=registry,
        )  # fmt: skip
        self._paid = Counter("payments", "By processor.", ("processor",), registry=registry)
        self._events: dict[str, Events] = {}

    def serve(self, expected: float, fault: str | None) -> None:
        """What happens in this time."""
        failing = 0.05 if fault == "failing coupons" else 0.00005
        bad, good = self._take("bad", expected * failing), self._take("good", expected)
        self._requests.labels("500").inc(bad)
        self._requests.labels("200").inc(good)
        for _ in range(bad + good):
            self._seconds.observe(0.15 if fault == "slow analytics" else 0.03)
        average = 0.08 if fault == "slow database" else 0.006
        self._average.set(average)
        self._query_seconds.inc(average * good)
        if self._service == "coupon":
            for _ in range(self._take("searches", expected / 2)):
                self._searches.observe(0.45 if fault == "slow search" else 0.06)
        if self._service == "payment":
            processor = "backup" if fault == "stripe outage" else "stripe"
            for _ in range(self._take("payments", expected)):
                self._payments.observe(4.0 if fault == "slow payments" else 0.8)
                self._paid.labels(processor).inc()

    def _take(self, name: str, expected: float) -> int:
        return self._events.setdefault(name, Events()).take(expected)


class _Queues:
    """What an exporter tells of Kafka."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._lag = Gauge("consumer_lag", "Unread.", ("topic",), registry=self.registry)
        self._dead = Counter("dead_letters", "Given up.", ("topic",), registry=self.registry)
        self._waiting = 0.0
        self._letters = Events()

    def pass_time(self, seconds: float, fault: str | None) -> None:
        """What is written is read, unless nobody does."""
        self._waiting = self._waiting + 40 * seconds if fault == "stalled queue" else 0.0
        self._lag.labels("redemption.events").set(self._waiting)
        self._lag.labels("payment.events").set(3)
        dead = self._letters.take(0.2 * seconds) if fault == "dead letters" else 0
        self._dead.labels("notification.events").inc(dead)
