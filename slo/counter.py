"""From two pages to exact increments: resets, new series, other processes, gaps."""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from fractions import Fraction
from functools import cached_property, partial

from slo.calm import CALM_PAGES, JITTER_SECONDS, difference, go_on, name_of
from slo.counter_memory import Memory, Number, SeriesState
from slo.counter_state import TargetState
from slo.definition import CounterSLI, HistogramSLI
from slo.exposition import Page, Sample, Samples, Series
from slo.increment import MOST_EVENTS, Exact, Increment, fit, largest, lost_events
from slo.native_edges import (
    Cumulative,
    histogram_of,
    is_former_edge,
    split,
    threshold_of,
    with_edges,
)
from slo.selection import Reads, Selection
from slo.selector import Selector

_VANISHED_LIMIT = 20_000
_STARTS_LIMIT = 8
_ANOMALIES_LIMIT = 10
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def advance(
    state: TargetState,
    page: Page,
    at: datetime,
    slis: Mapping[str, CounterSLI],
    interval: timedelta,
) -> tuple[TargetState, Mapping[str, Increment]]:
    """The state after one more good page at `at`, and what each SLO (by id) counted since.

    Rules: semantics 2, "Counters". Pages are to be given in the order of their times.
    """
    found = difference(state, page, at, slis, interval)
    if found is not None:
        count_odd = partial(_count_odd, state, page, at, interval)
        return go_on(state, page, at, interval, found, count_odd)
    return _advance(state, with_edges(page, slis.values()), at, slis, interval)


def _count_odd(
    state: TargetState,
    page: Page,
    at: datetime,
    interval: timedelta,
    slo: str,
    read: Sequence[Series],
) -> tuple[Memory, Increment]:
    """One SLI that is no difference, on a page of which others are."""
    selection = state.selection
    assert selection is not None  # noqa: S101 - such a state has one
    deltas = {
        series: _delta(state, series, page.samples[series], state.matches[series], _Switch.SAME)
        for series in read
    }
    sli, reads = selection.slis[slo], selection.reads[slo]
    return _Counting(state, page, at, slo, sli, reads, interval, deltas).count(leap=False)


def _advance(
    state: TargetState,
    page: Page,
    at: datetime,
    slis: Mapping[str, CounterSLI],
    interval: timedelta,
) -> tuple[TargetState, Mapping[str, Increment]]:
    """By every rule, whatever happened."""
    selection = state.selection
    if selection is None or not selection.is_of(slis):
        selection = Selection(slis)
    matches = selection.matches(page.samples, state.matches if selection is state.selection else {})
    selected = {series: (page.samples[series], names) for series, names in matches.items() if names}
    switch = _switch(state, page, selected)
    flips, calm = _unrest(state, switch)
    deltas: dict[str, dict[Series, _Delta]] = {slo: {} for slo in slis}
    for series, (sample, names) in selected.items():
        delta = _delta(state, series, sample, names, switch)
        for slo in selection.readers(names):
            deltas[slo][series] = delta
    untrusted = page.process_start is None and flips >= 3
    unknown = switch is _Switch.OTHER or untrusted
    increments: dict[str, Increment] = {}
    memories: dict[str, Memory] = {}
    for slo, sli in slis.items():
        counting = _Counting(state, page, at, slo, sli, selection.reads[slo], interval, deltas[slo])
        if unknown:
            memories[slo], increments[slo] = counting.refuse(
                "several processes answer behind one address: what they counted cannot be told "
                "apart"
                if flips >= 2
                else "another process than before answered: counted from this page on"
            )
        else:
            memories[slo], increments[slo] = counting.count(leap=switch is _Switch.LEAP)
    series_after, forgot = _remember(state, page, selected, selection.metrics, switch, calm)
    after = TargetState(
        at=at,
        process_start=_either(page.process_start, state.process_start),
        starts=_starts(state, page, calm),
        selectors=selection.selectors,
        series=series_after,
        memories=memories,
        flips=flips,
        calm=calm,
        forgot=forgot,
        selection=selection,
        matches=matches,
        layout=page.samples.layout if isinstance(page.samples, Samples) else None,
    )
    return after, increments


