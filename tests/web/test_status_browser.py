"""The status page in a real browser: accessible in both themes, on a phone, without scripts."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from alerting.status_incident import ComponentState, Impact, Stage, StatusPlan, UpdatePlan
from tests.web.fake_board import BoardWorld, board_world
from tests.web.fakes import NOW
from tests.web.test_pages_browser import DESK, PHONE, browser, violations
from web.app import create_app
from web.serve import run, serve
from web.settings import WebSettings

__all__ = ["browser"]
pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]


@dataclass
class Site:
    url: str
    open_id: str


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite_file: Path) -> Iterator[Site]:
    """With an incident that is open, and one that is over."""
    started, found = threading.Event(), list[tuple[str, asyncio.AbstractEventLoop]]()
    stops, ids = list[asyncio.Event](), list[str]()

    def work(world: BoardWorld) -> None:
        async def main() -> None:
            stops.append(asyncio.Event())
            ids.append(await _tell(world))
            settings = WebSettings(now=lambda: NOW, stop=stops[0])
            app = create_app(world.source, settings=settings, board=world.board)
            loop = asyncio.get_running_loop()

            def on_started(host: str, port: int) -> None:
                found.append((f"http://{host}:{port}", loop))
                started.set()

            await serve(app, "127.0.0.1", 0, stops[0], on_started)

        run(main())

    with board_world(tmp_path_factory.mktemp("site"), migrated_sqlite_file) as world:
        thread = threading.Thread(target=work, args=(world,))
        thread.start()
        assert started.wait(20)
        yield Site(found[0][0], ids[0])
        found[0][1].call_soon_threadsafe(stops[0].set)
        thread.join(20)


async def _tell(world: BoardWorld) -> str:
    touched = {"browse": ComponentState.MAJOR_OUTAGE}
    over = StatusPlan("Uploads failed", Impact.MINOR, Stage.IDENTIFIED, "They fail.", "ada")
    first, _ = await world.board.post(over, None, "")
    update = UpdatePlan(first.id, Stage.RESOLVED, "They work.", "ada")
    await world.board.update(update, None, "")
    plan = StatusPlan("w" * 150, Impact.CRITICAL, Stage.INVESTIGATING, "x" * 300, "ada", touched)
    return (await world.board.post(plan, None, ""))[0].id


def paths(site: Site) -> list[str]:
    return [
        "/status", f"/status/incidents/{site.open_id}", "/status/components/browse",
        "/status/incidents/none", "/status-incidents", f"/status-incidents/{site.open_id}",
    ]  # fmt: skip


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_is_accessible_and_needs_no_script(site: Site, browser: Browser, theme: str) -> None:
    context = browser.new_context(
        viewport=DESK, color_scheme="dark" if theme == "dark" else "light"
    )
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    try:
        for path in paths(site):
            page.goto(site.url + path)
            assert violations(page) == [], path
        assert [one for one in said if "404" not in one] == []
    finally:
        context.close()
    still = browser.new_context(java_script_enabled=False)
    page = still.new_page()
    try:
        page.goto(f"{site.url}/status")
        expect(page.locator("h1")).to_have_text("Major outage: Browsing")
        assert page.locator("svg.bars rect").count() == 270
        assert page.locator("script").count() == 0
    finally:
        still.close()


def test_nothing_scrolls_sideways_on_a_phone(site: Site, browser: Browser) -> None:
    context = browser.new_context(viewport=PHONE)
    page = context.new_page()
    try:
        for path in paths(site):
            page.goto(site.url + path)
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= PHONE["width"], (path, wide)
    finally:
        context.close()


def test_by_keyboard_alone_an_update_reaches_customers(site: Site, browser: Browser) -> None:
    page = browser.new_page()
    try:
        page.goto(f"{site.url}/status-incidents")
        page.focus("#title")
        page.keyboard.type("Typed by hand")
        page.focus("#text")
        page.keyboard.type("We look.")
        page.focus("#name")
        page.keyboard.type("ada")
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_have_text("Typed by hand")
        page.goto(f"{site.url}/status")
        expect(page.get_by_role("heading", name="Typed by hand")).to_be_visible()
    finally:
        page.close()
