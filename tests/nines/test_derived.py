"""Derived SLIs while running: whatever came when, what is stored is what the sources make it."""

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerting.alert import AlertChange, AlertKind
from alerting.wording import NoDataCause
from collectors.observation import Cause, Observation, Outcome
from nines.config import Config
from nines.engine import Engine
from nines.exclusions import Exclusions
from nines.indicator import Indicator
from nines.resume import book_our_absence, resume_entries, resume_target
from nines.storage.counts import CountStore
from nines.storage.database import Database, open_database
from slo.counts import Counts
from slo.definition import CompositeSLI, QuorumSLI, steps
from slo.derived import judge
from slo.exclusion import Exclusion, Scope
from slo.ledger import FIVE_MINUTES, BucketDelta
from slo.recurrence import Once
from slo.severity import Severity
from slo.status import NowState
from tests.nines.config.files import load_text
from tests.slo.builders import T0

S = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
CONFIG = """
server: {database: "sqlite:///unused.db"}
services:
  web:
    collectors:
      tokyo: {http: "http://127.0.0.1:1/", interval: 10s, timeout: 5s}
      singapore: {http: "http://127.0.0.1:1/", interval: 10s, timeout: 5s}
      iowa: {http: "http://127.0.0.1:1/", interval: 20s, timeout: 5s}
      metrics: {prometheus: "http://127.0.0.1:1/metrics", interval: 15s, timeout: 5s}
    slos:
      reachable: {objective: 99.9%, sli: {quorum: [tokyo, singapore, iowa], bad_at: 2}}
      requests: {objective: 95%, sli: {collector: metrics, bad: errors, total: requests}}
      login:
        {objective: 99%, window: 30m, sli: {probe: tokyo},
         tiers: [{severity: page, factor: 5, long: 20m, short: 5m}]}
  journeys:
    slos:
      shop: {objective: 99.9%, sli: {all: [web/reachable, web/requests, web/login], slice: 1m}}
      weighed:
        objective: 99%
        sli: {weighted: {shop: 3, web/reachable: 1}, slice: 5m, slice_target: 90%}
alerting: {route: {receivers: []}}
"""
VANTAGES = ("web/tokyo", "web/singapore", "web/iowa")


def a_run(collector_id: str, due: datetime, outcome: Outcome = Outcome.PASSED) -> Observation:
    failed = outcome is Outcome.FAILED
    details = {Outcome.FAILED: "no answer within 5 s", Outcome.UNKNOWN: "we could not look"}
    return Observation(
        collector_id=collector_id,
        due=due,
        started=due,
        lateness=0 * S,
        duration=0.01 * S,
        outcome=outcome,
        cause=Cause.TIMEOUT if failed else None,
        detail=details.get(outcome, ""),
    )


