"""The overlay of exclusions: exactly the buckets that they touch, once, and nothing else."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slo.exclusion import (
    NOTHING,
    Exclusion,
    Overlay,
    Scope,
    counted,
    counted_causes,
    counted_sums,
    planned_slices,
)
from slo.recurrence import Once, Recurring

T0 = datetime(2026, 3, 28, tzinfo=UTC)
B0 = int(T0.timestamp())
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
SHOP = Scope("shop", "up")


def an_exclusion(start: datetime, end: datetime, **more: object) -> Exclusion:
    made = Exclusion(
        id="x",
        scope=SHOP,
        schedule=Once(start, end),
        reason="a new database",
        author="ada",
        origin="api",
        created_at=T0,
        since=T0 - timedelta(days=35),
    )
    return replace(made, **more)  # type: ignore[arg-type]


def every_night(minutes: int = 60) -> Exclusion:
    first = datetime(2026, 3, 1, 2, 30)  # noqa: DTZ001 - local
    nightly = Recurring("FREQ=DAILY", first, ZoneInfo("Europe/Berlin"), minutes * MINUTE)
    return replace(an_exclusion(T0, T0 + HOUR), schedule=nightly)


def test_a_bucket_that_is_touched_is_excluded_whole() -> None:
    overlay = Overlay([an_exclusion(T0 + 19 * SECOND, T0 + 31 * SECOND)])

    assert [overlay.covers(B0 + at) for at in (0, 10, 20, 30, 40)] == [
        False, True, True, True, False,
    ]  # fmt: skip
    assert overlay.stretches(B0, B0 + 300) == [(B0 + 10, B0 + 40)]


def test_an_edge_on_the_grid_touches_nothing_beyond() -> None:
    overlay = Overlay([an_exclusion(T0 + 20 * SECOND, T0 + 40 * SECOND)])

    assert [overlay.covers(B0 + at) for at in (10, 20, 30, 40)] == [False, True, True, False]


def test_overlapping_exclusions_exclude_once() -> None:
    one, other = an_exclusion(T0, T0 + HOUR), an_exclusion(T0 + 30 * MINUTE, T0 + 2 * HOUR)

    assert Overlay([one, other]).seconds(B0 - 600, B0 + 86_400) == 7_200


def test_an_exclusion_that_was_undone_is_none() -> None:
    assert not Overlay([an_exclusion(T0, T0 + HOUR, undone_at=T0)])
    assert not NOTHING


def test_one_that_was_ended_holds_until_then() -> None:
    ended = every_night()
    ended = replace(ended, ended_at=T0 + 2 * HOUR)  # 02:30 was at 01:30 UTC

    assert Overlay([ended]).stretches(B0, B0 + 7 * 86_400) == [(B0 + 5_400, B0 + 7_200)]


def test_nothing_is_excluded_of_what_lay_too_far_back_when_it_was_made() -> None:
    late = replace(every_night(), since=T0 - timedelta(days=1))

    assert Overlay([late]).stretches(B0 - 10 * 86_400, B0) == [(B0 - 81_000, B0 - 77_400)]


def test_a_rule_without_end_goes_on_for_as_long_as_anybody_asks() -> None:
    overlay = Overlay([every_night()])
    year = 86_400 * 365

    assert overlay.seconds(B0, B0 + 86_400) == 3_600
    assert overlay.seconds(B0 + 9 * year, B0 + 9 * year + 864_000) == 36_000


def test_where_now_is_and_where_it_was_last() -> None:
    overlay = Overlay([an_exclusion(T0, T0 + HOUR)])

    assert overlay.at(T0 + HOUR - SECOND) == (T0, T0 + HOUR)
    assert overlay.at(T0 + HOUR) is None
    assert overlay.last_end(T0 + HOUR) == T0 + HOUR
    assert overlay.last_end(T0 + HOUR - SECOND) is None


def test_scopes() -> None:
    labels = {"env": "prod", "tier": "1"}

    assert Scope("shop", "up").holds_for("shop", "up", labels)
    assert not Scope("shop", "up").holds_for("shop", "fast", labels)
    assert Scope("shop").holds_for("shop", "fast", labels)
    assert not Scope("shop").holds_for("pets", "up", labels)
    assert Scope(labels=(("env", "prod"),)).holds_for("shop", "up", labels)
    assert not Scope(labels=(("env", "prod"), ("tier", "2"))).holds_for("shop", "up", labels)
    with pytest.raises(ValueError, match="say what is excluded"):
        Scope()
    with pytest.raises(ValueError, match="named with its service"):
        Scope(slo="up")


def test_causes_of_a_stretch_that_is_cut_share_what_is_left() -> None:
    overlay = Overlay([an_exclusion(T0 + 60 * SECOND, T0 + 10 * MINUTE)])
    causes = [
        (B0, "timeout", 2),
        (B0, "status 500", 1),
        (B0 + 300, "timeout", 9),
        (B0 + 600, "dns", 4),
    ]

    left = counted_causes(causes, {B0: 3}, {B0: 2}, overlay)

    assert left == [(B0, "timeout", 1), (B0, "status 500", 1), (B0 + 600, "dns", 4)]


_STARTS = st.integers(-4_000, 4_000)
_PARTS = st.lists(st.tuples(_STARTS, st.integers(1, 1_500)), max_size=6)
_ROWS = st.dictionaries(
    st.integers(-400, 400).map(lambda n: B0 + 10 * n), st.integers(1, 9), max_size=60
)


def an_overlay(parts: list[tuple[int, int]]) -> tuple[Overlay, set[int]]:
    """The overlay of these, and the base buckets that any of them touches."""
    overlay = Overlay(
        an_exclusion(T0 + start * SECOND, T0 + (start + length) * SECOND) for start, length in parts
    )
    touched = {
        bucket
        for start, length in parts
        for bucket in range((B0 + start) // 10 * 10, B0 + start + length, 10)
    }
    return overlay, touched


@settings(deadline=None)
@given(_PARTS, _ROWS, st.integers(-10, 10), st.integers(0, 20))
def test_the_overlay_equals_a_set_of_buckets(
    parts: list[tuple[int, int]], rows: dict[int, int], first: int, slices: int
) -> None:
    overlay, touched = an_overlay(parts)
    low = B0 + 300 * first
    high = low + 300 * slices
    base = np.array([[at, n, n // 2] for at, n in rows.items()], np.int64).reshape(-1, 3)
    sums: dict[int, int] = {}
    left: dict[int, int] = {}
    for at, n in rows.items():
        stretch = at // 300 * 300
        sums[stretch] = sums.get(stretch, 0) + n
        left[stretch] = left.get(stretch, 0) + (0 if at in touched else n)
    coarse = np.array([[at, n, 0] for at, n in sums.items()], np.int64).reshape(-1, 3)

    assert {at: overlay.covers(at) for at in rows} == {at: at in touched for at in rows}
    assert set(counted(base, overlay)[:, 0].tolist()) == set(rows) - touched
    assert overlay.seconds(low, high) == 10 * len(touched & set(range(low, high, 10)))
    whole = [at for at in range(low, high, 300) if set(range(at, at + 300, 10)) <= touched]
    assert overlay.whole(300, low, high) == len(whole)
    some = [at for at in range(low, high, 300) if set(range(at, at + 300, 10)) & touched]
    assert overlay.cut(low, high) == sorted(set(some) - set(whole))
    planned = planned_slices(
        T0 + 5 * MINUTE * first, T0 + 5 * MINUTE * (first + slices), 5 * MINUTE, overlay
    )
    assert planned == slices - len(whole)
    found: dict[int, int] = {}
    for at, n, _ in counted_sums(coarse, base, overlay).tolist():
        found[at] = found.get(at, 0) + n
    assert {at: n for at, n in found.items() if n} == {at: n for at, n in left.items() if n}
