"""The result of a try: what becomes of its notification, its receiver, and who else hears. Pure."""

import random
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from alerting import failover, outbox, wording
from alerting.destination import Destination
from alerting.incident import EventKind, IncidentEvent
from alerting.notification import (
    Attempt,
    AttemptOutcome,
    DeliveryError,
    Handle,
    Notification,
    NotificationState,
    Receipt,
)


@dataclass(frozen=True, slots=True)
class Result:
    """How a try ended, to be stored whole. `added`: what is to be sent because of it."""

    attempt: Attempt
    notification: Notification
    destination: Destination
    handle: Handle | None = None
    events: tuple[IncidentEvent, ...] = ()
    added: tuple[Notification, ...] = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """What a result depends on besides the try: how the receiver stands, which others are well (the
    best to tell about it first), and who stood in for it in this incident.
    """

    destination: Destination
    well: tuple[str, ...] = ()
    stand_ins: tuple[str, ...] = ()


def delivered(
    notification: Notification, attempt: Attempt, receipt: Receipt, scene: Scene, now: datetime
) -> Result:
    """The other side said yes."""
    tried = f"Try {attempt.number} to {notification.receiver}"
    text = f"{tried}: {notification.kind} delivered. {receipt.detail}"
    ended = replace(
        attempt,
        ended_at=now,
        outcome=AttemptOutcome.OK,
        status=receipt.status,
        detail=receipt.detail,
    )
    done = replace(
        notification, state=NotificationState.DELIVERED, attempts=attempt.number, finished_at=now
    )
    added = failover.followers(notification, scene.stand_ins, now)
    events = (event(notification, EventKind.DELIVERED, text, now), *routed(added, now))
    well = scene.destination.succeeded(now)
    return Result(ended, done, well, receipt.handle, events, added)


def failed(
    notification: Notification,
    attempt: Attempt,
    error: DeliveryError,
    scene: Scene,
    now: datetime,
    rng: random.Random,
) -> Result:
    """It did not work: when to try again, or who is told instead."""
    number, outcome = attempt.number, error.outcome
    said = str(error).rstrip(".")
    again = outbox.next_attempt(notification, number, now, error.retry_after, rng)
    probe = again or now + outbox.LONGEST_BACKOFF
    was = scene.destination
    destination = _stands(was, error, probe, now)
    ended = replace(attempt, ended_at=now, outcome=outcome, status=error.status, detail=said)
    tried = f"Try {number} to {notification.receiver}: {said}"
    if outcome is AttemptOutcome.AMBIGUOUS:
        tried += "; it may have arrived"
    parked = destination.parked_at is not None
    events = [event(notification, EventKind.ATTEMPT, tried, now)]
    added: list[Notification] = []
    if parked and was.parked_at is None:
        told, text = _operators(notification, destination, scene.well, now)
        added += told
        events.append(event(notification, EventKind.NOTE, text, now))
    hopeless = outcome is AttemptOutcome.PERMANENT and not parked
    if hopeless or again is None:
        ending = outbox.given_up(outcome, number, said, outbox.tried_for(notification))
    elif destination.refuses:
        ending = destination.sentence() if _has_fallback(notification, scene.well) else ""
    else:
        ending = ""
    if not ending:
        at = probe
        if not parked:
            events[0] = event(
                notification, EventKind.ATTEMPT, f"{tried}, again {wording.soon(at - now)}", now
            )
        left = replace(notification, attempts=number, next_attempt_at=at)
        return Result(ended, left, destination, None, tuple(events), tuple(added))
    given_up, more, why = given_up_for(notification, ending, scene, now)
    given_up = replace(given_up, attempts=number)
    return Result(ended, given_up, destination, None, (*events, *why), (*added, *more))


def _stands(was: Destination, error: DeliveryError, again: datetime, now: datetime) -> Destination:
    """How the receiver stands after this. A 429 is no failure; any other is, pause or not."""
    said = str(error).rstrip(".")
    if error.status != 429:
        was = was.failed(error.outcome, said, again, now, parks=error.parks)
    if error.outcome is AttemptOutcome.PERMANENT or error.retry_after is None:
        return was
    return was.busy(said, now + min(error.retry_after, outbox.LONGEST_RETRY_AFTER), now)


def given_up_for(
    notification: Notification, reason: str, scene: Scene, now: datetime
) -> tuple[Notification, tuple[Notification, ...], tuple[IncidentEvent, ...]]:
    """A notification that will not be sent; what is sent in its place, and what is said of it."""
    row = replace(
        notification, state=NotificationState.FAILED, finished_at=now, reason=reason, lease=None
    )
    instead = failover.stand_in(notification, reason, scene.well, now)
    told = failover.followers(notification, scene.stand_ins, now)
    names = {one.receiver for one in told}
    added = told if instead is None or instead.receiver in names else (*told, instead)
    text = f"Gave up the {notification.kind} to {notification.receiver}: {reason}"
    said = event(notification, EventKind.GAVE_UP, text, now)
    return row, added, (said, *routed(added, now))


def routed(added: Iterable[Notification], now: datetime) -> tuple[IncidentEvent, ...]:
    """The timeline's word on what is sent in another's place."""
    return tuple(
        event(row, EventKind.ROUTED, text, now)
        for row, text in zip(added, failover.listed(added), strict=True)
    )


def event(notification: Notification, kind: EventKind, text: str, at: datetime) -> IncidentEvent:
    return IncidentEvent(notification.incident_id, at, kind, wording.sentences(text))


def left_open(
    notification: Notification, reason: str, well: tuple[str, ...], now: datetime
) -> tuple[tuple[Notification, ...], IncidentEvent]:
    """What shows an incident as open is out of reach: who is told, and the timeline's word."""
    name = notification.receiver
    text = (
        f"{wording.capital(reason)}, so what {name} shows of incident {notification.incident_id} "
        "cannot be resolved by Nines: close it there by hand"
    )
    told: tuple[Notification, ...] = ()
    if well:
        title = f"An incident is left open at {name}"
        told = (failover.report(notification, well[0], title, text, now),)
        text = f"{text}. {well[0]} is told of it"
    return told, event(notification, EventKind.NOTE, text, now)


def expired(notification: Notification, now: datetime) -> bool:
    """Whether it waited too long for a receiver that is parked."""
    return now - notification.created_at >= outbox.tried_for(notification)


def _has_fallback(notification: Notification, well: Collection[str]) -> bool:
    return any(name in well for name in notification.failover)


def _operators(
    notification: Notification, parked: Destination, well: tuple[str, ...], now: datetime
) -> tuple[list[Notification], str]:
    """Somebody has to mend a receiver that is parked: whom to tell, and the timeline's word."""
    text = (
        f"{parked.sentence()}. Nothing is sent there until its configuration is mended, or it is "
        "unparked"
    )
    names = [name for name in (*notification.failover, *well) if name in well]
    if not names:
        return [], f"{text}. There is no other receiver that could be told of it"
    title = f"Nines cannot reach {parked.receiver} any more"
    told = failover.report(notification, names[0], title, text, now)
    return [told], f"{text}. {names[0]} is told of it"
