"""Judge SLOs over what is counted: whose rules may change now, and what is true of each."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from alerting.alert import AlertChange, Facts
from nines.derived import with_parts
from nines.entry import Entry, Told, rule_key
from nines.evidence import Evidence
from nines.looks import Looks, Moment
from slo.alert_state import AlertState, Phase
from slo.digest import Sheet
from slo.evaluate import NO_DATA, evaluate
from slo.notices import Band
from slo.screen import Judged, Part, Screen
from slo.status import SLOStatus


class Judging:
    """Of every SLO under watch. While it `is_blind`, counts are missing that windows want: nothing
    is judged, and what was true last is told.
    """

    def __init__(
        self, evidence: Evidence, awake_since: datetime, is_blind: Callable[[], bool]
    ) -> None:
        self.awake_since = awake_since
        self._evidence = evidence
        self._is_blind = is_blind
        self._judged: dict[str, list[Entry]] = {}  # by the collector that feeds it
        self._resting: dict[str, list[Entry]] = {}  # derived, by each collector below
        self._over: dict[int, list[Entry]] = {}  # SLOs of derived SLIs, by their series
        self._order: list[Entry] = []  # as the screen numbers them
        self._ids: list[str] = []
        self._numbers: dict[str, int] = {}
        self._firing: set[int] = set()  # those of whom a rule fires
        self._screen = Screen([])
        self._parts: dict[str, Part] = {}  # by the collector that feeds it
        self._heard_of: dict[str, NDArray[np.intp]] = {}  # whose SLI it feeds, by the collector
        self._evaluated: set[str] = set()  # since somebody asked
        self.faults: dict[str, str] = {}  # by SLO, why our own code could not judge it
        self._looks = Looks()
        self._ticked: Moment | None = None

    def watch(self, entries: Sequence[Entry]) -> None:
        """Judge exactly these from now on."""
        self._judged, self._resting, self._over = {}, {}, {}
        for entry in entries:
            self._attach(entry)
        self._survey(entries)

    def watch_anew(self) -> None:
        """The same, whose states or ledgers were changed by others."""
        self._survey(self._order)

    def _survey(self, entries: Sequence[Entry]) -> None:
        """Begin to screen these."""
        before = self._numbers
        self._order = list(entries)
        self._ids = [entry.slo.id for entry in self._order]  # each takes a while to spell
        self._numbers = {slo_id: number for number, slo_id in enumerate(self._ids)}
        self._looks = self._looks.renumbered([before.get(one) for one in self._ids], self._ticked)
        for entry in self._order:
            entry.tell = self._status_of
            at_rest = dict.fromkeys((tier.key for tier in entry.slo.tiers), AlertState())
            if not entry.slo.variant:
                at_rest[NO_DATA] = AlertState()
            entry.states = at_rest | entry.states
        self.faults = {one: why for one, why in self.faults.items() if one in self._numbers}
        self._firing = {
            number for number, entry in enumerate(self._order) if _any_fires(entry.states)
        }
        self._screen = Screen(
            [
                Judged(entry.slo, entry.ledger, entry.states, entry.watched_from)
                for entry in self._order
            ]
        )
        self._parts, self._heard_of = {}, {}

    def _attach(self, entry: Entry) -> None:
        """Know this SLO by whatever changes its counts."""
        collector_id = entry.slo.collector_id
        if collector_id is not None:
            self._judged.setdefault(collector_id, []).append(entry)
            return
        self._over.setdefault(entry.indicator.number, []).append(entry)
        for one in {part.slo.collector_id for part in entry.indicator.whole} - {None}:
            self._resting.setdefault(str(one), []).append(entry)

    def fed_by(self, collector_id: str) -> Sequence[Entry]:
        """The SLOs that this collector's observations count for, by themselves or among others."""
        return [*self._judged.get(collector_id, ()), *self._resting.get(collector_id, ())]

    @property
    def derived(self) -> Iterator[Entry]:
        """The SLOs of derived SLIs."""
        for over in self._over.values():
            yield from over

    def has_slo(self, collector_id: str) -> bool:
        """Whether an SLO is fed by a collector, and so tells that it went silent."""
        return bool(self._judged.get(collector_id))

    def followed(self, number: int, now: datetime) -> None:
        """The derived SLI of this series was brought up to date."""
        for entry in self._over.get(number, ()):
            self._looks.note(self._numbers[entry.slo.id], now)

    def heard(self, collector_id: str, now: datetime) -> list[AlertChange]:
        """Evaluate of those that a collector feeds whoever could change."""
        suspects = self._screen.suspects(now, self.awake_since, self._part(collector_id))
        self._looks.note(self._numbers_of(collector_id), now)
        return self.evaluate([self._order[number] for number in suspects], now)

    def suspects(self, now: datetime) -> list[str]:
        """Look at all; whose rules an evaluation might change."""
        self._ticked = self._looks.note(slice(None), now)
        numbers = self._screen.suspects(now, self.awake_since)
        return [self._ids[number] for number in numbers]

    def unsettled(self, now: datetime) -> list[str]:
        """Whose budgets may stand otherwise to their marks than when they were `settled`."""
        return [self._ids[number] for number in self._screen.unsettled(now)]

    def settled(self, slo_id: str, band: Band | None) -> None:
        """A look at its marks just now says: within this nothing changes."""
        self._screen.settle(self._numbers[slo_id], band)

    def changed(self, now: datetime, collector_id: str | None = None) -> list[str]:
        """Of whom pages would show something new since they were last told so; of all, or of those
        that a collector feeds.
        """
        part = None if collector_id is None else self._part(collector_id)
        return [self._ids[number] for number in self._screen.changed(now, part)]

    def _part(self, collector_id: str) -> Part:
        part = self._parts.get(collector_id)
        if part is None:
            fed = self.fed_by(collector_id)
            part = self._screen.part(self._numbers[entry.slo.id] for entry in fed)
            self._parts[collector_id] = part
        return part

    def _numbers_of(self, collector_id: str) -> NDArray[np.intp]:
        """The SLOs whose SLI this collector feeds, by itself."""
        numbers = self._heard_of.get(collector_id)
        if numbers is None:
            fed = self._judged.get(collector_id, ())
            numbers = np.array([self._numbers[entry.slo.id] for entry in fed], np.intp)
            self._heard_of[collector_id] = numbers
        return numbers

    def evaluate(self, entries: Iterable[Entry], now: datetime) -> list[AlertChange]:
        """Evaluate these, whatever else they are."""
        if self._is_blind():
            return []
        changes: list[AlertChange] = []
        for entry in entries:
            try:
                changes += self._evaluate(entry, now)
            except Exception as error:  # noqa: BLE001 - one SLO that cannot be judged silences no other
                self._note_fault(entry, error)
            else:
                self.faults.pop(entry.slo.id, None)
        return changes

    def _evaluate(self, entry: Entry, now: datetime) -> list[AlertChange]:
        before = entry.states
        status, entry.states = self._judge(entry, now)
        slo_id = entry.slo.id
        number = self._numbers[slo_id]
        at = self._looks.note(number, now)
        self._evaluated.add(slo_id)
        entry.told = Told(status, at, entry.ledger.revision, entry.states)
        self._screen.note(number, entry.states, status)
        self._firing.discard(number)
        if _any_fires(entry.states):
            self._firing.add(number)
        return [
            self._evidence.change(entry, status, key, firing=is_firing, now=now)
            for key, state in entry.states.items()
            if (is_firing := state.phase is Phase.FIRING) != _was_firing(before, key)
        ]

    def _judge(self, entry: Entry, now: datetime) -> tuple[SLOStatus, dict[str, AlertState]]:
        status, states = evaluate(
            entry.slo,
            entry.ledger,
            now,
            entry.states,
            self._awake_for(entry),
            entry.indicator.raw,
        )
        if entry.indicator.parts:
            status = with_parts(status, entry.indicator)
        if entry.indicator.anomalies:
            status = replace(status, anomalies=dict(entry.indicator.anomalies))
        return status, states

    def _status_of(self, entry: Entry) -> SLOStatus | None:
        """As the newest look found it. What it finds of the rules is what they are: had they
        changed, they would have been evaluated then.
        """
        number = self._numbers.get(entry.slo.id)
        at = None if number is None else self._looks.newest(number)
        if at is None:
            return None
        told, revision = entry.told, entry.ledger.revision
        if (
            told is not None
            and told.at == at
            and told.revision == revision
            and told.states is entry.states
        ):
            return told.status
        if self._is_blind():
            return None if told is None else told.status
        try:
            status, _ = self._judge(entry, at[1])
        except Exception as error:  # noqa: BLE001 - as above
            self._note_fault(entry, error)
            return None if told is None else told.status
        entry.told = Told(status, at, revision, entry.states)
        return status

    def digests(self) -> list[Sheet]:
        """What is true of SLOs at rest, as of the newest look at each; of some it is not told."""
        if self._is_blind():
            return []
        return list(self._screen.digests(self._looks.micros))

    def _note_fault(self, entry: Entry, error: Exception) -> None:
        self.faults[entry.slo.id] = f"{type(error).__name__}: {error}"

    def take_evaluated(self) -> frozenset[str]:
        """Whose rules were judged since this was asked last."""
        taken, self._evaluated = frozenset(self._evaluated), set()
        return taken

    def _awake_for(self, entry: Entry) -> datetime:
        """Since when silence about it is the target's, and not ours."""
        return max(self.awake_since, entry.watched_from or self.awake_since)

    def present_facts(self) -> dict[str, Facts]:
        """The facts of every rule of an SLO that fires, as of its newest evaluation."""
        return {
            rule_key(entry.slo, key): self._evidence.facts(entry, entry.status, key, firing=True)
            for entry in map(self._order.__getitem__, sorted(self._firing))
            for key, state in entry.states.items()
            if state.phase is Phase.FIRING
            and entry.status is not None
            and (key == NO_DATA or any(reading.tier.key == key for reading in entry.status.tiers))
        }


def _any_fires(states: Mapping[str, AlertState]) -> bool:
    return any(state.phase is Phase.FIRING for state in states.values())


def _was_firing(states: Mapping[str, AlertState], key: str) -> bool:
    state = states.get(key)
    return state is not None and state.phase is Phase.FIRING
