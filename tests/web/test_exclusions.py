"""Exclusions by the API: previewed, made, ended, undone, and refused in sentences."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from slo.exclusion import CONFIGURATION, Exclusion, Scope
from slo.recurrence import Once
from tests.web.fakes import NOW, FakeSource
from tests.web.planned import assert_refused
from tests.web.test_api import get, problem

API = "/api/v1/exclusions"
WANTED: dict[str, Any] = {
    "service": "shop",
    "slo": "checkout",
    "start": "2026-11-21T11:00Z",
    "duration": "2h",
    "reason": "a new database",
    "author": "ada",
}


async def post(client: httpx.AsyncClient, path: str, body: object) -> httpx.Response:
    return await client.post(f"{API}{path}", json=body)


async def make(client: httpx.AsyncClient, **wanted: object) -> dict[str, Any]:
    response = await post(client, "", WANTED | wanted)
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


async def test_one_is_made_and_told_with_its_trail(client: httpx.AsyncClient) -> None:
    made = await make(client)

    facts = made["exclusion"]
    assert facts["state"] == "active"
    assert (facts["start"], facts["end"]) == ("2026-11-21T11:00:00Z", "2026-11-21T13:00:00Z")
    assert (facts["reason"], facts["author"], facts["origin"]) == ("a new database", "ada", "api")
    assert made["slos"] == ["shop/checkout"]
    assert [(one["by"], one["action"], one["before"]) for one in made["trail"]] == [
        ("ada", "created", None)
    ]
    assert await get(client, f"/exclusions/{facts['id']}") == made
    listed = await get(client, "/exclusions", state="active", slo="shop/checkout")
    assert listed == {"exclusions": [facts], "next_cursor": None}
    assert (await get(client, "/exclusions", state="over"))["exclusions"] == []
    assert (await get(client, "/exclusions", slo="shop/login"))["exclusions"] == []


async def test_it_begins_now_unless_somebody_says_when(client: httpx.AsyncClient) -> None:
    made = await make(client, start=None)

    assert made["exclusion"]["start"] == NOW.isoformat().replace("+00:00", "Z")


async def test_a_preview_shows_the_next_five_times_and_changes_nothing(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    wanted = WANTED | {
        "start": "2026-03-27T02:30",
        "rrule": "FREQ=DAILY",
        "zone": "Europe/Berlin",
        "slo": None,
    }
    wanted["start"] = "2026-11-22T02:30"

    response = await post(client, "/preview", wanted)

    assert response.status_code == 200
    told = response.json()
    assert [one["local_start"] for one in told["exclusion"]["next"]] == [
        f"2026-11-{day}T02:30:00+01:00" for day in (22, 23, 24, 25, 26)
    ]
    assert told["exclusion"]["state"] == "planned"
    assert "shop/checkout" in told["slos"]
    assert source.exclusions() == []


async def test_one_is_ended_and_another_is_undone(client: httpx.AsyncClient) -> None:
    first, second = (await make(client))["exclusion"], (await make(client))["exclusion"]

    ended = (await post(client, f"/{first['id']}/end", {"by": "grace"})).json()
    undone = (await post(client, f"/{second['id']}/undo", {"by": "grace"})).json()

    assert ended["exclusion"]["state"] == "over"
    assert ended["exclusion"]["ended_at"] == NOW.isoformat().replace("+00:00", "Z")
    assert undone["exclusion"]["state"] == "undone"
    assert [one["action"] for one in undone["trail"]] == ["created", "undone"]
    assert undone["trail"][1]["before"]["undone_at"] is None
    again = await post(client, f"/{second['id']}/undo", {"by": "grace"})
    assert again.status_code == 409
    assert "undone already" in again.json()["detail"]


async def test_one_may_be_deleted_and_stays_on_record(client: httpx.AsyncClient) -> None:
    made = (await make(client))["exclusion"]

    response = await client.delete(f"{API}/{made['id']}", params={"by": "grace"})

    assert response.json()["exclusion"]["state"] == "undone"
    assert (await client.delete(f"{API}/{made['id']}")).status_code in (400, 422)


async def test_what_the_configuration_says_is_changed_there(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    written = Exclusion(
        id="written",
        scope=Scope("shop"),
        schedule=Once(NOW, NOW + timedelta(hours=1)),
        reason="patches",
        author="config.yaml",
        origin=CONFIGURATION,
        created_at=NOW,
        since=NOW,
    )
    source.kept = source.kept.of([written])

    response = await post(client, "/written/undo", {"by": "grace"})

    assert response.status_code == 409
    assert response.json()["detail"].startswith("This exclusion is written in config.yaml")


@pytest.mark.parametrize(
    ("wrong", "place", "said"),
    [
        ({"start": "2026-11-21T11:00"}, "body.start", "says no offset from UTC"),
        ({"duration": None, "end": "2026-11-21T10:00Z"}, "body.end", "must lie after the start"),
        ({"zone": "Europe/Berln"}, "body.zone", "did you mean Europe/Berlin"),
        ({"rrule": "FREQ=DAILY;COUNT=0", "zone": "UTC"}, "body.rrule", "1 to 10,000"),
        ({"start": "2026-09-01T00:00Z"}, "body.start", "counts finer than 5m are kept for 35d"),
        ({"service": None}, "body.service", "named with its service"),
        ({"service": None, "slo": None}, "body.service", "say what is excluded"),
        ({"slo": "chekout"}, "body.scope", "there is no SLO for shop/chekout"),
        ({"author": " "}, "body.author", "at least 1"),
        ({"reason": "a\u0007b"}, "body.reason", "pattern"),
        ({"until": "x"}, "body.until", "not permitted"),
    ],
)
async def test_what_makes_no_sense_says_where_and_why(
    client: httpx.AsyncClient,
    source: FakeSource,
    wrong: dict[str, Any],
    place: str,
    said: str,
) -> None:
    response = await post(client, "", WANTED | wrong)

    assert_refused(response, place, said)
    assert source.exclusions() == []


async def test_one_that_is_not_there_is_not_found(client: httpx.AsyncClient) -> None:
    assert (await problem(client, "/exclusions/none"))["status"] == 404
    for path in ("/none/end", "/none/undo"):
        assert (await post(client, path, {"by": "ada"})).status_code == 404
