"""Where the budget went, in words: of what its shares are, which incidents stood beside."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

from dashboards.budget import Account, budget_view
from slo.budget_ledger import budget_ledger, occurrences, timeslices
from slo.ledger import BucketDelta
from slo.slices import Slicing
from tests.dashboards.words import plain
from tests.nines.storage.builders import an_incident
from tests.slo.builders import T0, an_slo

MINUTE = timedelta(minutes=1)


def test_while_a_budget_is_learnt_shares_are_of_what_was_spent() -> None:
    buckets = [
        BucketDelta(int((T0 + n * 30 * MINUTE).timestamp()), 1, bad) for n, bad in ((0, 9), (1, 3))
    ]
    slo = an_slo()
    slots = occurrences(buckets, MINUTE, slo.objective, T0 + 60 * MINUTE)
    ledger = budget_ledger(slots, [], start=T0, end=T0 + 60 * MINUTE, allowed=Fraction(1, 100))
    account = Account(slo, ledger, [])

    known, learnt = (
        budget_view(account, T0 + 60 * MINUTE, learns=learns) for learns in (False, True)
    )

    assert (known.share_of, plain(known.losses[0].spent)) == ("Of the budget", "90000 %")
    assert learnt.share_of == "Of what was spent"
    assert [plain(loss.spent) for loss in learnt.losses] == ["75 %", "25 %"]
    assert plain(learnt.sentence) == (
        "Still learning: too little was seen for shares of the budget. "
        "In all: 2 intervals that make up 100 % of what was spent."
    )


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
