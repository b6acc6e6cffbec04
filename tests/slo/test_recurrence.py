"""When planned work is: once, or by the calendar of a zone, through its clock changes."""

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.recurrence import Interval, Recurring, following, occurrences, once, over_by, recurring
from slo.zone import parse_zone

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)
HALF_PAST_TWO = datetime(2026, 3, 27, 2, 30)  # noqa: DTZ001 - local


def local(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute)  # noqa: DTZ001 - local


def starts(schedule: Recurring, after: datetime, count: int = 5) -> list[str]:
    """As the zone's clocks show them."""
    return [
        one.start.astimezone(schedule.zone).strftime("%m-%d %H:%M%z")
        for one in following(schedule, after, count)
    ]


def test_a_skipped_local_time_is_taken_as_much_later_as_the_clocks_leap() -> None:
    nightly = recurring("FREQ=DAILY", HALF_PAST_TWO, BERLIN, HOUR)

    assert starts(nightly, datetime(2026, 3, 28, tzinfo=UTC), 3) == [
        "03-28 02:30+0100",
        "03-29 03:30+0200",  # there is no 02:30 that day
        "03-30 02:30+0200",
    ]


def test_a_local_time_that_comes_twice_is_taken_the_first_time() -> None:
    nightly = recurring("FREQ=DAILY", HALF_PAST_TWO, BERLIN, HOUR)

    assert starts(nightly, datetime(2026, 10, 24, tzinfo=UTC), 3) == [
        "10-24 02:30+0200",
        "10-25 02:30+0200",  # and not again at 02:30+0100
        "10-26 02:30+0100",
    ]


def test_an_occurrence_lasts_as_long_as_it_says_whatever_the_clocks_do() -> None:
    over_night = recurring("FREQ=DAILY", local(2026, 3, 28, 22), BERLIN, 8 * HOUR)

    first, second = following(over_night, datetime(2026, 3, 28, 12, tzinfo=UTC), 2)

    assert first.end - first.start == second.end - second.start == 8 * HOUR
    assert first.end.astimezone(BERLIN).strftime("%H:%M") == "07:00"  # an hour was skipped
    assert second.end.astimezone(BERLIN).strftime("%H:%M") == "06:00"


def test_a_rule_without_end_is_looked_up_as_far_as_asked() -> None:
    weekly = recurring("RRULE:FREQ=WEEKLY;BYDAY=SU", local(2026, 1, 1, 2), BERLIN, 2 * HOUR)

    found = occurrences(weekly, datetime(2030, 1, 1, tzinfo=UTC), datetime(2030, 2, 1, tzinfo=UTC))

    assert [one.start.day for one in found] == [6, 13, 20, 27]
    assert over_by(weekly) is None


def test_what_began_before_and_still_holds_is_among_those_that_touch() -> None:
    long = recurring("FREQ=MONTHLY;BYMONTHDAY=1", local(2026, 1, 1), BERLIN, timedelta(days=3))
    at = datetime(2026, 5, 2, tzinfo=UTC)

    assert [one.start.month for one in occurrences(long, at, at + HOUR)] == [4]
    assert following(long, at, 1)[0].start < at


@pytest.mark.parametrize(
    ("until", "last"),
    [
        ("20260103", "01-03 23:30+0100"),  # a mere day belongs to it whole
        ("20260103T233000", "01-03 23:30+0100"),
        ("20260103T223000Z", "01-03 23:30+0100"),
        ("20260103T222959Z", "01-02 23:30+0100"),
    ],
)
def test_until_is_the_last_moment_that_one_may_begin_at(until: str, last: str) -> None:
    rule = recurring(f"FREQ=DAILY;UNTIL={until}", local(2026, 1, 1, 23, 30), BERLIN, HOUR)

    assert starts(rule, datetime(2025, 12, 1, tzinfo=UTC), 10)[-1] == last
    over = over_by(rule)
    assert over is not None
    assert over > following(rule, datetime(2025, 12, 1, tzinfo=UTC), 10)[-1].end - HOUR


