"""The pages answer without scripts: rendered, escaped, and their forms work."""

import re
from dataclasses import replace
from datetime import datetime
from html.parser import HTMLParser
from urllib.parse import quote

import httpx
import pytest

from alerting.incident import IncidentState
from dashboards.source import Point
from slo.status import BudgetState, NowState
from tests.web.fakes import LONG, MARKUP, FakeSource, make_incident, make_slo, make_status

PAGES = (
    "/",
    "/slos",
    "/slos?q=shop&sort=-burn&burn=6h",
    "/slos?q=zebra",
    "/slos/shop/checkout",
    "/slos/shop/checkout?range=7d",
    "/slos/shop/search-latency",
    "/slos/petuniverse-api/uploads",
    f"/slos/shop/{quote(MARKUP, safe='')}",
    f"/slos/petuniverse-api/{LONG}",
    "/services",
    "/services/shop",
    "/services/petuniverse-api",
    "/incidents",
    "/incidents?state=resolved&service=shop",
    "/incidents/INC0001",
    "/incidents/INC0002",
    "/incidents/INC0003?notice=acknowledged",
)


class Outline(HTMLParser):
    """What a page is made of: its tags and attributes, in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


async def page(client: httpx.AsyncClient, path: str, status: int = 200) -> str:
    response = await client.get(path, headers={"Accept": "text/html"})
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    return response.text


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_runs_nothing_inline_and_asks_nobody_else(
    client: httpx.AsyncClient, path: str
) -> None:
    outline = Outline(await page(client, path))

    for tag, attributes in outline.tags:
        assert tag != "style"
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        if tag in ("script", "link", "img"):
            assert (attributes.get("src") or attributes.get("href") or "").startswith("/static/")


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_has_one_heading_a_title_and_no_id_twice(
    client: httpx.AsyncClient, path: str
) -> None:
    html = await page(client, path)
    outline = Outline(html)

    ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert sum(tag == "h1" for tag, _ in outline.tags) == 1
    assert re.search(r"<title>.+ · Nines</title>", html)
    assert len(ids) == len(set(ids)), [each for each in ids if ids.count(each) > 1]


HOSTILE = (
    pytest.param(MARKUP, id="markup"),
    pytest.param("\u202egnitsoh\u202c شبكة", id="right to left"),
    pytest.param("x" * 200, id="two hundred characters"),
    pytest.param("a/b?c#d%2F..", id="an address in itself"),
    pytest.param("</script><script>alert(1)</script>", id="a script"),
)


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_name_is_text_and_its_links_lead_to_its_page(
    client: httpx.AsyncClient, source: FakeSource, name: str
) -> None:
    source.statuses_ = (
        make_status(
            make_slo("shop", name),
            (990, 10, 0),
            budget_state=BudgetState.EXHAUSTED,
            now_state=NowState.BURNING_FAST,
        ),
    )
    listed = Outline(await page(client, "/slos"))
    overview = Outline(await page(client, "/"))

    for outline in (listed, overview):
        assert "img" not in [tag for tag, _ in outline.tags]
        assert len([tag for tag, _ in outline.tags if tag == "script"]) == 2
        links = [attributes.get("href") or "" for tag, attributes in outline.tags if tag == "a"]
        target = next(link for link in links if link.startswith("/slos/"))
        assert name[:20] in Text(await page(client, target)).heading


class Text(HTMLParser):
    """The first heading's text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.heading = ""
        self._inside = False
        self.feed(html)

    def handle_starttag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
        self._inside = self._inside or tag == "h1"

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "h1"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.heading += data


@pytest.mark.parametrize(
    "path", ["/slos/shop/nothing", "/services/nothing", "/incidents/nothing", "/nowhere/at/all"]
)
async def test_what_is_not_there_is_a_page_that_says_so(
    client: httpx.AsyncClient, path: str
) -> None:
    html = await page(client, path, 404)

    assert "Nothing here" in html
    assert 'href="/slos"' in html


