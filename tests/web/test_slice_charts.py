"""An SLO whose budget is one of slices has its charts, and they end on its own figures."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from typing import Any

import httpx
import pytest

from slo.evaluate import told_at
from slo.ledger import Ledger
from slo.slices import Slicing
from slo.status import SLOStatus
from tests.web.fakes import MONTH, NOW, FakeSource, _buckets, make_slo
from tests.web.test_pages import page

MINUTE = timedelta(minutes=1)


def sliced(target: Fraction | None) -> SLOStatus:
    """Judged by minutes, over the counts that the fake source tells."""
    slicing = Slicing(MINUTE, target)
    slo = replace(make_slo("shop", "checkout"), slicing=slicing)
    ledger = Ledger(10, MONTH, slicing)
    start = NOW.replace(second=0) - MONTH
    by_minute = [(one.bucket, *one.columns()) for one in _buckets(start, NOW, MINUTE)]
    for width in ledger.widths:
        ledger.load(width, by_minute)
    ledger.load_slices(by_minute)
    ledger.watched_since = NOW - 2 * MONTH
    ledger.last_observation = NOW - timedelta(seconds=7)
    return told_at(slo, ledger, NOW, {})


@pytest.fixture(params=[Fraction(95, 100), None], ids=["timeslices", "ratio_timeslices"])
def status(request: pytest.FixtureRequest, source: FakeSource) -> SLOStatus:
    found = sliced(request.param)
    source.statuses_ = (found, *source.statuses_[1:])
    return found


async def drawn(client: httpx.AsyncClient, **query: str) -> dict[str, Any]:
    path = "/api/v1/slos/shop/checkout/points"
    response = await client.get(path, params=query | {"include": "remaining,burn"})
    assert response.status_code == 200, response.text
    facts: dict[str, Any] = response.json()
    return facts


@pytest.mark.parametrize("step", ["10s", "5m"])
async def test_the_lines_end_on_the_slo_s_own_figures(
    client: httpx.AsyncClient, status: SLOStatus, step: str
) -> None:
    assert status.budget is not None
    assert status.budget.spent > 0

    columns = await drawn(client, start="now-3h", step=step)

    assert columns["remaining"][-1] == float(status.budget.remaining)
    for burn in status.burns:
        name = f"{burn.lookback // MINUTE}m" if burn.lookback < timedelta(hours=1) else None
        if name is not None:
            assert columns["burn"][name][-1] == (None if burn.rate is None else float(burn.rate))


async def test_what_is_left_falls_where_a_bad_slice_was_over(
    client: httpx.AsyncClient, status: SLOStatus
) -> None:
    columns = await drawn(client, start="now-1h", step="10s")

    falls = [
        columns["ends"][n] % 60
        for n in range(1, len(columns["remaining"]))
        if columns["remaining"][n] < columns["remaining"][n - 1]
    ]
    assert falls
    assert set(falls) == {0.0}  # a minute with failures is told when it is over
    assert status.budget is not None


async def test_the_page_draws_budget_and_burn_with_their_tables(
    client: httpx.AsyncClient, status: SLOStatus
) -> None:
    text = await page(client, "/slos/shop/checkout?range=1h")

    assert 'data-chart="budget"' in text
    assert 'data-chart="burn"' in text
    assert "Bad slices" in text
    assert "of the budget, fell into" in text
    assert status.slices is not None


@pytest.mark.usefixtures("status")
async def test_slices_are_judged_and_not_their_events_so_that_no_share_of_these_is_drawn(
    client: httpx.AsyncClient,
) -> None:
    assert 'data-chart="sli"' not in await page(client, "/slos/shop/checkout")
