"""A newcomer's first five minutes in a real browser: an empty start, an address, numbers."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_httpserver import HTTPServer

from tests.daemons import daemon, listens
from tests.web.ports import free_port
from tests.web.test_pages_browser import DESK, PHONE, browser, violations

__all__ = ["browser"]
pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]

CONFIG = """\
# Ours: what stands here stays.
server:
  listen: 127.0.0.1:{port}
  external_url: http://127.0.0.1:{port}
  database: sqlite:///{folder}/nines.db  # beside us
  bucket: 1s
defaults: {{interval: 1s, timeout: 1s}}
web:
  tries: {{allow: [127.0.0.1]}}
"""
NUMBERS = re.compile(r"None of [1-9][0-9]* probes failed")


@dataclass
class Start:
    """A Nines that watches nothing, and something to watch."""

    url: str
    config: Path
    target: str


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    port = free_port()
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(port=port, folder=tmp_path))
    command = [sys.executable, "-m", "nines", "serve", "--config", str(config)]
    root = str(Path(__file__).parents[2])
    with HTTPServer() as target:
        target.expect_request("/health").respond_with_data("fine")
        with daemon(command, lambda: listens(port), tmp_path / "log", {"PYTHONPATH": root}):
            yield Start(f"http://127.0.0.1:{port}", config, target.url_for("/health"))


def check_written(start: Start, before: str) -> None:
    """Every line that was there still is, and what was added makes sense."""
    text = start.config.read_text()
    assert text.startswith(before.rstrip("\n"))
    checked = subprocess.run(
        [sys.executable, "-m", "nines", "check", str(start.config)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert (checked.returncode, "1 service, 1 SLO" in checked.stdout) == (0, True), checked.stdout


def test_from_an_empty_start_to_numbers(start: Start, browser: Browser) -> None:
    before = start.config.read_text()
    context = browser.new_context(viewport=DESK)
    page = context.new_page()
    page.goto(start.url)
    page.get_by_role("main").get_by_role("link", name="First steps").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your first promise")

    page.get_by_label("Address", exact=True).fill(start.target)
    page.get_by_role("button", name="Try it").click()
    expect(page.locator(".verdict")).to_contain_text("It answers as it should: 200")
    expect(page.get_by_label("How long each part took")).to_contain_text("connected")
    page.get_by_label("Service", exact=True).fill("shop")
    page.get_by_label("Objective").select_option("99.9%")
    page.get_by_role("button", name="Propose again").click()
    lines = page.get_by_label("The lines of the configuration")
    expect(lines).to_contain_text("availability: {objective: 99.9%, window: 28d")
    assert start.config.read_text() == before  # nothing is kept before it is saved

    page.get_by_label("Your name").fill("ada")
    page.get_by_role("button", name="Save").click()
    expect(page).to_have_url(f"{start.url}/slos/shop/availability#main")
    expect(page.locator("main")).to_contain_text(NUMBERS, timeout=60_000)  # live, not by a reload
    context.close()
    check_written(start, before)


def tab_to(page: Page, selector: str) -> None:
    """Go on by the tabulator alone until there."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("wanted => document.activeElement.matches(wanted)", selector):
            return
    raise AssertionError(f"no way to {selector} by keyboard")


def test_the_same_by_keyboard_alone(start: Start, browser: Browser) -> None:
    before = start.config.read_text()
    context = browser.new_context(viewport=DESK)
    page = context.new_page()
    page.goto(start.url)
    tab_to(page, "main a[href='/start']")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your first promise")
    tab_to(page, "#url")
    page.keyboard.type(start.target)
    page.keyboard.press("Enter")
    expect(page.locator(".verdict")).to_contain_text("200")
    tab_to(page, "#name")
    page.keyboard.type("ada")
    tab_to(page, "button[formaction^='/start/save']")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/slos/localhost/availability#main$"))
    expect(page.locator("main")).to_contain_text(NUMBERS, timeout=60_000)
    context.close()
    check_written(start, before)


def test_what_a_newcomer_sees_is_accessible_and_fits_a_phone(
    start: Start, browser: Browser
) -> None:
    for theme in ("light", "dark"):
        context = browser.new_context(
            viewport=PHONE, color_scheme="dark" if theme == "dark" else "light"
        )
        page = context.new_page()
        for path, address in (("/", ""), ("/start", start.target), ("/start", "http://10.0.0.1/")):
            page.goto(start.url + path)
            if address:
                page.get_by_label("Address", exact=True).fill(address)
                page.keyboard.press("Enter")
                expect(page.locator("#seen")).to_be_visible()
            assert violations(page) == [], (theme, path, address)
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        context.close()
