"""The pages of exclusions: a list, a form that previews, one exclusion with its trail."""

import html
import re
from dataclasses import replace
from datetime import timedelta
from urllib.parse import unquote

import httpx
import pytest

from dashboards.numbers import numbers_view, read_listing
from dashboards.source import AsOf
from slo.counts import Counts
from slo.status import Raw, SLOStatus
from tests.web.fakes import NOW, FakeSource
from tests.web.planned import EXCLUDE, assert_wrong, page


async def send(client: httpx.AsyncClient, path: str = "", **fields: str) -> httpx.Response:
    return await client.post(f"/exclusions{path}", data=fields)


async def test_nothing_is_excluded_at_first(client: httpx.AsyncClient) -> None:
    text = await page(client, "/exclusions")

    assert "Nothing is excluded" in text
    assert 'list="known"' in text
    assert '<option value="shop/checkout">' in text


async def test_the_form_excludes_and_leads_to_what_it_made(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    response = await send(client, **EXCLUDE)

    assert response.status_code == 303
    target = response.headers["location"]
    assert target == "/exclusions/exclusion-1?notice=made"
    (made,) = source.exclusions()
    assert (made.author, made.reason, made.scope.label) == (
        "ada",
        "a new <database>",
        "shop/checkout",
    )
    raw = (await client.get(target)).text
    assert "a new &lt;database&gt;" in raw
    text = html.unescape(raw)
    assert "Excluding now" in text
    assert "ada made it" in text
    assert 'action="/exclusions/exclusion-1/end"' in text
    listed = await page(client, "/exclusions")
    assert 'href="/exclusions/exclusion-1"' in listed
    assert "Nothing is excluded" in await page(client, "/exclusions?slo=shop/login")


async def test_a_preview_shows_the_next_five_times_and_keeps_what_was_written(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    wanted = EXCLUDE | {
        "action": "preview",
        "start": "2027-03-27T02:30",
        "rrule": "FREQ=DAILY",
        "zone": "Europe/Berlin",
    }

    response = await send(client, **wanted)

    text = html.unescape(response.text)
    assert response.status_code == 200
    assert "This would exclude 1\u00a0SLO: shop/checkout." in text
    assert "Sun 28 Mar 2027 01:30 to 03:30 UTC (03:30 to 05:30 in Europe/Berlin)" in text
    assert text.count("in Europe/Berlin)") == 5
    assert 'value="FREQ=DAILY"' in text
    assert source.exclusions() == []


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        ({"what": ""}, "what", "say what is excluded"),
        ({"what": "shop/chekout"}, "what", "there is no SLO for shop/chekout"),
        ({"what": "env=prod, x"}, "what", "'x' is no label"),
        ({"reason": " "}, "reason", "say why"),
        ({"name": ""}, "name", "say who you are"),
        ({"duration": "2"}, "duration", "is not a duration"),
        ({"zone": "Europe/Berln"}, "zone", "did you mean Europe/Berlin"),
        ({"start": "2026-09-01T00:00Z"}, "start", "kept for 35d"),
    ],
)
async def test_what_makes_no_sense_is_said_at_its_field(
    client: httpx.AsyncClient, source: FakeSource, wrong: dict[str, str], field: str, said: str
) -> None:
    response = await send(client, **(EXCLUDE | wrong))

    assert_wrong(response, field, said)
    assert source.exclusions() == []


async def test_one_is_ended_and_undone_by_who_is_remembered(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    await send(client, **EXCLUDE)

    ended = await send(client, "/exclusion-1/end", name="")
    undone = await send(client, "/exclusion-1/undo", name="grace")
    again = await send(client, "/exclusion-1/undo", name="grace")

    assert ended.headers["location"].endswith("?notice=ended")
    assert undone.headers["location"].endswith("?notice=undone")
    assert [(one.by, one.action) for one in source.trail] == [
        ("ada", "created"),
        ("ada", "ended"),
        ("grace", "undone"),
    ]
    assert again.status_code == 400
    assert "undone already" in again.text
    text = await page(client, "/exclusions/exclusion-1")
    assert "grace undid it" in text
    assert "/exclusion-1/undo" not in text


def with_raw(source: FakeSource) -> SLOStatus:
    """The status of the checkout as it is while 108 events are excluded."""
    status = source.status("shop/checkout")
    assert status is not None
    counts = status.window.counts + Counts(100, 7, 1)
    raw = Raw(replace(status.window, counts=counts), counts.good_ratio, status.budget)
    return replace(status, raw=raw, excluded_now=(NOW, NOW + timedelta(hours=1)))


def test_how_a_number_came_to_be_tells_what_is_excluded(source: FakeSource) -> None:
    told = AsOf(with_raw(source), {}, timedelta(seconds=10))
    listing = read_listing({}, told)

    view = numbers_view(told, listing, [], [], NOW, [(NOW - timedelta(hours=1), NOW)])

    assert view.excluded is not None
    assert "unknown events 100, 7 and 1 are excluded" in view.excluded
    assert view.stretches == (("2026-11-21 11:00:07", "2026-11-21 12:00:07"),)


async def test_an_slo_shows_the_raw_numbers_beside_the_others(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    told = with_raw(source)
    source.statuses_ = tuple(told if one.slo.id == told.slo.id else one for one in source.statuses_)

    text = await page(client, "/slos/shop/checkout")

    assert "108" in text[text.index("Excluded</dt>") :][:60]
    assert "100 good, 7 bad, 1 unknown" in text
    assert "Without exclusions" in text
    assert "Excluded until" in text
    assert 'href="/exclusions?slo=shop%2Fcheckout"' in text
    facts = (await client.get("/api/v1/slos/shop/checkout")).json()
    assert facts["raw"]["excluded"] == {"good": 100, "bad": 7, "unknown": 1, "total": 107}
    assert facts["excluded_until"] == "2026-11-21T13:00:07Z"


async def test_a_loss_leads_to_its_charts_and_to_the_form_that_excludes_it(
    client: httpx.AsyncClient,
) -> None:
    text = html.unescape((await client.get("/slos/shop/checkout")).text)
    urls = re.findall(r'href="(/exclusions\?slo=shop%2Fcheckout&start=[^"]+)"', text)
    form = await page(client, urls[0].partition("#")[0])

    assert len(urls) == 10
    assert 'value="shop/checkout"' in form
    start = re.search(r"&start=([^&]+)&", urls[0])
    assert start is not None
    assert f'value="{unquote(start[1])}"' in form
    assert re.search(r'href="/slos/shop/checkout\?from=[^"&]+&to=[^"&]+#charts" title="The', text)
    past = (await client.get("/slos/shop/checkout?at=2026-11-21T11:15:00Z")).text
    assert ">Exclude</a>" not in past
