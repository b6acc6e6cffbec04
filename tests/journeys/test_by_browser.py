"""What people do in a browser while a shop is down: find the cause, take it, silence, exclude."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_httpserver import HTTPServer

from tests.daemons import daemon, listens
from tests.journeys.shop import HEAD
from tests.journeys.test_first_steps import tab_to
from tests.web.ports import free_port
from tests.web.test_pages_browser import DESK, browser

__all__ = ["browser"]
pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]

SOON = 60_000  # milliseconds; only a failure takes so long


@dataclass
class Down:
    """A shop that answers 503, and the Nines that has found out."""

    url: str
    incident: str


@pytest.fixture(scope="module")
def down(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Down]:
    folder, port = tmp_path_factory.mktemp("down"), free_port()
    config = folder / "config.yaml"
    command = [sys.executable, "-m", "nines", "serve", "--config", str(config)]
    root = str(Path(__file__).parents[2])
    with HTTPServer() as target:
        target.expect_request("/health").respond_with_data("no database", status=503)
        config.write_text(
            HEAD.format(port=port, database=folder / "nines.db", target=target.url_for(""))
        )
        with daemon(command, lambda: listens(port), folder / "log", {"PYTHONPATH": root}):
            yield Down(f"http://127.0.0.1:{port}", _incident(f"http://127.0.0.1:{port}"))


def _incident(url: str) -> str:
    # The stream says when there is something new, and so how often to look.
    with httpx.stream("GET", f"{url}/api/v1/stream", timeout=60, trust_env=False) as changes:
        for _ in changes.iter_lines():
            found = httpx.get(f"{url}/api/v1/incidents", trust_env=False).json()["incidents"]
            if found:
                return str(found[0]["id"])
    raise AssertionError("no incident was opened")


@pytest.fixture
def page(down: Down, browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport=DESK, base_url=down.url)
    yield context.new_page()
    context.close()


def test_from_the_sentence_to_the_cause_in_three_clicks(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_have_text(
        re.compile(r"Act now: 1\s+SLO is burning fast")
    )

    page.get_by_role("region", name="Needs attention").get_by_role(
        "link", name="availability", exact=True
    ).click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("availability")
    expect(page.locator("main")).to_contain_text("503")  # one click was enough


def test_the_cause_is_found_by_keyboard_alone(page: Page) -> None:
    page.goto("/")
    tab_to(page, "main a[href='/slos/shop/availability']")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_contain_text("availability")
    expect(page.locator("main")).to_contain_text("503")


def test_an_incident_is_taken(page: Page, down: Down) -> None:
    page.goto(f"/incidents/{down.incident}")
    page.get_by_label("Your name").fill("ada")
    page.get_by_role("button", name="Acknowledge").click()

    expect(page.locator("main")).to_contain_text("Acknowledged. The others can see")
    page.goto("/")
    expect(page.locator("main")).to_contain_text("ada is on it")


def test_a_silence_is_seen_before_it_is_made(page: Page, down: Down) -> None:
    page.goto(f"/incidents/{down.incident}")
    page.get_by_role("link", name="Silence", exact=True).click()
    expect(page.get_by_label("Alerts", exact=True)).to_have_value(re.compile("shop"))
    page.get_by_label("Lasts").fill("1h")
    page.get_by_role("button", name="Preview").click()

    expect(page.get_by_role("status").filter(has_text="It mutes")).to_contain_text(
        "This would mute 1 alert"
    )
    page.get_by_label("Why").fill("a new database")
    page.get_by_label("Your name").fill("ada")
    page.get_by_role("button", name="Silence", exact=True).click()
    expect(page.locator("main")).to_contain_text("a new database")

    page.get_by_role("button", name="End it now").click()
    expect(page.get_by_role("button", name="End it now")).to_have_count(0)
    page.goto("/silences")
    row = page.get_by_role("table", name=re.compile("Silences")).get_by_role("row").nth(1)
    expect(row).to_contain_text("Over")


def test_a_silence_is_made_and_ended_by_keyboard_alone(page: Page, down: Down) -> None:
    page.goto(f"/incidents/{down.incident}")
    tab_to(page, "main a[href^='/silences?']")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Silence alerts")).to_be_visible()
    tab_to(page, "#duration")
    page.keyboard.press("Control+A")
    page.keyboard.type("1h")
    tab_to(page, "#reason")
    page.keyboard.type("by keyboard")
    tab_to(page, "form#silence #name")
    page.keyboard.press("Control+A")
    page.keyboard.type("ada")
    tab_to(page, "form#silence button[value='preview']")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="It mutes")).to_contain_text(
        "This would mute 1 alert"
    )
    tab_to(page, "form#silence button[value='add']")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("by keyboard")

    tab_to(page, "form[action$='/end'] button, button[formaction$='/end']")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="End it now")).to_have_count(0)


def exclude_by_keyboard(page: Page, reason: str) -> None:
    page.goto("/exclusions")
    tab_to(page, "#what")
    page.keyboard.type("shop")
    tab_to(page, "#start")
    page.keyboard.type("now-1h")
    tab_to(page, "#duration")
    page.keyboard.type("2h")
    tab_to(page, "#reason")
    page.keyboard.type(reason)
    tab_to(page, "#name")
    page.keyboard.type("ada")
    tab_to(page, "button[value='add']")
    page.keyboard.press("Enter")


def test_an_interval_is_excluded_and_taken_back_by_keyboard_alone(page: Page) -> None:
    page.goto("/slos/shop/availability")
    expect(page.locator("main")).to_contain_text("spent")
    exclude_by_keyboard(page, "a new database")
    expect(page.locator("main")).to_contain_text("a new database")
    exclusion = page.url

    page.goto("/slos/shop/availability")
    expect(page.locator("main")).to_contain_text("Excluded until", timeout=SOON)
    page.goto(exclusion)
    tab_to(page, "button[formaction$='/undo'], form[action*='/undo'] button")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("ndone", timeout=SOON)
    page.goto("/slos/shop/availability")
    expect(page.locator(".notice")).to_have_count(0)
