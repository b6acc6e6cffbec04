"""A digest says to the last bit what the status says that would be made at the same moment."""

import math
import random
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from fractions import Fraction

import numpy as np
import pytest

from slo import digest as of_digest
from slo.alert_state import AlertState
from slo.definition import SLO
from slo.digest import Digest
from slo.evaluate import evaluate
from slo.forecast import forecast
from slo.grid import NEVER
from slo.ledger import BucketDelta, Ledger, epoch_micros, grid_for
from slo.screen import Judged, Screen
from slo.status import BudgetState, Forecast, NowState, SLOStatus
from tests.slo.builders import T0, a_tier, an_slo

S = timedelta(seconds=1)
M = timedelta(minutes=1)
H = timedelta(hours=1)


def told(status: SLOStatus) -> Digest:
    """What a status says of an SLO at rest, by exact fractions, rounded once."""
    assert status.now_state is NowState.OK
    assert status.budget is not None
    assert status.sli is not None
    assert status.sli_bounds is not None
    brief, coverage, hour = status.burns[0].window, status.window.coverage, status.burn(H)
    return Digest(
        slo=status.slo,
        sli=float(status.sli),
        remaining=float(status.budget.remaining),
        coverage=None if coverage is None else float(coverage),
        bounds=(float(status.sli_bounds[0]), float(status.sli_bounds[1])),
        rates=tuple(None if burn.rate is None else float(burn.rate) for burn in status.burns),
        costs=tuple(float(burn.cost / status.budget.allowed) for burn in status.burns),
        paced=bool(hour and hour.window.counts.total),
        lifetime=status.lifetime,
        budget_state=status.budget_state,
        idle=bool(brief.seen and not brief.counts.total and not brief.counts.unknown),
        at=status.at,
    )


def digests_of(screen: Screen, moments: Sequence[datetime | None]) -> dict[int, Digest]:
    """By the SLOs' numbers."""
    micros = np.array([NEVER if at is None else epoch_micros(at) for at in moments], np.int64)
    return {
        number: digest
        for sheet in screen.digests(micros)
        for number, digest in zip(sheet.numbers, sheet.rows(), strict=True)
    }


def watch(slos: Sequence[SLO]) -> tuple[list[Ledger], Screen]:
    reach = max(slo.window.reach for slo in slos)
    grid = grid_for(10, reach)
    ledgers = [Ledger(10, reach, grid=grid) for _ in slos]
    return ledgers, Screen([Judged(slo, one, {}) for slo, one in zip(slos, ledgers, strict=True)])


def compare(
    slos: Sequence[SLO], ledgers: Sequence[Ledger], screen: Screen, now: datetime
) -> list[Digest]:
    found = digests_of(screen, [now] * len(slos))
    for index, digest in found.items():
        status, states = evaluate(slos[index], ledgers[index], now, {}, T0)
        assert all(state == AlertState() for state in states.values())
        assert digest == told(status)
    return list(found.values())


