"""To ask only about suspects gives, at every moment, what asking about everybody gives."""

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from slo.alert_state import AlertState
from slo.definition import SLO
from slo.evaluate import evaluate, standing
from slo.exclusion import CONFIGURATION, NOTHING, Exclusion, Overlay, Scope
from slo.ledger import BucketDelta, Ledger, grid_for
from slo.notices import DEFAULT_MARKS, Band
from slo.recurrence import Once
from slo.screen import Judged, Screen
from slo.severity import Severity
from slo.slices import NoData, Slicing
from slo.status import SLOStatus
from slo.window import Calendar, Period, Rolling
from tests.slo.builders import T0, a_tier, an_slo
from tests.slo.test_digest import digests_of, told

S = timedelta(seconds=1)
M = timedelta(minutes=1)
_REACH = timedelta(days=32)


def an_unquiet_slo(objective: str = "90", **more: Any) -> SLO:  # noqa: ANN401 - fields of an SLO
    """With rules that change within minutes."""
    slo = an_slo(
        objective,
        window=timedelta(hours=2),
        tiers=(
            a_tier(2 * M, 30 * S, "2", for_=20 * S, keep_firing_for=30 * S),
            a_tier(10 * M, 1 * M, "1", severity=Severity.TICKET, keep_firing_for=0 * S),
        ),
        no_data_after=40 * S,
    )
    slo = replace(slo, notices=DEFAULT_MARKS)
    return replace(slo, **more)


SLICED: dict[str, Any] = {"tiers": (a_tier(4 * M, 1 * M, "2"), a_tier(10 * M, 2 * M, "1"))}
SLOS = [
    an_unquiet_slo(),
    an_unquiet_slo("99.9", variant="99.9"),
    an_unquiet_slo(interval=20 * S),
    an_unquiet_slo("99", window=Calendar(Period.DAY, ZoneInfo("Asia/Kathmandu"))),
    an_unquiet_slo(slicing=Slicing(M, Fraction(9, 10), NoData.BAD), **SLICED),
    an_unquiet_slo(slicing=Slicing(M, None), **SLICED),
    an_unquiet_slo(),  # with exclusions
    an_slo("99.999999", window=timedelta(days=3)),
]
EXCLUDED = Overlay(
    [
        Exclusion(
            id="planned",
            scope=Scope("shop"),
            schedule=Once(T0 + start * M, T0 + end * M),
            reason="a new disk",
            author="ada",
            origin=CONFIGURATION,
            created_at=T0,
            since=T0 - timedelta(days=1),
        )
        for start, end in ((3, 6), (20, 21), (90, 95))
    ]
)
OVERLAYS = [EXCLUDED if index == 6 else NOTHING for index in range(len(SLOS))]


class Both:
    """The same SLOs, one way screened and in grids, the other way evaluated one and all."""

    def __init__(self, slos: Sequence[SLO], overlays: Sequence[Overlay], now: datetime) -> None:
        self.slos, self.now, self.awake_since = slos, now, now
        grid = grid_for(10, _REACH)
        pairs = list(zip(slos, overlays, strict=True))
        self.shared = [Ledger(10, _REACH, slo.slicing, over, grid=grid) for slo, over in pairs]
        self.alone = [Ledger(10, _REACH, slo.slicing, overlay) for slo, overlay in pairs]
        self.screened: list[dict[str, AlertState]] = [{} for _ in slos]
        self.evaluated: list[dict[str, AlertState]] = [{} for _ in slos]
        self.screen = Screen(
            [Judged(slo, one, {}) for slo, one in zip(slos, self.shared, strict=True)]
        )
        self.parts = [self.screen.part([index]) for index in range(len(slos))]
        self.shown: list[object] = [None for _ in slos]
        self.left: list[Fraction | None] = [None for _ in slos]
        self.bands: list[Band | None] = [None for _ in slos]
        self.asked = self.questions = 0
        self.ever: list[dict[str, AlertState]] = [{} for _ in slos]  # states that were not calm

    def book(self, index: int, late: timedelta, delta: BucketDelta) -> None:
        """One observation, and what the engine does with it at once."""
        at = self.now - late
        for ledgers in (self.shared, self.alone):
            ledgers[index].book(at, replace(delta, bucket=ledgers[index].bucket_of(at)))
        self.judge([index])

    def tick(self) -> None:
        self.judge(range(len(self.slos)))
        for index, digest in digests_of(self.screen, [self.now] * len(self.slos)).items():
            status, _ = evaluate(
                self.slos[index], self.alone[index], self.now, self.evaluated[index],
                self.awake_since,
            )  # fmt: skip
            assert digest == told(status)
        unsettled = self.screen.unsettled(self.now)
        for index, (slo, ledger) in enumerate(zip(self.slos, self.alone, strict=True)):
            budget, _ = standing(slo, ledger, self.now)
            left = None if budget is None else budget.remaining
            moved = bool(slo.notices) and left != self.left[index]
            if isinstance(slo.window, Rolling) and slo.slicing is None:
                band = self.bands[index]
                has_left = band is None or (left is not None and not band.holds(left))
                assert (index in unsettled) == (bool(slo.notices) and has_left)
            elif moved:
                assert index in unsettled
            if index in unsettled:
                self.bands[index] = band_around(left)
                self.screen.settle(index, self.bands[index])
            self.left[index] = left

    def judge(self, indices: Sequence[int]) -> None:
        part = None if len(indices) > 1 else self.parts[indices[0]]
        suspects = self.screen.suspects(self.now, self.awake_since, part)
        assert set(suspects) <= set(indices)
        for index in suspects:
            status, self.screened[index] = evaluate(
                self.slos[index], self.shared[index], self.now, self.screened[index],
                self.awake_since,
            )  # fmt: skip
            self.screen.note(index, self.screened[index], status)
        changed = self.screen.changed(self.now, part)
        self.asked += len(suspects)
        self.questions += len(indices)
        for index in indices:
            status, self.evaluated[index] = evaluate(
                self.slos[index], self.alone[index], self.now, self.evaluated[index],
                self.awake_since,
            )  # fmt: skip
            kept = {key: s for key, s in self.evaluated[index].items() if s != AlertState()}
            mine = {key: s for key, s in self.screened[index].items() if s != AlertState()}
            assert mine == kept
            self.ever[index] |= kept
            if index in changed:
                self.shown[index] = face(status)
            assert self.shown[index] == face(status)


