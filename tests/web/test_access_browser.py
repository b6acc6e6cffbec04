"""Signing in, being refused and being written down, in a real browser and by keyboard alone."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from nines.accounts import Accounts
from nines.clock import SystemClock
from nines.config.access import AccessConfig
from nines.passwords import Passwords
from nines.storage.accounts import AccountRecords, Doer, User
from nines.storage.database import open_database
from nines.threads import StorageThreads
from tests.nines.test_accounts import QUICK, SECRET
from tests.web.fakes import NOW, FakeSource
from tests.web.test_pages_browser import DESK, PHONE, browser, crowded, violations
from web.access.decision import Grant, Role
from web.app import create_app
from web.serve import run, serve
from web.settings import WebSettings

__all__ = ["browser"]
pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]


@dataclass
class Site:
    """Where it is served, and its facts."""

    url: str
    source: FakeSource


@pytest.fixture
def site(tmp_path: Path, migrated_sqlite_file: Path) -> Iterator[Site]:
    """With ada, who is an admin, and bob, a responder of nobody's services."""
    file = tmp_path / "nines.db"
    file.write_bytes(migrated_sqlite_file.read_bytes())
    database, threads, passwords = (
        open_database(f"sqlite:///{file}"),
        StorageThreads(),
        Passwords(QUICK),
    )
    records, source = AccountRecords(database), FakeSource()
    for name, grant in (
        ("ada", Grant(Role.ADMIN)),
        ("bob", Grant(Role.RESPONDER, frozenset({"nobody"}))),
    ):
        user = User(name, passwords.hash_now(SECRET), (grant,), NOW)
        records.add_user(user, Doer("test", NOW))
    started, stopping, found = threading.Event(), list[asyncio.Event](), list[Site]()
    loops: list[asyncio.AbstractEventLoop] = []

    async def main() -> None:
        stopping.append(asyncio.Event())
        loops.append(asyncio.get_running_loop())
        accounts = Accounts(
            database=database,
            threads=threads,
            config=AccessConfig,
            on_loopback=True,
            clock=SystemClock(),
            passwords=passwords,
            external_url="http://127.0.0.1",
        )
        app = create_app(
            source,
            settings=WebSettings(now=lambda: NOW, stop=stopping[0]),
            access=accounts,
        )

        def on_started(host: str, port: int) -> None:
            found.append(Site(f"http://{host}:{port}", source))
            started.set()

        await serve(app, "127.0.0.1", 0, stopping[0], on_started)
        await accounts.close()

    thread = threading.Thread(target=lambda: run(main()))
    thread.start()
    assert started.wait(20)
    yield found[0]
    loops[0].call_soon_threadsafe(stopping[0].set)
    thread.join(20)
    threads.close()
    database.close()


def sign_in(page: Page, name: str, password: str = SECRET) -> None:
    """By keyboard alone, from the field of the name."""
    page.locator("#name").focus()
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    page.keyboard.press("Enter")


def taken_by(site: Site) -> str | None:
    return site.source.details["INC0001"].incident.acknowledged_by


def test_one_signs_in_is_refused_and_is_written_down(site: Site, browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{site.url}/incidents/INC0001")
    assert page.url == f"{site.url}/sign-in?next=/incidents/INC0001"
    sign_in(page, "bob", "not the password")
    expect(page.get_by_role("alert")).to_have_text("Name or password is not right.")
    page.locator("#name").fill("")
    sign_in(page, "bob")
    expect(page).to_have_url(f"{site.url}/incidents/INC0001")
    page.get_by_role("button", name="Acknowledge").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Not allowed")
    expect(page.locator("main")).to_contain_text("bob (responder for nobody) may not acknowledge")
    assert taken_by(site) is None
    page.get_by_role("button", name="Sign out").click()

    sign_in(page, "ada")
    expect(page).to_have_url(f"{site.url}/")
    page.goto(f"{site.url}/incidents/INC0001")
    page.get_by_role("button", name="Acknowledge").first.click()
    expect(page.locator("main")).to_contain_text("Acknowledged")
    assert taken_by(site) == "ada"
    page.get_by_role("link", name="Audit log").click()
    rows = page.locator("tbody tr")
    expect(rows.filter(has_text="sign-in refused")).to_have_count(1)
    expect(rows.filter(has_text="signed in")).to_have_count(2)
    context.close()


def test_what_is_made_stands_apart_from_the_form_that_makes_more(
    site: Site, browser: Browser
) -> None:
    context = browser.new_context(viewport=DESK)
    page = context.new_page()
    page.goto(f"{site.url}/sign-in?next=/account")
    sign_in(page, "ada")
    page.locator("#token-name").fill("ci")
    page.get_by_role("button", name="Make a token").click()
    expect(page.locator("main")).to_contain_text("It is shown this once")

    assert crowded(page) == []
    context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_pages_are_accessible_and_fit_a_phone(site: Site, browser: Browser, theme: str) -> None:
    context = browser.new_context(
        viewport=PHONE, color_scheme="dark" if theme == "dark" else "light"
    )
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))

    def examine(where: str) -> None:
        assert violations(page) == [], where
        width = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(width) == 0, where

    page.goto(f"{site.url}/sign-in")
    examine("sign in")
    sign_in(page, "ada")
    expect(page).to_have_url(f"{site.url}/")
    page.goto(f"{site.url}/account")
    page.locator("#token-name").fill("ci")
    page.get_by_role("button", name="Make a token").click()
    expect(page.locator("main")).to_contain_text("It is shown this once")
    examine("account")
    page.goto(f"{site.url}/audit")
    page.locator("summary").first.click()
    examine("audit log")
    assert complaints == []
    context.close()
