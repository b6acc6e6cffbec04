"""Whatever is asked, the answer is an answer or a problem; never a failure of ours."""

import asyncio
from functools import cache
from urllib.parse import quote

import httpx
from fastapi import FastAPI
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.web.fakes import LONG, MARKUP, NOW, FakeSource
from web.app import create_app
from web.settings import WebSettings

ODD = st.one_of(
    st.text(max_size=40),
    st.integers().map(str),
    st.floats().map(str),
    st.datetimes().map(str),
    st.sampled_from(
        [
            "",
            "0",
            "-0",
            "1e400",
            "١٢",  # digits, but not ours
            "now",
            "now-",
            "now-99999d",
            "now-36500d",
            "9" * 5_000,
            "0001-01-01T00:00:00+23:59",
            "9999-12-31T23:59:59-23:59",
            "2026-11-21",
            "2026-W47",
            "2026-11-21T11:00:00Z",
            "10s",
            "5m",
            "36500d",
            "remaining,burn",
            "worst",
            "burning",
            "resolved",
            "W10",
            "WyJ3b3JzdCJd",
            "WyJ3b3JzdCIsMCxudWxsLCJhIl0",
            "\x00",
            "\ud7ff",
        ]
    ),
)
NAMES = st.one_of(
    st.sampled_from(
        ["shop", "checkout", "petuniverse-api", "uploads", LONG, MARKUP, "health", "INC0001", ".."]
    ),
    st.text(min_size=1, max_size=60),
)
PARAMETERS = st.sampled_from(
    [
        "service",
        "state",
        "q",
        "sort",
        "cursor",
        "limit",
        "start",
        "end",
        "step",
        "include",
        "range",
        "x",
    ]
)
QUERIES = st.lists(st.tuples(PARAMETERS, ODD), max_size=5)
PATHS = st.one_of(
    st.sampled_from(
        [
            "/api/v1/slos",
            "/api/v1/services",
            "/api/v1/collectors",
            "/api/v1/incidents",
            "/api/v1/health",
            "/api/v1/slos/shop/checkout/points",
            "/api/v1/slos/petuniverse-api/uploads/points",
            "/metrics",
            "/-/ready",
        ]
    ),
    st.builds(
        lambda shape, one, two: shape.format(quote(one, safe=""), quote(two, safe="")),
        st.sampled_from(
            [
                "/api/v1/slos/{}/{}",
                "/api/v1/slos/{}/{}/points",
                "/api/v1/services/{}",
                "/api/v1/collectors/{}/{}",
                "/api/v1/incidents/{}",
                "/api/v1/{}/{}",
            ]
        ),
        NAMES,
        NAMES,
    ),
)
QUICK = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))


@cache
def app() -> FastAPI:
    return create_app(FakeSource(), settings=WebSettings(now=lambda: NOW))


def ask(method: str, path: str, **options: object) -> httpx.Response:
    """One request; an exception inside fails the test by itself."""

    async def asking() -> httpx.Response:
        transport = httpx.ASGITransport(app())
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.send(client.build_request(method, path, **options))  # type: ignore[arg-type] # as build_request takes them

    response = asyncio.run(asking())
    assert response.status_code < 500
    if response.status_code >= 400:
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["status"] == response.status_code
    return response


@QUICK
@given(path=PATHS, query=QUERIES)
@example(path="/api/v1/slos", query=[("cursor", "WyJ3b3JzdCIsMCxudWxsLCJhIl0")])
@example(path="/api/v1/slos/shop/checkout/points", query=[("start", "0001-01-01")])
def test_any_query(path: str, query: list[tuple[str, str]]) -> None:
    ask("GET", path, params=query)


@QUICK
@given(path=PATHS, query=st.binary(max_size=60))
def test_any_bytes_for_a_query(path: str, query: bytes) -> None:
    ask("GET", path + "?cursor=" + quote(query) + "&q=" + quote(query))


@QUICK
@given(
    path=PATHS,
    name=st.sampled_from(["Accept", "Accept-Encoding", "If-None-Match", "Host", "Cookie"]),
    value=st.binary(max_size=60).map(lambda raw: raw.translate(None, b"\r\n\0")),
)
def test_any_header(path: str, name: str, value: bytes) -> None:
    ask("GET", path, headers=[(name.encode(), value)])


@QUICK
@given(
    body=st.one_of(st.binary(max_size=200), st.text(max_size=50).map(lambda by: f'{{"by":"{by}"}}'))
)
def test_any_body(body: bytes | str) -> None:
    ask(
        "POST",
        "/api/v1/incidents/INC0001/acknowledge",
        content=body,
        headers={"Content-Type": "application/json"},
    )
