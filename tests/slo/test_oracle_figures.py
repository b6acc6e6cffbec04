"""The figures of the Site Reliability Workbook and of plain arithmetic, to the last digit."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest

from slo.counts import Counts, WindowCounts
from slo.evaluate import burn_rate, evaluate, read_tier
from slo.evidence import tail
from slo.objective import Objective
from slo.status import Budget, Verdict
from slo.tiers import default_tiers, impossible
from slo.units import format_duration
from tests.slo.builders import T0, a_ledger, a_tier, an_slo, book

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("objective", "window", "budget"),
    [
        ("99.9", 30 * DAY, timedelta(minutes=43, seconds=12)),
        ("99.99", 30 * DAY, timedelta(minutes=4, seconds=19.2)),
        ("99.9", 28 * DAY, timedelta(minutes=40, seconds=19.2)),
        ("99.99", 365 * DAY, timedelta(minutes=52, seconds=33.6)),
    ],
)
def test_the_untouched_budget_as_time(objective: str, window: timedelta, budget: timedelta) -> None:
    slo = an_slo(objective, window)

    assert Budget(Fraction(1), 0).remaining_time(slo) == budget


@pytest.mark.parametrize(
    ("days", "factors"),
    [
        (30, ["14.4", "6", "3", "1"]),
        (28, ["13.44", "5.6", "2.8", "1"]),
        (7, ["3.36", "1.4", "1", "1"]),
        (90, ["43.2", "18", "9", "3"]),
    ],
)
def test_default_factors_scale_with_the_period(days: int, factors: list[str]) -> None:
    tiers = default_tiers(Objective(Decimal("0.999")), days * DAY)

    assert [tier.factor for tier in tiers] == [Fraction(factor) for factor in factors]


def test_default_tiers_longer_than_the_window_are_dropped() -> None:
    tiers = default_tiers(Objective(Decimal("0.999")), timedelta(hours=6))

    assert [format_duration(tier.long) for tier in tiers] == ["1h", "6h"]


def test_default_tiers_of_a_lax_objective_are_lowered_until_they_can_fire() -> None:
    objective = Objective(Decimal("0.9"))
    tiers = default_tiers(objective, 30 * DAY)

    assert tiers[0].factor == Fraction(9)
    assert tiers[0].note is not None
    assert impossible(tiers, objective) == []


def test_a_factor_of_a_full_outage_can_never_fire() -> None:
    tier = a_tier(factor="10")

    assert impossible([tier], Objective(Decimal("0.9"))) == [tier]


def seconds_until_page(bad_share: Fraction) -> int | None:
    """Uniform traffic of 1000 events a second after a clean hour; one bucket of 1 s each."""
    objective, tier = Objective(Decimal("0.999")), a_tier()
    for second in range(1, 3601):
        bad = bad_share * 1000 * second
        long = bad / 3_600_000 / objective.budget_share
        short = bad_share * min(second, 300) / 300 / objective.budget_share
        if long > tier.factor and short > tier.factor:
            return second
    return None


@pytest.mark.parametrize(
    ("bad_percent", "minutes"),
    [("100", "0.864"), ("10", "8.64"), ("5", "17.28"), ("2", "43.2")],
)
def test_the_fast_page_fires_as_soon_as_its_rule_allows(bad_percent: str, minutes: str) -> None:
    slo = an_slo(interval=timedelta(seconds=10))
    tier = slo.tiers[0]
    bad_share = Fraction(bad_percent) / 100
    ledger = a_ledger(slo)
    for n in range(360):
        book(ledger, T0 + timedelta(seconds=10 * n), good=10_000)
    start, fired = T0 + timedelta(hours=1), None
    for n in range(360):
        bad = int(bad_share * 10_000)
        at = start + timedelta(seconds=10 * n)
        book(ledger, at, good=10_000 - bad, bad=bad)
        if read_tier(slo, tier, ledger, at, firing=False).verdict is Verdict.TRUE:
            fired = at + timedelta(seconds=10) - start
            break

    assert fired is not None
    exact = timedelta(minutes=float(minutes))
    assert exact < fired <= exact + timedelta(seconds=10)
    assert seconds_until_page(bad_share) == int(exact.total_seconds()) + 1


def test_a_burn_of_exactly_the_factor_never_pages() -> None:
    assert seconds_until_page(Fraction("0.0144")) is None


def test_a_busy_clean_half_day_outweighs_a_quiet_bad_one() -> None:
    slo = an_slo("99.9")
    bad, total = 12 * 3600 // 10, 12 * 3600 * 1000 + 12 * 3600

    burn = burn_rate(slo, Counts(total - bad, bad), 1)

    assert burn == Fraction(bad, total) * 1000
    assert round(float(burn), 4) == 0.0999


def test_one_bad_busy_hour_in_a_quiet_day_is_what_most_users_saw() -> None:
    bad, total = 3600 * 1000 * 5 // 100, 3600 * 1000 + 23 * 3600

    assert round(float(Fraction(bad, total) * 100), 2) == 4.89


@pytest.mark.parametrize(("bad", "chance"), [(1, 0.00996), (2, 0.000045)])
def test_one_failure_in_ten_is_chance_and_two_are_not(bad: int, chance: float) -> None:
    likelihood = tail(bad, 10, Fraction(1, 1000))

    assert likelihood == pytest.approx(chance, rel=0.01)


def test_one_failure_in_ten_requests_does_not_page_and_says_what_would() -> None:
    reading = low_traffic_reading(bad=1)

    assert reading is Verdict.FALSE


def test_two_failures_in_ten_requests_page() -> None:
    assert low_traffic_reading(bad=2) is Verdict.TRUE


def low_traffic_reading(bad: int) -> Verdict:
    slo = an_slo("99.9", interval=timedelta(minutes=1))
    ledger = a_ledger(slo)
    for n in range(60):
        book(ledger, T0 + timedelta(minutes=n), good=1 if n < 10 - bad else 0)
    for n in range(bad):
        book(ledger, T0 + timedelta(minutes=58 + n), bad=1, seen=0)
    now = T0 + timedelta(minutes=59, seconds=30)
    return read_tier(slo, slo.tiers[0], ledger, now, firing=False).verdict


def test_the_budget_share_is_a_decimal_not_a_float() -> None:
    assert Objective(Decimal("0.999")).budget_share == Fraction(1, 1000)
    assert Objective(Decimal("0.9995")).budget_share == Fraction(5, 10_000)


def test_no_events_are_no_data_and_not_a_hundred_percent() -> None:
    slo = an_slo()

    status, _ = evaluate(slo, a_ledger(slo), T0, {}, T0)

    assert (status.sli, status.budget, status.sli_bounds) == (None, None, None)


def test_observed_idle_time_burns_nothing() -> None:
    assert burn_rate(an_slo(), Counts(), seen=3) == 0
    assert burn_rate(an_slo(), Counts(), seen=0) is None


def test_coverage_is_what_came_of_what_was_due() -> None:
    assert WindowCounts(Counts(), Counts(), seen=3, due=4).coverage == Fraction(3, 4)
    assert WindowCounts(Counts(), Counts(), seen=0, due=0).coverage is None


def test_a_share_of_the_budget_and_a_factor_are_the_same_thing() -> None:
    slo = an_slo()

    shares = [tier.share(slo.window.length) for tier in slo.tiers]

    assert shares == [Fraction(2, 100), Fraction(5, 100), Fraction(10, 100), Fraction(10, 100)]
