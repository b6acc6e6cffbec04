"""The intervals that spent the budget: what is one, in which order, and that they add up."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from slo.budget_ledger import BudgetLedger, budget_ledger, occurrences
from slo.ledger import BucketDelta
from slo.objective import Objective
from tests.slo.builders import T0

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
FIVE = 5 * MINUTE
NO_GAP = timedelta(0)
OBJECTIVE = Objective(Decimal("0.99"))
START = int(T0.timestamp())

# (five-minute number, good, bad)
Row = tuple[int, int, int]


def ledger_of(
    rows: Sequence[Row],
    causes: Sequence[tuple[int, str, int]] = (),
    gap: timedelta = FIVE,
    width: timedelta = FIVE,
) -> BudgetLedger:
    """Slots of `width`, numbered from T0; causes by five minutes, numbered so too."""
    seconds = int(width.total_seconds())
    buckets = [BucketDelta(START + n * seconds, good, bad) for n, good, bad in rows]
    total = sum(good + bad for _, good, bad in rows)
    return budget_ledger(
        occurrences(buckets, width, OBJECTIVE, T0 + timedelta(days=2)),
        [(START + n * 300, cause, bad) for n, cause, bad in causes],
        start=T0,
        end=T0 + timedelta(days=2),
        allowed=OBJECTIVE.budget_share * total,
        gap=gap,
    )


def test_a_slice_that_is_counted_where_it_begins_is_lost_until_it_ends() -> None:
    def extent(number: int, width: timedelta, step: timedelta) -> tuple[timedelta, timedelta]:
        bucket = BucketDelta(START + number * int(width.total_seconds()), 0, 1)
        (slot,) = occurrences([bucket], width, OBJECTIVE, T0 + HOUR, step)
        return slot.start - T0, slot.end - T0

    assert extent(6, 10 * SECOND, MINUTE) == (MINUTE, 2 * MINUTE)
    assert extent(1, FIVE, MINUTE) == (FIVE, 2 * FIVE)
    assert extent(1, MINUTE, 100 * SECOND) == (100 * SECOND, 200 * SECOND)
    assert extent(40, MINUTE, 40 * MINUTE)[1] == HOUR  # the range ends


rows_of_a_week = st.lists(
    st.tuples(st.integers(0, 400), st.integers(0, 10_000), st.integers(0, 10**12)),
    unique_by=lambda row: row[0],
    max_size=60,
).map(sorted)


@given(rows_of_a_week, st.integers(0, 20))
def test_the_shares_sum_to_the_spent_budget_to_the_last_bit(rows: list[Row], gap: int) -> None:
    ledger = ledger_of(rows, gap=gap * FIVE)
    bad = sum(row[2] for row in rows)
    total = sum(row[1] + row[2] for row in rows)

    shares = [*(loss.share for loss in ledger.losses), ledger.background.share]

    if total:
        spent = bad / (Fraction(1, 100) * total)
        assert sum(share for share in shares if share is not None) == spent == ledger.spent
    else:
        assert shares == [None]
        assert ledger.spent is None
    assert sum(loss.bad for loss in ledger.losses) + ledger.background.bad == bad


@given(rows_of_a_week, st.integers(0, 20))
def test_losses_lie_more_than_the_gap_apart_and_begin_and_end_above_the_pace(
    rows: list[Row], gap: int
) -> None:
    ledger = ledger_of(rows, gap=gap * FIVE)
    above = {T0 + n * FIVE for n, good, bad in rows if Fraction(bad) > Fraction(good + bad, 100)}

    in_time = sorted(ledger.losses, key=lambda loss: loss.start)

    for one, following in pairwise(in_time):
        assert following.start - one.end > gap * FIVE
    for loss in in_time:
        assert {loss.start, loss.end - FIVE} <= above
    assert all(any(loss.start <= at < loss.end for loss in in_time) for at in above)


@given(rows_of_a_week)
def test_losses_come_largest_first(rows: list[Row]) -> None:
    losses = ledger_of(rows).losses

    costs = [loss.cost for loss in losses]
    assert costs == sorted(costs, reverse=True)


def test_bad_buckets_within_the_gap_are_one_loss_with_all_between_them() -> None:
    ledger = ledger_of([(0, 10, 90), (1, 999, 1), (2, 0, 100), (9, 50, 50)], gap=FIVE)

    first, second = ledger.losses
    assert (first.start, first.end) == (T0, T0 + 3 * FIVE)
    assert (first.good, first.bad) == (1_009, 191)
    assert (second.start, second.bad) == (T0 + 9 * FIVE, 50)


def test_what_every_bucket_pays_is_background_and_joins_no_outages() -> None:
    paying = [(n, 9_999, 1) for n in range(100)]
    paying[20] = (20, 5_000, 5_000)
    paying[70] = (70, 6_000, 4_000)

    ledger = ledger_of(paying)

    assert [loss.bad for loss in ledger.losses] == [5_000, 4_000]
    assert (ledger.background.slots, ledger.background.bad) == (98, 98)


def test_a_bucket_exactly_at_the_pace_is_no_loss() -> None:
    ledger = ledger_of([(0, 99, 1)])

    assert ledger.losses == ()
    assert ledger.background.share == 1


def test_a_loss_names_its_causes_largest_first() -> None:
    causes = [(0, "timeout", 3), (1, "status 503", 5), (1, "timeout", 1), (4, "dns", 9)]

    (loss,) = ledger_of([(0, 0, 3), (1, 0, 6)], causes).losses

    assert list(loss.causes.items()) == [("status 503", 5), ("timeout", 4)]
    assert loss.causes_exact


def test_causes_that_a_neighbour_may_own_are_said_to_be_inexact() -> None:
    rows = [(0, 0, 3), (3, 0, 6), (5, 0, 2)]

    losses = ledger_of(rows, [(0, "timeout", 9), (1, "dns", 2)], gap=NO_GAP, width=MINUTE).losses

    assert [(loss.bad, loss.causes_exact) for loss in losses] == [
        (6, False),
        (3, False),
        (2, True),
    ]


def test_causes_of_five_minutes_that_the_range_cuts_are_said_to_be_inexact() -> None:
    (loss,) = ledger_of([(0, 0, 3)], [(0, "timeout", 9)], width=MINUTE).losses

    assert (loss.bad, dict(loss.causes), loss.causes_exact) == (3, {"timeout": 9}, False)


def test_a_slot_after_a_long_silence_begins_a_new_loss() -> None:
    losses = ledger_of([(0, 0, 1), (2, 0, 1), (4, 0, 1)], gap=NO_GAP).losses

    assert [loss.start for loss in losses] == [T0 + 4 * FIVE, T0 + 2 * FIVE, T0]
