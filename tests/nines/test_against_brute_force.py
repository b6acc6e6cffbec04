"""The whole way of a number, observation to status, against a plain list of what was booked.

Runs come late and out of order, targets restart, scrapes fail for hours, Nines stops, is killed and
is edited, counts are packed; whenever somebody looks, each status equals brute force exactly.
"""

import shutil
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from collectors.observation import Cause, Observation, Outcome
from nines.engine import Engine
from nines.resume import resume_entries, resume_target
from nines.storage.counts import CountStore
from nines.storage.database import Database, open_database
from nines.target import Target
from slo.config import SLOConfig, build_slos
from slo.definition import SLO
from slo.exposition import Page, Sample, Series
from slo.ledger import BucketDelta
from slo.surroundings import Surroundings
from tests.slo.brute_force import BruteForce, disagreements

S, MINUTE, HOUR, DAY = (timedelta(seconds=n) for n in (1, 60, 3600, 86_400))
EVERY = 10 * S
# Just before clocks are set back in Berlin and forward in New York's autumn, at a month's end.
T0 = datetime(2026, 10, 24, 18, 0, tzinfo=UTC)
AROUND = Surroundings("shop", EVERY, 30 * DAY, 10 * S)
PROBE, COUNTERS = (
    {"probe": "health"},
    {
        "collector": "metrics",
        "total": "requests_total",
        "bad": 'requests_total{code="500"}',
    },
)
WINDOWS = ["2h", "2d", "30d", "day Europe/Berlin", "month America/New_York"]
METHODS: dict[str, dict[str, object]] = {
    "occurrences": {},
    "slices": {"method": "timeslices", "slice": "1m", "slice_target": "90%", "no_data": "bad"},
    "ratios": {"method": "ratio_timeslices", "slice": "5m", "no_data": "good"},
}


def definitions(objective: str) -> dict[str, SLO]:
    """Every method over every window, of a probe and of counters."""
    return {
        slo.id: slo
        for method, keys in METHODS.items()
        for kind, sli in (("runs", PROBE), ("requests", COUNTERS))
        for slo in build_slos(
            f"{kind}-{method}",
            SLOConfig.model_validate(
                {"objective": objective, "window": WINDOWS, "sli": sli, **keys}
            ),
            AROUND,
        )
    }


@dataclass
class World:
    """The engine on its storage, and beside it what brute force knows."""

    database: Database
    objective: str = "99%"
    now: datetime = T0
    started: float = 1.0
    counters: Counter[str] = field(default_factory=Counter)
    knowable: Counter[str] = field(default_factory=Counter)
    page_at: datetime | None = None  # of the last good page
    runs: BruteForce = field(default_factory=BruteForce)
    requests: BruteForce = field(default_factory=BruteForce)
    batch: int = 0
    met: dict[datetime, Outcome] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store = CountStore(self.database)
        self.engine = Engine(10, awake_since=self.now)
        self._watch()

    def _watch(self) -> None:
        records = self.store.collector_states()
        entries = resume_entries(
            definitions(self.objective),
            counts=self.store,
            bucket_seconds=10,
            states={},
            now=self.now,
            running=self.engine.entries,
        )
        targets: dict[str, Target] = {
            name: resume_target(EVERY, records.get(name), self.engine.targets.get(name))
            for name in ("shop/health", "shop/metrics")
        }
        self.engine.watch(entries, targets)

    def flush(self) -> None:
        self.batch += 1
        batch = self.engine.take_batch(str(self.batch))
        if batch is not None:
            self.store.flush(batch)

    # --- what may happen ---

    def probe(self, outcome: Outcome, late: int = 0) -> None:
        """One run that was due now, or some while ago."""
        due = self.now - late * EVERY
        if due in self.met:  # told twice: it is one event
            outcome = self.met[due]
        else:
            self.met[due] = outcome
            self._book_run(due, outcome)
        cause = Cause.STATUS if outcome is Outcome.FAILED else None
        self.engine.observe(
            Observation("shop/health", due, due, 0 * S, 0 * S, outcome, cause), self.now
        )

    def _book_run(self, due: datetime, outcome: Outcome) -> None:
        bucket = int(due.timestamp()) // 10 * 10
        failed, unknown = int(outcome is Outcome.FAILED), int(outcome is Outcome.UNKNOWN)
        passed = int(outcome is Outcome.PASSED)
        self.runs.book(
            BucketDelta(bucket, passed, failed, unknown, seen=passed + failed, missed=unknown)
        )

    def ask(self, code: str, times: int) -> None:
        self.counters[code] += times
        self.knowable[code] += times

    def restart_target(self) -> None:
        self.started += 10
        self.counters, self.knowable = Counter(), Counter()

    def scrape(self) -> None:
        if self.page_at is not None and self.page_at >= self.now:
            return
        samples = {
            Series("requests_total", (("code", code),)): Sample(self.counters[code])
            for code in ("200", "500")  # a first-ever value may be too large to be believed
        }
        page = Page(samples, process_start=self.started)
        self.engine.observe(
            Observation(
                "shop/metrics", self.now, self.now, 0 * S, 0 * S, Outcome.PASSED, page=page
            ),
            self.now,
        )
        self._book_scrape()

    def _book_scrape(self) -> None:
        bucket = int(self.now.timestamp()) // 10 * 10
        if self.page_at is None:
            self.requests.book(BucketDelta(bucket, seen=1))  # where counting begins
        else:
            total, bad = sum(self.knowable.values()), self.knowable["500"]
            parts = [(bucket, total - bad, bad)]
            smeared = self.now - self.page_at > 2.5 * EVERY
            if smeared:
                parts = spread(total, bad, self.page_at, self.now)
            for start, good, wrong in parts:
                far = (good, wrong) if smeared else (0, 0)
                self.requests.book(
                    BucketDelta(start, good, wrong, smeared_good=far[0], smeared_bad=far[1])
                )
            self.requests.book(BucketDelta(bucket, seen=1))
        self.page_at, self.knowable = self.now, Counter()

    def pass_time(self, seconds: int) -> None:
        self.now += seconds * S

    def edit(self, objective: str) -> None:
        self.flush()
        self.objective = objective
        self._watch()

    def start_again(self, away: int) -> None:
        """Stop, be away, and take up what is stored."""
        self.flush()
        self.now += away * EVERY
        self.engine = Engine(10, awake_since=self.now)
        self.met.clear()
        self._watch()

    def pack(self) -> None:
        self.flush()
        while self.store.pack(self.now):
            pass

    def check(self) -> None:
        self.engine.tick(self.now)
        wrong = []
        for entry in self.engine.entries.values():
            status = self.engine.entries[entry.slo.id].status
            assert status is not None, self.engine.faults
            model = self.runs if entry.slo.name.startswith("runs") else self.requests
            wrong += disagreements(status, model)
        assert not wrong


