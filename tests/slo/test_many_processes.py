"""Counters of a store, whose page holds the series of many processes."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest

from slo.counter import advance
from slo.counter_state import TargetState
from slo.definition import EventsSLI
from slo.exposition import MANY_PROCESSES, Page, Sample, Series
from slo.selector import parse_selector
from tests.slo.builders import T0

STEP = timedelta(seconds=10)
TOTAL = (parse_selector("requests_total"),)
SLI = EventsSLI("metrics", total=TOTAL, bad=(parse_selector('requests_total{code="500"}'),))


def counted(
    pages: Sequence[Mapping[str, int]], start: float | None = MANY_PROCESSES
) -> tuple[int, int]:
    """Events of all pages, and those of them that are unknown."""
    state, events, unknown = TargetState(), 0, 0
    for number, page in enumerate(pages):
        samples = {
            Series("requests_total", (("pod", pod),)): Sample(value) for pod, value in page.items()
        }
        at = T0 + number * STEP
        state, found = advance(state, Page(samples, start), at, {"slo": SLI}, STEP)
        events += found["slo"].good + found["slo"].bad
        unknown += found["slo"].unknown
    return events, unknown


LOOPING = [{"a": 1000 + 100 * n, "b": (0, 4, 8)[n % 3]} for n in range(30)]


def test_a_pod_that_crashes_again_and_again_leaves_nothing_unknown() -> None:
    assert counted(LOOPING) == (29 * 100 + 8 * 10, 0)


def test_behind_one_address_the_same_would_be_several_processes() -> None:
    assert counted(LOOPING, None)[1] > 0


@pytest.mark.parametrize("before", [{}, {"a": 0}])
def test_a_series_with_a_past_is_no_traffic_of_now(before: Mapping[str, int]) -> None:
    pages = [before, {**before, "old": 5_000_000}, {**before, "old": 5_000_010}]

    assert counted(pages) == (10, 0)


def test_a_new_pod_counts_from_its_first_value() -> None:
    assert counted([{"a": 1000}, {"a": 1100}, {"a": 1200, "b": 30}]) == (230, 0)
