"""Read JSON metrics of real servers, good ones and others."""

import asyncio
import gzip
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from collectors.json_metrics import JsonConfig, JsonMetrics
from collectors.means import Means
from collectors.observation import Cause, Observation, Outcome
from collectors.resolve import Resolver
from nines.clock import SystemClock
from slo.exposition import Page, Sample, Series
from tests.collectors.wire import DUE, SHORT, TIMEOUT, Server, Talk, answer, hang, says

# As an Express server with counters of its own tells them.
MEWAYZ = {
    "performance": {
        "requests": 1200, "slowRequests": 4, "cacheHits": 90, "cacheMisses": 10, "errors": 3,
        "averageResponseTime": 41.5, "cacheHitRate": 90,
    },
    "system": {"memory": {"rss": 1}, "cpu": {"user": 1, "system": 1}, "uptime": 3600.25},
    "cache": {"hitRate": "90.0%", "totalHits": 90, "totalMisses": 10},
}  # fmt: skip
METRICS: Mapping[str, Any] = {
    "requests_total": {"path": "$.performance.requests", "type": "counter"},
    "errors_total": {"path": "$.performance.errors", "type": "counter"},
    "response_seconds": {
        "path": "$.performance.averageResponseTime",
        "type": "gauge",
        "scale": 0.001,
    },
    "cache_hit_ratio": {"path": "$.cache.hitRate", "type": "gauge"},
}
UPTIME = {"uptime": "$.system.uptime"}


def reader(
    url: str,
    metrics: Mapping[str, Any] = METRICS,
    *,
    timeout: timedelta = TIMEOUT,
    **settings: object,
) -> JsonMetrics:
    config = JsonConfig.model_validate({"json": url, "metrics": metrics, **settings})
    return JsonMetrics(
        "shop/metrics", config, Means(timedelta(seconds=10), timeout, Resolver(), frozenset())
    )


async def look(
    talk: Talk,
    metrics: Mapping[str, Any] = METRICS,
    *,
    timeout: timedelta = TIMEOUT,
    **settings: object,
) -> Observation:
    async with Server(talk) as server:
        url = f"http://127.0.0.1:{server.port}/metrics"
        one = reader(url, metrics, timeout=timeout, **settings)
        return await one.run(DUE, SystemClock())


async def read(document: object, metrics: Mapping[str, Any]) -> Page:
    seen = await look(says(answer(json.dumps(document).encode())), metrics)
    assert seen.outcome is Outcome.PASSED, seen.detail
    assert seen.page is not None
    return seen.page


def values(page: Page) -> dict[str, int | float]:
    return {str(series): sample.value for series, sample in page.samples.items()}


async def test_counters_and_gauges_are_read_by_their_paths() -> None:
    page = await read(MEWAYZ, METRICS)

    assert values(page) == {
        "requests_total": 1200,
        "errors_total": 3,
        "response_seconds": 0.0415,
        "cache_hit_ratio": 0.9,
    }
    assert (page.absent, page.advice, page.process_start) == ({}, (), None)


async def test_items_of_arrays_and_objects_become_series_with_labels() -> None:
    document = {
        "queues": [{"name": "mail", "depth": 3, "durable": True}, {"name": "pay", "depth": "4"}],
        "routes": {"/a": {"hits": 1}, "/b": {"hits": 2}},
    }
    metrics = {
        "queue_depth": {
            "path": "$.queues[*]",
            "value": "$.depth",
            "type": "gauge",
            "labels": {"queue": "$.name", "durable": "$.durable", "site": "west"},
        },
        "hits_total": {
            "path": "$.routes.*",
            "value": "$.hits",
            "type": "counter",
            "labels": {"route": "~"},
        },
    }
    page = await read(document, metrics)

    assert page.samples == {
        Series("queue_depth", (("durable", "true"), ("queue", "mail"), ("site", "west"))): Sample(
            3
        ),
        Series("queue_depth", (("queue", "pay"), ("site", "west"))): Sample(4),
        Series("hits_total", (("route", "/a"),)): Sample(1),
        Series("hits_total", (("route", "/b"),)): Sample(2),
    }


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({}, "$.n[*] is not in the answer"),
        ({"n": [{"v": None}]}, "m is null, which is no number"),
        ({"n": [{"v": True}]}, "m is true, which is no number"),
        ({"n": [{"v": "many"}]}, 'm is "many", which is no number'),
        ({"n": [{"w": 1}]}, "m: $.v is not in its item"),
        ({"n": [{"v": 1}, {"v": 2}]}, "$.n[*] selects m twice: labels must tell them apart"),
    ],
)
async def test_what_is_no_number_is_absent_with_a_reason_and_never_nought(
    document: object, why: str
) -> None:
    page = await read(document, {"m": {"path": "$.n[*]", "value": "$.v", "type": "counter"}})

    assert page.samples == {}
    assert page.absent == {"m": why}
    assert page.advice == (f"m: {why}",)


async def test_more_series_than_anybody_wants_are_absent_with_a_reason() -> None:
    metric = {"path": "$[*]", "type": "gauge", "labels": {"n": "$"}}
    page = await read(list(range(10_001)), {"m": metric})

    assert page.samples == {}
    assert page.absent == {"m": "$[*] selects more than 10,000 series"}


async def test_one_item_without_a_number_leaves_the_others_as_they_are() -> None:
    metric = {"path": "$.*", "type": "gauge", "labels": {"k": "~"}}
    page = await read({"a": 1, "b": "?", "c": 3}, {"m": metric})

    assert values(page) == {'m{k="a"}': 1, 'm{k="c"}': 3}
    assert page.absent == {"m": 'm{k="b"} is "?", which is no number'}


