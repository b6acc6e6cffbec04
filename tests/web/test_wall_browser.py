"""The wallboard in a real browser: one screen, live, honest when the connection is dead."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from dashboards.source import Change
from slo.status import NowState
from tests.web.fakes import make_slo
from tests.web.test_pages_browser import PHONE, Site, browser, site, violations

__all__ = ["browser", "site"]
pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]
SCREEN: ViewportSize = {"width": 1920, "height": 1080}
SMALLEST = """() => Math.min(...[...document.querySelectorAll("#wall *")]
  .filter((one) => [...one.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
  .map((one) => parseFloat(getComputedStyle(one).fontSize)))"""
CUT = """() => [...document.querySelectorAll("#tiles li")]
  .filter((one) => one.scrollHeight > one.clientHeight + 1).map((one) => one.textContent)"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport=SCREEN)
    yield context.new_page()
    context.close()


def crowd(site: Site, count: int) -> None:
    first = site.source.statuses_[0]
    site.source.statuses_ = tuple(
        replace(first, slo=make_slo("shop", f"a-rather-long-name-{n}")) for n in range(count)
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_one_screen_is_large_and_accessible(site: Site, page: Page, theme: str) -> None:
    for count in (None, 48, 1):
        if count is not None:
            crowd(site, count)
        page.goto(f"{site.url}/wall?theme={theme}")
        expect(page.locator("#age")).to_contain_text("Evaluated")
        size = page.evaluate("[document.body.scrollWidth, document.body.scrollHeight]")
        assert size == [1920, 1080], count
        assert page.evaluate(SMALLEST) >= 24, count
        assert page.evaluate(CUT) == [], count
        assert violations(page) == [], count
        assert page.locator("button, a, input").count() == 0


_SHORTENED = """() => [...document.querySelectorAll("#tiles li > *, #tiles .above span")]
  .filter((one) => one.scrollWidth > one.clientWidth + 1)
  .filter((one) => getComputedStyle(one).textOverflow !== "ellipsis")
  .map((one) => one.textContent)"""


def test_a_smaller_screen_shows_the_same_smaller(site: Site, page: Page) -> None:
    page.set_viewport_size({"width": 1200, "height": 675})
    for count in (18, 48):
        crowd(site, count)
        page.goto(f"{site.url}/wall")
        assert page.evaluate(CUT) == [], count
        assert page.evaluate(_SHORTENED) == [], count
        assert page.evaluate(SMALLEST) >= 15, count
    crowd(site, 18)
    page.goto(f"{site.url}/wall")
    assert all(one.is_visible() for one in page.locator("#tiles .of").all())


def test_it_follows_the_stream(site: Site, page: Page) -> None:
    page.goto(f"{site.url}/wall")
    expect(page.locator("#tiles")).to_contain_text("1 burning fast")
    site.source.statuses_ = tuple(
        replace(one, now_state=NowState.BURNING_FAST) for one in site.source.statuses_[:2]
    )
    site.publish(Change(7, frozenset({"shop/checkout"}), frozenset()))

    expect(page.locator("#tiles")).to_contain_text("2 burning fast")


def test_thirty_seconds_after_the_connection_died_the_whole_screen_says_so(
    site: Site, page: Page
) -> None:
    page.clock.install(time="2026-11-21T12:00:07Z")
    page.goto(f"{site.url}/wall")
    expect(page.locator("#age")).to_contain_text("Evaluated")
    expect(page.locator("#dead")).to_be_hidden()
    page.context.set_offline(True)
    page.clock.run_for(75_000)
    expect(page.locator("#dead")).to_be_visible()
    said = page.locator("#dead").inner_text()
    assert said.startswith("NO CONNECTION\nsince 12:0")
    assert page.evaluate("document.getElementById('dead').getBoundingClientRect().height") == 1080
    page.context.set_offline(False)
    page.clock.run_for(20_000)

    expect(page.locator("#dead")).to_be_hidden()


def test_views_follow_one_another_and_the_picture_moves(site: Site, page: Page) -> None:
    page.clock.install(time="2026-11-21T12:00:07Z")
    page.goto(f"{site.url}/wall?view=slos,services&cycle=30")
    expect(page.locator("#tiles h1")).to_have_text("All SLOs")
    page.clock.run_for(31_000)
    expect(page.locator("#tiles h1")).to_have_text("All services")
    assert page.locator("#wall").get_attribute("data-shift") is None
    page.clock.fast_forward(600_000)

    expect(page.locator("#wall")).to_have_attribute("data-shift", "1")


def test_on_a_phone_it_scrolls_down_only(site: Site, browser: Browser) -> None:
    context = browser.new_context(viewport=PHONE)
    page = context.new_page()
    try:
        page.goto(f"{site.url}/wall")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    finally:
        context.close()
