"""What was counted lately: sums and the time that they are of."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.increment import Increment
from slo.recent import SLOTS, Recent, Sums
from tests.slo.builders import T0

S = timedelta(seconds=1)
FIVE_MINUTES = timedelta(minutes=5)


def test_events_and_the_time_they_are_of_go_together() -> None:
    recent = Recent(FIVE_MINUTES)
    recent = recent.added(T0, T0 + 10 * S, Increment(good=90, bad=10))
    recent = recent.added(T0 + 10 * S, T0 + 30 * S, Increment(good=5, bad=1))  # one page was late

    assert recent.sums(T0 + 30 * S) == Sums(30 * S, 95, 11)


def test_pages_of_one_step_are_added_up() -> None:
    recent = Recent(timedelta(hours=1))  # a step is a minute
    for n in range(3):
        since = T0 + 10 * n * S
        recent = recent.added(since, since + 10 * S, Increment(good=2, bad=1, unknown=3))

    assert recent.sums(T0 + 30 * S) == Sums(30 * S, 6, 3, 9)
    assert len(recent.slots) == 1


def test_what_is_older_than_the_stretch_is_gone() -> None:
    recent = Recent(FIVE_MINUTES).added(T0 - 10 * S, T0, Increment(bad=1))

    assert recent.sums(T0 + FIVE_MINUTES - S).bad == 1
    assert recent.sums(T0 + FIVE_MINUTES).bad == 0


@pytest.mark.parametrize(
    ("since", "increment"),
    [
        pytest.param(None, Increment(bad=3), id="a first page says nothing of the time before it"),
        pytest.param(T0, Increment(bad=3, data=False), id="no series"),
        pytest.param(T0, Increment(unknown=3), id="events that nobody can tell apart"),
        pytest.param(T0, Increment(anomalies=("another process",)), id="nothing, and why is odd"),
        pytest.param(T0 - 60 * S, Increment(bad=3, gap_since=T0 - 60 * S), id="a long gap"),
        pytest.param(T0 + 10 * S, Increment(bad=3), id="no time passed"),
    ],
)
def test_what_is_not_known_is_not_there(since: object, increment: Increment) -> None:
    recent = Recent(FIVE_MINUTES).added(since, T0 + 10 * S, increment)  # type: ignore[arg-type]

    assert recent == Recent(FIVE_MINUTES)


def test_a_gap_counts_where_it_is_short_beside_the_stretch() -> None:
    increment = Increment(bad=3, gap_since=T0)

    recent = Recent(timedelta(days=1)).added(T0, T0 + timedelta(minutes=20), increment)

    assert recent.sums(T0 + timedelta(minutes=20)) == Sums(timedelta(minutes=20), 0, 3)


@given(
    pages=st.lists(
        st.tuples(st.integers(1, 400), st.integers(0, 9), st.integers(0, 9)), max_size=150
    ),
    later=st.integers(0, 400),
)
def test_it_equals_adding_up_every_page_whose_step_is_in_reach(
    pages: list[tuple[int, int, int]], later: int
) -> None:
    over = timedelta(minutes=2)
    recent, at, told = Recent(over), T0, []
    for seconds, good, bad in pages:
        recent = recent.added(at, at + seconds * S, Increment(good=good, bad=bad))
        at += seconds * S
        told.append((at, seconds, good, bad))
    now = at + later * S
    step = over / SLOTS

    def number(when: object) -> int:
        return (when - T0) // step  # type: ignore[operator,no-any-return]

    mine = [one for one in told if number(one[0]) > number(now) - SLOTS]
    assert recent.sums(now) == Sums(
        sum(one[1] for one in mine) * S, sum(one[2] for one in mine), sum(one[3] for one in mine)
    )
    assert len(recent.slots) <= SLOTS
    assert Recent.from_rows(over, recent.to_rows()) == recent


@pytest.mark.parametrize("rows", [[[1, 2, 3]], [["a", 1, 2, 3]]])
def test_other_rows_are_refused(rows: list[list[object]]) -> None:
    with pytest.raises(ValueError, match="no slot"):
        Recent.from_rows(FIVE_MINUTES, rows)
