"""Annotations: on record with their trail, in the lane and on the page; edited, undone, refused."""

import html
import json
import re
from typing import Any

import httpx

from tests.web.fakes import MARKUP, FakeSource

API = "/api/v1/annotations"
ONE = {
    "service": "shop",
    "slo": "checkout",
    "text": "the sale began",
    "start": "2026-11-21T11:00:00Z",
    "by": "ada",
}


async def made(client: httpx.AsyncClient, **more: object) -> dict[str, Any]:
    answer = await client.post(API, json=ONE | more)
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def test_it_is_made_edited_and_undone_and_each_step_stays_on_record(
    client: httpx.AsyncClient,
) -> None:
    one = (await made(client))["annotation"]

    edited = await client.post(f"{API}/{one['id']}/edit", json={"text": "sale!", "by": "grace"})
    listed = (await client.get(API, params={"service": "shop"})).json()["annotations"]
    undone = await client.post(f"{API}/{one['id']}/undo", json={"by": "ada"})
    again = await client.post(f"{API}/{one['id']}/undo", json={"by": "ada"})

    assert edited.json()["annotation"]["text"] == "sale!"
    assert [each["text"] for each in listed] == ["sale!"]
    assert [(each["by"], each["action"]) for each in undone.json()["trail"]] == [
        ("ada", "created"),
        ("grace", "changed"),
        ("ada", "undone"),
    ]
    assert again.status_code == 409
    assert (await client.get(API)).json()["annotations"] == []


async def test_the_page_draws_it_and_its_form_makes_and_undoes(
    source: FakeSource, client: httpx.AsyncClient
) -> None:
    await made(client, slo=None, text=MARKUP)
    form = {"slo": "shop/checkout", "text": "by hand", "at": "now-5m", "name": "ada"}
    sent = await client.post("/annotations", data=form)
    page = (await client.get("/slos/shop/checkout")).text
    other = (await client.get("/slos/shop/catalogue")).text
    (_, one) = source.annotated.all()
    gone = await client.post(f"/annotations/{one.id}/undo", data={"slo": "shop/checkout"})

    assert (sent.status_code, sent.headers["location"]) == (
        303,
        "/slos/shop/checkout#annotations",
    )
    lane = re.search(r'data-lane="([^"]*)"', page)
    assert lane is not None
    labels = [each["label"] for each in json.loads(html.unescape(lane[1]))]
    assert f"{MARKUP} (ada)" in labels
    assert "by hand (ada)" in labels
    assert MARKUP not in page
    assert html.escape(MARKUP)[:4] in other
    assert "by hand" not in other
    assert gone.status_code == 303
    assert "by hand" not in (await client.get("/slos/shop/checkout")).text


async def test_what_makes_no_sense_is_refused_with_its_place(client: httpx.AsyncClient) -> None:
    async def place(**more: object) -> tuple[int, str]:
        answer = await client.post(API, json=ONE | more)
        return answer.status_code, answer.json()["places"][0]["place"]

    assert await place(service="shpo") == (400, "body.service")
    assert await place(slo="nothing") == (400, "body.slo")
    assert await place(text=" ") == (400, "body.text")
    assert await place(start="soon") == (400, "body.start")
    assert await place(end="2026-11-21T10:00:00Z") == (400, "body.end")
    assert await place(start="2028-01-01T00:00:00Z") == (400, "body.start")
    assert (await client.get(f"{API}/none")).status_code == 404
    empty = await client.post("/annotations", data={"slo": "shop/checkout", "text": "x"})
    assert empty.status_code == 400


async def test_an_annotation_that_was_refused_comes_back_as_it_was_filled_in(
    client: httpx.AsyncClient,
) -> None:
    sent = {"slo": "shop/checkout", "text": "the <sale>", "at": "soon", "name": "ada"}
    refused = await client.post("/annotations", data=sent)

    text = html.unescape(refused.text)
    assert refused.status_code == 400
    assert "This makes no sense yet: 'soon' is not a time" in text
    assert 'value="the <sale>"' in text
    assert 'value="soon" aria-invalid="true"' in text
    assert 'href="/slos/shop/checkout"' in text
    far = await client.post("/annotations", data=sent | {"at": "2028-01-01T00:00Z"})
    assert "it lies more than a year ahead" in far.text


async def test_one_that_lies_ahead_is_on_the_page_and_can_be_undone(
    client: httpx.AsyncClient,
) -> None:
    (await made(client, start="2027-01-05T11:00:00Z", text="the fair"))

    assert "the fair" in (await client.get("/slos/shop/checkout")).text
    then = await client.get("/slos/shop/checkout", params={"at": "2026-11-21T11:30:00Z"})
    assert "the fair" not in then.text


async def test_what_two_people_undo_at_once_is_told_as_what_it_is(
    client: httpx.AsyncClient,
) -> None:
    one = (await made(client))["annotation"]
    path, sent = f"/annotations/{one['id']}/undo", {"slo": "shop/checkout", "name": "ada"}
    await client.post(path, data=sent)

    came = str(client.base_url.join("/slos/shop/checkout?range=7d&notice=x"))
    again = await client.post(path, data=sent, headers={"Referer": came})
    elsewhere = await client.post(path, data=sent, headers={"Referer": "https://evil.example/x"})

    assert again.status_code == 409
    assert "<h1>That was not done</h1>" in again.text
    assert "it was undone at" in again.text
    assert 'href="/slos/shop/checkout?range=7d">Back to the form' in again.text
    assert "Back to the form" not in elsewhere.text
