"""Book every observation, judge its SLOs at once, and say which alerts change. No I/O."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain

from alerting.alert import AlertChange, Facts, Remark
from alerting.rules import Rules
from alerting.wording import NoDataCause
from collectors.observation import Observation, Outcome
from nines.booking import Booking
from nines.entry import Entry, rule_key
from nines.evidence import Evidence
from nines.findings import Findings
from nines.indicator import Indicator
from nines.judging import Judging
from nines.setback import STEP, Setback, has_overwritten, pull_back, states_by, wants_recount
from nines.storage.batches import CollectorRecord, CountBatch
from nines.target import Target
from nines.threshold_memory import pack
from nines.thresholds import ThresholdRules, Watched
from slo.alert_state import AlertState, Phase
from slo.digest import Sheet
from slo.evaluate import NO_DATA
from slo.grid import Grid
from slo.ledger import BucketDelta, Ledger, grid_for, move_together
from slo.notices import Band
from slo.succession import succeed

# No look for so long: we slept (a suspended machine, a stopped process), or the clock was set.
_ASLEEP = timedelta(seconds=45)


class Engine:
    """Everything between an observation and an alert change, in memory.

    What is not stored yet waits in a batch, which `take_batch` hands over.
    """

    def __init__(self, bucket_seconds: int, awake_since: datetime) -> None:
        self.bucket_seconds = bucket_seconds
        self._looked_at: datetime | None = None
        self.entries: dict[str, Entry] = {}
        self.findings = Findings()  # of looks by other means
        self._evidence = Evidence(self._last_of, self.findings)
        self._judging = Judging(self._evidence, awake_since, self._is_blind)
        self.thresholds = ThresholdRules(self._last_of, self._judging.has_slo, self.findings)
        self._booking = Booking(bucket_seconds, self.thresholds.counters)
        self._grids: dict[tuple[int, int], Grid] = {}
        self.setback: Setback | None = None  # until time has caught up with what the clock showed

    @property
    def awake_since(self) -> datetime:
        """Since when silence is the targets', and not ours."""
        return self._judging.awake_since

    @awake_since.setter
    def awake_since(self, at: datetime) -> None:
        self._judging.awake_since = at

    @property
    def targets(self) -> dict[str, Target]:
        """Every collector under watch."""
        return self._booking.targets

    @property
    def indicators(self) -> Iterator[Indicator]:
        """Every SLI under watch, once."""
        return self._booking.indicators

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
        self._booking.targets = dict(targets)
        self.findings.keep(set(targets))
        self.recount(entries)
        self.thresholds.watch(rules)
        self._booking.forget_feeds()

    def recount(self, entries: Sequence[Entry], *, afresh: bool = False) -> None:
        """Watch exactly these SLOs from now on; collectors and threshold rules stay.

        `afresh`: every ledger comes from storage.
        """
        for entry in entries:
            running = self.entries.get(entry.slo.id)
            states = entry.states if running is None else running.states
            succession = succeed(states, entry.slo.tiers, (NO_DATA,))
            entry.states = dict(succession.states)
            entry.renamed = dict(succession.renamed)
        self.entries = {entry.slo.id: entry for entry in entries}
        if afresh:
            self._grids = {}  # what they hold of the past is not enough, or not all there is
            if self.setback is not None and self._looked_at is not None:
                self.setback = self.setback.recounted(self._looked_at)
        for ledger in self._booking.watch(entries):
            ledger.join(grid_for(ledger.bucket_seconds, ledger.reach))  # its place is free
        self._gather()
        self._judging.watch(list(self.entries.values()))

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
        since = target.counters.at if target.counters is not None else None
        increments = self._booking.book(target, observation)
        self._follow(now)
        return [
            *self._judging.heard(observation.collector_id, now),
            *self.thresholds.observe(observation, since, increments, now, self.awake_since),
        ]

    def begins_to_fail(self, observation: Observation) -> bool:
        """Whether this run failed, and the newest one before it did not."""
        if observation.outcome is not Outcome.FAILED:
            return False
        last = self._last_of(observation.collector_id)
        return last is None or last.outcome is not Outcome.FAILED

    def confirm(self, observation: Observation, now: datetime) -> list[AlertChange | Remark]:
        """Take in a look that a rule asked for: evidence, never an event."""
        return self.thresholds.confirm(observation, now, self.awake_since)

    def _follow(self, now: datetime, entries: Iterable[Entry] = ()) -> None:
        """Bring derived SLIs up to date: those whose sources were booked, and of these SLOs."""
        numbers = [entry.indicator.number for entry in entries]
        for number in self._booking.derived.follow(now, numbers):
            self._judging.followed(number, now)

    def fed_by(self, collector_id: str) -> Sequence[Entry]:
        """The SLOs that this collector's observations count for, by themselves or among others."""
        return self._judging.fed_by(collector_id)

    def tick(self, now: datetime, slo_ids: Iterable[str] | None = None) -> list[AlertChange]:
        """Evaluate as time passes: windows slide even when nothing arrives.

        Without `slo_ids` all are looked at, and those evaluated that could change by it; and the
        threshold rules.
        """
        wanted = self.suspects(now) if slo_ids is None else slo_ids
        entries = [self.entries[slo_id] for slo_id in wanted if slo_id in self.entries]
        if slo_ids is not None:
            self._follow(now, entries)
        self._wake(now)
        changes = self._judging.evaluate(entries, now)
        return [*changes, *self.tick_rules(now)] if slo_ids is None else changes

    def tick_rules(self, now: datetime) -> list[AlertChange]:
        """Judge the threshold rules as time passes."""
        return self.thresholds.tick(now, self.awake_since)

    def suspects(self, now: datetime) -> list[str]:
        """Look at all; whose rules an evaluation might change. They are the caller's to `tick`."""
        self._wake(now)
        self._follow(now, self._judging.derived)
        return self._judging.suspects(now)

    def unsettled(self, now: datetime) -> list[str]:
        """Whose budgets may stand otherwise to their marks than when they were `settled`."""
        return self._judging.unsettled(now)

    def settled(self, slo_id: str, band: Band | None) -> None:
        """A look at its marks just now says: within this nothing changes."""
        self._judging.settled(slo_id, band)

    def changed(self, now: datetime, collector_id: str | None = None) -> list[str]:
        """Of whom pages would show something new since they were last told so; of all, or of those
        that a collector feeds.
        """
        return self._judging.changed(now, collector_id)

    def digests(self) -> list[Sheet]:
        """What is true of SLOs at rest, as of the newest look at each; of some it is not told."""
        return self._judging.digests()

    def take_evaluated(self) -> frozenset[str]:
        """Whose rules were judged since this was asked last."""
        return self._judging.take_evaluated()

    @property
    def faults(self) -> Mapping[str, str]:
        """Why our own code could not judge an SLO, by its id."""
        return self._judging.faults

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
        self._judging.watch_anew()
        self._booking.forget_feeds()

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
                entry
                for entry in self.entries.values()
                if entry.indicator.detail is not None and entry.indicator.detail.held is not None
            ],
        )

    def present_facts(self) -> dict[str, Facts]:
        """The facts of every rule that fires, as of its SLO's newest evaluation."""
        return self.thresholds.present_facts() | self._judging.present_facts()

    def book_absence(self, collector_id: str, until: datetime) -> int:
        """Book the runs that were due while we were away as unknown; gives how many."""
        last = self.targets[collector_id].last_due
        missed = self._booking.book_absence(collector_id, until)
        if missed and last is not None:
            self.thresholds.absent(collector_id, last + self.targets[collector_id].interval)
        return missed

    def book_history(
        self, slo_id: str, at: datetime, delta: BucketDelta, causes: Mapping[str, int]
    ) -> None:
        """Book counts that were made elsewhere (the demo's past) as if observed at `at`.

        Of an SLO, or of a vantage of a quorum.
        """
        entry = self.entries.get(slo_id)
        indicator = (
            entry.indicator
            if entry is not None
            else next(
                part
                for one in self.entries.values()
                for part in one.indicator.parts
                if part.slo.id == slo_id
            )
        )
        self._booking.add(indicator, at, delta)
        for cause, bad in causes.items():
            self._booking.add_cause(indicator, at, cause, bad)

    def take_batch(self, batch_id: str) -> CountBatch | None:
        """What has to be stored; None when there is nothing. It is the caller's now."""
        return self._booking.take_batch(batch_id, self._record)

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
                    change = self._evidence.change(entry, status, key, firing=True, now=now)
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
        return self._evidence.why_no_data(entry.indicator, status.at)

    def states(self) -> dict[str, AlertState]:
        """Every rule's state by rule key."""
        return self.thresholds.states() | {
            rule_key(entry.slo, key): state
            for entry in self.entries.values()
            for key, state in entry.states.items()
        }

    def _is_blind(self) -> bool:
        return self.setback is not None and self.setback.lost

    def _last_of(self, collector_id: str | None) -> Observation | None:
        """A collector's newest observation, where there was one."""
        target = self.targets.get(collector_id or "")
        return None if target is None else target.last

    def _record(self, collector_id: str, target: Target) -> CollectorRecord:
        assert target.last_due is not None  # noqa: S101 - only such targets are asked for
        state = pack(target.counters, self.thresholds.fed_by(collector_id), target.position)
        return CollectorRecord(target.last_due, state)