def band_around(left: Fraction | None) -> Band | None:
    """Within what marks at every twentieth would not have it looked at again."""
    if left is None:
        return None
    lower = Fraction(math.floor(left * 20), 20)
    return Band(lower, lower + Fraction(1, 20))


def face(status: SLOStatus) -> object:
    """What a page shows."""
    return (
        status.window.counts,
        status.budget_state,
        status.now_state,
        tuple(reading.verdict for reading in status.tiers),
        tuple(burn.rate for burn in status.burns),
        status.slices,
        status.excluded_now is None,
    )


_AMOUNTS = st.sampled_from([0, 0, 1, 1, 2, 9, 10, 100, 5_000])
_BOOK = st.tuples(
    st.integers(0, len(SLOS) - 1),
    st.sampled_from([0, 0, 0, 10, 50, 400]),
    _AMOUNTS,
    _AMOUNTS,
    st.integers(0, 1),
    st.booleans(),
)
_GO = st.sampled_from([1, 7, 10, 10, 10, 20, 30, 60, 300, 4_000])


@given(
    steps=st.lists(st.tuples(_GO, st.lists(_BOOK, max_size=5)), max_size=40),
    offset=st.sampled_from([0, 3]),
)
@example(
    offset=0,
    steps=[
        *[(1, [])] * 6,
        *((7, []), (10, []), (20, []), (300, [])),
        (7, [*[(0, 0, 0, 0, 0, False)] * 5, (6, 0, 0, 0, 1, False)]),
        *((10, []), (1, [])),
    ],
)
@settings(deadline=None, max_examples=50)
def test_whoever_is_no_suspect_stays_as_an_evaluation_leaves_it(
    steps: list[tuple[int, list[tuple[int, int, int, int, int, bool]]]], offset: int
) -> None:
    both = Both(SLOS, OVERLAYS, T0 + offset * S)
    for forward, bookings in steps:
        both.now += forward * S
        both.tick()
        for index, late, good, bad, seen, smeared in bookings:
            both.book(
                index,
                late * S,
                BucketDelta(0, good, bad, 1 - seen, seen, 1 - seen, smeared * good, smeared * bad),
            )


def test_hours_of_outages_gaps_late_bookings_and_idle_time() -> None:
    chance = random.Random(3)  # noqa: S311 - a repeatable night
    both = Both(SLOS, OVERLAYS, T0 + 1 * S)
    moods = ["well"] * len(SLOS)
    for number in range(700):
        both.now += 10 * S if number % 97 else 40 * S
        if number % 97 == 0:
            both.awake_since = both.now
        both.tick()
        for index, mood in enumerate(moods):
            if not chance.randrange(60):
                moods[index] = chance.choice(["well", "well", "down", "ill", "silent", "idle"])
            if mood == "silent":
                continue
            late = 10 * chance.randrange(30) if not chance.randrange(20) else 0
            total = 0 if mood == "idle" else chance.randrange(1, 50)
            bad = {"down": total, "ill": chance.randrange(total + 1) // 3}.get(mood, 0)
            both.book(index, late * S, BucketDelta(0, total - bad, bad, seen=1))

    assert all(any(state != AlertState() for state in states.values()) for states in both.ever)
    assert both.asked < 0.5 * both.questions


def test_a_calm_fleet_is_not_asked_about() -> None:
    both = Both([an_slo() for _ in range(20)], [NOTHING] * 20, T0 + 1 * S)
    both.tick()
    both.asked = 0
    for _ in range(30):
        both.now += 10 * S
        for index in range(20):
            both.book(index, 0 * S, BucketDelta(0, good=600, seen=1))
        both.tick()

    assert both.asked == 0


def test_sums_too_large_for_the_arrays_are_asked_about() -> None:
    objective = "99." + "9" * 16
    both = Both([an_slo(objective, tiers=(a_tier(factor="3"),))], [NOTHING], T0 + 1 * S)
    for _ in range(40):
        both.now += 10 * S
        both.book(0, 0 * S, BucketDelta(0, good=2**52, bad=2, seen=1))
        both.tick()

    assert both.asked == both.questions
