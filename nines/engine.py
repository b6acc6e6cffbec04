"""Book every observation, judge its SLOs at once, and say which alerts change. No I/O."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import chain

from alerting.alert import NO_DATA_SEVERITY, AlertChange, AlertKind, Facts, Remark
from alerting.desk import Rules
from alerting.wording import data_again_facts, facts_of, no_data_facts
from collectors.observation import Cause, Observation, Outcome
from nines.silence import why_no_data
from nines.storage.counts import CauseDelta, CollectorRecord, CountBatch
from nines.threshold_memory import pack
from nines.thresholds import ThresholdRules, Watched
from slo.alert_state import AlertState, Phase
from slo.counter import Increment, advance, smear
from slo.counter_state import TargetState
from slo.definition import SLO, EventsSLI, GaugeSLI, HistogramSLI, ProbeSLI, sources
from slo.evaluate import NO_DATA, evaluate
from slo.exposition import Page
from slo.gauge import read_gauges
from slo.ledger import BucketDelta, Ledger
from slo.status import SLOStatus
from slo.succession import succeed

# Beyond six hours no window looks at base buckets, so time that we slept through is booked there
# in five-minute strides.
_FINE_GAP = timedelta(hours=6)
_COARSE_STRIDE = timedelta(minutes=5)
# No look for so long: we slept (a suspended machine, a stopped process), or the clock was set.
_ASLEEP = timedelta(seconds=45)
_RUNS_KNOWN = 128  # of a target; no more than 30 are ever under way
_ANOMALIES_KEPT = 50  # sentences for an SLO; they name series, and pages invent those without end


@dataclass(slots=True)
class Indicator:
    """One SLI under watch: its counts, stored as series `number`; `slo` is any of its SLOs."""

    slo: SLO
    number: int
    fingerprint: str
    ledger: Ledger
    last_detail: dict[str, str] = field(default_factory=dict)  # cause -> newest sentence
    anomalies: dict[str, int] = field(default_factory=dict)  # sentence -> how often

    @property
    def id(self) -> str:
        """What it is fed by: the `service/name` that its SLOs share."""
        return self.slo.sli_id


@dataclass(slots=True)
class Entry:
    """One SLO under watch, judged over its SLI: its rules' states, its newest status."""

    slo: SLO
    indicator: Indicator
    states: dict[str, AlertState] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)  # tiers gone, and who took their place
    status: SLOStatus | None = None
    fault: str | None = None  # why our own code could not judge it, when it could not
    watched_from: datetime | None = None  # None: since the engine is awake

    @property
    def ledger(self) -> Ledger:
        return self.indicator.ledger


