"""Queries of real servers, good ones and others."""

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import ValidationError

from collectors.means import Means
from collectors.observation import Observation, Outcome
from collectors.promql import Promql, PromqlConfig, Stretch
from collectors.resolve import Resolver
from nines.clock import SystemClock
from slo.exposition import Sample, Series
from tests.collectors.wire import DUE, TIMEOUT, Server, Talk, answer

QUERIES = {
    "requests_total": {"query": "sum by (code) (http_requests_total)", "type": "counter"},
    "load": {"query": "avg(node_load1)", "type": "gauge"},
}
COUNTED: list[dict[str, Any]] = [
    {"metric": {"__name__": "http_requests_total", "code": "200", "pod": "a"}, "value": [1, "17"]},
    {"metric": {"__name__": "http_requests_total", "code": "500", "pod": "a"}, "value": [1, "2"]},
]
STEP = timedelta(seconds=10)


def success(result: object, kind: str = "vector", **beside: object) -> bytes:
    said: dict[str, object] = {
        "status": "success",
        "data": {"resultType": kind, "result": result},
        **beside,
    }
    return answer(json.dumps(said).encode(), headers="Content-Type: application/json\r\n")


class Prometheus:
    """Says an answer to each query in turn, the last again; keeps what was asked."""

    def __init__(self, *said: bytes) -> None:
        self.said = list(said)
        self.asked: list[dict[str, str]] = []
        self.heads: list[str] = []

    @property
    def talk(self) -> Talk:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            url = urlsplit(head.split(" ")[1])
            self.heads.append(head)
            asked = {name: values[0] for name, values in parse_qs(url.query).items()}
            self.asked.append({"": url.path} | asked)
            writer.write(self.said.pop(0) if len(self.said) > 1 else self.said[0])
            await writer.drain()
            await reader.read()

        return talk


def querier(url: str, queries: Mapping[str, object] = QUERIES, **settings: object) -> Promql:
    config = PromqlConfig.model_validate({"promql": url, "queries": queries, **settings})
    return Promql("shop/metrics", config, Means(STEP, TIMEOUT, Resolver()))


async def look(
    server: Prometheus, queries: Mapping[str, object] = QUERIES, **settings: object
) -> Observation:
    async with Server(server.talk) as one:
        url = f"http://127.0.0.1:{one.port}/select/0/prometheus/"
        return await querier(url, queries, **settings).run(DUE, SystemClock())


async def test_queries_are_evaluated_at_one_moment_and_become_one_page() -> None:
    moment = DUE.timestamp() - 30
    counted = [{**one, "value": [moment, one["value"][1]]} for one in COUNTED]
    server = Prometheus(success(counted), success([moment, "0.25"], "scalar"))
    seen = await look(server, lag="30s", tenant="team-a")

    assert seen.outcome is Outcome.PASSED, seen.detail
    assert seen.page is not None
    assert seen.page.samples == {
        Series("requests_total", (("code", "200"), ("pod", "a"))): Sample(17),
        Series("requests_total", (("code", "500"), ("pod", "a"))): Sample(2),
        Series("load", ()): Sample(0.25),
    }
    path = "/select/0/prometheus/api/v1/query"
    at = {"": path, "time": f"{moment:.3f}", "partial_response": "false", "nocache": "1"}
    # Each counter for itself: the sum of what they say would fall when one of them restarts.
    assert server.asked == [
        at | {"query": "http_requests_total"},
        at | {"query": "avg(node_load1)"},
    ]
    assert all("x-scope-orgid: team-a" in head.lower() for head in server.heads)


async def test_a_query_without_a_result_is_a_page_without_the_series() -> None:
    seen = await look(Prometheus(success([])))

    assert seen.outcome is Outcome.PASSED
    assert seen.page is not None
    assert (seen.page.samples, seen.page.absent) == ({}, {})


@pytest.mark.parametrize(
    "beside", [{"isPartial": True}, {"warnings": ["No StoreAPIs matched for this query"]}]
)
async def test_a_partial_answer_is_unknown_unless_it_is_accepted(beside: dict[str, Any]) -> None:
    server = Prometheus(success([], **beside))
    refused = await look(server)
    accepted = await look(server, partial="accept")

    assert refused.outcome is Outcome.UNKNOWN
    assert refused.page is None
    assert "`requests_total` was answered in part" in refused.detail
    assert accepted.outcome is Outcome.PASSED
    assert accepted.warning
    assert "partial_response" not in server.asked[-1]


async def test_notes_about_a_query_are_shown_and_refuse_nothing() -> None:
    notes: dict[str, Any] = {
        "warnings": ["PromQL warning: bucket label missing"],
        "infos": ["may be no counter"],
    }
    seen = await look(Prometheus(success([], **notes)))

    assert seen.outcome is Outcome.PASSED
    assert seen.warning == "PromQL warning: bucket label missing; may be no counter"


ERROR = {"status": "error", "errorType": "bad_data", "error": "1:5: parse error: unexpected end"}


