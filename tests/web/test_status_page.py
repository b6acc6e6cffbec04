"""The status page: what customers see, what they never see, and who may write it."""

import html
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import pytest

from dashboards.status_page import StatusFacts
from nines.storage.audit import AuditRecords
from slo.exclusion import Plan, Scope
from slo.recurrence import Once
from tests.web.fake_board import PAGE, BoardWorld, board_world
from tests.web.fakes import LONG, MARKUP, NOW
from web.access.decision import Grant, Kind, Principal, Role, nobody
from web.access.everybody import EVERYBODY, Everybody
from web.access.port import Access, Credentials
from web.app import create_app
from web.settings import WebSettings

API = "/api/v1/status/incidents"
ONE = {
    "title": f"Payments fail {MARKUP}",
    "impact": "major",
    "text": "Some payments fail.\nWe look into it.",
    "components": {"buy": "partial_outage"},
    "by": "ada-of-the-inner-team",
}
ATOM = "{http://www.w3.org/2005/Atom}"
PUBLIC = ("/status", "/status/components/buy", "/status/feed.atom", "/api/v2/summary.json",
          "/api/v2/status.json", "/api/v2/components.json", "/api/v2/incidents.json",
          "/api/v2/scheduled-maintenances.json")  # fmt: skip
INSIDE = (
    "shop",
    "checkout",
    "search-latency",
    "catalogue",
    "petuniverse",
    "shop-team",
    "ada-of-the-inner-team",
    "runbook",
    "Nines",
    LONG,
)


@dataclass(frozen=True, slots=True)
class Being(Everybody):
    """Whoever asks is somebody."""

    principal: Principal

    async def who(self, credentials: Credentials, *, reads: bool = False) -> Principal:
        del credentials, reads
        return self.principal


STRANGER = Being(nobody(None))


@pytest.fixture
def world(tmp_path: Path, migrated_sqlite_file: Path) -> Iterator[BoardWorld]:
    with board_world(tmp_path, migrated_sqlite_file) as one:
        yield one


@asynccontextmanager
async def asking(world: BoardWorld, access: Access = EVERYBODY) -> AsyncIterator[httpx.AsyncClient]:
    settings = WebSettings(external_url="https://status.acme.example", now=lambda: world.now)
    app = create_app(world.source, settings=settings, access=access, board=world.board)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:9919") as client:
        yield client


@pytest.fixture
async def client(world: BoardWorld) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(world) as one:
        yield one


async def posted(client: httpx.AsyncClient, **more: object) -> dict[str, Any]:
    answer = await client.post(API, json=ONE | more)
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def told_more(client: httpx.AsyncClient, one: str, status: str, text: str) -> httpx.Response:
    body = {"status": status, "text": text, "by": "ada-of-the-inner-team"}
    return await client.post(f"{API}/{one}/updates", json=body)


async def test_customers_see_it_without_signing_in_and_nothing_from_inside(
    world: BoardWorld, client: httpx.AsyncClient
) -> None:
    one = await posted(client)
    async with asking(world, STRANGER) as stranger:
        answers = {path: await stranger.get(path) for path in PUBLIC}
        answers["permalink"] = await stranger.get(f"/status/incidents/{one['id']}")
        missing = await stranger.get("/status/incidents/none")

    for path, answer in answers.items():
        assert answer.status_code == 200, path
        assert answer.headers["cache-control"] == "public, max-age=30", path
        assert "set-cookie" not in answer.headers, path
        assert [name for name in INSIDE if name in answer.text] == [], path
        assert MARKUP not in answer.text or "json" in answer.headers["content-type"], path
        assert "<script" not in answer.text, path
        shared = answer.headers.get("access-control-allow-origin")
        assert shared == (None if "text/html" in answer.headers["content-type"] else "*"), path
    assert "Some payments fail.\nWe look into it." in answers["permalink"].text
    assert missing.status_code == 404
    assert "There is no such incident here" in missing.text


