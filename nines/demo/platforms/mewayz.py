"""Mewayz: Express, MongoDB and Redis, behind a health endpoint that always answers 200."""

import random
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import ClassVar

from nines.demo.http_server import Misbehaviour, Request, Response
from nines.demo.platforms.platform import NOT_FOUND, Platform, iso, json_answer

_MEWAYZ_LIMIT = 100  # requests an address may make within
_MEWAYZ_LIMIT_WINDOW = timedelta(minutes=15)


class Mewayz(Platform):
    """`GET /health` always answers 200, whatever is broken; `GET /metrics` answers JSON.

    Every address (there is one here) may ask 100 times in 15 minutes, then it gets a 429.
    """

    name = "Mewayz"
    faults: ClassVar[Mapping[str, str]] = {
        "dead database behind a 200": "its database is dead behind a 200",
        "dead cache behind a 200": "its cache is dead behind a 200",
        "half a body": "its answers break off",
    }

    def __init__(self, now: Callable[[], datetime], rng: random.Random) -> None:
        super().__init__(now, rng)
        self.uptime = 0.0
        self.requests = self.errors = self.slow = self.hits = self.misses = 0
        self._asked: deque[datetime] = deque()

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
            return json_answer(429, {"error": "Too many requests, please try again later."})
        if request.path == "/health":
            answer = json_answer(200, self._health())
            if self.fault == "half a body":
                return Response(200, answer.body[: len(answer.body) // 2])
            return answer
        if request.path == "/metrics":
            return json_answer(200, self._metrics())
        return NOT_FOUND

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
                "memory": {"rss": 96_000_000},
                "cpu": {"user": int(self.uptime * 9000), "system": int(self.uptime * 2000)},
                "uptime": round(self.uptime, 1),
            },
            "cache": {"hitRate": rate, "totalHits": self.hits, "totalMisses": self.misses},
        }
