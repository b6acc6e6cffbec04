"""A pace: how fast a destination is told, shared by all lanes that lead there."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from alerting.bucket import Bucket, Rate


@dataclass(slots=True)
class Pace:
    """`paused_until`: the destination asked for a pause (Retry-After). `begun`: what lanes took to
    send, and have not begun to; it counts as sent, so that no two of them take one token.
    """

    bucket: Bucket | None = None
    paused_until: datetime | None = None
    begun: int = 0

    def use(self, rates: Iterable[Rate]) -> None:
        """The slowest of these is its rate; what was learnt holds while that stays the same."""
        rate = max(rates, key=lambda one: (one.interval, -one.burst), default=None)
        if rate is None:
            self.bucket = None
        elif self.bucket is None or self.bucket.rate != rate:
            self.bucket = Bucket(rate)

    def free_at(self, now: datetime) -> datetime:
        """When the next may go."""
        free = now
        if self.bucket is not None:
            bucket = self.bucket
            for _ in range(self.begun):
                bucket = bucket.taken(now)
            free = bucket.free_at(now)
        return max(free, self.paused_until or now)

    def begin(self) -> None:
        """What a lane took is being sent, or will not be."""
        self.begun -= 1

    def sent(self, now: datetime) -> None:
        """A try begins."""
        if self.bucket is not None:
            self.bucket = self.bucket.taken(now)

    def heard(self, status: int | None) -> None:
        """A try ended with this status."""
        if self.bucket is not None:
            self.bucket = self.bucket.learnt(too_much=status == 429)
