"""Each sample of a gauge is one event."""

import math

import pytest

from slo.definition import GaugeSLI
from slo.exposition import Page, Sample, Series
from slo.gauge import read_gauges
from slo.selector import parse_selector
from slo.threshold import Side, parse_threshold


def depth(
    limit: object, side: Side = Side.BELOW, selector: str = "depth", by: tuple[str, ...] = ()
) -> GaugeSLI:
    return GaugeSLI("metrics", (parse_selector(selector),), side, parse_threshold(limit), by)


def a_page(*values: float) -> Page:
    return Page(
        {Series("depth", (("queue", str(at)),)): Sample(value) for at, value in enumerate(values)}
    )


@pytest.mark.parametrize(("side", "counted"), [(Side.BELOW, (1, 2)), (Side.ABOVE, (1, 2))])
def test_the_threshold_itself_is_on_neither_side(side: Side, counted: tuple[int, int]) -> None:
    increment = read_gauges(depth(100, side), a_page(99, 100, 101))

    assert (increment.good, increment.bad) == counted


def test_a_share_is_compared_as_it_stands_on_the_page() -> None:
    increment = read_gauges(depth("70%"), a_page(0.69, 0.7, 70.0))

    assert (increment.good, increment.bad) == (1, 2)


def test_comparison_is_exact_beyond_what_a_float_can_tell() -> None:
    increment = read_gauges(depth("9007199254740993"), a_page(2**53, 2**53 + 1))

    assert (increment.good, increment.bad) == (1, 1)


def test_only_selected_series_count() -> None:
    increment = read_gauges(depth(100, selector='depth{queue="1"}'), a_page(1, 500, 1))

    assert (increment.good, increment.bad) == (0, 1)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_value_contributes_nothing_and_is_said(value: float) -> None:
    increment = read_gauges(depth(100), a_page(1, value))

    assert (increment.good, increment.bad, increment.data) == (1, 0, True)
    assert "not a value" in increment.anomalies[0]


def test_a_gauge_of_nothing_but_nan_has_no_data_and_says_so() -> None:
    increment = read_gauges(depth(100), a_page(math.nan))

    assert not increment.data
    assert increment.missing == "every sample is NaN or infinite"


def test_a_page_without_the_gauge_has_no_data() -> None:
    assert not read_gauges(depth(100), Page({})).data


def test_the_worst_are_kept_by_label_and_the_rest_is_other() -> None:
    increment = read_gauges(depth(0, by=("queue",)), a_page(*range(1, 61)))

    assert len(increment.by) == 51
    assert increment.by["other"] == 10
    assert sum(increment.by.values()) == increment.bad == 60
