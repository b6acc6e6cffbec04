"""How late runs began, by bounds."""

from datetime import timedelta

import pytest

from collectors.lateness import BOUNDS_SECONDS, Lateness, LateRuns


def late(*seconds: float) -> LateRuns:
    lateness = Lateness()
    for one in seconds:
        lateness.add(timedelta(seconds=one))
    return lateness.so_far()


def test_before_the_first_run_nothing_is_late() -> None:
    assert late() == LateRuns()


@pytest.mark.parametrize(("seconds", "within"), [(0.1, 1), (0.100001, 0), (0.0, 1)])
def test_a_bound_holds_what_is_just_as_late(seconds: float, within: int) -> None:
    assert late(seconds).within[BOUNDS_SECONDS.index(0.1)] == within


def test_each_bound_holds_those_before_it() -> None:
    seen = late(0.001, 0.2, 3600)

    assert seen.within[0] == 1
    assert seen.within[BOUNDS_SECONDS.index(0.25)] == 2
    assert (seen.within[-1], seen.runs) == (2, 3)
    assert seen.seconds == pytest.approx(3600.201)
