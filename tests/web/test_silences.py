"""Silences by the API: previewed, made, changed, ended, and refused in sentences."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from alerting.silence import Silence, read_matchers
from slo.exclusion import CONFIGURATION
from slo.recurrence import Once
from tests.web.fakes import NOW, FakeSource
from tests.web.planned import assert_refused
from tests.web.test_api import get

API = "/api/v1/silences"
WANTED: dict[str, Any] = {
    "matchers": ['service="shop"'],
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


def iso(at: Any) -> str:  # noqa: ANN401 - a moment
    return str(at.isoformat().replace("+00:00", "Z"))


async def test_one_is_made_and_told_with_its_trail(client: httpx.AsyncClient) -> None:
    made = await make(client)

    facts = made["silence"]
    assert facts["state"] == "active"
    assert facts["matchers"] == ['service="shop"']
    assert (facts["start"], facts["end"]) == (iso(NOW), iso(NOW + timedelta(hours=2)))
    assert facts["active_until"] == facts["end"]
    assert (facts["reason"], facts["author"], facts["origin"]) == ("a new database", "ada", "api")
    assert {one["service"] for one in made["now"]} == {"shop"}
    assert len(made["week"]) > len(made["now"]) > 0
    assert all(one["ended_at"] is None for one in made["now"])
    assert [(one["by"], one["action"], one["before"]) for one in made["trail"]] == [
        ("ada", "created", None)
    ]
    assert await get(client, f"/silences/{facts['id']}") == made
    listed = await get(client, "/silences", state="active")
    assert listed == {"silences": [facts], "next_cursor": None}
    assert (await get(client, "/silences", state="expired"))["silences"] == []


async def test_a_list_goes_on_where_the_page_before_ended(client: httpx.AsyncClient) -> None:
    ids = [(await make(client))["silence"]["id"] for _ in range(3)]

    first = await get(client, "/silences", limit="2")
    rest = await get(client, "/silences", limit="2", cursor=first["next_cursor"])

    found = [one["id"] for one in (*first["silences"], *rest["silences"])]
    assert sorted(found) == sorted(ids)
    assert rest["next_cursor"] is None


async def test_a_preview_shows_whom_and_when_and_changes_nothing(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    response = await post(
        client,
        "/preview",
        {
            "matchers": ["service=shop", 'slo="login"'],
            "start": "2027-03-27T02:30",
            "duration": "1h",
            "rrule": "FREQ=DAILY",
            "zone": "Europe/Berlin",
        },
    )

    assert response.status_code == 200, response.text
    told = response.json()
    assert [one["local_start"] for one in told["silence"]["next"]] == [
        "2027-03-27T02:30:00+01:00",
        "2027-03-28T03:30:00+02:00",
        "2027-03-29T02:30:00+02:00",
        "2027-03-30T02:30:00+02:00",
        "2027-03-31T02:30:00+02:00",
    ]
    assert told["silence"]["state"] == "pending"
    assert {one["slo"] for one in told["now"]} == {"login"}
    assert source.silences() == []


async def test_one_is_ended_once(client: httpx.AsyncClient) -> None:
    made = (await make(client))["silence"]

    ended = (await post(client, f"/{made['id']}/end", {"by": "grace"})).json()

    assert ended["silence"]["state"] == "expired"
    assert ended["silence"]["ended_at"] == iso(NOW)
    assert [(one["by"], one["action"]) for one in ended["trail"]] == [
        ("ada", "created"),
        ("grace", "ended"),
    ]
    again = await post(client, f"/{made['id']}/end", {"by": "grace"})
    assert again.status_code == 409
    assert "expired already" in again.json()["detail"]


async def test_one_is_changed_in_place_unless_that_rewrites_history(
    client: httpx.AsyncClient,
) -> None:
    made = (await make(client))["silence"]

    longer = await make(client, instead_of=made["id"], duration="3h")
    other = await make(client, instead_of=made["id"], matchers=['service="blog"'])

    assert longer["silence"]["id"] == made["id"]
    assert longer["silence"]["duration_seconds"] == 3 * 3_600
    assert other["silence"]["id"] != made["id"]
    assert (await get(client, f"/silences/{made['id']}"))["silence"]["state"] == "expired"
    assert (await post(client, "", WANTED | {"instead_of": "none"})).status_code == 404


async def test_what_the_configuration_says_is_ended_there(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    written = Silence(
        id="written",
        matchers=read_matchers(["service=shop"]),
        schedule=Once(NOW, NOW + timedelta(hours=1)),
        reason="patches",
        author="config.yaml",
        origin=CONFIGURATION,
        created_at=NOW,
    )
    source.silenced = source.silenced.of([written])

    response = await post(client, "/written/end", {"by": "grace"})

    assert response.status_code == 409
    assert response.json()["detail"].startswith("This silence is written in config.yaml")


@pytest.mark.parametrize(
    ("wrong", "place", "said"),
    [
        ({"matchers": []}, "body.matchers", "at least 1"),
        ({"matchers": ['a=~".*"']}, "body.matchers", "does not match everything"),
        ({"matchers": ["a"]}, "body.matchers", "expected one of = != =~ !~"),
        ({"matchers": ['a=~"("']}, "body.matchers", "is not valid"),
        ({"start": "2026-11-21T11:00"}, "body.start", "says no offset from UTC"),
        ({"duration": None}, "body.end", "exactly one of"),
        ({"duration": None, "end": "2026-11-21T10:00Z"}, "body.end", "must lie after the start"),
        (
            {"start": "2026-11-20T10:00Z", "duration": "1h"},
            "body.end",
            "it ends before now",
        ),
        ({"zone": "Europe/Berln"}, "body.zone", "did you mean Europe/Berlin"),
        (
            {"rrule": "FREQ=DAILY", "zone": "UTC", "until_resolved": True},
            "body.until_resolved",
            "recurs",
        ),
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
    assert source.silences() == []


async def test_metrics_count_what_mutes_and_what_is_muted(client: httpx.AsyncClient) -> None:
    made = await make(client)

    lines = (await client.get("/metrics")).text.splitlines()

    assert "nines_silences_active 1" in lines
    assert f"nines_alerts_muted {len(made['now'])}" in lines
