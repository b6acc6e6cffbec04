"""The past of real servers in our ledger: exact, once, through a crash, and into live counting."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from uuid import uuid4

import pytest

from collectors.kinds import build
from collectors.promql import PromqlConfig
from nines import backfill as module
from nines.backfill import backfill
from nines.config import Config
from nines.engine import Engine
from nines.resume import resume_entries, resume_target
from nines.storage.batches import CountBatch
from nines.storage.counts import CountStore
from nines.storage.database import Database
from nines.storage.errors import StorageError
from nines.threads import StorageThreads
from slo.counts import Counts
from tests.fakes.metric_stores import prometheus, victoria_metrics
from tests.nines.config.files import load_text

T0 = datetime(2026, 1, 10, 12, tzinfo=UTC)
STEP = timedelta(seconds=10)
LOOKS = 720  # two hours
METRICS = "shop/metrics"
CONFIG = """
services:
  shop:
    collectors:
      metrics:
        promql: {url}
        interval: 10s
        backfill: {backfill}
        queries:
          requests_total: {{query: "sum by (code) (http_requests_total)", type: counter}}
    slos:
      requests:
        objective: 99.9%
        window: 1d
        sli: {{collector: metrics, bad: 'requests_total{{code="500"}}', total: requests_total}}
alerting: {{route: {{receivers: []}}}}
"""


def counted(look: int, pod: str, code: str) -> int:
    """What a pod's counter says at this look; pod `b` restarts twice, once while all else rises."""
    began = 0 if pod == "a" else max(at for at in (0, 200, 433) if at <= look)
    every = {"200": 7, "500": 1}[code]
    return (look - began) * every if code == "200" else (look - began) // 10


PODS = [(pod, code) for pod in ("a", "b") for code in ("200", "500")]


def history(looks: int = LOOKS) -> str:
    """OpenMetrics lines, each series in the order of its times."""
    lines = ["# TYPE http_requests counter"]
    for pod, code in PODS:
        for look in range(looks + 1):
            at = (T0 + look * STEP).timestamp()
            labels = f'{{pod="{pod}",code="{code}"}}'
            lines.append(f"http_requests_total{labels} {counted(look, pod, code)} {at:.3f}")
    return "\n".join([*lines, ""])


def expected(first: int, last: int) -> Counts:
    """What was counted between two looks, by hand."""
    grown = {"200": 0, "500": 0}
    for pod, code in PODS:
        for look in range(first + 1, last + 1):
            now, before = counted(look, pod, code), counted(look - 1, pod, code)
            grown[code] += now - before if now >= before else now
    return Counts(good=grown["200"], bad=grown["500"])


@dataclass(frozen=True)
class Noon:
    """A clock that stands at one moment, and waits for nobody."""

    at: datetime
    monotonic: Callable[[], float] = field(default=lambda: 0.0)

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(seconds)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prometheus(tmp_path_factory.mktemp("store") / "prometheus", history()) as address:
        yield address


@pytest.fixture
def threads() -> Iterator[StorageThreads]:
    threads = StorageThreads()
    yield threads
    threads.close()