async def test_what_did_not_change_is_not_sent_again_and_pages_are_zipped(
    client: httpx.AsyncClient,
) -> None:
    first = await client.get("/status")
    again = await client.get("/status", headers={"If-None-Match": first.headers["etag"]})
    plain = await client.get("/status", headers={"Accept-Encoding": "identity"})

    assert again.status_code == 304
    assert first.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert first.text == plain.text


async def test_a_page_for_signed_in_people_shows_itself_to_nobody_else(world: BoardWorld) -> None:
    world.shown = replace(PAGE, public=False)
    viewer = Being(Principal(Kind.USER, "vic", (Grant(Role.VIEWER),)))
    async with asking(world, STRANGER) as stranger, asking(world, viewer) as known:
        page = await stranger.get("/status", headers={"Accept": "text/html"})
        refused = [(await stranger.get(path)).status_code for path in PUBLIC]
        seen = await known.get("/status")
        data = await known.get("/api/v2/summary.json")

    assert (page.status_code, page.headers["location"]) == (303, "/sign-in?next=/status")
    assert set(refused) == {401}
    assert seen.status_code == 200
    assert seen.headers["cache-control"] == "private, max-age=30"
    assert "access-control-allow-origin" not in data.headers


async def test_without_a_page_there_is_nothing(world: BoardWorld) -> None:
    world.shown = None
    async with asking(world) as client:
        statuses = [(await client.get(path)).status_code for path in PUBLIC]
        refused = await client.post(API, json=ONE)
        staff = await client.get("/status-incidents")

    assert set(statuses) == {404}
    assert refused.status_code == 409
    assert "There is no status page" in staff.text


async def test_states_follow_the_slos_and_what_people_say(client: httpx.AsyncClient) -> None:
    async def states() -> dict[str, str]:
        found = (await client.get("/api/v2/components.json")).json()["components"]
        return {one["id"]: one["status"] for one in found}

    before = await states()
    await posted(client, components={"browse": "major_outage", "files": None})
    after = await states()
    whole = (await client.get("/api/v2/status.json")).json()["status"]

    # A third of the last five minutes' checkouts failed; of uploads nothing is seen.
    assert before == {
        "group-front": "partial_outage",
        "buy": "partial_outage",
        "browse": "operational",
        "group-pets": "",
        "files": "",
    }
    assert after == before | {"browse": "major_outage", "group-front": "major_outage"}
    assert whole == {"indicator": "critical", "description": "Major outage: Browsing"}


async def test_an_incident_goes_its_way_on_the_page_in_json_and_in_the_feed(
    world: BoardWorld, client: httpx.AsyncClient
) -> None:
    one = await posted(client)
    early = await told_more(client, one["id"], "postmortem", "too early")
    world.now += timedelta(minutes=20)
    await told_more(client, one["id"], "monitoring", "Payments go through.")
    world.now += timedelta(minutes=20)
    during = (await client.get("/api/v2/summary.json")).json()
    resolved = await told_more(client, one["id"], "resolved", "All is well.")
    after = (await client.get("/api/v2/summary.json")).json()
    await told_more(client, one["id"], "postmortem", "What we learnt.")
    listed = (await client.get("/api/v2/incidents.json")).json()["incidents"][0]
    page = (await client.get("/status")).text
    feed = ET.fromstring((await client.get("/status/feed.atom")).text)  # noqa: S314 - our own

    assert early.json()["places"] == [
        {
            "place": "body.stage",
            "problem": "a post-mortem follows what was resolved: say that first",
        }
    ]
    assert resolved.json()["resolved_at"] == "2026-11-21T12:40:07Z"
    (shown,) = during["incidents"]
    assert (shown["status"], shown["impact"]) == ("monitoring", "major")
    assert shown["monitoring_at"] == "2026-11-21T12:20:07.000Z"
    assert shown["shortlink"] == f"https://status.acme.example/status/incidents/{one['id']}"
    assert [each["status"] for each in shown["incident_updates"]] == ["monitoring", "investigating"]
    assert shown["incident_updates"][1]["affected_components"] == [
        {
            "code": "buy",
            "name": "Buying <b>",
            "old_status": "operational",
            "new_status": "partial_outage",
        }
    ]
    assert [each["name"] for each in shown["components"]] == ["Buying <b>"]
    assert after["incidents"] == []
    assert during["page"]["time_zone"] == "Asia/Tokyo"
    assert listed["status"] == "postmortem"
    assert listed["resolved_at"] == "2026-11-21T12:40:07.000Z"
    assert page.index("Past incidents") < page.index("What we learnt.")
    assert "Sat 21 Nov 2026, 21:40 JST" in page
    (entry,) = feed.findall(f"{ATOM}entry")
    assert entry.findtext(f"{ATOM}title") == f"Post-mortem: {ONE['title']}"
    assert "All is well." in (entry.findtext(f"{ATOM}content") or "")


