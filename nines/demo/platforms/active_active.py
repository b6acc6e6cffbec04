"""The active-active platform: three regions that serve the same, behind one gateway."""

import random
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import ClassVar

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from nines.demo.http_server import Misbehaviour, Request, Response
from nines.demo.platforms.platform import NOT_FOUND, Events, Platform, json_answer

REGIONS = ("tokyo", "singapore", "iowa")
_A_SECOND = 12.0  # requests that each region serves


class ActiveActive(Platform):
    """Each region answers `/healthz` and `/metrics`; the gateway asks one that serves."""

    name = "Active Active"
    faults: ClassVar[Mapping[str, str]] = {
        "tokyo lost": "Tokyo does not answer, and two regions serve",
        "tokyo hangs": "Tokyo takes connections and never answers",
        "tokyo and iowa lost": "two regions do not answer",
        "all regions lost": "no region answers",
        "bad release in singapore": "a fifth of Singapore's requests fail",
        "replication behind": "Singapore is two minutes behind",
        "gateway down": "its gateway refuses connections",
    }

    def __init__(self, now: Callable[[], datetime], rng: random.Random) -> None:
        super().__init__(now, rng)
        self._pages = {region: _Page() for region in REGIONS}
        for region in REGIONS:
            self.open_site(region, partial(self._of_region, region))

    @property
    def _lost(self) -> frozenset[str]:
        return frozenset(
            {
                "tokyo lost": ("tokyo",),
                "tokyo and iowa lost": ("tokyo", "iowa"),
                "all regions lost": REGIONS,
            }.get(self.fault or "", ())
        )

    def refused(self) -> frozenset[str]:
        return self._lost | ({"web"} if self.fault == "gateway down" else set())

    def pass_time(self, seconds: float) -> None:
        for region, page in self._pages.items():
            if region not in self._lost:
                broken = self.fault == "bad release in singapore" and region == "singapore"
                page.serve(_A_SECOND * seconds, 0.2 if broken else 0.00005)

    def answer(self, request: Request) -> Response | Misbehaviour:
        """The gateway: whoever serves, answers."""
        if request.path != "/":
            return NOT_FOUND
        serving = [region for region in REGIONS if region not in self._lost]
        if not serving:
            return json_answer(503, {"error": "no region serves"})
        return json_answer(200, {"served_by": serving[0]})

    def _of_region(self, region: str, request: Request) -> Response | Misbehaviour:
        if self.fault == "tokyo hangs" and region == "tokyo":
            return Misbehaviour.HANG
        match request.path:
            case "/healthz":
                behind = self.fault == "replication behind" and region == "singapore"
                lag = 120.0 if behind else 0.4
                return json_answer(200, {"region": region, "replication_lag_seconds": lag})
            case "/metrics":
                page = generate_latest(self._pages[region].registry)
                return Response(200, page, CONTENT_TYPE_LATEST)
        return NOT_FOUND


class _Page:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "http_requests", "Requests served.", ("code",), registry=self.registry
        )
        self._bad, self._good = Events(), Events()

    def serve(self, expected: float, failing: float) -> None:
        self._requests.labels("500").inc(self._bad.take(expected * failing))
        self._requests.labels("200").inc(self._good.take(expected * (1 - failing)))
