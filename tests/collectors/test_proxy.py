"""Through a proxy: what ails it is our own failure, and its credentials are for it alone."""

import asyncio
import contextlib
import ssl
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme

from collectors.http import HttpConfig
from collectors.observation import Cause, Observation, Outcome
from tests.collectors.wire import SHORT, TIMEOUT, Server, Talk, answer, ends, hang, http, look, says

SIGNED_IN = {"username": "nines", "password": "hush-proxy"}
BASIC = b"Proxy-Authorization: Basic bmluZXM6aHVzaC1wcm94eQ=="


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()


async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """What a small proxy does: tunnels, requests in clear, and who may not."""
    head = await reader.readuntil(b"\r\n\r\n")
    method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
    if BASIC not in head:
        writer.write(answer(b"", "407 Proxy Authentication Required"))
        return
    where = urlsplit(f"//{target}" if method == "CONNECT" else target)
    try:
        far_reader, far_writer = await asyncio.open_connection(where.hostname, where.port)
    except OSError:
        writer.write(answer(b"", "502 Bad Gateway"))
        return
    if method == "CONNECT":
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    else:
        lines = [line for line in head.split(b"\r\n") if not line.startswith(b"Proxy-")]
        start = f"{method} {where.path} HTTP/1.1".encode()
        far_writer.write(b"\r\n".join([start, *lines[1:]]))
    try:
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
    finally:
        far_writer.transport.abort()


async def through(
    talk: Talk,
    url: str,
    auth: dict[str, str] | None = SIGNED_IN,
    timeout: timedelta = TIMEOUT,
    expect: object = None,
    tls: object = None,
) -> Observation:
    async with Server(talk) as proxy:
        options = {"url": f"http://127.0.0.1:{proxy.port}", "basic_auth": auth}
        settings = {"expect": expect or {}, "tls": tls or {}}
        return await look(http(url, proxy=options, timeout=timeout, resolver=None, **settings))


async def test_a_target_in_clear_is_asked_through_it_and_never_told_who_we_are_to_it() -> None:
    asked: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer(b"fine"))
        await reader.read()

    async with Server(listen) as server:
        url = f"http://127.0.0.1:{server.port}/health"
        seen = await through(forward, url, expect={"body": "fine"})

    assert (seen.outcome, seen.detail) == (Outcome.PASSED, "")
    assert asked[0].startswith(b"GET /health HTTP/1.1\r\n")
    assert b"hush" not in asked[0]
    assert b"bmluZXM6" not in asked[0]


async def test_a_target_over_tls_is_asked_through_a_tunnel(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    async with Server(says(answer(b"fine")), context) as server:
        seen = await through(
            forward,
            f"https://127.0.0.1:{server.port}/",
            tls={"ca_file": str(tmp_path / "ca.pem")},
            expect={"body": "fine", "certificate_days": 1},
        )

    assert (seen.outcome, seen.detail) == (Outcome.PASSED, "")


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_does_not_take_us_is_our_own_failure(scheme: str) -> None:
    seen = await through(forward, f"{scheme}://127.0.0.1:9/", auth=None)

    assert (seen.outcome, seen.cause) == (Outcome.UNKNOWN, None)
    assert "it does not take our credentials: it answered 407" in seen.detail


async def test_a_target_that_the_proxy_cannot_reach_is_down() -> None:
    seen = await through(forward, "https://127.0.0.1:9/")

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.CONNECT)
    assert seen.detail == "our proxy cannot reach the target: it answered 502"


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(ends(b""), id="breaks off"),
        pytest.param(ends(b"SSH-2.0\r\n\r\n"), id="another protocol"),
        pytest.param(says(answer(b"", "503 Service Unavailable")), id="503"),
        pytest.param(ends(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 60_000), id="endless head"),
    ],
)
async def test_a_proxy_that_makes_no_tunnel_is_our_own_failure(talk: Talk) -> None:
    seen = await through(talk, "https://127.0.0.1:9/")

    assert (seen.outcome, seen.cause) == (Outcome.UNKNOWN, None)
    assert seen.detail.startswith("our own proxy failed: it")


async def test_a_proxy_that_hangs_is_our_own_failure() -> None:
    seen = await through(hang, "https://127.0.0.1:9/", timeout=SHORT)

    assert (seen.outcome, seen.detail) == (
        Outcome.UNKNOWN,
        "our own proxy failed: it does not answer to CONNECT",
    )


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_is_away_is_our_own_failure(scheme: str) -> None:
    seen = await look(http(f"{scheme}://127.0.0.1:9/", proxy={"url": "http://127.0.0.1:9"}))

    assert (seen.outcome, seen.cause) == (Outcome.UNKNOWN, None)
    assert seen.detail.startswith("our own proxy failed: it cannot be reached: connection refused")


def test_no_way_of_printing_a_proxy_tells_its_password() -> None:
    proxy = {"url": "http://proxy.example:3128", "basic_auth": SIGNED_IN}
    config = HttpConfig.model_validate({"http": "https://shop.example/", "proxy": proxy})

    for shown in (repr(config), str(config), config.model_dump_json()):
        assert "hush" not in shown


def test_a_proxy_is_spoken_to_in_clear() -> None:
    with pytest.raises(ValueError, match="begins with http://"):
        HttpConfig.model_validate({"http": "http://x/", "proxy": {"url": "https://proxy/"}})
