"""Receivers by page, API and metric: how they stand, and how one is tried again."""

import httpx

from dashboards.receivers_page import receiver_problems
from tests.web.fakes import FakeSource
from tests.web.test_api import get
from web.forms import NAME_COOKIE

API = "/api/v1/receivers"


async def test_every_receiver_is_told_with_its_state(client: httpx.AsyncClient) -> None:
    mail, oncall = (await get(client, "/receivers"))["receivers"]

    assert (mail["name"], mail["kind"], mail["state"], mail["waiting"]) == (
        "mail",
        "email",
        "well",
        0,
    )
    assert (oncall["state"], oncall["problem"]) == ("parked", "PagerDuty answered 401")
    assert oncall["waiting"] == 2
    assert oncall["oldest"] is not None


async def test_one_is_tried_again_by_whoever_says_so(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    response = await client.post(f"{API}/oncall/unpark", json={"by": "ann"})

    assert response.status_code == 200
    assert source.unparked == [("oncall", "ann")]
    assert (await client.post(f"{API}/oncall/unpark", json={})).status_code == 400
    missing = await client.post(f"{API}/nobody/unpark", json={"by": "ann"})
    assert missing.status_code == 404
    assert "nobody" in missing.json()["detail"]


async def test_the_page_says_what_is_parked_and_offers_to_try_it(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    page = (await client.get("/receivers")).text
    assert "Parked: PagerDuty answered 401" in page
    assert "2, the oldest for 3 min" in page
    assert "Try oncall again" in page
    assert "Try mail again" not in page

    refused = await client.post("/receivers/oncall/unpark", data={"name": ""})
    assert refused.status_code == 400
    done = await client.post("/receivers/oncall/unpark", data={"name": "ann"})
    assert (done.status_code, done.headers["location"]) == (303, "/receivers")
    assert NAME_COOKIE in done.headers["set-cookie"]
    assert source.unparked == [("oncall", "ann")]


async def test_prometheus_is_told_the_same(client: httpx.AsyncClient) -> None:
    page = (await client.get("/metrics")).text

    assert 'nines_receiver_state{receiver="oncall",state="parked"} 1' in page
    assert 'nines_receiver_state{receiver="oncall",state="well"} 0' in page
    assert 'nines_receiver_last_success_timestamp_seconds{receiver="mail"}' in page


def test_a_parked_receiver_is_a_problem_in_a_sentence() -> None:
    assert receiver_problems(FakeSource().receivers()) == [
        "Receiver oncall is parked: PagerDuty answered 401."
    ]