@pytest.mark.parametrize("seed", [1, 2])
def test_budgets_that_come_to_an_end_and_last_again(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    walks = Counter[str]()

    def counted(slo: SLO, ledger: Ledger, now: datetime) -> Forecast:
        walks[slo.name] += 1
        return forecast(slo, ledger, now)

    monkeypatch.setattr(of_digest, "forecast", counted)
    chance = random.Random(seed)  # noqa: S311 - repeatable
    slos = [
        an_slo("90", window=window, tiers=(a_tier(10 * M, 1 * M, "9"),), interval=20 * S)
        for window in (2 * H, 6 * H, 24 * H, 24 * H)
    ]
    ledgers, screen = watch(slos)
    states: Counter[BudgetState] = Counter()
    asked = 0
    now = T0 + 3 * S
    paces = [0.05, 0.09, 0.05, 0.08]
    for number in range(3_000):
        now += 20 * S
        busy = 40 + 35 * math.sin(number / 180)
        for index, ledger in enumerate(ledgers):
            if not chance.randrange(150):
                paces[index] = chance.choice([0.0, 0.02, 0.06, 0.09, 0.13, 0.4])
            total = int(chance.uniform(0.5, 1.5) * busy)
            bad = min(total, int(total * paces[index] + chance.random()))
            late = 0 if chance.randrange(50) else chance.choice([30, 400, 5_000])
            at = now - late * S
            delta = BucketDelta(ledger.bucket_of(at), total - bad, bad, number % 7 // 6, 1)
            ledger.book(at, delta)
            if not chance.randrange(200):  # and something is taken back
                back = BucketDelta(ledger.bucket_of(at), -(total - bad), -(bad // 2))
                ledger.book(at, back)
        if number % 3:
            continue
        found = compare(slos, ledgers, screen, now)
        states.update(digest.budget_state for digest in found)
        asked += len(found)
    risky = states[BudgetState.AT_RISK]
    assert min(risky, states[BudgetState.HEALTHY], states[BudgetState.LEARNING]) > 50
    assert asked > 1_000
    assert 0 < sum(walks.values()) < asked / 2


def test_a_steady_budget_is_walked_over_once(monkeypatch: pytest.MonkeyPatch) -> None:
    slo = an_slo("99.9", window=30 * 24 * H)
    ledgers, screen = watch([slo])
    now = T0 + 3 * S
    for number in range(5 * 288):
        at = now + number * 5 * M
        ledgers[0].book(at, BucketDelta(ledgers[0].bucket_of(at), 40_000, 20, 0, 30))
    now = at
    assert [one.budget_state for one in compare([slo], ledgers, screen, now)] == ["healthy"]
    monkeypatch.setattr(of_digest, "forecast", None)
    for number in range(200):
        at = now + number * 15 * S
        ledgers[0].book(at, BucketDelta(ledgers[0].bucket_of(at), 4_000, 2, 0, 1))
        assert compare([slo], ledgers, screen, at)


def test_after_a_gap_of_an_hour_a_budget_is_not_walked_over_at_every_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slo = an_slo("99.9", window=5 * 24 * H, interval=15 * S)
    ledgers, screen = watch([slo])
    for number in range(5 * 288):
        at = T0 + number * 5 * M
        ledgers[0].book(at, BucketDelta(ledgers[0].bucket_of(at), 40_000, 20, 0, 20))
    now = at + H + 7 * S
    walks = 0

    def counted(slo: SLO, ledger: Ledger, now: datetime) -> Forecast:
        nonlocal walks
        walks += 1
        return forecast(slo, ledger, now)

    monkeypatch.setattr(of_digest, "forecast", counted)
    for number in range(200):
        at = now + number * 15 * S
        ledgers[0].book(at, BucketDelta(ledgers[0].bucket_of(at), 2_000, 1, 0, 1))
        assert [one.budget_state for one in compare([slo], ledgers, screen, at)] == ["healthy"]
    assert walks <= 2


def test_what_is_not_at_rest_or_too_large_for_a_float_is_left_to_a_status() -> None:
    tiers = (a_tier(10 * M, 1 * M, "2"),)
    slos = [an_slo("90", window=2 * H, tiers=tiers, interval=10 * S) for _ in range(5)]
    ledgers, screen = watch(slos)
    now = T0 + 3 * S
    for number in range(120):
        now += 10 * S
        for index, (good, bad) in enumerate(
            ((2**49, 3), (90, 1), (70, 30), (0, 0), (5, 5 * (number > 110)))
        ):
            ledgers[index].book(now, BucketDelta(ledgers[index].bucket_of(now), good, bad, 0, 1))
    assert list(digests_of(screen, [now] * 5)) == [1]
    ledgers[1].book(now, BucketDelta(ledgers[1].bucket_of(now), 10**6, 0))
    assert list(digests_of(screen, [now] * 5)) == [1]
    assert not digests_of(screen, [None] * 5)
    assert not digests_of(screen, [now - 10 * S] * 5)  # the sums have gone on
    silent = now + slos[1].stale_after + 10 * S
    assert not digests_of(screen, [silent] * 5)


def test_no_share_is_rounded_twice() -> None:
    slo = an_slo("99.97", window=2 * H, interval=10 * S)
    ledgers, screen = watch([slo])
    chance, now = random.Random(9), T0 + 3 * S  # noqa: S311 - repeatable
    for _ in range(400):
        now += 10 * S
        total = chance.randrange(1, 10**8)
        bad = chance.randrange(int(total * Fraction(3, 20_000)) + 1)
        ledgers[0].book(now, BucketDelta(ledgers[0].bucket_of(now), total - bad, bad, 0, 1))
        compare([slo], ledgers, screen, now)
    assert compare([slo], ledgers, screen, now)
