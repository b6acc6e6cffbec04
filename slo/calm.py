"""The short way from page to page, where nothing happened but that counters went on.

The same series as on the page before, of the same process and on time, whole numbers, none below
its former value: then every increment is a difference. Anything else is for `slo.counter`, whose
results these are to the last bit.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

import numpy as np

from slo.calm_state import CalmMemories, CalmSeries, Minute, Pace, Plan, Side, Split
from slo.counter_memory import Memory, SeriesState
from slo.counter_state import TargetState
from slo.definition import CounterSLI, HistogramSLI
from slo.epoch import EPOCH
from slo.exposition import Layout, Page, Samples, Series
from slo.increment import MOST_EVENTS, Counted, Counts, Increment, fit, largest, lost_events
from slo.native_edges import histogram_of
from slo.selection import Reads, Selection

CALM_PAGES = 5  # pages without a switch of process before a target is trusted again
JITTER_SECONDS = 1.0  # how far one process's own start moves when its machine's clock is adjusted
_LARGEST = 2**63 - 1

# Counts one SLI by the long way: gives its memory, and what it counted.
CountOdd = Callable[[str, Sequence[Series]], tuple[Memory, Increment]]
Places = tuple[list[int], list[int]]  # of the series that are an SLI's total, and its side


@dataclass(frozen=True, slots=True)
class Difference:
    """What a page adds to the one before."""

    series: CalmSeries  # after it
    memories: CalmMemories  # before it
    deltas: Counts
    total: Counts
    side: Counts


def difference(
    state: TargetState,
    page: Page,
    at: datetime,
    slis: Mapping[str, CounterSLI],
    interval: timedelta,
) -> Difference | None:
    """The difference to the page before, where there is nothing else; None otherwise."""
    samples = page.samples
    if page.natives or not isinstance(samples, Samples) or not _is_next(state, page, at, interval):
        return None
    columns = _columns(state, samples.layout, slis)
    if columns is None:
        return None
    before, memories = columns
    plan = before.plan
    values, created = _whole(plan.pick(samples.numbers)), _created(plan, samples)
    if values is None or created != before.created:
        return None
    deltas = values - before.numbers
    if np.min(deltas, initial=0) < 0 or np.max(deltas, initial=0) > MOST_EVENTS:
        return None
    total, side = plan.total.sums(deltas), plan.side.sums(deltas)
    if max(np.max(total, initial=0), np.max(side, initial=0)) > MOST_EVENTS:
        return None
    return Difference(CalmSeries(plan, values, created), memories, deltas, total, side)


def go_on(
    state: TargetState,
    page: Page,
    at: datetime,
    interval: timedelta,
    found: Difference,
    count_odd: CountOdd,
) -> tuple[TargetState, Counted]:
    """The state after the page, and what each SLI counted."""
    plan, side = found.series.plan, found.side
    carry, lost = dict(found.memories.carry), dict[int, int]()
    for number in {*np.flatnonzero(side > found.total).tolist(), *carry}:
        taken, left, dropped = fit(
            carry.pop(number, ()), int(found.total[number]), int(side[number]), at, interval
        )
        side[number] = taken
        if left:
            carry[number] = left
        if dropped:
            lost[number] = dropped
    bad = np.where(plan.is_bad, side, found.total - side)
    counted = Counted(plan.slos, found.total - bad, bad, plan.has_data, {})
    odd = {slo: count_odd(slo, series) for slo, series in plan.odd.items()}
    said = _said(plan, counted, found.deltas, lost)
    counted.said = said | {slo: increment for slo, (_, increment) in odd.items()}
    memories = CalmMemories(
        plan,
        found.memories.pace.plus((at - EPOCH) // timedelta(minutes=1), found.total),
        carry,
        {slo: memory for slo, (memory, _) in odd.items()},
    )
    start = page.process_start
    after = replace(
        state,
        at=at,
        process_start=state.process_start if start is None else start,
        starts=state.starts if start is None else (start,),
        series=found.series,
        memories=memories,
    )
    return after, counted


def _is_next(state: TargetState, page: Page, at: datetime, interval: timedelta) -> bool:
    """The page comes on time, and is of the process that has long been the only one."""
    if state.at is None or not state.at < at or (at - state.at) * 2 > interval * 5:
        return False
    if state.calm < CALM_PAGES or state.flips:
        return False
    start, before = page.process_start, state.process_start
    if start is None or before is None:
        return start is before
    return abs(start - before) < JITTER_SECONDS


def _whole(numbers: tuple[Any, ...]) -> Counts | None:
    """Values as whole numbers; None where one is something else, or too large for a column."""
    if not {*map(type, numbers)} <= {int}:
        return None
    try:
        return np.array(numbers, np.int64)
    except OverflowError:
        return None


def _created(plan: Plan, samples: Samples) -> tuple[float | None, ...] | None:
    """When the plan's series were created; None where none of them tells."""
    if samples.created is None:
        return None
    picked = plan.pick(samples.created)
    return picked if any(one is not None for one in picked) else None


