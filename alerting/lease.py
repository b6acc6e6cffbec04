"""A lease: one worker at a time sends a notification, and only for so long."""

from dataclasses import dataclass
from datetime import datetime, timedelta

# Longer than a try may take, with room for a slow store; a worker that died holds up no longer.
TERM = timedelta(seconds=60)
# By how much workers' clocks may differ; two that look at the same row at once differ by a little
# even on one machine. What ends later than this is no lease of anybody who lives.
SKEW = timedelta(seconds=10)


class LeaseError(Exception):
    """Another worker has the notification, or it does not wait any more; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Worker `by` sends the notification, at the longest until then."""

    by: str
    until: datetime

    def free_at(self, by: str, now: datetime) -> datetime:
        """When worker `by` may take it; its own is always free to it: it knows what it is doing.

        A lease that ends later than any lease can was made before the clock was set back.
        """
        if self.by == by or self.until - now > TERM + SKEW:
            return now
        return max(self.until, now)
