"""Many SLIs in one grid: each is what it would be alone, whatever happens to the others."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.grain import BLOCK, Grain, dense
from slo.ledger import BucketDelta, Ledger, epoch_micros, grid_for
from tests.slo.builders import T0

_REACH = timedelta(days=4)
_LENGTHS = [timedelta(minutes=5), timedelta(hours=1), timedelta(hours=7), timedelta(days=4)]
_SLIS = 3

_BOOK = st.tuples(
    st.just("book"),
    st.integers(0, _SLIS - 1),
    st.one_of(st.just(0), st.integers(-600, 7_200), st.just(90_000)),
    st.sampled_from([0, 1, 200, 300, 70_000, 5_000_000_000]),
)
_MANY = st.tuples(
    st.just("many"),
    st.lists(st.integers(0, 5_000_000_000), min_size=_SLIS, max_size=_SLIS),
    st.integers(0, 600),
)
_LOAD = st.tuples(st.just("load"), st.integers(0, _SLIS - 1), st.integers(0, 90_000))
_GO = st.tuples(
    st.just("go"),
    st.one_of(st.integers(-30, 900), st.sampled_from([10, 300, -100, 20_000, 400_000])),
)
_LOOK = st.tuples(st.just("look"), st.integers(0, _SLIS - 1))
_MOVE = st.tuples(st.just("move"), st.integers(0, _SLIS - 1))
_STEPS = st.lists(st.one_of(_BOOK, _MANY, _LOAD, _GO, _LOOK, _MOVE), max_size=30)


def _delta(bucket: int, bad: int) -> BucketDelta:
    return BucketDelta(bucket, good=2, bad=bad, unknown=bad % 2, seen=1, smeared_bad=bad % 3)


class _Life:
    """Three SLIs in a grid, and what was booked to each."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.grid, self.elsewhere = grid_for(10, _REACH), grid_for(10, _REACH)
        self.shared = [Ledger(10, _REACH, grid=self.grid) for _ in range(_SLIS)]
        self.booked: list[list[tuple[datetime, BucketDelta]]] = [[] for _ in range(_SLIS)]

    def take(self, step: tuple[object, ...]) -> None:
        match step:
            case ("go", int(seconds)):
                self.now += timedelta(seconds=seconds)
            case ("book", int(which), int(late), int(bad)):
                at = self.now - timedelta(seconds=late)
                delta = _delta(self.shared[which].bucket_of(at), bad)
                self.shared[which].book(at, delta)
                self.booked[which].append((at, delta))
            case ("many", list(bad), int(late)):
                self.book_together(bad, self.now - timedelta(seconds=late))
            case ("load", int(which), int(late)):
                at = self.now - timedelta(seconds=late)
                delta = _delta(self.shared[which].bucket_of(at), 7)
                for width in self.shared[which].widths:
                    self.shared[which].load(width, [(delta.bucket, *delta.columns())] * 2)
                self.booked[which] += [(at, delta)] * 2
            case ("look", int(which)):
                for length in _LENGTHS:
                    self.shared[which].window(length, self.now)
            case ("move", int(which)):
                ledger = self.shared[which]
                ledger.join(self.grid if ledger.grid is not self.grid else self.elsewhere)

    def book_together(self, bad: list[int], at: datetime) -> None:
        here = [which for which in range(_SLIS) if self.shared[which].grid is self.grid]
        deltas = [_delta(self.shared[0].bucket_of(at), bad[which]) for which in here]
        if here:
            places = np.array([self.shared[which].place for which in here])
            amounts = np.array([delta.columns() for delta in deltas])
            chosen = dense(places) if bad[0] % 2 else places
            self.grid.book_many(chosen, deltas[0].bucket, amounts, epoch_micros(at))
        for which, delta in zip(here, deltas, strict=True):
            self.booked[which].append((at, delta))


