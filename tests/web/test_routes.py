"""Programs learn who would be told of an alert, and why them, as `nines route test` tells it."""

from typing import Any

import httpx

API = "/api/v1/routes/test"


async def ask(client: httpx.AsyncClient, **asked: object) -> dict[str, Any]:
    response = await client.post(API, json=asked)
    assert response.status_code == 200, response.text
    told: dict[str, Any] = response.json()
    return told


async def test_who_is_told_and_why_them(client: httpx.AsyncClient) -> None:
    told = await ask(client, labels={"service": "shop", "severity": "page"})

    assert told["labels"] == {"service": "shop", "severity": "page", "env": "prod"}
    assert told["told"] == ["oncall"]
    [route] = told["routes"]
    assert (route["receivers"], route["failover"]) == (["oncall"], ["mail"])
    assert route["why"] == 'severity="page" matched route 1'
    assert (route["group_wait"], route["repeat_interval"], route["held_by"]) == ("30s", None, [])


async def test_who_holds_it_back_at_a_moment(client: httpx.AsyncClient) -> None:
    told = await ask(client, labels={"service": "silenced"}, at="2026-11-21T03:00:00Z")

    assert told["told"] == []
    [held] = told["routes"][0]["held_by"]
    assert held == {
        "kind": "silence",
        "id": "S1",
        "words": "deploy, by ann",
        "until": "2026-11-21T03:00:00+00:00",
    }


async def test_what_makes_no_sense_is_said(client: httpx.AsyncClient) -> None:
    for asked in (
        {},
        {"labels": {"no-name": "x"}},
        {"labels": {"service": 1}},
        {"labels": {}, "at": "soon"},
        {"labels": {}, "when": "now"},
    ):
        response = await client.post(API, json=asked)
        assert response.status_code == 400, asked
        assert response.headers["content-type"] == "application/problem+json"
