"""`POST /api/v1/write` over the application: what is answered to whom."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest

from tests.web.fakes import FakeSource
from web.app import create_app
from web.pushes import NO_PUSHES, BadPushError, Kept, NotKeptError, Pushes, RefusedSenderError
from web.settings import WebSettings

FIRST = {"content-type": "application/x-protobuf", "content-encoding": "snappy"}
SECOND = FIRST | {"content-type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"}


@dataclass
class Keeper:
    """Keeps what it is given, or does what `ends` says."""

    ends: Kept | Exception = field(default_factory=Kept)
    taken: list[tuple[str, bytes, bool]] = field(default_factory=list)

    def admit(self, kind: str, authorization: str | None) -> frozenset[str]:
        if authorization != "Bearer me":
            raise RefusedSenderError(401, "Not you.")
        return frozenset({kind})

    async def write(self, body: bytes, collectors: frozenset[str], *, second: bool) -> Kept:
        (to,) = collectors
        self.taken.append((to, body, second))
        if isinstance(self.ends, Exception):
            raise self.ends
        return self.ends


@asynccontextmanager
async def asking(keeper: Pushes) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(FakeSource(), settings=WebSettings(), pushes=keeper)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"authorization": "Bearer me"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1:9919", headers=headers
    ) as client:
        yield client


async def test_what_is_kept_is_204() -> None:
    keeper = Keeper()
    async with asking(keeper) as client:
        answer = await client.post("/api/v1/write", content=b"body", headers=FIRST)

    assert (answer.status_code, answer.content) == (204, b"")
    assert keeper.taken == [("remote_write", b"body", False)]


async def test_version_2_is_told_how_much_came() -> None:
    keeper = Keeper(Kept(samples=7))
    async with asking(keeper) as client:
        answer = await client.post("/api/v1/write", content=b"body", headers=SECOND)

    assert answer.status_code == 204
    assert keeper.taken == [("remote_write", b"body", True)]
    assert answer.headers["x-prometheus-remote-write-samples-written"] == "7"
    assert answer.headers["x-prometheus-remote-write-histograms-written"] == "0"


@pytest.mark.parametrize(
    ("ends", "status", "said"),
    [
        (BadPushError("the body is no snappy block"), 400, "the body is no snappy block."),
        (Kept(("2 samples are bad",)), 400, "2 samples are bad. All else of it is kept."),
        (NotKeptError("The disk is full."), 503, "The disk is full."),
    ],
)
async def test_what_is_not_kept_is_said(ends: Kept | Exception, status: int, said: str) -> None:
    async with asking(Keeper(ends)) as client:
        answer = await client.post("/api/v1/write", content=b"body", headers=FIRST)

    assert answer.status_code == status
    assert answer.json()["detail"] == said
    assert answer.headers.get("retry-after") == ("5" if status == 503 else None)


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "application/json", "content-encoding": "snappy"},
        {"content-type": "application/x-protobuf", "content-encoding": "gzip"},
        {"content-type": "application/x-protobuf"},
        FIRST | {"content-type": "application/x-protobuf;proto=io.prometheus.write.v3.Request"},
        {},
    ],
)
async def test_another_format_is_415(headers: dict[str, str]) -> None:
    keeper = Keeper()
    async with asking(keeper) as client:
        answer = await client.post("/api/v1/write", content=b"body", headers=headers)

    assert answer.status_code == 415
    assert keeper.taken == []


async def test_a_stranger_is_refused_before_anything_is_read() -> None:
    keeper = Keeper()
    async with asking(keeper) as client:
        headers = FIRST | {"authorization": "Bearer guess"}
        answer = await client.post("/api/v1/write", content=b"body", headers=headers)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert keeper.taken == []


async def test_a_body_beyond_all_is_413() -> None:
    keeper = Keeper()
    async with asking(keeper) as client:
        body = b"0" * (8 * 1024 * 1024 + 1)
        answer = await client.post("/api/v1/write", content=body, headers=FIRST)

    assert answer.status_code == 413
    assert keeper.taken == []


async def test_without_anybody_who_keeps_it_is_404() -> None:
    async with asking(NO_PUSHES) as client:
        answer = await client.post("/api/v1/write", content=b"body", headers=FIRST)

    assert answer.status_code == 404