async def test_after_fourteen_days_an_incident_is_kept_at_its_address_alone(
    world: BoardWorld, client: httpx.AsyncClient
) -> None:
    one = await posted(client, status="resolved", title="An old one")
    world.now += timedelta(days=13)
    then = (await client.get("/status")).text
    world.now += timedelta(days=2)
    page = (await client.get("/status")).text

    assert "An old one" in then
    assert "An old one" not in page
    assert "An old one" in (await client.get(f"/status/incidents/{one['id']}")).text


async def test_a_request_that_comes_twice_under_a_key_counts_once(
    world: BoardWorld, client: httpx.AsyncClient
) -> None:
    key = {"Idempotency-Key": "a"}
    first = await client.post(API, json=ONE, headers=key)
    again = await client.post(API, json=ONE, headers=key)
    other = await client.post(API, json=ONE | {"title": "Another"}, headers=key)
    update = {"status": "identified", "text": "Found.", "by": "ada"}
    address = f"{API}/{first.json()['id']}/updates"
    told = [await client.post(address, json=update, headers={"Idempotency-Key": "b"}) for _ in "12"]

    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 422)
    assert again.json() == first.json()
    assert [each.status_code for each in told] == [201, 200]
    (kept,) = (await client.get(API)).json()["incidents"]
    assert [each["status"] for each in kept["updates"]] == ["investigating", "identified"]
    records, _ = AuditRecords(world.database).page(before=None, limit=9, by=None, action=None)
    assert [(each.by, each.action) for each in records] == [
        ("ada", "status incident updated"),
        ("ada-of-the-inner-team", "status incident posted"),
    ]


async def test_what_makes_no_sense_is_refused_with_its_place(client: httpx.AsyncClient) -> None:
    async def place(**more: object) -> tuple[int, str]:
        answer = await client.post(API, json=ONE | more)
        return answer.status_code, answer.json()["places"][0]["place"]

    assert await place(components={"bui": None}) == (400, "body.components")
    assert await place(components={"buy": "on fire"}) == (400, "body.components.buy")
    assert await place(text=" ") == (400, "body.text")
    assert await place(text="a\x00b") == (400, "body.text")
    assert await place(title="a\nb") == (400, "body.title")
    assert await place(status="postmortem") == (400, "body.stage")
    assert (await told_more(client, "none", "resolved", "x")).status_code == 404


@pytest.mark.parametrize(
    ("grant", "components", "code"),
    [
        (Grant(Role.EDITOR, frozenset({"shop-team"})), {"buy": None, "browse": None}, 201),
        (Grant(Role.EDITOR, frozenset({"shop-team"})), {"buy": None, "files": None}, 403),
        (Grant(Role.EDITOR, frozenset({"shop-team"})), {}, 403),
        (Grant(Role.RESPONDER), {"buy": None}, 403),
        (Grant(Role.EDITOR), {}, 201),
    ],
    ids=[
        "what its owner has",
        "what others have, too",
        "all at once",
        "no editor",
        "an editor everywhere",
    ],
)
async def test_editors_write_for_their_owners_services_in_their_own_name(
    world: BoardWorld, grant: Grant, components: dict[str, None], code: int
) -> None:
    async with asking(world, Being(Principal(Kind.TOKEN, "eve", (grant,)))) as client:
        answer = await client.post(API, json=ONE | {"components": components})

    assert answer.status_code == code
    if code == 201:
        assert answer.json()["updates"][0]["by"] == "eve"


