"""What nobody needs to sign in for waits for storage no longer than other pages do."""

import asyncio
import html

import httpx
import pytest

from tests.web.fake_board import PAGE, YoungSource
from tests.web.fakes import NOW
from web.access import guard
from web.access.everybody import Everybody
from web.access.table import OF_MACHINES, reads
from web.app import create_app
from web.settings import WebSettings

BROWSER = {"accept": "text/html"}


async def never(*_: object, **__: object) -> None:
    await asyncio.Event().wait()


class SlowBoard:
    """A status page whose facts do not come."""

    def page(self) -> object:
        return PAGE

    def incidents(self) -> tuple[()]:
        return ()

    facts = never


async def ask(source: YoungSource, path: str) -> httpx.Response:
    board: object = SlowBoard()
    app = create_app(
        source,
        settings=WebSettings(now=lambda: NOW),
        board=board,  # type: ignore[arg-type] # as much of it as is asked
    )
    transport = httpx.ASGITransport(app)
    async with (
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9919") as client,
        asyncio.timeout(20),
    ):
        return await client.get(path, headers=BROWSER)


@pytest.mark.parametrize(
    "path", ["/status", "/status/feed.atom", "/api/v2/summary.json", "/status/components/buy"]
)
async def test_the_status_page_says_that_storage_is_slow(
    monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(guard, "READ_WITHIN_SECONDS", 0.05)

    answer = await ask(YoungSource(), path)

    assert answer.status_code == 503
    assert "No answer within 0.05 s" in html.unescape(answer.text)


@pytest.mark.parametrize("path", ["/sign-in", "/badge/shop/checkout.svg"])
async def test_other_open_routes_do_too(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(guard, "READ_WITHIN_SECONDS", 0.05)
    monkeypatch.setattr(Everybody, "who", never)
    source = YoungSource()

    async def no_roll() -> None:  # a dependency's arguments are read from the request
        await never()

    monkeypatch.setattr(source, "roll", no_roll)

    answer = await ask(source, path)

    assert answer.status_code == 503
    assert "No answer within 0.05 s" in html.unescape(answer.text)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/status", True),
        ("HEAD", "/sign-in", True),
        ("GET", "/slos", True),
        ("GET", "/callbacks/mail/{token}", True),
        ("GET", "/sign-in/oidc/callback", False),
        ("GET", "/api/v1/heartbeats/{service}/{collector}", False),
        ("HEAD", "/api/v1/heartbeats/{service}/{collector}/{what}", False),
        ("GET", "/metrics", False),
        ("POST", "/theme", False),
    ],
)
def test_only_what_changes_nothing_is_given_up(method: str, path: str, expected: bool) -> None:
    assert reads(method, path) is expected


@pytest.mark.parametrize(
    "path",
    [
        "/metrics", "/-/healthy", "/-/ready", "/probe", "/api/v2/alerts", "/api/v1/write",
        "/api/v1/events", "/v1/metrics", "/static/abc/css/nines.css",
        "/api/v1/heartbeats/jobs/backup",
    ],
)  # fmt: skip
def test_machines_are_not_asked_who_they_are_before_it_matters(path: str) -> None:
    assert path.startswith(OF_MACHINES)


@pytest.mark.parametrize("path", ["/", "/slos", "/api/v1/slos", "/sign-in", "/wall", "/start"])
def test_people_are(path: str) -> None:
    assert not path.startswith(OF_MACHINES)
