"""From two pages to exact increments: resets, new series, other processes, gaps."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from slo.calm import CALM_PAGES, difference, go_on
from slo.counter_memory import Memory, Number, SeriesState, is_count
from slo.counter_state import TargetState
from slo.counting import Counting
from slo.definition import CounterSLI
from slo.delta import Delta, delta_of
from slo.epoch import EPOCH
from slo.exposition import Page, Samples, Series
from slo.increment import Increment
from slo.native_edges import is_former_edge, with_edges
from slo.process import Selected, Switch, starts_of, switch_of, unrest
from slo.selection import Selection

_VANISHED_LIMIT = 20_000


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
        series: delta_of(state, series, page.samples[series], state.matches[series], Switch.SAME)
        for series in read
    }
    sli, reads = selection.slis[slo], selection.reads[slo]
    return Counting(state, page, at, slo, sli, reads, interval, deltas, Switch.SAME).count()


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
    switch = switch_of(state, page, selected)
    flips, calm = unrest(state, switch)
    deltas: dict[str, dict[Series, Delta]] = {slo: {} for slo in slis}
    for series, (sample, names) in selected.items():
        delta = delta_of(state, series, sample, names, switch)
        for slo in selection.readers(names):
            deltas[slo][series] = delta
    untrusted = page.process_start is None and flips >= 3
    unknown = switch is Switch.OTHER or untrusted
    increments: dict[str, Increment] = {}
    memories: dict[str, Memory] = {}
    for slo, sli in slis.items():
        reads = selection.reads[slo]
        counting = Counting(state, page, at, slo, sli, reads, interval, deltas[slo], switch)
        if unknown:
            memories[slo], increments[slo] = counting.refuse(
                "several processes answer behind one address: what they counted cannot be told "
                "apart"
                if flips >= 2
                else "another process than before answered: counted from this page on"
            )
        else:
            memories[slo], increments[slo] = counting.count()
    series_after, forgot = _remember(state, page, selected, selection.metrics, switch, calm)
    after = TargetState(
        at=at,
        process_start=_either(page.process_start, state.process_start),
        starts=starts_of(state, page, calm),
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
    first = (start - EPOCH) // bucket
    # What ends on an edge belongs to the bucket that the edge closes.
    last = max(first, -((EPOCH - end) // bucket) - 1)
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


def _either(first: float | None, second: float | None) -> float | None:
    return first if first is not None else second


def _remember(
    state: TargetState,
    page: Page,
    selected: Selected,
    metrics: frozenset[str],
    switch: Switch,
    calm: int,
) -> tuple[dict[Series, SeriesState], bool]:
    """The series after this page, and whether some that vanished had to be forgotten."""
    restarted = switch is Switch.RESTART
    switched = restarted or switch in (Switch.OTHER, Switch.FELL, Switch.LEAP)
    after: dict[Series, SeriesState] = {}
    for series, (sample, _) in selected.items():
        before = state.series.get(series)
        if not is_count(sample.value):
            if before is not None:
                after[series] = before
            continue
        other: tuple[Number | None, float | None] = (None, None)
        if before is not None and switched:
            other = before.value, before.created
        elif before is not None and (usual := before.without_leap(sample.value)) is not None:
            other = usual, None
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
