"""Pings over the application: what is answered to whom."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest

from collectors.job import Ping, PingKind
from tests.web.fakes import FakeSource
from web.app import create_app
from web.heartbeats import NO_HEARTBEATS, Heartbeats, TooOftenError
from web.senders import NotKeptError, RefusedSenderError
from web.settings import WebSettings

PATH = "/api/v1/heartbeats/shop/backup"


@dataclass
class Keeper:
    """Keeps what it is given, or does what `ends` says."""

    ends: Exception | None = None
    pings: list[Ping] = field(default_factory=list)

    def admit(self, collector: str, authorization: str | None) -> None:
        assert collector == "shop/backup"
        if authorization != "Bearer me":
            raise RefusedSenderError(401, "Not you.")
        if isinstance(self.ends, TooOftenError):
            raise self.ends

    async def ping(self, collector: str, ping: Ping) -> bool:
        del collector
        if self.ends is not None:
            raise self.ends
        self.pings.append(ping)
        return True


@asynccontextmanager
async def asking(keeper: Heartbeats, token: str = "me") -> AsyncIterator[httpx.AsyncClient]:  # noqa: S107
    app = create_app(FakeSource(), settings=WebSettings(), heartbeats=keeper)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport,
        base_url="http://127.0.0.1:9919",
        headers={"authorization": f"Bearer {token}"},
    ) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "kind", "code"),
    [
        ("", PingKind.SUCCESS, None),
        ("/success", PingKind.SUCCESS, None),
        ("/start", PingKind.START, None),
        ("/fail", PingKind.FAIL, None),
        ("/0", PingKind.SUCCESS, 0),
        ("/255", PingKind.FAIL, 255),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_a_ping_says(method: str, path: str, kind: PingKind, code: int | None) -> None:
    keeper = Keeper()
    async with asking(keeper) as client:
        answer = await client.request(method, f"{PATH}{path}?rid=r1")

    assert answer.json() == {"heartbeat": "shop/backup", "ping": str(kind), "repeated": False}
    (ping,) = keeper.pings
    assert (ping.kind, ping.exit_code, ping.run_id) == (kind, code, "r1")


@pytest.mark.parametrize("what", ["256", "-1", "done", "1e2", "\u00b2"])
async def test_what_is_no_ping_is_said(what: str) -> None:
    async with asking(Keeper()) as client:
        answer = await client.post(f"{PATH}/{what}")

    assert answer.status_code == 400
    assert answer.json()["places"][0]["place"] == "path"


@pytest.mark.parametrize("run_id", ["", "x" * 101, "a%00b", "a%0Ab"])
async def test_a_run_id_is_short_and_printable(run_id: str) -> None:
    async with asking(Keeper()) as client:
        answer = await client.post(f"{PATH}?rid={run_id}")

    assert answer.status_code == 400
    assert answer.json()["places"][0]["place"] == "query.rid"


async def test_of_a_body_the_first_bytes_are_kept_whatever_they_are() -> None:
    keeper = Keeper()
    async with asking(keeper) as client:
        assert (await client.post(PATH, content=b"\x00\xff" + b"x" * 20_000)).status_code == 200

    assert keeper.pings[0].body == "\ufffd\ufffd" + "x" * 9_998


@pytest.mark.parametrize(
    ("ends", "status", "header"),
    [
        (TooOftenError(), 429, ("retry-after", "1")),
        (NotKeptError("The disk is full."), 503, ("retry-after", "5")),
    ],
)
async def test_what_is_to_be_sent_again(
    ends: Exception, status: int, header: tuple[str, str]
) -> None:
    async with asking(Keeper(ends)) as client:
        answer = await client.post(PATH)

    assert (answer.status_code, answer.headers[header[0]]) == (status, header[1])
    assert answer.headers["content-type"] == "application/problem+json"


async def test_who_may_not_ping() -> None:
    async with asking(Keeper(), "you") as client:
        answer = await client.post(PATH)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    async with asking(NO_HEARTBEATS) as client:
        assert (await client.post(PATH)).status_code == 404
