"""Book what is observed into the counts of the SLIs that it feeds, and keep it to be stored."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain

import numpy as np

from collectors.observation import Cause, Observation, Outcome
from nines.derived import Booked, Derivations
from nines.entry import Entry
from nines.feed import Block, Feed
from nines.indicator import Indicator
from nines.pending import Pending
from nines.storage.batches import CollectorRecord, CountBatch
from nines.target import Target
from slo.counter import advance, smear
from slo.counter_state import TargetState
from slo.definition import (
    SLO,
    CounterSLI,
    EventsSLI,
    GaugeSLI,
    HistogramSLI,
    ProbeSLI,
    is_vantage,
    sources,
)
from slo.evaluate import NO_DATA
from slo.exclusion import counted_causes
from slo.exposition import Page
from slo.gauge import read_gauges
from slo.grain import BAD, COLUMNS, GOOD, SEEN
from slo.increment import Counted, Increment
from slo.ledger import FIVE_MINUTES, BucketDelta, Ledger, epoch_micros
from slo.selector import Selector

# Beyond six hours no window looks at base buckets, so time that we slept through is booked there
# in five-minute strides.
_FINE_GAP = timedelta(hours=6)
_COARSE_STRIDE = timedelta(minutes=5)
_NUL_SHOWN = "\N{REPLACEMENT CHARACTER}"
_ANOMALIES_KEPT = 50  # sentences for an SLO; they name series, and pages invent those without end


class Booking:
    """Every SLI under watch, by what feeds it. `of_rules` are the counters that a collector's
    threshold rules read.
    """

    def __init__(
        self, bucket_seconds: int, of_rules: Callable[[str], dict[str, CounterSLI]]
    ) -> None:
        self.bucket_seconds = bucket_seconds
        self._of_rules = of_rules
        self.targets: dict[str, Target] = {}
        self._indicators: dict[str, list[Indicator]] = {}  # by the collector that feeds it
        self._unfed: list[Indicator] = []  # derived, and what stands beside them
        self._feeds: dict[str, Feed] = {}
        self.derived = Derivations(bucket_seconds, self.add, self.add_cause)
        self._pending = Pending()
        self._dirty: set[str] = set()

    def watch(self, entries: Sequence[Entry]) -> list[Ledger]:
        """Book to the SLIs of exactly these from now on; gives the ledgers that nobody has now.

        A ledger that was loaded anew gets what storage does not have yet.
        """
        before = {one.number: one for one in self.indicators}
        wanted: dict[int, Indicator] = {}
        for indicator in chain.from_iterable(entry.indicator.whole for entry in entries):
            wanted.setdefault(indicator.number, indicator)
        self._indicators, self._unfed, self._feeds = {}, [], {}
        for number, indicator in wanted.items():
            fed_by = indicator.slo.collector_id
            fed = self._unfed if fed_by is None else self._indicators.setdefault(fed_by, [])
            fed.append(indicator)
            former = before.get(number)
            if former is None or former.ledger is not indicator.ledger:
                self._catch_up(indicator, former)
        self.derived.watch((entry.indicator for entry in entries), self.targets)
        kept = {id(one.ledger) for one in wanted.values()}
        return [one.ledger for one in before.values() if id(one.ledger) not in kept]

    def forget_feeds(self) -> None:
        """Put together anew what each collector feeds: ledgers moved, or rules came or went."""
        self._feeds = {}

    @property
    def indicators(self) -> Iterator[Indicator]:
        """Every SLI under watch, once."""
        return chain(chain.from_iterable(self._indicators.values()), self._unfed)

    def book(self, target: Target, observation: Observation) -> Mapping[str, Increment]:
        """Book it to all that it feeds; gives what its counters counted, by what for."""
        feed = self._feed(observation.collector_id)
        increments = self._count(target, feed, observation)
        if target.is_told:
            self._book_told(target, feed, observation)
        else:
            for probe in feed.probes:
                self._book_probe(probe, observation)
        self._book_counted(feed, observation, increments)
        self._book_gauges(target, feed, observation)
        if target.last_due is None or observation.due >= target.last_due:
            target.last_due = observation.due
            target.saw(observation)
        self._dirty.add(observation.collector_id)
        return increments

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
                # Of a job's runs those that were due are told by its next look.
                is_run = not target.is_told or is_vantage(indicator.slo)
                is_event = isinstance(indicator.slo.sli, ProbeSLI) and is_run
                unknown = together if is_event else 0
                self._book(indicator, at, unknown=unknown, missed=together)
            at += together * target.interval
            left -= together
        if missed:
            target.last_due = first + (missed - 1) * target.interval
            self._dirty.add(collector_id)
        return missed

    def add(self, indicator: Booked, at: datetime, delta: BucketDelta) -> None:
        """Add to one bucket of an SLI."""
        indicator.ledger.book(at, delta)
        if indicator.raw is not None:
            indicator.raw.book(at, delta)
        if indicator.detail is not None:
            indicator.detail.book(delta)
            self.derived.heard(indicator.number, delta.bucket)
        self._pending.add(indicator.number, at, delta)

    def add_cause(self, indicator: Booked, at: datetime, cause: str, bad: int) -> None:
        """Remember what made events of an SLI bad."""
        cause = cause.replace("\0", _NUL_SHOWN)  # a label may have one; PostgreSQL's text may not
        bucket = indicator.ledger.book_cause(at, cause, bad)
        if indicator.detail is not None:
            indicator.detail.book_cause(bucket, cause, bad)
        self._pending.add_cause(indicator.number, bucket, cause, bad)

    def take_batch(
        self, batch_id: str, record: Callable[[str, Target], CollectorRecord]
    ) -> CountBatch | None:
        """What has to be stored; None when there is nothing. It is the caller's now."""
        self.derived.settle()
        if not (self._pending or self._dirty):
            return None
        records = {
            name: record(name, self.targets[name])
            for name in self._dirty
            if name in self.targets and self.targets[name].last_due is not None
        }
        self._dirty = set()
        return self._pending.take(records, batch_id)

    def _feed(self, collector_id: str) -> Feed:
        feed = self._feeds.get(collector_id)
        if feed is None:
            fed = self._indicators.get(collector_id, [])
            feed = self._feeds[collector_id] = Feed(fed, self._of_rules(collector_id))
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
        if page.position is not None:
            target.counters = replace(target.counters, position=page.position)
        if page.absent:
            return {
                name: _untold(increment, feed.slis[name], page)
                for name, increment in increments.items()
            }
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

    def _book_probe(self, indicator: Indicator, observation: Observation) -> None:
        match observation.outcome:
            case Outcome.PASSED:
                self._book(indicator, observation.due, good=1, seen=1)
            case Outcome.FAILED:
                self._book(indicator, observation.due, bad=1, seen=1)
                cause = cause_label(observation)
                self.add_cause(indicator, observation.due, cause, 1)
                indicator.last_detail[cause] = observation.detail
            case Outcome.UNKNOWN:
                self._book(indicator, observation.due, unknown=1, missed=1)

    def _book_told(self, target: Target, feed: Feed, observation: Observation) -> None:
        """A look at what a job told: an event for each of its runs, and none for the look.

        A quorum asks how its vantages do at the same time, and runs of jobs seldom coincide: there
        the look is the event, and says how the newest run stands.
        """
        told = observation.told
        if told is None or _older(observation, target):
            for one in feed.probes:
                unknown = int(is_vantage(one.slo))
                self._book(one, observation.due, unknown=unknown, missed=1)
            return
        for one in feed.probes:
            if is_vantage(one.slo):
                self._book_probe(one, replace(observation, outcome=told.stands))
                continue
            self._book(one, observation.due, seen=1)
            for run in told.runs:
                bucket = one.ledger.bucket_of(run.at)
                good, bad, unknown = (int(run.outcome is outcome) for outcome in Outcome)
                self.add(one, observation.due, BucketDelta(bucket, good, bad, unknown))
                if bad:
                    self.add_cause(one, run.at, run.label, 1)
                    one.last_detail[run.label] = run.detail
        target.position = told.position

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
                self.add(indicator, observation.due, delta)
            self._book(indicator, observation.due, unknown=increment.unknown, seen=1)
        for cause, bad in increment.by.items():
            self.add_cause(indicator, observation.due, cause, bad)

    def _book_gauges(self, target: Target, feed: Feed, observation: Observation) -> None:
        page = None if _older(observation, target) else observation.page
        for one in feed.gauges:
            increment = None
            if page is not None and isinstance(one.slo.sli, GaugeSLI):
                increment = read_gauges(one.slo.sli, page)
            self._book_increment(one, observation, increment)

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
        self.add(indicator, at, BucketDelta(bucket, good, bad, unknown, seen, missed))

    def _book_block(self, block: Block, counted: Counted, at: datetime) -> None:
        """Book what one page counted for many SLIs of one grid at once."""
        amounts = np.zeros((len(block.numbers), COLUMNS), np.int64)
        amounts[:, GOOD], amounts[:, BAD] = counted.good[block.at], counted.bad[block.at]
        amounts[:, SEEN] = 1
        micros = epoch_micros(at)
        bucket = micros // 1_000_000 // self.bucket_seconds * self.bucket_seconds
        block.grid.book_many(block.places, bucket, amounts, micros)
        self._pending.add_page(block.numbers, at, bucket, amounts)

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


