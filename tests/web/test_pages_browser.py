"""The pages in a real browser: clean console, no stranger asked, accessible, live, by keyboard."""

import asyncio
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)

from alerting.incident import IncidentState
from alerting.silence import SilencePlan, read_matchers
from dashboards.source import Change
from slo.exclusion import Plan, Scope
from slo.recurrence import Once
from tests.web.fakes import NOW, FakeSource, make_incident, make_slo
from web.app import create_app
from web.serve import run, serve
from web.settings import WebSettings

CHROMIUM = "/usr/bin/chromium"
AXE = Path(__file__).parent.parent / "vendor" / "axe-4.14.1.min.js"
PAGES = {
    "overview": "/",
    "list": "/slos",
    "empty list": "/slos?q=zebra",
    "list in groups": "/slos?group=service",
    "list of what nobody understands": "/slos?q=state:purple&group=zebra&sort=taste",
    "slo": "/slos/shop/checkout",
    "slo without data": "/slos/petuniverse-api/uploads",
    "numbers": "/slos/shop/checkout/numbers",
    "numbers of a stretch": "/slos/shop/checkout/numbers?window=1h&step=10s",
    "service": "/services/shop",
    "services": "/services",
    "search": "/search?q=shop",
    "incidents": "/incidents",
    "incident": "/incidents/INC0001",
    "postmortem": "/incidents/INC0002/postmortem",
    "why": "/why",
    "why of an alert": "/why?of=ALERT0001",
    "why of a rule": "/why?of=shop/checkout",
    "exclusions": "/exclusions",
    "exclusion": "/exclusions/exclusion-1",
    "silences": "/silences",
    "receivers": "/receivers",
    "start": "/start",
    "settings": "/settings",
    "reports": "/reports",
    "report": "/reports/2026-11-20",
    "silences filled in": "/silences?matchers=service%3D%22shop%22&duration=1h",
    "silence": "/silences/silence-1",
    "nothing here": "/nowhere",
    "past overview": "/?at=2026-11-21T11:15:00Z",
    "past list": "/slos?at=2026-11-21T11:15:00Z",
    "slo in a stretch": "/slos/shop/checkout?from=now-30h&to=now-2h",
    "past slo": "/slos/shop/checkout?at=2026-11-21T11:15:00Z",
    "past service": "/services/shop?at=2026-11-21T11:15:00Z",
}
# They speak of one moment, or of none.
_KINDS = (
    "numbers",
    "exclusions",
    "exclusion",
    "silences",
    "silence",
    "receivers",
    "nothing",
    "past",
    "why",
    "postmortem",
    "start",
    "settings",
    "search",
)
STILL = {name for name in PAGES if name.partition(" ")[0] in {*_KINDS, "reports", "report"}}
DESK: ViewportSize = {"width": 1320, "height": 860}
PHONE: ViewportSize = {"width": 360, "height": 740}

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]


_CROWDED = """() => [...document.querySelectorAll('main .card, main .tag')].flatMap(one => {
  const next = one.nextElementSibling;
  if (next === null) return [];
  const a = one.getBoundingClientRect(), b = next.getBoundingClientRect();
  const gap = b.top < a.bottom - 1 ? b.left - a.right : b.top - a.bottom;
  return b.height > 0 && gap < 4 ? [`${one.textContent.trim().slice(0, 40)}: ${gap}`] : [];
})"""


def crowded(page: Page) -> list[str]:
    """Cards and labels that touch what follows them."""
    found: list[str] = page.evaluate(_CROWDED)
    return found


@dataclass
class Site:
    """The application on a real port, with its facts at hand and its loop to speak in."""

    source: FakeSource
    url: str
    loop: asyncio.AbstractEventLoop

    def publish(self, change: Change) -> None:
        """Tell every open stream."""
        for stream in self.source.subscriptions:
            self.loop.call_soon_threadsafe(stream.publish, change)


