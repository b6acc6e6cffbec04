"""The forecast goes on at the last hour's pace while old buckets leave."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.definition import SLO
from slo.forecast import forecast
from slo.ledger import Ledger
from tests.slo.builders import T0, a_ledger, an_slo, book, run

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def stepped(slo: SLO, ledger: Ledger, now: datetime) -> float | None:
    """Seconds until spent >= 1, found by walking second slots forward one at a time."""
    share = float(slo.objective.budget_share)
    pace = ledger.window(HOUR, now).counts
    width, good, bad = ledger.leaving(slo.window.length, now)
    in_good, in_bad = pace.good / 3600, pace.bad / 3600
    all_good, all_bad = float(good.sum()), float(bad.sum())
    for n in range(len(good)):
        all_good += in_good * width - float(good[n])
        all_bad += in_bad * width - float(bad[n])
        if all_bad >= share * (all_good + all_bad):
            return float((n + 1) * width)
    return None


@given(st.lists(st.tuples(st.integers(0, 287), st.integers(1, 500), st.integers(0, 9)), min_size=1))
def test_it_agrees_with_walking_forward_slot_by_slot(
    booked: list[tuple[int, int, int]],
) -> None:
    slo = an_slo("99", DAY)
    ledger = a_ledger(slo)
    now = T0 + DAY - timedelta(seconds=1)
    for n, good, bad in booked:
        book(ledger, T0 + timedelta(minutes=5 * n), good, bad)
    outlook, walked = forecast(slo, ledger, now), stepped(slo, ledger, now)

    if outlook.known and outlook.at is not None and outlook.at > now:
        assert walked is not None
        assert walked - 300 <= (outlook.at - now).total_seconds() <= walked + 1e-3
    elif outlook.known and outlook.at is None:
        assert walked is None


def test_a_burn_held_below_one_lasts() -> None:
    slo = an_slo("99.9", DAY)
    ledger = a_ledger(slo)
    run(ledger, T0, T0 + DAY, good=99_910, bad=90, every=timedelta(minutes=5))

    assert forecast(slo, ledger, T0 + DAY - timedelta(seconds=1)).at is None


def test_a_full_outage_after_a_clean_month_ends_the_budget_in_its_minutes() -> None:
    slo = an_slo("99.9", 30 * DAY)
    ledger = a_ledger(slo)
    run(ledger, T0, T0 + 30 * DAY - HOUR, good=60, every=timedelta(minutes=1))
    now = T0 + 30 * DAY - HOUR
    run(ledger, now, now + timedelta(minutes=20), good=0, bad=60, every=timedelta(minutes=1))
    now += timedelta(minutes=19, seconds=59)

    outlook = forecast(slo, ledger, now)

    # 43.2 min of budget less 20 spent; the last hour burnt at a third of a full outage.
    assert outlook.at is not None
    assert (outlook.at - now).total_seconds() == pytest.approx(23.2 * 60 * 3, rel=0.02)


def test_a_spent_budget_is_gone_now() -> None:
    slo = an_slo("99.9", DAY)
    ledger = a_ledger(slo)
    book(ledger, T0, good=1, bad=1)

    assert forecast(slo, ledger, T0).at == T0


def test_an_hour_without_events_has_no_pace() -> None:
    slo = an_slo("99.9", DAY)
    ledger = a_ledger(slo)
    book(ledger, T0, good=10_000)

    assert not forecast(slo, ledger, T0 + 2 * HOUR).known


def test_a_clean_window_lasts_without_a_look_at_its_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    slo, ledger = an_slo("99", DAY), a_ledger(an_slo("99", DAY))
    run(ledger, T0, T0 + DAY, good=3)

    def refuse(*_: object) -> None:
        raise AssertionError("the slots were read")

    monkeypatch.setattr(Ledger, "leaving", refuse)

    outlook = forecast(slo, ledger, T0 + DAY)

    assert (outlook.known, outlook.at) == (True, None)
