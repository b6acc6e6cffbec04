"""Receivers by page, API and metric: how they stand, and how one is tried again."""

from dataclasses import replace
from datetime import timedelta

import httpx

from alerting.notification import NotificationState
from dashboards.receivers_page import receiver_problems
from tests.web.fakes import NOW, FakeSource
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


async def test_one_that_is_told_no_faster_than_it_takes_says_until_when(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    until = NOW + timedelta(seconds=20)
    source.receivers_ = tuple(replace(one, paced_until=until) for one in source.receivers_)

    _, oncall = (await get(client, "/receivers"))["receivers"]
    page = (await client.get("/receivers")).text

    assert oncall["paced_until"] is not None
    assert "2, the oldest for 3 min; no faster than it takes, the next in 20 s" in page


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


async def test_a_canary_is_sent_and_its_outcome_told(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    response = await client.post(f"{API}/mail/canary", json={"by": "ann"})
    assert response.status_code == 200, response.text
    assert (await client.post(f"{API}/oncall/canary", json={"by": "ann"})).status_code == 200

    mail, oncall = (await get(client, "/receivers"))["receivers"]
    assert (mail["canary"]["state"], mail["canary"]["attempts"]) == ("delivered", 1)
    assert (oncall["canary"]["state"], oncall["canary"]["reason"]) == (
        "failed",
        "oncall is parked: revoked",
    )
    assert source.canaries_ == [("mail", "ann"), ("oncall", "ann")]
    page = (await client.get("/metrics")).text
    assert 'nines_receiver_canary_success{receiver="mail"} 1' in page
    assert 'nines_receiver_canary_success{receiver="oncall"} 0' in page
    assert 'nines_receiver_canary_last_success_timestamp_seconds{receiver="oncall"}' in page


async def test_a_canary_to_nobody_or_beside_another(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    assert (await client.post(f"{API}/nobody/canary", json={"by": "ann"})).status_code == 404
    await client.post(f"{API}/mail/canary", json={"by": "ann"})
    mail, *others = source.receivers_
    assert mail.canary is not None
    waiting = replace(mail.canary, state=NotificationState.PENDING)
    source.receivers_ = (replace(mail, canary=waiting), *others)

    again = await client.post(f"{API}/mail/canary", json={"by": "ann"})
    assert again.status_code == 409
    assert "on its way already" in again.json()["detail"]


async def test_the_page_sends_canaries_and_shows_how_they_fared(
    client: httpx.AsyncClient, source: FakeSource
) -> None:
    assert (await client.get("/receivers")).text.count("never sent") == 2
    for name in ("mail", "oncall"):
        done = await client.post(f"/receivers/{name}/canary", data={"name": "ann"})
        assert (done.status_code, done.headers["location"]) == (303, "/receivers")

    page = (await client.get("/receivers")).text
    assert "Arrived</a>" in page
    assert "Failed</a>" in page
    assert ": oncall is parked: revoked; one last arrived" in page
    assert (await client.post("/receivers/x/canary", data={"name": "ann"})).status_code == 404
    assert source.canaries_ == [("mail", "ann"), ("oncall", "ann")]
