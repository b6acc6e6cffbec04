"""`/settings` and `/api/v1/settings`: what is gone by, from where, and never a secret."""

from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from dashboards.own_settings import NOTHING_TOLD, CountFacts, FileFacts, OwnSettings, ReloadFacts
from tests.web.fakes import MARKUP, NOW, FakeSource
from web.app import create_app
from web.settings import WebSettings

OWN = replace(
    NOTHING_TOLD,
    path="/etc/nines/config.yaml",
    files=(FileFacts("/etc/nines/config.yaml", "0123456789abcdef" * 4, 4321),),
    loaded_at=NOW - timedelta(hours=2),
    reload=ReloadFacts(NOW - timedelta(hours=2), ok=True, problems=()),
    advice=("/etc/nines/config.yaml:3:7: a token stands in the file",),
    counts=CountFacts(2, 11, 1, 5, 0),
    database="PostgreSQL",
    detail="35d",
    zone="Asia/Tokyo",
    why_not_saved=None,
)
WRONG = "/etc/nines/config.yaml:12:7: `objctive` is not known; did you mean `objective`?"


async def page_of(own: OwnSettings, source: FakeSource | None = None) -> str:
    return (await _ask(own, "/settings", source)).text


async def _ask(own: OwnSettings, path: str, source: FakeSource | None = None) -> httpx.Response:
    async def told() -> OwnSettings:
        return own

    app = create_app(source or FakeSource(), settings=WebSettings(now=lambda: NOW, own=told))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:9919"
    ) as client:
        return await client.get(path)


async def test_it_says_what_is_gone_by_and_from_where() -> None:
    source = FakeSource()
    source.health_ = replace(source.health_, storage_bytes=5 * 1024 * 1024)

    page = await page_of(OWN, source)

    for told in (
        "Nines goes by what the files hold.",
        "2\u00a0services, 11\u00a0SLOs, 1\u00a0threshold rule, 5\u00a0collectors and 0\u00a0rec",
        ">0123456789ab<",
        "4.2\u00a0KiB",
        "taken up, ",
        "config.yaml:3:7: a token stands in the file",
        "PostgreSQL, 5.0\u00a0MiB",
        "35d",
        "begin in Asia/Tokyo",
        "oncall",
        "htmx.org",
        ">0BSD</a>",
    ):
        assert told in page, told


async def test_a_refused_reload_is_told_in_the_words_of_the_check() -> None:
    refused = ReloadFacts(NOW - timedelta(minutes=3), ok=False, problems=(WRONG, "another"))

    page = await page_of(replace(OWN, reload=refused, is_current=False))

    assert "The last reload was refused: what was loaded before goes on." in page
    assert WRONG.replace("'", "&#39;") in page
    assert ">another</li>" in page


@pytest.mark.parametrize(
    ("own", "told"),
    [
        (replace(OWN, is_current=False), "The files have changed since"),
        (replace(OWN, files=()), "There is no file yet"),
        (replace(OWN, why_not_saved="it is a link"), "nothing can be saved: it is a link"),
        (replace(OWN, advice=()), "There is nothing."),
        (replace(OWN, anonymous="viewer"), "whoever has not signed in may read"),
    ],
)
async def test_each_state_is_said(own: OwnSettings, told: str) -> None:
    assert told in await page_of(own)


async def test_markup_stays_text() -> None:
    own = replace(OWN, path=MARKUP, advice=(MARKUP,), zone=MARKUP)

    assert "<img" not in await page_of(own)


async def test_programs_are_told_the_same() -> None:
    facts = (await _ask(OWN, "/api/v1/settings")).json()

    assert (facts["path"], facts["database"], facts["counts"]["slos"]) == (
        OWN.path,
        "PostgreSQL",
        11,
    )
    assert facts["files"][0]["sha256"] == "0123456789abcdef" * 4
    assert facts["reload"]["ok"] is True
