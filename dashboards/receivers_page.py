"""Receivers: how each one's other side stands, and what waits for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from alerting.canary import Canary
from alerting.destination import Destination, DestinationState
from alerting.notification import NotificationState
from alerting.wording import duration
from dashboards import format as write
from dashboards.format import Moment

_WORDS = {
    DestinationState.WELL: "Well",
    DestinationState.FAILING: "Failing",
    DestinationState.OPEN: "Breaker open",
    DestinationState.PARKED: "Parked",
}


_CANARY_WORDS = {
    NotificationState.PENDING: "On its way",
    NotificationState.DELIVERED: "Arrived",
}


@dataclass(frozen=True, slots=True)
class ReceiverStanding:
    """One configured receiver. `oldest`: when the oldest that waits was decided.

    `canary`: the newest that it was sent. `paced_until`: it is told nothing more before that,
    because of its rate, or as its other side asked for a pause.
    """

    name: str
    kind: str
    destination: Destination
    waiting: int = 0
    oldest: datetime | None = None
    canary: Canary | None = None
    paced_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class CanaryFacts:
    """The newest canary: pending, delivered or failed; and when one last arrived."""

    incident: str  # where its tries are told
    state: str
    reason: str
    attempts: int
    decided_at: datetime
    finished_at: datetime | None
    last_success: datetime | None


@dataclass(frozen=True, slots=True)
class ReceiverFacts:
    """How a receiver stands: well, failing, open (its breaker) or parked."""

    name: str
    kind: str
    state: str
    problem: str
    failures: int  # in a row
    last_success: datetime | None
    open_until: datetime | None
    parked_at: datetime | None
    waiting: int
    oldest: datetime | None
    canary: CanaryFacts | None
    paced_until: datetime | None  # told nothing more before that, for its rate or at its wish


@dataclass(frozen=True, slots=True)
class CanaryCell:
    """How the newest canary fared; `arrived`: when one last did, where that is another."""

    word: str
    at: Moment
    reason: str
    ill: bool
    arrived: Moment | None
    url: str


@dataclass(frozen=True, slots=True)
class ReceiverRow:
    """A line of the page."""

    name: str
    kind: str
    word: str
    ill: bool
    problem: str
    last_success: Moment | None
    waiting: str
    parked: bool
    canary: CanaryCell | None


def receiver_facts(one: ReceiverStanding) -> ReceiverFacts:
    known = one.destination
    return ReceiverFacts(
        name=one.name,
        kind=one.kind,
        state=str(known.state),
        problem=known.problem,
        failures=known.failures,
        last_success=known.last_success,
        open_until=known.open_until,
        parked_at=known.parked_at,
        waiting=one.waiting,
        oldest=one.oldest,
        canary=None if one.canary is None else _canary_facts(one.canary),
        paced_until=one.paced_until,
    )


def receiver_rows(standing: Sequence[ReceiverStanding], now: datetime) -> tuple[ReceiverRow, ...]:
    """In the order of the configuration."""
    return tuple(_row(one, now) for one in standing)


def receiver_problems(standing: Sequence[ReceiverStanding]) -> list[str]:
    """What ails them, in sentences."""
    ill = (one.destination for one in standing if one.destination.refuses)
    return [f"Receiver {known.sentence()}." for known in ill]


def _row(one: ReceiverStanding, now: datetime) -> ReceiverRow:
    known = one.destination
    waited = f", the oldest for {duration(now - one.oldest)}" if one.oldest else ""
    if one.paced_until and one.paced_until > now:
        waited += f"; no faster than it takes, the next in {duration(one.paced_until - now)}"
    return ReceiverRow(
        name=one.name,
        kind=one.kind,
        word=_WORDS[known.state],
        ill=known.state is not DestinationState.WELL,
        problem=known.problem,
        last_success=write.moment(known.last_success, now) if known.last_success else None,
        waiting=f"{one.waiting}{waited}" if one.waiting else "nothing",
        parked=known.refuses,
        canary=None if one.canary is None else _canary_cell(one.canary, now),
    )


def _canary_facts(one: Canary) -> CanaryFacts:
    return CanaryFacts(
        incident=one.incident_id,
        state=str(one.state),
        reason="" if one.waits else one.reason,
        attempts=one.attempts,
        decided_at=one.decided_at,
        finished_at=one.finished_at,
        last_success=one.last_success,
    )


def _canary_cell(one: Canary, now: datetime) -> CanaryCell:
    failed = one.state not in _CANARY_WORDS
    arrived = one.last_success
    apart = arrived is not None and arrived != one.finished_at
    return CanaryCell(
        word=_CANARY_WORDS.get(one.state, "Failed"),
        at=write.moment(one.finished_at or one.decided_at, now),
        reason=one.reason if failed else "",
        ill=failed,
        arrived=write.moment(arrived, now) if apart and arrived is not None else None,
        url=f"/incidents/{one.incident_id}",
    )
