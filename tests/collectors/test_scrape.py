"""Scrape real servers, good ones and others."""

import asyncio
import gzip
import socket
import ssl
import threading
import tracemalloc
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
import trustme

from collectors.exposition import PageReader
from collectors.exposition_line import PageError
from collectors.means import Means
from collectors.observation import Cause, Observation, Outcome, Phase
from collectors.resolve import Address, Resolver
from collectors.scrape import ACCEPT, PrometheusConfig, Scrape, _Body
from nines.clock import SystemClock
from slo.exposition import Sample, Series
from tests.collectors.wire import DUE, SHORT, TIMEOUT, Server, Talk, answer, ends, hang, says

PAGE = b'http_requests_total{code="200"} 17\nother 1\nprocess_start_time_seconds 1.5e9\n'
TEXT = "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
OPENMETRICS = "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"
GZIP = TEXT + "Content-Encoding: gzip\r\n"


def scraper(
    url: str,
    *,
    timeout: timedelta = TIMEOUT,
    resolver: Resolver | None = None,
    settings: Mapping[str, object] | None = None,
) -> Scrape:
    """A scrape as the configuration would make it."""
    return Scrape(
        "shop/metrics",
        PrometheusConfig.model_validate({"prometheus": url, **(settings or {})}),
        Means(
            timedelta(seconds=10),
            timeout,
            resolver or Resolver(),
            frozenset({"http_requests_total"}),
        ),
    )


async def look(talk: Talk, *, timeout: timedelta = TIMEOUT) -> Observation:
    """One scrape of a server that talks so."""
    async with Server(talk) as server:
        url = f"http://127.0.0.1:{server.port}/metrics"
        scrape = scraper(url, timeout=timeout, settings={"page_limit": "1MiB"})
        return await scrape.run(DUE, SystemClock())


class Requests:
    """What a server was asked: one mapping of headers a request, its first line under ``""``."""

    def __init__(self) -> None:
        self.headers: list[dict[str, str]] = []

    def answered(self, said: bytes) -> Talk:
        """Talk so, and keep what was asked."""

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            pairs = (line.partition(": ") for line in lines if line)
            self.headers.append({"": first} | {name.lower(): value for name, _, value in pairs})
            writer.write(said)
            await writer.drain()
            await reader.read()

        return talk


async def test_a_good_page_is_observed_with_its_wanted_samples() -> None:
    seen = await look(says(answer(PAGE, headers=TEXT)))

    assert seen.outcome is Outcome.PASSED
    assert seen.page is not None
    assert seen.page.samples == {Series("http_requests_total", (("code", "200"),)): Sample(17)}
    assert seen.page.process_start == 1.5e9
    assert (seen.http_status, seen.body_bytes, seen.warning) == (200, len(PAGE), None)
    assert (seen.collector_id, seen.due) == ("shop/metrics", DUE)


async def test_an_openmetrics_page_is_read_as_such() -> None:
    page = b"http_requests_total 17\nhttp_requests_created 5.0\n# EOF\n"
    seen = await look(says(answer(page, headers=OPENMETRICS)))

    assert seen.page is not None
    assert list(seen.page.samples.values()) == [Sample(17, created=5.0)]


async def test_a_compressed_page_is_read() -> None:
    seen = await look(says(answer(gzip.compress(PAGE), headers=GZIP)))

    assert seen.outcome is Outcome.PASSED
    assert seen.body_bytes == len(PAGE)


async def test_a_compressed_page_of_several_members_is_read() -> None:
    body = gzip.compress(PAGE[:20]) + gzip.compress(PAGE[20:])
    seen = await look(says(answer(body, headers=GZIP)))

    assert seen.outcome is Outcome.PASSED


async def test_a_large_page_is_read_in_many_pieces() -> None:
    lines = [f'http_requests_total{{path="/{n}"}} {n}' for n in range(20_000)]
    page = "\n".join([*lines, ""]).encode()
    for body, headers in ((page, TEXT), (gzip.compress(page), GZIP)):
        seen = await look(says(answer(body, headers=headers)))

        assert seen.page is not None
        assert len(seen.page.samples) == 20_000


@pytest.mark.parametrize("headers", ["", "Content-Type: text/html\r\n"], ids=["none", "html"])
async def test_a_page_without_a_content_type_of_metrics_is_read_with_a_warning(
    headers: str,
) -> None:
    seen = await look(says(answer(PAGE, headers=headers)))

    assert seen.outcome is Outcome.PASSED
    assert "content type" in (seen.warning or "")


async def test_what_a_strict_reader_would_say_of_a_page_is_told_and_stays_told() -> None:
    page = b"# TYPE http_requests_total wibble\n" + PAGE
    async with Server(says(answer(page, headers=TEXT))) as server:
        scrape = scraper(f"http://127.0.0.1:{server.port}/metrics")
        seen = [await scrape.run(DUE, SystemClock()) for _ in range(2)]

    assert [one.outcome for one in seen] == [Outcome.PASSED] * 2
    assert all("wibble" in (one.warning or "") for one in seen)
    assert seen[0].warning == seen[1].warning


