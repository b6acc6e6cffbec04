"""How a number came to be: every number opens until it is a list that adds up to it."""

import html
import re
from fractions import Fraction

import httpx
import pytest

from dashboards import format as write
from dashboards.source import TooMuchError
from tests.web.fakes import FakeSource

PATH = "/slos/shop/checkout/numbers"
AT = "2026-11-21T12:00:00Z"


async def opened(client: httpx.AsyncClient, path: str = PATH, **query: str) -> str:
    response = await client.get(path, params=query or None)
    assert response.status_code == 200, response.text
    return html.unescape(response.text)


def rows_of(page: str) -> list[tuple[str, int, int, int]]:
    """(from, good, bad, unknown) of the list."""
    listed = page[page.index('id="list"') :]
    found = []
    for row in re.findall(r"<tr>(.*?)</tr>", listed, re.DOTALL):
        cells = [re.sub("<[^>]*>", "", cell) for cell in re.findall("<t[hd].*?</t[hd]>", row)]
        if len(cells) == 7 and cells[2][0].isdigit():
            good, bad, unknown = (int(cell.replace(",", "")) for cell in cells[2:5])
            found.append((cells[0], good, bad, unknown))
    return found


def links_of(page: str) -> list[str]:
    """Where the list's rows lead."""
    listed = page[page.index('id="list"') :]
    return re.findall(r'<th scope="row" class="when"><a href="([^"]+)"', listed)


async def test_the_calculation_is_shown_with_the_numbers_filled_in(
    client: httpx.AsyncClient,
) -> None:
    page = await opened(client, at=AT)

    assert "0.999, as it was written" in page
    assert "= 252,864 / (252,864 + 216)" in page
    assert "allowed = (1 - T) x (good + bad) = 0.001 x 253,080 = 253.08 events" in page
    assert "spent = bad / allowed = 216 / 253.08 = 0.853485064011…" in page
    assert (
        "burn(1h) = (bad / (good + bad)) / (1 - T) = (4 / 360) / 0.001 = 11.111111111111…" in page
    )
    assert "P(at least 5 bad of 2,160, each with probability 0.001) = 0.0681, limit 0.0001" in page


@pytest.mark.parametrize("window", ["30d", "3d", "1d", "6h", "1h", "5m"])
async def test_every_window_opens_down_to_its_buckets_and_adds_up(
    client: httpx.AsyncClient, window: str
) -> None:
    page = await opened(client, at=AT, window=window)

    for _ in range(5):
        *rows, (_, *sums) = rows_of(page)
        assert [sum(column) for column in zip(*(row[1:] for row in rows), strict=True)] == sums
        assert "It adds up to the unit" in page or "Together" in page
        following = links_of(page)
        if not following:
            break
        page = await opened(client, following[-1].partition("#")[0])
    assert not links_of(page)
    assert sum(rows_of(page)[-1][1:]) <= 30


async def test_a_long_list_comes_in_pages_that_follow_each_other(
    client: httpx.AsyncClient,
) -> None:
    path, found, pages = f"{PATH}?at={AT}&window=1h&step=10s", list[int](), 0

    while path:
        page = await opened(client, path)
        *rows, sums = rows_of(page)
        found += [sum(row[1:]) for row in rows]
        pages += 1
        following = re.search(r'rel="next" href="([^"]+)"', page)
        path = following[1].partition("#")[0] if following else ""

    assert pages == 4
    assert len(found) == 360
    assert sum(found) == sum(sums[1:])


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"window": "9d"}, "is no window of this SLO"),
        ({"start": "2026-11-21T10:00:00Z"}, "is not a time"),
        ({"start": "2026-11-21T10:00:00Z", "end": "2026-11-21T09:00:00Z"}, "before the end"),
        ({"start": "2026-11-21T10:00:00Z", "end": "2027-01-01T00:00:00Z"}, "must not lie after"),
        ({"start": "2001-01-01T00:00:00Z", "end": AT}, "at most 400d"),
        ({"window": "1h", "step": "7m"}, "is no step"),
        ({"window": "1h", "after": "2026-11-01T00:00:00Z"}, "does not exist"),
        ({"at": "once"}, "not a time"),
    ],
    ids=["window", "end missing", "turned", "future", "too long", "step", "page", "moment"],
)
async def test_what_cannot_be_opened_is_refused_in_words(
    client: httpx.AsyncClient, query: dict[str, str], words: str
) -> None:
    response = await client.get(PATH, params=query)

    assert response.status_code == 400
    assert words in html.unescape(response.text)


async def test_counts_that_came_in_meanwhile_are_said_to(
    source: FakeSource, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = source.steps

    async def with_more(*asked: object) -> object:
        first, *others = await real(*asked)  # type: ignore[arg-type] # as they came
        return [first + first, *others]

    monkeypatch.setattr(source, "steps", with_more)

    page = await opened(client, at=AT, window="1h")

    assert "counts came in while this page was made" in page
    assert "adds up" not in page


async def test_without_events_there_is_no_ratio(
    client: httpx.AsyncClient,
) -> None:
    page = await opened(client, at="2026-11-20T00:30:00Z", window="5m")

    assert "burn(5m) = no data: nothing was observed" in page


async def test_an_slo_that_is_not_there_has_no_numbers(client: httpx.AsyncClient) -> None:
    response = await client.get("/slos/shop/nothing/numbers")

    assert response.status_code == 404


async def test_too_much_at_once_is_said_in_its_words(
    source: FakeSource, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> object:
        raise TooMuchError("The counts changed again and again.")

    monkeypatch.setattr(source, "as_of", refuse)

    response = await client.get(PATH)

    assert response.status_code == 503
    assert "The counts changed again and again." in response.text


async def test_the_slo_s_page_leads_from_its_numbers_to_their_origin(
    client: httpx.AsyncClient,
) -> None:
    page = await opened(client, "/slos/shop/checkout")
    numbers = await opened(client)

    for anchor in ("sli", "budget", "burn-1h", "rule-page-1h-5m", "rule-ticket-3d-6h"):
        assert f'href="{PATH}#{anchor}"' in page
        assert f'id="{anchor}"' in numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(1, 1000), "0.001"),
        (Fraction(1, 3), "0.333333333333…"),
        (Fraction(-1, 3), "-0.333333333333…"),
        (Fraction(12_345), "12,345"),
        (Fraction(1, 10**12), "0.000000000001"),
        (Fraction(1, 10**13), "0.000000000000…"),
        (Fraction(0), "0"),
    ],
)
def test_numbers_to_calculate_on_with_show_every_digit_or_say_that_they_go_on(
    value: Fraction, text: str
) -> None:
    assert write.exact(value) == text
