"""Every drill of the demo pages in time: by the demo's own configuration and the real engine."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from alerting.alert import AlertChange
from collectors.expect import Answer, Body, judge
from collectors.exposition import PageReader
from collectors.http import HttpConfig
from collectors.observation import Cause, Observation, Outcome
from collectors.scrape import PrometheusConfig
from collectors.settings import CollectorSettings
from nines.config import load
from nines.demo.history import TRAFFIC
from nines.demo.http_server import Request, Response
from nines.demo.platforms.platform import Platform
from nines.demo.simulation import DRILLS, Drill, Simulation
from nines.engine import Engine
from nines.entry import Entry
from nines.indicator import Indicator
from nines.target import Target
from slo.ledger import BucketDelta, Ledger
from slo.severity import Severity

CONFIG = Path(__file__).parents[3] / "nines" / "demo" / "config.yaml"
ENVIRON = {
    "DEMO_PORT": "1",
    "DEMO_DATABASE": "sqlite:///unused.db",
    "PETUNIVERSE_WEB": "http://127.0.0.1:1",
    "MEWAYZ_WEB": "http://127.0.0.1:2",
    "MEWAYZ_WEB_ADDRESS": "127.0.0.1:2",
    "SHOP_WEB": "http://127.0.0.1:3",
    "DEMO_INBOX": "http://127.0.0.1:4",
    "DEMO_SMTP": "smtp://127.0.0.1:5",
}
BREAKS = datetime(2026, 11, 21, 16, 0, tzinfo=UTC)
STEP = timedelta(seconds=0.25)
STEADY = timedelta(seconds=20)  # of live traffic before the drill, so that counters have a baseline
BUCKET = timedelta(seconds=10)


def an_engine(services: dict[str, dict[str, CollectorSettings]]) -> Engine:
    """What the demo watches, after eight clean hours."""
    engine = Engine(10, awake_since=BREAKS - timedelta(days=1))
    slos = [slo for slo in load(CONFIG, ENVIRON).slos if slo.collector_id is not None]
    entries = [
        Entry(slo, Indicator(slo, number, "fingerprint", Ledger(10, slo.window.reach)))
        for number, slo in enumerate(slos, start=1)
    ]
    engine.watch(
        entries,
        {
            f"{service}/{name}": Target(collector.interval or BUCKET)
            for service, collectors in services.items()
            for name, collector in collectors.items()
        },
    )
    for entry in entries:
        traffic = TRAFFIC.get(entry.slo.id)
        seen = BUCKET // entry.slo.interval
        good = int(traffic.per_second * 10) if traffic else seen
        for n in range(8 * 360):
            at = BREAKS - STEADY - timedelta(hours=8) + n * BUCKET
            delta = BucketDelta(entry.ledger.bucket_of(at), good, seen=seen)
            engine.book_history(entry.slo.id, at, delta, {})
    return engine


def look(
    platform: Platform, collector_id: str, config: CollectorSettings, at: datetime
) -> Observation:
    """One run of a collector, judged as it would be, without sockets."""
    outcome, cause, page = Outcome.PASSED, None, None
    target = config.http if isinstance(config, HttpConfig) else getattr(config, "prometheus", "")
    request = Request("GET", urlsplit(target).path, {})
    answer = None if platform.fault == "refused" else platform.answer(request)
    if not isinstance(answer, Response):
        outcome, cause = Outcome.FAILED, Cause.TIMEOUT if answer else Cause.CONNECT
    elif isinstance(config, HttpConfig):
        took = timedelta(seconds=answer.delay + 0.01)
        judged = Answer(answer.status, httpx.Headers(), Body(answer.body), took)
        failure = judge(config.expect, judged, at, ())
        if answer.status == 429:
            outcome = Outcome.UNKNOWN
        elif failure is not None:
            outcome, cause = Outcome.FAILED, failure.cause
    else:
        reader = PageReader(["http_requests_total"], openmetrics=False, limit_bytes=1 << 24)
        reader.feed(answer.body)
        page = reader.close()
    nothing = timedelta(0)
    return Observation(collector_id, at, at, nothing, nothing, outcome, cause, page=page)


def play(drill: Drill) -> Iterator[tuple[datetime, AlertChange]]:
    """The alert changes of one drill, each with when it was decided."""
    now = BREAKS - STEADY
    platform = Simulation(lambda: now, random.Random(1)).platforms[drill.platform]  # noqa: S311 - a simulation
    services = {
        name: dict(service.collectors) for name, service in load(CONFIG, ENVIRON).services.items()
    }
    engine = an_engine(services)
    name = drill.platform.lower()
    while now < BREAKS + timedelta(seconds=drill.seconds):
        platform.fault = drill.fault if now >= BREAKS else None
        platform.pass_time(STEP.total_seconds())
        for key, config in services[name].items():
            if not isinstance(config, HttpConfig | PrometheusConfig):
                continue
            if (now - BREAKS) % (config.interval or BUCKET) == timedelta(0):
                observation = look(platform, f"{name}/{key}", config, now)
                for change in engine.observe(observation, now):
                    yield now, change
        now += STEP


@pytest.mark.parametrize("drill", DRILLS, ids=[f"{d.platform}: {d.fault}" for d in DRILLS])
def test_a_drill_pages_within_the_time_that_the_terminal_names(drill: Drill) -> None:
    paged = next(
        (at for at, change in play(drill) if change.firing and change.severity is Severity.PAGE),
        None,
    )

    assert paged is not None
    assert timedelta(0) < paged - BREAKS <= timedelta(seconds=drill.page_within)
