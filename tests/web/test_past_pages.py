"""Pages at a moment in the past: said plainly, kept from page to page, and never live."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from dashboards.source import AsOf, TooMuchError
from tests.web.fakes import NOW, FakeSource
from tests.web.test_pages import Outline, page

THEN = "2026-11-21T11:15:00Z"  # within the first incident, which began an hour before noon
PAGES = (
    "/",
    "/slos",
    "/slos?q=shop&sort=-burn",
    "/slos?service=petuniverse-api",
    "/slos/shop/checkout",
    "/slos/shop/checkout?range=7d",
    "/slos/shop/checkout/numbers",
    "/services",
    "/services/shop",
    "/incidents",
    "/incidents?state=triggered",
    "/incidents/INC0001",
)


def at(path: str, moment: str = THEN) -> str:
    return f"{path}{'&' if '?' in path else '?'}at={moment}"


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_says_at_its_top_that_it_is_the_past_and_leads_back(
    client: httpx.AsyncClient, path: str
) -> None:
    text = await page(client, at(path))

    assert "This is the past: " in text
    assert "Saturday, 2026-11-21 11:15:00 UTC" in text
    assert f'href="{path.replace("&", "&amp;")}">Back to now</a>' in text
    for words in ("1 day earlier", "1 hour earlier", "5 minutes later"):
        assert f">{words}</a>" in text
    assert "1 day later" not in text  # that would be the future
    outline = Outline(text)
    titles = [dict(attrs).get("data-topics") for tag, attrs in outline.tags if tag == "div"]
    assert "" in titles  # no topics: nothing is fetched when something changes
    assert not any(attrs.get("http-equiv") == "refresh" for _, attrs in outline.tags)
    assert not any("data-relative" in attrs for _, attrs in outline.tags)


@pytest.mark.parametrize("path", PAGES)
async def test_every_link_to_another_page_stays_at_the_moment(
    client: httpx.AsyncClient, path: str
) -> None:
    outline = Outline(await page(client, at(path)))

    back = path.partition("?")[0]
    for tag, attrs in outline.tags:
        for name in ("href", "data-url"):
            url = urlsplit(attrs.get(name) or "")
            # Exclusions and silences are books of all times, with those to come; how receivers
            # stand is told of now alone, and why somebody was told of what was written down then:
            # without a moment.
            timeless = ("/static/", "/exclusions", "/silences", "/receivers", "/why", "/audit")
            of_now = url.path.startswith(("/start", "/settings", "/status"))
            elsewhere = of_now or url.path.startswith(timeless)
            elsewhere = elsewhere or url.path.endswith("/postmortem")
            internal = url.path.startswith("/") and not elsewhere
            if tag in ("link", "script") or url.netloc or not internal:
                continue
            query = parse_qs(url.query)
            to_now = url.path == back and "at" not in query
            assert "at" in query or "end" in query or to_now, attrs[name]
    forms = [attrs for tag, attrs in outline.tags if tag == "form" and attrs["method"] == "get"]
    of_an_slo = path.partition("?")[0] == "/slos/shop/checkout"  # what its charts show
    search = [form for form in forms if form["action"] == "/search"]
    assert len(search) == 1
    assert len(forms) == 2 + 2 * (path.partition("?")[0] == "/slos") + of_an_slo
    kept = [attrs for tag, attrs in outline.tags if tag == "input" and attrs.get("name") == "at"]
    assert len(kept) == len(forms)


@pytest.mark.parametrize("path", PAGES)
async def test_of_now_a_page_offers_the_past(client: httpx.AsyncClient, path: str) -> None:
    text = await page(client, path)

    assert "This is the past" not in text
    assert "this page an hour ago</a>" in text
    assert "at=2026-11-21T11%3A00%3A07Z" in text


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        ("2026-11-21T12:00:08Z", "lies in the future"),
        ("1795262408", "lies in the future"),
        ("whenever", "is not a time"),
        ("2026-09-01T00:00:00Z", "nothing is kept from before 2026-09-22 12:00:07 UTC"),
    ],
    ids=["future", "future in epoch seconds", "nonsense", "before anything is kept"],
)
@pytest.mark.parametrize("path", PAGES)
async def test_a_moment_that_cannot_be_shown_is_an_error_in_words(
    client: httpx.AsyncClient, path: str, moment: str, words: str
) -> None:
    text = await page(client, at(path, moment), status=400)

    assert "This moment cannot be shown: " in text
    assert words in text


async def test_before_anything_was_counted_there_is_no_past(
    source: FakeSource, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "kept_since", lambda: None)

    text = await page(client, at("/"), status=400)

    assert "nothing has been counted yet" in text
    assert "an hour ago" not in await page(client, "/")


async def test_too_many_slos_at_once_are_said_to_be(
    source: FakeSource, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> object:
        raise TooMuchError("12,000 SLOs are too many: ask for one service.")

    monkeypatch.setattr(source, "as_of", refuse)

    assert "12,000 SLOs are too many" in await page(client, at("/"), status=503)


async def test_an_incident_counts_again_only_what_is_of_its_service(
    source: FakeSource, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_of, asked = source.as_of, list[Sequence[str] | None]()

    async def watched(at: datetime, slo_ids: Sequence[str] | None) -> Sequence[AsOf]:
        asked.append(slo_ids)
        return await as_of(at, slo_ids)

    monkeypatch.setattr(source, "as_of", watched)

    await page(client, at("/incidents/INC0001"))

    assert all(ids is not None and all(one.startswith("shop/") for one in ids) for ids in asked)
    assert any(asked)


async def test_the_overview_is_of_the_moment(client: httpx.AsyncClient) -> None:
    then = await page(client, at("/"))
    before = await page(client, at("/", "2026-11-21T10:59:00Z"))

    assert "Act now: 1\N{NO-BREAK SPACE}SLO is burning fast." in then
    assert "burning fast." not in before
    assert "Evaluated" not in then  # that was now
    assert "is 31 s late" not in then


async def test_epoch_seconds_are_a_moment_too(client: httpx.AsyncClient) -> None:
    assert "11:15:00 UTC" in await page(client, at("/", "1795259700"))


async def test_an_slo_is_shown_as_it_was_with_its_rules_as_recorded(
    client: httpx.AsyncClient,
) -> None:
    then = await page(client, at("/slos/shop/checkout"))
    before = await page(client, at("/slos/shop/checkout", "2026-11-21T10:59:00Z"))

    assert '<span class="phase p-firing">Firing</span>' in then
    assert '<span class="phase p-firing">Firing</span>' not in before
    assert "Short then" in then
    assert "Single runs are kept for a short while only" in then


async def test_nobody_acknowledges_in_the_past(client: httpx.AsyncClient) -> None:
    assert "/acknowledge" in await page(client, "/")
    assert "/acknowledge" not in await page(client, at("/"))
    assert "/acknowledge" not in await page(client, at("/slos/shop/checkout"))


async def test_incidents_are_shown_as_they_stood(client: httpx.AsyncClient) -> None:
    then = await page(
        client, at("/incidents", "2026-11-21T10:02:00Z")
    )  # number 2 is two minutes old
    later = await page(client, at("/incidents", "2026-11-21T10:10:00Z"))
    over = await page(client, at("/incidents", "2026-11-21T10:40:00Z"))

    def state(text: str) -> str:
        row = text.partition('id="incident-INC0002"')[2]
        return row.partition('class="istate i-')[2].partition('"')[0]

    assert [state(text) for text in (then, later, over)] == [
        "triggered",
        "acknowledged",
        "resolved",
    ]
    assert "INC0001" not in over  # it had not been opened yet


async def test_an_incident_leads_to_its_slo_as_it_was_then(client: httpx.AsyncClient) -> None:
    text = await page(client, "/incidents/INC0001")

    assert 'href="/slos/shop/checkout?at=2026-11-21T11%3A01%3A07Z">as it was then</a>' in text


async def test_in_its_first_minute_an_incident_leads_to_no_moment_that_is_still_to_come(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    detail = source.details["INC0001"]
    just_now = tuple(replace(one, started_at=NOW - timedelta(seconds=9)) for one in detail.alerts)
    source.details["INC0001"] = replace(detail, alerts=just_now)

    (then, *_) = re.findall(
        r'href="([^"]*)">as it was then', await page(client, "/incidents/INC0001")
    )

    await page(client, then)
