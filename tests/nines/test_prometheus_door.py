"""From a real Prometheus that has a past to a promise: its jobs, its metrics, its weeks."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from nines.clock import SystemClock
from nines.config import Config, load
from nines.first_steps import FirstSteps
from slo.counts import Counts
from slo.hindsight import WEEK, WEEKS, suggest, weeks_met
from slo.objective import Objective
from tests.fakes.metric_stores import prometheus
from tests.web.ports import free_port
from web.settings import ReloadResult
from web.steps.port import StepError

pytestmark = [pytest.mark.slow, pytest.mark.needs("prometheus")]

NOW = datetime(2026, 11, 21, 12, 3, tzinfo=UTC)
STEP = timedelta(minutes=10)
END = NOW - timedelta(minutes=3)
BAD_WEEK = 6  # in which every tenth step has a failure
A_STEP = 100  # requests


class Then(SystemClock):
    """It is the moment at which the data ends."""

    def now(self) -> datetime:
        return NOW


def fails(number: int) -> int:
    """How many requests of this step."""
    return int((number - 1) // (WEEK // STEP) == BAD_WEEK and number % 10 == 0)


def openmetrics() -> str:
    """Ten weeks of a counter, and the end of `up`."""
    lines = ["# TYPE http_requests counter"]
    good, bad, counted = 0, 0, list[str]()
    steps = WEEK // STEP
    for number in range(WEEKS * steps + 1):
        if number:
            failing = fails(number)
            good, bad = good + A_STEP - failing, bad + failing
        at = (END - WEEKS * WEEK + number * STEP).timestamp()
        lines.append(f'http_requests_total{{job="shop",code="200"}} {good} {at:.0f}')
        counted.append(f'http_requests_total{{job="shop",code="500"}} {bad} {at:.0f}')
    lines += counted
    lines.append("# TYPE up gauge")
    for number in range(3):
        lines.append(f'up{{job="shop"}} 1 {(END + (number - 2) * STEP).timestamp():.0f}')
    return "\n".join([*lines, ""])


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that scrapes nothing and remembers much."""
    home = tmp_path_factory.mktemp("store") / "prometheus"
    with prometheus(home, openmetrics(), block="720h") as address:
        yield address


def steps_for(tmp_path: Path, allow: str) -> FirstSteps:
    file = tmp_path / "config.yaml"
    file.write_text(f"web: {{tries: {{allow: [{allow}]}}}}\n")
    config = load(file, {})

    async def reload() -> ReloadResult:
        return ReloadResult()

    def now() -> Config:
        return config

    return FirstSteps(path=file, environ={}, config=now, found=dict, reload=reload, clock=Then())


async def test_what_it_kept_is_counted_to_the_unit_and_makes_a_suggestion(
    tmp_path: Path, url: str
) -> None:
    steps = steps_for(tmp_path, "127.0.0.1")

    assert await steps.jobs(url) == [("shop", 1)]
    requests, up = await steps.candidates(url, "shop")
    assert (requests.key, requests.series, up.key) == ("http_requests_total:code", 2, "up")
    weeks = await steps.look_back(url, requests)

    every = WEEK // STEP * A_STEP
    failed = sum(fails(number) for number in range(WEEKS * (WEEK // STEP) + 1))
    bad = [failed if number == BAD_WEEK else 0 for number in range(WEEKS)]
    assert [week.counts for week in weeks] == [Counts(every - one, one) for one in bad]
    strict = Objective(Decimal("0.9999"))
    assert weeks_met(weeks, strict) == (9, 10)
    assert suggest(weeks) == strict
    assert (weeks[-1].end, weeks[-1].seen, weeks[-1].due) == (END, WEEK // STEP, WEEK // STEP)


async def test_of_what_is_not_kept_nothing_is_said(tmp_path: Path, url: str) -> None:
    steps = steps_for(tmp_path, "127.0.0.1")
    _, up = await steps.candidates(url, "shop")

    weeks = await steps.look_back(url, up)

    assert weeks_met(weeks, Objective(Decimal("0.99"))) == (0, 0)
    assert suggest(weeks) is None


async def test_a_prometheus_is_not_reached_where_nobody_may_look(tmp_path: Path, url: str) -> None:
    with pytest.raises(StepError, match="this machine itself") as refused:
        await steps_for(tmp_path, "10.0.0.0/8").jobs(url)

    assert refused.value.status == 403


async def test_what_is_no_prometheus_is_said(tmp_path: Path) -> None:
    with pytest.raises(StepError, match=r"the Prometheus did not answer: .*refused"):
        await steps_for(tmp_path, "127.0.0.1").jobs(f"http://127.0.0.1:{free_port()}")
