"""The list of SLOs over HTTP: what it is asked by address, remembers, exports and leads to."""

import csv
import html
import io
from urllib.parse import unquote

import httpx
import pytest

from slo.status import BudgetState
from tests.web.fakes import LONG, MARKUP, FakeSource, make_slo, make_status


async def text_of(client: httpx.AsyncClient, path: str, status: int = 200) -> str:
    answer = await client.get(path, headers={"Accept": "text/html"})
    assert answer.status_code == status, answer.text
    return answer.text


@pytest.mark.parametrize(
    "query",
    [
        "sort=colour",
        f"q=service:{MARKUP}",
        f"group={MARKUP}",
        "columns=%22%3E%3Cscript%3E",
        f"q=owner:{LONG}",
        "q=service:%E2%80%AEgnitset",
        "after=%F0%9F%98%80",
        "after=WyJ3b3JzdCIsdHJ1ZSwwLCJhIiwiYiJd",
        "burn=2h",
    ],
    ids=ascii,
)
async def test_bad_input_is_said_on_the_page_and_nothing_is_broken(
    client: httpx.AsyncClient, query: str
) -> None:
    page = await text_of(client, f"/slos?{query}")

    assert '<div class="notice mistakes" role="status">' in page
    assert "<img src=x" not in page
    assert "<script>" not in page
    assert "\u202e" not in page.partition('class="notice mistakes"')[2].partition("</div>")[0]


async def test_the_sheet_holds_what_the_list_finds_in_its_order(client: httpx.AsyncClient) -> None:
    answer = await client.get("/slos.csv?q=service:shop&sort=-burn")

    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="slos.csv"'
    assert len(lines) == 6
    assert lines[0]["slo"] == "checkout"
    assert 'href="/slos.csv?q=service%3Ashop&amp;sort=-burn"' in await text_of(
        client, "/slos?q=service:shop&sort=-burn"
    )


async def test_a_layout_is_remembered_by_the_browser_and_undone(client: httpx.AsyncClient) -> None:
    wanted = {"columns": ["none", "burn"], "density": "compact", "rows": "25", "back": "/slos?q=a"}

    answer = await client.post("/slos/layout", data=wanted)

    assert (answer.status_code, answer.headers["location"]) == (303, "/slos?q=a")
    assert unquote(client.cookies["nines_list"]).strip('"') == (
        "columns=burn&density=compact&rows=25"
    )
    page = await text_of(client, "/slos")
    assert 'class="slos compact"' in page
    assert "Forecast</a></th>" not in page
    shared = await text_of(client, "/slos?density=roomy")
    assert 'class="slos"' in shared
    await client.post("/slos/layout", data={"as": "usual"})
    assert 'class="slos"' in await text_of(client, "/slos")


@pytest.mark.parametrize("cookie", ["%", "columns=%00&rows=x", "a" * 3000])
async def test_a_cookie_of_somebody_elses_changes_nothing(
    client: httpx.AsyncClient, cookie: str
) -> None:
    client.cookies.set("nines_list", cookie)

    page = await text_of(client, "/slos")

    assert 'class="slos"' in page
    assert "mistakes" not in page


async def test_a_layout_leads_back_into_this_site_alone(client: httpx.AsyncClient) -> None:
    answer = await client.post("/slos/layout", data={"back": "//elsewhere.example"})

    assert answer.headers["location"] == "/"


async def test_a_list_is_saved_by_a_name_and_forgotten(client: httpx.AsyncClient) -> None:
    told = {"name": " My <b>team</b> ", "query": "q=owner:shop-team&sort=colour&after=x"}

    answer = await client.post("/slos/views", data=told)

    assert answer.headers["location"] == "/slos?q=owner%3Ashop-team"
    page = await text_of(client, answer.headers["location"])
    link = '<a href="/slos?q=owner%3Ashop-team" aria-current="true">My &lt;b&gt;team&lt;/b&gt;</a>'
    assert link in page
    await client.post("/slos/views", data={"name": "My <b>team</b>", "act": "forget"})
    assert "&lt;b&gt;team" not in await text_of(client, "/slos")


@pytest.mark.parametrize(
    ("name", "words"), [("", "Say what this list is to be called"), ("x" * 41, "is too long")]
)
async def test_a_list_without_a_fitting_name_is_not_saved(
    client: httpx.AsyncClient, name: str, words: str
) -> None:
    answer = await client.post("/slos/views", data={"name": name, "query": "q=a"})

    assert answer.status_code == 400
    assert words in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/slos/layout", "/slos/views"])
async def test_no_other_site_changes_what_one_is_used_to(
    client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.post(path, data={"name": "x"}, headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_two_of_a_service_are_silenced_by_one_form_that_shows_what_it_would_do(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    answer = await client.get("/slos/silence?slo=shop/checkout&slo=shop/login&slo=no/such")

    assert answer.status_code == 303
    page = html.unescape(await text_of(client, answer.headers["location"]))
    assert 'value="service="shop", slo=~"checkout|login""' in page
    assert "This would mute" in page
    assert source.silences() == []


async def test_of_two_services_there_is_a_form_for_each(client: httpx.AsyncClient) -> None:
    page = await text_of(client, "/slos/silence?slo=shop/checkout&slo=petuniverse-api/images")

    assert "Silence 2" in page
    assert page.count('href="/silences?') == 2


async def test_without_a_choice_it_says_how_to_make_one(client: httpx.AsyncClient) -> None:
    assert "No SLO is chosen" in await text_of(client, "/slos/silence")


async def test_a_silence_that_makes_no_sense_is_not_previewed(client: httpx.AsyncClient) -> None:
    page = await text_of(client, "/silences?matchers=%7B%7B&preview=yes", 400)

    assert "This makes no sense yet" in page


async def test_when_nothing_is_known_the_list_says_so_and_is_not_called_empty(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    source.statuses_ = ()

    page = await text_of(client, "/slos")

    assert "Nothing is known yet" in page
    assert "configured, and nothing is known of any yet" in page


async def test_an_slo_that_nothing_can_be_told_of_is_missed_aloud(
    client: httpx.AsyncClient, source: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = source.status
    monkeypatch.setattr(
        FakeSource, "status", lambda _, slo_id: None if "login" in slo_id else told(slo_id)
    )

    page = (await text_of(client, "/slos")).replace("\N{NO-BREAK SPACE}", " ")

    assert "Of 1 SLO nothing could be told just now." in page


async def test_a_label_groups_its_services(client: httpx.AsyncClient) -> None:
    page = await text_of(client, "/slos?group=label:env&open=prod")

    assert 'aria-expanded="true">prod</a>' in page
    assert 'id="row-shop/checkout"' in page


async def test_the_past_has_no_boxes_to_choose(client: httpx.AsyncClient) -> None:
    page = await text_of(client, "/slos?at=2026-11-21T11:15:00Z&group=service&open=shop")

    assert 'type="checkbox" name="slo"' not in page
    assert "Silence chosen" not in page


async def test_many_services_are_not_listed_whole(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    source.statuses_ = tuple(
        make_status(make_slo(f"s-{n:03}", "a"), (1_000, n, 0), budget_state=BudgetState.HEALTHY)
        for n in range(100)
    )

    page = (await text_of(client, "/slos")).replace("\N{NO-BREAK SPACE}", " ")

    assert "92 more: search for service:name" in page
    assert page.count('class="facet"') < 20
