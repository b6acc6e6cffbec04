"""A benchmark that misses what it promises says so, and fails."""

import pytest

from benchmarks.detection import missed_goals
from benchmarks.probes import SCHEDULED, Starts, missed_cpu, missed_starts, starts_between


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


@pytest.mark.parametrize(("ratio", "missed"), [(0.5, 0), (0.501, 1)])
def test_a_probe_may_take_its_share_of_the_peers_cpu_and_no_more(ratio: float, missed: int) -> None:
    assert len(missed_cpu("http", ratio, 0.5)) == missed


def watched(runs: int = 3000, on_time: int = 3000, hurt: int = 0) -> list[str]:
    return missed_starts(Starts(runs, on_time, latest_seconds=0.0, hurt=hurt), 50)


def test_one_run_in_a_hundred_may_start_late() -> None:
    assert watched(on_time=2970) == []
    assert watched(on_time=2969) == [
        "31 of 3000 runs started over 0.1 s late with 50 hanging targets."
    ]


def test_no_target_that_is_well_may_be_hurt() -> None:
    assert watched(hurt=1) == ["1 targets that are well did not pass with 50 hanging targets."]


def test_runs_that_did_not_happen_are_not_on_time() -> None:
    assert watched(runs=0, on_time=0) == ["Only 0 runs started with 50 hanging targets."]


def test_starts_are_those_between_two_looks() -> None:
    name = "nines_collector_lateness_seconds"
    names = [f"p{n:04d}" for n in range(1, SCHEDULED)]
    before = {(f"{name}_count", ""): 10.0, (f"{name}_bucket", "0.1"): 9.0}
    after = {(f"{name}_count", ""): 30.0, (f"{name}_bucket", "0.1"): 28.0}
    after |= {("nines_collector_lag_seconds", one): 0.002 for one in names}
    after |= {("probe_success", one): float(one != "p0007") for one in names}

    assert starts_between(before, after, 1) == Starts(20, 19, 0.002, hurt=1)