async def test_announced_maintenance_covers_its_components_and_is_told_ahead(
    world: BoardWorld, client: httpx.AsyncClient
) -> None:
    hour = timedelta(hours=1)
    now = Once(NOW - hour, NOW + hour)
    later = Once(NOW + 24 * hour, NOW + 26 * hour)
    scope = Scope("shop", "checkout")
    await world.source.exclude(Plan(scope, now, "inner reason", "ada", "We move house."))
    await world.source.exclude(Plan(scope, later, "inner reason", "ada", "We move back."))
    await world.source.exclude(Plan(scope, later, "inner secret", "ada"))
    summary = (await client.get("/api/v2/summary.json")).json()
    page = (await client.get("/status")).text

    told = [(one["name"], one["status"]) for one in summary["scheduled_maintenances"]]
    assert told == [("We move house.", "in_progress"), ("We move back.", "scheduled")]
    assert summary["scheduled_maintenances"][1]["scheduled_for"] == "2026-11-22T12:00:07.000Z"
    states = {one["id"]: one["status"] for one in summary["components"]}
    assert states["buy"] == "under_maintenance"
    assert "inner" not in page
    assert "Maintenance under way" in page
    assert page.index("Scheduled maintenance") < page.index("We move back.")


async def test_one_address_cannot_keep_the_page_busy(world: BoardWorld) -> None:
    async with asking(world, STRANGER) as client:
        answers = [await client.get("/api/v2/status.json") for _ in range(300)]
        page = await client.get("/status", headers={"Accept": "text/html"})

    codes = [one.status_code for one in answers]
    assert codes[:100] == [200] * 100
    assert codes[-1] == 429
    assert answers[-1].headers["retry-after"] == "5"
    assert page.headers["content-type"] == "application/problem+json"  # dear pages are not made


