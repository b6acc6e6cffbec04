"""Over real sockets: bodies that trickle, bodies that are too large, and more clients than there is
room for. Nothing of it is half done, and whoever asks properly meanwhile is answered.
"""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.web.fakes import NOW, FakeSource
from web import safety
from web import serve as serving
from web.app import create_app
from web.settings import WebSettings

SOON = 20
SILENCE = "/api/v1/silences"


@pytest.fixture
async def port(source: FakeSource) -> AsyncIterator[int]:
    settings = WebSettings(now=lambda: NOW)
    found: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    app = create_app(source, settings=settings)
    task = asyncio.ensure_future(
        serving.serve(app, "127.0.0.1", 0, settings.stop, lambda _, port: found.set_result(port))
    )
    yield await found
    settings.stop.set()
    await task


def head(length: int, *more: str) -> bytes:
    lines = (
        f"POST {SILENCE} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {length}",
        *more,
    )
    return "\r\n".join([*lines, "", ""]).encode()


async def answered(port: int) -> int:
    """What somebody who asks properly gets."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        return (await client.get("/-/healthy")).status_code


async def test_a_body_that_trickles_is_let_go_and_nothing_is_done(
    port: int, source: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(safety, "_BODY_WITHIN_SECONDS", 0.3)
    body = b'{"matchers": ["service=shop"], "duration": "1h", "reason": "r", "author": "eve"}'
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head(len(body)))

    async def trickle() -> None:
        for letter in body[:-1]:  # each is in time, all of them are not
            writer.write(bytes([letter]))
            await asyncio.sleep(0.05)

    trickling = asyncio.ensure_future(trickle())
    async with asyncio.timeout(SOON):
        line = await reader.readline()
    trickling.cancel()
    writer.close()

    assert line == b"HTTP/1.1 408 Request Timeout\r\n"
    assert source.silences() == []
    assert await answered(port) == 200


@pytest.mark.parametrize("way", ["said before", "in pieces"])
async def test_a_body_that_is_too_large_is_refused_whole_though_its_beginning_is_right(
    port: int, source: FakeSource, way: str
) -> None:
    body = b'{"matchers": ["service=shop"], "duration": "1h", "reason": "r", "author": "eve"}'
    body += b" " * (safety.MOST_BODY_BYTES + 1 - len(body))

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 8_192):
            yield body[start : start + 8_192]

    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        answer = await client.post(
            SILENCE,
            content=body if way == "said before" else pieces(),
            headers={"Content-Type": "application/json"},
        )

    assert answer.status_code == 413
    assert answer.headers["connection"] == "close"
    assert answer.json()["detail"] == "A body of more than 64 KiB is not read."
    assert source.silences() == []


async def test_a_length_that_lies_is_no_way_around_the_bound(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head(10, "Transfer-Encoding: chunked") + b"ffffff\r\n" + b"x" * 70_000)
    async with asyncio.timeout(SOON):
        line = await reader.readline()
    writer.close()

    assert line.split()[1] in (b"400", b"413")


async def test_more_clients_than_there_is_room_for_are_told_and_the_others_go_on(
    source: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "_MOST_CONNECTIONS", 4)
    settings = WebSettings(now=lambda: NOW)
    found: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    app = create_app(source, settings=settings)
    task = asyncio.ensure_future(
        serving.serve(app, "127.0.0.1", 0, settings.stop, lambda _, port: found.set_result(port))
    )
    port = await found
    idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4)]
    try:
        assert await answered(port) == 503
        for _, writer in idle:
            writer.close()
            await writer.wait_closed()
        tries = [await answered(port) for _ in range(50)]
        assert 200 in tries
    finally:
        settings.stop.set()
        await task
