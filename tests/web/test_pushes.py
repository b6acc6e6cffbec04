"""`POST /api/v1/write` over the application: what is answered to whom."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)

from tests.web.fakes import FakeSource
from web.app import create_app
from web.pushes import NO_PUSHES, BadPushError, Kept, Pushes
from web.senders import NotKeptError, RefusedSenderError
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
        return self._end()

    async def export(
        self, body: bytes, collectors: frozenset[str], *, as_json: bool, encoding: str
    ) -> Kept:
        (to,) = collectors
        self.taken.append((f"{to} {encoding}".strip(), body, as_json))
        return self._end()

    def _end(self) -> Kept:
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


JSON = {"content-type": "application/json"}
PROTOBUF = {"content-type": "application/x-protobuf", "content-encoding": "gzip"}
PART = Kept(("queue is neither",), rejected=3)


async def test_an_export_that_is_kept_is_200_in_the_format_that_came() -> None:
    keeper = Keeper()
    async with asking(keeper) as client:
        answer = await client.post("/v1/metrics", content=b"body", headers=PROTOBUF)
        in_json = await client.post("/v1/metrics", content=b"{}", headers=JSON)

    assert keeper.taken == [("otlp gzip", b"body", False), ("otlp", b"{}", True)]
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/x-protobuf"
    assert (in_json.status_code, in_json.json()) == (200, {})


async def test_an_export_of_which_a_part_is_kept_is_200_and_says_so() -> None:
    async with asking(Keeper(PART)) as client:
        answer = await client.post("/v1/metrics", content=b"body", headers=PROTOBUF)
        in_json = await client.post("/v1/metrics", content=b"{}", headers=JSON)

    told = ExportMetricsServiceResponse.FromString(answer.content).partial_success
    assert answer.status_code == in_json.status_code == 200
    assert (told.rejected_data_points, told.error_message) == (3, "queue is neither")
    assert in_json.json() == {
        "partialSuccess": {"rejectedDataPoints": "3", "errorMessage": "queue is neither"}
    }


@pytest.mark.parametrize(
    ("ends", "status", "code"),
    [(BadPushError("it is none"), 400, 3), (NotKeptError("Full."), 503, 14)],
)
async def test_an_export_that_is_not_kept_is_a_status(
    ends: Exception, status: int, code: int
) -> None:
    async with asking(Keeper(ends)) as client:
        answer = await client.post("/v1/metrics", content=b"{}", headers=JSON)
        binary = await client.post("/v1/metrics", content=b"", headers=PROTOBUF)

    assert answer.status_code == binary.status_code == status
    said = answer.json()["message"]
    assert answer.json()["code"] == code
    assert binary.content == bytes([8, code, 18, len(said)]) + said.encode()
    assert answer.headers.get("retry-after") == ("5" if status == 503 else None)


async def test_an_export_in_another_format_or_of_a_stranger_is_refused() -> None:
    keeper = Keeper()
    async with asking(keeper) as client:
        text = await client.post(
            "/v1/metrics", content=b"x", headers={"content-type": "text/plain"}
        )
        stranger = await client.post(
            "/v1/metrics", content=b"x", headers=JSON | {"authorization": "Bearer guess"}
        )

    assert (text.status_code, stranger.status_code) == (415, 401)
    assert keeper.taken == []