async def test_it_is_made_every_five_seconds_at_most_and_at_once_after_news(
    world: BoardWorld, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, facts = [], world.board.facts

    async def counted() -> StatusFacts | None:
        made.append(world.now)
        return await facts()

    monkeypatch.setattr(world.board, "facts", counted)
    for seconds in (0, 0, 4, 5, 9):
        world.now = NOW + timedelta(seconds=seconds)
        assert (await client.get("/api/v2/summary.json")).status_code == 200
        await client.get("/status")
    at_rest = len(made)
    await posted(client)
    page = await client.get("/status")

    assert at_rest == 2
    assert "Payments fail" in page.text
    assert len(made) == 3


async def test_bars_say_each_day_and_no_data_is_no_good_day(client: httpx.AsyncClient) -> None:
    page = (await client.get("/status/components/browse")).text
    rows = re.findall(
        r"<tr><th scope=\"row\">(.*?)</th>.*?</svg>\s*(.*?)</span>.*?</tr>", page, re.DOTALL
    )

    assert len(rows) == 90
    assert [day for day, _ in rows[:2]] == ["Sat 21 Nov 2026", "Fri 20 Nov 2026"]  # in Tokyo
    assert {word for _, word in rows[2:]} == {"No data"}
    assert "No data" not in {word for _, word in rows[:2]}


async def test_the_form_writes_shows_what_is_missing_and_two_clicks_write_once(
    world: BoardWorld, client: httpx.AsyncClient
) -> None:
    page = (await client.get("/status-incidents")).text
    key = re.search(r'name="key" value="([^"]+)"', page)
    assert key is not None
    form = {"key": key[1], "title": "Slow", "status": "identified", "impact": "none",
            "component.buy": "by_rule", "component.browse": "", "name": "ada"}  # fmt: skip
    missing = await client.post("/status-incidents", data=form)
    sent = [
        await client.post("/status-incidents", data=form | {"text": "one\r\ntwo"}) for _ in "12"
    ]
    address = sent[0].headers["location"]
    more = await client.post(
        f"{address}/updates", data={"status": "resolved", "text": "done", "name": "ada"}
    )
    shown = (await client.get(address)).text

    assert missing.status_code == 400
    assert "the text is missing" in missing.text
    assert 'value="Slow"' in missing.text
    assert [one.status_code for one in sent] == [303, 303]
    (kept,) = world.board.incidents()
    assert kept.components == {"buy": None}
    assert [one.text for one in kept.updates] == ["one\ntwo", "done"]
    assert more.status_code == 303
    assert "one\ntwo" in shown


async def test_who_writes_while_another_says_that_it_is_over_is_told_first(
    world: BoardWorld, client: httpx.AsyncClient
) -> None:
    form = {"title": "Slow", "status": "identified", "impact": "none", "text": "It is slow.",
            "name": "ada"}  # fmt: skip
    address = (await client.post("/status-incidents", data=form)).headers["location"]
    hidden = re.compile(r'name="(key|seen)" value="([^"]+)"')
    adas, eves = [dict(hidden.findall((await client.get(address)).text)) for _ in "12"]
    over = {"status": "resolved", "text": "It is fast.", "name": "ada"}
    clicks = [await client.post(f"{address}/updates", data=adas | over) for _ in "12"]
    late = {"status": "investigating", "text": "We look <again>.", "name": "eve"}
    told = await client.post(f"{address}/updates", data=eves | late)
    page = html.unescape(told.text)
    again = await client.post(f"{address}/updates", data=dict(hidden.findall(page)) | late)

    assert [one.status_code for one in clicks] == [303, 303]
    assert told.status_code == 409
    assert "Nothing was published now: meanwhile ada told them “Resolved”" in page
    assert "We look <again>." in page
    assert again.status_code == 303
    (kept,) = world.board.incidents()
    assert [one.by for one in kept.updates] == ["ada", "ada", "eve"]


async def test_a_form_that_is_sent_again_with_other_words_says_what_became_of_the_first(
    world: BoardWorld, client: httpx.AsyncClient
) -> None:
    form = {"key": "one", "title": "Slow", "status": "identified", "impact": "none",
            "text": "It is slow.", "name": "ada"}  # fmt: skip
    first = await client.post("/status-incidents", data=form)
    changed = await client.post("/status-incidents", data=form | {"text": "It is <slower>."})
    page = html.unescape(changed.text)
    key = re.search(r'name="key" value="([^"]+)"', page)
    assert key is not None
    again = await client.post(
        "/status-incidents", data=form | {"key": key[1], "text": "It is <slower>."}
    )

    assert first.status_code == 303
    assert changed.status_code == 422
    assert "Nothing was published now: this form was sent before with other words" in page
    assert "Idempotency-Key" not in page
    assert "It is <slower>." in page  # what was typed is not lost
    assert again.status_code == 303
    assert len(world.board.incidents()) == 2


async def test_an_incident_leads_to_a_draft_for_customers_and_publishes_nothing(
    world: BoardWorld, client: httpx.AsyncClient
) -> None:
    incident = (await client.get("/incidents/INC0001")).text
    draft = html.unescape((await client.get("/status-incidents?incident=INC0001")).text)
    unknown = await client.get("/status-incidents?incident=none")

    assert 'href="/status-incidents?incident=INC0001#post"' in incident
    assert "A draft from" in draft
    assert 'value="Trouble with Buying <b>"' in draft
    assert "There is trouble with Buying <b> since 20:00 JST. We are looking into it." in draft
    assert '<option value="major" selected>' in draft
    assert '<option value="by_rule" selected>' in draft
    assert "checkout" not in draft.partition('id="post"')[2]
    assert world.board.incidents() == []
    assert unknown.status_code == 200
    assert "A draft from" not in unknown.text


async def test_without_a_status_page_no_incident_offers_to_tell_customers(
    world: BoardWorld, client: httpx.AsyncClient
) -> None:
    world.shown = None

    assert "Post status update" not in (await client.get("/incidents/INC0001")).text