async def test_a_page_that_fails_says_so_in_the_same_frame(
    client: httpx.AsyncClient, source: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise RuntimeError("the secret behind it")

    monkeypatch.setattr(source, "collectors", broken)
    html = await page(client, "/slos/shop/checkout", 500)

    assert "That failed" in html
    assert "secret" not in html


async def test_a_cursor_of_another_list_is_an_error_in_words(client: httpx.AsyncClient) -> None:
    html = await page(client, "/incidents?cursor=nonsense", 400)

    assert "This place in the list of incidents does not exist." in html


async def test_without_slos_the_overview_shows_how_to_begin(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    source.statuses_ = ()
    source.services_ = ()
    source.rules_ = ()
    source.details = {}
    html = await page(client, "/")

    assert "Nothing is watched yet." in html
    assert "objective: 99.9%" in html


async def test_an_slo_with_unknowns_only_says_whose_failure_it_is(
    client: httpx.AsyncClient, source: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unknown(_: str, start: datetime, *__: object) -> list[Point]:
        return [Point(start, 0, 0, 50)]

    monkeypatch.setattr(source, "points", unknown)
    source.statuses_ = (
        make_status(make_slo("shop", "blind"), (0, 0, 50), budget_state=BudgetState.NO_DATA),
    )
    html = await page(client, "/slos/shop/blind")

    assert "all 50 probes of the last 30d are unknown, because we failed to look" in html
    assert "100 %" not in html.replace("\N{NO-BREAK SPACE}", " ")


async def test_the_monitors_own_trouble_is_on_every_page(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    source.health_ = replace(source.health_, problems=("The disk is full.",))

    for path in ("/", "/slos", "/incidents/INC0001"):
        assert "The disk is full." in await page(client, path)


async def test_acknowledging_takes_the_incident_and_remembers_the_name(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    answer = await client.post("/incidents/INC0001/acknowledge", data={"name": "  Zoë\tØ "})

    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/incidents/INC0001?notice=acknowledged",
    )
    assert source.details["INC0001"].incident.acknowledged_by == "Zoë Ø"
    assert "httponly" in answer.headers["set-cookie"].lower()
    assert "Zoë Ø is on it" in await page(client, "/")


async def test_the_remembered_name_needs_no_second_telling(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    client.cookies.set("nines_name", quote("Mia"))
    html = await page(client, "/incidents/INC0001")
    answer = await client.post("/incidents/INC0001/acknowledge")

    assert 'value="Mia"' in html
    assert answer.headers["location"] == "/incidents/INC0001?notice=acknowledged"
    assert source.details["INC0001"].incident.acknowledged_by == "Mia"


async def test_nobody_acknowledges_without_a_name(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    answer = await client.post("/incidents/INC0001/acknowledge", data={"name": " \n "})

    assert answer.headers["location"] == "/incidents/INC0001?notice=name#name"
    assert source.details["INC0001"].incident.state is IncidentState.TRIGGERED
    assert "Say who you are first" in await page(client, "/incidents/INC0001?notice=name")


async def test_acknowledging_a_resolved_incident_changes_nothing_and_says_so(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    answer = await client.post("/incidents/INC0002/acknowledge", data={"name": "Zoë"})
    html = await page(client, answer.headers["location"])

    assert source.details["INC0002"].incident.state is IncidentState.RESOLVED
    assert "acknowledging changed nothing" in html


async def test_acknowledging_what_somebody_has_changes_nothing_and_says_so(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    first = await client.post("/incidents/INC0001/acknowledge", data={"name": "Ada"})
    answer = await client.post("/incidents/INC0001/acknowledge", data={"name": "Zoë"})
    html = await page(client, answer.headers["location"])

    assert first.headers["location"].endswith("?notice=acknowledged")
    assert source.details["INC0001"].incident.acknowledged_by == "Ada"
    assert "Somebody has it already: acknowledging it again changed nothing." in html


async def test_another_site_cannot_acknowledge(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    answer = await client.post(
        "/incidents/INC0001/acknowledge",
        data={"name": "Mallory"},
        headers={"Sec-Fetch-Site": "cross-site"},
    )

    assert answer.status_code == 403
    assert source.details["INC0001"].incident.state is IncidentState.TRIGGERED


async def test_an_old_open_incident_is_not_pushed_out_by_young_ones(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    closed = [make_incident(n, "shop", f"slo-{n}", IncidentState.RESOLVED) for n in range(1, 20)]
    old = make_incident(400, "petuniverse-api", "forgotten", IncidentState.TRIGGERED)
    source.details = {detail.incident.id: detail for detail in [*closed, old]}

    assert "/incidents/INC0400" in await page(client, "/")


@pytest.mark.parametrize(
    ("theme", "attribute"), [("dark", 'data-theme="dark"'), ("light", 'data-theme="light"')]
)
async def test_the_theme_is_remembered_and_rendered(
    client: httpx.AsyncClient, theme: str, attribute: str
) -> None:
    answer = await client.post("/theme", data={"theme": theme, "back": "/slos?q=a"})

    assert answer.headers["location"] == "/slos?q=a"
    assert f'<html lang="en" {attribute}>' in await page(client, "/slos")


async def test_the_theme_form_leads_nowhere_else(client: httpx.AsyncClient) -> None:
    answer = await client.post("/theme", data={"theme": "dark", "back": "//evil.example"})

    assert answer.headers["location"] == "/"


async def test_a_static_file_is_kept_for_ever_under_its_hash(client: httpx.AsyncClient) -> None:
    url = re.search(r"/static/[0-9a-f]{16}/css/nines\.css", await page(client, "/"))
    assert url is not None
    answer = await client.get(url[0])

    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert answer.headers["content-encoding"] == "gzip"


async def test_an_old_hash_gets_the_new_file_unkept(client: httpx.AsyncClient) -> None:
    answer = await client.get("/static/0123456789abcdef/js/main.js")

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("name", ["../pages.py", "%2e%2e/pages.py", "css", "nothing.js"])
async def test_only_the_static_folder_is_served(client: httpx.AsyncClient, name: str) -> None:
    assert (await client.get(f"/static/0123456789abcdef/{name}")).status_code == 404


async def test_a_service_lists_its_thresholds_the_firing_first(client: httpx.AsyncClient) -> None:
    html = await page(client, "/services/shop")

    assert 'id="rule-cpu"' in html
    assert html.index('id="rule-cpu"') < html.index('id="rule-disk"')
    assert "above 70\u00a0% for 5m" in html
    assert "2 of 3 series of cpu are above 70\u00a0%" in html
    assert "The page of 12 lines has no series for disk_free" in html
    assert "a confirming look at 11:20:01 UTC passed" in html
    assert MARKUP not in html


async def test_a_service_without_thresholds_says_nothing_of_them(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    source.rules_ = ()

    assert "Thresholds" not in await page(client, "/services/shop")


async def test_the_overview_names_what_is_crossed(client: httpx.AsyncClient) -> None:
    html = await page(client, "/")

    assert "Thresholds crossed" in html
    assert '<a class="name" href="/services/shop#rule-cpu">cpu</a>' in html
    assert "rule-disk" not in html  # that is silent, and crosses nothing


@pytest.mark.parametrize(
    "path", ["/silences", "/exclusions", "/receivers", "/reports", "/settings"]
)
async def test_every_page_begins_with_what_burns_though_no_list_was_asked_for(
    client: httpx.AsyncClient, source: FakeSource, path: str
) -> None:
    source.statuses_ = (
        make_status(
            make_slo("shop", "checkout"),
            (990, 10, 0),
            budget_state=BudgetState.HEALTHY,
            now_state=NowState.BURNING_FAST,
        ),
    )

    assert "<title>(1!) " in await page(client, path)


async def test_a_stretch_that_cannot_be_shown_is_said_above_the_usual_one(
    client: httpx.AsyncClient,
) -> None:
    html = await page(client, "/slos/shop/checkout?from=nwo-3h&to=now", 400)

    assert "This stretch cannot be shown: &#39;nwo-3h&#39; is not a time" in html
    assert 'value="nwo-3h" maxlength="40" placeholder="now-36h" autocomplete="off"' in html
    assert 'aria-invalid="true" aria-describedby="span-problem"' in html
    assert "Burn rate, last 1d" in html


async def test_a_stretch_of_the_past_asks_for_its_points_and_changes_no_tile(
    client: httpx.AsyncClient,
) -> None:
    usual = await page(client, "/slos/shop/checkout")
    html = await page(client, "/slos/shop/checkout?from=2026-11-21T09:00Z&to=now-1h")

    asked = "start=2026-11-21T09%3A00%3A00Z&amp;end=now-1h&amp;include=burn"
    assert asked in html
    assert asked not in usual
    tiles = [
        text.partition('<dl class="figures">')[2].partition("</dl>")[0] for text in (usual, html)
    ]
    assert tiles[0] == tiles[1]


async def test_an_slo_says_who_would_be_told_by_each_of_its_rules(
    client: httpx.AsyncClient,
) -> None:
    html = await page(client, "/slos/shop/checkout")
    past = await page(client, "/slos/shop/checkout?at=2026-11-21T11:15:00Z")

    assert '<td class="mid seen-short">oncall</td>' in html
    assert '<td class="mid seen-short">mail</td>' in html
    assert ">Tells</th>" not in past


async def test_an_slos_definition_stands_on_its_page_in_yaml(client: httpx.AsyncClient) -> None:
    html = await page(client, "/slos/shop/checkout")

    assert "services:\n  shop:\n    slos:\n      checkout:\n        objective: [99.9%]\n" in html


async def test_a_services_open_incident_is_taken_and_silenced_from_its_top(
    client: httpx.AsyncClient,
) -> None:
    head = (await page(client, "/services/shop")).partition('<p class="meta">')[0]
    past = await page(client, "/services/shop?at=2026-11-21T11:45:00Z")

    assert 'href="/incidents/INC0001">Open incident</a>' in head
    assert 'action="/incidents/INC0001/acknowledge"><button>Acknowledge</button>' in head
    assert 'href="/silences?matchers=service%3D%22shop%22&amp;duration=1h#silence"' in head
    assert "acknowledge" not in past.partition('<p class="meta">')[0]


async def test_a_cause_may_be_broken_behind_a_slash(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    first, *others = source.statuses_
    source.statuses_ = (replace(first, causes={"shop/<b>availability": 3}), *others)

    html = (await client.get("/slos/shop/checkout")).text

    assert '<th scope="row">shop/<wbr>&lt;b&gt;availability</th>' in html