@pytest.mark.parametrize(
    ("said", "outcome", "detail"),
    [
        (
            answer(json.dumps(ERROR).encode(), status="400 Bad Request"),
            Outcome.FAILED,
            "the query `requests_total` was refused: 1:5: parse error: unexpected end",
        ),
        (answer(b"no", status="502 Bad Gateway"), Outcome.FAILED, "answered 502 to the query"),
        (answer(b"slow down", status="429 Too Many"), Outcome.UNKNOWN, "answered 429"),
        (answer(b"<html>"), Outcome.FAILED, "is not one of Prometheus's API"),
        (answer(b'{"status": "success"}'), Outcome.FAILED, "is not one of Prometheus's API"),
        (success(None), Outcome.FAILED, "is not one of Prometheus's API"),
        (success([{"metric": {}, "value": [1]}]), Outcome.FAILED, "is not one of Prometheus's"),
        (success([{"metric": {}, "value": [1, "x"]}]), Outcome.FAILED, "is not one of Prome"),
        (success([1, "a"], "string"), Outcome.FAILED, "gives a string, not numbers"),
        (
            success(COUNTED[:1] * 2),
            Outcome.FAILED,
            'gives requests_total{code="200", pod="a"} twice',
        ),
        (success(COUNTED[:1] * 10_001), Outcome.FAILED, "gives more than 10,000 series"),
    ],
)
async def test_a_bad_answer_is_told_in_words(said: bytes, outcome: Outcome, detail: str) -> None:
    seen = await look(Prometheus(said))

    assert seen.outcome is outcome
    assert detail in seen.detail
    assert seen.page is None


@pytest.mark.parametrize("status", ["400 Bad Request", "422 Unprocessable Entity"])
async def test_a_query_that_is_refused_takes_nothing_from_the_others(status: str) -> None:
    no = answer(json.dumps(ERROR).encode(), status=status)
    for said in ((no, success([])), (success([]), no)):
        seen = await look(Prometheus(*said))

        assert seen.outcome is Outcome.PASSED
        assert seen.page is not None
        (name,) = seen.page.absent
        assert seen.page.absent[name] == seen.warning
        assert f"the query `{name}` was refused: 1:5: parse error" in str(seen.warning)


async def test_of_the_past_all_is_read_or_nothing() -> None:
    no = answer(json.dumps(ERROR).encode(), status="422 Unprocessable Entity")
    server = Prometheus(success([], "matrix"), no)
    async with Server(server.talk) as one:
        prober = querier(f"http://127.0.0.1:{one.port}/")
        seen, pages = await prober.history(Stretch(DUE - 2 * STEP, DUE, STEP), SystemClock())

    assert (seen.outcome, pages) == (Outcome.FAILED, {})


async def test_a_histogram_is_absent_with_what_to_ask_for() -> None:
    seen = await look(Prometheus(success([{"metric": {}, "histogram": [1, {"count": "1"}]}])))

    assert seen.page is not None
    said = "requests_total is a histogram: ask for histogram_count or histogram_fraction"
    assert seen.page.absent["requests_total"] == said


async def test_history_is_the_pages_of_its_moments() -> None:
    first = DUE.timestamp()
    matrix = [
        {"metric": {"code": "200"}, "values": [[first, "1"], [first + 20, "3"]]},
        {"metric": {"code": "500"}, "values": [[first + 20, "1"]]},
    ]
    server = Prometheus(success(matrix, "matrix"))
    async with Server(server.talk) as one:
        queries = {"requests_total": QUERIES["requests_total"]}
        collector = querier(f"http://127.0.0.1:{one.port}", queries)
        seen, pages = await collector.history(Stretch(DUE, DUE + 2 * STEP, STEP), SystemClock())

    assert seen.outcome is Outcome.PASSED
    ok, bad = (Series("requests_total", (("code", code),)) for code in ("200", "500"))
    assert {at: dict(page.samples) for at, page in pages.items()} == {
        DUE: {ok: Sample(1)},
        DUE + 2 * STEP: {ok: Sample(3), bad: Sample(1)},
    }
    assert server.asked == [
        {
            "": "/api/v1/query_range",
            "query": "http_requests_total",
            "start": f"{first:.3f}",
            "end": f"{first + 20:.3f}",
            "step": "10",
            "partial_response": "false",
            "nocache": "1",
        }
    ]


@pytest.mark.parametrize(
    "query",
    ["rate(x[5m])", "sum(rate(x[5m]))", "x + y", "max by (a) (x)", "sum(x) + sum(y)", "sum(x", "1"],
)
def test_a_counter_whose_restarts_cannot_be_seen_is_refused(query: str) -> None:
    queries = {"x_total": {"query": query, "type": "counter"}}
    with pytest.raises(ValidationError, match="a counter's query is a selector, or the sum of one"):
        PromqlConfig.model_validate({"promql": "http://x/", "queries": queries})


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ('x{a="b"}', 'x{a="b"}'),
        ("sum(x)", "x"),
        ('sum by (a, b) (x{c=~"(d|e)"})', 'x{c=~"(d|e)"}'),
        ("sum without(a)(x)", "x"),
        ("sum(x) by (a)", "x"),
    ],
)
def test_the_sum_of_counters_is_asked_for_counter_by_counter(query: str, asked: str) -> None:
    queries = {"x_total": {"query": query, "type": "counter"}}
    config = PromqlConfig.model_validate({"promql": "http://x/", "queries": queries})

    assert config.queries["x_total"].asked == asked