@dataclass(slots=True)
class Target:
    """One collector as the engine knows it."""

    interval: timedelta
    last_due: datetime | None = None
    last: Observation | None = None
    counters: TargetState | None = None  # None: a probe, or a page that was never read
    met: dict[datetime, None] = field(default_factory=dict)  # the runs that were counted lately

    def meets(self, due: datetime) -> bool:
        """Whether the run that was due then is new: one that is told twice is one event."""
        if due in self.met:
            return False
        self.met[due] = None
        if len(self.met) > _RUNS_KNOWN:
            del self.met[next(iter(self.met))]
        return True


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
        self._judged: dict[str, list[Entry]] = {}  # by the collector that feeds it
        self._deltas: dict[int, dict[int, BucketDelta]] = {}
        self._causes: dict[int, dict[tuple[int, str], int]] = {}
        self._observed: dict[int, datetime] = {}
        self._dirty_targets: set[str] = set()
        self.thresholds = ThresholdRules(self._last_of, self._has_slo)

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
        known = {id(one.ledger) for fed in self._indicators.values() for one in fed}
        self._indicators, self._judged = {}, {}
        for entry in entries:
            running = self.entries.get(entry.slo.id)
            states = entry.states if running is None else running.states
            succession = succeed(states, entry.slo.tiers, (NO_DATA,))
            entry.states = dict(succession.states)
            entry.renamed = dict(succession.renamed)
            collector_id = entry.slo.collector_id
            self._judged.setdefault(collector_id, []).append(entry)
            fed = self._indicators.setdefault(collector_id, [])
            if any(one is entry.indicator for one in fed[-1:]):
                continue  # SLOs of one SLI stand together
            fed.append(entry.indicator)
            if id(entry.ledger) not in known:
                for delta in self._deltas.get(entry.indicator.number, {}).values():
                    entry.ledger.book(datetime.fromtimestamp(delta.bucket, UTC), delta)
        self.entries = {entry.slo.id: entry for entry in entries}
        self.targets = dict(targets)
        self.thresholds.watch(rules)

    def observe(self, observation: Observation, now: datetime) -> list[AlertChange]:
        """Book one observation and evaluate the SLOs that it feeds, at once."""
        target = self.targets.get(observation.collector_id)
        if target is None:
            return []  # its collector left the configuration while it was under way
        if not target.meets(observation.due):
            return []
        fed = self._indicators.get(observation.collector_id, [])
        since = target.counters.at if target.counters is not None else None
        increments = self._increments(target, fed, observation)
        for indicator in fed:
            if isinstance(indicator.slo.sli, ProbeSLI):
                self._book_probe(indicator, observation)
            else:
                self._book_increment(indicator, observation, increments.get(indicator.id))
        if target.last_due is None or observation.due >= target.last_due:
            target.last_due, target.last = observation.due, observation
        self._dirty_targets.add(observation.collector_id)
        return [
            *self._evaluate_all(self.fed_by(observation.collector_id), now),
            *self.thresholds.observe(observation, since, increments, now, self.awake_since),
        ]

    def confirm(self, observation: Observation, now: datetime) -> list[AlertChange | Remark]:
        """Take in a look that a rule asked for: evidence, never an event."""
        return self.thresholds.confirm(observation, now, self.awake_since)

    def fed_by(self, collector_id: str) -> Sequence[Entry]:
        """The SLOs that this collector's observations count for."""
        return self._judged.get(collector_id, [])

    @property
    def indicators(self) -> Iterator[Indicator]:
        """Every SLI under watch, once."""
        return chain.from_iterable(self._indicators.values())

    def tick(self, now: datetime, slo_ids: Iterable[str] | None = None) -> list[AlertChange]:
        """Evaluate as time passes: windows slide even when nothing arrives.

        Without `slo_ids` it is all of them, and the threshold rules.
        """
        wanted = self.entries if slo_ids is None else slo_ids
        changes = self._evaluate_all(
            [self.entries[slo_id] for slo_id in wanted if slo_id in self.entries], now
        )
        return [*changes, *self.tick_rules(now)] if slo_ids is None else changes

    def tick_rules(self, now: datetime) -> list[AlertChange]:
        """Judge the threshold rules as time passes."""
        return self.thresholds.tick(now, self.awake_since)

    def present_facts(self) -> dict[str, Facts]:
        """The facts of every rule that fires, as of its SLO's newest evaluation."""
        return self.thresholds.present_facts() | {
            rule_key(entry.slo, key): self._facts(entry, entry.status, key, firing=True)
            for entry in self.entries.values()
            if entry.status is not None
            for key, state in entry.states.items()
            if state.phase is Phase.FIRING
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
        if not (self._deltas or self._dirty_targets):
            return None
        batch = CountBatch(
            deltas={series: tuple(rows.values()) for series, rows in self._deltas.items()},
            causes={
                series: tuple(
                    CauseDelta(bucket, cause, bad) for (bucket, cause), bad in rows.items()
                )
                for series, rows in self._causes.items()
            },
            collector_states={
                name: self._record(name, self.targets[name])
                for name in self._dirty_targets
                if name in self.targets and self.targets[name].last_due is not None
            },
            observed=dict(self._observed),
            id=batch_id,
        )
        self._deltas, self._causes, self._observed = {}, {}, {}
        self._dirty_targets = set()
        return batch

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
                if state.phase is Phase.FIRING and entry.status is not None:
                    change = self._change(entry, key, firing=True, now=now)
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

    def states(self) -> dict[str, AlertState]:
        """Every rule's state by rule key."""
        return self.thresholds.states() | {
            rule_key(entry.slo, key): state
            for entry in self.entries.values()
            for key, state in entry.states.items()
        }

    def _increments(
        self, target: Target, fed: Sequence[Indicator], observation: Observation
    ) -> Mapping[str, Increment]:
        page = observation.page
        if page is None or _older(observation, target):
            return {}
        gauges = {
            indicator.id: read_gauges(indicator.slo.sli, page)
            for indicator in fed
            if isinstance(indicator.slo.sli, GaugeSLI)
        }
        slis = {
            indicator.id: indicator.slo.sli
            for indicator in fed
            if isinstance(indicator.slo.sli, EventsSLI | HistogramSLI)
        } | self.thresholds.counters(observation.collector_id)
        if not slis:
            return gauges
        state = target.counters if target.counters is not None else TargetState()
        target.counters, increments = advance(state, page, observation.due, slis, target.interval)
        return {**increments, **gauges}

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
            self._book(indicator, observation.due, missed=1)
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

    def _add(self, indicator: Indicator, at: datetime, delta: BucketDelta) -> None:
        indicator.ledger.book(at, delta)
        self._pend(indicator.number, delta)
        if delta.seen:
            self._observed[indicator.number] = max(at, self._observed.get(indicator.number, at))

    def _add_cause(self, indicator: Indicator, at: datetime, cause: str, bad: int) -> None:
        bucket = indicator.ledger.book_cause(at, cause, bad)
        pending = self._causes.setdefault(indicator.number, {})
        pending[bucket, cause] = pending.get((bucket, cause), 0) + bad

    def _pend(self, series_id: int, delta: BucketDelta) -> None:
        rows = self._deltas.setdefault(series_id, {})
        have = rows.get(delta.bucket)
        rows[delta.bucket] = delta if have is None else have + delta

    def _evaluate_all(self, entries: Iterable[Entry], now: datetime) -> list[AlertChange]:
        if self._looked_at is not None and abs(now - self._looked_at) > _ASLEEP:
            self.awake_since = now  # what was silent meanwhile was silent to nobody
        self._looked_at = now
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
        entry.status, entry.states = evaluate(
            entry.slo, entry.ledger, now, before, self._awake_for(entry)
        )
        if entry.indicator.anomalies:
            entry.status = replace(entry.status, anomalies=dict(entry.indicator.anomalies))
        return [
            self._change(entry, key, firing=is_firing, now=now)
            for key, state in entry.states.items()
            if (is_firing := state.phase is Phase.FIRING) != _was_firing(before, key)
        ]

    def _awake_for(self, entry: Entry) -> datetime:
        """Since when silence about it is the target's, and not ours."""
        return max(self.awake_since, entry.watched_from or self.awake_since)

    def _change(self, entry: Entry, key: str, *, firing: bool, now: datetime) -> AlertChange:
        assert entry.status is not None  # noqa: S101 - set by the evaluation that calls this
        slo, kind, severity = entry.slo, AlertKind.NO_DATA, NO_DATA_SEVERITY
        if key != NO_DATA:
            kind = AlertKind.BURN
            severity = next(tier.severity for tier in slo.tiers if tier.key == key)
        facts = self._facts(entry, entry.status, key, firing=firing)
        return AlertChange(
            rule_key(slo, key), slo.service, slo.key, kind, severity, firing, now, facts, slo.shadow
        )

    def _facts(self, entry: Entry, status: SLOStatus, key: str, *, firing: bool) -> Facts:
        if key == NO_DATA:
            if firing:
                last = self._last_of(entry.slo.collector_id)
                missing = entry.indicator.last_detail.get(NO_DATA, "")
                return no_data_facts(status, *why_no_data(last, missing))
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

    def _has_slo(self, collector_id: str) -> bool:
        """Whether an SLO is fed by a collector, and so tells that it went silent."""
        return bool(self.fed_by(collector_id))

    def _last_of(self, collector_id: str) -> Observation | None:
        """A collector's newest observation, where there was one."""
        target = self.targets.get(collector_id)
        return None if target is None else target.last

    def _record(self, collector_id: str, target: Target) -> CollectorRecord:
        assert target.last_due is not None  # noqa: S101 - only such targets are asked for
        state = pack(target.counters, self.thresholds.fed_by(collector_id))
        return CollectorRecord(target.last_due, state)


def rule_key(slo: SLO, key: str) -> str:
    """What names a rule over its episodes: `service/slo#page:1h:5m`."""
    return f"{slo.id}#{key}"


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


def _was_firing(states: Mapping[str, AlertState], key: str) -> bool:
    state = states.get(key)
    return state is not None and state.phase is Phase.FIRING
