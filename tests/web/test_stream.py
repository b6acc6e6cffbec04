"""An open page hears which ids changed, over a real connection, until it or we go."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import httpx
import orjson
import pytest

from dashboards.source import Change
from tests.web.fakes import FakeChanges, FakeSource
from web import stream
from web.app import create_app
from web.serve import serve
from web.settings import WebSettings

SOON = 10  # seconds; only a failure takes so long


class Listener:
    """A browser's side of the stream: events as the standard tells them apart."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def block(self) -> dict[str, str]:
        """The fields of the next block; a comment's field has no name."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(SOON):
            async for line in self._lines:
                if not line:
                    return fields
                name, _, value = line.partition(":")
                fields[name] = value.removeprefix(" ")
        raise EOFError

    async def end(self) -> None:
        """Wait until the server ends the answer."""
        async with asyncio.timeout(SOON):
            async for _ in self._lines:
                pass


@asynccontextmanager
async def served(source: FakeSource, settings: WebSettings) -> AsyncIterator[str]:
    """The application on a free port; stopped at the end."""
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    app = create_app(source, settings=settings)
    serving = asyncio.ensure_future(
        serve(app, "127.0.0.1", 0, settings.stop, lambda _, port: started.set_result(port))
    )
    try:
        yield f"http://127.0.0.1:{await started}"
    finally:
        settings.stop.set()
        async with asyncio.timeout(SOON):
            await serving


@asynccontextmanager
async def listening(
    base: str, source: FakeSource, headers: dict[str, str] | None = None
) -> AsyncIterator[tuple[Listener, FakeChanges]]:
    """An open stream that has said its first word, and where its changes come from."""
    async with (
        httpx.AsyncClient(base_url=base) as client,
        client.stream("GET", "/api/v1/stream", headers=headers) as response,
    ):
        listener = Listener(response)
        if response.status_code == 200:
            assert "retry" in await listener.block()
        yield listener, source.subscriptions[-1]


@pytest.fixture
async def base(source: FakeSource, settings: WebSettings) -> AsyncIterator[str]:
    async with served(source, settings) as address:
        yield address


async def test_a_change_arrives_with_its_ids_and_its_number(base: str, source: FakeSource) -> None:
    async with listening(base, source) as (listener, changes):
        changes.publish(Change(7, frozenset({"shop/b", "shop/a"}), frozenset({"INC0001"})))
        event = await listener.block()

    assert (event["event"], event["id"]) == ("changed", "7")
    assert orjson.loads(event["data"]) == {
        "sequence": 7,
        "slos": ["shop/a", "shop/b"],
        "incidents": ["INC0001"],
    }


async def test_too_much_missed_is_a_resync(base: str, source: FakeSource) -> None:
    async with listening(base, source) as (listener, changes):
        changes.publish(Change(8, frozenset({"shop/a"}), frozenset(), resync=True))
        event = await listener.block()

    assert event == {"id": "8", "event": "resync", "data": '{"sequence":8}'}


async def test_whoever_comes_back_is_told_to_fetch_again(base: str, source: FakeSource) -> None:
    async with listening(base, source, {"Last-Event-ID": "41"}) as (listener, changes):
        first = await listener.block()
        changes.publish(Change(50, frozenset({"shop/a"}), frozenset()))
        second = await listener.block()

    assert first["event"] == "resync"
    assert (second["event"], second["id"]) == ("changed", "50")


async def test_one_message_follows_the_other_after_a_pause_in_which_changes_gather(
    base: str, source: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "SPACING", timedelta(milliseconds=100))
    clock = asyncio.get_running_loop().time
    async with listening(base, source) as (listener, changes):
        began = clock()
        for number in (1, 2, 3):
            changes.publish(Change(number, frozenset({"shop/a"}), frozenset()))
        for _ in range(3):
            await listener.block()

    assert clock() - began >= 0.2


async def test_silence_is_broken_by_a_heartbeat(
    base: str, source: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT", timedelta(milliseconds=5))
    async with listening(base, source) as (listener, _):
        assert await listener.block() == {"": "still here"}
        assert await listener.block() == {"": "still here"}


async def test_proxies_are_asked_not_to_hold_events_back(base: str, source: FakeSource) -> None:
    async with listening(base, source) as (listener, _):
        headers = listener.response.headers

    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["x-accel-buffering"] == "no"
    assert headers["cache-control"] == "no-store"


async def test_a_client_that_goes_is_forgotten(base: str, source: FakeSource) -> None:
    async with listening(base, source) as (_, changes):
        assert not changes.gone.is_set()

    async with asyncio.timeout(SOON):
        await changes.gone.wait()


async def test_the_stream_ends_when_the_source_does(base: str, source: FakeSource) -> None:
    async with listening(base, source) as (listener, changes):
        changes.end()
        await listener.end()

    assert changes.gone.is_set()


async def test_stopping_ends_every_open_stream(source: FakeSource, settings: WebSettings) -> None:
    async with (
        served(source, settings) as base,
        listening(base, source) as (first, one),
        listening(base, source) as (second, other),
    ):
        settings.stop.set()
        await first.end()
        await second.end()

    assert one.gone.is_set()
    assert other.gone.is_set()


async def test_there_is_a_limit_to_streams(
    base: str, source: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MOST_STREAMS", 1)
    async with listening(base, source), httpx.AsyncClient(base_url=base) as client:
        response = await client.get("/api/v1/stream")

    assert response.status_code == 503
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["retry-after"] == "30"


async def test_a_stopping_process_opens_no_stream(
    source: FakeSource, settings: WebSettings
) -> None:
    settings = replace(settings, stop=asyncio.Event())
    settings.stop.set()
    transport = httpx.ASGITransport(create_app(source, settings=settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        response = await client.get("/api/v1/stream")

    assert response.status_code == 503
    assert source.subscriptions == []