@pytest.mark.parametrize("uptime", [100, "100s", 100.5])
async def test_an_uptime_tells_when_the_process_began(uptime: object) -> None:
    said = json.dumps({**MEWAYZ, "system": {"uptime": uptime}}).encode()
    seen = await look(says(answer(said)), process_start=UPTIME)

    assert seen.page is not None
    assert seen.page.process_start is not None
    assert abs(seen.started.timestamp() - seen.page.process_start - 100) < 30


@pytest.mark.parametrize(
    "time", [1.79e9, 1.79e12, "2026-09-21T14:13:20Z", "2026-09-21T14:13:20", "1790000000"]
)
async def test_a_start_that_is_told_is_taken(time: object) -> None:
    said = json.dumps({**MEWAYZ, "started": time}).encode()
    seen = await look(says(answer(said)), process_start={"time": "$.started"})

    assert seen.page is not None
    assert seen.page.process_start == 1.79e9


async def test_a_start_that_is_not_there_is_advice_and_fails_nothing() -> None:
    said = answer(b'{"performance": {"requests": 1}}')
    seen = await look(
        says(said), {"requests_total": METRICS["requests_total"]}, process_start=UPTIME
    )

    assert seen.outcome is Outcome.PASSED
    assert seen.page is not None
    assert seen.page.process_start is None
    assert seen.warning == "process_start: $.system.uptime is not in the answer"


async def test_the_start_is_that_of_the_process_run_after_run() -> None:
    said = [
        answer(json.dumps({**MEWAYZ, "system": {"uptime": uptime}}).encode())
        for uptime in (100, 100.3, 0.5)
    ]
    async with Server(says(*said)) as server:
        one = reader(f"http://127.0.0.1:{server.port}/", process_start=UPTIME)
        starts = []
        for _ in said:
            seen = await one.run(DUE, SystemClock())
            assert seen.page is not None
            starts.append(seen.page.process_start or 0.0)

    assert starts[0] == starts[1]
    assert starts[2] > starts[1] + 90


@pytest.mark.parametrize(
    ("said", "outcome", "detail"),
    [
        (answer(b""), Outcome.FAILED, "the answer is no valid JSON"),
        (answer(b"# HELP up\nup 1\n"), Outcome.FAILED, "begins with '# HELP up"),
        (answer(b'{"a": NaN}'), Outcome.FAILED, "the answer is no valid JSON"),
        (answer(b"[" * 900), Outcome.FAILED, "the answer is no valid JSON"),
        (answer(b"{}", status="503 Nope"), Outcome.FAILED, "the target answered 503 Nope"),
        (answer(b"{}", status="429 Slow"), Outcome.UNKNOWN, "rate limiter answered 429"),
        (answer(b'"' + b"x" * 2000 + b'"'), Outcome.FAILED, "larger than page_limit, 1KiB"),
        (
            answer(gzip.compress(b" " * 10_000_000, mtime=0), headers="Content-Encoding: gzip\r\n"),
            Outcome.FAILED,
            "larger than page_limit, 1KiB",
        ),
        (
            answer(gzip.compress(b"{}", mtime=0)[:-4], headers="Content-Encoding: gzip\r\n"),
            Outcome.FAILED,
            "ends before its encoding does",
        ),
        (answer(b"{}", headers="Content-Encoding: br\r\n"), Outcome.FAILED, "encoded as 'br'"),
    ],
)  # fmt: skip
async def test_a_bad_answer_is_told_in_words(said: bytes, outcome: Outcome, detail: str) -> None:
    seen = await look(says(said), page_limit="1KiB")

    assert seen.outcome is outcome
    assert detail in seen.detail
    assert seen.page is None


async def test_a_document_nested_too_deeply_costs_that_metric_alone() -> None:
    deep = b"[" * 900 + b"1" + b"]" * 900
    seen = await look(
        says(answer(b'{"a": ' + deep + b', "b": 2}')),
        {"a": {"path": "$..x", "type": "gauge"}, "b": {"path": "$.b", "type": "gauge"}},
    )

    assert seen.page is not None
    assert values(seen.page) == {"b": 2}
    assert "nested too deeply" in seen.page.absent["a"] or "not in" in seen.page.absent["a"]


async def test_a_target_that_hangs_is_cut_off() -> None:
    seen = await look(hang, timeout=SHORT)

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.TIMEOUT)


async def test_it_signs_in_and_a_redirect_to_another_host_is_not_told_how() -> None:
    heads: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        port = writer.get_extra_info("sockname")[1]
        there = f"Location: http://localhost:{port}/\r\n"
        writer.write(answer(status="302 Found", headers=there) if len(heads) < 2 else answer(b"{}"))
        await writer.drain()
        await reader.read()

    seen = await look(talk, bearer_token="hush", headers={"X-Tenant": "a"})

    assert seen.redirects == 1
    assert b"authorization: Bearer hush" in heads[0]
    assert b"X-Tenant: a".lower() in heads[0].lower()
    assert b"hush" not in heads[1]
    assert b"tenant" not in heads[1].lower()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"metrics": {}}, "at least 1 item"),
        ({"metrics": {"a b": {"path": "$", "type": "gauge"}}}, "pattern"),
        ({"metrics": {"a": {"path": "x", "type": "gauge"}}}, "is no JSON path"),
        ({"metrics": {"a": {"path": "$.x[", "type": "gauge"}}}, "is not valid"),
        ({"metrics": {"a": {"path": "$", "type": "histogram"}}}, "counter"),
        ({"metrics": {"a": {"path": "$", "type": "gauge", "scale": 0}}}, "is no factor"),
        ({"metrics": METRICS, "process_start": {}}, "write `uptime` or `time`"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        JsonConfig.model_validate({"json": "http://x/", **settings})
