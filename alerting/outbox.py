"""The outbox's rules: when a delivery is tried again, when it is given up, what goes first."""

import random
from collections.abc import Iterable
from datetime import datetime, timedelta

from alerting import wording
from alerting.notification import AlertLine, AttemptOutcome, Notification, NotificationKind
from slo.severity import Severity

FIRST_BACKOFF = timedelta(seconds=1)
LONGEST_BACKOFF = timedelta(minutes=5)
# A header must not be able to silence a pager for a day.
LONGEST_RETRY_AFTER = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(hours=24)
CANARY_FOR = timedelta(minutes=10)  # whether it arrives is to be known soon
# However old a notification is (we may have been off for days), it gets a fair number of tries.
TRIES_AT_LEAST = 10


def next_attempt(
    notification: Notification,
    attempts: int,
    now: datetime,
    retry_after: timedelta | None,
    rng: random.Random,
) -> datetime | None:
    """When to try again after `attempts` tries; None: give up, it has been tried for long enough.

    Full jitter, so that many who fail together do not come back together.
    Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    canary = notification.kind is NotificationKind.CANARY
    deadline = notification.created_at + tried_for(notification)
    if now >= deadline and (canary or attempts >= TRIES_AT_LEAST):
        return None
    # 2^9 s is beyond the longest already; larger powers would overflow one day.
    longest = min(LONGEST_BACKOFF, FIRST_BACKOFF * (1 << min(attempts - 1, 9)))
    at = now + max(
        longest * rng.random(),
        min(retry_after or timedelta(0), LONGEST_RETRY_AFTER),
    )
    return min(at, deadline) if now < deadline else at


def tried_for(notification: Notification) -> timedelta:
    """How long after its decision it is given up."""
    return CANARY_FOR if notification.kind is NotificationKind.CANARY else GIVE_UP_AFTER


def given_up(
    outcome: AttemptOutcome, attempts: int, error: str, within: timedelta = GIVE_UP_AFTER
) -> str:
    """Why nobody tries any more."""
    if outcome is AttemptOutcome.PERMANENT:
        return f"{error}; another try would end the same way"
    hours = within // timedelta(hours=1)
    long = f"{hours} h" if hours else wording.duration(within)
    return f"{attempts} tries in {long} failed; the last one: {error}"


def urgency(notification: Notification) -> int:
    """What goes first to one receiver: pages, tickets, resolves of what was told; canaries last."""
    kind, severity = notification.kind, notification.severity
    if kind is NotificationKind.CANARY:
        return 4
    if kind is NotificationKind.RESOLVE:
        return 2
    if kind is NotificationKind.TRIGGER or kind.alone or _rises(notification):
        return 0 if severity is Severity.PAGE else 1
    return 3


def first(waiting: Iterable[Notification]) -> Notification:
    """What one receiver is sent first: the most urgent, the loudest, then the oldest."""
    return min(waiting, key=lambda n: (urgency(n), n.severity.rank, n.created_at, n.id))


def _rises(notification: Notification) -> bool:
    """Whether an update tells of a page that began after the incident had."""
    if notification.kind is not NotificationKind.UPDATE:
        return False
    newest: AlertLine | None = None
    for line in notification.message.alerts:  # of all that waits, each time that something is sent
        if line.ended_at is None and (newest is None or line.started_at > newest.started_at):
            newest = line
    return (
        newest is not None
        and newest.severity is Severity.PAGE
        and newest.started_at > notification.message.opened_at
    )
