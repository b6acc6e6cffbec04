"""Orchestrators learn whether we live and are ready; a reload says every problem."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest

from tests.web.fakes import FakeSource
from web.app import create_app
from web.settings import ReloadResult, WebSettings


@asynccontextmanager
async def asking(source: FakeSource, settings: WebSettings) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(source, settings=settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_living_process_is_healthy(client: httpx.AsyncClient, method: str) -> None:
    response = await client.request(method, "/-/healthy")

    assert response.status_code == 200
    assert response.text.strip() == ("Healthy" if method == "GET" else "")


async def test_ready_without_reasons_against_it(client: httpx.AsyncClient) -> None:
    response = await client.get("/-/ready")

    assert (response.status_code, response.json()) == (200, {"ready": True, "reasons": []})


async def test_not_ready_says_why(source: FakeSource, settings: WebSettings) -> None:
    reasons = ("The database is not migrated.", "No configuration was loaded yet.")
    async with asking(source, replace(settings, ready=lambda: reasons)) as client:
        response = await client.get("/-/ready")

    assert response.status_code == 503
    assert response.json() == {"ready": False, "reasons": list(reasons)}


def reloading(result: ReloadResult, calls: list[int]) -> Callable[[], Awaitable[ReloadResult]]:
    async def reload() -> ReloadResult:
        calls.append(1)
        return result

    return reload


async def test_a_reload_happens_once_when_asked(source: FakeSource, settings: WebSettings) -> None:
    calls: list[int] = []
    settings = replace(settings, reload=reloading(ReloadResult(), calls))
    async with asking(source, settings) as client:
        response = await client.post("/-/reload")

    assert (response.status_code, response.json()) == (200, {"reloaded": True})
    assert calls == [1]


async def test_a_reload_that_fails_says_every_problem(
    source: FakeSource, settings: WebSettings
) -> None:
    problems = ("config.yaml:3:1: unknown key 'sevices'", "config.yaml:9:5: no such collector")
    settings = replace(settings, reload=reloading(ReloadResult(problems), []))
    async with asking(source, settings) as client:
        response = await client.post("/-/reload")

    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["problems"] == list(problems)


async def test_a_link_cannot_reload(client: httpx.AsyncClient) -> None:
    assert (await client.get("/-/reload")).status_code == 405


async def test_without_a_file_there_is_nothing_to_reload(client: httpx.AsyncClient) -> None:
    response = await client.post("/-/reload")

    assert response.json()["problems"] == ["This process was started without a configuration file."]