class World:
    """An engine over a database; `kill` it, and `start` it again."""

    def __init__(self, database: Database, config: Config, now: datetime) -> None:
        self.config = config
        self.counts = CountStore(database)
        self.exclusions = Exclusions()
        self.flushes = 0
        self.start(now)

    def start(self, now: datetime) -> None:
        self.engine = Engine(10, awake_since=now)
        self.watch(now)
        book_our_absence(self.engine, now)
        self.engine.tick(now)

    def watch(self, now: datetime) -> None:
        by_sli = {slo.sli_id: slo for slo in self.config.slos}
        entries = resume_entries(
            {slo.id: slo for slo in self.config.slos},
            counts=self.counts,
            bucket_seconds=10,
            states={},
            now=now,
            running=self.engine.entries,
            overlay_of=lambda slo: self.exclusions.over_all(steps(slo, by_sli), {}, 10),
        )
        records = self.counts.collector_states()
        self.engine.watch(
            entries,
            {
                f"{name}/{key}": resume_target(
                    collector.interval or 15 * S,
                    records.get(f"{name}/{key}"),
                    self.engine.targets.get(f"{name}/{key}"),
                )
                for name, service in self.config.services.items()
                for key, collector in service.collectors.items()
            },
        )

    def run(
        self, collector_id: str, due: datetime, outcome: Outcome, now: datetime | None = None
    ) -> list[AlertChange]:
        return self.engine.observe(a_run(collector_id, due, outcome), now or due + S)

    def flush(self) -> None:
        self.flushes += 1
        batch = self.engine.take_batch(str(self.flushes))
        if batch is not None:
            self.counts.flush(batch)

    def indicator(self, slo_id: str) -> Indicator:
        return self.engine.entries[slo_id].indicator

    def stored(self, indicator: Indicator, width: int = 10) -> dict[int, BucketDelta]:
        """By the starts of buckets, those that are not empty."""
        rows = self.counts.load(indicator.number, width, T0 - HOUR, T0 + timedelta(days=2))
        found = (BucketDelta(*row) for row in rows)
        return {one.bucket: one for one in found if any(one.columns())}

    def stored_causes(self, indicator: Indicator) -> dict[tuple[int, str], int]:
        rows = self.counts.load_causes(indicator.number, T0 - HOUR, T0 + timedelta(days=2))
        return {(bucket, cause): bad for bucket, cause, bad in rows}

    def check(self, slo_id: str) -> int:
        """Stored counts and causes are those of the stored sources; gives how many slices."""
        indicator = self.indicator(slo_id)
        sli = indicator.slo.sli
        assert isinstance(sli, QuorumSLI | CompositeSLI)
        width = int(sli.slice.total_seconds())
        booked = self.stored(indicator)
        if not booked:
            return 0
        sources = [self.stored(part) for part in indicator.parts]
        want: dict[int, BucketDelta] = {}
        causes: Counter[tuple[int, str]] = Counter()
        beside: Counter[tuple[int, str]] = Counter()
        for start in range(min(booked), max(booked) + width, width):
            parts = [_sum(source, start, width) for source in sources]
            told = judge(sli, start, parts)
            want[start] = told.counts
            group = start // FIVE_MINUTES * FIVE_MINUTES
            causes.update({(group, cause): bad for cause, bad in told.causes.items()})
            beside.update({(group, cause): bad for cause, bad in told.beside.items()})
        assert booked == want
        assert self.stored_causes(indicator) == causes
        if indicator.beside is not None:
            assert self.stored_causes(indicator.beside) == beside
            assert sum(one.bad for one in self.stored(indicator.beside).values()) == beside.total()
        return len(want)


def _sum(rows: dict[int, BucketDelta], start: int, width: int) -> BucketDelta:
    return sum(
        (rows.get(at, BucketDelta(at)) for at in range(start, start + width, 10)),
        BucketDelta(start),
    )


@contextmanager
def a_world(template: Path, now: datetime = T0) -> Iterator[World]:
    with TemporaryDirectory() as folder:
        shutil.copyfile(template, f"{folder}/nines.db")
        database = open_database(f"sqlite:///{folder}/nines.db")
        try:
            yield World(database, load_text(Path(folder), CONFIG), now)
        finally:
            database.close()


@pytest.fixture
def world(migrated_sqlite_file: Path) -> Iterator[World]:
    with a_world(migrated_sqlite_file) as world:
        yield world


# --- whatever comes when ---------------------------------------------------------------------


@dataclass(frozen=True)
class Happening:
    """Something at a second of the story."""

    at: int
    what: str  # run, requests, tick, flush, kill, reload
    due: int = 0
    collector: str = ""
    outcome: Outcome = Outcome.PASSED
    counts: tuple[int, ...] = ()
    away: int = 0


LENGTH = 8 * 60
OUTCOMES = st.sampled_from([Outcome.PASSED, Outcome.PASSED, Outcome.FAILED, Outcome.UNKNOWN])


