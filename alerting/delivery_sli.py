"""Decision to receipt as events: which deliveries were good, and since when that is known. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from alerting.notification import NotificationState

SERVICE = "nines"  # what Nines calls itself, where it is watched
SLO = COLLECTOR = "delivery"
CANARY_RULE = "canary"
INTERVAL = timedelta(seconds=10)  # how often it is counted
TOTAL = "nines_deliveries_total"
BAD = "nines_deliveries_bad_total"
CANARY_AGE = "nines_canary_age_seconds"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A notification, from its decision on.

    `awaits_receipt`: its receiver has proven that it tells what became, so that a yes is no receipt
    yet; `receipt_at` is when it told.
    """

    id: str
    receiver: str
    decided_at: datetime
    state: NotificationState
    finished_at: datetime | None = None
    awaits_receipt: bool = False
    receipt_at: datetime | None = None
    sequence: int = 0  # of its row: later ones have higher numbers


@dataclass(frozen=True, slots=True)
class Verdict:
    """One event; `at` is when it was known. It never changes afterwards."""

    good: bool
    at: datetime


def verdict(one: Delivery, within: timedelta, now: datetime) -> Verdict | None:
    """Good when it was receipted `within` its decision; bad as soon as that is over, or it failed.

    None: that is not known yet, or there was nothing left to say with it.
    """
    deadline = one.decided_at + within
    ended = one.finished_at
    if one.state is NotificationState.FAILED and ended is not None:
        return Verdict(good=False, at=min(ended, deadline))
    receipted = one.receipt_at if one.awaits_receipt else ended
    if one.state.arrived(ended) and receipted is not None and receipted <= deadline:
        return Verdict(good=True, at=receipted)
    if now <= deadline or (
        one.state is NotificationState.SKIPPED and ended is not None and ended <= deadline
    ):
        return None
    return Verdict(good=False, at=deadline)
