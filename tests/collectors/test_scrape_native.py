"""Protobuf is asked for where a histogram is wanted, and text is taken all the same."""

import gzip
from collections.abc import Collection, Mapping

import pytest

from collectors.means import Means
from collectors.observation import Cause, Observation, Outcome
from collectors.resolve import Resolver
from collectors.scrape import ACCEPT, ACCEPT_NATIVE, PrometheusConfig, Scrape
from nines.clock import SystemClock
from slo.definition import EventsSLI, HistogramSLI, sources
from slo.exposition import Sample, Series
from slo.selector import parse_selector
from slo.threshold import parse_threshold
from tests.collectors.families import CONTENT_TYPE, delimited, native_family
from tests.collectors.test_scrape import Requests
from tests.collectors.wire import DUE, TIMEOUT, Server, answer
from tests.slo.natives import histogram

LATENCY = HistogramSLI("metrics", (parse_selector("seconds"),), parse_threshold("250ms"))
SHOWN = histogram([0.1, 0.25, 0.3], 3)
PAGE = delimited(native_family("seconds", {"a": SHOWN}, created=5.0))
TEXT = b'seconds_bucket{le="0.25"} 2\nseconds_bucket{le="+Inf"} 3\n'


def wanted(*slis: EventsSLI | HistogramSLI) -> set[str]:
    return {one.metric for sli in slis for one in sources(sli)}


async def look(
    said: bytes,
    names: Collection[str],
    settings: Mapping[str, object] | None = None,
) -> tuple[Observation, Mapping[str, str]]:
    """One scrape of a server that answers so, and what it was asked."""
    requests = Requests()
    async with Server(requests.answered(said)) as server:
        url = f"http://127.0.0.1:{server.port}/metrics"
        config = PrometheusConfig.model_validate({"prometheus": url, **(settings or {})})
        scrape = Scrape(
            "shop/metrics",
            config,
            Means(TIMEOUT, TIMEOUT, Resolver(), frozenset(names)),
        )
        seen = await scrape.run(DUE, SystemClock())
    (asked,) = requests.headers
    return seen, asked


async def test_a_native_histogram_is_asked_for_and_read() -> None:
    seen, asked = await look(answer(PAGE, headers=CONTENT_TYPE), wanted(LATENCY))

    assert asked["accept"] == ACCEPT_NATIVE
    assert asked["accept"].startswith("application/vnd.google.protobuf;")
    assert seen.page is not None
    assert seen.page.natives == {Series("seconds", (("route", "a"),)): SHOWN}
    total = Series("seconds_bucket", (("le", "+Inf"), ("route", "a")))
    assert seen.page.samples[total] == Sample(3, 5.0)
    assert (seen.body_bytes, seen.warning) == (len(PAGE), None)


async def test_a_compressed_page_of_protobuf_is_read() -> None:
    headers = CONTENT_TYPE + "Content-Encoding: gzip\r\n"

    seen, _ = await look(answer(gzip.compress(PAGE), headers=headers), wanted(LATENCY))

    assert seen.outcome is Outcome.PASSED


async def test_a_target_that_answers_text_is_read_as_ever() -> None:
    headers = "Content-Type: text/plain; version=0.0.4\r\n"

    seen, _ = await look(answer(TEXT, headers=headers), wanted(LATENCY))

    assert seen.page is not None
    assert [sample.value for sample in seen.page.samples.values()] == [2, 3]


async def test_counters_alone_are_asked_for_as_text() -> None:
    buckets = EventsSLI(
        "metrics",
        total=(parse_selector('seconds_bucket{le="+Inf"}'),),
        good=(parse_selector('seconds_bucket{le="0.25"}'),),
    )
    headers = "Content-Type: text/plain; version=0.0.4\r\n"

    _, asked = await look(answer(TEXT, headers=headers), wanted(buckets))

    assert asked["accept"] == ACCEPT


async def test_a_header_of_ones_own_decides() -> None:
    headers = "Content-Type: text/plain; version=0.0.4\r\n"
    settings = {"headers": {"Accept": "text/plain"}}

    _, asked = await look(answer(TEXT, headers=headers), wanted(LATENCY), settings)

    assert asked["accept"] == "text/plain"


@pytest.mark.parametrize(
    "kind",
    [
        "application/vnd.google.protobuf",
        "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=text",
        "application/vnd.google.protobuf; proto=other.Family; encoding=delimited",
    ],
)
async def test_other_protobuf_is_refused_in_words(kind: str) -> None:
    seen, _ = await look(answer(PAGE, headers=f"Content-Type: {kind}\r\n"), wanted(LATENCY))

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.BODY)
    assert "only delimited metric families are read" in seen.detail


async def test_a_page_beyond_its_limit_is_refused() -> None:
    page = delimited(*[native_family("seconds", {str(n): SHOWN}) for n in range(99)])

    seen, _ = await look(
        answer(page, headers=CONTENT_TYPE), wanted(LATENCY), {"page_limit": "1KiB"}
    )

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.BODY)
    assert "larger than the limit of 1024 bytes" in seen.detail


async def test_a_page_that_was_cut_off_contributes_nothing() -> None:
    seen, _ = await look(answer(PAGE[:-3], headers=CONTENT_TYPE), wanted(LATENCY))

    assert seen.page is None
    assert "it was cut off" in seen.detail