def smear(
    increment: Increment, start: datetime, end: datetime, bucket_seconds: int
) -> list[tuple[int, int, int]]:
    """(bucket, good, bad) of the increment's events, spread evenly over the buckets of a gap.

    The gap is (start, end]. Sums are exact, bad never exceeds a bucket's total, and buckets that
    get no event are left out.
    """
    bucket = timedelta(seconds=bucket_seconds)
    first = (start - _EPOCH) // bucket
    # What ends on an edge belongs to the bucket that the edge closes.
    last = max(first, -((_EPOCH - end) // bucket) - 1)
    count = last - first + 1
    total = increment.good + increment.bad
    spread = []
    total_before = bad_before = 0
    for index in range(1, count + 1):
        total_now = total * index // count
        bad_now = increment.bad * total_now // total if total else 0
        bad = bad_now - bad_before
        good = total_now - total_before - bad
        if good or bad:
            spread.append(((first + index - 1) * bucket_seconds, good, bad))
        total_before, bad_before = total_now, bad_now
    return spread


def _selects(selectors: Iterable[Selector], series: Series) -> bool:
    return any(
        selector.metric == series.metric and selector.matches(dict(series.labels))
        for selector in selectors
    )


Selected = Mapping[Series, tuple[Sample, frozenset[str]]]  # with the selectors, as text


# --- Which process answered. ---


class _Switch(Enum):
    """How this page's process is related to the previous page's."""

    FIRST = auto()  # there was no page before
    SAME = auto()
    RESTART = auto()  # it started later than the one before, and was never seen
    OTHER = auto()  # it started earlier, or was seen before
    FELL = auto()  # values fell, and nothing says why
    LEAP = auto()  # values are back above where they fell from, and nothing says why


def _switch(state: TargetState, page: Page, selected: Selected) -> _Switch:
    if state.at is None:
        return _Switch.FIRST
    pairs = [
        (sample, before)
        for series, (sample, _) in selected.items()
        if (before := state.series.get(series)) is not None and _is_count(sample.value)
    ]
    fell = any(now.value < before.value for now, before in pairs)
    if any(_is_older(now, before) for now, before in pairs):
        return _Switch.OTHER
    start, previous = page.process_start, state.process_start
    if start is not None and previous is not None:
        if _near(start, previous) and not (fell and start > previous):
            return _Switch.SAME
        known = any(_near(start, one) for one in state.starts if not _near(one, previous))
        return _Switch.OTHER if start < previous or known else _Switch.RESTART
    if any(_is_newer(now, before) for now, before in pairs):
        return _Switch.SAME  # the page itself says which of its counters began anew
    if fell:
        return _Switch.FELL
    left = [(now.value, before.other_value) for now, before in pairs]
    heights = [(value, other) for value, other in left if other is not None]
    if state.flips % 2 and heights and all(value >= other for value, other in heights):
        return _Switch.LEAP
    return _Switch.SAME


def _near(one: float, other: float) -> bool:
    """One process's start, told twice."""
    return abs(one - other) < JITTER_SECONDS


def _is_newer(now: Sample, before: SeriesState) -> bool:
    """The counter was created after the one of the previous page."""
    if now.created is None or before.created is None:
        return False
    return now.created > before.created


def _is_older(now: Sample, before: SeriesState) -> bool:
    """The counter was created before the previous page's, or is the one that answered before."""
    if now.created is None or before.created is None or now.created == before.created:
        return False
    return now.created < before.created or now.created == before.other_created


def _unrest(state: TargetState, switch: _Switch) -> tuple[int, int]:
    """How often the process seemed to switch lately, and for how many pages it has not.

    Without a start to go by, falls and leaps count by turns: odd after a fall, even after a leap.
    A process that falls again and again is only crashing.
    """
    match switch:
        case _Switch.OTHER | _Switch.LEAP:
            return state.flips + 1, 0
        case _Switch.FELL:
            return state.flips + (1 if state.flips % 2 == 0 else 0), 0
        case _Switch.RESTART:
            return state.flips, 0
        case _:
            calm = min(state.calm + 1, CALM_PAGES)
            return (0 if calm >= CALM_PAGES else state.flips), calm


def _starts(state: TargetState, page: Page, calm: int) -> tuple[float, ...]:
    if page.process_start is None:
        return state.starts
    others = tuple(start for start in state.starts if not _near(start, page.process_start))
    return (*(() if calm >= CALM_PAGES else others[-_STARTS_LIMIT:]), page.process_start)


# --- What one series counted. ---


@dataclass(frozen=True, slots=True)
class _Delta:
    """What a series counted since the previous page; exactly one of the first four is not None.

    `known`: that much. `fresh`: that much, if it began at 0 in this process. `baseline`: nothing
    that could be known, and a sentence where that is worth one. `broken`: the page has no count.
    `own`: as far as its own process's last page can tell, whichever process answered since.
    """

    names: frozenset[str]
    known: Exact | None = None
    fresh: Exact | None = None
    baseline: str | None = None
    broken: str | None = None
    own: Exact = 0


def _delta(
    state: TargetState, series: Series, sample: Sample, names: frozenset[str], switch: _Switch
) -> _Delta:
    if not _is_count(sample.value):
        # Without its value: a counter that goes on falling is one anomaly, not one for each page.
        what = "negative" if math.isfinite(sample.value) else f"{sample.value:g}"
        said = f"{series} is {what}, which is no count: it is left out"
        return _Delta(names, broken=said)
    value, before = _exact(sample.value), state.series.get(series)
    if switch is _Switch.FIRST:
        return _Delta(names, baseline="")
    if switch is _Switch.RESTART:
        watched = before is not None or not names.isdisjoint(state.selectors)
        if before is not None and not before.vanished:
            return _Delta(names, known=value)
        return _Delta(names, fresh=value) if watched else _Delta(names, baseline="")
    if before is None:
        return _first_value(state, series, sample, names)
    if switch in (_Switch.OTHER, _Switch.FELL, _Switch.LEAP):
        base = before.other_value
        own = value - _exact(base) if base is not None and value >= base else 0
    else:
        own = value - _exact(before.value) if value >= before.value else value
    if value < before.value or _is_newer(sample, before):
        return _Delta(names, known=value, own=own)
    return _Delta(names, known=value - _exact(before.value), own=own)


def _first_value(
    state: TargetState, series: Series, sample: Sample, names: frozenset[str]
) -> _Delta:
    """A series that this process of the target never showed: it began at 0, with exceptions."""
    if names.isdisjoint(state.selectors):
        return _Delta(names, baseline="")  # newly selected: its past is not ours
    if state.forgot:
        said = f"{series} is new, but too many series come and go to be sure: counted from now on"
        return _Delta(names, baseline=said)
    if sample.created is not None and state.at and sample.created < state.at.timestamp():
        said = f"{series} is new, but was created before the last page: counted from now on"
        return _Delta(names, baseline=said)
    return _Delta(names, fresh=_exact(sample.value))


def _is_count(value: Number) -> bool:
    return math.isfinite(value) and value >= 0


def _exact(value: Number) -> Exact:
    return value if isinstance(value, int) else Fraction(value)


def _either(first: float | None, second: float | None) -> float | None:
    return first if first is not None else second


def _remember(
    state: TargetState,
    page: Page,
    selected: Selected,
    metrics: frozenset[str],
    switch: _Switch,
    calm: int,
) -> tuple[dict[Series, SeriesState], bool]:
    """The series after this page, and whether some that vanished had to be forgotten."""
    restarted = switch is _Switch.RESTART
    switched = restarted or switch in (_Switch.OTHER, _Switch.FELL, _Switch.LEAP)
    after: dict[Series, SeriesState] = {}
    for series, (sample, _) in selected.items():
        before = state.series.get(series)
        if not _is_count(sample.value):
            if before is not None:
                after[series] = before
            continue
        other: tuple[Number | None, float | None] = (None, None)
        if before is not None and switched:
            other = before.value, before.created
        elif before is not None and calm < CALM_PAGES:
            other = before.other_value, before.other_created
        after[series] = SeriesState(sample.value, sample.created, False, *other)
    if restarted:
        return after, False  # the former process's series are gone for good
    gone = [
        series
        for series in state.series
        if series not in page.samples
        and series.metric in metrics
        and not is_former_edge(series, page)
    ]
    kept = gone[:_VANISHED_LIMIT]  # those that went last come first
    after.update({series: replace(state.series[series], vanished=True) for series in kept})
    return after, state.forgot or len(kept) < len(gone)


# --- What one SLI counted. ---


class _Counting:
    """One SLI at one page."""

    def __init__(
        self,
        state: TargetState,
        page: Page,
        at: datetime,
        slo: str,
        sli: CounterSLI,
        reads: Reads,
        interval: timedelta,
        deltas: Mapping[Series, _Delta],
    ) -> None:
        self._state, self._page, self._at = state, page, at
        self._sli, self._interval = sli, interval
        self._total_names, self._side_names = reads.total, reads.side
        self._edge_names = reads.edges
        self._deltas = deltas
        self._memory = self._recall(slo, reads.mark)
        self._gap_since: datetime | None = None
        if state.at is not None and (at - state.at) * 2 > interval * 5:
            self._gap_since = state.at
        self._anomalies: list[str] = []

    def refuse(self, why: str) -> tuple[Memory, Increment]:
        """Nothing of this page can be told; how many events that are is told where it can be."""
        unknown = math.floor(sum(delta.own for delta in self._of(self._total_names)))
        return self._memory, Increment(
            unknown=unknown if unknown <= MOST_EVENTS else 0,
            anomalies=(why,),
            gap_since=self._gap_since,
            data=self._has_data(),
        )

    def count(self, *, leap: bool) -> tuple[Memory, Increment]:
        """Good and bad events. A `leap` beyond this SLI's pace is another process's past."""
        missing = self._missing_edge()
        if missing:
            return self._memory, Increment(anomalies=(missing,), data=False, missing=missing)
        if self._is_new and self._state.at is not None:
            return self._memory, self._increment()  # its past is not ours, whoever else counts it
        counts = {
            series: self._worth(delta, series)
            for series, delta in self._deltas.items()
            # Native edges count with their histogram.
            if self._edge_names.isdisjoint(delta.names)
        }
        total = self._sum(counts, self._total_names)
        side = self._sum(counts, self._side_names)
        if max(total, side) > MOST_EVENTS:
            return self.refuse("more events since the last page than can be: they are left out")
        if leap and total > self._witness:
            return self.refuse(
                "the counters leapt back to where they fell from: several processes seem to "
                "answer behind one address"
            )
        unsplit: Exact = 0
        if isinstance(self._sli, HistogramSLI):
            counts, unsplit = self._splittable(counts, self._sli)
            total = self._sum(counts, self._total_names)
            side = self._sum(counts, self._side_names | self._edge_names)
        total += self._memory.total_rest
        side += self._memory.side_rest
        memory = replace(self._memory, total_rest=Fraction(total % 1), side_rest=Fraction(side % 1))
        events, sided = math.floor(total), math.floor(side)
        if self._side_vanished():
            self._say("the series of the good events vanished: these events are unknown")
            return self._paced(memory, events), self._increment(unknown=events)
        sided, memory = self._carried(memory, events, sided)
        good, bad = (events - sided, sided) if self._sli.bad else (sided, events - sided)
        by = self._contributors(counts)
        unknown = math.floor(unsplit)
        increment = self._increment(good=good, bad=bad, unknown=unknown, by=by)
        return self._paced(memory, events + unknown), increment

    def _increment(
        self, *, good: int = 0, bad: int = 0, unknown: int = 0, by: Mapping[str, int] | None = None
    ) -> Increment:
        said = self._anomalies[:_ANOMALIES_LIMIT]
        if len(self._anomalies) > len(said):
            said.append(f"and {len(self._anomalies) - len(said)} more such anomalies")
        missing = self._without_count()
        data = self._has_data() and not missing
        return Increment(good, bad, unknown, by or {}, tuple(said), self._gap_since, data, missing)

    def _recall(self, slo: str, selectors: str) -> Memory:
        """This SLI's memory; an SLI that now selects something else begins a new one."""
        memory = self._state.memories.get(slo)
        self._is_new = memory is None or memory.selectors != selectors
        if memory is None or memory.selectors != selectors:
            return Memory(selectors, self._at)
        return memory

    @cached_property
    def _witness(self) -> Exact:
        """The most that this SLI is known to count in an hour."""
        if self._at - self._memory.since >= timedelta(hours=1):
            return self._memory.hour_max
        previous = sum(
            _exact(before.value)
            for series, before in self._state.series.items()
            if not before.vanished and _selects(self._sli.total, series)
        )
        return max(self._memory.hour_max, previous)

    def _worth(self, delta: _Delta, series: Series) -> Exact:
        """What a series adds to this SLI."""
        if delta.known is not None:
            return delta.known
        if delta.fresh is not None:
            if self._is_plausible(delta.fresh):
                return delta.fresh
            self._say(
                f"{series} is new and begins at {float(delta.fresh):g}, more than this SLI ever "
                "counted in an hour: counted from now on"
            )
        elif delta.broken or delta.baseline:
            self._say(delta.broken or delta.baseline or "")
        return 0

    def _is_plausible(self, value: Exact) -> bool:
        # Nothing was ever counted, and the process says that it is the one that was watched:
        # the first request of an idle service is no anomaly.
        return value <= self._witness or (
            self._witness == 0 and self._state.process_start is not None
        )

    def _sum(self, counts: Mapping[Series, Exact], names: frozenset[str]) -> Exact:
        mine = (s for s, delta in self._deltas.items() if not delta.names.isdisjoint(names))
        return sum(counts[series] for series in mine)

    def _of(self, names: frozenset[str]) -> Iterator[_Delta]:
        return (delta for delta in self._deltas.values() if not delta.names.isdisjoint(names))

    def _has_data(self) -> bool:
        return any(True for _ in self._of(self._total_names))

    def _without_count(self) -> str:
        """Why nothing is known of a total that is on the page; empty where something is."""
        totals = list(self._of(self._total_names))
        if not totals or not all(delta.broken for delta in totals):
            return ""
        return "every counter of the total is NaN, infinite or negative"

    def _missing_edge(self) -> str:
        """Why a histogram cannot be read at its threshold; empty where it can."""
        sli = self._sli
        if not isinstance(sli, HistogramSLI) or not self._has_data():
            return ""
        if any(True for _ in self._of(self._side_names | self._edge_names)):
            return ""
        if any(_selects(sli.good, series) for series in self._state.series):
            return ""  # it vanished: what is counted since is unknown, and the promise stands
        names = ", ".join(str(one) for one in sli.histograms)
        return f"{sli.below} is not an edge of {names}{_nearest(sli, self._edges.values())}"

    @cached_property
    def _edges(self) -> Mapping[Series, frozenset[str]]:
        """The finite edges of each histogram of this SLI on the page, by `histogram_of`."""
        metrics = {one.metric for one in self._sli.total}
        histograms = {
            histogram_of(series)
            for series, delta in self._deltas.items()
            if not delta.names.isdisjoint(self._total_names)
        }
        edges: dict[Series, set[str]] = {one: set() for one in histograms}
        for series in self._page.samples:
            if series.metric in metrics and histogram_of(series) in edges:
                edge = dict(series.labels).get("le", "")
                if _edge(edge) is not None:
                    edges[histogram_of(series)].add(edge)
        return {one: frozenset(texts) for one, texts in edges.items()}

    def _splittable(
        self, counts: Mapping[Series, Exact], sli: HistogramSLI
    ) -> tuple[dict[Series, Exact], Exact]:
        """The counts of the histograms that can be read at the threshold; the rest's events.

        Good and total come from the same histogram of the same page or not at all.
        """
        at_threshold: dict[Series, Series] = {}
        kept: dict[Series, Exact] = dict.fromkeys(self._deltas, 0)
        for series, delta in self._deltas.items():
            if not delta.names.isdisjoint(self._side_names):
                at_threshold.setdefault(histogram_of(series), series)
        unsplit: Exact = 0
        for series, delta in self._deltas.items():
            if delta.names.isdisjoint(self._total_names):
                continue
            edge = at_threshold.get(histogram_of(series))
            native = self._native_edges.get(histogram_of(series))
            if edge is None and native is not None:
                unsplit += self._split_native(series, native, sli, counts, kept)
                continue
            why = self._why_unsplit(series, delta, edge, sli)
            if why:
                unsplit += counts[series]
                if counts[series]:
                    self._say(why)
                continue
            kept[series] = counts[series]
            refused = delta.fresh is not None and not self._is_plausible(delta.fresh)
            if edge is not None and not refused:
                kept[edge] = counts[edge]
        return kept, unsplit

    @cached_property
    def _native_edges(self) -> Mapping[Series, Mapping[float, Series]]:
        """The edges of each native histogram on the page, by `histogram_of`."""
        edges: defaultdict[Series, dict[float, Series]] = defaultdict(dict)
        for series, delta in self._deltas.items():
            if not delta.names.isdisjoint(self._edge_names):
                edges[histogram_of(series)][float(dict(series.labels)["le"])] = series
        return edges

    def _split_native(
        self,
        total: Series,
        edges: Mapping[float, Series],
        sli: HistogramSLI,
        counts: Mapping[Series, Exact],
        kept: dict[Series, Exact],
    ) -> Exact:
        """Keep what a native histogram tells good from bad; gives what its buckets cannot tell."""
        delta, was = self._deltas[total], self._state.series.get(total)
        if delta.known is None and not counts[total]:
            return 0  # a baseline
        now = Cumulative(
            _exact(self._page.samples[total].value),
            {edge: _exact(self._page.samples[one].value) for edge, one in edges.items()},
        )
        before = None
        if was is not None and counts[total] != now.total:
            states = {edge: self._state.series.get(one) for edge, one in edges.items()}
            before = Cumulative(
                _exact(was.value),
                {edge: _exact(one.value) for edge, one in states.items() if one is not None},
            )
        parts = split(threshold_of(sli), now, before, counts[total])
        kept[total] = parts.events - parts.unknown
        kept[next(iter(edges.values()))] = parts.good  # under any edge: their sum is what counts
        if parts.unknown:
            self._say_cut(sli, edges)
        return parts.unknown

    def _say_cut(self, sli: HistogramSLI, edges: Collection[float]) -> None:
        names = ", ".join(str(one) for one in sli.histograms)
        nearest = _nearest(sli, [map(repr, edges)])
        said = f"{sli.below} is not an edge of {names}{nearest}: events between them are unknown"
        if threshold_of(sli) in edges:
            said = f"{sli.below} was not an edge of {names} before: events since are unknown"
        if said not in self._anomalies:
            self._say(said)

    def _why_unsplit(
        self, series: Series, delta: _Delta, edge: Series | None, sli: HistogramSLI
    ) -> str:
        """Why one histogram's events cannot be told good from bad; empty where they can."""
        if edge is not None:
            own = self._deltas[edge]
            if own.broken:
                return f"{edge} is no count: the events of its histogram are unknown"
            # One that was left out while it was 0 has no more than was counted since.
            late = own.baseline is not None and delta.known is not None
            if late or (own.fresh is not None and own.fresh > (delta.known or delta.fresh or 0)):
                return f"{edge} is new beside a histogram that is not: these events are unknown"
            before, whole = self._state.series.get(edge), self._state.series.get(series)
            if before is not None and before.vanished and whole and not whole.vanished:
                return f"{edge} is back: what it counted meanwhile is unknown"
            return ""
        histogram = histogram_of(series)
        if any(
            _selects(sli.good, one) and histogram_of(one) == histogram for one in self._state.series
        ):
            return f"the bucket of {series} at {sli.below} vanished: these events are unknown"
        edges = self._edges[histogram]
        if not edges:
            return ""  # a client that leaves out empty buckets: none of its events was so fast
        nearest = _nearest(sli, [edges])
        return f"{sli.below} is not an edge of {series}{nearest}: its events are unknown"

    def _side_vanished(self) -> bool:
        """Good events are given, have no series on this page, and had one before.

        Of histograms each is asked for itself.
        """
        if isinstance(self._sli, HistogramSLI) or not self._sli.good:
            return False
        if any(True for _ in self._of(self._side_names)):
            return False
        return any(_selects(self._sli.good, series) for series in self._state.series)

    def _carried(self, memory: Memory, total: int, side: int) -> tuple[int, Memory]:
        """The events of the side that fit under the total; what does not fit waits its turn."""
        taken, waiting, lost = fit(memory.carry, total, side, self._at, self._interval)
        if lost:
            self._say(lost_events(lost, bad=bool(self._sli.bad)))
        return taken, replace(memory, carry=waiting)

    def _contributors(self, counts: Mapping[Series, Exact]) -> Mapping[str, int]:
        """Bad events by the labels of `by`, before any waits; the largest first."""
        if not self._sli.by:
            return {}
        sums: defaultdict[str, Exact] = defaultdict(int)
        for series, delta in self._deltas.items():
            name = name_of(self._sli.by, series)
            if not delta.names.isdisjoint(self._side_names | self._edge_names):
                sums[name] += counts[series] if self._sli.bad else -counts[series]
            if self._sli.good and not delta.names.isdisjoint(self._total_names):
                sums[name] += counts[series]
        return largest(sums)

    def _paced(self, memory: Memory, events: int) -> Memory:
        """The memory with these events in its rolling hour."""
        if self._gap_since is not None:
            # What came in over hours says nothing about one hour but its share.
            hours = max((self._at - self._gap_since) / timedelta(hours=1), 1.0)
            events = math.ceil(events / hours)
        minute = (self._at - _EPOCH) // timedelta(minutes=1)
        minutes = [(when, count) for when, count in memory.minutes if when > minute - 60]
        if events and minutes and minutes[-1][0] == minute:
            minutes[-1] = (minute, minutes[-1][1] + events)
        elif events:
            minutes.append((minute, events))
        hour = sum(count for _, count in minutes)
        return replace(memory, minutes=tuple(minutes), hour_max=max(memory.hour_max, hour))

    def _say(self, anomaly: str) -> None:
        self._anomalies.append(anomaly)


# --- Histograms. ---


def _edge(text: str) -> float | None:
    """A finite edge; None for +Inf and for what is no number."""
    try:
        edge = float(text)
    except ValueError:
        return None
    return edge if math.isfinite(edge) else None


def _nearest(sli: HistogramSLI, edges: Iterable[Iterable[str]]) -> str:
    """`; the nearest are 0.1 and 0.25`: the neighbours of the threshold among the edges."""
    by_value = {float(text): text for texts in edges for text in texts}
    wanted = float(sli.below.value)
    below = sorted((value for value in by_value if value < wanted), reverse=True)
    above = sorted(value for value in by_value if value > wanted)
    two = [*below[:1], *above[:1]] if below and above else (below or above)[:2]
    if not two:
        return ", which has no edge but +Inf"
    names = " and ".join(by_value[value] for value in sorted(two))
    return f"; the nearest {'is' if len(two) == 1 else 'are'} {names}"
