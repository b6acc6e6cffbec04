"""Why was I (not) paged?: the same answer by page and by API."""

from dataclasses import replace

import httpx
import pytest

from dashboards.source import TooMuchError
from slo.severity import Severity
from tests.web.fakes import FakeSource
from tests.web.test_api import get


async def test_an_alert_is_told_with_who_was_told_and_who_was_not(
    client: httpx.AsyncClient,
) -> None:
    (alert,) = (await get(client, "/why", of="ALERT0001"))["alerts"]

    assert alert["answer"] == "oncall was told; sre was not."
    oncall, sre = alert["receivers"]
    assert oncall["told"] is True
    assert oncall["words"].endswith("1 min after it began (trigger, try 2)")
    assert sre["told"] is False
    assert "silence S1 (a deploy, by ann)" in sre["words"]
    assert alert["routes"][1]["held_by"][0]["id"] == "S1"
    assert [step["kind"] for step in alert["steps"]] == ["decided", "sent", "tried", "delivered"]
    assert "failed in 5 s: no answer within 5s; tried again at" in alert["steps"][2]["words"]
    assert "delivered in 5 s: 202 Accepted" in alert["steps"][3]["words"]
    assert alert["since"] == []


async def test_an_incident_is_told_alert_by_alert(client: httpx.AsyncClient) -> None:
    answer = await get(client, "/why", of="INC0003")

    assert [one["alert_id"] for one in answer["alerts"]] == ["ALERT0003"]


async def test_what_several_alerts_of_an_incident_share_is_told_once(
    source: FakeSource, client: httpx.AsyncClient
) -> None:
    detail = source.details["INC0001"]
    (page,), (told,) = detail.alerts, detail.notifications
    ticket = replace(
        page,
        id="ALERT1001",
        rule="shop/checkout#ticket:3d:6h",
        severity=Severity.TICKET,
        facts=replace(page.facts, headline="slow, but steady"),
    )
    source.details["INC0001"] = replace(
        detail,
        alerts=(page, ticket),
        notifications=(replace(told, alerts=(page.id, ticket.id)),),
    )

    answer = await get(client, "/why", of="INC0001")
    shown = (await client.get("/why?of=INC0001")).text

    assert [one["kind"] for one in answer["steps"]] == ["sent", "tried", "delivered"]
    for one, headline in zip(
        answer["alerts"], (page.facts.headline, "slow, but steady"), strict=True
    ):
        (step,) = one["steps"]
        assert headline in step["words"]
    assert shown.count("Delivery tried") == 1
    alone = await get(client, "/why", of="ALERT1001")
    assert [one["kind"] for one in alone["alerts"][0]["steps"]] == [
        "decided",
        "sent",
        "tried",
        "delivered",
    ]


async def test_of_an_slo_every_rule_says_what_it_was_short_of(client: httpx.AsyncClient) -> None:
    answer = await get(client, "/why", of="petuniverse-api/uploads")

    assert answer["at"] is not None
    assert answer["rules"]
    for rule in answer["rules"]:
        assert rule["answer"].startswith(("It did not fire: ", "It fired: ", "It was pending: "))
        assert [one["what"] for one in rule["conditions"]][:1] != []


async def test_a_rule_that_fires_leads_to_its_alert(client: httpx.AsyncClient) -> None:
    answer = await get(client, "/why", of="shop/checkout#page:1h:5m")

    (rule,) = answer["rules"]
    assert (rule["state"], rule["alert_id"]) == ("firing", "ALERT0001")


async def test_a_threshold_rule_says_what_it_measures(client: httpx.AsyncClient) -> None:
    rules = (await get(client, "/services/shop/rules"))["rules"]
    name = rules[0]["id"]

    (rule, *_) = (await get(client, "/why", of=name))["rules"]

    assert rule["rule"] == name
    assert rule["conditions"][0]["what"] == "what it measures"


@pytest.mark.parametrize("of", ["nothing", "shop/nothing", "shop/checkout%23page:9h:9m", "%00"])
async def test_what_there_is_not_is_said_to_be_none(client: httpx.AsyncClient, of: str) -> None:
    response = await client.get(f"/api/v1/why?of={of}")

    assert response.status_code == 404
    page = await client.get(f"/why?of={of}")
    assert page.status_code == (200 if of == "%00" else 404)  # nothing is left of that to ask


async def test_a_moment_that_makes_no_sense_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/why?of=shop/checkout&at=later")).status_code == 400
    page = await client.get("/why?of=shop/checkout&at=later")
    assert page.status_code == 400
    assert "is not a time" in page.text


async def test_what_is_too_much_at_once_is_refused_alike_by_page_and_api(
    source: FakeSource, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> object:
        raise TooMuchError("The counts changed again and again: try again.")

    monkeypatch.setattr(source, "as_of", refuse)
    asked = "/why?of=shop/checkout&at=2026-11-21T10:59:00Z"
    page, answer = await client.get(asked), await client.get(f"/api/v1{asked}")

    assert (page.status_code, answer.status_code) == (503, 503)
    assert "The counts changed again and again: try again." in page.text


async def test_the_page_tells_the_story_and_links_the_silence(client: httpx.AsyncClient) -> None:
    page = (await client.get("/why?of=ALERT0001")).text

    assert "oncall was told; sre was not." in page
    assert 'href="/silences/S1"' in page
    assert 'href="/incidents/INC0001"' in page
    assert "Labels that the routes saw" in page


async def test_the_incident_leads_there(client: httpx.AsyncClient) -> None:
    page = (await client.get("/incidents/INC0001")).text

    assert 'href="/why?of=ALERT0001"' in page
    assert 'href="/why?of=INC0001"' in page


async def test_the_page_without_a_question_is_the_form(client: httpx.AsyncClient) -> None:
    page = await client.get("/why")

    assert page.status_code == 200
    assert "Explain" in page.text
