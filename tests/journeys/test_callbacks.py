"""From a button in the vendor's page back to Nines and on to the others, over real sockets."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from nines.demo.inbox_webhooks import Home
from tests.journeys.serving import eventually
from tests.journeys.shop import Shop, shop

SIGNING, WEBHOOK = "slack-signs-with-this", "pagerduty-signs-with-this"
ALERTING = """
alerting:
  receivers:
    oncall:
      pagerduty:
        routing_key: 0123456789abcdef0123456789abcdef
        url: "{inbox}"
        webhook_secret: {webhook}
        receipt_within: 5s
    sre:
      slack: {{token: xoxb-1, channel: "#sre", url: "{inbox}", signing_secret: {signing},
              users: [U0ANN]}}
    mail: {{email: {{smtp: "{smtp}", from: nines@example.com, to: [ann@example.com]}}}}
  route: {{receivers: [oncall, sre, mail]}}
"""


@dataclass
class World(Shop):
    """What people do there, and what comes of it."""

    async def outage(self) -> str:
        """Begin one; the incident's id, once everybody was told."""
        self.target.status = 500
        inbox = self.inbox
        await eventually(
            lambda: inbox.pagerduty and inbox.slack and inbox.mails, "pages", self.nines.log
        )
        return inbox.pagerduty[0].dedup_key

    async def incident(self) -> dict[str, Any]:
        key = self.inbox.pagerduty[0].dedup_key
        found: dict[str, Any] = await self.nines.get(f"/api/v1/incidents/{key}")
        return found

    async def timeline(self) -> str:
        return "\n".join(event["text"] for event in (await self.incident())["timeline"])

    async def click(self, path: str) -> None:
        async with httpx.AsyncClient(base_url=self.inbox.url, trust_env=False) as client:
            assert (await client.post(path)).status_code == 303

    async def eventually_said(self, text: str) -> None:
        async def said() -> bool:
            return text in await self.timeline()

        await eventually(said, text, self.nines.log)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A healthy target, watched; vendors that call back with the right secrets."""
    async with shop(tmp_path, ALERTING, signing=SIGNING, webhook=WEBHOOK) as one:
        home = Home(
            one.nines.url,
            slack="sre",
            signing_secret=SIGNING,
            pagerduty="oncall",
            webhook_secret=WEBHOOK,
        )
        one.inbox.call_back(home)
        yield World(one.target, one.server, one.inbox, one.nines)


@pytest.mark.slow
async def test_a_press_in_slack_acknowledges_in_pagerduty_and_changes_the_message(
    world: World,
) -> None:
    await world.outage()
    [message] = world.inbox.slack

    await world.click(f"/press/{message.ts}/nines_acknowledge")
    await eventually(
        lambda: world.inbox.pagerduty[0].state == "acknowledged", "PagerDuty", world.nines.log
    )
    await eventually(lambda: "ACKNOWLEDGED" in message.text, "Slack", world.nines.log)
    await eventually(
        lambda: any("[ACKNOWLEDGED" in mail.subject for mail in world.inbox.mails), "the mail"
    )

    incident = await world.incident()
    assert incident["acknowledged_by"] == "ann (Slack)"
    assert incident["state"] == "acknowledged"
    # What PagerDuty tells of our own acknowledgement is an echo, and nobody hears of it again.
    said = [one["kind"] for one in incident["notifications"] if one["receiver"] == "oncall"]
    assert said == ["trigger", "acknowledge"]
    assert "acknowledged this again" not in await world.timeline()


@pytest.mark.slow
async def test_an_acknowledgement_in_pagerduty_is_told_to_all_but_pagerduty(world: World) -> None:
    await world.outage()

    await world.click("/incidents/1/acknowledged")
    [message] = world.inbox.slack
    await eventually(lambda: "ACKNOWLEDGED" in message.text, "Slack", world.nines.log)

    incident = await world.incident()
    assert incident["acknowledged_by"] == "ann (PagerDuty)"
    assert [one["receiver"] for one in incident["notifications"] if one["kind"] != "trigger"] == [
        "sre",
        "mail",
    ]
    assert len(world.inbox.pagerduty[0].events) == 1


@pytest.mark.slow
async def test_a_resolve_in_pagerduty_while_it_burns_is_noted_and_said(world: World) -> None:
    await world.outage()

    await world.click("/incidents/1/resolved")
    await world.eventually_said("ann resolved this in PagerDuty (oncall) while it still burns.")
    [message] = world.inbox.slack
    await eventually(
        lambda: any("while it still burns" in one.text for one in message.replies), "Slack"
    )

    assert (await world.incident())["state"] == "triggered"
    assert [one.state for one in world.inbox.pagerduty] == ["resolved"]


@pytest.mark.slow
async def test_pagerdutys_own_word_is_the_receipt_of_a_page(world: World) -> None:
    await world.outage()
    await world.eventually_said("oncall confirmed the trigger")


@pytest.mark.slow
async def test_a_link_in_a_mail_asks_first_and_acknowledges_once(world: World) -> None:
    await world.outage()
    text = world.inbox.mails[0].text
    [link] = re.findall(r"Acknowledge: (http://\S+)", text)
    client = world.nines.client

    asked = await client.get(link)  # as a link scanner does
    assert (asked.status_code, "has done nothing yet" in asked.text) == (200, True)
    assert (await world.incident())["state"] == "triggered"

    nobody = await client.post(link, data={"name": " "})
    assert (nobody.status_code, "Say who you are" in nobody.text) == (400, True)
    done = await client.post(link, data={"name": "Ann"})
    assert "Acknowledged. The others can see" in done.text
    again = await client.post(link, data={"name": "Bob"})
    assert "Ann (a link in a mail) is on it already." in again.text

    assert (await world.incident())["acknowledged_by"] == "Ann (a link in a mail)"
    forged = await client.get(link[:-1] + ("0" if link[-1] != "0" else "1"))
    assert (forged.status_code, forged.json()["status"]) == (404, 404)


@pytest.mark.slow
async def test_a_press_in_slack_silences_the_service_for_an_hour(world: World) -> None:
    await world.outage()

    await world.click(f"/press/{world.inbox.slack[0].ts}/nines_silence_1h")
    await world.eventually_said("ann (Slack) silenced shop until")
    await world.eventually_said("Nobody is newly told of availability")
