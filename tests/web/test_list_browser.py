"""The list in a real browser: facets, groups, layout, choosing and exporting, by keyboard alone."""

import csv
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboards.source import Change
from tests.web.test_pages_browser import (
    DESK,
    PHONE,
    Site,
    browser,
    opened,
    site,
    violations,
)

__all__ = ["browser", "site"]
pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]


def press_on(page: Page, selector: str, key: str = "Enter") -> None:
    page.locator(selector).first.focus()
    page.keyboard.press(key)


def test_the_list_is_filtered_grouped_laid_out_and_silenced_by_keyboard(
    site: Site, browser: Browser
) -> None:
    context = browser.new_context(viewport=DESK)
    page, watch = opened(context, site)
    try:
        page.goto(f"{site.url}/slos")
        press_on(page, "#filters summary")
        press_on(page, "#filters a.facet:has-text('shop-team')")
        expect(page.locator("#q")).to_have_value("owner:shop-team")
        expect(page.locator("tbody tr")).to_have_count(6)

        press_on(page, "#views summary")
        page.keyboard.press("Tab")
        page.keyboard.type("Ours")
        page.keyboard.press("Enter")
        press_on(page, "#views summary")
        expect(page.locator("#views a")).to_have_text("Ours")
        press_on(page, "#views a")
        expect(page.locator("#q")).to_have_value("owner:shop-team")

        page.goto(f"{site.url}/slos?group=service")
        expect(page.locator("tbody tr")).to_have_count(2)
        page.keyboard.press("e")
        expect(page.locator("tbody").first.locator("tr")).to_have_count(7)
        assert page.evaluate("document.activeElement.textContent") == "shop"
        assert page.url.endswith("group=service&open=shop#group-shop")
        page.keyboard.press("e")
        expect(page.locator("tbody").first.locator("tr")).to_have_count(1)

        page.goto(f"{site.url}/slos")
        press_on(page, "#layout summary")
        press_on(page, "#layout input[value=week]", "Space")
        press_on(page, "#layout input[value=compact]", "Space")
        press_on(page, "#layout button:has-text('Always')")
        expect(page.locator("table.compact")).to_be_visible()
        assert page.url == f"{site.url}/slos"
        expect(page.locator("thead")).not_to_contain_text("7 days")

        page.locator("select.in-head").select_option("5m")
        page.wait_for_url("**burn=5m**")
        expect(page.locator("tbody tr").first).to_contain_text("333x")

        press_on(page, "input[value='shop/checkout']", "Space")
        press_on(page, "input[value='shop/login']", "Space")
        press_on(page, "button:has-text('Silence chosen')")
        expect(page.locator("#silence #matchers")).to_have_value(
            'service="shop", slo=~"checkout|login"'
        )
        expect(page.get_by_role("status").filter(has_text="This would mute")).to_be_visible()
        assert watch.complaints == []
    finally:
        context.close()


def test_what_is_chosen_stays_chosen_when_the_list_comes_anew(site: Site, browser: Browser) -> None:
    context = browser.new_context(viewport=DESK)
    page, watch = opened(context, site)
    try:
        page.goto(f"{site.url}/slos")
        expect(page.locator("#live-state")).to_have_attribute("data-state", "live")
        page.locator("input[value='shop/checkout']").check()
        with page.expect_response(f"{site.url}/slos"):
            site.publish(Change(0, frozenset({"shop/checkout"}), frozenset()))
        page.wait_for_timeout(300)

        expect(page.locator("input[value='shop/checkout']")).to_be_checked()
        assert watch.complaints == []
    finally:
        context.close()


def test_without_scripts_all_of_it_works(site: Site, browser: Browser) -> None:
    context = browser.new_context(viewport=PHONE, java_script_enabled=False)
    page = context.new_page()
    try:
        page.goto(f"{site.url}/slos?group=state")
        page.locator("a.toggle").first.click()
        expect(page.locator("tbody").first.locator("tr")).to_have_count(2)
        page.goto(f"{site.url}/slos")
        page.locator("#layout summary").click()
        page.get_by_role("radio", name="25", exact=True).check()
        page.get_by_role("button", name="Show so", exact=True).click()
        assert "rows=25" in page.url
        page.locator("input[value='shop/checkout']").check()
        page.get_by_role("button", name="Silence chosen").click()
        expect(page.locator("#matchers")).to_have_value('service="shop", slo="checkout"')
    finally:
        context.close()


def test_the_sheet_is_what_the_list_shows(site: Site, browser: Browser, tmp_path: Path) -> None:
    context = browser.new_context(viewport=DESK)
    page, _ = opened(context, site)
    try:
        page.goto(f"{site.url}/slos?q=service:shop")
        with page.expect_download() as begun:
            page.get_by_role("link", name="Export CSV").click()
        begun.value.save_as(tmp_path / "slos.csv")

        lines = (tmp_path / "slos.csv").read_text().splitlines()
        assert len(list(csv.reader(lines))) == 7
    finally:
        context.close()


LISTS = {
    "filtered": "/slos?q=owner:shop-team+state:healthy",
    "grouped": "/slos?group=service&open=shop",
    "compact": "/slos?density=compact&columns=burn,budget&rows=25",
    "wrong": "/slos?sort=colour&q=service:nobody+state:fire",
    "choose a silence": "/slos/silence?slo=shop/checkout&slo=petuniverse-api/images",
    "past group": "/slos?group=owner&at=2026-11-21T11:15:00Z",
}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_lists_of_every_kind_are_accessible_and_fit_a_phone(
    site: Site, browser: Browser, theme: str
) -> None:
    context = browser.new_context(
        viewport=DESK, color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce"
    )
    page, watch = opened(context, site)
    try:
        for name, path in LISTS.items():
            page.set_viewport_size(DESK)
            page.goto(site.url + path)
            for summary in page.locator(".panel summary").all():
                if name == "grouped":
                    summary.click()
                    assert violations(page) == [], name
            assert violations(page) == [], name
            page.set_viewport_size(PHONE)
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, name
        assert watch.complaints == []
    finally:
        context.close()


_MIDDLE = "one => { const at = one.getBoundingClientRect(); return at.top + at.height / 2; }"


def test_at_1200_pixels_every_column_is_whole_and_boxes_stand_beside_their_states(
    site: Site, browser: Browser
) -> None:
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    page = context.new_page()
    try:
        page.goto(f"{site.url}/slos?q=service:shop")
        box = page.locator(".card.scroll")
        assert box.evaluate("one => one.scrollWidth - one.clientWidth") == 0
        for row in page.locator("tbody tr").all():
            chooses = row.locator(".c-choose input").evaluate(_MIDDLE)
            state = row.locator(".pill").first.evaluate(_MIDDLE)
            assert abs(chooses - state) <= 1.5
        page.set_viewport_size({"width": 390, "height": 900})
        for row in page.locator("tbody tr").all():
            chooses = row.locator(".c-choose input").evaluate(_MIDDLE)
            state = row.locator(".pill").first.evaluate(_MIDDLE)
            assert abs(chooses - state) <= 1.5
    finally:
        context.close()
