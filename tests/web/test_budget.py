"""Where the budget went, over HTTP: facts that add up, a table for spreadsheets, the page."""

import csv
import io
from fractions import Fraction
from typing import Any

import httpx
import pytest

from dashboards.source import Point
from tests.web.fakes import FakeSource

PATH = "/api/v1/slos/shop/checkout/budget"


async def budget(client: httpx.AsyncClient, **query: str | int) -> dict[str, Any]:
    response = await client.get(PATH, params=query)
    assert response.status_code == 200, response.text
    facts: dict[str, Any] = response.json()
    return facts


async def test_losses_rest_and_background_sum_to_the_spent_budget(
    client: httpx.AsyncClient,
) -> None:
    facts = await budget(client, limit=3)

    parts = [*facts["losses"], facts["more_losses"], facts["background"]]
    assert len(facts["losses"]) == 3
    assert facts["more_losses"]["intervals"] > 0
    assert sum(Fraction(part["spent"]) for part in parts) == Fraction(facts["spent"])
    assert Fraction(sum(part["bad"] for part in parts)) / Fraction(facts["allowed"]) == Fraction(
        facts["spent"]
    )


async def test_losses_come_largest_first_with_causes_and_incidents(
    client: httpx.AsyncClient,
) -> None:
    losses = (await budget(client, start="now-4h"))["losses"]

    shares = [loss["spent_ratio"] for loss in losses]
    assert shares == sorted(shares, reverse=True)
    newest = max(losses, key=lambda loss: loss["start"])
    assert newest["causes"] == {"status <503>": newest["bad"]}
    assert [incident["id"] for incident in newest["incidents"]] == ["INC0001"]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"start": "now", "end": "now-1h"}, "before the end"),
        ({"start": "now-9000d"}, "at most 400d"),
        ({"start": "yesterday"}, "not a time"),
        ({"limit": "0"}, "greater than or equal to 1"),
    ],
    ids=["turned round", "too long", "no time", "nothing wanted"],
)
async def test_what_makes_no_sense_is_refused_in_words(
    client: httpx.AsyncClient, query: dict[str, str], words: str
) -> None:
    response = await client.get(PATH, params=query)

    assert response.status_code in (400, 422)
    assert words in response.text


async def test_an_slo_that_is_not_there_has_no_budget(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v1/slos/shop/chekout/budget")

    assert response.status_code == 404
    assert "Did you mean shop/checkout?" in response.json()["detail"]


@pytest.mark.parametrize("how", ["by its name", "by Accept"])
async def test_the_table_holds_the_same_and_adds_up(client: httpx.AsyncClient, how: str) -> None:
    if how == "by Accept":
        response = await client.get(PATH, headers={"Accept": "text/csv, application/json;q=0.5"})
    else:
        response = await client.get(f"{PATH}.csv", params={"limit": 50})
    facts = await budget(client, limit=50)

    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in response.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert [row["start"] for row in rows if row["kind"] == "loss"] == [
        loss["start"].replace("Z", "+00:00") for loss in facts["losses"]
    ]
    assert sum(Fraction(row["spent_exact"]) for row in rows) == Fraction(facts["spent"])


async def test_a_program_that_takes_anything_gets_json(client: httpx.AsyncClient) -> None:
    response = await client.get(PATH, headers={"Accept": "*/*"})

    assert response.headers["content-type"] == "application/json"
    assert response.headers["vary"] == "Accept"


async def test_without_events_nothing_is_spent_and_nothing_claimed(
    source: FakeSource, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: object) -> list[Point]:
        return []

    monkeypatch.setattr(source, "points", nothing)

    facts = await budget(client)

    assert (facts["spent"], facts["losses"], facts["background"]["spent"]) == (None, [], None)


async def test_the_page_lists_the_largest_losses_with_their_incidents(
    client: httpx.AsyncClient,
) -> None:
    page = (await client.get("/slos/shop/checkout")).text

    assert "Where the budget went" in page
    assert "The largest: 10" in page
    assert "status &lt;503&gt; (7)" in page
    assert "/api/v1/slos/shop/checkout/budget.csv" in page
