"""Edges and cumulative counts of native histograms, beside brute force over raw observations."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.native import COARSEST, FINEST, NativeHistogram, cumulative, edge, index_of, nearest_edge
from tests.slo.natives import bucket_of, histogram

SCHEMAS = range(COARSEST, FINEST + 1)
VALUES = st.one_of(
    st.sampled_from([0.0, 0.25, 0.4, 0.5, 1.0, 1.2, 1.4, 2.0, 65536.0, 2.0**-60, -0.5, -1.2, -3.0]),
    st.floats(-1e6, 1e6, allow_nan=False),
)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_edges_are_powers_of_two_and_rise(schema: int) -> None:
    per_octave = 2.0**schema

    assert edge(schema, 0) == 1.0
    if schema >= 0:
        assert edge(schema, 1 << schema) == 2.0
        assert edge(schema, -(1 << schema)) == 0.5
    else:
        assert edge(schema, 1) == 2.0 ** (1 / per_octave)
    for index in range(-300, 300):
        assert edge(schema, index) < edge(schema, index + 1) or edge(schema, index) in (0, math.inf)


# Of the table of the Go client, which multiplies its way up.
@pytest.mark.parametrize(
    ("schema", "index", "theirs"), [(8, -1, 0.9972960560854698), (8, -4, 0.9892280131939752)]
)
def test_an_edge_as_another_rounds_it_is_that_edge(schema: int, index: int, theirs: float) -> None:
    ours = edge(schema, index)

    assert ours != theirs
    assert nearest_edge(theirs) == nearest_edge(ours) == ours
    assert nearest_edge(-theirs) == -ours


@pytest.mark.parametrize("value", [0.0, 0.2, 0.25, 1.0, 0.99729605, -0.3])
def test_what_is_no_edge_stays_what_it_is(value: float) -> None:
    assert nearest_edge(value) == value


@given(st.sampled_from(list(SCHEMAS)), st.floats(1e-40, 1e40))
def test_the_index_is_the_bucket_that_holds_the_value(schema: int, value: float) -> None:
    index = index_of(schema, value)

    assert edge(schema, index - 1) < value <= edge(schema, index)


@given(
    st.lists(VALUES, max_size=30),
    st.sampled_from(list(SCHEMAS)),
    VALUES,
    st.sampled_from([0.0, 2.0**-128, 0.5, 0.3, 1.5]),
)
def test_cumulative_counts_equal_the_raw_observations(
    seen: list[float], schema: int, threshold: float, zero: float
) -> None:
    counts = cumulative(histogram(seen, schema, zero), threshold)

    assert counts == {at: sum(v <= at for v in seen) for at in counts}
    assert list(counts) == sorted(counts)
    assert min(counts) <= threshold <= max(counts)


def test_an_edge_within_the_zero_bucket_gives_way_to_the_end_of_that() -> None:
    above = cumulative(histogram([1.2, 1.4, 1.8], 0, 1.5), 1.8)
    below = cumulative(histogram([-1.2, -1.8, -1.9], 0, 1.5), -1.8)

    assert above == {1.5: 2, 2.0: 3, 4.0: 3, 16.0: 3, 256.0: 3, 65536.0: 3}
    assert max(below) == math.nextafter(-1.5, -math.inf)
    assert below[max(below)] == 2


@given(st.sampled_from(list(SCHEMAS)), st.floats(1e-6, 1e6))
def test_no_closer_edge_could_be_told(schema: int, threshold: float) -> None:
    around = cumulative(NativeHistogram(schema, 0), threshold)

    index = bucket_of(schema, threshold)
    closest = {edge(schema, index)}
    if edge(schema, index) != threshold:
        closest.add(edge(schema, index - 1))
    assert closest <= set(around)
    assert not any(min(closest) < at < max(closest) for at in around)


@given(st.sampled_from(list(SCHEMAS)), st.floats(1e-6, 1e6), st.integers(1, 12))
def test_a_coarser_histogram_shares_its_edges_with_the_finer_one(
    schema: int, threshold: float, coarser: int
) -> None:
    reduced = max(COARSEST, schema - coarser)

    finer = cumulative(NativeHistogram(schema, 0), threshold)

    assert set(cumulative(NativeHistogram(reduced, 0), threshold)) <= set(finer)


def test_an_edge_of_the_histogram_needs_no_second_one() -> None:
    counts = cumulative(histogram([0.2, 0.25, 0.3], 0), 0.25)

    assert counts[0.25] == 2
    assert all(above <= 0.25 or below >= 0.25 for below, above in pairwise(counts))


def test_float_counts_are_summed_exactly() -> None:
    shown = NativeHistogram(0, 3.5, positive=((-2, 0.1), (-1, 0.2), (0, 0.3)))

    assert cumulative(shown, 1.0)[1.0] == math.fsum([0.1, 0.2, 0.3])


@pytest.mark.parametrize(("schema", "readable"), [(8, True), (-4, True), (9, False), (-53, False)])
def test_custom_buckets_have_no_edges_to_know(schema: int, readable: bool) -> None:
    assert NativeHistogram(schema, 1).is_readable is readable