async def test_the_request_is_prometheus_request() -> None:
    requests = Requests()
    async with Server(requests.answered(answer(PAGE, headers=TEXT))) as server:
        url = f"http://127.0.0.1:{server.port}/metrics?module=a"
        await scraper(url, timeout=timedelta(seconds=4.5)).run(DUE, SystemClock())

    (asked,) = requests.headers
    assert asked[""] == "GET /metrics?module=a HTTP/1.1"
    assert asked["accept"] == ACCEPT
    assert asked["accept-encoding"] == "gzip"
    assert asked["x-prometheus-scrape-timeout-seconds"] == "4.5"


async def test_what_is_configured_is_sent() -> None:
    requests = Requests()
    settings = {"bearer_token": "sesame", "headers": {"Accept": "text/plain", "X-Scope": "a"}}
    async with Server(requests.answered(answer(PAGE, headers=TEXT))) as server:
        scrape = scraper(f"http://127.0.0.1:{server.port}/", settings=settings)
        await scrape.run(DUE, SystemClock())

    (asked,) = requests.headers
    assert asked["authorization"] == "Bearer sesame"
    assert asked["accept"] == "text/plain"
    assert asked["x-scope"] == "a"


async def test_credentials_do_not_follow_to_another_host() -> None:
    requests = Requests()
    settings = {"bearer_token": "sesame", "headers": {"X-Api-Key": "open"}}
    async with Server(requests.answered(answer(PAGE, headers=TEXT))) as other:
        there = f"Location: http://localhost:{other.port}/\r\n"
        async with Server(says(answer(status="302 Found", headers=there))) as server:
            scrape = scraper(f"http://127.0.0.1:{server.port}/", settings=settings)
            seen = await scrape.run(DUE, SystemClock())

    (asked,) = requests.headers
    assert (seen.outcome, seen.redirects) == (Outcome.PASSED, 1)
    assert not {"authorization", "x-api-key"} & asked.keys()


async def test_credentials_do_not_follow_to_another_port() -> None:
    requests = Requests()
    settings = {"bearer_token": "sesame", "headers": {"X-Scope": "a", "Host": "shop.example"}}
    async with Server(requests.answered(answer(PAGE, headers=TEXT))) as other:
        host = f"127.0.0.1:{other.port}"
        there = f"Location: http://{host}/\r\n"
        async with Server(says(answer(status="302 Found", headers=there))) as server:
            scrape = scraper(f"http://127.0.0.1:{server.port}/", settings=settings)
            await scrape.run(DUE, SystemClock())

    (asked,) = requests.headers
    assert "authorization" not in asked
    assert asked["x-scope"] == "a"
    assert asked["host"] == host


async def test_a_chunked_page_is_read_and_half_a_one_refused() -> None:
    size = f"{len(PAGE):x}\r\n".encode()
    head = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{TEXT}\r\n".encode()
    whole = await look(ends(head + size + PAGE + b"\r\n0\r\n\r\n"))
    half = await look(ends(head + size + PAGE + b"\r\n"))

    assert whole.outcome is Outcome.PASSED
    assert (half.outcome, half.cause, half.phase) == (
        Outcome.FAILED, Cause.PROTOCOL, Phase.TRANSFER,
    )  # fmt: skip


async def test_a_known_page_is_read_selectively_and_after_a_bad_one_whole() -> None:
    foreign = b"other 1\n" * 1000 + b"other{ broken\n" + b"other 1\n"
    pages = [PAGE, PAGE + foreign, PAGE + b"http_requests_total x\n", PAGE + foreign, PAGE]
    async with Server(says(*(answer(page, headers=TEXT) for page in pages))) as server:
        scrape = scraper(f"http://127.0.0.1:{server.port}/")
        seen = [await scrape.run(DUE, SystemClock()) for _ in pages]

    assert [one.outcome for one in seen] == [
        Outcome.PASSED, Outcome.PASSED, Outcome.FAILED, Outcome.FAILED, Outcome.PASSED,
    ]  # fmt: skip
    assert "line 1004: " in seen[3].detail


async def test_a_circle_of_redirects_ends() -> None:
    seen = await look(says(answer(status="302 Found", headers="Location: /\r\n")))

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.PROTOCOL)
    assert "redirects more than 5 times" in seen.detail


