"""Book every observation, judge its SLOs at once, and say which alerts change. No I/O."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from alerting.alert import NO_DATA_SEVERITY, AlertChange, AlertKind, Facts, Remark
from alerting.rules import Rules
from alerting.wording import NoDataCause, data_again_facts, facts_of, no_data_facts
from collectors.observation import Cause, Observation, Outcome
from nines.derived import Booked, Derivations, with_parts
from nines.entry import Entry, Told, rule_key
from nines.feed import Block, Feed
from nines.indicator import Indicator
from nines.looks import Looks, Moment
from nines.no_data import why_no_data, why_together
from nines.pending import Pending
from nines.setback import (
    STEP,
    Setback,
    has_overwritten,
    pull_back,
    states_by,
    wants_recount,
)
from nines.storage.batches import CollectorRecord, CountBatch
from nines.target import Target
from nines.threshold_memory import pack
from nines.thresholds import ThresholdRules, Watched
from slo.alert_state import AlertState, Phase
from slo.counter import advance, smear
from slo.counter_state import TargetState
from slo.definition import SLO, DerivedSLI, EventsSLI, GaugeSLI, HistogramSLI, ProbeSLI, sources
from slo.digest import Sheet
from slo.evaluate import NO_DATA, evaluate
from slo.exclusion import counted_causes
from slo.exposition import Page
from slo.gauge import read_gauges
from slo.grain import BAD, COLUMNS, GOOD, SEEN
from slo.grid import Grid
from slo.increment import Counted, Increment
from slo.ledger import FIVE_MINUTES, BucketDelta, Ledger, epoch_micros, grid_for, move_together
from slo.notices import Band
from slo.screen import Judged, Part, Screen
from slo.status import SLOStatus
from slo.succession import succeed

# Beyond six hours no window looks at base buckets, so time that we slept through is booked there
# in five-minute strides.
_FINE_GAP = timedelta(hours=6)
_COARSE_STRIDE = timedelta(minutes=5)
# No look for so long: we slept (a suspended machine, a stopped process), or the clock was set.
_ASLEEP = timedelta(seconds=45)
_ANOMALIES_KEPT = 50  # sentences for an SLO; they name series, and pages invent those without end


class Engine:
    """Everything between an observation and an alert change, in memory.

    What is not stored yet waits in a batch, which `take_batch` hands over.
    """

    def __init__(self, bucket_seconds: int, awake_since: datetime) -> None:
        self.bucket_seconds = bucket_seconds
        self.awake_since = awake_since
        self._looked_at: datetime | None = None
        self.entries: dict[str, Entry] = {}
        self.targets: dict[str, Target] = {}
        self._indicators: dict[str, list[Indicator]] = {}  # by the collector that feeds it
        self._unfed: list[Indicator] = []  # derived, and what stands beside them
        self._judged: dict[str, list[Entry]] = {}  # by the collector that feeds it
        self._resting: dict[str, list[Entry]] = {}  # derived, by each collector below
        self._over: dict[int, list[Entry]] = {}  # SLOs of derived SLIs, by their series
        self._derived = Derivations(bucket_seconds, self._add, self._add_cause)
        self._pending = Pending()
        self._dirty_targets: set[str] = set()
        self.thresholds = ThresholdRules(self._last_of, self._has_slo)
        self._grids: dict[tuple[int, int], Grid] = {}
        self._order: list[Entry] = []  # as the screen numbers them
        self._ids: list[str] = []
        self._numbers: dict[str, int] = {}
        self._firing: set[int] = set()  # those of whom a rule fires
        self._screen = Screen([])
        self._parts: dict[str, Part] = {}  # by the collector that feeds it
        self._feeds: dict[str, Feed] = {}
        self._heard_of: dict[str, NDArray[np.intp]] = {}  # whose SLI it feeds, by the collector
        self._looks = Looks()
        self.setback: Setback | None = None  # until time has caught up with what the clock showed
        self._ticked: Moment | None = None

    def watch(
        self,
        entries: Sequence[Entry],
        targets: Mapping[str, Target],
        rules: Sequence[Watched] = (),
    ) -> None:
        """Watch exactly these SLOs, collectors and threshold rules from now on.

        What happened since they were put together is not lost: rules keep their newest states,
        also where a tier took another's place or the SLI is another one, and a ledger loaded anew
        gets the counts that storage did not have.
        """
        self.targets = dict(targets)
        self.recount(entries)
        self.thresholds.watch(rules)
        self._feeds = {}

    def recount(self, entries: Sequence[Entry], *, afresh: bool = False) -> None:
        """Watch exactly these SLOs from now on; collectors and threshold rules stay.

        `afresh`: every ledger comes from storage.
        """
        before = {one.number: one for one in self.indicators}
        left = {id(one.ledger): one.ledger for one in before.values()}
        self._indicators, self._judged, self._resting, self._over = {}, {}, {}, {}
        self._unfed, taken = [], set[int]()
        for entry in entries:
            running = self.entries.get(entry.slo.id)
            states = entry.states if running is None else running.states
            succession = succeed(states, entry.slo.tiers, (NO_DATA,))
            entry.states = dict(succession.states)
            entry.renamed = dict(succession.renamed)
            self._attach(entry)
            for indicator in entry.indicator.whole:
                if indicator.number in taken:
                    continue
                taken.add(indicator.number)
                fed_by = indicator.slo.collector_id
                fed = self._unfed if fed_by is None else self._indicators.setdefault(fed_by, [])
                fed.append(indicator)
                former = before.get(indicator.number)
                if former is None or former.ledger is not indicator.ledger:
                    self._catch_up(indicator, former)
        self.entries = {entry.slo.id: entry for entry in entries}
        if afresh:
            self._grids = {}  # what they hold of the past is not enough, or not all there is
            if self.setback is not None and self._looked_at is not None:
                self.setback = self.setback.recounted(self._looked_at)
        self._derived.watch((entry.indicator for entry in entries), self.targets)
        for ledger in [left[id_] for id_ in left.keys() - self._ledgers()]:
            ledger.join(grid_for(ledger.bucket_seconds, ledger.reach))  # its place is free
        self._gather()
        self._survey()

    def _ledgers(self) -> set[int]:
        return {id(one.ledger) for one in self.indicators}

    def _gather(self) -> None:
        """Bring the ledgers of one reach into one grid."""
        by_shape: dict[tuple[int, int], dict[int, Ledger]] = {}
        of_slos = (entry.ledger for entry in self.entries.values())
        for ledger in chain(of_slos, (one.ledger for one in self.indicators)):
            shape = (ledger.bucket_seconds, ledger.grid.reach_seconds)
            by_shape.setdefault(shape, {})[id(ledger)] = ledger
        before, self._grids = self._grids, {}
        for shape, ledgers in by_shape.items():
            grid = before.get(shape)
            if grid is None:  # most of them, fresh from storage, stand in one already
                grid = max((one.grid for one in ledgers.values()), key=len)
            move_together(list(ledgers.values()), grid)
            self._grids[shape] = grid

    def _survey(self) -> None:
        """Begin to screen these."""
        before = self._numbers
        self._order = list(self.entries.values())
        self._ids = [entry.slo.id for entry in self._order]  # each takes a while to spell
        self._numbers = {slo_id: number for number, slo_id in enumerate(self._ids)}
        self._looks = self._looks.renumbered([before.get(one) for one in self._ids], self._ticked)
        for entry in self._order:
            entry.tell = self._status_of
            at_rest = dict.fromkeys((tier.key for tier in entry.slo.tiers), AlertState())
            if not entry.slo.variant:
                at_rest[NO_DATA] = AlertState()
            entry.states = at_rest | entry.states
        self._firing = {
            number for number, entry in enumerate(self._order) if _any_fires(entry.states)
        }
        self._screen = Screen(
            [
                Judged(entry.slo, entry.ledger, entry.states, entry.watched_from)
                for entry in self._order
            ]
        )
        self._parts, self._heard_of, self._feeds = {}, {}, {}

    def _attach(self, entry: Entry) -> None:
        """Know this SLO by whatever changes its counts."""
        collector_id = entry.slo.collector_id
        if collector_id is not None:
            self._judged.setdefault(collector_id, []).append(entry)
            return
        self._over.setdefault(entry.indicator.number, []).append(entry)
        for one in {part.slo.collector_id for part in entry.indicator.whole} - {None}:
            self._resting.setdefault(str(one), []).append(entry)

    def _catch_up(self, indicator: Indicator, former: Indicator | None) -> None:
        """Book what storage does not have yet; what is known of all its bookings stays as it is."""
        pending = list(self._pending.of(indicator.number))
        ledgers = [indicator.ledger, *([] if indicator.raw is None else [indicator.raw])]
        for ledger in ledgers:
            for delta in pending:
                ledger.book(datetime.fromtimestamp(delta.bucket, UTC), delta)
            if former is not None:
                ledger.lifetime = former.ledger.lifetime
                ledger.watched_since = former.ledger.watched_since
                ledger.last_observation = former.ledger.last_observation
        overlay = indicator.ledger.overlay
        raw = _bad_by_stretch(pending)
        left = _bad_by_stretch(one for one in pending if not overlay.covers(one.bucket))
        causes = self._pending.causes_of(indicator.number)
        if indicator.detail is not None:
            indicator.detail.add(pending, causes)
        indicator.ledger.load_causes(counted_causes(causes, raw, left, overlay))
        if former is not None:
            indicator.last_detail, indicator.anomalies = former.last_detail, former.anomalies

    def observe(self, observation: Observation, now: datetime) -> list[AlertChange]:
        """Book one observation and evaluate the SLOs that it feeds, at once."""
        target = self.targets.get(observation.collector_id)
        if target is None:
            return []  # its collector left the configuration while it was under way
        if not target.meets(observation.due):
            return []
        self._wake(now)
        if observation.due - now > STEP:  # it began before the clock was set back
            observation = replace(observation, due=now)
        feed = self._feed(observation.collector_id)
        since = target.counters.at if target.counters is not None else None
        increments = self._count(target, feed, observation)
        for probe in feed.probes:
            self._book_probe(probe, observation)
        self._book_counted(feed, observation, increments)
        self._book_gauges(target, feed, observation)
        if target.last_due is None or observation.due >= target.last_due:
            target.last_due, target.last = observation.due, observation
        self._dirty_targets.add(observation.collector_id)
        self._follow(now)
        part = self._part(observation.collector_id)
        suspects = self._screen.suspects(now, self.awake_since, part)
        self._looks.note(self._numbers_of(observation.collector_id), now)
        return [
            *self._evaluate_all([self._order[number] for number in suspects], now),
            *self.thresholds.observe(observation, since, increments, now, self.awake_since),
        ]

    def confirm(self, observation: Observation, now: datetime) -> list[AlertChange | Remark]:
        """Take in a look that a rule asked for: evidence, never an event."""
        return self.thresholds.confirm(observation, now, self.awake_since)

    def _follow(self, now: datetime, slo_ids: Iterable[str] = ()) -> None:
        """Bring derived SLIs up to date: those whose sources were booked, and of these SLOs."""
        numbers = [
            self.entries[slo_id].indicator.number for slo_id in slo_ids if slo_id in self.entries
        ]
        for number in self._derived.follow(now, numbers):
            for entry in self._over.get(number, ()):
                self._looks.note(self._numbers[entry.slo.id], now)

    def fed_by(self, collector_id: str) -> Sequence[Entry]:
        """The SLOs that this collector's observations count for, by themselves or among others."""
        return [*self._judged.get(collector_id, ()), *self._resting.get(collector_id, ())]

    @property
    def indicators(self) -> Iterator[Indicator]:
        """Every SLI under watch, once."""
        return chain(chain.from_iterable(self._indicators.values()), self._unfed)

    def tick(self, now: datetime, slo_ids: Iterable[str] | None = None) -> list[AlertChange]:
        """Evaluate as time passes: windows slide even when nothing arrives.

        Without `slo_ids` all are looked at, and those evaluated that could change by it; and the
        threshold rules.
        """
        if slo_ids is None:
            wanted = self.suspects(now)
        else:
            wanted = list(slo_ids)
            self._follow(now, wanted)
        self._wake(now)
        changes = self._evaluate_all(
            [self.entries[slo_id] for slo_id in wanted if slo_id in self.entries], now
        )
        return [*changes, *self.tick_rules(now)] if slo_ids is None else changes

    def tick_rules(self, now: datetime) -> list[AlertChange]:
        """Judge the threshold rules as time passes."""
        return self.thresholds.tick(now, self.awake_since)

    def suspects(self, now: datetime) -> list[str]:
        """Look at all; whose rules an evaluation might change. They are the caller's to `tick`."""
        self._wake(now)
        self._follow(now, (entry.slo.id for over in self._over.values() for entry in over))
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

    def _wake(self, now: datetime) -> None:
        before, self._looked_at = self._looked_at, now
        if before is not None and abs(now - before) > _ASLEEP:
            self.awake_since = now  # what was silent meanwhile was silent to nobody
        if before is not None and before - now > STEP:
            self._set_back(before, now)
        if self.setback is not None and self.setback.is_over(now):
            self.setback = None

    def _set_back(self, before: datetime, now: datetime) -> None:
        """The clock shows an earlier time than it did: go on from there at once."""
        self.awake_since = min(self.awake_since, now)
        for target in self.targets.values():
            target.pull_back(now)
        for indicator in self.indicators:
            for ledger in (indicator.ledger, indicator.raw):
                if ledger is not None:
                    pull_back(ledger, now)
        for entry in self.entries.values():
            entry.states = states_by(entry.states, now)
            if entry.watched_from is not None:
                entry.watched_from = min(entry.watched_from, now)
        self.thresholds.pull_back(now)
        until = before if self.setback is None else max(before, self.setback.until)
        lost = any(has_overwritten(grid, now) for grid in self._grids.values())
        self.setback = Setback(now, until, lost)
        self._survey()

    def wants_recount(self, now: datetime) -> bool:
        """Whether the counts are to be read from storage again, and handed to `recount`."""
        return wants_recount(self.setback, now)

    def catch_up(self, now: datetime) -> None:
        """Judge what derived SLIs have missed since they last judged a slice.

        One that has judged none begins with the first observation, or the first look.
        """
        self._follow(
            now,
            [
                entry.slo.id
                for entry in self.entries.values()
                if entry.indicator.detail is not None and entry.indicator.detail.held is not None
            ],
        )

    def present_facts(self) -> dict[str, Facts]:
        """The facts of every rule that fires, as of its SLO's newest evaluation."""
        return self.thresholds.present_facts() | {
            rule_key(entry.slo, key): self._facts(entry, entry.status, key, firing=True)
            for entry in map(self._order.__getitem__, sorted(self._firing))
            for key, state in entry.states.items()
            if state.phase is Phase.FIRING
            and entry.status is not None
            and (key == NO_DATA or any(reading.tier.key == key for reading in entry.status.tiers))
        }

    def book_absence(self, collector_id: str, until: datetime) -> int:
        """Book the runs that were due while we were away as unknown; gives how many."""
        target = self.targets[collector_id]
        if target.last_due is None:
            return 0
        first = target.last_due + target.interval
        missed = max(0, -((first - until) // target.interval))
        at, left = first, missed
        fed = self._indicators.get(collector_id, [])
        while left > 0:
            coarse = at < until - _FINE_GAP
            together = max(1, min(left, _COARSE_STRIDE // target.interval)) if coarse else 1
            for indicator in fed:
                unknown = together if isinstance(indicator.slo.sli, ProbeSLI) else 0
                self._book(indicator, at, unknown=unknown, missed=together)
            at += together * target.interval
            left -= together
        if missed:
            self.thresholds.absent(collector_id, first)
            target.last_due = first + (missed - 1) * target.interval
            self._dirty_targets.add(collector_id)
        return missed

    def book_history(
        self, slo_id: str, at: datetime, delta: BucketDelta, causes: Mapping[str, int]
    ) -> None:
        """Book counts that were made elsewhere (the demo's past) as if observed at `at`."""
        indicator = self.entries[slo_id].indicator
        self._add(indicator, at, delta)
        for cause, bad in causes.items():
            self._add_cause(indicator, at, cause, bad)

    def take_batch(self, batch_id: str) -> CountBatch | None:
        """What has to be stored; None when there is nothing. It is the caller's now."""
        self._derived.settle()
        if not (self._pending or self._dirty_targets):
            return None
        records = {
            name: self._record(name, self.targets[name])
            for name in self._dirty_targets
            if name in self.targets and self.targets[name].last_due is not None
        }
        self._dirty_targets = set()
        return self._pending.take(records, batch_id)

    def take_rules(self, now: datetime) -> Rules:
        """Every rule after an edit, for those who keep what is open; renamings are told once."""
        configured: set[str] = set()
        in_shadow: set[str] = set()
        firing: dict[str, AlertChange] = {}
        renamed: dict[str, str] = {}
        for entry in self.entries.values():
            slo = entry.slo
            keys = [rule_key(slo, key) for key in (*(tier.key for tier in slo.tiers), NO_DATA)]
            configured.update(keys)
            if slo.shadow:
                in_shadow.update(keys)
            for key, state in entry.states.items():
                if state.phase is Phase.FIRING and (status := entry.status) is not None:
                    change = self._change(entry, status, key, firing=True, now=now)
                    firing[change.rule] = change
            for old, new in entry.renamed.items():
                renamed[rule_key(slo, old)] = rule_key(slo, new)
            entry.renamed = {}
        for one in self.thresholds.watched.values():
            configured.update(one.keys)
            if one.rule.shadow:
                in_shadow.update(one.keys)
        firing |= self.thresholds.firing(now)
        return Rules(configured, in_shadow, firing, renamed)

    def why_silent(self, slo_id: str) -> tuple[NoDataCause, str] | None:
        """Why observations of it do not come, by its collector's last run; None: not known yet."""
        entry = self.entries.get(slo_id)
        status = entry.status if entry else None
        if entry is None or status is None:
            return None
        return self._why_no_data(entry.indicator, status.at)

    def states(self) -> dict[str, AlertState]:
        """Every rule's state by rule key."""
        return self.thresholds.states() | {
            rule_key(entry.slo, key): state
            for entry in self.entries.values()
            for key, state in entry.states.items()
        }

    def _feed(self, collector_id: str) -> Feed:
        feed = self._feeds.get(collector_id)
        if feed is None:
            fed = self._indicators.get(collector_id, [])
            feed = self._feeds[collector_id] = Feed(fed, self.thresholds.counters(collector_id))
        return feed

    def _count(
        self, target: Target, feed: Feed, observation: Observation
    ) -> Mapping[str, Increment]:
        """What its counters counted, by what they are counted for."""
        page = observation.page
        if page is None or not feed.slis or _older(observation, target):
            return {}
        state = target.counters if target.counters is not None else TargetState()
        target.counters, increments = advance(
            state, page, observation.due, feed.slis, target.interval
        )
        return increments

    def _book_counted(
        self, feed: Feed, observation: Observation, increments: Mapping[str, Increment]
    ) -> None:
        others: Iterable[Indicator] = feed.counters.values()
        if isinstance(increments, Counted):
            blocks, others = feed.shared_out(increments)
            for block in blocks:
                self._book_block(block, increments, observation.due)
        for one in others:
            self._book_increment(one, observation, increments.get(one.id))

    def _book_gauges(self, target: Target, feed: Feed, observation: Observation) -> None:
        page = None if _older(observation, target) else observation.page
        for one in feed.gauges:
            increment = None
            if page is not None and isinstance(one.slo.sli, GaugeSLI):
                increment = read_gauges(one.slo.sli, page)
            self._book_increment(one, observation, increment)

    def _book_probe(self, indicator: Indicator, observation: Observation) -> None:
        match observation.outcome:
            case Outcome.PASSED:
                self._book(indicator, observation.due, good=1, seen=1)
            case Outcome.FAILED:
                self._book(indicator, observation.due, bad=1, seen=1)
                cause = cause_label(observation)
                self._add_cause(indicator, observation.due, cause, 1)
                indicator.last_detail[cause] = observation.detail
            case Outcome.UNKNOWN:
                self._book(indicator, observation.due, unknown=1, missed=1)

    def _book_increment(
        self, indicator: Indicator, observation: Observation, increment: Increment | None
    ) -> None:
        for anomaly in increment.anomalies if increment is not None else ():
            if anomaly in indicator.anomalies or len(indicator.anomalies) < _ANOMALIES_KEPT:
                indicator.anomalies[anomaly] = indicator.anomalies.get(anomaly, 0) + 1
        if increment is None or not increment.data:
            unknown = increment.unknown if increment is not None else 0
            self._book(indicator, observation.due, unknown=unknown, missed=1)
            if observation.page is not None:
                missing = increment.missing if increment is not None else ""
                indicator.last_detail[NO_DATA] = missing or _missing_series(
                    indicator.slo, observation.page
                )
            return
        if increment.gap_since is None:
            self._book(
                indicator,
                observation.due,
                good=increment.good,
                bad=increment.bad,
                unknown=increment.unknown,
                seen=1,
            )
        else:
            parts = smear(increment, increment.gap_since, observation.due, self.bucket_seconds)
            for bucket, good, bad in parts:
                delta = BucketDelta(bucket, good, bad, smeared_good=good, smeared_bad=bad)
                self._add(indicator, observation.due, delta)
            self._book(indicator, observation.due, unknown=increment.unknown, seen=1)
        for cause, bad in increment.by.items():
            self._add_cause(indicator, observation.due, cause, bad)

    def _book(
        self,
        indicator: Indicator,
        at: datetime,
        *,
        good: int = 0,
        bad: int = 0,
        unknown: int = 0,
        seen: int = 0,
        missed: int = 0,
    ) -> None:
        bucket = indicator.ledger.bucket_of(at)
        self._add(indicator, at, BucketDelta(bucket, good, bad, unknown, seen, missed))

    def _add(self, indicator: Booked, at: datetime, delta: BucketDelta) -> None:
        indicator.ledger.book(at, delta)
        if indicator.raw is not None:
            indicator.raw.book(at, delta)
        if indicator.detail is not None:
            indicator.detail.book(delta)
            self._derived.heard(indicator.number, delta.bucket)
        self._pending.add(indicator.number, at, delta)

    def _add_cause(self, indicator: Booked, at: datetime, cause: str, bad: int) -> None:
        bucket = indicator.ledger.book_cause(at, cause, bad)
        if indicator.detail is not None:
            indicator.detail.book_cause(bucket, cause, bad)
        self._pending.add_cause(indicator.number, bucket, cause, bad)

    def _book_block(self, block: Block, counted: Counted, at: datetime) -> None:
        """Book what one page counted for many SLIs of one grid at once."""
        amounts = np.zeros((len(block.numbers), COLUMNS), np.int64)
        amounts[:, GOOD], amounts[:, BAD] = counted.good[block.at], counted.bad[block.at]
        amounts[:, SEEN] = 1
        micros = epoch_micros(at)
        bucket = micros // 1_000_000 // self.bucket_seconds * self.bucket_seconds
        block.grid.book_many(block.places, bucket, amounts, micros)
        self._pending.add_page(block.numbers, at, bucket, amounts)

    def _evaluate_all(self, entries: Iterable[Entry], now: datetime) -> list[AlertChange]:
        if self.setback is not None and self.setback.lost:
            return []
        changes: list[AlertChange] = []
        for entry in entries:
            try:
                changes += self._evaluate(entry, now)
            except Exception as error:  # noqa: BLE001 - one SLO that cannot be judged silences no other
                entry.fault = f"{type(error).__name__}: {error}"
            else:
                entry.fault = None
        return changes

    def _evaluate(self, entry: Entry, now: datetime) -> list[AlertChange]:
        before = entry.states
        status, entry.states = self._judge(entry, now)
        number = self._numbers[entry.slo.id]
        at = self._looks.note(number, now)
        entry.told = Told(status, at, entry.ledger.revision, entry.states)
        self._screen.note(number, entry.states, status)
        self._firing.discard(number)
        if _any_fires(entry.states):
            self._firing.add(number)
        return [
            self._change(entry, status, key, firing=is_firing, now=now)
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
        if self.setback is not None and self.setback.lost:
            return None if told is None else told.status
        try:
            status, _ = self._judge(entry, at[1])
        except Exception as error:  # noqa: BLE001 - as above
            entry.fault = f"{type(error).__name__}: {error}"
            return None if told is None else told.status
        entry.told = Told(status, at, revision, entry.states)
        return status

    def digests(self) -> list[Sheet]:
        """What is true of SLOs at rest, as of the newest look at each; of some it is not told."""
        if self.setback is not None and self.setback.lost:
            return []
        return list(self._screen.digests(self._looks.micros))

    def _awake_for(self, entry: Entry) -> datetime:
        """Since when silence about it is the target's, and not ours."""
        return max(self.awake_since, entry.watched_from or self.awake_since)

    def _change(
        self, entry: Entry, status: SLOStatus, key: str, *, firing: bool, now: datetime
    ) -> AlertChange:
        slo, kind, severity = entry.slo, AlertKind.NO_DATA, NO_DATA_SEVERITY
        if key != NO_DATA:
            kind = AlertKind.BURN
            severity = next(tier.severity for tier in slo.tiers if tier.key == key)
        facts = self._facts(entry, status, key, firing=firing)
        return AlertChange(
            rule_key(slo, key), slo.service, slo.key, kind, severity, firing, now, facts, slo.shadow
        )

    def _facts(self, entry: Entry, status: SLOStatus, key: str, *, firing: bool) -> Facts:
        if key == NO_DATA:
            if firing:
                return no_data_facts(status, *self._why_no_data(entry.indicator, status.at))
            return data_again_facts(status)
        reading = next(reading for reading in status.tiers if reading.tier.key == key)
        top_cause = self._top_cause(entry, reading.tier.long, status.at)
        return replace(facts_of(status, reading), top_cause=top_cause)

    def _top_cause(self, entry: Entry, over: timedelta, now: datetime) -> str | None:
        causes = entry.ledger.causes(over, now)
        if not causes:
            return None
        cause, bad = next(iter(causes.items()))
        text = f"{cause}: {bad:,} of {sum(causes.values()):,} failures"
        detail = entry.indicator.last_detail.get(cause)
        return f"{text} ({detail})" if detail else text

    def _why_no_data(self, indicator: Indicator, now: datetime) -> tuple[NoDataCause, str]:
        if not indicator.parts:
            last = self._last_of(indicator.slo.collector_id)
            return why_no_data(last, indicator.last_detail.get(NO_DATA, ""))
        names = indicator.slo.sli.names if isinstance(indicator.slo.sli, DerivedSLI) else ()
        named = dict(zip(names, indicator.parts, strict=True))
        silent = {name: part for name, part in named.items() if part.is_silent(now)}
        if not silent and indicator.ledger.watched_since is None:
            return NoDataCause.WAITING, ""
        of_whom = silent or named
        return why_together({name: self._why_no_data(part, now) for name, part in of_whom.items()})

    def _has_slo(self, collector_id: str) -> bool:
        """Whether an SLO is fed by a collector, and so tells that it went silent."""
        return bool(self._judged.get(collector_id))

    def _last_of(self, collector_id: str | None) -> Observation | None:
        """A collector's newest observation, where there was one."""
        target = self.targets.get(collector_id or "")
        return None if target is None else target.last

    def _record(self, collector_id: str, target: Target) -> CollectorRecord:
        assert target.last_due is not None  # noqa: S101 - only such targets are asked for
        state = pack(target.counters, self.thresholds.fed_by(collector_id))
        return CollectorRecord(target.last_due, state)


def _bad_by_stretch(deltas: Iterable[BucketDelta]) -> dict[int, int]:
    """Bad events by five minutes."""
    found: dict[int, int] = {}
    for delta in deltas:
        stretch = delta.bucket // FIVE_MINUTES * FIVE_MINUTES
        found[stretch] = found.get(stretch, 0) + delta.bad
    return found


def cause_label(observation: Observation) -> str:
    """A failure's cause as charts group it: the closed list, with the status where it is one."""
    if observation.cause is Cause.STATUS and observation.http_status is not None:
        return f"status {observation.http_status}"
    return str(observation.cause or Cause.PROTOCOL)


def _missing_series(slo: SLO, page: Page) -> str:
    sli = slo.sli
    selectors = sli.total if isinstance(sli, EventsSLI | HistogramSLI) else sources(sli)
    wanted = ", ".join(str(selector) for selector in selectors)
    # Whose lines were counted is only known of a page that was read whole.
    size = f" of {page.lines:,} lines" if page.lines else ""
    return f"the page{size} has no series for {wanted}"


def _older(observation: Observation, target: Target) -> bool:
    return target.last_due is not None and observation.due <= target.last_due


def _any_fires(states: Mapping[str, AlertState]) -> bool:
    return any(state.phase is Phase.FIRING for state in states.values())


def _was_firing(states: Mapping[str, AlertState], key: str) -> bool:
    state = states.get(key)
    return state is not None and state.phase is Phase.FIRING
