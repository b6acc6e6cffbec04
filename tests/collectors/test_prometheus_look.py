"""How far apart the past of a Prometheus is looked at."""

from datetime import timedelta

import pytest

from collectors.prometheus_look import step_for
from slo.hindsight import WEEK, WEEKS


@pytest.mark.parametrize(
    ("series", "minutes"), [(0, 10), (24, 10), (25, 30), (593, 240), (594, None)]
)
def test_more_series_are_looked_at_further_apart_until_they_are_too_many(
    series: int, minutes: int | None
) -> None:
    step = None if minutes is None else timedelta(minutes=minutes)

    assert step_for(series, WEEKS * WEEK) == step