@pytest.fixture
def site() -> Iterator[Site]:
    """Serves until the test is over."""
    source, started = FakeSource(), threading.Event()
    once = Once(NOW - timedelta(hours=3), NOW + timedelta(hours=1))
    found: list[Site] = []
    stopping: list[asyncio.Event] = []

    async def main() -> None:
        await source.exclude(Plan(Scope("shop", "checkout"), once, "a new database", "ada"))
        shop = read_matchers(["service=shop"])
        await source.make_silence(SilencePlan(shop, once, "a new database", "ada"))
        stop = asyncio.Event()
        stopping.append(stop)
        app = create_app(source, settings=WebSettings(now=lambda: NOW, stop=stop))
        loop = asyncio.get_running_loop()

        def on_started(host: str, port: int) -> None:
            found.append(Site(source, f"http://{host}:{port}", loop))
            started.set()

        await serve(app, "127.0.0.1", 0, stop, on_started)

    thread = threading.Thread(target=lambda: run(main()))
    thread.start()
    assert started.wait(20)
    try:
        yield found[0]
    finally:
        found[0].loop.call_soon_threadsafe(stopping[0].set)
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield started
        started.close()


@dataclass
class Watch:
    """What a page did that it should not have."""

    home: str
    complaints: list[str] = field(default_factory=list)

    def on(self, page: Page) -> Page:
        page.on("console", lambda message: self._said(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._asked(request.url))
        return page

    def _said(self, kind: str, text: str) -> None:
        # A page that is not there is meant to answer 404, and the browser notes that.
        if kind in ("error", "warning") and "404 (Not Found)" not in text:
            self.complaints.append(text)

    def _asked(self, url: str) -> None:
        if urlsplit(url).netloc != self.home:
            self.complaints.append(f"asked {url}")


def opened(context: BrowserContext, site: Site) -> tuple[Page, Watch]:
    watch = Watch(urlsplit(site.url).netloc)
    return watch.on(context.new_page()), watch


def violations(page: Page) -> list[str]:
    """What axe finds to be serious or worse."""
    # The page's own policy forbids foreign scripts, so the test's tool comes by the debugger.
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("async () => (await axe.run(document)).violations")
    return [
        f"{one['id']}: {[node['html'][:160] for node in one['nodes']][:3]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_is_clean_and_accessible(site: Site, browser: Browser, theme: str) -> None:
    context = browser.new_context(
        viewport=DESK, color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce"
    )
    page, watch = opened(context, site)
    try:
        for name, path in PAGES.items():
            page.goto(site.url + path)
            if name not in STILL:
                expect(page.locator("#live-state")).to_have_attribute("data-state", "live")
            if name == "slo":
                expect(page.locator("figure canvas")).to_have_count(4)
            assert violations(page) == [], name
        assert watch.complaints == []
    finally:
        context.close()


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_no_card_and_no_label_touches_the_next(
    site: Site, browser: Browser, size: ViewportSize
) -> None:
    context = browser.new_context(viewport=size)
    page = context.new_page()
    try:
        found = {}
        for name, path in PAGES.items():
            page.goto(site.url + path)
            found[name] = crowded(page)
        assert {name: those for name, those in found.items() if those} == {}
    finally:
        context.close()


def test_no_page_scrolls_sideways_on_a_phone(site: Site, browser: Browser) -> None:
    context = browser.new_context(viewport=PHONE)
    page, watch = opened(context, site)
    try:
        for name, path in PAGES.items():
            page.goto(site.url + path)
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= PHONE["width"], (name, wide)
        assert watch.complaints == []
    finally:
        context.close()


@pytest.mark.parametrize("width", [390, 1400])
def test_who_was_told_and_why_is_shown_whole(site: Site, browser: Browser, width: int) -> None:
    context = browser.new_context(viewport=ViewportSize(width=width, height=900))
    page = context.new_page()
    page.goto(site.url + "/why?of=ALERT0001")

    cut_off = page.evaluate(
        """() => [...document.querySelectorAll("main *")]
            .filter(one => getComputedStyle(one).overflowX === "hidden")
            .filter(one => one.scrollWidth > one.clientWidth + 1)
            .map(one => one.className)"""
    )

    assert "silence S1 (a deploy, by ann)" in page.locator(".facts dd").nth(1).inner_text()
    assert cut_off == []
    context.close()


def test_very_long_names_do_not_widen_a_phone(site: Site, browser: Browser) -> None:
    name = "s" * 190
    detail = make_incident(5, name, name, IncidentState.ACKNOWLEDGED)
    site.source.details["INC0005"] = replace(
        detail, incident=replace(detail.incident, acknowledged_by="N" * 80, title=name)
    )
    first = site.source.statuses_[0]
    site.source.statuses_ = (
        replace(first, slo=make_slo(name, name), causes={"status " + "c" * 120: 200}),
        replace(first, slo=make_slo(name, "counted", probe=False)),
    )
    card = replace(site.source.services_[0], name=name, title=name, labels={name: name})
    site.source.services_ = (replace(card, owner=name, collectors=(f"{name}/health",)),)
    context = browser.new_context(viewport=PHONE)
    page, _ = opened(context, site)
    try:
        for path in (
            "/",
            "/slos",
            f"/slos/{name}/{name}",
            f"/slos/{name}/counted",
            "/services",
            f"/services/{name}",
            f"/incidents?service={name}",
            "/incidents/INC0005",
            "/why?of=INC0005",
            "/incidents/INC0005/postmortem",
        ):
            page.goto(site.url + path)
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= PHONE["width"], (path[:20], wide)
    finally:
        context.close()


def test_without_scripts_the_tables_stand_where_the_charts_would(
    site: Site, browser: Browser
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page, _ = opened(context, site)
    try:
        page.goto(f"{site.url}/slos/shop/checkout")

        charts = page.locator("figure.chart")
        expect(charts).to_have_count(4)
        for chart in charts.all():
            expect(chart.locator(".plot")).to_be_hidden()
            expect(chart.locator("summary")).to_be_hidden()
            expect(chart.locator("table:visible")).to_have_count(1)
    finally:
        context.close()


@pytest.mark.parametrize("scripts", [True, False])
def test_who_acknowledges_without_a_name_is_asked_for_it_at_the_field(
    site: Site, browser: Browser, scripts: bool
) -> None:
    context = browser.new_context(java_script_enabled=scripts)
    page, _ = opened(context, site)
    try:
        page.goto(site.url)
        page.get_by_role("button", name="Acknowledge the incident of shop").first.click()

        expect(page.get_by_role("alert")).to_have_text(
            "Say who you are first, so that the others know whom to ask."
        )
        expect(page.get_by_label("Your name")).to_be_focused()
    finally:
        context.close()


def test_an_incident_is_acknowledged_by_keyboard_alone(site: Site, browser: Browser) -> None:
    context = browser.new_context(viewport=DESK)
    page, watch = opened(context, site)
    try:
        page.goto(f"{site.url}/incidents/INC0001")
        for _ in range(30):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.id") == "name":
                break
        page.keyboard.type("Zoë")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Acknowledge"
        page.keyboard.press("Enter")

        expect(page.locator(".lead")).to_contain_text("Zoë has been on it")
        assert site.source.details["INC0001"].incident.state is IncidentState.ACKNOWLEDGED
        assert watch.complaints == []
    finally:
        context.close()


def test_a_note_that_was_begun_is_still_there_after_acknowledging(
    site: Site, browser: Browser
) -> None:
    context = browser.new_context(viewport=DESK)
    page, watch = opened(context, site)
    try:
        page.goto(f"{site.url}/incidents/INC0001")
        page.get_by_label("Note").fill("rolled <back>")
        page.get_by_label("Your name").fill("Zoë")
        page.get_by_role("button", name="Acknowledge").click()

        expect(page.locator(".notice")).to_contain_text("Acknowledged.")
        expect(page.get_by_label("Note")).to_have_value("rolled <back>")
        page.get_by_role("button", name="Add note").click()
        expect(page.locator(".notice")).to_contain_text("Written down")
        expect(page.get_by_label("Note")).to_have_value("")
        page.reload()
        expect(page.get_by_label("Note")).to_have_value("")
        assert watch.complaints == []
    finally:
        context.close()


def test_acknowledging_works_without_scripts(site: Site, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page, _ = opened(context, site)
    try:
        page.goto(f"{site.url}/incidents/INC0001")
        page.get_by_label("Your name").fill("Mia")
        page.get_by_role("button", name="Acknowledge").click()

        expect(page.locator(".notice")).to_contain_text("Acknowledged.")
    finally:
        context.close()


def test_a_change_is_shown_without_reloading_and_the_focus_stays(
    site: Site, browser: Browser
) -> None:
    context = browser.new_context(viewport=DESK)
    page, watch = opened(context, site)
    try:
        page.goto(f"{site.url}/slos/shop/checkout")
        expect(page.locator("#live-state")).to_have_attribute("data-state", "live")
        page.evaluate("window.untouched = true")
        page.locator("#table-budget summary").click()
        page.get_by_role("link", name="Runbook").focus()
        one, *others = site.source.statuses_
        site.source.statuses_ = (replace(one, causes={"a new cause": 210}), *others)
        site.publish(Change(1, frozenset({"shop/checkout"}), frozenset()))

        expect(page.locator(".causes")).to_contain_text("a new cause")
        assert page.evaluate("window.untouched")
        assert page.evaluate("document.activeElement.textContent") == "Runbook"
        expect(page.locator("#table-budget")).to_have_attribute("open", "")
        expect(page.locator("figure canvas")).to_have_count(4)
        assert watch.complaints == []
    finally:
        context.close()


def test_a_change_of_another_slo_fetches_nothing(site: Site, browser: Browser) -> None:
    context = browser.new_context(viewport=DESK)
    page, _ = opened(context, site)
    try:
        page.goto(f"{site.url}/slos/shop/checkout")
        expect(page.locator("#live-state")).to_have_attribute("data-state", "live")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        site.publish(Change(1, frozenset({"shop/login"}), frozenset()))
        site.publish(Change(2, frozenset({"shop/checkout"}), frozenset()))
        with page.expect_response(f"{site.url}/slos/shop/checkout"):
            pass

        assert asked.count(f"{site.url}/slos/shop/checkout") == 1
    finally:
        context.close()


def test_a_broken_stream_is_said_in_words(site: Site, browser: Browser) -> None:
    context = browser.new_context(viewport=DESK)
    page, _ = opened(context, site)
    try:
        page.goto(site.url)
        expect(page.locator("#live-state")).to_have_text("Live")
        page.route("**/api/v1/stream", lambda route: route.abort())
        for stream in site.source.subscriptions:
            site.loop.call_soon_threadsafe(stream.end)

        expect(page.locator("#live-state [role=status]")).to_have_text("Reconnecting")
        expect(page.locator("#live-state")).to_have_text(re.compile(r"Reconnecting [1-9]\d* s"))
    finally:
        context.close()


def test_a_change_of_the_state_is_read_out_at_most_once_in_five_seconds(
    site: Site, browser: Browser
) -> None:
    context = browser.new_context(viewport=DESK)
    page, watch = opened(context, site)
    try:
        page.goto(f"{site.url}/incidents/INC0001")
        expect(page.locator("#live-state")).to_have_attribute("data-state", "live")
        assert page.locator("#news").text_content() == ""
        page.evaluate("""() => {
            window.told = [];
            const news = document.getElementById("news");
            new MutationObserver(() => window.told.push(news.textContent))
                .observe(news, {childList: true});
        }""")
        detail = site.source.details["INC0001"]
        for number, state in enumerate(
            (IncidentState.ACKNOWLEDGED, IncidentState.TRIGGERED, IncidentState.RESOLVED), 1
        ):
            incident = replace(detail.incident, state=state, resolved_at=NOW, acknowledged_by="ann")
            site.source.details["INC0001"] = replace(detail, incident=incident)
            word = state.value.capitalize()
            site.publish(Change(number, frozenset(), frozenset({"INC0001"})))
            expect(page.locator("main .istate")).to_have_text(word)

        expect(page.locator("#news")).to_have_text("Resolved", timeout=8_000)
        assert page.evaluate("window.told") == ["Acknowledged", "Resolved"]
        assert watch.complaints == []
    finally:
        context.close()


def test_the_theme_flips_at_once_and_is_remembered(site: Site, browser: Browser) -> None:
    context = browser.new_context(viewport=DESK, color_scheme="light")
    page, watch = opened(context, site)
    try:
        page.goto(site.url)
        page.get_by_role("button", name="Change between light and dark").click()
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        page.goto(f"{site.url}/slos")

        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        assert watch.complaints == []
    finally:
        context.close()


def test_a_chart_is_read_with_the_arrow_keys(site: Site, browser: Browser) -> None:
    context = browser.new_context(viewport=DESK)
    page, watch = opened(context, site)
    try:
        page.goto(f"{site.url}/slos/shop/checkout")
        expect(page.locator("figure canvas")).to_have_count(4)
        page.locator("#plot-budget").focus()
        page.keyboard.press("End")

        said = page.locator("#said-budget")
        expect(said).to_contain_text("Budget left 18.")
        last = said.text_content()
        page.keyboard.press("ArrowLeft")
        expect(said).not_to_have_text(last or "")
        assert watch.complaints == []
    finally:
        context.close()


def test_where_nothing_was_bad_words_say_so_and_no_axis_counts_bad_ones(
    site: Site, browser: Browser
) -> None:
    context = browser.new_context(viewport=DESK)
    page = context.new_page()
    axes = page.locator("figure[data-chart=events] .u-axis")
    try:
        page.goto(f"{site.url}/slos/shop/checkout")
        expect(axes).to_have_count(3)

        page.goto(f"{site.url}/slos/shop/checkout?from=now-3h&to=now-1h")
        expect(axes).to_have_count(2)
        expect(page.locator("figure[data-chart=events] figcaption")).to_contain_text(
            "None of 720 probes failed."
        )
    finally:
        context.close()


def test_a_charts_figures_are_written_as_the_pages_are(site: Site, browser: Browser) -> None:
    context = browser.new_context(viewport=DESK)
    page = context.new_page()
    try:
        page.goto(f"{site.url}/slos/shop/checkout")
        told = page.locator("figure[data-chart=burn] .u-value")
        expect(told.last).to_contain_text("x")

        assert all(".0x" not in one for one in told.all_inner_texts())
    finally:
        context.close()


def test_a_cause_is_not_broken_inside_its_words(site: Site, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    page = context.new_page()
    try:
        page.goto(f"{site.url}/slos/shop/checkout")
        cell = page.locator(".causes tbody th").first
        cell.evaluate("one => { one.textContent = 'petuniverse/availability'; }")

        lines = cell.evaluate(
            """one => {
                const all = document.createRange();
                all.selectNodeContents(one);
                return all.getClientRects().length;
            }"""
        )
        assert lines == 1
    finally:
        context.close()


def test_the_list_is_sorted_searched_and_left_by_keyboard(site: Site, browser: Browser) -> None:
    context = browser.new_context(viewport=DESK)
    page, watch = opened(context, site)
    try:
        page.goto(f"{site.url}/slos")
        page.keyboard.press("/")
        page.keyboard.type("login")
        page.keyboard.press("Enter")
        expect(page.locator("tbody tr")).to_have_count(1)
        page.get_by_role("link", name="login", exact=True).focus()
        page.keyboard.press("Enter")

        expect(page.locator("h1")).to_have_text("login")
        assert watch.complaints == []
    finally:
        context.close()


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_an_incident_is_found_by_keyboard_from_any_page(
    site: Site, browser: Browser, viewport: ViewportSize
) -> None:
    context = browser.new_context(viewport=viewport)
    page, watch = opened(context, site)
    try:
        page.goto(f"{site.url}/services")
        page.keyboard.press("/")
        expect(page.locator("[data-shortcut='/']:focus")).to_have_count(1)
        page.keyboard.type("INC0001")
        page.keyboard.press("Enter")
        page.locator("main .incidents a.name").focus()
        page.keyboard.press("Enter")

        expect(page.locator(".meta .mono").first).to_have_text("INC0001")
        assert watch.complaints == []
    finally:
        context.close()


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_browser_whose_clock_is_an_hour_off_shows_the_same(
    site: Site, browser: Browser, hours: int
) -> None:
    def shown(off: int) -> str:
        context = browser.new_context(viewport=DESK)
        page = context.new_page()
        page.clock.set_system_time(NOW + timedelta(hours=off))
        page.route("**/charts.js", lambda route: route.abort())  # drawn sooner or later
        page.goto(f"{site.url}/slos/shop/checkout")
        text = page.locator("main").inner_text()
        context.close()
        return text

    assert shown(hours) == shown(0)


def test_a_stretch_is_dragged_over_shared_and_forgotten(site: Site, browser: Browser) -> None:
    context = browser.new_context(viewport=DESK)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page, watch = opened(context, site)
    try:
        page.goto(f"{site.url}/slos/shop/checkout")
        expect(page.locator("figure canvas")).to_have_count(4)
        over = page.locator("#plot-burn .u-over")
        over.scroll_into_view_if_needed()
        box = over.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 100, box["y"] + 40)
        page.mouse.down()
        page.mouse.move(box["x"] + 300, box["y"] + 60, steps=4)
        page.mouse.up()

        page.wait_for_url(re.compile(r"\?from=2026-11-\d\dT.*Z&to=2026-11-\d\dT.*Z#charts$"))
        shown = page.url.partition("#")[0]
        expect(page.get_by_label("From", exact=True)).to_have_value(re.compile("^2026-11-2"))
        page.get_by_role("link", name="Share").click()
        expect(page.get_by_role("status").filter(has_text="Link copied")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == shown
        over.dblclick(position={"x": 200, "y": 40})
        page.wait_for_url(f"{site.url}/slos/shop/checkout#charts")
        assert watch.complaints == []
    finally:
        context.close()


def test_a_stretch_is_typed_and_shared_without_scripts(site: Site, browser: Browser) -> None:
    context = browser.new_context(viewport=DESK, java_script_enabled=False)
    page = context.new_page()
    try:
        page.goto(f"{site.url}/slos/shop/checkout")
        page.get_by_label("From", exact=True).fill("now-3h")
        page.get_by_role("button", name="Show").click()
        expect(page.locator("#chart-burn")).to_have_text("Burn rate, last 3h")
        page.get_by_role("link", name="Share").click()

        expect(page.locator("#chart-burn")).to_have_text("Burn rate, 09:00 to 12:00 UTC")
        page.get_by_label("From", exact=True).fill("nwo-3h")
        page.get_by_role("button", name="Show").click()
        expect(page.get_by_role("alert")).to_contain_text("'nwo-3h' is not a time")
        expect(page.get_by_label("From", exact=True)).to_have_value("nwo-3h")
    finally:
        context.close()


def test_one_rule_is_opened_and_the_definition_is_copied(site: Site, browser: Browser) -> None:
    context = browser.new_context(viewport=DESK)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page, watch = opened(context, site)
    try:
        page.goto(f"{site.url}/slos/shop/checkout")
        legend = page.locator("#plot-burn .u-legend")
        expect(legend).to_contain_text("Over 5m")  # that of the rule that fires
        expect(legend).not_to_contain_text("Over 3d")
        page.get_by_role("link", name="ticket 1x (3d & 6h)").click()
        expect(legend).to_contain_text("Over 3d")
        expect(legend).not_to_contain_text("Over 1h")
        page.get_by_role("link", name="All rules").click()
        expect(legend).to_contain_text("Over 1h")

        page.get_by_role("button", name="Copy").click()
        expect(page.get_by_text("Definition copied")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()").startswith("services:\n  shop:\n")
        assert watch.complaints == []
    finally:
        context.close()
