"""Callbacks on a real service: what is believed, what follows, and what is refused."""

import asyncio
import json
import re
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerting.callbacks import content, link, slack
from alerting.destination import Destination
from alerting.notification import Notification, NotificationState
from nines import callbacks
from nines.service import Service
from nines.storage.callbacks import CallbackRecords, Standing
from tests.alerting.receivers.vendor import Vendor, answer, vendor
from tests.fakes.clock import FakeClock
from tests.fakes.receiver import ScriptedReceiver
from tests.journeys.serving import eventually
from tests.nines.living import START, a_look
from web.app import create_app
from web.settings import WebSettings

SIGNING, WEBHOOK = "slack-signs-with-this", "pagerduty-signs-with-this"
CONFIG = """
server: {{database: "sqlite:///{database}", bucket: 10s}}
alerting:
  receivers:
    oncall:
      pagerduty:
        routing_key: 0123456789abcdef0123456789abcdef
        webhook_secret: {webhook}
        receipt_within: 30s
    sre:
      slack:
        token: xoxb-1
        channel: "#sre"
        url: {slack}
        signing_secret: {signing}
        users: [U0ANN, U0BOB]
    quiet:
      slack:
        {{token: xoxb-1, channel: "#q", url: {slack}, signing_secret: {signing}, users: everyone}}
    plain: {{slack: {{token: xoxb-1, channel: "#plain"}}}}
    mail: {{email: {{smtp: "smtp://localhost:1", from: n@example.com, to: [ann@example.com]}}}}
    backup: {{webhook: {{url: "http://127.0.0.1:1/backup"}}}}
  route: {{receivers: [oncall, sre], failover: [backup]}}
services:
  shop:
    collectors:
      front: {{http: "http://127.0.0.1:1/front", interval: 10s}}
    slos:
      availability:
        objective: 99.9%
        sli: {{probe: front}}
"""


@dataclass
class World:
    """A service whose outbox nobody works off but the test, and a client of its web room."""

    service: Service
    clock: FakeClock
    client: httpx.AsyncClient

    async def outage(self) -> str:
        """Fail until somebody is paged; the incident's id."""
        for _ in range(60):
            self.clock.move(timedelta(seconds=10))
            self.service.rounds.on_observation(a_look("shop/front", self.clock.now(), bad=True))
            self.service.rounds.judge()
            await self.service.dispatch.settle()
            if files := self.service.records.open_incidents():
                return files[0].incident.id
        raise AssertionError("nobody was paged")

    async def notifications(self) -> list[Notification]:
        [incident] = (
            await self.service.live.incidents(state=None, service=None, cursor=None, limit=9)
        ).incidents
        detail = await self.service.live.incident(incident.id)
        assert detail is not None
        return list(detail.notifications)

    async def told(self) -> list[str]:
        return [f"{one.kind} to {one.receiver}" for one in await self.notifications()]

    async def timeline(self, incident_id: str) -> list[str]:
        detail = await self.service.live.incident(incident_id)
        assert detail is not None
        return [event.text for event in detail.events]

    async def receipts(self, incident_id: str) -> list[str | None]:
        facts = (await self.client.get(f"/api/v1/incidents/{incident_id}")).json()
        return [
            one["receipt"]
            for one in facts["notifications"]
            if one["receiver"] == "oncall" and one["kind"] == "trigger"
        ]

    async def deliver(self) -> None:
        """Everybody takes what waits for them."""
        names = self.service.config.alerting.receivers
        await self.service.delivery.replace({name: ScriptedReceiver() for name in names})
        running = asyncio.create_task(self.service.delivery.run())
        try:
            async with asyncio.timeout(20):
                while any(
                    one.state is NotificationState.PENDING for one in await self.notifications()
                ):
                    self.service.delivery.notify()
                    await asyncio.sleep(0.01)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def press(
        self,
        incident_id: str,
        revision: int = 1,
        *,
        button: slack.Button = slack.Button.ACKNOWLEDGE,
        user: str = "U0ANN",
        receiver: str = "sre",
        stamp: int | None = None,
    ) -> httpx.Response:
        """Slack's request for a press."""
        self.clock.move(timedelta(seconds=1))
        payload = {
            "type": "block_actions",
            "user": {"id": user, "name": {"U0ANN": "ann", "U0BOB": "bob"}.get(user, "eve")},
            "channel": {"id": "C0SRE"},
            "actions": [{"action_id": button, "value": f"v1.{incident_id}.{revision}"}],
        }
        body = urlencode({"payload": json.dumps(payload)}).encode()
        return await self.slack(body, receiver, stamp=stamp)

    async def slack(
        self, body: bytes, receiver: str = "sre", *, stamp: int | None = None
    ) -> httpx.Response:
        at = str(int(self.clock.now().timestamp()) if stamp is None else stamp)
        signed = content.signature(SIGNING, b"v0:%s:%s" % (at.encode(), body))
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Slack-Request-Timestamp": at,
            "X-Slack-Signature": f"v0={signed}",
        }
        answer = await self.client.post(
            f"/callbacks/slack/{receiver}", content=body, headers=headers
        )
        await self.service.callbacks.settle()
        return answer

    async def webhook(
        self,
        kind: str,
        incident_key: str,
        *,
        id_: str = "E1",
        person: str | None = "ann",
        receiver: str = "oncall",
        secret: str = WEBHOOK,
    ) -> httpx.Response:
        """PagerDuty's request for an event."""
        agent = {"type": "inbound_integration_reference", "summary": "Nines"}
        if person is not None:
            agent = {"type": "user_reference", "summary": person}
        event = {
            "id": id_,
            "event_type": kind,
            "occurred_at": self.clock.now().isoformat(),
            "agent": agent,
            "data": {"incident_key": incident_key, "assignees": [{"summary": "bob"}]},
        }
        body = json.dumps({"event": event}).encode()
        signed = f"v1={'0' * 64},v1={content.signature(secret, body)}"
        answer = await self.client.post(
            f"/callbacks/pagerduty/{receiver}",
            content=body,
            headers={"X-PagerDuty-Signature": signed},
        )
        await self.service.callbacks.settle()
        return answer


