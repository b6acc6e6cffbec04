"""The outbox's rules: when a delivery is tried again, when it is given up, what goes first."""

import random
from collections.abc import Iterable
from datetime import datetime, timedelta

from alerting.notification import AttemptOutcome, Notification, NotificationKind

FIRST_BACKOFF = timedelta(seconds=1)
LONGEST_BACKOFF = timedelta(minutes=5)
# A header must not be able to silence a pager for a day.
LONGEST_RETRY_AFTER = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(hours=24)
# However old a notification is (we may have been off for days), it gets a fair number of tries.
TRIES_AT_LEAST = 10


def next_attempt(
    notification: Notification,
    attempts: int,
    now: datetime,
    retry_after: timedelta | None,
    rng: random.Random,
) -> datetime | None:
    """When to try again after `attempts` tries; None: give up, 24 h have passed.

    Full jitter, so that many who fail together do not come back together.
    Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    deadline = notification.created_at + GIVE_UP_AFTER
    if now >= deadline and attempts >= TRIES_AT_LEAST:
        return None
    # 2^9 s is beyond the longest already; larger powers would overflow one day.
    longest = min(LONGEST_BACKOFF, FIRST_BACKOFF * (1 << min(attempts - 1, 9)))
    at = now + max(
        longest * rng.random(),
        min(retry_after or timedelta(0), LONGEST_RETRY_AFTER),
    )
    return min(at, deadline) if now < deadline else at


def given_up(outcome: AttemptOutcome, attempts: int, error: str) -> str:
    """Why nobody tries any more."""
    if outcome is AttemptOutcome.PERMANENT:
        return f"{error}; another try would end the same way"
    hours = GIVE_UP_AFTER // timedelta(hours=1)
    return f"{attempts} tries in {hours} h failed; the last one: {error}"


def needs_trigger(kind: NotificationKind) -> bool:
    """Whether this makes sense only for a receiver that may know of the incident."""
    return kind in (NotificationKind.RESOLVE, NotificationKind.ACKNOWLEDGE)


def not_needed(kind: NotificationKind) -> str:
    """Why a message that `needs_trigger` is not sent when nothing arrived before it."""
    return f"there is nothing to {kind}: no message about this incident ever arrived there"


def first(waiting: Iterable[Notification]) -> Notification:
    """What one receiver is sent first: the loudest, then the oldest."""
    return min(waiting, key=lambda n: (n.severity.rank, n.created_at, n.id))