@st.composite
def stories(draw: st.DrawFn) -> list[Happening]:
    """Runs that pass, fail, hang, come late or never; pages; ticks, flushes and kills between."""
    story = [Happening(at, "tick") for at in range(0, LENGTH + 60, 10)]
    story += [Happening(at, "flush") for at in range(5, LENGTH, draw(st.integers(7, 60)))]
    for collector, interval in zip(VANTAGES, (10, 10, 20), strict=True):
        phase = draw(st.integers(0, interval - 1))
        for due in range(phase, LENGTH, interval):
            delay = draw(st.sampled_from([0, 0, 0, 1, 5, 6, 30, 200, None]))
            if delay is not None:
                outcome = draw(OUTCOMES)
                story.append(Happening(due + delay, "run", due, collector, outcome))
    for due in range(3, LENGTH, 15):
        late = draw(st.sampled_from([0, 0, 0, 20, 400]))
        events = (draw(st.integers(0, 30)), draw(st.integers(0, 2)), int(late > 0))
        story.append(Happening(due + late, "requests", due, counts=events))
    for at in draw(st.lists(st.integers(30, LENGTH), max_size=3)):
        story.append(Happening(at, "kill", away=draw(st.sampled_from([0, 3, 25, 130]))))
    for at in draw(st.lists(st.integers(30, LENGTH), max_size=2)):
        story.append(Happening(at, "reload"))
    return sorted(story, key=lambda one: one.at)


def tell(world: World, story: list[Happening]) -> None:
    back = 0
    for one in story:
        now = T0 + one.at * S
        if one.at < back:
            continue  # nobody was there
        match one.what:
            case "run":
                world.run(one.collector, T0 + one.due * S, one.outcome, now)
            case "requests":
                good, bad, smeared = one.counts
                at = T0 + one.due * S
                bucket = world.indicator("web/requests").ledger.bucket_of(at)
                delta = BucketDelta(
                    bucket,
                    good,
                    bad,
                    seen=1 - smeared,
                    smeared_good=smeared * good,
                    smeared_bad=smeared * bad,
                )
                world.engine.book_history("web/requests", at, delta, {})
            case "tick":
                world.engine.tick(now)
            case "flush":
                world.flush()
            case "kill":
                back = one.at + one.away
                world.start(T0 + back * S)
            case "reload":
                world.flush()
                world.watch(now)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(stories())
def test_what_is_stored_is_what_the_stored_sources_make_it(
    migrated_sqlite_file: Path, story: list[Happening]
) -> None:
    with a_world(migrated_sqlite_file) as world:
        tell(world, story)
        world.flush()

        slices = {slo_id: world.check(slo_id) for slo_id in _DERIVED}

    assert slices["web/reachable"]  # the story may be of little else than kills
    assert slices["journeys/shop"]


_DERIVED = ("web/reachable", "journeys/shop", "journeys/weighed")


# --- one thing at a time -----------------------------------------------------------------------


def probe(
    world: World, start: datetime, end: datetime, down: tuple[str, ...] = (), tick: bool = True
) -> list[AlertChange]:
    """Every vantage looks whenever it is due in [start, end); those that are `down` fail."""
    changes: list[AlertChange] = []
    at = start
    while at < end:
        for number, collector in enumerate(VANTAGES):
            if collector != "web/iowa" or (at - T0) % (20 * S) == 0 * S:
                outcome = Outcome.FAILED if collector in down else Outcome.PASSED
                changes += world.run(collector, at + number * S, outcome)
        at += 10 * S
        if tick:
            changes += world.engine.tick(at)
    return changes


def pages(changes: list[AlertChange], slo: str = "reachable") -> list[AlertChange]:
    return [change for change in changes if change.severity is Severity.PAGE and change.slo == slo]


def test_one_region_down_pages_nobody_and_is_told_beside(world: World) -> None:
    probe(world, T0, T0 + HOUR)

    changes = probe(world, T0 + HOUR, T0 + HOUR + 30 * MINUTE, down=("web/singapore",))

    status = world.engine.entries["web/reachable"].status
    assert pages(changes) == []
    assert status is not None
    assert status.sli == 1
    assert (status.beside, status.now_state) == (90, NowState.OK)
    assert [(part.name, part.bad, part.alone) for part in status.parts] == [
        ("tokyo", 0, 0),
        ("singapore", 0, 90),
        ("iowa", 0, 0),
    ]
    own = {part.name: part.window for part in status.parts}
    assert [counts and (counts.good, counts.bad) for counts in own.values()] == [
        (540, 0),
        (360, 180),
        (270, 0),  # it looks half as often
    ]