@asynccontextmanager
async def a_world(folder: Path, vendor: Vendor | None = None) -> AsyncIterator[World]:
    config = folder / "config.yaml"
    slack_url = "http://127.0.0.1:1" if vendor is None else vendor.url
    text = CONFIG.format(
        database=folder / "nines.db", signing=SIGNING, webhook=WEBHOOK, slack=slack_url
    )
    config.write_text(text)
    clock = FakeClock(START)
    service = await Service.open(config, {}, clock)
    try:
        settings_ = WebSettings(now=clock.now)
        app = create_app(service.live, settings=settings_, callbacks=service.callbacks)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield World(service, clock, client)
    finally:
        await service.close()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path) as one:
        yield one


def refused(answer: httpx.Response, status: int) -> str:
    """It was a problem of that status; its sentence."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return str(answer.json()["detail"])


async def test_a_press_acknowledges_and_everybody_hears_of_it(world: World) -> None:
    incident = await world.outage()
    await world.deliver()

    answer = await world.press(incident)

    assert (answer.status_code, answer.content) == (200, b"")
    assert "ann (Slack) acknowledged." in await world.timeline(incident)
    assert (await world.told())[2:] == ["acknowledge to oncall", "acknowledge to sre"]


async def test_the_same_person_pressing_again_changes_nothing(world: World) -> None:
    incident = await world.outage()
    await world.deliver()
    await world.press(incident)
    before = await world.timeline(incident)

    assert (await world.press(incident)).status_code == 200
    assert await world.timeline(incident) == before

    await world.press(incident, user="U0BOB")
    assert "bob (Slack) acknowledged this again" in (await world.timeline(incident))[-1]


async def test_who_presses_in_vain_is_told_so_and_nobody_else(tmp_path: Path) -> None:
    async with vendor(answer(200, b'{"ok": true}')) as there, a_world(tmp_path, there) as world:
        incident = await world.outage()
        await world.deliver()

        async def heard(number: int) -> dict[str, str]:
            await eventually(lambda: len(there.requests) == number, "Slack to be called")
            return dict(json.loads(there.bodies[-1]))

        await world.press(incident)
        await world.press(incident, user="U0BOB")
        taken = await heard(1)
        await world.webhook("incident.resolved", incident)
        await world.deliver()
        await world.press(incident, 0, user="U0BOB")
        stale = await heard(2)

    assert there.requests[0].startswith(b"POST /api/chat.postEphemeral ")
    assert (taken["channel"], taken["user"]) == ("C0SRE", "U0BOB")
    assert re.fullmatch(r"ann \(Slack\) acknowledged it at .* already: .*", taken["text"])
    assert stale["text"].startswith("This message was out of date: nothing changed.")


async def test_a_press_on_a_message_that_was_out_of_date_is_noted_alone(world: World) -> None:
    incident = await world.outage()
    await world.deliver()
    await world.webhook("incident.resolved", incident)
    await world.deliver()

    assert (await world.press(incident, 1)).status_code == 200
    assert (
        "out of date (revision 1, now 2): nothing changed."
        in ((await world.timeline(incident))[-1])
    )
    await world.press(incident, 2)
    assert "ann (Slack) acknowledged." in await world.timeline(incident)


async def test_what_is_no_press_of_somebody_who_may_is_refused(world: World) -> None:
    incident = await world.outage()
    await world.deliver()
    before, now = await world.timeline(incident), int(world.clock.now().timestamp())

    assert "not among the users" in refused(await world.press(incident, user="U0EVE"), 403)
    assert "no incident INC9" in refused(await world.press("INC9"), 404)
    assert "told of no incident" in refused(await world.press(incident, receiver="quiet"), 404)
    for receiver in ("plain", "oncall", "nobody", "mail"):
        assert "takes callbacks" in refused(await world.press(incident, receiver=receiver), 404)
    for stamp in (now - 301, now + 400):
        assert "signature" in refused(await world.press(incident, stamp=stamp), 401)
    refused(await world.slack(b"payload=%7B%7D&payload=1"), 400)
    refused(await world.slack(b"\xff\xfe"), 400)
    refused(await world.client.get("/callbacks/slack/sre"), 405)
    refused(await world.client.put("/callbacks/pagerduty/oncall"), 405)

    assert await world.timeline(incident) == before


async def test_while_storage_hangs_slack_is_answered_in_time_and_a_press_made_again_counts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = await world.outage()
    over, standing = threading.Event(), CallbackRecords.standing

    def hangs(records: CallbackRecords, incident_id: str, receiver: str) -> Standing | None:
        over.wait(10)
        return standing(records, incident_id, receiver)

    with monkeypatch.context() as away:
        assert 2 * callbacks._ANSWER_WITHIN < 3  # a press takes two looks
        away.setattr(callbacks, "_ANSWER_WITHIN", 0.05)
        away.setattr(CallbackRecords, "standing", hangs)
        try:
            answer = await world.press(incident)
            assert not over.is_set()
        finally:
            over.set()
    assert "send it again" in refused(answer, 503)

    assert (await world.press(incident)).status_code == 200
    assert any("ann" in line for line in await world.timeline(incident))


async def test_a_replay_is_refused(world: World) -> None:
    incident = await world.outage()
    await world.deliver()
    body = urlencode(
        {
            "payload": json.dumps(
                {
                    "type": "block_actions",
                    "user": {"id": "U0ANN", "name": "ann"},
                    "actions": [{"action_id": "nines_acknowledge", "value": f"v1.{incident}.1"}],
                }
            )
        }
    ).encode()

    assert (await world.slack(body)).status_code == 200
    assert "taken before" in refused(await world.slack(body), 409)


async def test_a_body_beyond_all_measure_is_not_read(world: World) -> None:
    refused(await world.slack(b"payload=" + b"x" * 600_000), 413)
    refused(await world.slack(b"payload=" + b"x" * 400_000), 400)  # of that size Slack's may be


async def test_beyond_a_rate_refusals_are_429_and_keep_nobody_out(world: World) -> None:
    incident = await world.outage()
    await world.deliver()
    answers = [await world.client.post("/callbacks/slack/sre", content=b"x") for _ in range(80)]

    assert {one.status_code for one in answers} == {401, 429}
    assert answers[-1].headers["Retry-After"]
    assert (await world.press(incident)).status_code == 200


async def test_what_was_taken_before_a_crash_is_done_after_it(tmp_path: Path) -> None:
    async with a_world(tmp_path) as world:
        incident = await world.outage()
        await world.deliver()
        settle, world.service.callbacks.settle = world.service.callbacks.settle, _nothing  # type: ignore[method-assign]
        assert (await world.press(incident)).status_code == 200
        assert "ann (Slack) acknowledged." not in await world.timeline(incident)
        del settle
    async with a_world(tmp_path) as again:
        await again.service.callbacks.settle()
        assert "ann (Slack) acknowledged." in await again.timeline(incident)


async def _nothing() -> None:
    """The process ends before it acts."""


async def test_pagerdutys_acknowledgement_is_not_sent_back_to_it(world: World) -> None:
    incident = await world.outage()
    await world.deliver()

    assert (await world.webhook("incident.acknowledged", incident)).status_code == 200
    assert (await world.told())[2:] == ["acknowledge to sre"]
    # The same event sent again, and the echo of what we told others.
    await world.webhook("incident.acknowledged", incident)
    await world.webhook("incident.acknowledged", incident, id_="E2", person=None)
    assert (await world.told())[2:] == ["acknowledge to sre"]
    assert sum("acknowledged" in text for text in await world.timeline(incident)) == 1


async def test_a_resolve_there_is_noted_and_said_while_it_burns(world: World) -> None:
    incident = await world.outage()
    await world.deliver()

    await world.webhook("incident.resolved", incident)

    text = "ann resolved this in PagerDuty (oncall) while it still burns."
    assert text in await world.timeline(incident)
    [said] = (await world.notifications())[2:]
    assert (str(said.kind), said.receiver) == ("update", "sre")
    assert text in said.message.what_changed
    # Ours of an incident that is over is no news, and neither is one by an integration.
    await world.webhook("incident.resolved", incident, id_="E2", person=None)
    assert len(await world.notifications()) == 3


async def test_what_else_happens_there_is_a_line_in_the_timeline(world: World) -> None:
    incident = await world.outage()
    await world.webhook("incident.reassigned", incident)
    assert "ann reassigned it in PagerDuty (oncall), now with bob." in (
        await world.timeline(incident)
    )
    assert len(await world.told()) == 2


async def test_a_webhook_about_somebody_elses_incident_has_no_effect(world: World) -> None:
    assert (await world.webhook("incident.acknowledged", "their-own-key")).status_code == 200
    assert (await world.webhook("pagey.ping", "", id_="E2")).status_code == 200
    assert "signature" in refused(await world.webhook("pagey.ping", "", secret="no"), 401)
    assert "No receiver" in refused(await world.webhook("pagey.ping", "", receiver="sre"), 404)


async def test_until_a_webhook_has_come_a_202_counts_as_delivered(world: World) -> None:
    incident = await world.outage()
    await world.deliver()
    world.clock.move(timedelta(minutes=10))
    await world.service.receipts.look()

    assert await world.receipts(incident) == ["unverified"]
    page = (await world.client.get(f"/incidents/{incident}")).text
    assert "which counts as delivered" in page
    assert len(await world.told()) == 2


async def test_a_page_without_a_receipt_in_time_is_spoken_by_another(world: World) -> None:
    await world.webhook("pagey.ping", "", id_="E0")
    incident = await world.outage()
    await world.deliver()
    assert await world.receipts(incident) == ["awaited"]
    world.clock.move(timedelta(seconds=29))
    await world.service.receipts.look()
    assert len(await world.told()) == 2

    world.clock.move(timedelta(seconds=2))
    await world.service.receipts.look()
    await world.service.receipts.look()

    assert (await world.told())[2:] == ["trigger to backup"]
    assert await world.receipts(incident) == ["missing"]
    assert any("No receipt from oncall within 30 s" in x for x in await world.timeline(incident))
    # It comes after all.
    await world.webhook("incident.triggered", incident, person=None)
    assert await world.receipts(incident) == ["confirmed"]
    assert "late" in (await world.timeline(incident))[-1]


async def test_nobody_waits_for_the_receipt_of_what_is_parked_or_long_ago(world: World) -> None:
    await world.webhook("pagey.ping", "", id_="E0")
    incident = await world.outage()
    await world.deliver()
    assert await world.receipts(incident) == ["awaited"]

    now, records = world.clock.now(), world.service.records
    parked = Destination("oncall", parked_at=now, problem="PagerDuty answered 401")
    await world.service.threads.write(lambda: records.probe(parked, now))
    assert await world.receipts(incident) == ["unverified"]
    mended = parked.succeeded(now)
    await world.service.threads.write(lambda: records.probe(mended, now))
    assert await world.receipts(incident) == ["awaited"]
    world.clock.move(timedelta(days=1, seconds=1))
    assert await world.receipts(incident) == ["unverified"]


async def test_a_receipt_in_time_closes_the_delivery(world: World) -> None:
    await world.webhook("pagey.ping", "", id_="E0")
    incident = await world.outage()
    await world.deliver()

    await world.webhook("incident.triggered", incident, person=None)
    world.clock.move(timedelta(minutes=5))
    await world.service.receipts.look()

    assert await world.receipts(incident) == ["confirmed"]
    assert len(await world.told()) == 2


async def test_what_somebody_has_taken_needs_no_other_to_speak(world: World) -> None:
    await world.webhook("pagey.ping", "", id_="E0")
    incident = await world.outage()
    await world.deliver()
    await world.service.dispatch.acknowledge(incident, "ann")
    world.clock.move(timedelta(minutes=5))
    await world.service.receipts.look()

    assert "trigger to backup" not in await world.told()
    assert any("Somebody has it already" in text for text in await world.timeline(incident))


async def test_a_link_says_how_things_stand(world: World) -> None:
    incident = await world.outage()
    one = (await world.notifications())[0]
    token = world.service.callbacks.link(incident, one.id, one.message.decided_at)
    path, html = f"/callbacks/mail/{token}", {"Accept": "text/html"}

    assert (await world.client.head(path)).status_code == 200
    assert (await world.client.post(path, data={"name": "Ann"}, headers=html)).status_code == 200
    assert "is on it already" in (await world.client.get(path)).text
    world.clock.move(link.LIFETIME)
    assert "expired" in refused(await world.client.get(path), 410)
    assert "has expired" in (await world.client.get(path, headers=html)).text
    refused(await world.client.delete(path), 405)
    refused(await world.client.post("/callbacks/mail/x.y", content=b"\xff"), 404)


FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
HEADERS = st.sampled_from(
    ["X-Slack-Signature", "X-Slack-Request-Timestamp", "X-PagerDuty-Signature", "Content-Type"]
)
RAW = st.binary(max_size=60).map(lambda raw: raw.translate(None, b"\r\n\0"))


async def test_any_request_is_answered_with_a_problem(world: World) -> None:
    @FUZZ
    @given(
        method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
        path=st.sampled_from(["slack/sre", "pagerduty/oncall", "mail/a.b.1.c", "slack/%ff%00"]),
        headers=st.dictionaries(HEADERS, RAW, max_size=3),
        body=st.binary(max_size=200),
    )
    def ask(method: str, path: str, headers: dict[str, bytes], body: bytes) -> None:
        asked.append((method, path, headers, body))

    asked: list[tuple[str, str, dict[str, bytes], bytes]] = []
    await asyncio.to_thread(ask)
    for method, path, headers, body in asked:
        given_ = [(name.encode(), value) for name, value in headers.items()]
        answer = await world.client.request(
            method, f"/callbacks/{path}", headers=given_, content=body
        )
        refused(answer, answer.status_code)
        assert 400 <= answer.status_code < 500


async def test_an_overdue_receipt_is_given_up_on_by_its_time_and_nothing_is_asked_before(
    world: World,
) -> None:
    await world.webhook("pagey.ping", "", id_="E0")
    looking = asyncio.create_task(world.service.receipts.run())
    try:
        await world.clock.advance(timedelta(hours=1))
        incident = await world.outage()
        await world.deliver()  # which wakes it
        asked: list[timedelta] = []
        inner, since = world.service.receipts.look, world.clock.now()

        async def look() -> datetime | None:
            asked.append(world.clock.now() - since)
            return await inner()

        world.service.receipts.look = look  # type: ignore[method-assign]
        for _ in range(60):
            await world.clock.advance(timedelta(seconds=1))
            await asyncio.sleep(0.02)  # storage has a thread of its own
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)

    assert "trigger to backup" in await world.told()
    assert await world.receipts(incident) == ["missing"]
    assert timedelta(seconds=30) in asked
    assert len(asked) <= 4, asked
