"""Budgets of slices out of storage, on both databases: after a restart, and told of the past."""

from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction

import pytest

from nines.entry import Entry
from nines.indicator import Indicator
from nines.past import Past
from nines.resume import resume_entries
from nines.storage.alerts import AlertRecords
from nines.storage.batches import CountBatch
from nines.storage.counts import CountStore
from nines.storage.database import Database
from slo.definition import SLO
from slo.evaluate import evaluate
from slo.ledger import BucketDelta, Ledger
from slo.slices import Slicing
from slo.status import SLOStatus
from tests.slo.builders import T0, a_tier, an_slo

DAY = timedelta(days=1)
NOW = T0 + 9 * DAY + timedelta(seconds=7)
MINUTES = Slicing(timedelta(minutes=1), Fraction(95, 100))
HOURS = Slicing(timedelta(hours=1), None)


def sliced(slicing: Slicing) -> SLO:
    tier = a_tier(long=timedelta(days=1), short=timedelta(hours=1))
    return replace(an_slo("99", 10 * DAY, tiers=(tier,)), slicing=slicing)


def fill(counts: CountStore, slo: SLO) -> tuple[Ledger, int]:
    """Nine days, with a bad event every 97 minutes; the ledger as it stands while running."""
    [entry] = resume(counts, slo)
    deltas = [
        BucketDelta(
            entry.ledger.bucket_of(T0 + n * timedelta(minutes=1)), 9, int(n % 97 == 0), seen=1
        )
        for n in range(9 * 1440)
    ]
    for delta in deltas:
        entry.ledger.book(datetime.fromtimestamp(delta.bucket, T0.tzinfo), delta)
    counts.flush(CountBatch({entry.indicator.number: deltas}))
    return entry.ledger, entry.indicator.number


def resume(counts: CountStore, slo: SLO) -> list[Entry]:
    return resume_entries(
        {slo.id: slo}, counts=counts, bucket_seconds=10, states={}, now=NOW, running={}
    )


def status_of(slo: SLO, ledger: Ledger) -> SLOStatus:
    return evaluate(slo, ledger, NOW, {}, T0)[0]


@pytest.mark.parametrize("slicing", [MINUTES, HOURS])
def test_a_restart_brings_every_slice_back(database: Database, slicing: Slicing) -> None:
    counts, slo = CountStore(database), sliced(slicing)
    before, _ = fill(counts, slo)

    [after] = resume(counts, slo)

    was, now = status_of(slo, before), status_of(slo, after.ledger)
    assert was.slices is not None
    assert was.slices.cost
    assert (was.slices, was.burns, was.forecast) == (now.slices, now.burns, now.forecast)


@pytest.mark.parametrize("slicing", [MINUTES, HOURS])
def test_where_the_budget_went_adds_up_to_what_is_spent(
    database: Database, slicing: Slicing
) -> None:
    counts, slo = CountStore(database), sliced(slicing)
    ledger, number = fill(counts, slo)
    entry = Entry(slo, Indicator(slo, number, "fingerprint", ledger))
    past = Past(counts, AlertRecords(database), 10, lambda: NOW, lambda: 35 * DAY)

    account = past.budget_ledger(entry, None, NOW)

    status = status_of(slo, ledger)
    assert status.budget is not None
    assert account.allowed == status.budget.allowed
    assert account.spent == status.budget.spent


@pytest.mark.parametrize("slicing", [MINUTES, HOURS])
def test_slices_along_time_are_those_of_the_running_ledger(
    database: Database, slicing: Slicing
) -> None:
    counts, slo = CountStore(database), sliced(slicing)
    ledger, number = fill(counts, slo)
    entry = Entry(slo, Indicator(slo, number, "fingerprint", ledger))
    past = Past(counts, AlertRecords(database), 10, lambda: NOW, lambda: 35 * DAY)

    told = past.slices(entry, NOW - 10 * DAY, NOW)
    neither = past.slices(replace(entry, slo=replace(slo, slicing=None)), NOW - DAY, NOW)

    status = status_of(slo, ledger)
    assert told is not None
    assert told.closed(T0, NOW) == status.slices
    for burn in status.burns:
        assert told.burn(slo.objective, burn.lookback, NOW) == burn.rate
    assert neither is None


def test_an_edited_method_is_judged_anew_from_the_stored_counts(database: Database) -> None:
    counts, slo = CountStore(database), sliced(MINUTES)
    fill(counts, replace(slo, slicing=None))
    running = {slo.id: resume(counts, replace(slo, slicing=None))[0]}

    [entry] = resume_entries(
        {slo.id: slo}, counts=counts, bucket_seconds=10, states={}, now=NOW, running=running
    )

    slices = status_of(slo, entry.ledger).slices
    assert slices is not None
    assert slices.observed == 9 * 1440
    assert slices.cost == len(range(0, 9 * 1440, 97))
