"""What will be left of a budget: as if each past week were played forward bucket by bucket."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.definition import SLO
from slo.ledger import BucketDelta
from slo.outlook import ENOUGH_WEEKS, MOST_WEEKS, WEEK, Outlook, end_of, outlook, reach_of
from slo.slices import NoData, Slicing
from slo.window import Calendar, Period, Rolling
from tests.slo.builders import T0, an_slo

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BERLIN = ZoneInfo("Europe/Berlin")


def hourly(weeks: int, bad: Sequence[int], now: datetime) -> list[BucketDelta]:
    """Hours of 100 events before `now`, as many weeks; `bad` of them by week, newest first."""
    hours = WEEK // HOUR
    return [
        BucketDelta(
            int((now - n * HOUR).timestamp()),
            100 - bad[(n - 1) // hours],
            bad[(n - 1) // hours],
            seen=1,
        )
        for n in range(weeks * hours, 0, -1)
    ]


def a_slo(window: Rolling | Calendar, slicing: Slicing | None = None) -> SLO:
    return replace(an_slo("99", interval=HOUR, tiers=()), window=window, slicing=slicing)


def brute_force(slo: SLO, buckets: Sequence[BucketDelta], now: datetime) -> Outlook:
    """Every coming bucket is copied from the past, then the window at its end is added up."""
    end = end_of(slo, now)
    begin = slo.window.start(now) if isinstance(slo.window, Calendar) else end - slo.window.length
    lefts = []
    for number in range(1, MOST_WEEKS + 1):
        first = now - number * WEEK
        week = [one for one in buckets if first <= at(one) < first + WEEK]
        if sum(one.seen for one in week) * 10 < WEEK // slo.interval * 9:
            continue
        coming = [
            replace(one, bucket=one.bucket + int((now - first + again * WEEK).total_seconds()))
            for again in range((end - now) // WEEK + 1)
            for one in week
        ]
        inside = [one for one in (*buckets, *coming) if begin <= at(one) < end]
        left = left_of(slo, inside, now)
        if left is not None:
            lefts.append(left)
    if len(lefts) < ENOUGH_WEEKS:
        return Outlook(end, len(lefts))
    lefts.sort()
    return Outlook(end, len(lefts), lefts[0], lefts[(len(lefts) - 1) // 2], lefts[-1])


def left_of(slo: SLO, inside: Sequence[BucketDelta], now: datetime) -> Fraction | None:
    share = slo.objective.budget_share
    if slo.slicing is None:
        total = sum(one.good + one.bad for one in inside)
        return 1 - sum(one.bad for one in inside) / (share * total) if total else None
    costs = [
        Fraction(cost, slo.slicing.parts)
        for one in inside
        if (cost := slo.slicing.judge(one.good, one.bad, one.unknown, one.seen)) is not None
    ]
    weight = len(costs)
    if isinstance(slo.window, Calendar):
        weight = (slo.window.end(now) - slo.window.start(now)) // slo.slicing.length
    return 1 - sum(costs, Fraction(0)) / (share * weight) if weight else None


def at(bucket: BucketDelta) -> datetime:
    return datetime.fromtimestamp(bucket.bucket, UTC)


@pytest.mark.parametrize(
    "window",
    [
        Rolling(30 * DAY),
        Rolling(7 * DAY),
        Rolling(2 * DAY),
        Calendar(Period.MONTH, BERLIN),
        Calendar(Period.WEEK, BERLIN),
        Calendar(Period.QUARTER, ZoneInfo("Asia/Kathmandu")),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "slicing",
    [None, Slicing(HOUR, Fraction(9, 10), NoData.BAD), Slicing(HOUR, None)],
    ids=["events", "slices", "ratios"],
)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_it_is_what_each_past_week_played_forward_would_leave(
    window: Rolling | Calendar, slicing: Slicing | None, data: st.DataObject
) -> None:
    # Into the weeks around both changes of the clock, and far from them.
    now = T0 + data.draw(st.integers(0, 300 * 24)) * HOUR
    slo = a_slo(window, slicing)
    bad = data.draw(st.lists(st.integers(0, 40), min_size=60, max_size=60))
    holes = data.draw(st.sets(st.integers(0, 9 * 168), max_size=60))
    hours = range((now - reach_of(slo, now)) // HOUR, 0, -1)
    buckets = [
        BucketDelta(int((now - n * HOUR).timestamp()), 60 + n % 24, bad[n % 60], seen=1)
        for n in hours
        if n not in holes
    ]

    assert outlook(slo, buckets, now) == brute_force(slo, buckets, now)


def test_two_observed_weeks_are_not_enough_to_guess() -> None:
    slo = a_slo(Rolling(30 * DAY))

    assert outlook(slo, hourly(2, [0, 0], T0), T0) == Outlook(T0 + WEEK, 2)


def test_a_week_of_which_a_fifth_was_not_observed_is_no_example() -> None:
    slo = a_slo(Rolling(30 * DAY))
    buckets = hourly(4, [1, 1, 1, 1], T0)
    gone = {int((T0 - n * HOUR).timestamp()) for n in range(34)}

    found = outlook(slo, [one for one in buckets if one.bucket not in gone], T0)

    assert found.weeks == 3
    assert found.middle == 0


def test_the_band_reaches_from_the_worst_week_to_the_best() -> None:
    slo = a_slo(Rolling(7 * DAY))

    found = outlook(slo, hourly(4, [0, 2, 1, 3], T0), T0)

    assert found == Outlook(T0 + WEEK, 4, Fraction(-2), Fraction(-1), Fraction(1))


def test_in_a_period_what_was_spent_stays_spent() -> None:
    slo = a_slo(Calendar(Period.MONTH, ZoneInfo("UTC")))
    now = datetime(2026, 2, 15, tzinfo=UTC)
    buckets = hourly(6, [2, 2, 0, 0, 0, 0], now)

    found = outlook(slo, buckets, now)

    # 14 days at 2 %, then 14 at 2 % in the worst case, at none in the best.
    assert (found.lowest, found.highest) == (Fraction(-1), Fraction(0))
    assert found.end == datetime(2026, 3, 1, tzinfo=UTC)
