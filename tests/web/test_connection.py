"""A client that sends too much or too slowly before it asks is let go."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import orjson
import pytest

from tests.web.fakes import FakeSource
from web import connection
from web.app import create_app
from web.serve import serve
from web.settings import WebSettings

SOON = 20  # seconds; only a failure takes so long


@pytest.fixture
async def port(source: FakeSource, settings: WebSettings) -> AsyncIterator[int]:
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    app = create_app(source, settings=settings)
    serving = asyncio.ensure_future(
        serve(app, "127.0.0.1", 0, settings.stop, lambda _, port: started.set_result(port))
    )
    yield await started
    settings.stop.set()
    async with asyncio.timeout(SOON):
        await serving


@asynccontextmanager
async def client(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(SOON):
            yield reader, writer
    finally:
        writer.close()


async def test_an_endless_header_is_cut_off(port: int) -> None:
    async with client(port) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nX-Endless: ")
        writer.write(b"x" * (connection.MOST_HEAD_BYTES + 1))

        assert await reader.readline() == b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
        told = (await reader.read()).partition(b"\r\n\r\n")[2]
        assert orjson.loads(told)["status"] == 431


async def test_endless_headers_are_cut_off(port: int) -> None:
    async with client(port) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\n")
        writer.write(b"X-Again: and again\r\n" * 4_000)

        assert b" 431 " in await reader.readline()


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nX-Slow: "], ids=repr)
async def test_whoever_does_not_ask_is_let_go(
    port: int, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEAD_WITHIN_SECONDS", 0.02)
    async with client(port) as (reader, writer):
        writer.write(sent)

        assert await reader.read() == b""


async def test_one_connection_serves_many_large_requests(port: int) -> None:
    request = (
        b"GET /-/healthy HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Large: " + b"x" * 50_000 + b"\r\n\r\n"
    )
    async with client(port) as (reader, writer):
        for _ in range(3):
            writer.write(request)
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
            await reader.readuntil(b"Healthy\n")


async def test_an_answer_may_take_longer_than_a_question(
    port: int, source: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEAD_WITHIN_SECONDS", 0.02)
    async with client(port) as (reader, writer):
        writer.write(b"GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await reader.readuntil(b": open\n\n")
        await asyncio.sleep(0.06)

        assert not source.subscriptions[0].gone.is_set()


async def test_every_answer_bears_the_date_of_its_moment(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as web:
        for at, date in (
            (784_887_151, "Tue, 15 Nov 1994 08:12:31 GMT"),  # as in RFC 9110
            (784_887_211.9, "Tue, 15 Nov 1994 08:13:31 GMT"),
        ):
            monkeypatch.setattr(connection, "clock", lambda at=at: at)
            answer = await web.get("/-/healthy")
            assert answer.headers.get_list("date") == [date]
