"""A strip says the same as its rows, however it is cut, joined or added up."""

from collections.abc import Sequence
from datetime import timedelta
from random import Random

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from slo.grain import COLUMNS, WRAP
from slo.ledger import Ledger
from slo.strip import Column, Strip, joined, strips_of
from tests.slo.builders import T0

DAY = timedelta(days=1)
B0 = int(T0.timestamp()) // 300 * 300
_AMOUNT = st.one_of(st.integers(0, 3), st.integers(0, 70_000), st.integers(-5, 2**40))


@st.composite
def _strips(draw: st.DrawFn, steps: Sequence[int] = (10, 15, 30, 60, 300)) -> Strip:
    length = draw(st.integers(1, 70))
    columns: dict[int, Column] = {}
    for index in draw(st.sets(st.integers(0, COLUMNS - 1), max_size=3)):
        amounts = draw(
            st.one_of(_AMOUNT, st.lists(_AMOUNT, min_size=length, max_size=length)), label="amounts"
        )
        if isinstance(amounts, int):
            columns[index] = amounts
        else:
            wrapped = [amount & WRAP for amount in amounts]
            columns[index] = np.array(wrapped, np.min_scalar_type(max(wrapped)))
    first = B0 + draw(st.integers(0, 500))
    return Strip(first, draw(st.sampled_from(steps)), length, columns)


def _sums(rows: NDArray[np.int64], width: int = 1) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for bucket, *amounts in rows.tolist():
        have = found.setdefault(bucket // width * width, [0] * COLUMNS)
        found[bucket // width * width] = [a + b for a, b in zip(have, amounts, strict=True)]
    return found


@example(Strip(0, 10, 1, {0: -1}), 30)
@example(Strip(50, 10, 40, {0: -1, 1: 1}), 30)
@given(_strips(), st.sampled_from([1, 2, 20, 30]))
def test_adding_up_equals_a_dict_of_steps(strip: Strip, each: int) -> None:
    width = strip.step * each

    assert _sums(strip.added_up(width).rows()) == _sums(strip.rows(), width)


@given(st.lists(st.integers(0, 255), min_size=300, max_size=700), st.integers(0, 400))
def test_sums_of_many_small_values_are_not_cut_off(values: list[int], first: int) -> None:
    strip = Strip(first, 1, len(values), {0: np.array(values, np.uint8), 1: 255})

    assert _sums(strip.added_up(300).rows()) == _sums(strip.rows(), 300)


@given(_strips(), st.integers(-100, 5000), st.integers(-100, 5000))
def test_a_part_of_a_strip_holds_its_buckets_between_two_moments(
    strip: Strip, start: int, end: int
) -> None:
    rows = strip.rows()
    kept = rows[(rows[:, 0] >= B0 + start) & (rows[:, 0] < B0 + end)]

    assert strip.since(B0 + start).before(B0 + end).rows().tolist() == kept.tolist()


@given(st.lists(_strips(steps=(10,)), max_size=4), st.lists(st.booleans(), min_size=4, max_size=4))
def test_strips_that_follow_one_another_are_joined_and_no_others(
    strips: list[Strip], following: list[bool]
) -> None:
    given_: list[Strip] = []
    for strip, follows in zip(strips, following, strict=False):
        first = given_[-1].last + 10 if given_ and follows else strip.first
        given_.append(Strip(first, 10, strip.length, strip.columns))

    found = joined(given_)

    rows = sorted(row for strip in given_ for row in strip.rows().tolist())
    assert sorted(row for strip in found for row in strip.rows().tolist()) == rows
    assert [one.first for one in found] == sorted((one.first for one in found), reverse=True)


def test_a_day_in_hours_is_one_strip() -> None:
    hours = [Strip(3600 * n, 10, 360, {0: np.full(360, n, np.uint8), 3: 1}) for n in range(24)]

    (day,) = joined(hours)

    assert (day.first, day.length, day.columns[3]) == (0, 8640, 1)


@given(st.dictionaries(st.integers(1, 4), _strips(), min_size=1), st.randoms())
def test_rows_of_many_series_become_the_strip_of_each(
    strips: dict[int, Strip], random: Random
) -> None:
    rows = [[number, *row] for number, strip in strips.items() for row in strip.rows().tolist()]
    random.shuffle(rows)

    found = strips_of(np.array(rows, np.int64))

    assert set(found) == set(strips)
    for number, strip in strips.items():
        one = found[number]
        assert isinstance(one, Strip)
        assert one.rows().tolist() == strip.rows().tolist()


def test_rows_at_no_steady_pace_stay_rows() -> None:
    rows = [[7, bucket, 1, 0, 0, 1, 0, 0, 0] for bucket in (0, 10, 30)]

    (found,) = strips_of(np.array(rows, np.int64)).values()

    assert not isinstance(found, Strip)
    assert found.tolist() == [row[1:] for row in rows]


@given(st.lists(_strips(), min_size=1, max_size=4), st.data())
def test_a_ledger_filled_with_strips_equals_one_filled_with_rows(
    strips: list[Strip], data: st.DataObject
) -> None:
    # What is taken back was counted before.
    counted = np.array([[B0 + 10 * n, *[10**7] * COLUMNS] for n in range(2_200)], np.int64)
    by_strips, by_rows = Ledger(10, DAY), Ledger(10, DAY)
    order = data.draw(st.permutations(joined(strips)), label="order")

    for width in by_strips.widths:
        by_rows.load(width, np.concatenate([counted, *(strip.rows() for strip in strips)]))
        by_strips.load(width, counted)
        for strip in order:
            by_strips.load_strip(width, strip)

    for width, grain in by_rows.grid.grains.items():
        other = by_strips.grid.grains[width]
        assert grain.head == other.head
        low = grain.head - grain.slots + 1
        for index in range(COLUMNS):
            assert (
                grain.column(0, index, low, grain.head) == other.column(0, index, low, grain.head)
            ).all()


@pytest.mark.parametrize("width", [10, 60, 300])
def test_a_strip_longer_than_what_is_kept_loses_its_oldest_buckets(width: int) -> None:
    strip = Strip(B0, 10, 20_000, {0: np.arange(20_000, dtype=np.uint16), 1: 1})
    by_strip, by_rows = Ledger(10, DAY), Ledger(10, DAY)

    by_strip.load_strip(width, strip)
    by_rows.load(width, strip.rows())

    mine, its = (ledger.grid.grains[width] for ledger in (by_strip, by_rows))
    low = its.head - its.slots + 1
    for index in (0, 1):
        assert (mine.column(0, index, low, its.head) == its.column(0, index, low, its.head)).all()
    assert not mine.has(2)  # and pays for no column without events
