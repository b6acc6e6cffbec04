"""What of a run's slowness is laid to our own event loop."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from collectors.observation import Cause, Observation, Outcome
from collectors.stalls import Stalls, excused

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
SLOW = Observation(
    "shop/health",
    AT,
    AT,
    timedelta(0),
    timedelta(seconds=2),
    Outcome.FAILED,
    Cause.LATENCY,
    detail="slow",
)


def test_only_the_part_of_a_stall_within_the_run_is_lost_to_it() -> None:
    stalls = Stalls()
    stalls.note(8.0, 11.0)
    stalls.note(20.0, 20.1)  # too short to be one

    assert stalls.lost(10.0, 21.0, awake_at=21.0) == 1.0
    assert stalls.lost(11.0, 21.0, awake_at=21.0) == 0.0


def test_a_stall_that_goes_on_counts_before_it_is_noted() -> None:
    assert Stalls().lost(10.0, 12.0, awake_at=11.5) == 0.5


def test_slowness_while_we_stood_still_is_unknown() -> None:
    seen = excused(SLOW, lost=0.5, lasted=2.0)

    assert (seen.outcome, seen.cause) == (Outcome.UNKNOWN, None)
    assert seen.detail == "this process stood still for 0.5 s of the run; it saw: slow"


@pytest.mark.parametrize(
    ("seen", "lost"),
    [
        pytest.param(SLOW, 0.39, id="less than a fifth of the run"),
        pytest.param(replace(SLOW, cause=Cause.STATUS), 2.0, id="no slowness"),
        pytest.param(replace(SLOW, outcome=Outcome.PASSED, cause=None), 2.0, id="passed"),
    ],
)
def test_what_no_stall_explains_stays_the_targets(seen: Observation, lost: float) -> None:
    assert excused(seen, lost, lasted=2.0) is seen
