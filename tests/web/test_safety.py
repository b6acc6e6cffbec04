"""Other sites, other hosts and oversized bodies stay out; every answer bears the policy."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.web.fakes import NOW, FakeSource
from web import safety
from web.app import create_app
from web.safety import host_name, is_loopback
from web.settings import WebSettings

ACKNOWLEDGE = "/api/v1/incidents/INC0001/acknowledge"
SITES_REFUSED = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:9919"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:9918"},
    {"Origin": "https://127.0.0.1:9919"},
    {"Origin": "http://127.0.0.1:9919.evil.example"},
]
SITES_SERVED = [
    {},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "http://127.0.0.1:9919"},
    {"Origin": "https://slo.example"},
]


def asking(source: FakeSource, settings: WebSettings) -> httpx.AsyncClient:
    app = create_app(source, settings=settings)
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False),
        base_url="http://127.0.0.1:9919",
    )


@pytest.fixture
async def external(source: FakeSource) -> AsyncIterator[httpx.AsyncClient]:
    """Listening on loopback behind a proxy that is known as slo.example."""
    settings = WebSettings(external_url="https://slo.example", now=lambda: NOW)
    async with asking(source, settings) as client:
        yield client


@pytest.mark.parametrize(
    "path", ["/api/v1/slos", "/api/v1/nothing", "/-/healthy", "/metrics", "/api/v1/openapi.json"]
)
async def test_every_answer_bears_the_policy(client: httpx.AsyncClient, path: str) -> None:
    headers = (await client.get(path)).headers

    assert headers["content-security-policy"] == (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"


async def test_a_failure_of_ours_bears_the_policy_too(
    source: FakeSource, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "collectors", None)
    response = await client.get("/api/v1/collectors")

    assert response.status_code == 500
    assert "content-security-policy" in response.headers


@pytest.mark.parametrize("headers", SITES_REFUSED, ids=str)
async def test_another_site_changes_nothing(
    external: httpx.AsyncClient, source: FakeSource, headers: dict[str, str]
) -> None:
    response = await external.post(ACKNOWLEDGE, json={"by": "Eve"}, headers=headers)

    assert response.status_code == 403
    assert response.headers["content-type"] == "application/problem+json"
    assert source.details["INC0001"].incident.acknowledged_by is None


@pytest.mark.parametrize("headers", SITES_SERVED, ids=str)
async def test_our_own_pages_and_programs_are_served(
    external: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    response = await external.post(ACKNOWLEDGE, json={"by": "Ada"}, headers=headers)

    assert response.status_code == 200


async def test_reading_is_open_to_links_from_anywhere(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v1/slos", headers={"Sec-Fetch-Site": "cross-site"})

    assert response.status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:9919", 200),
        ("127.8.8.8", 200),
        ("localhost:9919", 200),
        ("LOCALHOST", 200),
        ("nines.localhost:1", 200),
        ("[::1]:9919", 200),
        ("slo.example", 200),
        ("slo.example.:443", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("192.168.1.7:9919", 421),
        ("localhost.evil.example", 421),
        ("[::1", 421),
        ("", 421),
    ],
)
async def test_on_loopback_only_our_own_names_are_answered(
    external: httpx.AsyncClient, host: str, status: int
) -> None:
    response = await external.get("/api/v1/health", headers={"Host": host})

    assert response.status_code == status


async def test_listening_to_all_any_name_is_answered(source: FakeSource) -> None:
    settings = WebSettings(listen="0.0.0.0", now=lambda: NOW)
    async with asking(source, settings) as client:
        response = await client.get("/api/v1/health", headers={"Host": "slo.intranet"})

    assert response.status_code == 200


@pytest.mark.parametrize("listen", ["127.0.0.1", "localhost", "::1", "[::1]", "127.3.2.1"])
def test_these_are_loopback(listen: str) -> None:
    assert is_loopback(listen)


@pytest.mark.parametrize("listen", ["0.0.0.0", "::", "", "10.0.0.1", "slo.example", "localhost.x"])
def test_these_are_not(listen: str) -> None:
    assert not is_loopback(listen)


def test_a_host_header_loses_its_port_and_its_case() -> None:
    assert host_name("SLO.example.:443") == "slo.example"


async def test_a_large_body_is_refused_before_it_is_read(client: httpx.AsyncClient) -> None:
    response = await client.post(ACKNOWLEDGE, content=b" " * (64 * 1024 + 1))

    assert response.status_code == 413
    assert response.headers["content-type"] == "application/problem+json"


async def test_a_large_body_of_unknown_length_is_refused_too(client: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield b" " * 8_192

    response = await client.post(ACKNOWLEDGE, content=endless())

    assert response.status_code == 413
    assert sent < 20


async def test_a_body_up_to_the_limit_is_read(client: httpx.AsyncClient) -> None:
    body = b'{"by": "Ada"}'.ljust(64 * 1024)
    response = await client.post(
        ACKNOWLEDGE, content=body, headers={"Content-Type": "application/json"}
    )

    assert response.status_code == 200


async def test_a_body_in_pieces_arrives_whole(client: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b'{"by": ', b'"Ada"', b"}"):
            yield piece

    response = await client.post(
        ACKNOWLEDGE, content=pieces(), headers={"Content-Type": "application/json"}
    )

    assert response.json()["acknowledged_by"] == "Ada"


async def test_a_body_that_does_not_arrive_is_not_waited_for(
    settings: WebSettings, source: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(safety, "_BODY_WITHIN_SECONDS", 0.01)

    async def nothing() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    async with asking(source, settings) as client:
        response = await client.post(ACKNOWLEDGE, content=nothing())

    assert response.status_code == 408
