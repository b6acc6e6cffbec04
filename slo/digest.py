"""What machines ask of SLOs at rest, told for all at once; to the last bit as their statuses tell.

At rest is an SLO whose rules are, whose long windows burn below every factor, and which is heard
of. Most are, at most times. Of whoever is not, and where numbers outgrow what a float holds
exactly, a status has to be made.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from slo.counts import Counts
from slo.definition import SLO, DerivedSLI
from slo.evaluate import AT_RISK_BELOW, learnt_after, lookbacks
from slo.forecast import forecast
from slo.grain import BAD, GOOD, MISSED, SEEN, SMEARED_BAD, SMEARED_GOOD, UNKNOWN, Where
from slo.grid import NEVER, Grid
from slo.ledger import Ledger
from slo.status import BudgetState
from slo.sums import Sums, window_of

_MICROSECOND = timedelta(microseconds=1)
_MILLION = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = timedelta(hours=1)
# Products below this are exact, and so are four times as many: the quotient of two is then the
# float that is nearest to the fraction.
_EXACT = 2.0**50
_STATES = (
    BudgetState.HEALTHY, BudgetState.AT_RISK, BudgetState.EXHAUSTED, BudgetState.LEARNING
)  # fmt: skip
_HEALTHY, _AT_RISK, _EXHAUSTED, _LEARNING = range(4)
_LEAST_SPARE = 1e-6  # of what is left: floats round off less than a thousandth of it
SHEET = 200  # SLOs told together at most: some milliseconds to print

Value = TypeVar("Value")
_Mask = NDArray[np.bool_]
_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Digest:
    """What a status says, of an SLO that is OK, excluded from nothing, and of whom nothing fires.

    Ratios are the nearest floats. `rates` are of its lookbacks; None: that is not known. `costs`
    are shares of the window's budget that were spent within them. `paced`: the last hour has events
    to go on from.
    """

    slo: SLO
    sli: float
    remaining: float
    coverage: float | None
    bounds: tuple[float, float]
    rates: Sequence[float | None]
    costs: Sequence[float]
    paced: bool
    lifetime: Counts
    budget_state: BudgetState
    idle: bool  # it is looked at, and nothing happens
    at: datetime


@dataclass(frozen=True, slots=True)
class Sheet:
    """The digests of some SLOs with the same lookbacks, as columns; NaN stands for None.

    `numbers` are the SLOs' own; `rates` and `costs` have a row for each lookback, `life` one for
    each of good, bad and unknown; `micros` are microseconds since the epoch.
    """

    numbers: Sequence[int]
    ids: Sequence[str]
    slos: Sequence[SLO]
    sli: _Floats
    remaining: _Floats
    coverage: _Floats
    lowest: _Floats
    highest: _Floats
    rates: _Floats
    costs: _Floats
    paced: Sequence[bool]
    life: NDArray[np.uint64]
    budget_states: Sequence[BudgetState]
    idle: Sequence[bool]
    micros: NDArray[np.int64]

    def rows(self) -> Iterator[Digest]:
        """One after the other."""
        none: list[list[float]] = [[]] * len(self.slos)
        rates = self.rates.T.tolist() if len(self.rates) else none
        costs = self.costs.T.tolist() if len(self.costs) else none
        for slo, sli, left, coverage, low, high, burns, lost, paced, life, state, idle, at in zip(
            self.slos,
            self.sli.tolist(),
            self.remaining.tolist(),
            self.coverage.tolist(),
            self.lowest.tolist(),
            self.highest.tolist(),
            rates,
            costs,
            self.paced,
            self.life.T.tolist(),
            self.budget_states,
            self.idle,
            self.micros.tolist(),
            strict=True,
        ):
            yield Digest(
                slo=slo,
                sli=sli,
                remaining=left,
                coverage=_known(coverage),
                bounds=(low, high),
                rates=tuple(map(_known, burns)),
                costs=tuple(lost),
                paced=paced,
                lifetime=Counts(*life),
                budget_state=state,
                idle=idle,
                at=_EPOCH + at * _MICROSECOND,
            )


def _picked(values: Sequence[Value], where: Where) -> Sequence[Value]:
    return values[where] if isinstance(where, slice) else [values[at] for at in where.tolist()]


def _known(number: float) -> float | None:
    return None if math.isnan(number) else number


class Digests:
    """Of SLOs of one grid that look at the same windows, the own one rolling and of events."""

    def __init__(
        self, numbers: Sequence[int], watched: Sequence[tuple[SLO, Ledger]], grid: Grid
    ) -> None:
        slo = watched[0][0]
        self._numbers = list(numbers)
        self._slos = [one for one, _ in watched]
        self._ids = [one.id for one in self._slos]
        self._watched, self._grid = watched, grid
        self._places = np.array([ledger.place for _, ledger in watched], np.intp)
        self._own = window_of(slo.window.reach, grid)
        self._lookbacks = [window_of(length, grid) for length in lookbacks(slo)]
        self._shortest = None
        if slo.tiers:
            self._shortest = window_of(min(tier.short for tier in slo.tiers), grid)
        shares = [one.objective.budget_share for one, _ in watched]
        self._up = np.array([float(share.numerator) for share in shares])
        self._down = np.array([float(share.denominator) for share in shares])
        self._plain = np.array(
            [
                not ledger.overlay
                and not isinstance(one.sli, DerivedSLI)
                and max(share.numerator, share.denominator) < _EXACT
                for (one, ledger), share in zip(watched, shares, strict=True)
            ],
            np.bool_,
        )
        self._interval = _each(watched, lambda one: one.interval)
        self._stale_after = _each(watched, lambda one: one.stale_after).astype(np.int64)
        self._learnt = _each(watched, lambda one: learnt_after(one, _EPOCH))
        self._clearance = _Clearance(watched, self._places, grid)

    def current(self, micros: NDArray[np.int64]) -> tuple[Sums | None, _Mask]:
        """Which of these moments the sums are now of, by the newest of them; and these sums."""
        newest = int(micros.max(initial=NEVER))
        base = self._grid.bucket_seconds * _MILLION
        if newest == NEVER or any(
            grain.at is not None and grain.at > newest // (grain.width * _MILLION)
            for grain in self._grid.grains.values()
        ):
            return None, np.zeros(len(micros), np.bool_)
        # On an edge a window holds a slot more: that is left to whoever looks at one of them.
        there: _Mask = (micros // base == newest // base) & (micros % base != 0)
        return (Sums(self._grid, newest, self._places) if newest % base else None), there

    def made(self, sums: Sums, micros: NDArray[np.int64], wanted: _Mask) -> Iterator[Sheet]:
        """Of those `wanted` that are at rest."""
        whole = _Window(sums, self._own)
        heard = self._grid.heard[self._places]
        wanted = wanted & self._plain & (heard != NEVER) & (micros - heard <= self._stale_after)
        wanted &= (whole.total > 0) & self._is_calm(sums)
        allowed, spent = whole.total * self._up, whole.bad * self._down
        seen = whole.seen * self._interval
        wanted &= np.maximum(np.maximum(allowed, spent), np.maximum(seen, whole.most)) < _EXACT
        burns = [_Window(sums, window) for window in self._lookbacks]
        for burn in burns:
            wanted &= np.maximum(burn.total * self._up, burn.bad * self._down) < _EXACT
        if not wanted.any():
            return
        states = self._states(allowed, spent, seen)
        tight = wanted & (states == _HEALTHY)
        hour = _Window(sums, self._clearance.hour)
        states[self._clearance.ends(sums, hour, tight, micros)] = _AT_RISK
        rates = [_divided(one.bad * self._down, one.total * self._up, one.seen) for one in burns]
        brief = burns[0] if burns else whole
        nothing = np.zeros((0, len(wanted)))
        everything = whole.total + whole.unknown
        with np.errstate(divide="ignore", invalid="ignore"):
            columns = _Columns(
                sli=whole.good / whole.total,
                remaining=(allowed - spent) / allowed,
                coverage=whole.seen / whole.due,
                lowest=whole.good / everything,
                highest=(whole.good + whole.unknown) / everything,
                rates=np.array(rates) if rates else nothing,
                costs=np.array([one.bad * self._down / allowed for one in burns])
                if burns
                else nothing,
                paced=hour.total > 0,
                life=self._grid.lifetime[:, self._places],
                states=states,
                idle=(brief.seen > 0) & (brief.total == 0) & (brief.unknown == 0),
                micros=micros,
            )
        for start in range(0, len(wanted), SHEET):
            of = np.flatnonzero(wanted[start : start + SHEET]) + start
            if len(of):
                yield self._sheet(columns, of)

    def _sheet(self, columns: "_Columns", of: NDArray[np.intp]) -> Sheet:
        first, last = int(of[0]), int(of[-1]) + 1
        where = slice(first, last) if last - first == len(of) else of
        return Sheet(
            _picked(self._numbers, where),
            _picked(self._ids, where),
            _picked(self._slos, where),
            columns.sli[where],
            columns.remaining[where],
            columns.coverage[where],
            columns.lowest[where],
            columns.highest[where],
            columns.rates[:, where],
            columns.costs[:, where],
            columns.paced[where].tolist(),
            columns.life[:, where],
            [_STATES[state] for state in columns.states[where].tolist()],
            columns.idle[where].tolist(),
            columns.micros[where],
        )

    def _is_calm(self, sums: Sums) -> _Mask | bool:
        """Less than half of what the shortest window saw was bad, or nothing."""
        if self._shortest is None:
            return True
        bad = sums.own(BAD, SMEARED_BAD, self._shortest)
        good = sums.own(GOOD, SMEARED_GOOD, self._shortest)
        calm: _Mask = (bad == 0) | (bad < good)
        return calm

    def _states(self, allowed: _Floats, spent: _Floats, seen: _Floats) -> NDArray[np.int8]:
        """How budgets stand, forecasts apart."""
        left = allowed - spent
        low = left * AT_RISK_BELOW.denominator < allowed * AT_RISK_BELOW.numerator
        return np.select(
            [seen < self._learnt, left <= 0, low], [_LEARNING, _EXHAUSTED, _AT_RISK], _HEALTHY
        ).astype(np.int8)


@dataclass(frozen=True, slots=True)
class _Columns:
    """As a sheet's, of all SLOs."""

    sli: _Floats
    remaining: _Floats
    coverage: _Floats
    lowest: _Floats
    highest: _Floats
    rates: _Floats
    costs: _Floats
    paced: _Mask
    life: NDArray[np.uint64]
    states: NDArray[np.int8]
    idle: _Mask
    micros: NDArray[np.int64]


