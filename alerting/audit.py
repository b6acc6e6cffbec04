"""The auditor: what of our own work is overdue, in sentences for the person on call. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from alerting.notification import NotificationKind
from alerting.wording import duration, sentences
from slo.severity import Severity

OTHERS_WITHIN = timedelta(minutes=15)  # what is no page: tickets, resolves, notices
LEASE_SLACK = timedelta(seconds=30)  # for another worker to come and take it
EVALUATION_WITHIN = timedelta(seconds=30)  # or three buckets
COLLECTOR_SLACK = timedelta(seconds=30)  # beyond two intervals and the timeout
STORAGE_WITHIN = timedelta(seconds=30)
LEAP = timedelta(seconds=10)  # less is a clock that is being adjusted
LEAP_REMEMBERED = timedelta(minutes=5)
_NAMED = 3  # so many of a kind are told one by one


class What(StrEnum):
    """What can be overdue: a closed list."""

    DELIVERY = "delivery"
    LEASE = "lease"
    EVALUATION = "evaluation"
    COLLECTOR = "collector"
    STORAGE = "storage"
    CLOCK = "clock"
    AUDIT = "audit"  # the auditor itself could not look


@dataclass(frozen=True, slots=True)
class Overdue:
    """One thing that should have happened by now."""

    what: What
    sentence: str


@dataclass(frozen=True, slots=True)
class Owed:
    """A notification without a receipt. `given_up`: nobody tries any more, and nobody else has it.

    `leased_until`: a worker took it, and should have been done by then.
    """

    incident_id: str
    receiver: str
    kind: NotificationKind
    severity: Severity
    service: str
    decided_at: datetime
    attempts: int = 0
    given_up: bool = False
    leased_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A collector: when it was last heard of, or began to be watched."""

    collector_id: str
    heard: datetime
    interval: timedelta
    timeout: timedelta


@dataclass(frozen=True, slots=True)
class Leap:
    """The wall clock moved by so much more than time did; it was seen at `at`."""

    at: datetime
    by: timedelta


@dataclass(frozen=True, slots=True)
class Vitals:
    """What the auditor looks at. `evaluated`: when that was last done; `stored`: up to when.

    `owed` holds at least what is overdue. `setback`: what is said while a clock that was set back
    is being caught up with. `unseen`: why the outbox could not be read.
    """

    now: datetime
    owed: Sequence[Owed] = ()
    evaluated: datetime | None = None
    stored: datetime | None = None
    bucket: timedelta = timedelta(seconds=10)
    runs: Sequence[Run] = ()
    leap: Leap | None = None
    setback: str | None = None
    unseen: str | None = None


def audit(vitals: Vitals, within: timedelta) -> tuple[Overdue, ...]:
    """Everything that is overdue; a page is, `within` after it was decided. Empty: all is well."""
    return (
        *_deliveries(vitals, within),
        *_leases(vitals),
        *_loop(vitals),
        *_collectors(vitals),
        *_clock(vitals),
    )


def leapt(wall: timedelta, elapsed: timedelta, now: datetime) -> Leap | None:
    """Whether the clock was set, if it moved by `wall` while `elapsed` went by."""
    by = wall - elapsed
    return Leap(now, by) if abs(by) >= LEAP else None


def is_late(owed: Owed, now: datetime, within: timedelta) -> bool:
    """Whether it should have been receipted by now."""
    if owed.given_up:
        return True
    patience = within if owed.severity is Severity.PAGE else max(within, OTHERS_WITHIN)
    return now - owed.decided_at > patience


def _deliveries(vitals: Vitals, within: timedelta) -> Iterator[Overdue]:
    late = sorted(
        (one for one in vitals.owed if is_late(one, vitals.now, within)),
        key=lambda one: (one.severity.rank, one.decided_at),
    )
    for one in late[:_NAMED]:
        what = "page" if one.severity is Severity.PAGE else str(one.kind)
        said = f"The {what} about {one.service} to {one.receiver}"
        if one.given_up:
            said += " was given up, and nobody else has it"
        else:
            tries = {0: "no try", 1: "1 try"}.get(one.attempts, f"{one.attempts} tries")
            waits = duration(vitals.now - one.decided_at)
            said += f" has no receipt {waits} after it was decided ({tries})"
        yield Overdue(What.DELIVERY, sentences(f"{said}: incident {one.incident_id}"))
    if len(late) > _NAMED:
        more = f"{len(late) - _NAMED} more notifications are overdue"
        yield Overdue(What.DELIVERY, sentences(more))


def _leases(vitals: Vitals) -> Iterator[Overdue]:
    for one in vitals.owed:
        until = one.leased_until
        if until is not None and vitals.now - until > LEASE_SLACK:
            ago = duration(vitals.now - until)
            said = (
                f"A worker's lease of the {one.kind} about {one.service} to {one.receiver} ended "
                f"{ago} ago, and no other has taken it"
            )
            yield Overdue(What.LEASE, sentences(said))


def _loop(vitals: Vitals) -> Iterator[Overdue]:
    """What is done again and again."""
    now = vitals.now
    if vitals.evaluated is not None:
        behind = now - vitals.evaluated
        if behind > max(EVALUATION_WITHIN, 3 * vitals.bucket):
            yield Overdue(What.EVALUATION, f"The last evaluation was {duration(behind)} ago.")
    if vitals.stored is not None and now - vitals.stored > STORAGE_WITHIN:
        behind = now - vitals.stored
        yield Overdue(What.STORAGE, f"Nothing could be stored for {duration(behind)}.")
    if vitals.unseen is not None:
        yield Overdue(What.STORAGE, sentences(f"The outbox cannot be read: {vitals.unseen}"))


def _collectors(vitals: Vitals) -> Iterator[Overdue]:
    stalled = [
        one
        for one in vitals.runs
        if vitals.now - one.heard > 2 * one.interval + one.timeout + COLLECTOR_SLACK
    ]
    for one in stalled[:_NAMED]:
        ago = duration(vitals.now - one.heard)
        yield Overdue(
            What.COLLECTOR,
            f"Collector {one.collector_id} has not looked for {ago}; it is due every "
            f"{duration(one.interval)}.",
        )
    if len(stalled) > _NAMED:
        more = len(stalled) - _NAMED
        yield Overdue(What.COLLECTOR, f"{more} more collectors are stalled.")


def _clock(vitals: Vitals) -> Iterator[Overdue]:
    if vitals.setback is not None:
        yield Overdue(What.CLOCK, vitals.setback)
    elif vitals.leap is not None and vitals.now - vitals.leap.at < LEAP_REMEMBERED:
        leap = vitals.leap
        way = "forward" if leap.by > timedelta(0) else "back"
        said = f"The clock leapt {way} by {duration(abs(leap.by))} at {leap.at:%H:%M:%S} UTC."
        yield Overdue(What.CLOCK, said)