@given(steps=_STEPS, on_edge=st.booleans())
@settings(deadline=None, max_examples=150)
def test_each_of_many_is_what_it_would_be_alone(
    steps: list[tuple[object, ...]], on_edge: bool
) -> None:
    life = _Life(T0 if on_edge else T0 + timedelta(seconds=3))
    for step in steps:
        life.take(step)

    loaded = any(step[0] == "load" for step in steps)  # which fills windows alone
    for ledger, booked in zip(life.shared, life.booked, strict=True):
        alone = Ledger(10, _REACH)
        for at, delta in booked:
            alone.book(at, delta)
        for length in _LENGTHS:
            assert ledger.window(length, life.now) == alone.window(length, life.now)
        if not loaded:
            assert ledger.lifetime == alone.lifetime
            assert ledger.last_observation == alone.last_observation
            assert ledger.watched_since == alone.watched_since


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 4), st.integers(1, 300)), max_size=40),
    st.lists(st.integers(0, 50), min_size=1, max_size=8),
    st.booleans(),
)
def test_the_sums_of_all_places_equal_each_added_up(
    bookings: list[tuple[int, int, int]], looks: list[int], on_edge: bool
) -> None:
    grain = Grain(10, 30)
    grain.make_room(5)
    indices = [grain.keep(length) for length in (3, 20, 7)]
    for look in looks:
        for slot, place, good in bookings[:: max(1, look % 5)]:
            grain.add(place, slot, [good, 0, 0, 1, 0, 0, 0])

        sums = grain.windows(look, on_edge=on_edge)

        for index, length in zip(indices, (3, 20, 7), strict=True):
            low = look - length + (not on_edge)
            for place in range(5):
                assert tuple(sums[:, index, place].tolist()) == grain.sums(place, low, look)


def test_a_busy_sli_widens_its_own_block_alone() -> None:
    grain = Grain(10, 30)
    grain.make_room(BLOCK + 1)
    for place in (0, BLOCK):
        grain.add(place, 5, [1, 0, 0, 0, 0, 0, 0])
    before = grain.bytes

    grain.add(BLOCK, 5, [70_000, 0, 0, 0, 0, 0, 0])

    assert grain.bytes == before + 30 * (4 - 1)
    assert grain.sums(BLOCK, 0, 5)[0] == 70_001


def test_a_place_given_back_is_empty_for_the_next() -> None:
    grid = grid_for(10, _REACH)
    first, second = Ledger(10, _REACH, grid=grid), Ledger(10, _REACH, grid=grid)
    for ledger in (first, second):
        ledger.window(_LENGTHS[0], T0)
        ledger.book(T0, _delta(ledger.bucket_of(T0), 4))

    first.join(grid_for(10, _REACH))
    third = Ledger(10, _REACH, grid=grid)

    assert third.place == 0
    assert third.window(_LENGTHS[0], T0).counts.total == 0
    assert (third.last_observation, third.watched_since) == (None, None)
    assert first.window(_LENGTHS[0], T0) == second.window(_LENGTHS[0], T0)


def test_grids_of_different_shape_do_not_mix() -> None:
    ledger = Ledger(10, _REACH)

    with pytest.raises(ValueError, match="reach"):
        ledger.join(grid_for(10, 2 * _REACH))


def test_more_than_64_bits_in_a_slot_is_an_error_and_no_number() -> None:
    ledger = Ledger(10, _REACH)

    with pytest.raises(OverflowError, match="64 bits"):
        ledger.book(T0, BucketDelta(ledger.bucket_of(T0), good=2**64))


def test_a_clock_an_hour_ahead_costs_no_slot() -> None:
    ledger = Ledger(10, timedelta(hours=6))
    start = T0 - timedelta(hours=6)
    for at in (start, T0):
        ledger.book(at, BucketDelta(ledger.bucket_of(at), good=1, seen=1))

    ahead = T0 + timedelta(hours=1)
    ledger.book(ahead, BucketDelta(ledger.bucket_of(ahead), bad=1, seen=1))
    ledger.window(timedelta(hours=6), ahead)

    assert ledger.window(timedelta(hours=6), T0).counts.total == 2


@pytest.mark.parametrize("first", [0, 1, 300, BLOCK - 1, BLOCK, BLOCK + 5])
@pytest.mark.parametrize("many", [1, 5, BLOCK, BLOCK + 1, 2 * BLOCK + 3])
def test_places_in_a_row_are_booked_as_one_by_one(first: int, many: int) -> None:
    grids = [grid_for(10, timedelta(hours=1)) for _ in range(2)]
    places = np.arange(first, first + many)
    amounts = np.arange(many * 7).reshape(many, 7)
    assert dense(places) == slice(first, first + many)
    for grid, chosen in zip(grids, (places, dense(places)), strict=True):
        grid.reserve(4 * BLOCK)
        for grain in grid.grains.values():
            grain.keep(3)
        for late in (0, 60):
            at = T0 - timedelta(seconds=late)
            bucket = epoch_micros(at) // 1_000_000 // 10 * 10
            grid.book_many(chosen, bucket, amounts, epoch_micros(at))

    one_by_one, at_once = grids
    for width, grain in one_by_one.grains.items():
        slot = int(T0.timestamp()) // width
        windows = at_once.grains[width].windows(slot, on_edge=False)
        assert (grain.windows(slot, on_edge=False) == windows).all()
        assert windows.any()
    for name in ("heard", "since", "lifetime", "revision", "taken"):
        assert (getattr(one_by_one, name) == getattr(at_once, name)).all()
