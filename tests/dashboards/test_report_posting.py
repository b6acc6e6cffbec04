"""Which reports are owed, and what becomes of one that could not be mailed."""

from datetime import UTC, datetime, timedelta

import pytest

from dashboards.report_period import ReportPeriod, period_at, read_period
from dashboards.report_posting import (
    GIVEN_UP_AFTER,
    MOST_MISSED,
    REMEMBERED,
    Posting,
    PostingState,
    after_failure,
    owed,
    problem_of,
)
from slo.window import Period
from tests.dashboards.test_report import BERLIN

DAY = timedelta(days=1)
DUE = datetime(2026, 11, 20, 6, tzinfo=UTC)


def at_seven(period: ReportPeriod) -> datetime:
    return period.end + timedelta(hours=7)


def owed_at(now: datetime, *known: str) -> list[str]:
    running = period_at(Period.DAY, now, BERLIN)
    return [period.slug for period, _ in owed(running, at_seven, now, set(known))]


def posting(tries: int = 1, **more: object) -> Posting:
    return Posting("cto", "2026-11-19", PostingState.WAITING, DUE, DUE, tries, **more)  # type: ignore[arg-type] # as the test says


def test_a_report_is_owed_from_its_hour_on() -> None:
    seven = at_seven(read_period("2026-11-19", BERLIN))

    assert owed_at(seven - timedelta(seconds=1), "2026-11-18") == []
    assert owed_at(seven, "2026-11-18") == ["2026-11-19"]
    assert owed_at(seven, "2026-11-18", "2026-11-19") == []


def test_those_that_were_missed_are_owed_oldest_first() -> None:
    now = at_seven(read_period("2026-11-19", BERLIN))

    assert owed_at(now, "2026-11-16") == ["2026-11-17", "2026-11-18", "2026-11-19"]
    assert len(owed_at(now, "2026-01-01")) == MOST_MISSED


def test_at_first_there_is_one_to_put_on_record() -> None:
    assert owed_at(at_seven(read_period("2026-11-19", BERLIN))) == ["2026-11-19"]


@pytest.mark.parametrize(
    ("tries", "minutes"), [(1, 1), (2, 5), (3, 15), (4, 30), (5, 60), (50, 60)]
)
def test_it_is_tried_again_ever_later(tries: int, minutes: int) -> None:
    after = after_failure(posting(tries), "no answer", DUE)

    assert after.state is PostingState.WAITING
    assert after.next_at - DUE == timedelta(minutes=minutes)


def test_it_is_given_up_after_days_and_told_for_a_week() -> None:
    now = DUE + GIVEN_UP_AFTER
    after = after_failure(posting(40), "no answer", now)

    assert after.state is PostingState.GIVEN_UP
    said = problem_of(after, now)
    assert said == (
        "The report of 2026-11-19 for cto could not be mailed and was given up: no answer."
    )
    assert problem_of(after, now + REMEMBERED) is None


def test_what_waits_says_why_and_when_it_is_tried() -> None:
    assert problem_of(posting(), DUE) is None
    assert problem_of(after_failure(posting(), "no answer.", DUE), DUE) == (
        "The report of 2026-11-19 for cto could not be mailed: no answer. It is tried at 06:01 UTC."
    )
