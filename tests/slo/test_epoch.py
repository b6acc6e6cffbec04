"""Whole steps since the epoch."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from slo.epoch import ceiling, floor

MICROSECOND, STEP = timedelta(microseconds=1), timedelta(minutes=5)
EDGE = datetime(2026, 11, 21, 14, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "below", "above"),
    [
        pytest.param(EDGE, EDGE, EDGE, id="on an edge"),
        pytest.param(EDGE + MICROSECOND, EDGE, EDGE + STEP, id="just after one"),
        pytest.param(EDGE - MICROSECOND, EDGE - STEP, EDGE, id="just before one"),
    ],
)
def test_a_moment_lies_between_two_steps(at: datetime, below: datetime, above: datetime) -> None:
    assert (floor(at, STEP), ceiling(at, STEP)) == (below, above)


def test_steps_are_those_of_utc_wherever_the_moment_is_told() -> None:
    told = datetime(2026, 11, 21, 19, 50, tzinfo=ZoneInfo("Asia/Kathmandu"))  # 14:05 UTC

    assert floor(told, timedelta(hours=1)) == datetime(2026, 11, 21, 14, tzinfo=UTC)


def test_before_the_epoch_too_the_floor_is_the_earlier_one() -> None:
    at = datetime(1969, 12, 31, 23, 58, tzinfo=UTC)

    assert floor(at, STEP) == datetime(1969, 12, 31, 23, 55, tzinfo=UTC)
