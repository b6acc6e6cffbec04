"""The pages of silences: a list, a form that previews, one silence with its trail."""

import html
import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from alerting.incident import IncidentState
from alerting.silence import Silence, read_matchers
from dashboards.silences_page import repeat_url
from slo.planning import read_schedule
from slo.recurrence import Once
from tests.web.fakes import FakeSource
from tests.web.planned import SILENCE, assert_wrong, page


async def send(client: httpx.AsyncClient, path: str = "", **fields: str) -> httpx.Response:
    return await client.post(f"/silences{path}", data=fields)


async def test_nothing_is_silenced_at_first(client: httpx.AsyncClient) -> None:
    text = await page(client, "/silences")

    assert "Nothing is silenced" in text
    assert '<option value="service="shop", slo="checkout"">' in text
    assert 'href="/silences"' in await page(client, "/")


async def test_the_form_silences_and_leads_to_what_it_made(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    response = await send(client, **SILENCE, until_resolved="yes")

    assert response.status_code == 303
    target = response.headers["location"]
    assert target == "/silences/silence-1?notice=made"
    (made,) = source.silences()
    assert (made.author, made.reason, made.label) == ("ada", "a new <database>", 'service="shop"')
    assert made.until_resolved
    raw = (await client.get(target)).text
    assert "a new &lt;database&gt;" in raw
    text = html.unescape(raw)
    assert "Muting now, ends in 2 h" in text.replace("\u00a0", " ")
    assert "ada made it" in text
    assert "as soon as nothing that it mutes fires any more" in text
    assert 'href="/incidents/INC0001"' in text
    assert 'action="/silences/silence-1/end"' in text
    assert 'href="/silences/silence-1"' in await page(client, "/silences")


async def test_a_preview_names_whom_it_mutes_without_a_name_or_a_reason(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    wanted = SILENCE | {"action": "preview", "name": "", "reason": "", "until_resolved": "yes"}

    response = await send(client, **wanted)

    text = html.unescape(response.text).replace("\u00a0", " ")
    assert response.status_code == 200
    assert re.search(r"This would mute \d alerts that fire now\.", text)
    assert re.search(r"It would have muted \d alerts of the last seven days\.", text)
    assert re.search(r"shop/checkout, page</a><span class=\"sub\">since", text)
    assert 'value="service="shop""' in text
    assert re.search(r'type="checkbox" value="yes" checked', text)
    assert "formnovalidate" in text
    assert source.silences() == []


async def test_a_preview_shows_the_next_five_times(client: httpx.AsyncClient) -> None:
    wanted = SILENCE | {
        "action": "preview",
        "start": "2027-03-27T02:30",
        "rrule": "FREQ=DAILY",
        "zone": "Europe/Berlin",
    }

    text = html.unescape((await send(client, **wanted)).text)

    assert "Sun 28 Mar 2027 01:30 to 03:30 UTC (03:30 to 05:30 in Europe/Berlin)" in text
    assert text.count("in Europe/Berlin)") == 5
    assert "at its times of the week" in text


async def test_what_nothing_fits_is_said(client: httpx.AsyncClient) -> None:
    text = html.unescape(
        (await send(client, **(SILENCE | {"action": "preview", "matchers": "service=blog"}))).text
    )

    assert "This would mute no alert that fires now." in text


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        ({"matchers": ""}, "matchers", "write at least one matcher"),
        ({"matchers": 'a!="b"'}, "matchers", "does not match everything"),
        ({"matchers": "shop"}, "matchers", "expected one of"),
        ({"reason": " "}, "reason", "say why"),
        ({"name": ""}, "name", "say who you are"),
        ({"duration": "2"}, "duration", "is not a duration"),
        ({"zone": "Europe/Berln"}, "zone", "did you mean Europe/Berlin"),
        ({"start": "2026-09-01T00:00Z"}, "end", "ends before now"),
        (
            {"rrule": "FREQ=DAILY", "zone": "UTC", "until_resolved": "yes"},
            "until_resolved",
            "recurs",
        ),
    ],
)
async def test_what_makes_no_sense_is_said_at_its_field(
    client: httpx.AsyncClient, source: FakeSource, wrong: dict[str, str], field: str, said: str
) -> None:
    response = await send(client, **(SILENCE | wrong))

    assert_wrong(response, field, said)
    assert source.silences() == []


async def test_when_it_holds_is_told_once_where_it_does_not_recur(
    client: httpx.AsyncClient,
) -> None:
    await send(client, **SILENCE)
    await send(client, **SILENCE, rrule="FREQ=DAILY", zone="Europe/Berlin")

    assert "Next times" not in await page(client, "/silences/silence-1")
    assert "Next times" in await page(client, "/silences/silence-2")


