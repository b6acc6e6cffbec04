"""Which SLOs' rules could change now? Told for all at once; of all others it is proven they stay.

What a rule does next is a comparison of integers that the grids keep for every SLI: `evaluate` need
only be asked about SLOs for which the comparison comes out another way than its rules stand, and
about those that no array can tell (evidence against chance, a `for` that runs, an overflow). To ask
about one too many costs time; to leave one out would be wrong, and never happens.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from slo.alert_state import AlertState, Phase
from slo.definition import SLO
from slo.digest import Digests, Sheet
from slo.evaluate import NO_DATA, lookbacks
from slo.grain import BAD, GOOD, SEEN, SMEARED_BAD, SMEARED_GOOD, UNKNOWN, Where, dense
from slo.grid import NEVER, Grid
from slo.ledger import FIVE_MINUTES, Ledger, epoch_micros
from slo.notices import Band
from slo.slices import Slicing
from slo.status import SLOStatus
from slo.sums import Span, Sums, slots_of, window_of
from slo.window import Calendar, Rolling, Window

_MICROSECOND = timedelta(microseconds=1)
_MILLION = 1_000_000
_LARGEST = 2**64 - 1
_FOREVER = 2**62  # microseconds
_HOUR = timedelta(hours=1)
_CALM, _FIRING, _COOLING, _OTHER = range(4)

_Integers = NDArray[np.uint64] | NDArray[np.int64]
_Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Judged:
    """One SLO, its ledger, how its rules stand, and since when silence about it is the target's."""

    slo: SLO
    ledger: Ledger
    states: Mapping[str, AlertState]
    awake_from: datetime | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the SLOs of a screen; made by it."""

    pieces: tuple[tuple["_Group", Where, Where], ...]  # where in the group, and in its grid


class Screen:
    """Over these SLOs, named by their place in the order given."""

    def __init__(self, watched: Sequence[Judged]) -> None:
        shapes: dict[object, list[int]] = {}
        for index, one in enumerate(watched):
            shapes.setdefault(_shape(one), []).append(index)
        windows: dict[int, tuple[Grid, dict[int, set[int]]]] = {}
        for indices in shapes.values():
            one = watched[indices[0]]
            grid = one.ledger.grid
            _, wanted = windows.setdefault(id(grid), (grid, {}))
            for length in _lengths(one.slo):
                unit, slots = slots_of(length, grid)
                wanted.setdefault(unit, set()).add(slots)
        for grid, wanted in windows.values():
            for width, grain in grid.grains.items():
                grain.keep_only(sorted(wanted.get(width, ())))
        self._groups = [
            _Group(indices, [watched[index] for index in indices]) for indices in shapes.values()
        ]
        self._at = {
            index: (group, position)
            for group in self._groups
            for position, index in enumerate(group.indices.tolist())
        }
        self._all = self.part(range(len(watched)))

    def part(self, indices: Iterable[int]) -> Part:
        """These SLOs, to be asked about together."""
        positions: dict[int, tuple[_Group, list[int]]] = {}
        for index in indices:
            group, position = self._at[index]
            positions.setdefault(id(group), (group, []))[1].append(position)
        pieces = []
        for group, found in positions.values():
            where = dense(np.array(sorted(found), np.intp))
            pieces.append((group, where, dense(group.places[where])))
        return Part(tuple(pieces))

    def note(self, index: int, states: Mapping[str, AlertState], status: SLOStatus) -> None:
        """Its rules stand so, by an evaluation that gave this status."""
        group, position = self._at[index]
        group.note(position, states, status)

    def suspects(self, now: datetime, awake_since: datetime, part: Part | None = None) -> list[int]:
        """Those whose rules an evaluation at `now` might leave otherwise than they stand."""
        micros, awake = epoch_micros(now), epoch_micros(awake_since)
        found: list[int] = []
        for group, where, places in (part or self._all).pieces:
            suspect = group.suspects(Sums(group.grid, micros, places), micros, awake, where)
            if suspect.any():
                found += group.indices[where][suspect].tolist()
        return sorted(found)

    def changed(self, now: datetime, part: Part | None = None) -> list[int]:
        """Those of whom a page would show something else than at the last such question.

        A number that only an evaluation can tell (a forecast) counts as changed with what it is
        made of.
        """
        micros = epoch_micros(now)
        found: list[int] = []
        for group, where, places in (part or self._all).pieces:
            news = group.changed(Sums(group.grid, micros, places), now, where)
            if news.any():
                found += group.indices[where][news].tolist()
        return sorted(found)

    def digests(self, micros: NDArray[np.int64]) -> Iterator[Sheet]:
        """Of SLOs at rest, what is true as of the newest look at each; of some it is not told.

        `micros` has one look for each SLO, in order: microseconds, NEVER where there was none yet.
        """
        for group in self._groups:
            yield from group.digests(micros[group.indices])

    def settle(self, index: int, band: Band | None) -> None:
        """A look at its budget's marks just now says: within `band` nothing changes."""
        group, position = self._at[index]
        group.budgets.settle(position, band)

    def unsettled(self, now: datetime) -> list[int]:
        """Those with marks whose budget may have left its band, or has none."""
        found: list[int] = []
        for group in self._groups:
            found += group.indices[group.budgets.unsettled(now)].tolist()
        return sorted(found)


