"""JSON metrics from a socket to the ledger: restarts, and what a document no longer tells."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from collectors.json_metrics import JsonConfig, JsonMetrics
from collectors.means import Means
from collectors.resolve import Resolver
from nines.clock import SystemClock
from nines.engine import Engine
from nines.entry import Entry
from nines.indicator import Indicator
from nines.target import Target
from slo.counts import Counts
from slo.definition import EventsSLI
from slo.evaluate import NO_DATA
from slo.ledger import Ledger
from slo.selector import parse_selector
from tests.collectors.wire import Server, answer, says
from tests.slo.builders import T0, an_slo

SECONDS = timedelta(seconds=10)
METRICS = "shop/metrics"


def document(uptime: float, requests: int, errors: int | None) -> dict[str, Any]:
    told = {"requests": requests} | ({} if errors is None else {"errors": errors})
    return {"performance": told, "system": {"uptime": uptime}}


async def counted(*documents: dict[str, Any], with_start: bool = True) -> tuple[Counts, str]:
    """What an SLO counts of these answers, ten seconds apart; and why it has no data, if so."""
    sli = EventsSLI(
        "metrics", (parse_selector("requests_total"),), (parse_selector("errors_total"),)
    )
    slo = replace(an_slo(), name="requests", sli=sli)
    indicator = Indicator(slo, 1, "", Ledger(10, timedelta(days=30)))
    engine = Engine(10, awake_since=T0)
    engine.watch([Entry(slo, indicator)], {METRICS: Target(SECONDS)})
    config = JsonConfig.model_validate(
        {
            "json": "http://x/",
            "metrics": {
                "requests_total": {"path": "$.performance.requests", "type": "counter"},
                "errors_total": {"path": "$.performance.errors", "type": "counter"},
            },
        }
        | ({"process_start": {"uptime": "$.system.uptime"}} if with_start else {})
    )
    said = [answer(json.dumps(one).encode()) for one in documents]
    async with Server(says(*said)) as server:
        config = config.model_copy(update={"json_": f"http://127.0.0.1:{server.port}/"})
        one = JsonMetrics(METRICS, config, Means(SECONDS, SECONDS, Resolver()))
        for number in range(len(documents)):
            due = T0 + number * SECONDS
            engine.observe(await one.run(due, SystemClock()), due)
    return indicator.ledger.lifetime, indicator.last_detail.get(NO_DATA, "")


async def test_counters_that_begin_again_at_nought_are_counted_on() -> None:
    lifetime, _ = await counted(
        document(100, 1000, 10),
        document(100.1, 1100, 12),
        document(0.1, 30, 1),
        document(0.2, 70, 1),
    )

    assert lifetime == Counts(good=100 - 2 + 70 - 1, bad=3)


async def test_a_restart_that_overtook_the_old_count_is_seen_by_the_uptime() -> None:
    pages = (document(100, 10, 0), document(100.1, 20, 0), document(0.1, 25, 5))

    assert (await counted(*pages))[0] == Counts(good=10 + 20, bad=5)
    assert (await counted(*pages, with_start=False))[0] == Counts(good=10, bad=5)


async def test_what_a_document_does_not_tell_is_unknown_and_never_passes() -> None:
    lifetime, said = await counted(
        document(100, 1000, 10), document(100.1, 1100, None), document(100.2, 1150, 12)
    )

    assert lifetime == Counts(good=50 - 2, bad=2, unknown=100)
    assert said == "errors_total: $.performance.errors is not in the answer"


async def test_our_own_restart_is_none_of_the_target_though_its_clock_runs_apart() -> None:
    said = [
        answer(json.dumps(document(uptime, requests, 0)).encode())
        for uptime, requests in ((5000, 1000), (5000.2, 1010), (4998.5, 1015))
    ]
    config = JsonConfig.model_validate(
        {
            "json": "http://x/",
            "metrics": {
                "requests_total": {"path": "$.performance.requests", "type": "counter"},
                "errors_total": {"path": "$.performance.errors", "type": "counter"},
            },
            "process_start": {"uptime": "$.system.uptime"},
        }
    )
    sli = EventsSLI(
        "metrics", (parse_selector("requests_total"),), (parse_selector("errors_total"),)
    )
    slo = replace(an_slo(), name="requests", sli=sli)
    indicator = Indicator(slo, 1, "", Ledger(10, timedelta(days=30)))
    engine = Engine(10, awake_since=T0)
    engine.watch([Entry(slo, indicator)], {METRICS: Target(SECONDS)})
    async with Server(says(*said)) as server:
        config = config.model_copy(update={"json_": f"http://127.0.0.1:{server.port}/"})
        for number in range(3):
            due = T0 + number * SECONDS
            # Made anew each time, as by a restart of ours.
            one = JsonMetrics(METRICS, config, Means(SECONDS, SECONDS, Resolver()))
            counters = engine.targets[METRICS].counters
            position = counters.position if counters is not None else None
            one.go_on_from(lambda left=position: left)  # type: ignore[misc] # bound now
            engine.observe(await one.run(due, SystemClock()), due)

    assert indicator.ledger.lifetime == Counts(good=15)
