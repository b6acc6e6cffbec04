"""Counts under exclusions are exact for as long as sums are kept."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from nines.storage.batches import CauseDelta, CountBatch
from nines.storage.counts import CountStore
from nines.storage.database import Database
from nines.storage.packing import add_up
from slo.exclusion import NOTHING, Exclusion, Overlay, Scope
from slo.ledger import BucketDelta
from slo.recurrence import Once

T0 = datetime(2026, 3, 28, 9, 0, tzinfo=UTC)
B0 = int(T0.timestamp())
SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=n) for n in (1, 60, 3_600, 86_400))
DETAIL, SUMS = 35 * DAY, 400 * DAY
ONCE = Exclusion(
    id="one",
    scope=Scope("shop", "up"),
    schedule=Once(T0, T0 + HOUR),
    reason="a new database",
    author="ada",
    origin="api",
    created_at=T0,
    since=T0 - DETAIL,
)


@pytest.fixture
def counts(database: Database) -> CountStore:
    return CountStore(database)


def an_overlay(*parts: tuple[int, int]) -> Overlay:
    """Exclusions of seconds from B0 on."""
    return Overlay(
        replace(ONCE, schedule=Once(T0 + start * SECOND, T0 + end * SECOND)) for start, end in parts
    )


def booked(counts: CountStore, *deltas: BucketDelta, causes: Sequence[CauseDelta] = ()) -> int:
    number = counts.register("shop/up", uuid4().hex, T0).series_id
    counts.flush(CountBatch(deltas={number: deltas}, causes={number: causes}))
    return number


def good(counts: CountStore, number: int, width: int, overlay: Overlay = NOTHING) -> dict[int, int]:
    rows = counts.load(number, width, T0 - DAY, T0 + 2 * DAY, overlay)
    return {row[0] - B0: row[1] for row in rows}


def test_an_edge_stays_exact_after_detail_is_forgotten(counts: CountStore) -> None:
    overlay = an_overlay((100, 700))
    number = booked(counts, *(BucketDelta(B0 + at, good=1) for at in range(0, 1_200, 10)))
    expected = {0: 10, 600: 20, 900: 30}
    assert good(counts, number, 300, overlay) == expected

    while counts.pack(T0 + 40 * DAY):
        pass
    while counts.prune(T0 + 40 * DAY, DETAIL, SUMS, overlays={number: overlay}):
        pass

    assert good(counts, number, 10) == {}
    assert good(counts, number, 300, overlay) == expected
    assert good(counts, number, 300) == {0: 30, 300: 30, 600: 30, 900: 30}
    # The early end of another that overlaps it moves an edge: what there was is still known.
    assert good(counts, number, 300, an_overlay((100, 290), (0, 50), (300, 700))) == {
        0: 6, 600: 20, 900: 30,
    }  # fmt: skip


def test_an_edge_that_lost_its_detail_hides_nothing(counts: CountStore) -> None:
    number = booked(counts, *(BucketDelta(B0 + at, good=1) for at in range(0, 1_200, 10)))
    while counts.prune(T0 + 40 * DAY, DETAIL, SUMS):
        pass

    assert good(counts, number, 300, an_overlay((100, 700))) == {0: 30, 600: 30, 900: 30}


def test_edges_go_with_the_sums(counts: CountStore, database: Database) -> None:
    overlay = an_overlay((100, 700))
    number = booked(counts, *(BucketDelta(B0 + at, good=1) for at in range(0, 1_200, 10)))
    for days in (40, 402):
        while counts.prune(T0 + days * DAY, DETAIL, SUMS, overlays={number: overlay}):
            pass

    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM edge_counts")).scalar() == 0


def test_causes_add_up_to_what_counts(counts: CountStore) -> None:
    overlay = an_overlay((100, 700))
    number = booked(
        counts,
        *(BucketDelta(B0 + at, bad=1) for at in range(0, 1_200, 10)),
        causes=[
            CauseDelta(B0 + at, cause, bad)
            for at in (0, 300, 600, 900)
            for cause, bad in (("timeout", 20), ("dns", 10))
        ],
    )

    assert counts.causes(number, T0, T0 + HOUR, overlay) == {"timeout": 41, "dns": 19}
    assert counts.causes(number, T0, T0 + HOUR) == {"timeout": 80, "dns": 40}
    assert sum(bad for *_, bad in counts.load_causes(number, T0, T0 + HOUR, overlay)) == 60


_DELTAS = st.lists(
    st.builds(
        BucketDelta,
        bucket=st.integers(-200, 200).map(lambda n: B0 + 10 * n),
        good=st.integers(0, 9),
        bad=st.integers(0, 9),
        seen=st.integers(0, 1),
        smeared_good=st.integers(0, 1),
    ),
    max_size=30,
)
_PARTS = st.lists(st.tuples(st.integers(-1_500, 1_500), st.integers(1, 900)), max_size=4)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(_DELTAS, _DELTAS, _PARTS, st.booleans(), st.booleans())
def test_counts_under_an_overlay_equal_a_dictionary(
    counts: CountStore,
    early: list[BucketDelta],
    late: list[BucketDelta],
    parts: list[tuple[int, int]],
    packed: bool,
    pruned: bool,
) -> None:
    overlay = an_overlay(*((start, start + length) for start, length in parts))
    touched = {
        bucket
        for start, length in parts
        for bucket in range((B0 + start) // 10 * 10, B0 + start + length, 10)
    }
    number = booked(counts, *early)
    if packed:
        while counts.pack(T0 + 2 * HOUR):
            pass
    if pruned:
        while counts.prune(T0 + 40 * DAY, DETAIL, SUMS, overlays={number: overlay}):
            pass
    counts.flush(CountBatch(deltas={number: late}))  # what is late belongs there all the same

    def expected(width: int, without: set[int]) -> dict[int, list[int]]:
        sums: dict[int, list[int]] = {}
        for delta in (*early, *late):
            if delta.bucket not in without:
                have = sums.setdefault(delta.bucket // width * width, [0] * 7)
                have[:] = [a + b for a, b in zip(have, delta.columns(), strict=True)]
        return {at: columns for at, columns in sums.items() if any(columns)}

    def found(width: int, overlay: Overlay = NOTHING) -> dict[int, list[int]]:
        rows = counts.load(number, width, T0 - HOUR, T0 + HOUR, overlay)
        return {at: columns for at, *columns in rows if any(columns)}

    for width in (300, 1_800):
        assert found(width, overlay) == expected(width, touched)
        assert found(width) == expected(width, set())
    if not pruned:
        assert found(10, overlay) == expected(10, touched)
    # What a ledger is filled with says the same, wherever detail begins.
    for detail in (T0 - HOUR, T0 + 250 * SECOND):
        ((_, history),) = counts.histories(
            [number], detail, T0 - HOUR, T0 + HOUR, {number: overlay}
        )
        sums = add_up(history.under(overlay).sums)  # what came late is a row of its own
        counted = {int(at): list(map(int, columns)) for at, *columns in sums if np.any(columns)}
        assert counted == expected(300, touched)
