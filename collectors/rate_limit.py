"""How often a host, or a provider of many, may be asked: runs are spread, and none vanishes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction

from slo.units import format_duration, parse_duration

_RATE = re.compile(r"([0-9]{1,9})\s*/\s*([0-9]\S*)")
_KEPT = 10  # one in so many requests is kept for what comes at once, and one at least


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most so many requests in any time as long as `per`.

    Some of them may come at once; the others are spread evenly, so that both together never exceed
    it. `largest` is how many one run makes at most, at once.
    """

    requests: int
    per: timedelta

    def burst(self, largest: int = 1) -> int:
        """How many may come at once."""
        return max(self.requests // _KEPT, largest)

    def steady(self, largest: int = 1) -> int:
        """How many are made in `per`, held for ever."""
        return max(self.requests - self.burst(largest), 1)

    def __str__(self) -> str:
        return f"{self.requests}/{format_duration(self.per)}"


def parse_rate_limit(value: object) -> RateLimit:
    """Read `100/15m` or `5/1s`. Raises ValueError."""
    if isinstance(value, RateLimit):
        return value
    match = _RATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is not None and int(match[1]) > 0:
        return RateLimit(int(match[1]), parse_duration(match[2]))
    raise ValueError(f"{value!r} is no limit of requests: write it such as 100/15m or 5/1s")


class _Spread:
    """One limit in use (a generic cell rate algorithm, ITU-T I.371).

    It begins with all that may come at once: collectors that ask as much as is allowed would never
    come to have any to spare, and those that are due together would be late for ever.
    """

    def __init__(self, limit: RateLimit, largest: int, now: float) -> None:
        self.limit = limit
        self.largest = largest
        self._burst = limit.burst(largest)
        self._spacing = limit.per.total_seconds() / limit.steady(largest)
        self._next = now

    def start(self, requests: int, now: float) -> float:
        """When so many may be made at the soonest."""
        return max(now, self._next - (self._burst - requests) * self._spacing)

    def take(self, requests: int, at: float) -> None:
        """They are made then."""
        self._next = max(at, self._next) + requests * self._spacing


class Pace:
    """Every limit, and what each collector's run asks of it. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._spread: dict[str, _Spread] = {}
        self._asks: Mapping[str, Mapping[str, int]] = {}

    def set(
        self,
        limits: Mapping[str, RateLimit],
        asks: Mapping[str, Mapping[str, int]],
        now: float,
    ) -> None:
        """These from now on; `asks` are a run's requests by collector and limit."""
        before, self._spread = self._spread, {}
        for name, limit in limits.items():
            largest = max((one.get(name, 1) for one in asks.values()), default=1)
            known = before.get(name)
            if known is None or (known.limit, known.largest) != (limit, largest):
                known = _Spread(limit, largest, now)
            self._spread[name] = known
        self._asks = asks

    def wait(self, collector_id: str, now: float, patience: float) -> "float | Refused":
        """For how long its next run has to wait, whose place is taken; or why it cannot be made."""
        asks = self._asks.get(collector_id)
        if not asks:
            return 0.0
        at = max(self._spread[name].start(requests, now) for name, requests in asks.items())
        if at - now > patience:
            slowest = max(asks, key=lambda name: self._spread[name].start(asks[name], now))
            return Refused(slowest, self._spread[slowest].limit, at - now)
        for name, requests in asks.items():
            self._spread[name].take(requests, at)
        return at - now


@dataclass(frozen=True, slots=True)
class Refused:
    """A run that would have to wait for longer than it may be late."""

    name: str
    limit: RateLimit
    seconds: float

    def __str__(self) -> str:
        return (
            f"the rate limit `{self.name}` of {self.limit} is used up by other runs: there would "
            f"be room in {self.seconds:.1f} s"
        )


def requests_in(per: timedelta, interval: timedelta, requests: int) -> Fraction:
    """How many a collector makes in that time."""
    return (
        requests
        * Fraction(per // timedelta(microseconds=1))
        / Fraction(interval // timedelta(microseconds=1))
    )
