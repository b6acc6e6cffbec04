"""How long incidents took; what is not known is in no median."""

from datetime import UTC, datetime, timedelta

from alerting.incident import Incident, IncidentState
from alerting.incident_times import IncidentTimes, Median, medians, times_of
from slo.severity import Severity

T0 = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
M = timedelta(minutes=1)


def incident(acknowledged: datetime | None = None, resolved: datetime | None = None) -> Incident:
    return Incident(
        id="1",
        service="shop",
        state=IncidentState.TRIGGERED,
        severity=Severity.PAGE,
        title="",
        opened_at=T0,
        acknowledged_at=acknowledged,
        resolved_at=resolved,
    )


def test_each_time_is_measured_from_where_it_is_defined() -> None:
    times = times_of(incident(T0 + 4 * M, T0 + 31 * M), T0 - 2 * M)

    assert times == IncidentTimes(2 * M, 4 * M, 31 * M)


def test_what_is_not_known_or_not_yet_is_none_and_no_zero() -> None:
    assert times_of(incident(), None) == IncidentTimes(None, None, None)


def test_a_beginning_after_the_opening_is_no_beginning() -> None:
    assert times_of(incident(), T0 + M).detect is None


def test_a_median_is_of_those_that_are_known() -> None:
    told = medians(
        [IncidentTimes(resolve=10 * M), IncidentTimes(), IncidentTimes(M, resolve=20 * M)]
    )

    assert told.incidents == 3
    assert told.resolve == Median(15 * M, 2)
    assert told.detect == Median(M, 1)
    assert told.acknowledge == Median(None, 0)


def test_of_nothing_there_is_no_median() -> None:
    assert medians([]).resolve == Median(None, 0)
