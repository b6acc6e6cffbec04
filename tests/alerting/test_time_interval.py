"""Time intervals: Alertmanager's, and beyond its: over midnight, and over daylight saving."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.config import TimeRangeConfig
from alerting.time_interval import (
    TimeInterval,
    parse_days_of_month,
    parse_months,
    parse_time,
    parse_weekdays,
    parse_years,
)

OFFICE = {"times": [{"start_time": "09:00", "end_time": "17:00"}], "weekdays": ["monday:friday"]}
NIGHT = {"times": [{"start_time": "22:00", "end_time": "06:00"}], "weekdays": ["friday"]}


def interval(*ranges: object) -> TimeInterval:
    return TimeInterval("t", tuple(TimeRangeConfig.model_validate(one).range() for one in ranges))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("ranges", "inside", "outside"),
    [
        pytest.param(
            [OFFICE],
            ["2026-11-23T09:00Z", "2026-11-27T16:59:59Z"],
            ["2026-11-23T08:59:59Z", "2026-11-27T17:00Z", "2026-11-28T12:00Z"],
            id="start is in it, end is not",
        ),
        pytest.param(
            [{"times": [{"start_time": "12:00", "end_time": "24:00"}]}],
            ["2026-11-23T23:59:59Z"],
            ["2026-11-24T00:00Z"],
            id="to the end of the day",
        ),
        pytest.param(
            [NIGHT],
            ["2026-11-27T22:00Z", "2026-11-28T05:59Z"],
            ["2026-11-27T05:00Z", "2026-11-28T06:00Z", "2026-11-28T23:00Z"],
            id="a night is of the day on which it began",
        ),
        pytest.param(
            [{"weekdays": ["saturday:monday"]}],
            ["2026-11-28T00:00Z", "2026-11-29T12:00Z", "2026-11-30T23:59Z"],
            ["2026-11-27T23:59Z", "2026-12-01T00:00Z"],
            id="over the end of the week",
        ),
        pytest.param(
            [{"days_of_month": ["-1"]}],
            ["2026-02-28T12:00Z", "2028-02-29T12:00Z", "2026-11-30T00:00Z"],
            ["2028-02-28T12:00Z", "2026-11-29T23:59Z"],
            id="the last day of the month",
        ),
        pytest.param(
            [{"days_of_month": ["29:31"]}],
            ["2026-03-31T12:00Z", "2028-02-29T12:00Z"],
            ["2026-02-28T12:00Z", "2026-03-01T12:00Z"],
            id="days that a month has not",
        ),
        pytest.param(
            [{"days_of_month": ["-31:-29"]}],
            ["2026-03-01T12:00Z", "2026-03-03T12:00Z"],
            ["2026-02-01T12:00Z", "2026-03-04T12:00Z"],
            id="days from the end that a month has not",
        ),
        pytest.param(
            [{"months": ["november:january"], "years": ["2026"]}],
            ["2026-11-01T00:00Z", "2026-01-31T00:00Z"],
            ["2027-01-01T00:00Z", "2026-02-01T00:00Z"],
            id="over the end of the year, within one",
        ),
        pytest.param(
            [{**OFFICE, "location": "America/New_York"}],
            ["2026-11-23T14:00Z", "2026-07-20T13:00Z"],
            ["2026-11-23T13:59Z", "2026-07-20T21:00Z"],
            id="in a zone, in winter and in summer",
        ),
        pytest.param(
            [OFFICE, {"weekdays": ["sunday"]}],
            ["2026-11-29T03:00Z", "2026-11-23T10:00Z"],
            ["2026-11-28T10:00Z"],
            id="one of several suffices",
        ),
        pytest.param([{}], ["2026-11-29T03:00Z"], [], id="nothing is said, so always"),
    ],
)
def test_what_is_in_an_interval(
    ranges: Sequence[object], inside: Sequence[str], outside: Sequence[str]
) -> None:
    one = interval(*ranges)

    assert [text for text in inside if not one.holds(at(text))] == []
    assert [text for text in outside if one.holds(at(text))] == []


@pytest.mark.parametrize(
    ("now", "then"),
    [
        pytest.param("2026-11-23T08:00Z", "2026-11-23T09:00Z", id="begins"),
        pytest.param("2026-11-23T09:00Z", "2026-11-23T17:00Z", id="ends"),
        pytest.param("2026-11-27T17:00Z", "2026-11-30T09:00Z", id="over the weekend"),
    ],
)
def test_when_it_changes(now: str, then: str) -> None:
    assert interval(OFFICE).changes(at(now)) == at(then)


def test_an_interval_that_never_changes_within_a_week_says_so() -> None:
    assert interval({"years": ["2026"]}).changes(at("2026-03-01T00:00Z")) is None


def test_an_hour_that_the_clock_skips_ends_where_it_is_skipped() -> None:
    berlin = {"location": "Europe/Berlin", "times": [{"start_time": "01:00", "end_time": "02:30"}]}
    one = interval(berlin)

    assert one.changes(at("2026-03-29T00:30Z")) == at("2026-03-29T01:00Z")  # 02:00 is 03:00


def test_an_hour_that_comes_twice_is_in_it_twice() -> None:
    berlin = {"location": "Europe/Berlin", "times": [{"start_time": "02:00", "end_time": "03:00"}]}
    one = interval(berlin)

    assert one.holds(at("2026-10-25T00:30Z"))
    assert one.holds(at("2026-10-25T01:30Z"))
    assert one.changes(at("2026-10-25T00:30Z")) == at("2026-10-25T02:00Z")


@given(
    st.integers(0, 365 * 24 * 60).map(lambda n: at("2026-01-01T00:00Z") + timedelta(minutes=n)),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
    st.integers(0, 23),
    st.integers(0, 23),
)
def test_nothing_changes_before_it_is_said_to(
    now: datetime, zone: str, start: int, end: int
) -> None:
    if start == end:
        end = (end + 1) % 24
    hours = {"start_time": f"{start:02}:15", "end_time": f"{end:02}:45"}
    one = interval({"times": [hours], "weekdays": ["monday:friday"], "location": zone})
    then = one.changes(now)

    assert then is not None
    assert one.holds(then) != one.holds(now)
    minute = then - timedelta(minutes=1)
    assert minute < now or one.holds(minute) == one.holds(now)


@pytest.mark.parametrize(
    ("parse", "text", "words"),
    [
        (parse_time, "9:00", "not a time of the day"),
        (parse_time, "24:00", "not a time of the day"),
        (parse_time, "12:60", "not a time of the day"),
        (parse_weekdays, "mon", "not a weekday"),
        (parse_months, "13", "not a month"),
        (parse_months, "janury", "not a month"),
        (parse_years, "2028:2026", "ends before it begins"),
        (parse_years, "0", "not a year"),
        (parse_days_of_month, "0", "not a day of the month"),
        (parse_days_of_month, "32", "not a day of the month"),
        (parse_days_of_month, "5:1", "ends before it begins"),
        (parse_days_of_month, "-5:5", "must end so, below 0"),
        (parse_days_of_month, "20:-15", "ends before it begins"),
        (parse_days_of_month, True, "no range"),
    ],
)
def test_what_cannot_be_read_is_refused(
    parse: Callable[[object], object], text: object, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        parse(text)
