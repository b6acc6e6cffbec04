"""Every route says what it needs, and lets in nobody else: each route by each role."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import httpx
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from tests.web.fakes import NOW, FakeSource
from web.access.decision import Grant, Kind, Permission, Principal, Role, may_somewhere, nobody
from web.access.everybody import Everybody
from web.access.guard import GuardedRoute
from web.access.port import Credentials
from web.access.table import PERMISSIONS, Key
from web.alertmanager.port import NO_ALERTMANAGER
from web.app import _all_guarded, create_app
from web.settings import WebSettings

WEB_TEAM = frozenset({"web-team"})
ASKERS: dict[str, Principal] = {
    "nobody": nobody(None),
    "anybody": nobody(Role.VIEWER),
    **{role: Principal(Kind.USER, role, (Grant(role),)) for role in Role},
    "responder of one owner": Principal(Kind.USER, "ann", (Grant(Role.RESPONDER, WEB_TEAM),)),
    "admin's token": Principal(Kind.TOKEN, "ci", (Grant(Role.ADMIN),)),
}


@dataclass(frozen=True, slots=True)
class Being(Everybody):
    """Whoever asks is somebody."""

    principal: Principal

    async def who(self, credentials: Credentials, *, reads: bool = False) -> Principal:
        del credentials, reads
        return self.principal

    def machines(self, permission: Permission, *, local: bool) -> bool:
        del permission, local
        return False


class OpenKeeper:
    """Takes alerts, and has no token of its own."""

    def admit(self, authorization: str | None) -> bool:
        del authorization
        return False

    def __getattr__(self, name: str) -> object:
        return getattr(NO_ALERTMANAGER, name)


@cache
def app_for(asker: str) -> FastAPI:
    stop = asyncio.Event()
    stop.set()  # so that no stream goes on
    settings = WebSettings(now=lambda: NOW, stop=stop)
    keeper: object = OpenKeeper()
    return create_app(
        FakeSource(),
        settings=settings,
        access=Being(ASKERS[asker]),
        alertmanager=keeper,  # type: ignore[arg-type] # the rest is NO_ALERTMANAGER's
    )


def routes() -> Iterator[Key]:
    """Each method and path that the application answers."""
    for route in app_for("nobody").routes:
        assert isinstance(route, GuardedRoute)
        for method in (route.methods or set()) - {"HEAD"}:
            yield method, route.path


SIGN_INS = ("/sign-in", "/sign-in/oidc/callback")
ROUTES = sorted(routes())
CELLS = [(asker, *route) for route in ROUTES for asker in ASKERS]


async def ask(asker: str, method: str, path: str) -> httpx.Response:
    transport = httpx.ASGITransport(app_for(asker), raise_app_exceptions=False)
    for name in ("digest", "service", "collector", "slo:path", "slo", "name:path", "name"):
        path = path.replace(f"{{{name}}}", "none")
    for name in (
        "incident_id",
        "planned_id",
        "exclusion_id",
        "deployment_id",
        "override_id",
        "annotation_id",
        "component",
        "token_id",
        "token",
        "receiver",
        "what",
    ):
        path = path.replace(f"{{{name}}}", "none")
    path = path.replace("{period}", "2026-11-20")
    path = path.replace("{silence_id}", "00000000-0000-0000-0000-000000000000")
    assert "{" not in path, f"fill in {path}"
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9919") as client:
        return await client.request(method, path, headers={"Sec-Fetch-Site": "same-origin"})


def test_every_route_says_what_it_needs() -> None:
    assert [route for route in ROUTES if route not in PERMISSIONS] == []


def test_the_table_names_no_route_that_is_gone() -> None:
    assert sorted(PERMISSIONS.keys() - set(ROUTES)) == []


@pytest.mark.parametrize(("asker", "method", "path"), CELLS)
async def test_whoever_may_is_let_in_and_nobody_else(asker: str, method: str, path: str) -> None:
    response = await ask(asker, method, path)
    allowed = may_somewhere(ASKERS[asker], PERMISSIONS[method, path])

    refused = response.status_code in (401, 403)
    # An empty sign-in is refused for another reason.
    assert refused is (not allowed) or path in SIGN_INS, response.text
    if refused and path not in SIGN_INS:
        known = ASKERS[asker].is_named
        assert response.status_code == (403 if known else 401)
        assert ("www-authenticate" in response.headers) is (not known)


async def test_what_is_refused_to_everybody_but_the_right_ones_is_said_in_the_answer() -> None:
    response = await ask("viewer", "POST", "/api/v1/silences")

    assert response.json()["detail"] == "viewer (viewer) may not silence: that takes a responder."
    assert response.headers["content-type"] == "application/problem+json"


async def test_a_browser_that_may_not_read_is_led_to_the_form_and_back() -> None:
    transport = httpx.ASGITransport(app_for("nobody"))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9919") as client:
        response = await client.get("/slos?q=a%26b", headers={"Accept": "text/html"})

    assert response.status_code == 303
    assert response.headers["location"] == "/sign-in?next=/slos%3Fq%3Da%2526b"


@pytest.mark.parametrize("path", ["/sign-in", "/nothing/here", "/theme"])
async def test_whoever_may_not_read_learns_nothing_from_the_frame(path: str) -> None:
    transport = httpx.ASGITransport(app_for("nobody"))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9919") as client:
        text = (await client.get(path, headers={"Accept": "text/html"})).text

    assert "<h1>" in text
    assert "0.1.0" not in text
    assert "/fast" not in text.split("icons", 1)[1][:8]  # the icon would say how it stands
    assert "Nines itself is not well" not in text
    assert 'href="/slos' not in text.split("<main")[0]


def test_a_router_that_lets_everybody_in_is_refused_at_the_start() -> None:
    router = APIRouter()
    router.add_api_route("/new", lambda: None, methods=["GET"])
    assert isinstance(router.routes[0], APIRoute)

    with pytest.raises(TypeError, match="route_class=GuardedRoute"):
        _all_guarded(router)
