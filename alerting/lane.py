"""A lane: what waits for one receiver, which is sent one notification at a time."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from alerting import outbox
from alerting.bucket import Bucket, Rate
from alerting.destination import Destination
from alerting.digest import overflowing
from alerting.notification import Notification
from alerting.result import expired


@dataclass(slots=True)
class Lane:
    """`paused_until`: the receiver asked for a pause (Retry-After). `bucket`: its pace.

    `sending`: the ids of what its task is about.
    """

    receiver: str
    waiting: dict[str, Notification] = field(default_factory=dict)
    task: asyncio.Task[None] | None = None
    sending: set[str] = field(default_factory=set)
    paused_until: datetime | None = None
    bucket: Bucket | None = None

    def take(
        self, destination: Destination, well: Collection[str], now: datetime
    ) -> Notification | None:
        """What is to be done next; None: nothing can be, now.

        At a receiver that rests that is what can go to a fallback, or has waited too long.
        """
        ready = list(self.waiting.values())
        elsewhere = [n for n in ready if moves_on(n, destination, well, now)]
        if elsewhere:
            ready = elsewhere
        elif destination.rests(now) or self._paused(now):
            return None
        else:
            self.paused_until = None
        if not ready:
            return None
        chosen = outbox.first(ready)
        del self.waiting[chosen.id]
        return chosen

    def digest(self, destination: Destination, now: datetime) -> list[Notification]:
        """What of all that waits is to be told in one; usually none."""
        after = self.bucket.rate.digest_after if self.bucket else None
        if after is None or len(self.waiting) <= after or destination.rests(now):
            return []
        return overflowing(list(self.waiting.values()), after)

    def goes_on(self, notification: Notification, by: str, now: datetime) -> bool:
        """Whether worker `by` may say this next in place of what it took; then that is noted."""
        lease = notification.lease
        if notification.next_attempt_at > now or (lease and lease.free_at(by, now) > now):
            return False
        self.waiting.pop(notification.id, None)
        self.sending.add(notification.id)
        return True

    def resumes(self, destination: Destination, now: datetime) -> list[datetime]:
        """When it goes on by itself, as far as that is known."""
        free_at = self.bucket.free_at(now) if self.bucket else None
        moments = (self.paused_until, destination.open_until, free_at)
        return [at for at in moments if at is not None and at > now]

    def use(self, rate: Rate | None) -> None:
        """This is its rate from now on; what was learnt holds while it stays the same."""
        if rate is None:
            self.bucket = None
        elif self.bucket is None or self.bucket.rate != rate:
            self.bucket = Bucket(rate)

    def sends(self, now: datetime) -> None:
        """A try begins."""
        if self.bucket:
            self.bucket = self.bucket.taken(now)

    def heard(self, status: int | None) -> None:
        """A try ended with this status."""
        if self.bucket:
            self.bucket = self.bucket.learnt(too_much=status == 429)

    def _paused(self, now: datetime) -> bool:
        asked = self.paused_until is not None and self.paused_until > now
        return asked or (self.bucket is not None and self.bucket.free_at(now) > now)


def moves_on(
    notification: Notification, destination: Destination, well: Collection[str], now: datetime
) -> bool:
    """Whether it is ended here without a try: it goes to a fallback, or has waited too long."""
    falls_back = any(name in well for name in notification.failover)
    if falls_back:
        return destination.shuns(now)
    return destination.parked_at is not None and expired(notification, now)
