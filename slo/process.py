"""Which process of a target answered: the one of the page before, a new one, or another."""

from collections.abc import Mapping
from enum import Enum, auto

from slo.calm import CALM_PAGES, JITTER_SECONDS
from slo.counter_memory import SeriesState, is_count
from slo.counter_state import TargetState
from slo.exposition import Page, Sample, Series

_STARTS_LIMIT = 8


Selected = Mapping[Series, tuple[Sample, frozenset[str]]]  # with the selectors, as text


class Switch(Enum):
    """How this page's process is related to the previous page's."""

    FIRST = auto()  # there was no page before
    SAME = auto()
    RESTART = auto()  # it started later than the one before, and was never seen
    OTHER = auto()  # it started earlier, or was seen before
    FELL = auto()  # values fell, and nothing says why
    LEAP = auto()  # values are back above where they fell from, and nothing says why


def switch_of(state: TargetState, page: Page, selected: Selected) -> Switch:
    """Whose page this is, by its start, its counters' creation and their values."""
    if state.at is None:
        return Switch.FIRST
    pairs = [
        (sample, before)
        for series, (sample, _) in selected.items()
        if (before := state.series.get(series)) is not None and is_count(sample.value)
    ]
    fell = any(now.value < before.base(now.value) for now, before in pairs)
    if any(_is_older(now, before) for now, before in pairs):
        return Switch.OTHER
    start, previous = page.process_start, state.process_start
    if start is not None and previous is not None:
        if _near(start, previous) and not (fell and start > previous):
            return Switch.SAME
        known = any(_near(start, one) for one in state.starts if not _near(one, previous))
        return Switch.OTHER if start < previous or known else Switch.RESTART
    if any(is_newer(now, before) for now, before in pairs):
        return Switch.SAME  # the page itself says which of its counters began anew
    if fell:
        return Switch.FELL
    left = [(now.value, before.other_value) for now, before in pairs]
    heights = [(value, other) for value, other in left if other is not None]
    if state.flips % 2 and heights and all(value >= other for value, other in heights):
        return Switch.LEAP
    return Switch.SAME


def _near(one: float, other: float) -> bool:
    """One process's start, told twice."""
    return abs(one - other) < JITTER_SECONDS


def is_newer(now: Sample, before: SeriesState) -> bool:
    """The counter was created after the one of the previous page."""
    if now.created is None or before.created is None:
        return False
    return now.created > before.created


def _is_older(now: Sample, before: SeriesState) -> bool:
    """The counter was created before the previous page's, or is the one that answered before."""
    if now.created is None or before.created is None or now.created == before.created:
        return False
    return now.created < before.created or now.created == before.other_created


def unrest(state: TargetState, switch: Switch) -> tuple[int, int]:
    """How often the process seemed to switch lately, and for how many pages it has not.

    Without a start to go by, falls and leaps count by turns: odd after a fall, even after a leap.
    A process that falls again and again is only crashing.
    """
    match switch:
        case Switch.OTHER | Switch.LEAP:
            return state.flips + 1, 0
        case Switch.FELL:
            return state.flips + (1 if state.flips % 2 == 0 else 0), 0
        case Switch.RESTART:
            return state.flips, 0
        case _:
            calm = min(state.calm + 1, CALM_PAGES)
            return (0 if calm >= CALM_PAGES else state.flips), calm


def starts_of(state: TargetState, page: Page, calm: int) -> tuple[float, ...]:
    """When the processes began that answered lately, the newest last."""
    if page.process_start is None:
        return state.starts
    others = tuple(start for start in state.starts if not _near(start, page.process_start))
    return (*(() if calm >= CALM_PAGES else others[-_STARTS_LIMIT:]), page.process_start)
