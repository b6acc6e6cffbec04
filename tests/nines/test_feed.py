"""What a page counted as columns, shared out to what it is booked to."""

import numpy as np

from nines.feed import Feed
from nines.indicator import Indicator
from slo.increment import Counted, Increment
from slo.ledger import Ledger
from tests.nines.test_engine import an_events_slo


def test_a_page_of_which_nothing_goes_in_as_columns_makes_no_block() -> None:
    slo = an_events_slo()
    indicator = Indicator(slo, 1, "fingerprint", Ledger(10, slo.window.length))
    feed = Feed([indicator], {})
    at, one = {slo.id: 0}, np.ones(1, np.int64)

    plain = Counted(at, one, one, np.array([True]), {})
    (block,), others = feed.shared_out(plain)
    assert (block.numbers, others) == ([1], [])

    absent = Counted(at, one, one, np.array([False]), {})
    assert feed.shared_out(absent) == ([], [indicator])
    told = Counted(at, one, one, np.array([True]), {slo.id: Increment(1, 1)})
    assert feed.shared_out(told) == ([], [indicator])