def _said(
    plan: Plan, counted: Counted, deltas: Counts, lost: Mapping[int, int]
) -> dict[str, Increment]:
    """The increments that hold more than good and bad events."""
    said, slos = {}, tuple(counted.at)
    by = {number: _contributors(plan, number, deltas) for number in plan.splits}
    for number in {*lost, *(number for number, sums in by.items() if sums)}:
        is_bad = bool(plan.is_bad[number])
        said[slos[number]] = replace(
            counted[slos[number]],
            by=by.get(number, {}),
            anomalies=(lost_events(lost[number], bad=is_bad),) if number in lost else (),
        )
    return said


def _contributors(plan: Plan, number: int, deltas: Counts) -> Mapping[str, int]:
    """Bad events by the SLI's labels."""
    sums = {}
    for name, total, side in plan.splits[number]:
        sided = int(deltas[side].sum())
        sums[name] = sided if plan.is_bad[number] else int(deltas[total].sum()) - sided
    return largest(sums)


# --- What stays the same from page to page. ---


def _columns(
    state: TargetState, layout: Layout, slis: Mapping[str, CounterSLI]
) -> tuple[CalmSeries, CalmMemories] | None:
    """The state as columns over a layout; None if they are no fit."""
    selection, series, memories = state.selection, state.series, state.memories
    if state.layout is not layout or selection is None or not selection.is_of(slis):
        return None
    if isinstance(series, CalmSeries) and isinstance(memories, CalmMemories):
        return series, memories
    marks = {slo: memory.selectors for slo, memory in memories.items()}
    if marks != {slo: reads.mark for slo, reads in selection.reads.items()}:
        return None
    selected = {one: at for at, one in enumerate(layout.series) if state.matches[one]}
    befores = [series[one] for one in selected if one in series]
    if len(befores) < len(selected) or not all(map(_is_plain, befores)):
        return None
    plan = _made(state, selection, layout, selected)
    if any(memories[slo].silent_since for slo in plan.slos if slo not in plan.odd):
        return None  # what comes now is smeared
    values = np.array([before.value for before in befores], np.int64)
    created = tuple(before.created for before in befores)
    tells = any(one is not None for one in created)
    return CalmSeries(plan, values, created if tells else None), _memories(state, plan)


def _is_plain(before: SeriesState) -> bool:
    """Nothing is known of it but a whole number, and maybe when it was created."""
    is_alone = before.other_value is None and before.other_created is None
    return (
        type(before.value) is int and before.value <= _LARGEST and is_alone and not before.vanished
    )


