"""The inbox: strict like the vendors, and a page where nothing that arrives can do harm."""

import json
from email.message import EmailMessage
from typing import Any

import aiosmtplib
import httpx
import pytest

from nines.demo.http_server import Misbehaviour, Response
from nines.demo.inbox import KEPT, Inbox
from nines.demo.inbox_slack import shown

KEY = "0" * 32
PAYLOAD = {"summary": "Shop burns", "source": "shop", "severity": "critical"}
TRIGGER = {
    "routing_key": KEY,
    "event_action": "trigger",
    "dedup_key": "INC1",
    "payload": PAYLOAD,
}
NEW_TAB = 'target="_blank" rel="noopener noreferrer"'
SCRIPT = "<script>alert(1)</script>"


async def post(inbox: Inbox, path: str, said: object, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=inbox.url, trust_env=False) as client:
        return await client.post(path, json=said, headers=headers)


async def get(inbox: Inbox, path: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=inbox.url, trust_env=False) as client:
        return await client.get(path)


async def enqueue(inbox: Inbox, **changes: object) -> httpx.Response:
    event = {key: value for key, value in {**TRIGGER, **changes}.items() if value is not None}
    return await post(inbox, "/v2/enqueue", event)


async def slack(inbox: Inbox, method: str, **said: object) -> dict[str, object]:
    token = "Bearer xoxb-1"
    answer = await post(inbox, f"/api/{method}", {"text": "x", **said}, Authorization=token)
    read: dict[str, object] = answer.json()
    return read


async def write(inbox: Inbox, html: str = "<p>Hello</p>", subject: str = "Hello") -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@example.com", "b@example.com", subject
    mail.set_content("Hello")
    mail.add_alternative(html, subtype="html")
    port = int(inbox.smtp_url.rpartition(":")[2])
    await aiosmtplib.send(mail, hostname="127.0.0.1", port=port, start_tls=False)


async def test_an_event_opens_one_incident_for_each_key() -> None:
    async with Inbox.start() as inbox:
        answer = await enqueue(inbox)
        await enqueue(inbox)
        await enqueue(inbox, dedup_key="INC2")

        assert (answer.status_code, answer.json()["dedup_key"]) == (202, "INC1")
        assert [(one.dedup_key, len(one.events)) for one in inbox.pagerduty] == [
            ("INC1", 2),
            ("INC2", 1),
        ]


async def test_a_change_event_opens_nothing() -> None:
    change = {"routing_key": KEY, "payload": {"summary": "24.9 % left", "source": "shop"}}
    async with Inbox.start() as inbox:
        answer = await post(inbox, "/v2/change/enqueue", change)
        page = (await get(inbox, "/")).text

        assert (answer.status_code, answer.json()["status"]) == (202, "success")
        assert not inbox.pagerduty
        assert [one.payload["summary"] for one in inbox.changes] == ["24.9 % left"]
        assert "<h3>24.9 % left</h3>" in page


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"routing_key": "short", "payload": {"summary": "x"}}, "routing key"),
        ({"routing_key": KEY}, "'payload' is missing"),
        ({"routing_key": KEY, "payload": {"summary": ""}}, "summary' is missing"),
        ({"routing_key": KEY, "payload": {"summary": "x"}, "dedup_key": "a"}, "not a field"),
        ({"routing_key": KEY, "payload": {"summary": "x", "severity": "info"}}, "not a field"),
    ],
)
async def test_a_wrong_change_event_is_refused(change: dict[str, object], problem: str) -> None:
    async with Inbox.start() as inbox:
        answer = await post(inbox, "/v2/change/enqueue", change)

        assert answer.status_code == 400
        assert problem in answer.json()["errors"][0]
        assert not inbox.changes


async def test_what_is_resolved_opens_again_as_another_incident() -> None:
    async with Inbox.start() as inbox:
        await enqueue(inbox)
        await enqueue(inbox, event_action="resolve", payload=None)
        await enqueue(inbox)

        assert [one.state for one in inbox.pagerduty] == ["resolved", "triggered"]


async def test_a_trigger_does_not_undo_an_acknowledgement() -> None:
    async with Inbox.start() as inbox:
        await enqueue(inbox)
        await enqueue(inbox, event_action="acknowledge", payload=None)
        await enqueue(inbox)

        assert [one.state for one in inbox.pagerduty] == ["acknowledged"]


