"""Receivers: how each one's other side stands, and what waits for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from alerting.destination import Destination, DestinationState
from alerting.wording import duration
from dashboards import format as write
from dashboards.format import Moment

_WORDS = {
    DestinationState.WELL: "Well",
    DestinationState.FAILING: "Failing",
    DestinationState.OPEN: "Breaker open",
    DestinationState.PARKED: "Parked",
}


@dataclass(frozen=True, slots=True)
class ReceiverStanding:
    """One configured receiver. `oldest`: when the oldest that waits was decided."""

    name: str
    kind: str
    destination: Destination
    waiting: int = 0
    oldest: datetime | None = None


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
    return ReceiverRow(
        name=one.name,
        kind=one.kind,
        word=_WORDS[known.state],
        ill=known.state is not DestinationState.WELL,
        problem=known.problem,
        last_success=write.moment(known.last_success, now) if known.last_success else None,
        waiting=f"{one.waiting}{waited}" if one.waiting else "nothing",
        parked=known.refuses,
    )
