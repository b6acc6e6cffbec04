"""What one SLI counted at one page."""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from functools import cached_property

from slo.calm import name_of
from slo.counter_memory import Memory, exact
from slo.counter_state import TargetState
from slo.definition import CounterSLI, HistogramSLI
from slo.delta import Delta
from slo.epoch import EPOCH
from slo.exposition import MANY_PROCESSES, OWN_COUNT, Page, Series
from slo.increment import MOST_EVENTS, Exact, Increment, fit, largest, lost_events
from slo.native_edges import Cumulative, histogram_of, split, threshold_of
from slo.process import Switch, is_newer
from slo.selection import Reads, selects

_ANOMALIES_LIMIT = 10


class Counting:
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
        deltas: Mapping[Series, Delta],
        switch: Switch,
    ) -> None:
        self._state, self._page, self._at, self._switch = state, page, at, switch
        self._sli, self._interval = sli, interval
        self._total_names, self._side_names = reads.total, reads.side
        self._edge_names = reads.edges
        self._deltas = deltas
        self._memory = self._recall(slo, reads.mark)
        self._gap_since: datetime | None = None
        since = self._memory.silent_since or state.at
        if since is not None and (at - since) * 2 > interval * 5:
            self._gap_since = since
        self._anomalies: list[str] = []

    def refuse(self, why: str) -> tuple[Memory, Increment]:
        """Nothing of this page can be told; how many events that is are told where it can be."""
        unknown = math.floor(sum(delta.own for delta in self._of(self._total_names)))
        increment = Increment(
            unknown=unknown if unknown <= MOST_EVENTS else 0,
            anomalies=(why,),
            gap_since=self._gap_since,
            data=self._has_data(),
        )
        return self._heard(self._memory), increment

    def count(self) -> tuple[Memory, Increment]:
        """Good and bad events. A leap beyond this SLI's pace is another process's past."""
        memory, increment = self._count()
        return self._heard(memory), increment

    def _heard(self, memory: Memory) -> Memory:
        """The memory, knowing since when what is counted is not told.

        A total that was never told began at 0 on the page before: what it counts is of now.
        """
        since = None
        silent = not self._has_data() or self._without_count()
        if silent and any(selects(self._sli.total, one) for one in self._state.series):
            since = self._memory.silent_since or self._state.at
        return memory if memory.silent_since == since else replace(memory, silent_since=since)

    def _count(self) -> tuple[Memory, Increment]:
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
            # The time is not known, as after a page that did not come: it was not idle.
            why = "more events since the last page than can be: they are left out"
            memory, increment = self.refuse(why)
            return memory, replace(increment, data=False, missing=why)
        if self._switch is Switch.LEAP and total > self._witness:
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
        if untold := self._good_untold():
            self._say(f"{untold}: these events are unknown")
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
            exact(before.value)
            for series, before in self._state.series.items()
            if not before.vanished and selects(self._sli.total, series)
        )
        return max(self._memory.hour_max, previous)

    def _worth(self, delta: Delta, series: Series) -> Exact:
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
        start = self._state.process_start
        return (
            start == OWN_COUNT
            or value <= self._witness
            or (self._witness == 0 and start not in (None, MANY_PROCESSES))
        )

    def _sum(self, counts: Mapping[Series, Exact], names: frozenset[str]) -> Exact:
        mine = (s for s, delta in self._deltas.items() if not delta.names.isdisjoint(names))
        return sum(counts[series] for series in mine)

    def _of(self, names: frozenset[str]) -> Iterator[Delta]:
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
        if any(selects(sli.good, series) for series in self._state.series):
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
            exact(self._page.samples[total].value),
            {edge: exact(self._page.samples[one].value) for edge, one in edges.items()},
        )
        before = None
        if was is not None and counts[total] != now.total:
            states = {edge: self._state.series.get(one) for edge, one in edges.items()}
            before = Cumulative(
                exact(was.value),
                {edge: exact(one.value) for edge, one in states.items() if one is not None},
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
        self, series: Series, delta: Delta, edge: Series | None, sli: HistogramSLI
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
            selects(sli.good, one) and histogram_of(one) == histogram for one in self._state.series
        ):
            return f"the bucket of {series} at {sli.below} vanished: these events are unknown"
        edges = self._edges[histogram]
        if not edges:
            return ""  # a client that leaves out empty buckets: none of its events was so fast
        nearest = _nearest(sli, [edges])
        return f"{sli.below} is not an edge of {series}{nearest}: its events are unknown"

    def _good_untold(self) -> str:
        """Why no event of this page can be told good from bad; empty where they can be.

        Of histograms each is asked for itself. A side without any series is zero: bad events
        always, good ones if they were never there in this process.
        """
        if isinstance(self._sli, HistogramSLI) or not self._sli.good:
            return ""
        told = list(self._of(self._side_names))
        if told:
            if not all(delta.broken for delta in told):
                return ""
            return "every counter of the good events is NaN, infinite or negative"
        was_there = any(selects(self._sli.good, series) for series in self._state.series)
        if not was_there or self._switch is Switch.RESTART or self._is_recreated:
            return ""
        return "the series of the good events vanished"

    @cached_property
    def _is_recreated(self) -> bool:
        """Whether a counter of the total began anew, by when it was created: a new process."""
        return any(
            is_newer(self._page.samples[series], before)
            for series, delta in self._deltas.items()
            if not delta.names.isdisjoint(self._total_names)
            and (before := self._state.series.get(series)) is not None
        )

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
        minute = (self._at - EPOCH) // timedelta(minutes=1)
        minutes = [(when, count) for when, count in memory.minutes if when > minute - 60]
        if events and minutes and minutes[-1][0] == minute:
            minutes[-1] = (minute, minutes[-1][1] + events)
        elif events:
            minutes.append((minute, events))
        hour = sum(count for _, count in minutes)
        return replace(memory, minutes=tuple(minutes), hour_max=max(memory.hour_max, hour))

    def _say(self, anomaly: str) -> None:
        self._anomalies.append(anomaly)


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
