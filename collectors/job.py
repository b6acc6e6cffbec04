"""What became of a job's runs, by what it told of them and by when it should have."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from collectors.observation import Cause, Outcome, ToldRun
from collectors.timetable import Timetable

_BEGUN_KNOWN = 20  # run ids of which it is known which run they began
_AWAY_KNOWN = 8
_MOST_RUNS = 2_000  # that are judged at one look; after a longer absence it begins anew
_SAID = 200  # characters of what a failed run said


class PingKind(StrEnum):
    """What a ping tells of a run."""

    START = "start"
    SUCCESS = "success"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Ping:
    """One, in the order in which they were stored."""

    number: int
    at: datetime
    kind: PingKind
    run_id: str | None = None
    exit_code: int | None = None
    body: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """`grace`: how long after it is due a run has to succeed, or, where `at_most` says how long it
    may take, to start.
    """

    timetable: Timetable
    grace: timedelta
    at_most: timedelta | None = None


@dataclass(frozen=True, slots=True)
class State:
    """What is waited for, and how the newest run ended. `away` are times at which we were not
    there to be told.
    """

    mark: str
    looked: datetime
    due: datetime
    number: int = 0  # of the newest ping that was looked at
    started: datetime | None = None
    away: tuple[tuple[datetime, datetime], ...] = ()
    begun: tuple[tuple[str, datetime | None], ...] = ()
    cause: Cause | None = None  # of the newest run that was judged, where it was bad
    detail: str = ""
    waits: bool = True  # no run was judged yet

    def to_text(self) -> str:
        return json.dumps(
            {
                "mark": self.mark,
                "looked": _text(self.looked),
                "due": _text(self.due),
                "number": self.number,
                "started": _text(self.started),
                "away": [[_text(begin), _text(end)] for begin, end in self.away],
                "begun": [[run_id, _text(due)] for run_id, due in self.begun],
                "cause": self.cause,
                "detail": self.detail,
                "waits": self.waits,
            },
            separators=(",", ":"),
        )

    @classmethod
    def of(cls, text: str | None) -> "State | None":
        """What `to_text` wrote; None where it is none."""
        try:
            stored: dict[str, Any] = json.loads(text or "null")
            return cls(
                mark=stored["mark"],
                looked=datetime.fromisoformat(stored["looked"]),
                due=datetime.fromisoformat(stored["due"]),
                number=stored["number"],
                started=_moment(stored["started"]),
                away=tuple(
                    (datetime.fromisoformat(begin), datetime.fromisoformat(end))
                    for begin, end in stored["away"]
                ),
                begun=tuple((run_id, _moment(due)) for run_id, due in stored["begun"]),
                cause=None if stored["cause"] is None else Cause(stored["cause"]),
                detail=stored["detail"],
                waits=stored["waits"],
            )
        except (ValueError, KeyError, TypeError):
            return None


def taken_up(
    state: State | None, terms: Terms, now: datetime, away: tuple[datetime, datetime] | None = None
) -> State:
    """The state to go on from: after a restart, an absence, or an edit of the timetable.

    A run that is waited for stays so where the new timetable has it too; else what comes next by
    the new one is waited for, and nothing before `now` is.
    """
    mark = terms.timetable.label
    if state is None:
        return State(mark, now, terms.timetable.first(now))
    if away is not None and away[0] < away[1]:
        state = replace(state, away=(*state.away, away)[-_AWAY_KNOWN:])
    if state.mark != mark:
        state = replace(state, mark=mark)
        if not terms.timetable.has(state.due):
            state = replace(state, due=terms.timetable.first(now), started=None)
    return state


def judge(
    state: State, pings: Sequence[Ping], terms: Terms, now: datetime
) -> tuple[State, list[ToldRun]]:
    """What is known at `now`: the runs whose fate was decided since the last look, oldest first."""
    job = _Job(state, terms)
    for ping in pings:
        if ping.number <= state.number:
            continue
        at = min(ping.at, now)
        job.pass_time(at)
        job.hear(ping, at)
    job.pass_time(now)
    if len(job.runs) > _MOST_RUNS:
        job.state = replace(job.state, due=terms.timetable.first(now), started=None)
        del job.runs[:-_MOST_RUNS]
    horizon = job.state.due - terms.timetable.early
    away = tuple(one for one in job.state.away if one[1] >= min(horizon, now))
    return replace(job.state, looked=max(now, state.looked), away=away), job.runs


@dataclass(slots=True)
class _Job:
    state: State
    terms: Terms
    runs: list[ToldRun] = field(default_factory=list)

    def pass_time(self, now: datetime) -> None:
        """Judge every run whose time is up before `now`."""
        while len(self.runs) <= _MOST_RUNS:
            deadline = self._deadline()
            until = self._patience(deadline)
            if until >= now:
                return
            self._out_of_time(deadline, until)

    def hear(self, ping: Ping, at: datetime) -> None:
        """A ping that came in before any deadline that is not judged yet."""
        self.state = replace(self.state, number=ping.number)
        in_turn = at >= self.state.due - self.terms.timetable.early
        if ping.kind is PingKind.START:
            self._begins(ping, at, in_turn=in_turn)
            return
        of_other = any(
            run_id == ping.run_id and due != self.state.due for run_id, due in self.state.begun
        )
        if in_turn and not of_other:
            self._ends(ping, at)
        elif ping.kind is PingKind.SUCCESS:
            self._recovers(at)

    def _begins(self, ping: Ping, at: datetime, *, in_turn: bool) -> None:
        in_time = in_turn and at <= self._patience(self.state.due + self.terms.grace)
        if ping.run_id is not None:
            due = self.state.due if in_time else None
            begun = (*self.state.begun, (ping.run_id, due))[-_BEGUN_KNOWN:]
            self.state = replace(self.state, begun=begun)
        if in_time:
            self.state = replace(self.state, started=at)

    def _ends(self, ping: Ping, at: datetime) -> None:
        run = self._run
        if ping.kind is PingKind.FAIL:
            code = ping.exit_code
            ended = "failed" if code is None else f"failed with exit {code}"
            said = " ".join(ping.body.split())[-_SAID:]
            label = "failed" if code is None else f"failed exit {code}"
            detail = f"{run} {ended}" + (f"; it said: {said!r}" if said else "")
            self._bad(at, Cause.FAILED, label, detail, heard=at)
            return
        self.runs.append(ToldRun(at, Outcome.PASSED, "", f"{run} succeeded"))
        self.state = replace(self.state, cause=None, detail="", waits=False)
        self._next(at)

    def _recovers(self, at: datetime) -> None:
        """A success out of turn is no expected run, and says that the job works (again)."""
        due = self.terms.timetable.pushed_back(self.state.due, at)
        self.state = replace(self.state, cause=None, detail="", due=due)

    def _out_of_time(self, deadline: datetime, until: datetime) -> None:
        run, started, moment = self._run, self.state.started, self.terms.timetable.moment
        if (away := self._away_by(deadline)) is not None:
            begin, end = away
            detail = (
                f"{run} was not heard of, and Nines was not there to be told from "
                f"{moment(begin)} to {moment(end)}"
            )
            self.runs.append(ToldRun(until, Outcome.UNKNOWN, "", detail))
            self._next(None)
        elif started is None:
            detail = f"{run} was not heard of by {moment(deadline)}"
            self._bad(until, Cause.MISSED, "missed", detail)
        elif self.terms.at_most is not None:
            detail = f"{run} started at {moment(started)} and had not ended by {moment(deadline)}"
            self._bad(until, Cause.TOO_LONG, "too long", detail)
        else:
            detail = (
                f"{run} started at {moment(started)} and had not succeeded by {moment(deadline)}"
            )
            self._bad(until, Cause.LATE, "late", detail)

    def _bad(
        self, at: datetime, cause: Cause, label: str, detail: str, heard: datetime | None = None
    ) -> None:
        self.runs.append(ToldRun(at, Outcome.FAILED, label, detail))
        self.state = replace(self.state, cause=cause, detail=detail, waits=False)
        self._next(heard)

    def _next(self, heard: datetime | None) -> None:
        due = self.terms.timetable.after(self.state.due, heard)
        self.state = replace(self.state, due=due, started=None)

    def _deadline(self) -> datetime:
        """By when the run that is waited for has to succeed."""
        started, at_most = self.state.started, self.terms.at_most
        if started is not None and at_most is not None:
            return started + at_most
        return self.state.due + self.terms.grace

    def _patience(self, deadline: datetime) -> datetime:
        """The same where we were away meanwhile: whoever got no answer has the time to repeat."""
        away = self._away_by(deadline)
        if away is None:
            return deadline
        table = self.terms.timetable
        following = table.after(self.state.due, None) - table.early
        return max(deadline, min(away[1] + self.terms.grace, following))

    def _away_by(self, deadline: datetime) -> tuple[datetime, datetime] | None:
        """When we were not there while this run could be told of."""
        begin = self.state.due - self.terms.timetable.early
        touching = [one for one in self.state.away if one[0] <= deadline and one[1] >= begin]
        return touching[-1] if touching else None

    @property
    def _run(self) -> str:
        return f"the run due {self.terms.timetable.moment(self.state.due)}"


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