def _memories(state: TargetState, plan: Plan) -> CalmMemories:
    numbers = {slo: number for slo, number in plan.slos.items() if slo not in plan.odd}
    size = len(plan.slos)
    by_minute: defaultdict[int, Counts] = defaultdict(lambda: np.zeros(size, np.int64))
    most = np.zeros(size, np.int64)
    for slo, number in numbers.items():
        most[number] = state.memories[slo].hour_max
        for minute, counted in state.memories[slo].minutes:
            by_minute[minute][number] = counted
    hour = sum(by_minute.values(), np.zeros(size, np.int64))
    minutes = tuple(Minute(minute, by_minute[minute]) for minute in sorted(by_minute))
    carry = {
        n: state.memories[slo].carry for slo, n in numbers.items() if state.memories[slo].carry
    }
    return CalmMemories(
        plan, Pace(minutes, hour, most), carry, {slo: state.memories[slo] for slo in plan.odd}
    )


def _made(
    state: TargetState, selection: Selection, layout: Layout, selected: Mapping[Series, int]
) -> Plan:
    series = tuple(selected)
    read: dict[str, list[int]] = {slo: [] for slo in selection.slis}
    for place, one in enumerate(series):
        for slo in dict.fromkeys(selection.readers(state.matches[one])):
            read[slo].append(place)
    places = {
        slo: _places(state, sli, selection.reads[slo], series, read[slo])
        for slo, sli in selection.slis.items()
    }
    sides = [some or ([], []) for some in places.values()]
    splits = {
        number: _split(sli.by, series, some)
        for number, (sli, some) in enumerate(zip(selection.slis.values(), sides, strict=True))
        if sli.by
    }
    return Plan(
        selection=selection,
        layout=layout,
        pick=_picker(list(selected.values())),
        series=series,
        vanished={one: was for one, was in state.series.items() if was.vanished},
        slos={slo: number for number, slo in enumerate(selection.slis)},
        memories=dict(state.memories),
        total=Side.of([total for total, _ in sides]),
        side=Side.of([side for _, side in sides]),
        is_bad=np.array([bool(sli.bad) for sli in selection.slis.values()], np.bool_),
        has_data=np.array([bool(total) for total, _ in sides], np.bool_),
        splits=splits,
        odd={
            slo: tuple(series[place] for place in read[slo])
            for slo, some in places.items()
            if some is None
        },
    )


def _places(
    state: TargetState, sli: CounterSLI, reads: Reads, series: Sequence[Series], read: Sequence[int]
) -> Places | None:
    """Which of the series count for an SLI; None where there is more to it."""
    names = {place: state.matches[series[place]] for place in read}
    if not all(reads.edges.isdisjoint(some) for some in names.values()):
        return None
    total = [place for place in read if not reads.total.isdisjoint(names[place])]
    side = [place for place in read if not reads.side.isdisjoint(names[place])]
    if isinstance(sli, HistogramSLI):
        edges: dict[Series, int] = {}
        for place in side:
            edges.setdefault(histogram_of(series[place]), place)
        own = [edges.get(histogram_of(series[place])) for place in total]
        kept = list(dict.fromkeys(place for place in own if place is not None))
        return (total, kept) if None not in own else None
    if sli.good and not side and any(_is_good(sli.good, one) for one in state.series):
        return None  # they vanished
    return total, side


def _is_good(selectors: Sequence[Any], series: Series) -> bool:
    labels = dict(series.labels)
    return any(one.metric == series.metric and one.matches(labels) for one in selectors)


def _split(by: Sequence[str], series: Sequence[Series], places: Places) -> Split:
    named: defaultdict[str, Places] = defaultdict(lambda: ([], []))
    for which, some in enumerate(places):
        for place in some:
            named[name_of(by, series[place])][which].append(place)
    return [
        (name, np.array(total, np.intp), np.array(side, np.intp))
        for name, (total, side) in named.items()
    ]


def name_of(by: Sequence[str], series: Series) -> str:
    """A contributor's name: `code=500 route=/pay`."""
    labels = dict(series.labels)
    return " ".join(f"{label}={labels.get(label, '')}" for label in by)


def _picker(places: Sequence[int]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """What takes the values at these places; an itemgetter of one gives no tuple."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda values: tuple(values[place] for place in places)
