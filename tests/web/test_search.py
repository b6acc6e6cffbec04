"""One search over SLOs, services and incidents, from the frame of every page."""

import html
import re

import httpx
import pytest

from tests.web.fakes import FakeSource


async def found(client: httpx.AsyncClient, words: str) -> str:
    answer = await client.get("/search", params={"q": words})
    assert answer.status_code == 200
    return html.unescape(answer.text)


@pytest.mark.parametrize(
    ("words", "url"),
    [
        ("CHECKOUT", "/slos/shop/checkout"),
        ("shop check", "/slos/shop/checkout"),
        ("shop", "/services/shop"),
        ("shop-team", "/services/shop"),
        ("inc0001", "/incidents/INC0001"),
    ],
)
async def test_all_words_find_by_name_owner_and_id(
    client: httpx.AsyncClient, words: str, url: str
) -> None:
    assert f'href="{url}"' in (await found(client, words)).partition("<main")[2]


async def test_what_is_found_is_counted_and_what_is_called_so_comes_first(
    client: httpx.AsyncClient,
) -> None:
    page = await found(client, "checkout")  # which stands in its service's title, too

    assert re.search(r"Found: \d+.SLOs?, \d+.services?, \d+.incidents?\.", page)
    slos = page.partition('id="found-slos"')[2]
    assert re.findall(r'href="(/slos/[^"?]+)"', slos)[0] == "/slos/shop/checkout"
    assert "Nothing has all these words." in await found(client, "checkout zebra")


async def test_words_are_text_wherever_they_are_shown(client: httpx.AsyncClient) -> None:
    raw = (await client.get("/search", params={"q": "<img src=x>"})).text

    assert "<img" not in raw
    assert 'value="&lt;img src=x&gt;"' in raw


async def test_nothing_asked_asks_nothing_of_storage(
    client: httpx.AsyncClient, source: FakeSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuses(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(source, "incidents_at", refuses)

    assert (await client.get("/search")).status_code == 200


@pytest.mark.parametrize("path", ["/", "/slos", "/incidents/INC0001", "/silences", "/settings"])
async def test_every_page_has_the_box_and_the_way_to_silences(
    client: httpx.AsyncClient, path: str
) -> None:
    page = (await client.get(path)).text

    assert 'action="/search"' in page
    assert page.partition("<main")[0].count('href="/silences"') == 1


async def test_the_search_stays_at_the_moment_that_a_page_shows(client: httpx.AsyncClient) -> None:
    page = (await client.get("/?at=2026-11-21T11:15:00Z")).text

    assert '<input type="hidden" name="at" value="2026-11-21T11:15:00Z">' in page
