"""Windows of the calendar out of storage, on both databases: after a restart, and of the past."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from nines.entry import Entry
from nines.past import Past
from nines.resume import resume_entries
from nines.storage.alerts import AlertRecords
from nines.storage.batches import CountBatch
from nines.storage.counts import CountStore
from nines.storage.database import Database
from slo.definition import SLO
from slo.evaluate import evaluate
from slo.ledger import BucketDelta
from slo.slices import Slicing
from slo.window import Calendar, Period
from tests.slo.builders import T0, an_slo

HOUR = timedelta(hours=1)
NOW = datetime(2026, 12, 30, 21, 7, 5, tzinfo=UTC)  # 2:52 of the 31st in Kathmandu


def resume(counts: CountStore, slo: SLO) -> Entry:
    [entry] = resume_entries(
        {slo.id: slo}, counts=counts, bucket_seconds=10, states={}, now=NOW, running={}
    )
    return entry


@pytest.mark.parametrize("slicing", [None, Slicing(timedelta(minutes=15), None)])
@pytest.mark.parametrize("period", [Period.DAY, Period.MONTH, Period.YEAR])
def test_a_period_comes_back_whole_and_its_budget_is_told_to_the_last_bit(
    database: Database, period: Period, slicing: Slicing | None
) -> None:
    counts = CountStore(database)
    window = Calendar(period, ZoneInfo("Asia/Kathmandu"))
    slo = replace(an_slo("99", tiers=()), window=window, slicing=slicing)
    number = resume(counts, slo).indicator.number
    start = window.start(NOW)
    hours = int((NOW - start) / HOUR)
    rows = [(start - HOUR, 100), *((start + n * HOUR, n % 3) for n in range(hours))]
    deltas = [BucketDelta(int(at.timestamp()), 50, bad, seen=1) for at, bad in rows]
    counts.flush(CountBatch({number: deltas}))

    entry = resume(counts, slo)
    status = evaluate(slo, entry.ledger, NOW, {}, T0)[0]
    past = Past(counts, AlertRecords(database), 10, lambda: NOW, lambda: timedelta(days=35))
    account = past.budget_ledger(entry, None, NOW)

    assert status.window.counts.bad == sum(n % 3 for n in range(hours))
    assert status.budget is not None
    assert account.start == start
    assert (account.allowed, account.spent) == (status.budget.allowed, status.budget.spent)
