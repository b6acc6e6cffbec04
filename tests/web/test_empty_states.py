"""Every empty panel says what it would show, why it does not, and the one thing to do about it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from functools import cache
from html.parser import HTMLParser

import httpx
import pytest
from fastapi import FastAPI

from alerting.incident import IncidentState
from dashboards.source import ServiceCard
from slo.status import BudgetState
from tests.web.fakes import NOW, FakeSource, make_incident, make_slo, make_status
from web.app import create_app
from web.settings import WebSettings

BARE = ServiceCard("bare", "Bare", None, None, {}, ("bare/new",), ())
PAGES = [
    "/",
    "/slos",
    "/slos?q=zebra",
    "/slos/bare/new",
    "/slos/bare/new/numbers",
    "/services",
    "/services/bare",
    "/services/empty",
    "/incidents",
    "/incidents?state=triggered",
    "/incidents/INC0001",
    "/exclusions",
    "/silences",
    "/receivers",
    "/reports",
    "/reports/2026-11-20",
    "/settings",
    "/why?of=shop/gone",
    "/account",
    "/audit",
]
_VOID = {"br", "hr", "img", "input", "link", "meta", "rect", "path"}


@dataclass
class Panel:
    """What is said where there is nothing."""

    classes: list[str]
    sentences: int = 0
    text: str = ""
    links: list[str] = field(default_factory=list)


class Panels(HTMLParser):
    """Finds the panels that have nothing to show."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Panel] = []
        self._open: list[Panel | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        classes = (given.get("class") or "").split()
        inside = next((one for one in reversed(self._open) if one is not None), None)
        if inside is not None and tag == "a":
            inside.links.append(given.get("href") or "")
        panel = None
        if {"nothing", "quiet-note", "empty"} & set(classes):
            panel = Panel(classes)
            self.found.append(panel)
        if tag not in _VOID:
            self._open.append(panel)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Nothing is inside."""

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        for one in self._open:
            if one is not None:
                one.text += data


def nothing_yet() -> FakeSource:
    """One SLO that is new, a service with nothing in it, and an incident that says nothing."""
    slo = make_slo("bare", "new")
    status = make_status(
        slo, (0, 0, 0), budget_state=BudgetState.NO_DATA, coverage=(0, 0), last_observation=None
    )
    detail = make_incident(1, "bare", "new", IncidentState.RESOLVED)
    return FakeSource(
        statuses_=(status,),
        services_=(BARE, replace(BARE, name="empty", slo_ids=())),
        rules_=(),
        collectors_=(),
        receivers_=(),
        details={"INC0001": replace(detail, alerts=(), notifications=(), attempts=())},
    )


@cache
def app() -> FastAPI:
    return create_app(nothing_yet(), settings=WebSettings(now=lambda: NOW))


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app()), base_url="http://127.0.0.1:9919"
    ) as client:
        yield client


async def panels(client: httpx.AsyncClient, path: str) -> list[Panel]:
    response = await client.get(path, headers={"Accept": "text/html"})
    parser = Panels()
    parser.feed(response.text)
    return parser.found


@pytest.mark.parametrize("path", PAGES)
async def test_no_panel_is_empty_without_a_reason_and_a_way_on(
    client: httpx.AsyncClient, path: str
) -> None:
    for panel in await panels(client, path):
        assert "nothing" in panel.classes, panel
        assert panel.text.count(".") + panel.text.count("?") >= 2, panel
        assert len(panel.links) == 1, panel


async def test_each_way_on_leads_somewhere(client: httpx.AsyncClient) -> None:
    ways = {way for path in PAGES for panel in await panels(client, path) for way in panel.links}

    assert len(ways) >= 8
    for way in ways:
        if not way.startswith("#"):
            assert (await client.get(way)).status_code == 200, way


@pytest.mark.parametrize(
    ("path", "least"),
    [
        ("/slos?q=zebra", 1), ("/slos/bare/new", 2), ("/services/empty", 3),
        ("/incidents?state=triggered", 1), ("/incidents/INC0001", 3), ("/exclusions", 1),
        ("/silences", 1), ("/receivers", 1), ("/settings", 3),
    ],
)  # fmt: skip
async def test_what_is_empty_is_found(client: httpx.AsyncClient, path: str, least: int) -> None:
    assert len(await panels(client, path)) >= least


async def test_without_anything_the_overview_leads_to_the_first_steps() -> None:
    source = FakeSource(statuses_=(), rules_=(), collectors_=(), receivers_=())
    source.services_ = ()
    bare = create_app(source, settings=WebSettings(now=lambda: NOW))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(bare), base_url="http://127.0.0.1:9919"
    ) as client:
        for path in ("/", "/slos", "/services"):
            links = [way for panel in await panels(client, path) for way in panel.links]
            assert "/start" in links, path
