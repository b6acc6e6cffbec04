"""A lane: what waits for one receiver, which is sent one notification at a time."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from alerting import outbox
from alerting.destination import Destination
from alerting.digest import is_page, overflowing
from alerting.notification import Notification
from alerting.pace import Pace
from alerting.result import expired


@dataclass(slots=True)
class Lane:
    """`pace` is that of its destination, which other lanes may lead to as well.

    `sending`: the ids of what its task is about. `kept` for a decision that is being stored, which
    may begin a first try: nothing else does meanwhile. `overflows`: a digest of what is no page has
    been put together, and there may be more.
    """

    receiver: str
    pace: Pace = field(default_factory=Pace)
    waiting: dict[str, Notification] = field(default_factory=dict)
    task: asyncio.Task[None] | None = None
    sending: set[str] = field(default_factory=set)
    kept: bool = False
    overflows: bool = False

    @property
    def urgency(self) -> tuple[int, int, datetime]:
        """Of what waits; which of the lanes to one destination goes first."""
        first = outbox.first(self.waiting.values())
        return outbox.urgency(first), first.severity.rank, first.created_at

    def is_free(self, destination: Destination, now: datetime) -> bool:
        """Whether something that is decided at this moment could be sent at once."""
        busy = self.task is not None or self.kept or bool(self.waiting) or self.overflows
        return not (busy or destination.refuses or self.pace.free_at(now) > now)

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
        elif destination.rests(now) or self.pace.free_at(now) > now:
            return None
        if not ready:
            return None
        chosen = outbox.first(ready)
        del self.waiting[chosen.id]
        return chosen

    def digest(self, destination: Destination, now: datetime) -> list[Notification]:
        """What of all that waits is to be told in one; usually none."""
        bucket = self.pace.bucket
        after = bucket.rate.digest_after if bucket else None
        if after is None or destination.rests(now):
            return []
        found = overflowing(list(self.waiting.values()), after, goes_on=self.overflows)
        self.overflows = bool(found) and not is_page(found[0])
        return found

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
        moments = (destination.open_until, self.pace.free_at(now))
        return [at for at in moments if at is not None and at > now]


def moves_on(
    notification: Notification, destination: Destination, well: Collection[str], now: datetime
) -> bool:
    """Whether it is ended here without a try: it goes to a fallback, or has waited too long."""
    falls_back = any(name in well for name in notification.failover)
    if falls_back:
        return destination.shuns(now)
    return destination.parked_at is not None and expired(notification, now)