async def test_resolving_what_is_not_open_is_dropped_without_a_word() -> None:
    async with Inbox.start() as inbox:
        answer = await enqueue(inbox, event_action="resolve", payload=None)

        assert answer.status_code == 202
        assert not inbox.pagerduty


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"routing_key": "short"}, "routing key"),
        ({"event_action": "close"}, "event_action"),
        ({"event_action": "resolve", "dedup_key": None}, "'dedup_key' is missing"),
        ({"dedup_key": "x" * 256}, "'dedup_key' is invalid"),
        ({"payload": None}, "'payload' is missing"),
        ({"payload": {**PAYLOAD, "summary": " "}}, "summary' is missing"),
        ({"payload": {**PAYLOAD, "summary": "x" * 1025}}, "too long"),
        ({"payload": {**PAYLOAD, "severity": "page"}}, "severity' is invalid"),
        ({"links": [{"text": "no address"}]}, "href"),
        ({"details": {}}, "'details' is not a field"),
        ({"payload": {**PAYLOAD, "custom_details": "x" * 512_000}}, "larger than 512 KB"),
    ],
)
async def test_a_wrong_event_is_refused(changes: dict[str, object], problem: str) -> None:
    async with Inbox.start() as inbox:
        answer = await enqueue(inbox, **changes)

        assert answer.status_code == 400
        assert problem in answer.json()["errors"][0]
        assert not inbox.pagerduty


async def test_slack_wants_a_token() -> None:
    async with Inbox.start() as inbox:
        nothing = await post(inbox, "/api/chat.postMessage", {"channel": "#a", "text": "x"})
        wrong = await post(inbox, "/api/chat.postMessage", {}, Authorization="Bearer mine")

    assert [nothing.json()["error"], wrong.json()["error"]] == ["not_authed", "invalid_auth"]


async def test_a_message_is_changed_in_place_and_answered_in_its_thread() -> None:
    async with Inbox.start() as inbox:
        posted = await slack(inbox, "chat.postMessage", channel="#sre", text="one")
        place = {"channel": posted["channel"], "ts": posted["ts"]}
        await slack(inbox, "chat.update", **place, text="two")
        await slack(inbox, "chat.postMessage", channel="#sre", thread_ts=posted["ts"], text="three")

        [message] = inbox.slack
        assert (message.text, message.edits) == ("two", 1)
        assert [reply.text for reply in message.replies] == ["three"]


@pytest.mark.parametrize(
    ("method", "said", "error"),
    [
        ("chat.postMessage", {}, "channel_not_found"),
        ("chat.postMessage", {"channel": "#a", "text": ""}, "no_text"),
        ("chat.postMessage", {"channel": "#a", "text": "x" * 40_001}, "msg_too_long"),
        ("chat.postMessage", {"channel": "#a", "thread_ts": "1.2"}, "thread_not_found"),
        ("chat.postMessage", {"channel": "#a", "blocks": [{"type": "wall"}]}, "invalid_blocks"),
        ("chat.update", {"channel": "C1", "ts": "1.2"}, "message_not_found"),
    ],
)
async def test_slack_refuses_as_it_does(method: str, said: dict[str, object], error: str) -> None:
    async with Inbox.start() as inbox:
        assert await slack(inbox, method, **said) == {"ok": False, "error": error}


def section(length: int) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": "x" * length}}


@pytest.mark.parametrize(
    ("blocks", "error"),
    [
        ([section(3001)], "invalid_blocks"),
        ([section(10)] * 51, "invalid_blocks"),
        ([section(2900)] * 5, "msg_blocks_too_long"),
        ([{**section(9), "block_id": "same"}] * 2, "invalid_blocks"),
        ([{**section(9), "block_id": "x" * 256}], "invalid_blocks"),
        ([{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}], "invalid_blocks"),
        ([{**section(9), "fields": [section(9)["text"]] * 11}], "invalid_blocks"),
    ],
)
async def test_slack_has_limits(blocks: list[object], error: str) -> None:
    async with Inbox.start() as inbox:
        said = await slack(inbox, "chat.postMessage", channel="#a", blocks=blocks)

    assert said["error"] == error


async def test_what_came_is_told_as_json() -> None:
    async with Inbox.start() as inbox:
        await enqueue(inbox)
        await slack(inbox, "chat.postMessage", channel="#sre")
        await post(inbox, "/webhook/any", {"status": "firing"})
        await write(inbox)
        told = (await get(inbox, "/inbox.json")).json()

    assert told["pagerduty"][0]["dedup_key"] == "INC1"
    assert KEY not in json.dumps(told)
    assert told["slack"][0]["text"] == "x"
    assert told["webhook"] == [{"status": "firing"}]
    assert told["mails"][0]["subject"] == "Hello"