def test_two_regions_down_page_within_the_tiers_time(world: World) -> None:
    probe(world, T0, T0 + HOUR)
    began = T0 + HOUR

    changes = probe(world, began, began + 5 * MINUTE, down=("web/singapore", "web/iowa"))

    first = pages(changes)[0]
    # Of 180 slices of 20 s three bad ones are above 14.4 times the pace, and four are no chance.
    assert first.firing
    assert first.at - began == 80 * S
    assert first.facts.top_cause is not None
    assert first.facts.top_cause.startswith("singapore, iowa: 4 of 4 failures (singapore: timeout")
    assert "no answer within 5 s" in first.facts.top_cause


def test_two_regions_down_break_the_journey_and_are_named_there(world: World) -> None:
    probe(world, T0, T0 + HOUR)

    probe(world, T0 + HOUR, T0 + HOUR + 5 * MINUTE, down=("web/singapore", "web/iowa"))

    shop = world.indicator("journeys/shop")
    # Nothing is known of its requests: what is good cannot be told, and what is bad can.
    assert (shop.ledger.lifetime.good, shop.ledger.lifetime.bad) == (0, 4)
    assert shop.last_detail["web/reachable"].startswith("web/reachable: singapore, iowa (singapore")


def test_a_slice_is_judged_as_soon_as_all_came_and_else_when_none_can_come(world: World) -> None:
    ledger = world.indicator("web/reachable").ledger
    probe(world, T0, T0 + 2 * MINUTE)
    last = T0 + 2 * MINUTE
    assert ledger.last_observation == last - 10 * S  # the last bucket of the slice

    for number, collector in enumerate(VANTAGES[:2]):
        world.run(collector, last + number * S, Outcome.PASSED)
        world.run(collector, last + 10 * S + number * S, Outcome.PASSED)
    world.engine.tick(last + 20 * S)
    assert ledger.last_observation == last - 10 * S  # iowa may still answer

    world.engine.tick(last + 26 * S)
    assert ledger.last_observation == last + 10 * S


def test_a_run_that_hangs_is_waited_for_though_a_later_one_has_come(world: World) -> None:
    ledger = world.indicator("web/reachable").ledger
    probe(world, T0, T0 + MINUTE)
    began = T0 + MINUTE
    world.run("web/singapore", began + S, Outcome.PASSED)
    world.run("web/iowa", began + 2 * S, Outcome.FAILED)
    world.run("web/tokyo", began + 10 * S, Outcome.PASSED)
    world.run("web/singapore", began + 11 * S, Outcome.PASSED)
    world.engine.tick(T0 + MINUTE + 20 * S)
    assert ledger.lifetime == Counts(good=3)

    world.run("web/tokyo", T0 + MINUTE, Outcome.FAILED, now=T0 + MINUTE + 22 * S)

    assert ledger.lifetime == Counts(good=3, bad=1)


def test_an_answer_that_comes_late_changes_what_was_unknown(world: World) -> None:
    probe(world, T0, T0 + MINUTE)
    for due in (T0 + MINUTE, T0 + MINUTE + 10 * S):
        world.run("web/tokyo", due, Outcome.FAILED)
        world.run("web/singapore", due + S, Outcome.PASSED)
    world.engine.tick(T0 + 2 * MINUTE)
    bucket = int((T0 + MINUTE).timestamp())
    world.flush()
    unknown = world.stored(world.indicator("web/reachable"))[bucket]

    world.run("web/iowa", T0 + MINUTE + 2 * S, Outcome.FAILED, now=T0 + 3 * MINUTE)

    world.flush()
    known = world.stored(world.indicator("web/reachable"))[bucket]
    assert unknown == BucketDelta(bucket, unknown=1, missed=1)
    assert known == BucketDelta(bucket, bad=1, seen=1)
    group = int(T0.timestamp())
    assert world.stored_causes(world.indicator("web/reachable")) == {(group, "tokyo, iowa"): 1}