@pytest.mark.parametrize(
    ("said", "cause", "words"),
    [
        pytest.param(answer(status="503 Down"), Cause.STATUS, "503 Down", id="status"),
        pytest.param(answer(status="204 No Content"), Cause.STATUS, "204", id="only 200 is good"),
        pytest.param(
            answer(b"a 1\nb{ 2\n", headers=TEXT), Cause.BODY, "line 2: ", id="broken line"
        ),
        pytest.param(
            answer(b"<!DOCTYPE html>\n", headers="Content-Type: text/html\r\n"),
            Cause.BODY, "no Prometheus page", id="a web page",
        ),
        pytest.param(
            answer(b"http_requests_total 1\n", headers=OPENMETRICS), Cause.BODY, "# EOF",
            id="no EOF",
        ),
        pytest.param(
            answer(gzip.compress(PAGE)[:-9], headers=GZIP), Cause.BODY, "cut off",
            id="half a gzip",
        ),
        pytest.param(answer(PAGE, headers=GZIP), Cause.BODY, "not encoded", id="no gzip"),
        pytest.param(
            answer(PAGE, headers=TEXT + "Content-Encoding: br\r\n"), Cause.BODY, "'br'",
            id="unknown encoding",
        ),
        pytest.param(
            answer(gzip.compress(b"a" * 50_000_000), headers=GZIP), Cause.BODY,
            "larger than the limit", id="gzip bomb",
        ),
        pytest.param(b"hello\r\n\r\n", Cause.PROTOCOL, "not proper HTTP", id="no HTTP"),
    ],
)  # fmt: skip
async def test_a_bad_answer_is_the_targets_failure(said: bytes, cause: Cause, words: str) -> None:
    seen = await look(says(said))

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, cause)
    assert words in seen.detail
    assert seen.page is None


def test_a_gzip_bomb_is_never_unpacked_whole() -> None:
    bomb = gzip.compress(b"other 1\n" * 8_000_000)
    body = _Body("gzip", PageReader({"a"}, openmetrics=False, limit_bytes=1 << 20))
    tracemalloc.start()
    with pytest.raises(PageError, match="larger than the limit"):
        body.feed([bomb])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 4 << 20


async def test_a_page_shorter_than_its_length_is_the_targets_failure() -> None:
    whole = answer(PAGE, headers=TEXT)
    seen = await look(ends(whole[:-10]))

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.PROTOCOL)
    assert seen.phase is Phase.TRANSFER


async def test_a_limiter_of_the_targets_own_is_unknown_with_a_warning() -> None:
    seen = await look(says(answer(status="429 Too Many Requests")))

    assert seen.outcome is Outcome.UNKNOWN
    assert "429" in (seen.warning or "")


async def test_a_target_that_says_nothing_is_ended_by_the_timeout() -> None:
    seen = await look(hang, timeout=SHORT)

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.TIMEOUT)
    assert seen.phase is Phase.PROCESSING


async def test_a_page_that_never_ends_is_ended_by_the_timeout() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\n{TEXT}\r\n".encode())
        while True:
            writer.write(b"other 1\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    seen = await look(drip, timeout=SHORT)

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.TIMEOUT)
    assert seen.phase is Phase.TRANSFER


async def test_a_closed_port_is_the_targets_failure() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        seen = await scraper(f"http://127.0.0.1:{port}/").run(DUE, SystemClock())

    assert (seen.outcome, seen.cause, seen.phase) == (
        Outcome.FAILED, Cause.CONNECT, Phase.CONNECT,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("code", "outcome", "cause"),
    [
        (socket.EAI_NONAME, Outcome.FAILED, Cause.DNS),
        (socket.EAI_AGAIN, Outcome.UNKNOWN, None),
    ],
    ids=["no such name", "our resolver is down"],
)
async def test_a_name_that_does_not_resolve(
    code: int, outcome: Outcome, cause: Cause | None
) -> None:
    def lookup(host: str, port: int) -> Sequence[Address]:
        raise socket.gaierror(code, f"{host}:{port} is a mystery")

    scrape = scraper("http://shop.example/metrics", resolver=Resolver(lookup))
    seen = await scrape.run(DUE, SystemClock())

    assert (seen.outcome, seen.cause) == (outcome, cause)


async def test_tls_is_checked_against_the_configured_authority(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))

    async with Server(says(answer(PAGE, headers=TEXT)), context) as server:
        url = f"https://127.0.0.1:{server.port}/"
        trusted = await scraper(url, settings={"tls": {"ca_file": str(ca_file)}}).run(
            DUE, SystemClock()
        )
        unknown = await scraper(url).run(DUE, SystemClock())

    assert trusted.outcome is Outcome.PASSED
    assert trusted.tls_version == "TLSv1.3"
    assert (unknown.outcome, unknown.cause) == (Outcome.FAILED, Cause.CERTIFICATE)
    assert "unknown authority" in unknown.detail


async def test_a_run_that_is_cancelled_leaves_at_once() -> None:
    async with Server(hang) as server:
        scrape = scraper(f"http://127.0.0.1:{server.port}/")
        run = asyncio.create_task(scrape.run(DUE, SystemClock()))
        await asyncio.sleep(0.05)
        run.cancel()

        with pytest.raises(asyncio.CancelledError):
            await run


async def test_pages_are_never_parsed_on_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[int] = set()
    feed = PageReader.feed

    def noting(reader: PageReader, chunk: bytes) -> None:
        threads.add(threading.get_ident())
        feed(reader, chunk)

    monkeypatch.setattr(PageReader, "feed", noting)
    await look(says(answer(PAGE * 5000, headers=TEXT)))

    assert threads
    assert threading.get_ident() not in threads
