"""The first try of a page, begun in the transaction that decides on it. Pure.

A page of an incident that opens has nothing before it and nobody who stands in for its receiver:
where the receiver is free, nothing else is to be looked up before it is called.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from alerting import outbox
from alerting.lease import TERM, Lease
from alerting.notification import Attempt, Notification, NotificationKind
from alerting.store import Decision


@dataclass(frozen=True, slots=True)
class Offer:
    """Worker `by` can call each of these receivers at once, with one message."""

    by: str
    receivers: tuple[str, ...] = ()


def begin_first_tries(decision: Decision, offer: Offer, now: datetime) -> Decision:
    """The same, with the offer taken where it can be: leased to the worker, the try written down.

    Of several for one receiver the most urgent is begun, as a lane would.
    """
    opened = {incident.id for incident in decision.incidents if incident.revision == 1}
    fit: dict[str, list[Notification]] = {}
    for one in decision.notifications:
        if one.receiver in offer.receivers and one.incident_id in opened and _is_first(one, now):
            fit.setdefault(one.receiver, []).append(one)
    if not fit:
        return decision
    begun: Mapping[str, Notification] = {
        (chosen := outbox.first(several)).id: replace(
            chosen, attempts=1, lease=Lease(offer.by, now + TERM)
        )
        for several in fit.values()
    }
    return replace(
        decision,
        notifications=tuple(begun.get(one.id, one) for one in decision.notifications),
        attempts=tuple(Attempt(id_, 1, now, by=offer.by) for id_ in begun),
    )


def _is_first(one: Notification, now: datetime) -> bool:
    """Nothing was sent before it, and it waits for nothing."""
    return (
        one.kind is NotificationKind.TRIGGER
        and not one.instead_of
        and not one.attempts
        and one.next_attempt_at <= now
    )
