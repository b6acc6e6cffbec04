"""What hurts: storage that is slow or away, a budget far below zero, ten thousand incidents.

Each page says what is wrong and stays usable; an error is never shown as an empty list.
"""

import asyncio
import html
import re
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from alerting.incident import IncidentState
from dashboards.source import NotAnsweringError, Point
from slo.status import BudgetState, NowState
from tests.web.fakes import LONG, NOW, FakeSource, make_incident, make_slo, make_status
from web import spared
from web.access import guard
from web.access.everybody import Everybody
from web.app import create_app
from web.settings import WebSettings

AWAY = "The database nines.db did not answer: the connection was lost."
BROWSER = {"Accept": "text/html"}
# Each page that asks storage, and what it asks: what is in memory goes on being told.
ASKS = {
    "/slos/shop/checkout": "points",
    "/slos/shop/checkout/numbers": "steps",
    "/incidents": "incidents",
    "/incidents/INC0001": "incident",
    "/incidents/INC0001/postmortem": "incident",
    "/exclusions/exclusion-1": "exclusion",
    "/silences/silence-1": "silence",
    "/why?of=ALERT0001": "why",
    "/slos?at=2026-11-21T11:00:00Z": "as_of",
    "/services?at=2026-11-21T11:00:00Z": "as_of",
    "/api/v1/incidents": "incidents",
    "/api/v1/incidents/INC0001": "incident",
    "/api/v1/incidents/times": "incident_times",
    "/api/v1/slos/shop/checkout/points": "points",
    "/api/v1/slos/shop/checkout/budget": "budget_ledger",
    "/api/v1/slos/shop/checkout/outlook": "outlook",
    "/api/v1/slos/shop/checkout/gate": "incidents",
    "/api/v1/slos?at=2026-11-21T11:00:00Z": "as_of",
    "/api/v1/why?of=ALERT0001": "why",
}


def words(page: httpx.Response) -> str:
    """What stands on it, without its tags."""
    text = re.sub(r"<[^>]+>", " ", html.unescape(page.text))
    return " ".join(text.replace("\N{NO-BREAK SPACE}", " ").split())


