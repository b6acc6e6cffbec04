"""When a report is mailed, and which are still owed. Pure.

A period's report is due once the clock shows its hour after the period's end; it is owed until it
is on record what became of it.
"""

from collections.abc import Callable, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from dashboards.report_period import ReportPeriod

SETTLED = timedelta(minutes=5)  # after a period's end, until what it counted is stored
MOST_MISSED = 7  # periods that are caught up with
GIVEN_UP_AFTER = timedelta(days=3)
REMEMBERED = timedelta(days=7)  # one that was given up, as a problem
_PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60))


class PostingState(StrEnum):
    """`skipped`: there was nothing to tell, or the report was due before it was asked for."""

    WAITING = "waiting"
    SENT = "sent"
    SKIPPED = "skipped"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class Posting:
    """One period's report, for one entry of the configuration. `had`: addresses that have it."""

    name: str
    period: str
    state: PostingState
    due_at: datetime
    next_at: datetime
    tries: int = 0
    had: tuple[str, ...] = ()
    problem: str | None = None
    ended_at: datetime | None = None


class ReportMailError(Exception):
    """A report was not mailed, in a sentence; `status` as HTTP has it."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True, slots=True)
class ReportMailStanding:
    """An entry of the configuration: who is mailed what, when next, and how the last one went."""

    name: str
    every: str
    at: str  # of the clock in `zone`
    zone: str
    to: tuple[str, ...]
    owner: str | None
    view: str
    next_at: datetime
    last: Posting | None


def owed(
    running: ReportPeriod,
    due: Callable[[ReportPeriod], datetime],
    now: datetime,
    known: Set[str],
) -> list[tuple[ReportPeriod, datetime]]:
    """The periods before `running` whose report was due by `now` and is not on record, oldest
    first. Where nothing is on record it is the newest alone: nobody asked for those before.
    """
    found: list[tuple[ReportPeriod, datetime]] = []
    period = running.previous
    while len(found) < MOST_MISSED:
        at = due(period)
        if at <= now:
            if period.slug in known:
                break
            found.append((period, at))
            if not known:
                break
        period = period.previous
    return found[::-1]


def after_failure(posting: Posting, problem: str, now: datetime) -> Posting:
    """What becomes of it when a try has failed: another later, or none any more."""
    gone = now - posting.due_at >= GIVEN_UP_AFTER
    pause = _PAUSES[min(posting.tries, len(_PAUSES)) - 1]
    return replace(
        posting,
        state=PostingState.GIVEN_UP if gone else PostingState.WAITING,
        next_at=now + pause,
        problem=problem,
        ended_at=now if gone else None,
    )


def problem_of(posting: Posting, now: datetime) -> str | None:
    """What is wrong with it, in a sentence; None: nothing, or it was long ago."""
    if posting.problem is None:
        return None
    what = f"The report of {posting.period} for {posting.name}"
    why = posting.problem.rstrip(".")
    if posting.state is PostingState.WAITING:
        return f"{what} could not be mailed: {why}. It is tried at {posting.next_at:%H:%M} UTC."
    if posting.ended_at is None or now - posting.ended_at >= REMEMBERED:
        return None
    if posting.state is PostingState.SENT:
        return f"{what} did not reach everybody: {why}."
    return f"{what} could not be mailed and was given up: {why}."
