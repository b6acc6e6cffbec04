"""Who sees the wallboard, by which token, and that the token is written nowhere."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest

from tests.web.fakes import NOW, FakeSource
from web.access.decision import Grant, Kind, Permission, Principal, Role, may, nobody
from web.access.everybody import Everybody
from web.access.port import Access, Credentials, DeniedError
from web.app import create_app
from web.settings import WebSettings

TOKEN = "nines_on-the-wall"
LOBBY = Principal(Kind.TOKEN, "lobby", (Grant(Role.WALL),))


@dataclass(frozen=True, slots=True)
class Keeper(Everybody):
    """Knows these tokens, until they are revoked."""

    known: set[str] = field(default_factory=lambda: {TOKEN})

    async def who(self, credentials: Credentials, *, reads: bool = False) -> Principal:
        del reads
        if credentials.bearer is None:
            return nobody(None)
        if credentials.bearer not in self.known:
            raise DeniedError("This token is not known, or no longer valid.")
        return LOBBY


@asynccontextmanager
async def asking(
    access: Access, url: str = "http://127.0.0.1:9919"
) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(
        FakeSource(), settings=WebSettings(now=lambda: NOW, external_url=url), access=access
    )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9919") as client:
        yield client


async def test_a_link_with_a_token_opens_it_and_leaves_the_address_at_once() -> None:
    async with asking(Keeper()) as client:
        first = await client.get(f"/wall?view=slos&token={TOKEN}&cycle=30")
        there = await client.get(first.headers["location"])
        tiles = await client.get("/wall/tiles?view=services")

    assert (first.status_code, first.headers["location"]) == (303, "/wall?view=slos&cycle=30")
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert TOKEN not in first.text
    assert there.status_code == tiles.status_code == 200
    assert TOKEN not in there.text
    assert there.headers["cache-control"] == "no-store"


async def test_over_tls_the_cookie_is_of_this_host_alone() -> None:
    async with asking(Keeper(), "https://nines.example") as client:
        cookie = (await client.get(f"/wall?token={TOKEN}")).headers["set-cookie"]

    assert cookie.startswith("__Host-nines_session_wall=")
    assert "Secure" in cookie
    assert "Path=/" in cookie


async def test_a_wrong_or_revoked_token_is_refused_and_told_nobody() -> None:
    keeper = Keeper()
    async with asking(keeper) as client:
        wrong = await client.get("/wall?token=nines_wrong", headers={"Accept": "text/html"})
        plain = await client.get("/wall?token=nines_wrong")
        await client.get(f"/wall?token={TOKEN}")
        keeper.known.clear()
        after = await client.get("/wall")
        stream = await client.get("/api/v1/stream")

    assert wrong.headers["location"] == "/sign-in?next=/wall"
    assert plain.status_code == after.status_code == stream.status_code == 401
    assert "wrong" not in plain.text + str(plain.headers)


async def test_the_token_is_good_for_the_wall_alone() -> None:
    async with asking(Keeper()) as client:
        await client.get(f"/wall?token={TOKEN}")
        by_cookie = [
            (await client.get(path)).status_code for path in ("/api/v1/slos", "/slos", "/-/ready")
        ]
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        by_header = await client.get("/api/v1/slos", headers=bearer)
        elsewhere = await client.get(f"/slos?token={TOKEN}")
        changed = await client.post("/api/v1/silences", json={})

    assert by_cookie[:2] == [401, 401]
    assert by_header.status_code == 403
    assert elsewhere.status_code == changed.status_code == 401


def test_a_wall_may_watch_and_nothing_else() -> None:
    allowed = [one for one in Permission if may(LOBBY, one, None)]

    assert allowed == [Permission.OPEN, Permission.WATCH]
    with pytest.raises(ValueError, match="a wall reads everything"):
        Grant(Role.WALL, frozenset({"web-team"}))


async def test_what_makes_no_sense_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.get("/wall?view=owner:nobody")).status_code == 404
    assert (await client.get("/wall?cycle=soon")).status_code == 400
    assert (await client.get(f"/wall?view={','.join(['slos'] * 21)}")).status_code == 400
    fast = await client.get("/wall?view=slos,services&cycle=1&theme=dark")
    assert 'data-cycle="5"' in fast.text
    assert 'data-theme="dark"' in fast.text