def test_totals_only_rise_when_a_slice_is_judged_again(world: World) -> None:
    test_an_answer_that_comes_late_changes_what_was_unknown(world)

    world.start(T0 + 4 * MINUTE)

    lifetime = world.indicator("web/reachable").ledger.lifetime
    assert (lifetime.good, lifetime.bad) == (3, 1)
    assert lifetime.unknown >= 3  # the slices that were, and the one that was known later


def test_a_kill_before_a_slice_was_judged_loses_and_doubles_nothing(world: World) -> None:
    probe(world, T0, T0 + 10 * MINUTE)
    at = T0 + 10 * MINUTE
    for number, collector in enumerate(VANTAGES):
        world.run(collector, at + number * S, Outcome.FAILED)
        if collector != "web/iowa":
            world.run(collector, at + 10 * S + number * S, Outcome.FAILED)
    world.flush()  # the runs are stored; the slice they stand in is not over

    world.start(at + 3 * MINUTE)
    world.flush()

    stored = world.stored(world.indicator("web/reachable"))
    bucket = int(at.timestamp())
    assert stored[bucket] == BucketDelta(bucket, bad=1, seen=1)
    assert world.check("web/reachable") == 30 + 9

    world.start(at + 3 * MINUTE)  # and once more
    world.flush()
    again = world.stored(world.indicator("web/reachable"))
    assert {bucket: again[bucket] for bucket in stored} == stored
    assert world.check("web/reachable") == len(again)


def test_a_long_absence_is_unknown_slice_by_slice(world: World) -> None:
    probe(world, T0, T0 + 10 * MINUTE)
    world.flush()
    back = T0 + 9 * HOUR

    world.start(back)
    world.flush()

    indicator = world.indicator("web/reachable")
    rows = world.stored(indicator).values()
    slices = (back - T0) // (20 * S)
    assert sum(row.good for row in rows) == 30
    assert slices - 2 <= sum(row.seen + row.missed for row in rows) <= slices
    assert sum(row.unknown for row in rows) == sum(row.missed for row in rows)
    assert max(row.unknown for row in rows) == 15  # five minutes together, where no window looks
    assert probe(world, back, back + MINUTE) == []
    assert indicator.ledger.lifetime.good >= 32


def test_all_vantages_silent_is_no_data_and_says_whose_fault_it_is(world: World) -> None:
    probe(world, T0, T0 + 10 * MINUTE)
    changes: list[AlertChange] = []
    for n in range(20):
        at = T0 + 10 * MINUTE + n * 10 * S
        for collector in VANTAGES:
            changes += world.run(collector, at, Outcome.UNKNOWN)
        changes += world.engine.tick(at + 10 * S)

    told = [one for one in changes if one.kind is AlertKind.NO_DATA and one.slo == "reachable"]
    assert len(told) == 1
    assert "our own collector does not run" in told[0].facts.headline
    assert "Tokyo: we could not look; singapore: we could not look" in told[0].facts.reason


def test_a_journey_without_data_names_the_step_that_is_silent(world: World) -> None:
    world.start(T0)
    changes = probe(world, T0, T0 + 10 * MINUTE)

    told = [one for one in changes if one.kind is AlertKind.NO_DATA and one.slo == "shop"]
    assert len(told) == 1
    assert told[0].facts.reason.count("web/requests: ") == 1
    assert "web/reachable" not in told[0].facts.reason


def test_a_new_journey_whose_steps_are_well_waits_for_its_first_slice(world: World) -> None:
    for collector in VANTAGES:
        world.run(collector, T0 + 20 * S, Outcome.PASSED)
    waiting = world.engine.why_silent("web/reachable")
    probe(world, T0 + 30 * S, T0 + 90 * S)

    assert waiting == (NoDataCause.WAITING, "")
    assert world.engine.why_silent("web/reachable") != waiting


