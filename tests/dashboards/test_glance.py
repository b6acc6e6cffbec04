"""A glance says what the whole status says, whether it was made of that or of a sheet."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from dashboards import states
from dashboards.glance import Roll, glance, glances, roll_of
from slo.definition import SLO
from slo.digest import Sheet
from slo.evaluate import evaluate
from slo.ledger import BucketDelta, Ledger, epoch_micros, grid_for
from slo.screen import Judged, Screen
from slo.status import BudgetState, NowState, SLOStatus
from tests.slo.builders import T0, a_tier, an_slo
from tests.web.fakes import make_slo, make_status

M = timedelta(minutes=1)
NOW = T0 + timedelta(minutes=89, seconds=3)
SLO_OF_TWO_HOURS = an_slo("90", window=timedelta(hours=2), tiers=(a_tier(10 * M, M, "9"),))


def counted(good: int, bad: int, first_bad: int = 0, until: int = 90) -> tuple[Sheet, SLOStatus]:
    """The same 90 minutes told in both ways."""
    slo: SLO = SLO_OF_TWO_HOURS
    ledger = Ledger(10, slo.window.reach, grid=grid_for(10, slo.window.reach))
    for minute in range(90):
        came = minute < until
        failed = bad if came and minute >= first_bad else 0
        at = T0 + minute * M
        ledger.book(at, BucketDelta(ledger.bucket_of(at), good * came, failed, minute % 2, seen=6))
    (sheet,) = Screen([Judged(slo, ledger, {})]).digests(np.array([epoch_micros(NOW)]))
    status, _ = evaluate(slo, ledger, NOW, {}, T0)
    return sheet, status


@pytest.mark.parametrize(
    ("sheet_and_status", "state"),
    [
        pytest.param(counted(97, 0), BudgetState.HEALTHY, id="healthy"),
        pytest.param(counted(95, 5), BudgetState.HEALTHY, id="half is spent"),
        pytest.param(counted(98, 2, until=20), BudgetState.HEALTHY, id="an hour without events"),
        pytest.param(counted(60, 11), BudgetState.EXHAUSTED, id="all is spent"),
    ],
)
def test_of_a_sheet_and_of_a_status_it_is_the_same(
    sheet_and_status: tuple[Sheet, SLOStatus], state: BudgetState
) -> None:
    sheet, status = sheet_and_status

    (found,) = glances(sheet)

    assert status.budget_state is state
    assert found == glance(status)


def test_whose_budget_runs_low_is_left_to_its_status_as_no_sheet_knows_when_it_ends() -> None:
    sheet, status = counted(91, 8)

    assert status.budget_state is BudgetState.AT_RISK
    assert list(sheet.budget_states) == [BudgetState.AT_RISK]
    assert not list(glances(sheet))
    assert glance(status).ends is not None


def standing(name: str, bad: int, now: NowState = NowState.OK) -> SLOStatus:
    return make_status(
        make_slo("shop", name), (9_999, bad, 0), budget_state=BudgetState.HEALTHY, now_state=now
    )


def test_a_roll_keeps_the_files_order_and_knows_the_worst() -> None:
    calm, burning = standing("calm", 0), standing("burning", 5, NowState.BURNING)
    other = replace(calm, slo=replace(calm.slo, service="mail"))

    roll = roll_of([calm, burning, other])

    assert [one.id for one in roll] == ["shop/calm", "shop/burning", "mail/calm"]
    assert [one.id for one in roll.worst_first] == ["shop/burning", "mail/calm", "shop/calm"]
    assert [one.id for one in roll.by_service["shop"]] == ["shop/burning", "shop/calm"]
    assert roll.census == {states.BURNING: 1, states.HEALTHY: 2}
    assert roll.by_id["mail/calm"] == glance(other)


def test_what_is_not_known_is_none() -> None:
    empty = make_status(make_slo("shop", "new"), (0, 0, 0), budget_state=BudgetState.NO_DATA)
    found = glance(replace(empty, last_observation=None))

    assert (found.sli, found.remaining, found.heard) == (None, None, False)
    assert found.rate(timedelta(days=900)) is None
    assert not Roll()