def spread(total: int, bad: int, start: datetime, end: datetime) -> list[tuple[int, int, int]]:
    """Evenly over the buckets of (start, end], by cumulative floor: semantics 2, "smeared"."""
    first = int(start.timestamp()) // 10
    last = max(first, -(-int(end.timestamp()) // 10) - 1)
    count, parts, before, bad_before = last - first + 1, [], 0, 0
    for n in range(1, count + 1):
        now = total * n // count
        wrong = bad * now // total if total else 0
        at = (first + n - 1) * 10
        parts.append((at, now - before - wrong + bad_before, wrong - bad_before))
        before, bad_before = now, wrong
    return parts


OUTCOMES = st.sampled_from([*[Outcome.PASSED] * 4, Outcome.FAILED, Outcome.UNKNOWN])
STEPS = st.one_of(
    st.tuples(st.just("probe"), OUTCOMES, st.sampled_from([0, 0, 0, 1, 3, 100, 9_000])),
    st.tuples(st.just("probe"), OUTCOMES),
    st.tuples(st.just("ask"), st.sampled_from(["200", "500"]), st.integers(1, 5_000)),
    st.tuples(st.just("scrape")),
    st.tuples(st.just("scrape")),
    st.tuples(st.just("restart_target")),
    st.tuples(st.just("pass_time"), st.sampled_from([1, 7, 10, 10, 10, 60, 299, 1_800, 25_000])),
    st.tuples(st.just("pass_time"), st.sampled_from([86_400, 400_000])),
    st.tuples(st.just("edit"), st.sampled_from(["99%", "99.9%"])),
    st.tuples(st.just("start_again"), st.integers(0, 2)),
    st.tuples(st.just("pack")),
    st.tuples(st.just("check")),
)


@pytest.mark.slow
@settings(
    max_examples=15,
    deadline=None,
    phases=[Phase.generate],  # shrinking takes longer than reading the steps
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(STEPS, min_size=10, max_size=60))
def test_every_number_equals_brute_force_whenever_somebody_looks(
    tmp_path: Path, migrated_sqlite_file: Path, steps: list[tuple[str, *tuple[object, ...]]]
) -> None:
    file = tmp_path / "nines.db"
    for left in tmp_path.iterdir():
        left.unlink()
    shutil.copyfile(migrated_sqlite_file, file)
    database = open_database(f"sqlite:///{file}")
    try:
        world = World(database)
        for name, *arguments in steps:
            getattr(world, name)(*arguments)
        world.check()
    finally:
        database.close()


def test_the_oracle_itself_tells_a_wrong_number() -> None:
    """A model that nothing can contradict would prove nothing."""
    model = BruteForce()
    model.book(BucketDelta(int(T0.timestamp()), 1, 1, seen=2))

    assert model.window(2 * HOUR, T0 + MINUTE).total == 2
    assert model.window(2 * HOUR, T0 + 3 * HOUR).total == 0
    assert spread(10, 3, T0, T0 + 4 * EVERY)[0] == (int(T0.timestamp()), 2, 0)
    assert sum((Fraction(bad) for _, _, bad in spread(10, 3, T0, T0 + 4 * EVERY))) == 3