class _Window:
    """What one window holds, for every place."""

    def __init__(self, sums: Sums, window: tuple[int, int]) -> None:
        self.good, self.bad, self.unknown, self.seen, missed = (
            sums.of(column, window).astype(np.float64)
            for column in (GOOD, BAD, UNKNOWN, SEEN, MISSED)
        )
        self.total = self.good + self.bad
        self.due = self.seen + missed

    @property
    def most(self) -> _Floats:
        return np.maximum(self.total + self.unknown, self.due)


class _Clearance:
    """Whose budget does not end at the last hour's pace, by proof from an earlier look.

    The forecast walks over every slot of the window: over(k) is what is spent above the allowance
    once the k oldest have left, k * pace is what has come instead, and the budget ends where the
    two reach 0. A walk once made says up to which pace over(k) + k * pace stays below -spare for
    every k. What is booked since adds at most its bad events, to whichever slot; and what has slid
    out since is a walk begun later. So, while these together are less than what was spare, a pace
    no faster than that one needs no walk. The spare is far more than all that floats round off.
    """

    def __init__(
        self, watched: Sequence[tuple[SLO, Ledger]], places: NDArray[np.intp], grid: Grid
    ) -> None:
        slo = watched[0][0]
        self._watched, self._places, self._grid = watched, places, grid
        self._pace_over = min(_HOUR, slo.window.reach)
        self.hour = window_of(self._pace_over, grid)
        self._own = window_of(slo.window.reach, grid)
        self._width = self._own[0]
        self._slots = slo.window.seconds // self._width
        self._share = np.array([float(one.objective.budget_share) for one, _ in watched])
        self._spare = np.full(len(watched), -1.0)
        self._pace = np.zeros(len(watched))
        self._slot = np.zeros(len(watched), np.int64)
        self._bad = np.zeros(len(watched), np.uint64)
        self._taken = np.zeros(len(watched), np.int64)

    def ends(self, sums: Sums, hour: _Window, of: _Mask, micros: NDArray[np.int64]) -> _Mask:
        """Of these SLOs, whose budgets have something left, at which ones it comes to an end."""
        seconds = self._pace_over.total_seconds()
        come = self._width * hour.total / seconds * self._share
        gone = self._width * hour.bad / seconds
        spent = sums.of(BAD, self._own) > 0
        doubt = of & (hour.total > 0) & (spent | (hour.bad > 0))
        pace = gone - come + 1e-9 * (gone + come)
        slot = int(micros.max()) // (self._width * _MILLION)
        doubt &= ~self._is_proven(pace, slot)
        ends = np.zeros(len(of), np.bool_)
        for position in np.flatnonzero(doubt).tolist():
            slo, ledger = self._watched[position]
            now = _EPOCH + int(micros[position]) * _MICROSECOND
            ends[position] = forecast(slo, ledger, now).at is not None
            if not ends[position]:
                self._walk(position, slot, now, pace[position])
        return ends

    def _is_proven(self, pace: _Floats, slot: int) -> _Mask:
        slid = slot - self._slot
        bad = self._grid.lifetime[BAD, self._places]
        come = (bad - self._bad).astype(np.float64)
        since: _Mask = (slid >= 0) & (slid < self._slots) & (bad >= self._bad)
        since &= self._grid.taken[self._places] == self._taken
        used = np.maximum(come - slid * self._pace, come * self._slots / np.maximum(
            self._slots - slid, 1))  # fmt: skip
        since &= (self._spare > 0) & (used < 0.999 * self._spare) & (pace <= self._pace)
        return since

    def _walk(self, position: int, slot: int, now: datetime, pace: float) -> None:
        """Prove it for this pace and, while much is left, for a faster one."""
        slo, ledger = self._watched[position]
        self._spare[position] = -1.0
        if self._grid.grains[self._width].head > slot:
            return  # it holds what was booked ahead, which is not told by what comes
        share = self._share[position]
        _, good, bad = ledger.leaving(slo.window.reach, now)
        if len(bad) != self._slots:
            return
        moves = bad - share * (good + bad)
        over = float(moves.sum())
        left = over - np.cumsum(moves)  # after 1, 2 ... slots have gone
        steps = np.arange(1, len(left) + 1)
        # After a gap little came in an hour: at its pace less is spare than there usually is.
        spare = min(-over / 16, float((-left - steps * pace).min()) / 2)
        if spare <= -_LEAST_SPARE * over:
            return
        self._spare[position] = spare
        self._pace[position] = ((-left - spare) / steps).min()
        self._slot[position] = slot
        self._bad[position] = self._grid.lifetime[BAD, self._places[position]]
        self._taken[position] = self._grid.taken[self._places[position]]


def _each(watched: Sequence[tuple[SLO, Ledger]], of: Callable[[SLO], timedelta]) -> _Floats:
    return np.array([float(of(slo) // _MICROSECOND) for slo, _ in watched])


def _divided(above: _Floats, below: _Floats, seen: _Floats) -> _Floats:
    """A burn rate: without events 0, where somebody looked, and not known where nobody did."""
    with np.errstate(divide="ignore", invalid="ignore"):
        rates: _Floats = np.where(below > 0, above / below, np.where(seen > 0, 0.0, np.nan))
    return rates