class Progress(dict[str, Fraction]):
    """Remembers what was told, and when it was taken back."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Fraction] = []

    def __setitem__(self, collector: str, done: Fraction) -> None:
        super().__setitem__(collector, done)
        self.told.append(done)


class Filling:
    """A configuration whose history is filled, as often as it is told to."""

    def __init__(self, config: Config, counts: CountStore, threads: StorageThreads) -> None:
        self.config, self.counts, self._threads = config, counts, threads
        self.progress = Progress()

    async def until(self, now: datetime, counts: CountStore | None = None) -> None:
        await backfill(
            self.config,
            counts=counts or self.counts,
            threads=self._threads,
            clock=Noon(now),
            new_id=lambda: uuid4().hex,
            progress=self.progress,
        )

    @property
    def lifetime(self) -> Counts:
        (series,) = self.counts.series("shop/requests")
        return series.lifetime


@pytest.fixture
def filling(url: str, database: Database, threads: StorageThreads, tmp_path: Path) -> Filling:
    config = load_text(tmp_path, CONFIG.format(url=url, backfill="3h"))
    return Filling(config, CountStore(database), threads)


END = T0 + LOOKS * STEP + timedelta(seconds=1)


@pytest.mark.needs("prometheus")
async def test_the_past_is_counted_to_the_unit(filling: Filling) -> None:
    await filling.until(END)

    # The first look of the past is a baseline: it falls between the samples 0 and 1.
    assert filling.lifetime == expected(0, LOOKS - 1)


@pytest.mark.needs("prometheus")
async def test_how_far_it_is_is_told_until_it_is_over(
    filling: Filling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_STEPS", 180)
    await filling.until(T0 + LOOKS * STEP + timedelta(seconds=1))

    told = filling.progress.told
    assert told[0] == 0
    assert told == sorted(told)
    assert 1 > told[-1] > Fraction(3, 4)
    assert dict(filling.progress) == {}


@pytest.mark.needs("prometheus")
async def test_it_stands_where_it_happened(filling: Filling) -> None:
    await filling.until(END)
    (series,) = filling.counts.series("shop/requests")
    noon = [
        sum(
            row[column]
            for row in filling.counts.load(series.series_id, 300, start, start + 30 * STEP)
        )
        for start in (T0 + 30 * STEP, T0 + 390 * STEP)
        for column in (1, 2)
    ]

    assert noon == [420, 6, 420, 6]
    assert series.watched_since is not None
    assert T0 <= series.watched_since <= T0 + STEP


@pytest.mark.needs("prometheus")
async def test_it_is_done_once_and_goes_on_where_we_were_away(filling: Filling) -> None:
    middle = T0 + 300 * STEP + timedelta(seconds=1)
    await filling.until(middle)
    before = filling.lifetime
    await filling.until(middle)
    assert filling.lifetime == before == expected(0, 299)
    await filling.until(END)

    assert filling.lifetime == expected(0, LOOKS - 1)


class Killed(CountStore):
    """Dies after some writes: before one, or after it was written and before anybody heard."""

    def __init__(self, database: Database, writes: int, *, written: bool) -> None:
        super().__init__(database)
        self._left, self._written = writes, written

    def flush(self, batch: CountBatch) -> None:
        self._left -= 1
        if self._left >= 0 or self._written:
            super().flush(batch)
        if self._left < 0:
            raise StorageError("killed")


@pytest.mark.needs("prometheus")
@pytest.mark.parametrize("written", [False, True])
async def test_killed_in_the_middle_it_goes_on_and_counts_nothing_twice(
    filling: Filling, database: Database, monkeypatch: pytest.MonkeyPatch, *, written: bool
) -> None:
    monkeypatch.setattr(module, "_STEPS", 90)
    for writes in (1, 0, 2):
        with pytest.raises(StorageError):
            await filling.until(END, Killed(database, writes, written=written))
    await filling.until(END)

    assert filling.lifetime == expected(0, LOOKS - 1)


@pytest.mark.needs("prometheus")
async def test_the_first_live_look_counts_on_from_the_past(filling: Filling) -> None:
    middle = T0 + 300 * STEP + timedelta(seconds=1)
    await filling.until(middle)
    record = filling.counts.collector_states()[METRICS]
    target = resume_target(STEP, record, None, middle)
    slos = {slo.id: slo for slo in filling.config.slos}
    entries = resume_entries(
        slos, counts=filling.counts, bucket_seconds=10, states={}, now=middle, running={}
    )
    engine = Engine(10, awake_since=middle)
    engine.watch(entries, {METRICS: target})
    settings = filling.config.services["shop"].collectors["metrics"]
    assert isinstance(settings, PromqlConfig)
    collector = build(METRICS, settings)
    for look in (1, 2):
        due = record.last_due + look * STEP
        engine.observe(await collector.run(due, Noon(due)), due)

    assert entries[0].ledger.lifetime == expected(0, 301)


@pytest.mark.needs("victoria-metrics")
async def test_victoria_metrics_gives_the_same(
    database: Database, threads: StorageThreads, tmp_path: Path
) -> None:
    with victoria_metrics(tmp_path / "store", history()) as address:
        config = load_text(tmp_path, CONFIG.format(url=address, backfill="3h"))
        filling = Filling(config, CountStore(database), threads)
        await filling.until(END)

    assert filling.lifetime == expected(0, LOOKS - 1)


async def test_a_source_that_does_not_answer_delays_nothing_and_books_nothing(
    database: Database, threads: StorageThreads, tmp_path: Path
) -> None:
    config = load_text(tmp_path, CONFIG.format(url="http://127.0.0.1:9", backfill="3h"))
    filling = Filling(config, CountStore(database), threads)
    await filling.until(END)

    assert filling.lifetime == Counts()
    assert METRICS not in filling.counts.collector_states()
