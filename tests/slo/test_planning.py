"""When something is excluded, as people write it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from slo.planning import PlanError, read_schedule
from slo.recurrence import Once, Recurring

NOW = datetime(2026, 11, 21, 9, 0, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "start", "end"),
    [
        ({"start": "2026-11-21T22:00Z", "end": "2026-11-21T23:30:00Z"}, "22:00", "23:30"),
        ({"start": "2026-11-21T22:00+01:00", "duration": "30m"}, "21:00", "21:30"),
        ({"start": "2026-11-21T22:00", "duration": "1h", "zone": "Asia/Tokyo"}, "13:00", "14:00"),
    ],
)
def test_one_interval(written: dict[str, Any], start: str, end: str) -> None:
    read = read_schedule(**written)

    assert isinstance(read, Once)
    assert (f"{read.start:%H:%M}", f"{read.end:%H:%M}") == (start, end)


def test_it_begins_now_unless_somebody_says_when() -> None:
    assert read_schedule(duration="2h", now=NOW) == Once(NOW, NOW + timedelta(hours=2))


def test_a_time_is_told_from_now_where_there_is_one() -> None:
    read = read_schedule(start="now-5m", end="now", now=NOW)

    assert read == Once(NOW - timedelta(minutes=5), NOW)


@pytest.mark.parametrize(("start", "now"), [("now-5m", None), ("now+5m", NOW), ("now-5", NOW)])
def test_what_is_no_time_from_now_is_refused_at_its_field(start: str, now: datetime | None) -> None:
    with pytest.raises(PlanError) as refused:
        read_schedule(start=start, duration="1h", now=now)

    assert refused.value.field == "start"


def test_many_by_a_rule_that_is_local() -> None:
    read = read_schedule(
        rrule="FREQ=WEEKLY;BYDAY=SU", start="2026-11-22T02:00", duration="2h", zone="Europe/Berlin"
    )

    first = datetime(2026, 11, 22, 2, 0)  # noqa: DTZ001 - local
    assert read == Recurring(
        "FREQ=WEEKLY;BYDAY=SU", first, ZoneInfo("Europe/Berlin"), timedelta(hours=2)
    )


AT = "2026-11-21T22:00Z"


@pytest.mark.parametrize(
    ("written", "field", "said"),
    [
        ({"duration": "1h"}, "start", "when it begins"),
        ({"start": AT}, "end", "exactly one of `end` and `duration`"),
        ({"start": AT, "end": AT, "duration": "1h"}, "end", "exactly one"),
        ({"start": AT, "end": "2026-11-21T21:00Z"}, "end", "the end must lie after the start"),
        ({"start": AT, "duration": "0s"}, "duration", "the end must lie after the start"),
        ({"start": AT, "duration": "2"}, "duration", "not a duration"),
        ({"start": "tomorrow", "duration": "1h"}, "start", "is no moment"),
        ({"start": "2026-11-21T22:00", "duration": "1h"}, "start", "says no offset from UTC"),
        ({"start": "0001-01-01T00:00+14:00", "duration": "1h"}, "start", "beyond the calendar"),
        ({"start": AT, "duration": "1h", "zone": "Europe/Berln"}, "zone", "did you mean"),
        ({"start": AT, "duration": "1h", "rrule": "FREQ=DAILY"}, "zone", "`zone` is missing"),
        (
            {"start": AT, "end": "2026-11-21T23:00Z", "rrule": "FREQ=DAILY", "zone": "UTC"},
            "duration",
            "with `rrule` write `duration`",
        ),
        (
            {"start": AT, "duration": "1h", "rrule": "FREQ=SOON", "zone": "UTC"},
            "rrule",
            "FREQ= one of",
        ),
        (
            {"start": AT, "duration": "400d", "rrule": "FREQ=DAILY", "zone": "UTC"},
            "duration",
            "at most 366d",
        ),
    ],
)
def test_what_makes_no_sense_says_where_and_why(
    written: dict[str, Any], field: str, said: str
) -> None:
    with pytest.raises(PlanError) as refused:
        read_schedule(**written)

    assert refused.value.field == field
    assert said in str(refused.value)