def test_a_count_ends_a_rule() -> None:
    rule = recurring("FREQ=DAILY;COUNT=2", local(2026, 1, 1), BERLIN, HOUR)

    assert len(starts(rule, datetime(2020, 1, 1, tzinfo=UTC))) == 2
    over = over_by(rule)
    assert over is not None
    assert datetime(2026, 1, 2, tzinfo=UTC) < over < datetime(2026, 1, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "never occurs"),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=3", "never occurs"),
        ("FREQ=DAILY;BYMONTH=4,6;BYMONTHDAY=-31", "never occurs"),
        ("FREQ=DAILY;BYMONTH=2;BYYEARDAY=-1", "never occurs"),
        ("FREQ=DAILY;INTERVAL=7;BYDAY=FR", "never occurs"),  # its first day is a Thursday
        ("FREQ=DAILY;BYSETPOS=2", "never occurs"),
        ("FREQ=MONTHLY;BYMONTHDAY=32", "never occurs"),
        ("FREQ=MONTHLY;BYMONTH=13;BYMONTHDAY=1", "never occurs"),
        ("FREQ=MONTHLY;BYMONTHDAY=x", "is not a recurrence rule"),
        ("FREQ=DAILY;UNTIL=20200101", "never occurs"),
        ("FREQ=HOURLY", "FREQ= one of DAILY, WEEKLY, MONTHLY, YEARLY"),
        ("INTERVAL=2", "FREQ= one of"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL of a recurrence rule is 1 to 1,000"),
        ("FREQ=DAILY;COUNT=99999999999999", "COUNT of a recurrence rule is 1 to 10,000"),
        ("FREQ=DAILY;BYHOUR=25", "hour must be in 0..23"),
        ("FREQ=WEEKLY;BYDAY=XX", "BYDAY"),
        ("FREQ=DAILY;BYEASTER=1", "no part BYEASTER"),
        ("FREQ=DAILY;UNTIL=20269931", "no moment of the calendar"),
        ("FREQ=DAILY;UNTIL=tomorrow", "is no moment"),
        ("FREQ=DAILY;UNTIL=20270101;COUNT=3", "exclude each other"),
        ("FREQ=DAILY;FREQ=DAILY", "something twice"),
        ("every sunday", "write it such as FREQ=WEEKLY;BYDAY=SU"),
        ("FREQ=DAILY\nEXDATE:20260101T000000", "write it such as"),
        (f"FREQ=DAILY;BYHOUR={','.join(map(str, range(24)))};BYMINUTE=0,30", "10,000 times a year"),
    ],
)
def test_a_rule_that_makes_no_sense_says_why_and_soon(rule: str, said: str) -> None:
    began = time.process_time()

    with pytest.raises(ValueError, match=r".") as refused:
        recurring(rule, local(2026, 1, 1), BERLIN, HOUR)

    assert said in str(refused.value)
    assert time.process_time() - began < 5  # it does not look until the year 9999


@pytest.mark.parametrize("length", [timedelta(0), -HOUR, timedelta(days=367)])
def test_an_occurrence_has_a_length_that_makes_sense(length: timedelta) -> None:
    with pytest.raises(ValueError, match="lasts more than 0s, and at most 366d"):
        recurring("FREQ=DAILY", local(2026, 1, 1), BERLIN, length)


def test_an_end_before_the_start_is_none() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)

    for end in (at, at - HOUR):
        with pytest.raises(ValueError, match="the end must lie after the start"):
            once(at, end)
    with pytest.raises(ValueError, match="more than 366 days"):
        once(at, at + timedelta(days=367))
    with pytest.raises(ValueError, match="2000 to 2199"):
        once(at.replace(year=1999), at.replace(year=1999, month=2))


def test_a_zone_that_does_not_exist_has_a_near_one() -> None:
    with pytest.raises(ValueError, match="did you mean Europe/Berlin"):
        parse_zone("Europe/Berln")


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
    hour=st.integers(0, 23),
    minute=st.sampled_from([0, 15, 30, 45]),
    days=st.sets(st.integers(0, 6), min_size=1),
    length=st.integers(1, 72),
    start=st.integers(0, 700),
)
def test_a_weekly_rule_equals_walking_through_the_calendar(
    zone: str, hour: int, minute: int, days: set[int], length: int, start: int
) -> None:
    info = ZoneInfo(zone)
    names = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
    rule = f"FREQ=WEEKLY;BYDAY={','.join(names[day] for day in sorted(days))}"
    schedule = recurring(rule, local(2025, 1, 1, hour, minute), info, length * HOUR)
    low = datetime(2025, 1, 5, tzinfo=UTC) + timedelta(days=start)
    high = low + timedelta(days=20)

    walked = set()
    for number in range(800):
        at = local(2025, 1, 1, hour, minute) + timedelta(days=number)
        if at.weekday() in days:
            begins = at.replace(tzinfo=info).astimezone(UTC)
            if begins < high and begins + length * HOUR > low:
                walked.add(Interval(begins, begins + length * HOUR))

    assert occurrences(schedule, low, high) == sorted(walked)
