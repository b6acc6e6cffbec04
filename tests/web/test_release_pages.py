"""Releases on the pages of an SLO, a service and an incident: with their cost, escaped."""

import html
import json
import re
from datetime import timedelta

import httpx

from slo.deployment import Rollout
from tests.web.fakes import MARKUP, NOW, FakeSource

MINUTE = timedelta(minutes=1)


async def told(source: FakeSource, version: str, ago: timedelta, service: str = "shop") -> None:
    await source.logbook().deploy(
        Rollout(service, version, NOW - ago, "ada", url="https://ci.example/7")
    )


def section(text: str) -> str:
    found = re.search(r'<section aria-labelledby="releases">.*?</section>', text, re.DOTALL)
    return "" if found is None else found[0]


async def test_an_slos_page_shows_each_release_with_its_first_hour_and_the_one_before(
    source: FakeSource, client: httpx.AsyncClient
) -> None:
    await told(source, "v2.4.1", 90 * MINUTE)
    await told(source, MARKUP, 10 * MINUTE)

    page = (await client.get("/slos/shop/checkout")).text

    shown = section(page)
    assert shown.index(html.escape(MARKUP, quote=False)[:9]) < shown.index("v2.4.1")
    assert MARKUP not in page
    assert shown.count(" so far") == 1
    assert shown.count(" bad") == 4
    lane = re.search(r'data-lane="([^"]*)"', page)
    assert lane is not None
    drawn = json.loads(html.unescape(lane[1]))
    assert [one["at"] for one in drawn if one["kind"] == "deployment"] == [
        (NOW - 90 * MINUTE).timestamp(),
        (NOW - 10 * MINUTE).timestamp(),
    ]
    assert "What happened, as a table" in page


async def test_a_services_page_shows_the_cost_to_each_slo(
    source: FakeSource, client: httpx.AsyncClient
) -> None:
    without = (await client.get("/services/shop")).text
    await told(source, "v2.4.1", 90 * MINUTE)
    await told(source, "other", 90 * MINUTE, "petuniverse-api")

    shown = section((await client.get("/services/shop")).text)

    assert section(without) == ""
    assert "v2.4.1" in shown
    assert "other" not in shown
    slos = [one.slo.id for one in source.statuses() if one.slo.service == "shop"]
    assert 2 <= len(set(re.findall(r'href="(/slos/shop/[^"?]+)"', shown))) <= len(slos)


async def test_an_incidents_page_shows_the_releases_of_the_hour_before(
    source: FakeSource, client: httpx.AsyncClient
) -> None:
    one = next(d.incident for d in source.details.values() if d.incident.service == "shop")
    for version, at in (
        ("just-before", one.opened_at - MINUTE),
        ("long-before", one.opened_at - 61 * MINUTE),
        ("after", one.opened_at + MINUTE),
    ):
        await source.logbook().deploy(Rollout("shop", version, at, "ada"))

    shown = section((await client.get(f"/incidents/{one.id}")).text)

    assert "Releases in the hour before" in shown
    assert "just-before" in shown
    assert "long-before" not in shown
    assert "after</th>" not in shown


async def test_the_api_tells_the_cost_of_each_slo(
    source: FakeSource, client: httpx.AsyncClient
) -> None:
    await told(source, "v2.4.1", 90 * MINUTE)
    await told(source, "v2.4.2", 10 * MINUTE)

    old, new = [
        {cost["slo"]: cost for cost in answer.json()["costs"]}["shop/checkout"]
        for answer in [await client.get(f"/api/v1/deployments/deployment-{n}") for n in (1, 2)]
    ]

    assert old["so_far"] is None
    assert old["first_hour"]["good"] + old["first_hour"]["bad"] > 0
    assert new["first_hour"] is None
    assert new["so_far"]["good"] + new["so_far"]["bad"] > 0
    assert new["before"]["spent"] is not None