class _Lines:
    """A share of bad events for each SLO, and who is above it: compared in whole numbers."""

    def __init__(self, lines: Sequence[Fraction]) -> None:
        # bad / total > line, as bad * weight > total * limit.
        self._weights, self._limits, self._exact_to = np.zeros((3, len(lines)), np.uint64)
        self._fits = np.ones(len(lines), np.bool_)
        self._all_exact_to: int | None = None
        for place, line in enumerate(lines):
            self.draw(place, line)

    def draw(self, place: int, line: Fraction) -> None:
        """The line of one of them."""
        pair = line.denominator, line.numerator
        self._fits[place] = fits = max(pair) <= _LARGEST
        self._weights[place], self._limits[place] = pair if fits else (0, 0)
        self._exact_to[place] = _LARGEST // max(1, *pair)
        self._all_exact_to = None

    def above(self, bad: _Integers, total: _Integers, where: Where) -> tuple[_Mask, _Mask | None]:
        """Who is above; and of whom 64 bits cannot tell, None for none."""
        above: _Mask = bad * self._weights[where] > total * self._limits[where]
        if self._all_exact_to is None:
            self._all_exact_to = int(self._exact_to.min(initial=_LARGEST)) * bool(self._fits.all())
        most = max(int(total.max()), int(bad.max())) if len(total) else 0
        if most <= self._all_exact_to:
            return above, None
        unsure = ~self._fits[where] | (np.maximum(total, bad) > self._exact_to[where])
        return above & ~unsure, unsure


