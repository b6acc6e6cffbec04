"""A probe's verdict on what an HTTP server does, on real sockets."""

import asyncio
import gzip
import json
import os
import resource
import socket
import struct
import threading
import tracemalloc
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from collectors.observation import Cause, Observation, Outcome, Phase
from collectors.resolve import Address, Resolver
from nines.clock import SystemClock
from tests.collectors.wire import DUE, SHORT, Server, answer, ends, hang, http, keeps, look, says

MEWAYZ_HEALTH = {
    "status": "OK",
    "uptime": 12.5,
    "redis": "connected",
    "database": "disconnected",
    "metrics": {"requests": 1200, "errors": 3},
}


@pytest.fixture(autouse=True, params=["short way", "httpx"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each fact holds on either way to an answer."""
    if request.param == "httpx":
        monkeypatch.setattr("collectors.http._is_plain", lambda _: False)


def verdict(seen: Observation) -> tuple[Outcome, Cause | None, Phase | None]:
    return seen.outcome, seen.cause, seen.phase


def failed(cause: Cause, phase: Phase) -> tuple[Outcome, Cause, Phase]:
    return Outcome.FAILED, cause, phase


async def judged(said: bytes, headers: str = "", /, **expect: object) -> Observation:
    async with Server(says(answer(said, headers=headers))) as server:
        return await look(http(f"http://127.0.0.1:{server.port}/", expect=expect))


async def test_a_good_answer_passes_and_is_described() -> None:
    async with Server(says(answer(b"fine"))) as server:
        seen = await look(http(f"http://127.0.0.1:{server.port}/health"))

    assert seen.outcome is Outcome.PASSED
    assert (seen.collector_id, seen.due) == ("shop/health", DUE)
    assert (seen.http_status, seen.http_version, seen.body_bytes) == (200, "HTTP/1.1", 4)
    assert (seen.address, seen.redirects, seen.detail) == ("127.0.0.1", 0, "")


async def test_the_phases_add_up_to_the_duration() -> None:
    async with Server(says(answer())) as server:
        seen = await look(http(f"http://127.0.0.1:{server.port}/"))

    assert set(seen.phases) == {Phase.RESOLVE, Phase.CONNECT, Phase.PROCESSING, Phase.TRANSFER}
    assert sum(seen.phases.values(), timedelta(0)) == seen.duration


async def test_the_wait_for_the_first_byte_is_processing() -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.1)
        writer.write(answer())
        await reader.read()

    async with Server(slow) as server:
        seen = await look(http(f"http://127.0.0.1:{server.port}/"))

    assert seen.phases[Phase.PROCESSING] >= timedelta(seconds=0.1)


async def test_every_run_makes_its_own_connection_and_hangs_up() -> None:
    async with Server(says(answer())) as server:
        probe = http(f"http://127.0.0.1:{server.port}/")
        for _ in range(3):
            await look(probe)
        await server.all_hung_up()

        assert server.connections == 3


@pytest.mark.parametrize(
    ("status", "expected"), [("204 No Content", [200, 204]), ("302 Found", "3xx"), ("200 OK", 200)]
)
async def test_an_expected_status_passes(status: str, expected: object) -> None:
    async with Server(says(answer(b"", status))) as server:
        url = f"http://127.0.0.1:{server.port}/"
        seen = await look(http(url, expect={"status": expected}, follow_redirects=False))

    assert seen.outcome is Outcome.PASSED


async def test_an_unexpected_status_fails_and_both_are_said() -> None:
    async with Server(says(answer(b"", "503 Service Unavailable"))) as server:
        seen = await look(http(f"http://127.0.0.1:{server.port}/"))

    assert verdict(seen) == failed(Cause.STATUS, Phase.JUDGE)
    assert seen.detail == "the status is 503; expected 2xx"


async def test_a_rate_limiter_says_nothing_about_the_service() -> None:
    limited = answer(b"", "429 Too Many Requests", "Retry-After: 30\r\n")
    async with Server(says(limited)) as server:
        seen = await look(http(f"http://127.0.0.1:{server.port}/"))

    assert (seen.outcome, seen.cause) == (Outcome.UNKNOWN, None)
    assert seen.warning is not None
    assert "come back after 30" in seen.warning


async def test_a_429_that_is_expected_passes() -> None:
    async with Server(says(answer(b"", "429 Too Many Requests"))) as server:
        seen = await look(http(f"http://127.0.0.1:{server.port}/", expect={"status": 429}))

    assert seen.outcome is Outcome.PASSED


async def test_a_200_with_a_dead_database_in_its_body_fails() -> None:
    body = json.dumps(MEWAYZ_HEALTH).encode()
    seen = await judged(body, json={"$.database": "connected", "$.redis": "connected"})

    assert verdict(seen) == failed(Cause.ASSERTION, Phase.JUDGE)
    assert seen.detail == '$.database is "disconnected"; expected "connected"'


async def test_a_slow_answer_fails_its_latency_and_both_are_said() -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.05)
        writer.write(answer())
        await reader.read()

    async with Server(slow) as server:
        seen = await look(http(f"http://127.0.0.1:{server.port}/", expect={"latency": "20ms"}))

    assert verdict(seen) == failed(Cause.LATENCY, Phase.JUDGE)
    assert "expected at most 20ms" in seen.detail


async def test_a_refused_connection_fails_in_connect() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        seen = await look(http(f"http://127.0.0.1:{port}/"))

    assert verdict(seen) == failed(Cause.CONNECT, Phase.CONNECT)
    assert seen.detail == f"the connection was refused: nothing listens on 127.0.0.1:{port}"


async def test_a_target_that_never_accepts_times_out_in_connect() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        crowd = [socket.socket() for _ in range(4)]
        for one in crowd:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        seen = await look(http(f"http://127.0.0.1:{full.getsockname()[1]}/", timeout=SHORT))
        for one in crowd:
            one.close()

    assert verdict(seen) == failed(Cause.TIMEOUT, Phase.CONNECT)


async def test_a_target_that_never_answers_times_out_in_processing() -> None:
    async with Server(hang) as server:
        seen = await look(http(f"http://127.0.0.1:{server.port}/", timeout=SHORT))
        await server.all_hung_up()

    assert verdict(seen) == failed(Cause.TIMEOUT, Phase.PROCESSING)
    assert seen.duration >= SHORT / 2  # but for what was prepared before the connection


async def test_a_target_that_never_shakes_hands_times_out_in_tls() -> None:
    async with Server(hang) as server:
        seen = await look(http(f"https://127.0.0.1:{server.port}/", timeout=SHORT))
        await server.all_hung_up()

    assert verdict(seen) == failed(Cause.TIMEOUT, Phase.TLS)


async def test_a_body_that_stops_times_out_in_transfer() -> None:
    async with Server(says(answer(b"x" * 10)[:-1])) as server:
        seen = await look(http(f"http://127.0.0.1:{server.port}/", timeout=SHORT))

    assert verdict(seen) == failed(Cause.TIMEOUT, Phase.TRANSFER)


async def test_a_body_that_trickles_does_not_outlive_the_timeout() -> None:
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with Server(trickle) as server:
        seen = await look(http(f"http://127.0.0.1:{server.port}/", timeout=SHORT))

    assert verdict(seen) == failed(Cause.TIMEOUT, Phase.TRANSFER)


async def test_an_endless_body_is_left_at_its_limit() -> None:
    sent = 0

    async def gush(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {1 << 30}\r\n\r\n".encode())
        while sent < 1 << 30:
            writer.write(b"x" * 65536)
            await writer.drain()
            sent += 65536

    async with Server(gush) as server:
        seen = await look(http(f"http://127.0.0.1:{server.port}/", body_limit="100KiB"))
        await server.all_hung_up()

    assert (seen.outcome, seen.body_bytes) == (Outcome.PASSED, 100 * 1024)
    assert sent < 1 << 26


async def test_a_gzip_bomb_costs_no_more_than_the_limit() -> None:
    bomb = gzip.compress(bytes(64 << 20))
    async with Server(says(answer(bomb, headers="Content-Encoding: gzip\r\n"))) as server:
        probe = http(f"http://127.0.0.1:{server.port}/", body_limit="256KiB")
        tracemalloc.start()
        seen = await look(probe)
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

    assert (seen.outcome, seen.body_bytes) == (Outcome.PASSED, 256 * 1024)
    assert peak_bytes < 8 << 20


async def test_a_gzipped_body_is_judged_as_what_it_says() -> None:
    seen = await judged(gzip.compress(b"all good"), "Content-Encoding: gzip\r\n", body="all good")

    assert seen.outcome is Outcome.PASSED


@pytest.mark.parametrize(
    ("body", "encoding", "said"),
    [
        pytest.param(b"no gzip", "gzip", "not encoded as its header says", id="a lie"),
        pytest.param(gzip.compress(b"all good")[:-9], "gzip", "ends before", id="cut off"),
        pytest.param(b"all good", "br", "only gzip was accepted", id="never accepted"),
    ],
)
async def test_a_wrong_encoding_fails_the_body(body: bytes, encoding: str, said: str) -> None:
    seen = await judged(body, f"Content-Encoding: {encoding}\r\n", body="all good")

    assert verdict(seen) == failed(Cause.BODY, Phase.JUDGE)
    assert said in seen.detail


@pytest.mark.parametrize(
    ("size", "said"),
    [
        pytest.param({"at_least": "1KiB"}, "has 8 bytes; expected at least 1KiB", id="too small"),
        pytest.param({"at_most": "7B"}, "has 8 bytes; expected at most 7B", id="too large"),
        pytest.param({"at_least": "8B", "at_most": "8B"}, "", id="as expected"),
    ],
)
async def test_a_body_is_as_large_as_expected_once_decoded(size: object, said: str) -> None:
    body = gzip.compress(b"all good")
    seen = await judged(body, "Content-Encoding: gzip\r\n", size=size)

    assert (seen.cause is Cause.BODY) is bool(said)
    assert said in seen.detail


@pytest.mark.parametrize(
    ("encoding", "expected", "said"),
    [
        pytest.param("", "gzip", "the body is not compressed; expected gzip", id="missing"),
        pytest.param("gzip", "gzip", "", id="there"),
        pytest.param("gzip", "none", "is encoded as 'gzip'; expected no compr", id="unwanted"),
        pytest.param("", "none", "", id="plain"),
    ],
)
async def test_a_body_is_compressed_as_expected(encoding: str, expected: str, said: str) -> None:
    body = gzip.compress(b"all good") if encoding else b"all good"
    headers = f"Content-Encoding: {encoding}\r\n" if encoding else ""
    seen = await judged(body, headers, compression=expected)

    assert (seen.cause is Cause.ASSERTION) is bool(said)
    assert said in seen.detail


async def test_a_redirect_is_followed_and_its_phases_are_summed() -> None:
    moved = answer(b"", "302 Found", "Location: /there\r\n")
    async with Server(says(moved, answer(b"here"))) as server:
        seen = await look(http(f"http://127.0.0.1:{server.port}/", expect={"body": "here"}))

        assert (seen.outcome, seen.redirects, server.connections) == (Outcome.PASSED, 1, 2)
    assert sum(seen.phases.values(), timedelta(0)) == seen.duration


async def test_a_redirect_in_circles_is_a_protocol_failure() -> None:
    circle = answer(b"", "302 Found", "Location: /\r\n")
    async with Server(says(circle)) as server:
        seen = await look(http(f"http://127.0.0.1:{server.port}/"))

        assert server.connections == 11
    assert (seen.outcome, seen.cause, seen.redirects) == (Outcome.FAILED, Cause.PROTOCOL, 11)
    assert "redirects more than 10 times" in seen.detail


async def test_the_endless_body_of_a_redirect_is_not_read() -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 1000000000\r\n\r\n"
    async with Server(says(moved, answer(b"here"))) as server:
        seen = await look(http(f"http://127.0.0.1:{server.port}/", expect={"body": "here"}))

    assert seen.outcome is Outcome.PASSED


async def test_a_redirect_to_another_host_does_not_get_our_secrets() -> None:
    asked: list[bytes] = []
    async with Server(keeps(asked, answer())) as elsewhere:
        moved = answer(b"", "302 Found", f"Location: http://localhost:{elsewhere.port}/\r\n")
        async with Server(says(moved)) as server:
            url = f"http://127.0.0.1:{server.port}/"
            seen = await look(http(url, headers={"X-Api-Key": "hush"}, bearer_token="hush"))

    assert seen.outcome is Outcome.PASSED
    assert b"hush" not in asked[0]


@pytest.mark.parametrize("status", ["307 Temporary Redirect", "308 Permanent Redirect"])
async def test_a_redirect_to_another_host_does_not_get_our_body(status: str) -> None:
    async with Server(says(answer())) as elsewhere:
        there = f"http://localhost:{elsewhere.port}/in"
        moved = answer(b"", status, f"Location: {there}\r\n")
        async with Server(says(moved)) as server:
            url = f"http://127.0.0.1:{server.port}/"
            seen = await look(http(url, method="POST", body="password=hush"))

        assert elsewhere.connections == 0
    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.PROTOCOL)
    assert "redirects our body to another host" in seen.detail
    assert there in seen.detail


async def test_a_redirect_within_the_host_gets_our_body() -> None:
    asked: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.append(await reader.readexactly(4))
        again = answer(b"", "307 Temporary Redirect", "Location: /there\r\n")
        writer.write(again if len(asked) == 1 else answer())
        await reader.read()

    async with Server(listen) as server:
        url = f"http://127.0.0.1:{server.port}/"
        seen = await look(http(url, method="POST", body="body"))

    assert (seen.outcome, asked) == (Outcome.PASSED, [b"body", b"body"])


async def test_a_redirect_that_asks_anew_goes_on_without_our_body() -> None:
    heads: list[bytes] = []
    async with Server(keeps(heads, answer())) as elsewhere:
        moved = answer(b"", "303 See Other", f"Location: http://localhost:{elsewhere.port}/\r\n")
        async with Server(says(moved)) as server:
            url = f"http://127.0.0.1:{server.port}/"
            seen = await look(http(url, method="POST", body="password=hush"))

    assert seen.outcome is Outcome.PASSED
    assert heads[0].startswith(b"GET / ")


async def test_cookies_live_for_one_run() -> None:
    asked: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        first = len(asked) % 2 == 1
        moved = answer(b"", "302 Found", "Location: /in\r\nSet-Cookie: sid=abc\r\n")
        writer.write(moved if first else answer())
        await reader.read()

    async with Server(listen) as server:
        probe = http(f"http://127.0.0.1:{server.port}/")
        await look(probe)
        await look(probe)

    assert [b"sid=abc" in head for head in asked] == [False, True, False, True]


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n\r\n", id="another protocol"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n", id="a length in words"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", id="half a body"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300_000, id="endless headers"),
    ],
)
async def test_what_is_no_proper_http_is_a_protocol_failure(said: bytes) -> None:
    async with Server(ends(said)) as server:
        seen = await look(http(f"http://127.0.0.1:{server.port}/"))

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.PROTOCOL)


async def test_a_reset_in_mid_body_fails_in_transfer() -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer(b"x" * 100)[:-50])
        await asyncio.sleep(0.05)
        linger = struct.pack("ii", 1, 0)  # closing then sends a reset
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)

    async with Server(reset) as server:
        seen = await look(http(f"http://127.0.0.1:{server.port}/"))

    assert verdict(seen) == failed(Cause.PROTOCOL, Phase.TRANSFER)


async def test_an_answer_given_before_the_request_was_read_counts() -> None:
    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        writer.write(answer(b"", "413 Content Too Large"))
        await writer.drain()
        await asyncio.sleep(0.2)

    async with Server(early) as server:
        url = f"http://127.0.0.1:{server.port}/"
        seen = await look(http(url, method="POST", body="x" * 1000))

    assert (seen.cause, seen.http_status) == (Cause.STATUS, 413)


async def test_a_request_says_what_was_configured() -> None:
    asked: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"body!"))
        writer.write(answer())
        await reader.read()

    async with Server(listen) as server:
        await look(
            http(
                f"http://127.0.0.1:{server.port}/x?y=z",
                method="PUT",
                body="body!",
                headers={"X-Tenant": "7"},
                basic_auth={"username": "u", "password": "p"},
            )
        )

    head = asked[0].lower()
    assert head.startswith(b"put /x?y=z http/1.1\r\n")
    for line in (b"x-tenant: 7", b"authorization: basic dtpw", b"connection: close"):
        assert line + b"\r\n" in head


async def test_a_proxy_in_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with Server(says(answer())) as server:
        seen = await look(http(f"http://127.0.0.1:{server.port}/"))

    assert seen.outcome is Outcome.PASSED


async def test_a_secret_that_the_target_echoes_is_not_shown() -> None:
    async with Server(says(answer(b"x" * 195 + b"s3cr3t-token"))) as server:
        url = f"http://127.0.0.1:{server.port}/?token=s3cr3t-token"
        probe = http(url, bearer_token="s3cr3t-token", expect={"body": "fine"})
        seen = await look(probe)

    assert seen.cause is Cause.BODY
    assert "s3cr" not in seen.detail + probe.target


async def test_an_unknown_host_fails_in_dns() -> None:
    def no_such_name(host: str, port: int) -> Sequence[Address]:
        raise socket.gaierror(socket.EAI_NONAME, f"{host}:{port} is not known")

    seen = await look(http("http://gone.example/", resolver=Resolver(no_such_name)))

    assert verdict(seen) == failed(Cause.DNS, Phase.RESOLVE)


async def test_a_resolver_that_is_away_is_our_own_failure() -> None:
    def away(host: str, port: int) -> Sequence[Address]:
        raise socket.gaierror(socket.EAI_AGAIN, f"{host}:{port}: try again")

    seen = await look(http("http://shop.example/", resolver=Resolver(away)))

    assert (seen.outcome, seen.cause) == (Outcome.UNKNOWN, None)


async def test_a_resolver_that_hangs_is_our_own_failure_and_holds_nobody_up() -> None:
    let_go = threading.Event()

    def hangs(host: str, port: int) -> Sequence[Address]:
        del host, port
        let_go.wait(30)
        return ()

    try:
        seen = await look(http("http://shop.example/", resolver=Resolver(hangs), timeout=SHORT))
    finally:
        let_go.set()

    assert (seen.outcome, seen.cause, seen.phase) == (Outcome.UNKNOWN, None, Phase.RESOLVE)


async def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    with socket.socket() as refusing:
        refusing.bind(("127.0.0.1", 0))
        async with Server(says(answer())) as server:
            ports = (refusing.getsockname()[1], server.port)

            def two(host: str, port: int) -> Sequence[Address]:
                del host, port
                return [Address(socket.AF_INET, ("127.0.0.1", port)) for port in ports]

            seen = await look(http("http://shop.example/", resolver=Resolver(two)))

    assert seen.outcome is Outcome.PASSED


async def test_a_silent_address_leaves_time_for_the_next() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        crowd = [socket.socket() for _ in range(4)]
        for one in crowd:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        async with Server(says(answer())) as server:
            ports = (full.getsockname()[1], server.port)

            def two(host: str, port: int) -> Sequence[Address]:
                del host, port
                return [Address(socket.AF_INET, ("127.0.0.1", port)) for port in ports]

            seen = await look(
                http("http://shop.example/", resolver=Resolver(two), timeout=timedelta(seconds=1))
            )
        for one in crowd:
            one.close()

    assert seen.outcome is Outcome.PASSED
    assert seen.phases[Phase.CONNECT] >= timedelta(seconds=0.4)


async def test_no_file_descriptor_left_is_our_own_failure() -> None:
    async with Server(says(answer())) as server:
        probe = http(f"http://127.0.0.1:{server.port}/")
        await look(probe)
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
        try:
            seen = await look(probe)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    assert (seen.outcome, seen.cause) == (Outcome.UNKNOWN, None)
    assert "file descriptor" in seen.detail


async def test_cancellation_passes_through_and_closes_the_connection() -> None:
    async with Server(hang) as server:
        probe = http(f"http://127.0.0.1:{server.port}/")
        run = asyncio.create_task(probe.run(DUE, SystemClock()))
        await server.connected.wait()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        await server.all_hung_up()


async def test_two_probes_at_once_do_not_disturb_one_another() -> None:
    async with Server(hang) as stuck, Server(says(answer(b"fine"))) as fine:
        seen = await asyncio.gather(
            look(http(f"http://127.0.0.1:{stuck.port}/", timeout=SHORT)),
            look(http(f"http://127.0.0.1:{fine.port}/", expect={"body": "fine"})),
        )

    assert [one.outcome for one in seen] == [Outcome.FAILED, Outcome.PASSED]
    assert seen[1].duration < SHORT


async def test_no_run_leaks_a_socket() -> None:
    def open_files() -> int:
        return len(list(Path(f"/proc/{os.getpid()}/fd").iterdir()))

    async with Server(says(answer(b"x" * 10)[:-1])) as cut, Server(says(answer())) as fine:
        await look(http(f"http://127.0.0.1:{fine.port}/"))
        await fine.all_hung_up()
        before = open_files()
        for _ in range(3):
            await look(http(f"http://127.0.0.1:{cut.port}/", timeout=timedelta(seconds=0.05)))
            await look(http(f"http://127.0.0.1:{fine.port}/"))
        await asyncio.gather(cut.all_hung_up(), fine.all_hung_up())

        assert open_files() == before