def test_an_edit_of_what_a_step_counts_lets_the_journey_begin_anew(
    world: World, tmp_path: Path
) -> None:
    probe(world, T0, T0 + 5 * MINUTE)
    before = {slo_id: world.indicator(slo_id).number for slo_id in _DERIVED}
    world.flush()

    world.config = load_text(tmp_path, CONFIG.replace("bad: errors", "bad: failures"))
    world.watch(T0 + 5 * MINUTE)

    after = {slo_id: world.indicator(slo_id).number for slo_id in _DERIVED}
    assert after["web/reachable"] == before["web/reachable"]
    assert after["journeys/shop"] != before["journeys/shop"]
    assert after["journeys/weighed"] != before["journeys/weighed"]


def test_a_component_of_a_short_window_is_remembered_for_as_long_as_slices_may_change(
    world: World,
) -> None:
    login = world.indicator("web/login")

    assert login.ledger.reach == 30 * MINUTE
    assert login.detail is not None


def an_exclusion(service: str, slo: str, start: datetime, end: datetime) -> Exclusion:
    return Exclusion(
        id=f"{service}/{slo}",
        scope=Scope(service, slo),
        schedule=Once(start, end),
        reason="a new database",
        author="ada",
        origin="api",
        created_at=T0,
        since=T0 - HOUR,
    )


def test_what_is_excluded_of_a_step_is_excluded_of_the_journey_and_of_nothing_else(
    world: World,
) -> None:
    start, end = T0 + 4 * MINUTE, T0 + 6 * MINUTE
    world.exclusions = Exclusions.of([an_exclusion("web", "login", start, end)])
    world.watch(T0)

    probe(world, T0, T0 + 10 * MINUTE, down=("web/tokyo",))

    shop, reachable = world.indicator("journeys/shop"), world.indicator("web/reachable")
    now = T0 + 10 * MINUTE
    assert shop.ledger.window(10 * MINUTE, now).counts.bad == 9 - 2
    assert shop.raw is not None
    assert shop.raw.window(10 * MINUTE, now).counts.bad == 9
    assert reachable.ledger.window(10 * MINUTE, now).counts.good == 30
    world.flush()
    assert world.check("journeys/shop") == 9


def test_a_restart_within_an_exclusion_doubles_nothing_and_its_end_brings_all_back(
    world: World,
) -> None:
    start, end = T0 + 4 * MINUTE, T0 + HOUR
    world.exclusions = Exclusions.of([an_exclusion("web", "reachable", start, end)])
    world.watch(T0)
    probe(world, T0, T0 + 10 * MINUTE, down=VANTAGES[:2])
    world.flush()

    world.start(T0 + 10 * MINUTE)
    probe(world, T0 + 10 * MINUTE, T0 + 12 * MINUTE, down=VANTAGES[1:])
    world.run("web/iowa", T0 + 9 * MINUTE + S, Outcome.FAILED, now=T0 + 12 * MINUTE)
    world.flush()

    assert world.check("web/reachable") == 36
    reachable = world.indicator("web/reachable")
    assert sum(reachable.ledger.causes(HOUR, T0 + 12 * MINUTE).values()) == 12
    world.exclusions = Exclusions()
    world.watch(T0 + 12 * MINUTE)
    again = world.indicator("web/reachable")
    assert again.ledger.window(HOUR, T0 + 12 * MINUTE).counts.bad == 36
    assert sum(again.ledger.causes(HOUR, T0 + 12 * MINUTE).values()) == 36


def test_a_clock_that_ran_an_hour_ahead_leaves_nothing_wrong(world: World) -> None:
    probe(world, T0, T0 + 10 * MINUTE)
    world.engine.tick(T0 + 70 * MINUTE)  # closes an hour that has not been yet
    ahead = world.indicator("web/reachable").ledger.lifetime

    probe(world, T0 + 10 * MINUTE, T0 + 20 * MINUTE, down=VANTAGES[:2])
    world.flush()

    rows = world.stored(world.indicator("web/reachable"))
    assert ahead.unknown == 60 * 3 - 1  # the last of them may still be answered
    assert sum(row.good for row in rows.values()) == 30
    assert sum(row.bad for row in rows.values()) == 30
    assert world.check("web/reachable") == len(rows)
