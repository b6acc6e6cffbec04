"""From a page's bytes to booked counts: 300 SLOs whose 600 counters stand on one page.

The short way is what happens as long as counters merely go on: a page is read, its increments are
counted, and the target's state is written as it is stored; then the engine does all of it once
more for an observation, books and judges. The long way parses every line and asks every rule.
CPU for an SLO and a page, medians. Run: python -m benchmarks.count_page
"""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import TypeVar

from collectors.exposition import PageReader
from collectors.known import Known
from collectors.observation import Observation, Outcome
from collectors.selective import SelectiveReader
from nines.engine import Engine
from nines.entry import Entry
from nines.indicator import Indicator
from nines.target import Target
from slo.counter import advance
from slo.counter_state import TargetState
from slo.definition import SLO, CounterSLI, EventsSLI
from slo.exposition import Page
from slo.ledger import Ledger, grid_for
from slo.objective import Objective
from slo.selector import parse_selector
from slo.tiers import default_tiers
from slo.window import Rolling

SLOS = 300
PAGES = 400  # 100 minutes of them: an hour's pace is full
EVERY = timedelta(seconds=15)
_WARM = 250
_NAME = "http_requests_total"
_BEGUN = datetime(2026, 11, 21, tzinfo=UTC)
_Result = TypeVar("_Result")


class Stages:
    """What each stage took, page by page."""

    def __init__(self) -> None:
        self.spent: dict[str, list[int]] = {}

    def time(self, stage: str, work: Callable[[], _Result]) -> _Result:
        began = time.process_time_ns()
        result = work()
        self.spent.setdefault(stage, []).append(time.process_time_ns() - began)
        return result

    def show(self, name: str) -> None:
        each = {
            stage: statistics.median(took[_WARM:]) / SLOS / 1e3
            for stage, took in self.spent.items()
        }
        told = "  ".join(f"{stage} {took:6.2f}" for stage, took in each.items())
        print(f"{name:10} {told}  in all {sum(each.values()):6.2f} us an SLO")


def main() -> None:
    """Print both ways, and what the state weighs."""
    slis = make_slis()
    _long_way(slis).show("long way")
    stages, weight = _short_way(slis)
    stages.show("short way")
    print(f"a state weighs {weight / SLOS:,.0f} bytes an SLO; goal from page to state: 15 us")


def _long_way(slis: Mapping[str, CounterSLI]) -> Stages:
    stages, state = Stages(), TargetState()
    for number in range(PAGES):
        page = stages.time("read", partial(_every, make_page(number)))
        plain = replace(page, samples=dict(page.samples))
        at = _BEGUN + number * EVERY
        state, _ = stages.time("count", partial(advance, state, plain, at, slis, EVERY))
        stages.time("state", state.to_json)
    return stages


def _short_way(slis: Mapping[str, CounterSLI]) -> tuple[Stages, int]:
    stages, state, known, text = Stages(), TargetState(), Known(), ""
    engine = make_engine(slis)
    for number in range(PAGES):
        page, known = stages.time("read", partial(_some, make_page(number), known))
        at = _BEGUN + number * EVERY
        state, _ = stages.time("count", partial(advance, state, page, at, slis, EVERY))
        text = stages.time("state", state.to_json)
        seen = Observation(
            "shop/page", at, at, timedelta(0), timedelta(0), Outcome.PASSED, page=page
        )
        # The engine counts as well: booking and judging are what it takes beyond that.
        stages.time("engine", partial(engine.observe, seen, at))
    return stages, len(text)


def make_slis() -> Mapping[str, CounterSLI]:
    return {
        f"shop/svc-{n:04d}": EventsSLI(
            "page",
            bad=(parse_selector(f'{_NAME}{{service="svc-{n:04d}",code=~"5.."}}'),),
            total=(parse_selector(f'{_NAME}{{service="svc-{n:04d}"}}'),),
        )
        for n in range(SLOS)
    }


def make_engine(slis: Mapping[str, CounterSLI]) -> Engine:
    """An engine that watches an SLO of each."""
    window, objective = Rolling(timedelta(days=30)), Objective(Decimal("0.999"))
    tiers, grid = default_tiers(objective, window.length), grid_for(10, window.length)
    entries = []
    for number, (slo_id, sli) in enumerate(slis.items()):
        service, name = slo_id.split("/")
        slo = SLO(service, name, objective, window, sli, tiers, EVERY, timedelta(minutes=2))
        ledger = Ledger(10, window.length, grid=grid)
        entries.append(Entry(slo, Indicator(slo, number, "v1", ledger)))
    engine = Engine(10, awake_since=_BEGUN - timedelta(days=30))
    engine.watch(entries, {"shop/page": Target(EVERY)})
    return engine


def make_page(number: int) -> bytes:
    """One after the other; every service goes at its own pace."""
    lines = [f"# TYPE {_NAME} counter"]
    for n in range(SLOS):
        good, bad = 1_000_000 + number * (75 + n % 20), 100 + number // 4
        lines.append(f'{_NAME}{{service="svc-{n:04d}",code="200"}} {good}')
        lines.append(f'{_NAME}{{service="svc-{n:04d}",code="500"}} {bad}')
    return ("\n".join(lines) + "\n").encode()


def _every(text: bytes) -> Page:
    reader = PageReader({_NAME}, openmetrics=False, limit_bytes=1 << 30)
    reader.feed(text)
    return reader.close()


def _some(text: bytes, known: Known) -> tuple[Page, Known]:
    reader: PageReader | SelectiveReader
    if known.series:
        reader = SelectiveReader({_NAME}, limit_bytes=1 << 30, known=known)
    else:
        reader = PageReader({_NAME}, openmetrics=False, limit_bytes=1 << 30)
    reader.feed(text)
    return reader.close(), reader.known


if __name__ == "__main__":
    main()
