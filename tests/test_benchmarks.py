"""A benchmark that misses what it promises says so, and fails."""

import pytest

from benchmarks.detection import missed_goals


def test_goals_that_are_just_met_are_met() -> None:
    assert missed_goals({"typical": 0.65, "tuned": 0.95}, 15.0) == []


@pytest.mark.parametrize(
    ("typical", "tuned", "slowest", "said"),
    [
        (0.651, 0.95, 15.0, "Nines took 0.651 of the typical stack's time, more than 0.65."),
        (0.65, 0.96, 15.0, "Nines took 0.960 of the tuned stack's time, more than 0.95."),
        (0.65, 0.95, 15.01, "A hard-down rule took 15.01 s, more than 15 s."),
    ],
)
def test_each_goal_that_is_missed_is_named(
    typical: float, tuned: float, slowest: float, said: str
) -> None:
    assert missed_goals({"typical": typical, "tuned": tuned}, slowest) == [said]