async def test_the_page_shows_all_of_it_and_runs_none_of_it() -> None:
    async with Inbox.start() as inbox:
        await enqueue(inbox, payload={**PAYLOAD, "summary": SCRIPT})
        await slack(inbox, "chat.postMessage", channel="#sre", text=f"{SCRIPT} <!channel>")
        await post(inbox, "/webhook", {"text": SCRIPT})
        await write(inbox, subject=SCRIPT)
        page = await get(inbox, "/")

    assert page.text.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 4
    assert SCRIPT not in page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]


async def test_a_mail_is_shown_in_a_sandbox() -> None:
    async with Inbox.start() as inbox:
        await write(inbox, html=f"<html><head></head><body>{SCRIPT}Hello</body></html>")
        shown_mail = await get(inbox, "/mails/1")

    policy = shown_mail.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert "sandbox" in policy
    assert "allow-scripts" not in policy
    assert '<head><base target="_blank">' in shown_mail.text


async def test_the_version_moves_with_every_arrival() -> None:
    async with Inbox.start() as inbox:
        versions = [(await get(inbox, "/version")).text]
        for arrive in (enqueue(inbox), write(inbox), post(inbox, "/webhook", {})):
            await arrive
            versions.append((await get(inbox, "/version")).text)

    assert len(set(versions)) == 4


@pytest.mark.parametrize("path", ["/static/inbox.css", "/static/inbox.js"])
async def test_what_the_page_needs_is_served(path: str) -> None:
    async with Inbox.start() as inbox:
        assert (await get(inbox, path)).status_code == 200


@pytest.mark.parametrize("path", ["/static/../inbox.py", "/mails/7", "/nowhere"])
async def test_nothing_else_is(path: str) -> None:
    async with Inbox.start() as inbox:
        assert (await get(inbox, path)).status_code == 404
        assert (await post(inbox, path, {})).status_code == 404


async def test_old_ones_are_forgotten() -> None:
    async with Inbox.start() as inbox:
        for number in range(KEPT + 3):
            inbox._pagerduty.enqueue(json.dumps({**TRIGGER, "dedup_key": f"I{number}"}).encode())

        assert len(inbox.pagerduty) == KEPT
        assert inbox.pagerduty[0].dedup_key == "I3"


async def test_faults_come_once_and_in_order() -> None:
    async with Inbox.start() as inbox:
        inbox.faults.webhook.extend(
            [Response(500, b""), None, Response(429, b"", headers={"Retry-After": "9"})]
        )
        answers = [await post(inbox, "/webhook", {}) for _ in range(4)]

        assert [answer.status_code for answer in answers] == [500, 200, 429, 200]
        assert answers[2].headers["retry-after"] == "9"
        assert len(inbox.webhook) == 2


async def test_a_connection_can_break() -> None:
    async with Inbox.start() as inbox:
        inbox.faults.webhook.append(Misbehaviour.RESET)

        with pytest.raises(httpx.RemoteProtocolError):
            await post(inbox, "/webhook", {})


async def test_it_starts_again_on_the_ports_it_left() -> None:
    async with Inbox.start() as first:
        http, smtp = (int(url.rpartition(":")[2]) for url in (first.url, first.smtp_url))

    async with Inbox.start(http_port=http, smtp_port=smtp) as second:
        assert (second.url, second.smtp_url) == (first.url, first.smtp_url)


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*bold* &amp; &lt;b&gt;", "<strong>bold</strong> &amp; &lt;b&gt;"),
        (
            "<https://a.example/?x=1&amp;y=2|The page>",
            f'<a href="https://a.example/?x=1&amp;y=2" {NEW_TAB}>The page</a>',
        ),
        ("<!date^1^{date}|2026-11-20>", "<time>2026-11-20</time>"),
        ("<!channel>", "<mark>&lt;!channel&gt;</mark>"),
        ("<javascript:alert(1)|x>", "<mark>&lt;javascript:alert(1)|x&gt;</mark>"),
        (":red_circle: one\ntwo", "🔴 one<br>two"),
    ],
)
def test_slacks_text_as_html(text: str, html: str) -> None:
    assert shown(text) == html
