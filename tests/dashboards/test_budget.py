"""Which incidents a loss is told with."""

from dataclasses import replace
from datetime import timedelta

from dashboards.budget import Account
from slo.budget_ledger import budget_ledger, timeslices
from slo.ledger import BucketDelta
from slo.slices import Slicing
from tests.nines.storage.builders import an_incident
from tests.slo.builders import T0, an_slo

MINUTE = timedelta(minutes=1)


def test_a_bad_slice_is_told_with_the_incident_that_opened_when_it_was_over() -> None:
    slicing = Slicing(5 * MINUTE, target=None)
    slo = replace(an_slo(), slicing=slicing)
    bad = BucketDelta(int(T0.timestamp()), good=0, bad=9, seen=1)
    slots = timeslices([bad], slicing, slo.objective)
    ledger = budget_ledger(slots, [], start=T0, end=T0 + 60 * MINUTE, allowed=1)
    (loss,) = ledger.losses
    opened = {at: an_incident(f"at {at}", opened_at=T0 + at * MINUTE) for at in (2, 6, 11)}

    beside = Account(slo, ledger, list(opened.values())).beside(loss)

    assert beside == [opened[2], opened[6]]