@pytest.mark.parametrize(("path", "asked"), ASKS.items())
async def test_storage_that_is_away_is_said_and_never_an_empty_list(
    client: httpx.AsyncClient,
    source: FakeSource,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    asked: str,
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise NotAnsweringError(AWAY)

    monkeypatch.setattr(source, asked, away)
    answer = await client.get(path, headers=BROWSER)

    assert AWAY in html.unescape(answer.text)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    if not path.startswith("/api/"):
        assert 'href="/slos"' in answer.text  # the way on is there
        assert 'href="/incidents"' in answer.text


@pytest.mark.parametrize("how", ["away", "slow"])
@pytest.mark.parametrize("path", ["/", "/slos", "/services/shop"])
async def test_what_is_in_memory_is_told_while_storage_is_away_or_slow(
    client: httpx.AsyncClient,
    source: FakeSource,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    how: str,
) -> None:
    async def away(*_: object, **__: object) -> None:
        if how == "slow":
            await asyncio.Event().wait()
        raise NotAnsweringError(AWAY)

    monkeypatch.setattr(spared, "PATIENCE_SECONDS", 0.05)
    for asked in ("incidents_at", "slos_of", "points"):
        monkeypatch.setattr(source, asked, away)
    answer = await client.get(path, headers=BROWSER)

    assert answer.status_code == 200
    said = words(answer)
    assert "Not on this page for now: incidents" in said
    assert (AWAY if how == "away" else "did not answer within 0.05 s") in said
    assert "checkout" in said
    assert "no incident so far" not in said


@pytest.mark.parametrize("path", ["/incidents", "/slos/shop/checkout", "/api/v1/incidents"])
async def test_storage_that_is_slow_is_waited_for_and_then_said(
    client: httpx.AsyncClient, source: FakeSource, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    async def slow(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(guard, "READ_WITHIN_SECONDS", 0.05)
    monkeypatch.setattr(source, ASKS[path], slow)
    answer = await client.get(path, headers=BROWSER)

    assert answer.status_code == 503
    assert "No answer within 0.05 s" in html.unescape(answer.text)
    monkeypatch.undo()  # it answers again
    assert (await client.get("/slos", headers=BROWSER)).status_code == 200


@pytest.mark.parametrize(
    ("path", "slow"),
    [("/slos", "who"), ("/api/v1/slos", "who"), ("/audit", "audit"), ("/api/v1/audit", "audit")],
)
async def test_who_asks_and_what_was_changed_are_waited_for_no_longer(
    source: FakeSource, monkeypatch: pytest.MonkeyPatch, path: str, slow: str
) -> None:
    async def waits(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(guard, "READ_WITHIN_SECONDS", 0.05)
    monkeypatch.setattr(Everybody, slow, waits)
    app = create_app(source, settings=WebSettings(now=lambda: NOW))
    async with (
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:9919"
        ) as client,
        asyncio.timeout(20),
    ):
        answer = await client.get(path, headers=BROWSER)

    assert answer.status_code == 503
    assert "No answer within 0.05 s" in html.unescape(answer.text)


async def test_a_budget_of_minus_400_percent_is_told_as_that(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    spent = make_status(
        make_slo("shop", "deep", "99"), (950, 50, 0), budget_state=BudgetState.EXHAUSTED
    )
    source.statuses_ = (spent,)
    told = (await client.get("/api/v1/slos/shop/deep")).json()

    assert told["budget"]["remaining_ratio"] == -4
    for path in ("/slos/shop/deep", "/slos"):
        page = await client.get(path, headers=BROWSER)
        assert page.status_code == 200
        assert re.search("[-\N{MINUS SIGN}]400 ?%", words(page)), (path, words(page)[:2000])
    badge = await client.get("/badge/shop/deep.svg")
    assert badge.status_code == 200


async def test_an_slo_without_data_is_neither_well_nor_ill(
    client: httpx.AsyncClient, source: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing_counted(*_: object) -> list[Point]:
        return []

    monkeypatch.setattr(source, "points", nothing_counted)
    nothing = make_status(
        make_slo("shop", "new"),
        (0, 0, 0),
        budget_state=BudgetState.NO_DATA,
        now_state=NowState.STALE,
        coverage=(0, 259_200),
        last_observation=None,
    )
    source.statuses_ = (nothing,)
    for path in ("/", "/slos", "/slos/shop/new", "/services/shop"):
        page = await client.get(path, headers=BROWSER)
        assert page.status_code == 200
        assert "100 %" not in words(page), path
        assert re.search("no data|nothing|never", words(page), re.IGNORECASE), path


async def test_ten_thousand_incidents_come_a_page_at_a_time(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    one = make_incident(7, "shop", "It failed again", IncidentState.RESOLVED)
    source.details = {
        f"INC{number:05}": replace(one, incident=replace(one.incident, id=f"INC{number:05}"))
        for number in range(10_000)
    }
    page = await client.get("/incidents", headers=BROWSER)
    home = await client.get("/", headers=BROWSER)
    api = (await client.get("/api/v1/incidents", params={"limit": 250})).json()

    assert (page.status_code, home.status_code) == (200, 200)
    assert "cursor=" in page.text
    assert len(page.text) < 500_000
    assert len(home.text) < 2_000_000
    assert len(api["incidents"]) == 250
    assert api["next_cursor"]


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_server_whose_clock_is_an_hour_off_still_answers(
    source: FakeSource, hours: int
) -> None:
    """Evaluated by another clock than the one that the pages go by."""
    settings = WebSettings(now=lambda: NOW + timedelta(hours=hours))
    transport = httpx.ASGITransport(create_app(source, settings=settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9919") as client:
        for path in ("/", "/slos", "/slos/shop/checkout", "/incidents/INC0001"):
            assert (await client.get(path, headers=BROWSER)).status_code == 200


async def test_a_name_of_200_signs_is_shown_whole_and_its_page_is_there(
    client: httpx.AsyncClient,
) -> None:
    page = await client.get(f"/slos/petuniverse-api/{LONG}", headers=BROWSER)

    assert page.status_code == 200
    assert LONG in words(page)