async def test_one_is_ended_by_who_is_remembered(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    await send(client, **SILENCE)

    ended = await send(client, "/silence-1/end", name="")
    again = await send(client, "/silence-1/end", name="grace")

    assert ended.headers["location"].endswith("?notice=ended")
    assert [(one.by, one.action) for one in source.silence_trail] == [
        ("ada", "created"),
        ("ada", "ended"),
    ]
    assert again.status_code == 400
    assert "expired already" in again.text
    text = await page(client, "/silences/silence-1")
    assert "ada ended it" in text
    assert "/silence-1/end" not in text


async def test_an_open_incident_leads_to_the_form_filled_in(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    text = await page(client, "/incidents/INC0001")

    found = re.search(r'href="(/silences\?[^"]*)">Silence<', text)
    assert found is not None
    form = await page(client, found[1].partition("#")[0])
    assert 'value="service="shop", slo="checkout""' in form
    assert 'value="1h"' in form
    (over,) = [
        one.incident.id
        for one in source.details.values()
        if one.incident.state is IncidentState.RESOLVED and one.incident.service == "shop"
    ]
    assert ">Silence<" not in await page(client, f"/incidents/{over}")


async def test_tabs_part_what_mutes_what_is_to_come_and_what_is_over(
    client: httpx.AsyncClient,
) -> None:
    await send(client, **SILENCE)
    await send(client, **SILENCE | {"matchers": 'service="later"', "start": "2026-11-22T10:00Z"})
    await send(client, **SILENCE | {"matchers": 'service="gone"'})
    await send(client, "/silence-3/end", name="ada")

    pages = {
        state: await page(client, f"/silences?state={state}")
        for state in ("active", "pending", "expired", "nonsense")
    }

    for words in ("Active <b>1</b>", "Upcoming <b>1</b>", "Expired <b>1</b>"):
        assert words in pages["active"]
    assert 'href="/silences/silence-1"' in pages["active"]
    assert 'href="/silences/silence-2"' not in pages["active"]
    assert 'href="/silences/silence-2"' in pages["pending"]
    assert 'href="/silences/silence-3"' in pages["expired"]
    assert 'href="/silences/silence-1"' in pages["nonsense"]


async def test_a_silence_says_what_it_takes_now_and_what_it_held_back(
    client: httpx.AsyncClient,
) -> None:
    await send(client, **SILENCE | {"start": "2026-11-21T11:30Z"})
    takes = r"\d alerts now; muted \d alerts? in seven days"

    assert re.search(takes, (await page(client, "/silences")).replace("\u00a0", " "))
    assert re.search(takes, (await page(client, "/silences/silence-1")).replace("\u00a0", " "))


async def test_a_silence_that_ends_within_half_an_hour_is_marked(client: httpx.AsyncClient) -> None:
    await send(client, **SILENCE | {"duration": "25m"})

    assert '<strong class="soon">Muting now, ends in 25' in await page(client, "/silences")


async def test_a_silence_is_extended_by_an_hour(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    await send(client, **SILENCE)
    before = source.silences()[0].over_by
    done = await send(client, "/silence-1/extend", name="bob")

    assert done.status_code == 303
    assert "Extended by an hour." in await page(client, done.headers["location"])
    (kept,) = [one for one in source.silences() if one.ended_at is None]
    assert before is not None
    assert kept.over_by == before + timedelta(hours=1)


async def test_what_recurs_or_is_over_is_not_extended(client: httpx.AsyncClient) -> None:
    rule = {"start": "2026-11-21T22:00", "rrule": "FREQ=DAILY", "zone": "Europe/Berlin"}
    await send(client, **SILENCE | rule)
    await send(client, **SILENCE)
    await send(client, "/silence-2/end", name="ada")
    recurs = await send(client, "/silence-1/extend", name="ada")
    over = await send(client, "/silence-2/extend", name="ada")
    none = await send(client, "/none/extend", name="ada")

    assert (recurs.status_code, over.status_code, none.status_code) == (400, 400, 404)
    assert "It recurs, so that there is no end to put off: make another." in recurs.text
    assert "It is over already: repeat it." in over.text
    assert "Extend by 1 h" not in await page(client, "/silences/silence-1")


async def test_a_silence_is_repeated_by_a_form_that_is_filled_in(client: httpx.AsyncClient) -> None:
    await send(client, **SILENCE)
    text = await page(client, "/silences")
    again = re.search(r'href="([^"]+)" aria-label="Repeat the silence of service="shop""', text)

    assert again is not None
    form = await page(client, again[1].partition("#")[0])
    assert 'value="service="shop""' in form
    assert 'value="2h"' in form
    assert 'value="a new <database>"' in form


async def test_an_empty_tab_does_not_say_that_nothing_is_silenced(
    client: httpx.AsyncClient,
) -> None:
    await send(client, **SILENCE)

    over = await page(client, "/silences?state=expired")
    planned = await page(client, "/silences?state=pending")

    for text in (over, planned):
        assert "Nothing is silenced" not in text
        assert "everybody is told" not in text
        assert "Of all silences there are 1 active, 0 upcoming, 0 expired." in text
        assert 'href="/silences?state=active">Show those that are active' in text
    assert "No silence is over" in over
    assert "No silence is planned" in planned


async def test_who_extends_a_silence_did_not_make_it(client: httpx.AsyncClient) -> None:
    await send(client, **SILENCE)
    await send(client, "/silence-1/extend", name="eve")

    text = await page(client, "/silences/silence-1")

    assert re.search(r"<dt>Made</dt>\s*<dd>[^<]* by ada<", text)
    assert "eve changed it" in text


def test_what_was_asked_for_an_hour_is_repeated_for_an_hour() -> None:
    begun = datetime(2026, 11, 21, 12, tzinfo=UTC)
    an_hour = Once(begun, begun + timedelta(hours=1) - timedelta(microseconds=160))
    made = Silence("s", read_matchers(["a=b"]), an_hour, "why", "ada", "api", begun)

    assert "duration=1h&" in (repeat_url(made) or "")


@pytest.mark.parametrize("form", ["/silences", "/exclusions"])
async def test_the_times_that_a_form_proposes_are_times_that_it_takes(
    client: httpx.AsyncClient, form: str
) -> None:
    text = await page(client, form)

    proposed = re.findall(r"such as (2026-11-21T\S+?)[;<\s]", text)
    assert len(proposed) == 2
    for time in proposed:
        read_schedule(start=time, duration="1h")  # or it raises
