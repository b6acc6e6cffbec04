"""Mewayz: Express, MongoDB and Redis, behind a health endpoint that always answers 200."""

import json
import random
import tempfile
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

from nines.demo.http_server import Misbehaviour, Request, Response
from nines.demo.platforms.platform import NOT_FOUND, Events, Platform, iso, json_answer

_LIMIT = 100  # requests an address may make within
_LIMIT_WINDOW = timedelta(minutes=15)
_TOKEN, _TOKEN_LASTS = "example.access.token", timedelta(hours=1)
_A_SECOND = 15.0  # requests of its users
_URLS = ("/api/v1/products", "/api/v1/orders", "/api/v1/invoices")


class Mewayz(Platform):
    """`GET /health` always answers 200, whatever is broken; `GET /metrics` answers JSON; the access
    log has a JSON object a line.

    Every address (there is one here) may ask 100 times in 15 minutes, then it gets a 429.
    """

    name = "Mewayz"
    faults: ClassVar[Mapping[str, str]] = {
        "dead database behind a 200": "its database is dead behind a 200",
        "dead cache behind a 200": "its cache is dead behind a 200",
        "half a body": "its answers break off",
        "refused": "it refuses connections",
        "failing accounts": "who has signed in gets an error",
        "errors": "one request in ten fails",
        "slow requests": "half of the requests take more than a second",
        "cold cache": "its cache forgets everything",
        "memory leak": "it takes more and more memory",
        "restart": "it restarts, counters at zero",
        "somebody asks too often": "its rate limiter answers 429",
    }

    def __init__(self, now: Callable[[], datetime], rng: random.Random) -> None:
        super().__init__(now, rng)
        self._asked: deque[datetime] = deque()
        self._folder: tempfile.TemporaryDirectory[str] | None = None  # while it runs
        self._events: dict[str, Events] = {}
        self._restarted = False
        self._signed_in: datetime | None = None
        self._begin()

    def _begin(self) -> None:
        self.uptime = 0.0
        self.requests = self.errors = self.slow = self.hits = self.misses = 0

    @property
    def environ(self) -> dict[str, str]:
        return {**super().environ, "MEWAYZ_LOG": str(self._log)}

    @property
    def _log(self) -> Path | None:
        return Path(self._folder.name) / "access.log" if self._folder else None

    async def start(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="mewayz-")
        (Path(self._folder.name) / "access.log").touch()
        await super().start()

    async def stop(self) -> None:
        await super().stop()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def refused(self) -> frozenset[str]:
        return frozenset({"web"} if self.fault == "refused" else ())

    def pass_time(self, seconds: float) -> None:
        if self.fault == "restart" and not self._restarted:
            self._begin()
        self._restarted = self.fault == "restart"
        self.uptime += seconds
        served = self._take("served", _A_SECOND * seconds)
        failing = {"errors": 0.1, "dead database behind a 200": 0.5}.get(self.fault or "", 0.0001)
        failed = min(served, self._take("failed", served * failing))
        late = min(served, self._take("slow", served * (0.5 if self._is_slow else 0.001)))
        cold = self.fault in ("dead cache behind a 200", "cold cache")
        missed = min(served, self._take("missed", served * (1.0 if cold else 0.2)))
        self.requests += served
        self.errors += failed
        self.slow += late
        self.misses += missed
        self.hits += served - missed
        self._write(served, failed, late)

    def answer(self, request: Request) -> Response | Misbehaviour:
        if self._limited() or self.fault == "somebody asks too often":
            return json_answer(429, {"error": "Too many requests, please try again later."})
        if request.path == "/health":
            answer = json_answer(200, self._health())
            if self.fault == "half a body":
                return Response(200, answer.body[: len(answer.body) // 2])
            return answer
        if request.path == "/api/v1/auth/login" and request.method == "POST":
            self._signed_in = self.now()
            return json_answer(200, {"accessToken": _TOKEN, "refreshToken": "later"})
        if request.path == "/api/v1/me":
            return self._me(request)
        if request.path == "/metrics":
            return json_answer(200, self._metrics())
        return NOT_FOUND

    def _me(self, request: Request) -> Response:
        """For who bears a token that is not older than an hour."""
        lasts = self._signed_in is not None and self.now() - self._signed_in < _TOKEN_LASTS
        if not lasts or request.headers.get("authorization") != f"Bearer {_TOKEN}":
            return json_answer(401, {"error": "Please sign in."})
        if self.fault == "failing accounts":
            return json_answer(500, {"error": "Something went wrong."})
        return json_answer(200, {"email": "probe@mewayz.example"})

    @property
    def _is_slow(self) -> bool:
        return self.fault == "slow requests"

    def _take(self, name: str, expected: float) -> int:
        return self._events.setdefault(name, Events()).take(expected)

    def _write(self, served: int, failed: int, late: int) -> None:
        """A line for each request, as its logger writes them."""
        if self._log is None:
            return
        at = iso(self.now())
        with self._log.open("a") as log:
            for number in range(served):
                line = {
                    "timestamp": at,
                    "method": "GET",
                    "url": _URLS[number % len(_URLS)],
                    "status": 500 if number < failed else 200,
                    "responseTime": "1840" if number >= served - late else "35",
                    "userAgent": "Mozilla/5.0",
                    "ip": "192.0.2.7",
                    "userId": None,
                }
                log.write(json.dumps(line) + "\n")

    def _limited(self) -> bool:
        now = self.now()
        while self._asked and now - self._asked[0] >= _LIMIT_WINDOW:
            self._asked.popleft()
        if len(self._asked) >= _LIMIT:
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
            "timestamp": iso(self.now()),
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
                "memory": {"rss": 1_200_000_000 if self.fault == "memory leak" else 96_000_000},
                "cpu": {"user": int(self.uptime * 9000), "system": int(self.uptime * 2000)},
                "uptime": round(self.uptime, 1),
            },
            "cache": {"hitRate": rate, "totalHits": self.hits, "totalMisses": self.misses},
        }