def _untold(increment: Increment, sli: CounterSLI, page: Page) -> Increment:
    """What it counted of a page that does not tell all that it reads: such events are unknown.

    A bad counter that is not on a Prometheus page is 0; this one was looked for.
    """
    missing = _why_absent(sources(sli), page)
    if not missing:
        return increment
    unknown = increment.good + increment.bad + increment.unknown
    return replace(increment, good=0, bad=0, unknown=unknown, by={}, data=False, missing=missing)


def _why_absent(selectors: Iterable[Selector], page: Page) -> str:
    metrics = dict.fromkeys(one.metric for one in selectors)
    return "; ".join(f"{one}: {page.absent[one]}" for one in metrics if one in page.absent)


def _missing_series(slo: SLO, page: Page) -> str:
    sli = slo.sli
    selectors = sli.total if isinstance(sli, EventsSLI | HistogramSLI) else sources(sli)
    wanted = ", ".join(str(selector) for selector in selectors)
    # Whose lines were counted is only known of a page that was read whole.
    size = f" of {page.lines:,} lines" if page.lines else ""
    why = _why_absent(selectors, page)
    return f"the page{size} has no series for {wanted}" + (f" ({why})" if why else "")


def _older(observation: Observation, target: Target) -> bool:
    return target.last_due is not None and observation.due <= target.last_due
