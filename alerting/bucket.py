"""A token bucket: how much a destination takes, and how it is shared out. Exact, on any clock."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

SLOWEST = 16  # times slower than configured, however often it said that it is too much
RECOVERS_AFTER = 10  # deliveries in a row without such a word


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in so long; at most `burst` of them at once.

    When more than `digest_after` wait, they are told in a digest; None: each by itself, always.
    """

    count: int
    per: timedelta
    burst: int
    digest_after: int | None = None

    @property
    def interval(self) -> timedelta:
        return self.per / self.count


@dataclass(frozen=True, slots=True)
class Bucket:
    """`full_at`: when it would be full again. `slower`: what a 429 taught, in times of the rate."""

    rate: Rate
    full_at: datetime | None = None
    slower: int = 1
    calm: int = 0  # deliveries since the last 429

    @property
    def interval(self) -> timedelta:
        return self.rate.interval * self.slower

    def free_at(self, now: datetime) -> datetime:
        """When the next may go."""
        if self.full_at is None or self.full_at - now > 2 * self.interval * self.rate.burst:
            return now  # fuller than full: the clock was set back (twice, for it may have sped up)
        return max(now, self.full_at - self.interval * (self.rate.burst - 1))

    def taken(self, now: datetime) -> "Bucket":
        """One went at `now`."""
        full = max(self.full_at or now, now)
        most = now + self.interval * self.rate.burst
        return replace(self, full_at=min(full + self.interval, most))

    def learnt(self, *, too_much: bool) -> "Bucket":
        """Twice as slow when it was too much; back by a step after ten that were not."""
        if too_much:
            return replace(self, slower=min(self.slower * 2, SLOWEST), calm=0)
        if self.slower == 1:
            return self
        if self.calm + 1 < RECOVERS_AFTER:
            return replace(self, calm=self.calm + 1)
        return replace(self, slower=self.slower - 1, calm=0)
