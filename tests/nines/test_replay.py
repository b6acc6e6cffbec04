"""Replayed counts give the alerts that fired."""

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction

import pytest

from alerting.alert import AlertChange
from collectors.observation import Observation, Outcome
from nines.engine import Engine
from nines.entry import Entry
from nines.indicator import Indicator
from nines.replay import Change, replay
from nines.target import Target
from slo.definition import SLO
from slo.ledger import BucketDelta, Ledger
from slo.severity import Severity
from slo.slices import NoData, Slicing
from tests.nines.test_engine import HEALTH, an_observation
from tests.slo.builders import T0, a_tier, an_slo

STEP = timedelta(seconds=10)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
EVERY = 2 * MINUTE
TIERS = (
    a_tier(),
    a_tier(long=6 * HOUR, short=30 * MINUTE, factor="6", for_=2 * MINUTE),
    a_tier(long=DAY, short=2 * HOUR, factor="3", severity=Severity.TICKET),
)
Outage = tuple[datetime, timedelta, float]  # from, for how long, share of failures; 2 is silence


class Night:
    """The engine under a clock that ticks by the bucket, and what it gave to storage."""

    def __init__(self, slo: SLO) -> None:
        self.engine = Engine(10, awake_since=T0)
        self.engine.watch(
            [
                Entry(
                    slo, Indicator(slo, 1, "fingerprint", Ledger(10, slo.window.reach, slo.slicing))
                )
            ],
            {HEALTH: Target(slo.interval)},
        )
        self.changes: list[AlertChange] = []
        self._stored: dict[int, BucketDelta] = {}

    @property
    def stored(self) -> list[BucketDelta]:
        return [delta for _, delta in sorted(self._stored.items())]

    @property
    def fired(self) -> list[Change]:
        return [
            Change(change.rule.partition("#")[2], change.firing, change.at)
            for change in self.changes
        ]

    def see(self, observation: Observation, now: datetime) -> None:
        self.changes += self.engine.observe(observation, now)
        self.keep()

    def tick(self, now: datetime) -> None:
        self.changes += self.engine.tick(now)

    def keep(self) -> None:
        batch = self.engine.take_batch("")
        for delta in batch.deltas.get(1, ()) if batch is not None else ():
            have = self._stored.get(delta.bucket)
            self._stored[delta.bucket] = delta if have is None else have + delta


def live_through(slo: SLO, until: datetime, outages: Iterable[Outage], rng: random.Random) -> Night:
    """Every observation is judged as it comes; near an outage, every bucket's edge is too."""
    night, now = Night(slo), T0
    outages = list(outages)
    while now < until:
        at, now = now, now + STEP
        share = next((bad for start, lasts, bad in outages if start <= at < start + lasts), 0.0)
        if (at - T0) % slo.interval == timedelta(0) and share <= 1:
            failed = rng.random() < share
            night.see(an_observation(at, Outcome.FAILED if failed else Outcome.PASSED), now)
        elif any(start <= at < start + lasts + 3 * HOUR for start, lasts, _ in outages):
            night.tick(now)
        else:
            night.engine.tick(now, ())  # it stays awake
    return night


def replayed(slo: SLO, stored: list[BucketDelta], until: datetime) -> list[Change]:
    return list(replay(slo, stored, bucket_seconds=10, start=T0, end=until))


@pytest.mark.slow
def test_a_month_with_outages_replays_to_the_alerts_that_fired() -> None:
    rng = random.Random(20_261_121)  # noqa: S311 - a simulation, always the same
    slo = an_slo(tiers=TIERS, interval=EVERY, no_data_after=10 * MINUTE)
    outages = [
        (T0 + day * DAY + rng.randrange(86_400 // 10) * STEP, minutes * MINUTE, share)
        for day, minutes, share in [
            (2, 25, 1.0),  # down
            (6, 90, 0.3),  # a third fails
            (11, 8, 1.0),  # down, briefly
            (16, 50, 2.0),  # silence
            (20, 6, 0.5),  # a flap
            (26, 180, 0.15),  # slow burn
        ]
    ]
    night = live_through(slo, T0 + 30 * DAY, outages, rng)

    changes = replayed(slo, night.stored, T0 + 30 * DAY)

    assert changes == night.fired
    assert {change.rule for change in changes} == {*(tier.key for tier in TIERS), "no_data"}
    assert len(changes) >= 12
    assert sum(change.firing for change in changes) * 2 == len(changes)


def test_passing_over_calm_edges_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay that looks at every edge says the same."""
    rng = random.Random(7)  # noqa: S311 - a simulation, always the same
    slo = an_slo(tiers=(a_tier(),), interval=MINUTE, window=DAY, no_data_after=5 * MINUTE)
    outages = [(T0 + 3 * HOUR, 12 * MINUTE, 0.8), (T0 + 6 * HOUR, 9 * MINUTE, 2.0)]
    night = live_through(slo, T0 + 8 * HOUR, outages, rng)
    strided = replayed(slo, night.stored, T0 + 8 * HOUR)
    monkeypatch.setattr("nines.replay._COARSEST", 30 * DAY)
    stored = [BucketDelta(int((T0 - DAY).timestamp()), bad=1), *night.stored]

    every_edge = replayed(slo, stored, T0 + 8 * HOUR)

    assert strided == every_edge == night.fired
    assert len(strided) == 4


def test_slices_replay_to_the_alerts_that_fired() -> None:
    rng = random.Random(11)  # noqa: S311 - a simulation, always the same
    slo = replace(
        an_slo("99", tiers=(a_tier(),), interval=MINUTE, window=DAY, no_data_after=5 * MINUTE),
        slicing=Slicing(MINUTE, Fraction(9, 10), NoData.BAD),
    )
    night = live_through(slo, T0 + 5 * HOUR, [(T0 + 2 * HOUR, 15 * MINUTE, 0.9)], rng)

    changes = replayed(slo, night.stored, T0 + 5 * HOUR)

    assert changes == night.fired
    assert [change.rule for change in changes] == ["page:1h:5m", "page:1h:5m"]


def test_counts_before_the_start_fill_the_windows_and_change_nothing_themselves() -> None:
    slo = an_slo(tiers=(a_tier(),), interval=STEP, window=DAY)
    bad = [BucketDelta(int((T0 + n * STEP).timestamp()), bad=1, seen=1) for n in range(-60, 30)]

    (change,) = replay(slo, bad, bucket_seconds=10, start=T0, end=T0 + 5 * MINUTE)

    assert change == Change("page:1h:5m", firing=True, at=T0 + STEP)
