"""Budgets of slices: closed ones alone, equal to brute force, in whatever order events come."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.budget_ledger import budget_ledger, timeslices
from slo.definition import SLO
from slo.evaluate import evaluate
from slo.ledger import BucketDelta, Ledger, epoch_micros
from slo.slices import RATIO_PARTS, NoData, SliceCounts, Slicing
from slo.status import SLOStatus, Verdict
from tests.slo.builders import T0, a_tier, an_slo, book, run

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
MINUTES = Slicing(MINUTE, Fraction(95, 100))
RATIOS = Slicing(MINUTE, None)


def sliced(slicing: Slicing, window: timedelta = 2 * HOUR, objective: str = "90") -> SLO:
    tiers = (a_tier(long=HOUR, short=5 * MINUTE, factor="2"),)
    slo = an_slo(objective, window, tiers=tiers)
    return replace(slo, slicing=slicing)


def a_ledger(slo: SLO) -> Ledger:
    return Ledger(10, slo.window.length, slo.slicing)


def status_of(slo: SLO, ledger: Ledger, minutes: int) -> SLOStatus:
    return evaluate(slo, ledger, T0 + minutes * MINUTE, {}, T0)[0]


def counted(slo: SLO, ledger: Ledger, minutes: float) -> tuple[int, Fraction]:
    slices = ledger.slices(slo.window.length, T0 + minutes * MINUTE)
    return slices.observed, slices.cost


@pytest.mark.parametrize(
    ("good", "bad", "cost"), [(95, 5, 0), (94, 6, 1), (19, 1, 0), (0, 1, 1), (1, 0, 0)]
)
def test_a_slice_is_good_from_its_target_on_exactly(good: int, bad: int, cost: int) -> None:
    assert MINUTES.judge(good, bad, unknown=0, seen=1) == cost


@pytest.mark.parametrize(
    ("no_data", "cost"), [(NoData.IGNORE, None), (NoData.GOOD, 0), (NoData.BAD, 1)]
)
def test_an_observed_idle_slice_counts_as_was_asked(no_data: NoData, cost: int | None) -> None:
    assert Slicing(MINUTE, Fraction(1), no_data).judge(0, 0, unknown=0, seen=6) == cost


@pytest.mark.parametrize("no_data", list(NoData))
@pytest.mark.parametrize(("unknown", "seen"), [(0, 0), (6, 0), (3, 3)])
def test_a_slice_that_we_failed_to_see_never_counts(
    no_data: NoData, unknown: int, seen: int
) -> None:
    assert Slicing(MINUTE, Fraction(1), no_data).judge(0, 0, unknown, seen) is None


def test_a_slice_counts_when_it_is_over_and_not_before() -> None:
    slo = sliced(MINUTES)
    ledger = a_ledger(slo)
    book(ledger, T0, bad=1)

    assert counted(slo, ledger, 59.9 / 60) == (0, Fraction(0))
    assert counted(slo, ledger, 1) == (1, Fraction(1))


def test_a_late_event_changes_the_verdict_of_its_slice() -> None:
    slo = sliced(MINUTES)
    ledger = a_ledger(slo)
    run(ledger, T0, T0 + 10 * MINUTE, good=10)
    book(ledger, T0 + 3 * MINUTE, bad=9)

    assert counted(slo, ledger, 10) == (10, Fraction(1))


def test_the_budget_is_of_the_observed_slices() -> None:
    slo = sliced(MINUTES)
    ledger = a_ledger(slo)
    run(ledger, T0, T0 + 40 * MINUTE)
    run(ledger, T0 + 60 * MINUTE, T0 + 63 * MINUTE, good=0, bad=1)

    status = status_of(slo, ledger, 63)

    assert status.slices == SliceCounts(43, Fraction(3))
    assert status.sli == Fraction(40, 43)
    assert status.budget is not None
    assert status.budget.allowed == Fraction(43, 10)
    assert status.budget.spent == Fraction(30, 43)


def test_one_bad_request_in_a_busy_slice_costs_nothing_and_a_bad_night_slice_all() -> None:
    slo = sliced(MINUTES)
    ledger = a_ledger(slo)
    book(ledger, T0, good=100_000, bad=5_000)
    book(ledger, T0 + MINUTE, good=1, bad=1)

    status = status_of(slo, ledger, 2)

    assert status.sli == Fraction(1, 2)


def test_ratio_slices_weigh_the_same_whatever_their_traffic() -> None:
    slo = sliced(RATIOS)
    ledger = a_ledger(slo)
    book(ledger, T0, good=0, bad=30)
    book(ledger, T0 + MINUTE, good=3, bad=1)
    book(ledger, T0 + 2 * MINUTE, good=29, bad=1)

    status = status_of(slo, ledger, 3)

    shortfall = 1 + Fraction(1, 4) + Fraction(1, 30)
    assert status.sli == 1 - shortfall / 3
    assert status.budget is not None
    assert status.budget.spent == shortfall / Fraction(3, 10)


def test_a_window_without_observed_slices_has_no_sli_and_no_budget() -> None:
    slo = sliced(MINUTES)
    ledger = a_ledger(slo)
    book(ledger, T0, unknown=5, seen=0)

    status = status_of(slo, ledger, 3)

    assert (status.sli, status.budget) == (None, None)


def test_burn_is_of_slices_and_one_bad_event_is_not_a_bad_hour() -> None:
    # Elastic kibana #203279: one bad minute in an hour burns 1/60/(1-T), not 1/(1-T).
    slo = sliced(MINUTES)
    ledger = a_ledger(slo)
    run(ledger, T0, T0 + HOUR)
    book(ledger, T0 + 30 * MINUTE, bad=6)

    burn = status_of(slo, ledger, 60).burn(HOUR)

    assert burn is not None
    assert burn.rate == Fraction(1, 60) / Fraction(1, 10)


@pytest.mark.parametrize(
    ("slice_minutes", "slices", "bad", "sli"),
    [(1, 10_080, 80, "0.99206349"), (60, 168, 10, "0.94047619")],
)
def test_published_tables_of_slices_come_out(
    slice_minutes: int, slices: int, bad: int, sli: str
) -> None:
    # Elastic kibana #181888: 10,000 good of 10,080, 158 good of 168, over 7 days.
    slo = sliced(Slicing(slice_minutes * MINUTE, Fraction(95, 100)), timedelta(days=7), "99")
    slo = replace(slo, tiers=())
    ledger = a_ledger(slo)
    for n in range(slices):
        good = n >= bad
        book(ledger, T0 + n * slice_minutes * MINUTE, good=int(good), bad=int(not good))

    status = status_of(slo, ledger, 7 * 24 * 60)

    assert status.sli is not None
    assert f"{float(status.sli):.8f}" == sli


def test_slices_are_the_evidence_of_their_tiers() -> None:
    slo = sliced(MINUTES)
    ledger = a_ledger(slo)
    run(ledger, T0, T0 + HOUR, good=1000)
    run(ledger, T0 + 46 * MINUTE, T0 + HOUR, good=0, bad=100_000)

    few = status_of(slo, ledger, 60).tiers[0]
    run(ledger, T0 + 20 * MINUTE, T0 + 46 * MINUTE, good=0, bad=100_000)
    many = status_of(slo, ledger, 60).tiers[0]

    assert few.verdict is Verdict.FALSE
    assert "14 bad of 60 slices in 1h are too little evidence" in few.reason
    assert many.verdict is Verdict.TRUE


def test_smeared_events_make_no_short_window_burn() -> None:
    slo = sliced(MINUTES)
    ledger = a_ledger(slo)
    run(ledger, T0, T0 + HOUR)
    for n in range(6):
        at = T0 + 55 * MINUTE + n * MINUTE
        ledger.book(at, BucketDelta(ledger.bucket_of(at), bad=90, smeared_bad=90))

    reading = status_of(slo, ledger, 60).tiers[0]

    assert reading.long.slices == SliceCounts(60, Fraction(5))
    assert reading.short.rate == 0


def test_a_pace_of_bad_slices_is_followed_to_the_end_of_the_budget() -> None:
    slo = sliced(MINUTES, window=24 * HOUR)
    ledger = a_ledger(slo)
    run(ledger, T0, T0 + 24 * HOUR, good=10)
    for n in range(30):
        book(ledger, T0 + 23 * HOUR + n * 2 * MINUTE, bad=90)

    forecast = status_of(slo, ledger, 24 * 60).forecast

    # 144 allowed, 30 spent, 30 more an hour.
    assert forecast.at is not None
    assert abs(forecast.at - (T0 + 24 * HOUR + 3.8 * HOUR)) < 5 * MINUTE


def test_slices_spend_their_budget_ledger_to_the_last_bit() -> None:
    slo = sliced(RATIOS)
    ledger = a_ledger(slo)
    buckets = [BucketDelta(int(T0.timestamp()) + n * 60, 7, n % 5, seen=1) for n in range(60)]
    for bucket in buckets:
        ledger.book(T0, bucket)
    status = status_of(slo, ledger, 60)
    assert status.budget is not None

    account = budget_ledger(
        timeslices(buckets, RATIOS, slo.objective),
        [],
        start=T0,
        end=T0 + HOUR,
        allowed=status.budget.allowed,
    )

    assert account.spent == status.budget.spent


_DELTAS = st.builds(
    BucketDelta,
    bucket=st.integers(0, 900).map(lambda n: int(T0.timestamp()) + n * 10),
    good=st.sampled_from([0, 1, 19, 20, 10**17]),
    bad=st.sampled_from([0, 1, 7, 10**17]),
    unknown=st.integers(0, 1),
    seen=st.integers(0, 1),
)
_SLICINGS = st.builds(
    Slicing,
    length=st.sampled_from([MINUTE, 5 * MINUTE, timedelta(seconds=10)]),
    target=st.sampled_from([None, Fraction(95, 100), Fraction(1), Fraction(1, 3)]),
    no_data=st.sampled_from(NoData),
)


def brute_force(
    deltas: list[BucketDelta], slicing: Slicing, length: timedelta, now_micros: int
) -> tuple[int, Fraction]:
    """Slice by slice, in fractions; ratios rounded down to RATIO_PARTS."""
    width = slicing.seconds
    ceiling = -(-now_micros // (width * 1_000_000)) * width
    observed, cost = 0, Fraction(0)
    start = ceiling - int(length.total_seconds())
    while (start + width) * 1_000_000 <= now_micros:
        inside = [d for d in deltas if start <= d.bucket < start + width]
        good, bad = sum(d.good for d in inside), sum(d.bad for d in inside)
        if good + bad:
            observed += 1
            ratio = Fraction(good, good + bad)
            if slicing.target is None:
                cost += Fraction((1 - ratio) * RATIO_PARTS // 1, RATIO_PARTS)
            else:
                cost += ratio < slicing.target
        elif any(d.seen for d in inside) and not any(d.unknown for d in inside):
            observed += slicing.no_data is not NoData.IGNORE
            cost += slicing.no_data is NoData.BAD
        start += width
    return observed, cost


@given(
    deltas=st.lists(_DELTAS, max_size=40),
    slicing=_SLICINGS,
    length=st.sampled_from([5 * MINUTE, HOUR, 2 * HOUR]),
    offset=st.timedeltas(timedelta(0), timedelta(hours=3)),
    restart=st.booleans(),
)
def test_slices_equal_brute_force_through_late_events_and_restarts(
    deltas: list[BucketDelta],
    slicing: Slicing,
    length: timedelta,
    offset: timedelta,
    restart: bool,
) -> None:
    ledger = Ledger(10, 2 * HOUR, slicing)
    if restart:
        ledger.load_slices([(delta.bucket, *delta.columns()) for delta in deltas])
    else:
        for delta in deltas:
            ledger.book(T0, delta)
    newest = max((delta.bucket for delta in deltas), default=int(T0.timestamp()))
    now = T0 + timedelta(seconds=newest - int(T0.timestamp())) + offset

    slices = ledger.slices(length, now)

    expected = brute_force(deltas, slicing, length, epoch_micros(now))
    assert (slices.observed, slices.cost) == expected
    # The unknown as if they were known: that is what the bounds mean.
    all_bad = [replace(d, bad=d.bad + d.unknown, unknown=0) for d in deltas]
    all_good = [replace(d, good=d.good + d.unknown, unknown=0) for d in deltas]
    ends = [brute_force(known, slicing, length, epoch_micros(now)) for known in (all_bad, all_good)]
    assert slices.bounds == (
        tuple(1 - cost / observed for observed, cost in ends) if ends[0][0] else None
    )


def test_a_slice_of_unknown_events_alone_widens_the_bounds_and_moves_no_sli() -> None:
    slo = sliced(MINUTES)
    ledger = a_ledger(slo)
    run(ledger, T0, T0 + 3 * MINUTE)
    book(ledger, T0 + 3 * MINUTE, unknown=6)

    status = status_of(slo, ledger, 4)

    assert status.sli == 1
    assert status.sli_bounds == (Fraction(3, 4), Fraction(1))


def test_one_unknown_event_leaves_open_whether_its_slice_was_good() -> None:
    slo = sliced(MINUTES)  # 95 % of a good slice
    ledger = a_ledger(slo)
    book(ledger, T0, good=94, bad=5, unknown=1)  # 94.9 %: bad; 95 % at the best
    book(ledger, T0 + MINUTE, good=95, bad=4, unknown=1)  # 96 %: good; 95 % at the worst
    book(ledger, T0 + 2 * MINUTE, good=95, bad=5, unknown=1)  # 95 %: good; 94.1 % at the worst

    status = status_of(slo, ledger, 3)

    assert status.sli == Fraction(2, 3)
    assert status.sli_bounds == (Fraction(1, 3), Fraction(1))
    assert status.budget is not None
    assert status.budget.spent_events == 1  # the unknown is counted for nobody


def test_unknown_events_of_ratio_slices_weigh_what_they_could_have() -> None:
    slo = sliced(RATIOS)
    ledger = a_ledger(slo)
    book(ledger, T0, good=2, bad=1, unknown=1)

    status = status_of(slo, ledger, 1)

    assert status.sli == Fraction(2, 3)
    assert status.sli_bounds == (Fraction(2, 4), Fraction(3, 4))


def test_without_unknown_events_the_bounds_are_the_sli() -> None:
    slo = sliced(MINUTES)
    ledger = a_ledger(slo)
    book(ledger, T0, good=0, bad=1)
    run(ledger, T0 + MINUTE, T0 + 3 * MINUTE)

    status = status_of(slo, ledger, 3)

    assert status.sli_bounds == (status.sli, status.sli)
