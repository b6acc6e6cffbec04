"""Windows of the calendar: where they begin and end, and that they are summed like brute force."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.counts import Counts
from slo.definition import SLO
from slo.edges import edges_of
from slo.evaluate import evaluate
from slo.ledger import BucketDelta, Ledger
from slo.slices import SliceCounts, Slicing
from slo.status import BudgetState, SLOStatus
from slo.window import Calendar, Period
from tests.slo.builders import an_slo, run

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ZONES = [
    "UTC",
    "Asia/Tokyo",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",  # + 5:30
    "Asia/Kathmandu",  # + 5:45
    "Australia/Lord_Howe",  # clocks change by half an hour
    "Pacific/Chatham",  # + 12:45, and summer time
    "America/Santiago",  # clocks change at midnight
    "Pacific/Kiritimati",  # + 14
]


def calendar(label: str) -> Calendar:
    period, _, zone = label.partition(" ")
    return Calendar(Period(period), ZoneInfo(zone))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("label", "now", "start", "end"),
    [
        ("day UTC", "2026-03-05T17:00", "2026-03-05T00:00", "2026-03-06T00:00"),
        ("week UTC", "2026-03-05T17:00", "2026-03-02T00:00", "2026-03-09T00:00"),
        ("week UTC", "2026-03-02T00:00", "2026-03-02T00:00", "2026-03-09T00:00"),
        ("month Asia/Tokyo", "2026-02-28T15:00", "2026-02-28T15:00", "2026-03-31T15:00"),
        ("month Asia/Tokyo", "2026-02-28T14:59:59", "2026-01-31T15:00", "2026-02-28T15:00"),
        ("quarter UTC", "2026-12-31T23:59", "2026-10-01T00:00", "2027-01-01T00:00"),
        ("year Asia/Kathmandu", "2026-06-01T00:00", "2025-12-31T18:15", "2026-12-31T18:15"),
        ("month UTC", "2028-02-29T12:00", "2028-02-01T00:00", "2028-03-01T00:00"),
        # 23 and 25 hours.
        ("day Europe/Berlin", "2026-03-29T12:00", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("day Europe/Berlin", "2026-10-25T12:00", "2026-10-24T22:00", "2026-10-25T23:00"),
        # Clocks leap from 0:00 to 1:00: the day begins at the leap.
        ("day America/Santiago", "2026-09-06T12:00", "2026-09-06T04:00", "2026-09-07T03:00"),
        # Half an hour forward: 23.5 hours.
        ("day Australia/Lord_Howe", "2026-10-04T00:00", "2026-10-03T13:30", "2026-10-04T13:00"),
    ],
)
def test_a_period_is_the_local_one(label: str, now: str, start: str, end: str) -> None:
    window = calendar(label)

    assert window.start(utc(now)) == utc(start)
    assert window.end(utc(now)) == utc(end)


_WINDOWS = st.builds(
    Calendar, st.sampled_from(Period), st.sampled_from(ZONES).map(lambda name: ZoneInfo(name))
)
_MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2032, 1, 1)).map(  # noqa: DTZ001 - made UTC
    lambda at: at.replace(tzinfo=UTC)
)


@given(_WINDOWS, _MOMENTS)
def test_periods_follow_one_another_without_gap_on_the_five_minute_grid(
    window: Calendar, now: datetime
) -> None:
    start, end = window.start(now), window.end(now)

    assert start <= now < end
    assert end - start <= window.reach
    assert window.start(end) == end
    assert window.end(start - timedelta(microseconds=1)) == start
    assert start.timestamp() % 300 == 0


def judged(window: Calendar, ledger: Ledger, now: datetime, slo: SLO | None = None) -> SLOStatus:
    slo = slo or replace(an_slo("99", tiers=()), window=window)
    return evaluate(slo, ledger, now, {}, now)[0]


@given(
    window=_WINDOWS,
    now=_MOMENTS,
    ages=st.lists(
        st.tuples(st.timedeltas(timedelta(0), 400 * DAY), st.integers(0, 9)), max_size=30
    ),
)
def test_a_period_to_date_equals_brute_force_over_the_buckets(
    window: Calendar, now: datetime, ages: list[tuple[timedelta, int]]
) -> None:
    ledger = Ledger(10, window.reach)
    start = window.start(now)
    expected = Counts()
    for age, bad in sorted(ages, reverse=True):
        at = now - age
        ledger.book(at, BucketDelta(ledger.bucket_of(at), 7, bad, seen=1))
        if at >= start:
            expected += Counts(7, bad)

    assert judged(window, ledger, now).window.counts == expected


def test_a_new_period_begins_with_nothing() -> None:
    window = calendar("month Asia/Tokyo")
    ledger = Ledger(10, window.reach)
    run(ledger, utc("2026-02-01T00:00"), utc("2026-02-28T15:00"), bad=1, every=HOUR)

    before = judged(window, ledger, utc("2026-02-28T14:59:59"))
    after = judged(window, ledger, utc("2026-02-28T15:00"))

    assert before.window.counts.bad == 27 * 24 + 15
    assert (after.sli, after.budget) == (None, None)


def test_a_period_s_budget_is_that_of_its_events_to_date() -> None:
    window = calendar("month UTC")
    ledger = Ledger(10, window.reach)
    run(ledger, utc("2026-03-01T00:00"), utc("2026-03-03T00:00"), good=99, bad=1, every=HOUR)

    budget = judged(window, ledger, utc("2026-03-03T00:00")).budget

    assert budget is not None
    assert budget.spent == 1


def test_slices_of_a_period_spend_the_budget_of_all_of_it() -> None:
    window = calendar("day Europe/Berlin")
    slicing = Slicing(timedelta(minutes=15), Fraction(1))
    slo = replace(an_slo("90", tiers=()), window=window, slicing=slicing)
    ledger = Ledger(10, window.reach, slicing)
    start = utc("2026-10-24T22:00")  # of a day of 25 hours
    run(ledger, start - HOUR, start + 2 * HOUR, bad=1, every=timedelta(minutes=15))

    status = judged(window, ledger, start + 2 * HOUR, slo)

    assert status.slices == SliceCounts(8, Fraction(8))
    assert status.budget is not None
    assert status.budget.allowed == 10  # a tenth of 100 quarters of an hour


def test_a_period_is_learning_until_a_twentieth_of_it_was_observed() -> None:
    window = calendar("week UTC")
    slo = replace(an_slo("99", tiers=(), interval=timedelta(minutes=5)), window=window)
    ledger = Ledger(10, window.reach)
    start = utc("2026-03-02T00:00")
    run(ledger, start, start + 8 * HOUR, every=timedelta(minutes=5))
    early = judged(window, ledger, start + 8 * HOUR, slo)
    run(ledger, start + 8 * HOUR, start + 9 * HOUR, every=timedelta(minutes=5))

    assert early.budget_state is BudgetState.LEARNING
    assert judged(window, ledger, start + 9 * HOUR, slo).budget_state is BudgetState.HEALTHY


@pytest.mark.parametrize(("bad", "runs_out"), [(2, True), (0, False)])
def test_a_period_s_forecast_ends_with_the_period(bad: int, runs_out: bool) -> None:
    window = calendar("day UTC")
    ledger = Ledger(10, window.reach)
    start = utc("2026-03-02T00:00")
    run(ledger, start, start + 12 * HOUR, good=10, every=timedelta(minutes=1))
    run(ledger, start + 11 * HOUR, start + 12 * HOUR, good=98, bad=bad, every=timedelta(minutes=1))

    forecast = judged(window, ledger, start + 12 * HOUR).forecast

    assert forecast.known
    assert (forecast.at is not None) is runs_out


def test_the_edges_of_a_period_are_those_that_were_summed() -> None:
    now = utc("2026-03-02T10:02:03")

    edges = edges_of(calendar("day Asia/Kathmandu"), now, 10)

    assert (edges.start, edges.end) == (utc("2026-03-01T18:15"), utc("2026-03-02T10:05"))