class _Pair:
    """One tier of a group's SLOs: windows in common, numbers of their own."""

    def __init__(self, number: int, watched: Sequence[Judged], grid: Grid) -> None:
        tiers = [one.slo.tiers[number] for one in watched]
        self.looks_back = tiers[0].short
        self.long = window_of(tiers[0].long, grid)
        self.short = window_of(tiers[0].short, grid)
        # bad / total / share > factor
        self._lines = _Lines(
            [
                tier.factor * one.slo.objective.budget_share
                for one, tier in zip(watched, tiers, strict=True)
            ]
        )
        # So many observations of the short window are enough to judge.
        self.enough = _uint64(
            -(-(tier.short // _MICROSECOND) // (2 * (one.slo.interval // _MICROSECOND)))
            for one, tier in zip(watched, tiers, strict=True)
        )
        self.keep_firing = [tier.keep_firing_for // _MICROSECOND for tier in tiers]
        self.phases = np.zeros(len(watched), np.int8)
        self.until = np.zeros(len(watched), np.int64)
        self.keys = [tier.key for tier in tiers]

    def note(self, position: int, states: Mapping[str, AlertState]) -> None:
        state = states.get(self.keys[position], AlertState())
        phase = _OTHER
        if state == AlertState():
            phase = _CALM
        elif state.phase is Phase.FIRING:
            phase = _FIRING if state.false_since is None else _COOLING
            if state.false_since is not None:
                self.until[position] = epoch_micros(state.false_since) + self.keep_firing[position]
        self.phases[position] = phase

    def is_below(self, sums: Sums) -> _Mask:
        """Whose long window surely burns no faster than the factor."""
        bad = sums.of(BAD, self.long)
        above, unsure = self._lines.above(bad, sums.of(GOOD, self.long) + bad, slice(None))
        below: _Mask = ~above if unsure is None else ~(above | unsure)
        return below

    def suspects(self, sums: Sums, now: int, where: Where, loose: _Mask | None) -> _Mask | None:
        """Which of them this tier could change, None for none; `loose` ones are judged by less."""
        phases = self.phases[where]
        moved = bool(phases.any())
        bad, good = sums.of(BAD, self.long), sums.of(GOOD, self.long)
        total = good + bad
        above, unsure = self._lines.above(bad, total, where)
        if not moved and unsure is None and not above.any():
            return None
        bad = sums.own(BAD, SMEARED_BAD, self.short)
        total = sums.own(GOOD, SMEARED_GOOD, self.short) + bad
        short, also = self._lines.above(bad, total, where)
        above &= short
        frozen = sums.of(SEEN, self.short) < self.enough[where]
        if loose is not None:
            # What is excluded lowers how many are enough, by how much is not told here.
            frozen &= ~loose
        suspect = above & ~frozen
        if moved:
            suspect = np.select(
                [phases == _CALM, phases == _FIRING, phases == _COOLING],
                [suspect, ~above & ~frozen, frozen | above | (now >= self.until[where])],
                True,
            )
            if loose is not None:
                suspect |= loose & (phases != _CALM)
        for doubt in (unsure, also):
            if doubt is not None:
                suspect |= doubt
        return suspect


class _Group:
    """SLOs of one grid that look at the same windows."""

    def __init__(self, indices: Sequence[int], watched: Sequence[Judged]) -> None:
        slo, count = watched[0].slo, len(watched)
        self.indices = np.array(indices, np.intp)
        self.grid = watched[0].ledger.grid
        self.places = np.array([one.ledger.place for one in watched], np.intp)
        self._pairs = [_Pair(number, watched, self.grid) for number in range(len(slo.tiers))]
        self._silent_after = np.array(
            [_FOREVER if one.slo.variant else one.slo.no_data_after // _MICROSECOND
             for one in watched], np.int64
        )  # fmt: skip
        self._awake_from = np.array(
            [NEVER if one.awake_from is None else epoch_micros(one.awake_from) for one in watched],
            np.int64,
        )
        self._silent = np.zeros(count, np.int8)
        self._ledgers = [one.ledger for one in watched]
        self._overlays = [one.ledger.overlay for one in watched]
        loose = np.array([bool(one) for one in self._overlays], np.bool_)
        self._loose = loose if loose.any() else None
        self._slices = _Slices(slo.slicing, count) if slo.slicing is not None else None
        self.budgets = _Budgets(watched, self.grid)
        self._face = _Face(slo.window, watched, self.grid)
        self._digests = None
        if isinstance(slo.window, Rolling) and slo.slicing is None:
            self._digests = Digests(indices, [(one.slo, one.ledger) for one in watched], self.grid)
        for position, one in enumerate(watched):
            self._set(position, one.states)

    def note(self, position: int, states: Mapping[str, AlertState], status: SLOStatus) -> None:
        if self._slices is not None:
            revision = int(self.grid.revision[self.places[position]])
            self._slices.note(position, status, revision)
        self._set(position, states)
        self._face.news[position] = True

    def digests(self, micros: NDArray[np.int64]) -> Iterator[Sheet]:
        if self._digests is None:
            return
        calm = self._silent == _CALM
        for pair in self._pairs:
            calm &= pair.phases == _CALM
        sums, current = self._digests.current(micros)
        calm &= current
        if sums is None or not calm.any():
            return
        for pair in self._pairs:
            calm &= pair.is_below(sums)
        yield from self._digests.made(sums, micros, calm)

    def _set(self, position: int, states: Mapping[str, AlertState]) -> None:
        for pair in self._pairs:
            pair.note(position, states)
        state = states.get(NO_DATA, AlertState())
        firing = state.phase is Phase.FIRING and state.false_since is None
        self._silent[position] = _CALM if state == AlertState() else _FIRING if firing else _OTHER

    def suspects(self, sums: Sums, now: int, awake: int, where: Where) -> _Mask:
        loose = None if self._loose is None else self._loose[where]
        suspect = self._silence(sums, now, awake, where, loose)
        if self._slices is not None:
            calm = np.ones(len(suspect), np.bool_)
            for pair in self._pairs:
                calm &= pair.phases[where] == _CALM
            suspect |= ~calm
            suspect |= self._slices.suspects(self.grid.revision[sums.places], now, where)
            return suspect
        for pair in self._pairs:
            found = pair.suspects(sums, now, where, loose)
            if found is not None:
                suspect |= found
        return suspect

    def _silence(
        self, sums: Sums, now: int, awake: int, where: Where, loose: _Mask | None
    ) -> _Mask:
        """Where the rule of missing data could change."""
        heard, patience = self.grid.heard[sums.places], self._silent_after[where]
        since = np.maximum(np.maximum(heard, self._awake_from[where]), awake)
        suspect: _Mask = now - since >= patience
        silent = self._silent[where]
        if silent.any():
            back = (heard != NEVER) & (now - np.maximum(heard, 0) < patience)
            if loose is not None:
                back |= loose
            suspect = np.where(silent == _CALM, suspect, (silent == _OTHER) | back)
        return suspect

    def _excluded(self, length: timedelta, now: datetime) -> NDArray[np.int64]:
        """How much of each SLO's window is excluded: so much less is enough to judge it."""
        excluded = np.zeros(len(self._ledgers), np.int64)
        for position in np.flatnonzero([] if self._loose is None else self._loose):
            excluded[position] = self._ledgers[position].excluded(length, now) // _MICROSECOND
        return excluded

    def changed(self, sums: Sums, now: datetime, where: Where) -> _Mask:
        micros = epoch_micros(now)
        heard = self.grid.heard[sums.places]
        rows: list[NDArray[np.generic]] = [
            sums.of(SEEN, pair.short) < pair.enough[where] for pair in self._pairs
        ]
        if self._slices is not None:
            rows += self._slices.turn(micros, len(heard))
        if self._loose is not None:
            known: dict[int, bool] = {}
            for one in self._overlays:
                if id(one) not in known:
                    known[id(one)] = one.at(now) is not None
            rows.append(np.array([known[id(one)] for one in self._overlays], np.bool_)[where])
            rows += [self._excluded(pair.looks_back, now)[where] for pair in self._pairs]
        return self._face.changed(sums, now, heard, rows, where)


class _Budgets:
    """Whose budget is in the band of what remains in which a look at its marks changes nothing."""

    def __init__(self, watched: Sequence[Judged], grid: Grid) -> None:
        slo = watched[0].slo
        self._wanted = np.array([bool(one.slo.notices) for one in watched], np.bool_)
        self._window = slo.window
        self._slice = FIVE_MINUTES if slo.slicing is None else slo.slicing.seconds
        self._own = None
        if isinstance(slo.window, Rolling) and slo.slicing is None:
            self._own = window_of(slo.window.length, grid)
        self._shares = [one.slo.objective.budget_share for one in watched]
        self._grid = grid
        self._places = np.array([one.ledger.place for one in watched], np.intp)
        self._settled = np.zeros(len(watched), np.bool_)
        # Within the band bad / total is not above the first line, and is above the second.
        self._first, self._second = (_Lines([Fraction(0)] * len(watched)) for _ in range(2))
        self._has_first, self._has_second = np.zeros((2, len(watched)), np.bool_)
        # How much of a budget is learnt changes as time leaves what is excluded, and what is
        # learnt of it moves no revision.
        self._loose = np.array([bool(one.ledger.overlay) for one in watched], np.bool_)
        self._revision = np.full(len(watched), -1, np.int64)
        self._turn: object = None

    def settle(self, position: int, band: Band | None) -> None:
        self._settled[position] = band is not None and (band.lower is None or band.lower <= 1)
        if band is None or self._own is None:
            return
        share = self._shares[position]
        for lines, has, end in (
            (self._first, self._has_first, band.lower),
            (self._second, self._has_second, band.upper),
        ):
            # No budget has more than all of it left.
            has[position] = end is not None and end <= 1
            if end is not None and end <= 1:
                lines.draw(position, (1 - end) * share)

    def unsettled(self, now: datetime) -> _Mask:
        """Of all the group's SLOs."""
        if not self._wanted.any():
            return self._wanted
        left = self._moved(now) if self._own is None else self._left(now, self._own)
        return self._wanted & (left | ~self._settled)

    def _left(self, now: datetime, own: Span) -> _Mask:
        """Whose budget surely or maybe left its band; one of no events has none, and stays."""
        sums = Sums(self._grid, epoch_micros(now), self._places)
        bad = sums.of(BAD, own)
        total = sums.of(GOOD, own) + bad
        below, unsure = self._first.above(bad, total, slice(None))
        left: _Mask = below & self._has_first
        within, also = self._second.above(bad, total, slice(None))
        left |= ~within & self._has_second & (total > 0)
        for doubt in (unsure, also):
            if doubt is not None:
                left |= doubt
        return left

    def _moved(self, now: datetime) -> _Mask:
        """Where something was booked, or time turned to another slice or period, since."""
        micros = epoch_micros(now)
        turn = (
            micros // (self._slice * _MILLION),
            -micros // (self._slice * _MILLION),
            self._window.start(now) if isinstance(self._window, Calendar) else None,
        )
        revision = self._grid.revision[self._places]
        moved: _Mask = (self._revision != revision) | self._loose
        if turn != self._turn:
            moved[:] = True
        self._revision, self._turn = revision, turn
        return moved


class _Slices:
    """When slices were last looked at: what is counted of them changes as they close, or late."""

    def __init__(self, slicing: Slicing, count: int) -> None:
        self._micros = slicing.seconds * _MILLION
        self._floor = np.full(count, -1, np.int64)
        self._ceiling = np.full(count, -1, np.int64)
        self._revision = np.full(count, -1, np.int64)
        self._above = np.ones(count, np.bool_)  # only missing observations keep a rule quiet

    def note(self, position: int, status: SLOStatus, revision: int) -> None:
        now = epoch_micros(status.at)
        self._floor[position] = now // self._micros
        self._ceiling[position] = -(-now // self._micros)
        self._revision[position] = revision
        self._above[position] = any(
            reading.long.rate is not None
            and reading.short.rate is not None
            and min(reading.long.rate, reading.short.rate) > reading.tier.factor
            for reading in status.tiers
        )

    def suspects(self, revision: NDArray[np.int64], now: int, where: Where) -> _Mask:
        suspect: _Mask = self._above[where] | (self._revision[where] != revision)
        suspect |= self._floor[where] != now // self._micros
        suspect |= self._ceiling[where] != -(-now // self._micros)
        return suspect

    def turn(self, now: int, count: int) -> list[NDArray[np.int64]]:
        return [
            np.full(count, now // self._micros), np.full(count, -(-now // self._micros))
        ]  # fmt: skip


class _Face:
    """What pages were last told of a group's SLOs, in numbers that say whether it is news."""

    def __init__(self, window: Window, watched: Sequence[Judged], grid: Grid) -> None:
        slo = watched[0].slo
        self.news = np.ones(len(watched), np.bool_)
        self._window = window
        self._own = window_of(window.length, grid) if isinstance(window, Rolling) else None
        self._hour = window_of(min(_HOUR, window.length), grid)
        self._lookbacks = [window_of(length, grid) for length in lookbacks(slo)]
        self._stale_after = np.array(
            [one.slo.stale_after // _MICROSECOND for one in watched],
            np.int64,
        )
        self._began: datetime | None = None
        self._told: NDArray[np.uint64] = np.zeros((0, len(watched)), np.uint64)

    def changed(
        self,
        sums: Sums,
        now: datetime,
        heard: NDArray[np.int64],
        more: Sequence[NDArray[np.generic]],
        where: Where,
    ) -> _Mask:
        rows = self._rows(sums)
        rows.append(epoch_micros(now) - np.maximum(heard, 0) > self._stale_after[where])
        rows += more
        if len(self._told) != len(rows):
            self._told = np.zeros((len(rows), len(self.news)), np.uint64)
        changed = self.news[where].copy()
        for row, told in zip(rows, self._told, strict=True):
            changed |= told[where] != row
            told[where] = row
        if self._own is None and (began := self._window.start(now)) != self._began:
            self._began = began
            self.news[:] = True  # another period: for all of them, and each is told once
            changed[:] = True
        self.news[where] = False
        return changed

    def _rows(self, sums: Sums) -> list[NDArray[np.generic]]:
        rows: list[NDArray[np.generic]] = []
        hour = sums.of(GOOD, self._hour) + sums.of(BAD, self._hour)
        if self._own is None:
            # Sums of a period are not kept: whatever was booked may be news.
            rows += [hour, sums.grid.revision[sums.places]]
        else:
            bad = sums.of(BAD, self._own)
            columns = (GOOD, UNKNOWN, SEEN)
            rows += [bad, *(sums.of(column, self._own) for column in columns)]
            rows.append(np.where(bad > 0, hour, 0))  # a forecast goes on from it
        for window in self._lookbacks:
            # Without a bad event burn is 0 of however many.
            bad, good = sums.of(BAD, window), sums.of(GOOD, window)
            some = (good | sums.of(SEEN, window)) > 0
            rows += [bad, np.where(bad > 0, good, some)]
        return rows


def _shape(one: Judged) -> object:
    """What SLOs have in common that are judged by the same rows of arrays."""
    slo = one.slo
    tiers = tuple((tier.long, tier.short) for tier in slo.tiers)
    return id(one.ledger.grid), slo.window, tiers, lookbacks(slo), slo.slicing


def _lengths(slo: SLO) -> set[timedelta]:
    wanted = {*lookbacks(slo), min(_HOUR, slo.window.length)}
    for tier in slo.tiers:
        wanted |= {tier.long, tier.short}
    return wanted | ({slo.window.length} if isinstance(slo.window, Rolling) else set())


def _uint64(values: Iterable[int]) -> NDArray[np.uint64]:
    return np.array(list(values), np.uint64)
