"""Slack: one message an incident, its thread, and what each refusal is taken for."""

import json
import logging
import re
import ssl
from collections.abc import Mapping
from datetime import timedelta

import pytest
from hypothesis import given, settings

from alerting.notification import AttemptOutcome, DeliveryError, Message
from alerting.receivers import slack
from alerting.receivers.slack import Slack, SlackConfig, mrkdwn, plain, post, reply
from nines.demo.http_server import Misbehaviour, Response
from nines.demo.inbox import Fault, Inbox
from nines.demo.inbox_slack import SlackMessage, SlackWorkspace
from tests.alerting.receivers.messages import (
    ACKNOWLEDGE,
    OPENED,
    RESOLVE,
    UPDATE,
    horrible,
    line,
    message,
    notice,
)
from tests.alerting.receivers.outcomes import AMBIGUOUS, OK, PERMANENT, RETRY, deliver
from tests.alerting.receivers.vendor import HANG, RESET, answer, vendor

TOKEN = "xoxb-123-s3cret"


def receiver(url: str, **more: object) -> Slack:
    raw = {"token": TOKEN, "channel": "#sre", "url": url, **more}
    return slack.build(SlackConfig.model_validate(raw), external_url="https://nines.example")


def no(error: str, status: int = 200, **headers: str) -> Response:
    body = json.dumps({"ok": False, "error": error}).encode()
    return Response(status, body, headers={k.replace("_", "-"): v for k, v in headers.items()})


async def told(inbox: Inbox) -> Mapping[str, str]:
    """The handle of an incident that was posted."""
    result = await deliver(receiver(inbox.url), message())
    assert result.handle is not None
    return result.handle


async def test_an_incident_is_one_message_with_its_story_in_a_thread() -> None:
    async with Inbox.start() as inbox:
        handle = await told(inbox)
        for number, kind in enumerate([UPDATE, ACKNOWLEDGE, RESOLVE], start=2):
            result = await deliver(receiver(inbox.url), message(kind, number), handle)
            assert (result.outcome, result.handle) == (OK, None)

        [posted] = inbox.slack
        assert posted.text.startswith("[RESOLVED] Shop availability")
        assert posted.edits == 3
        said = [re.findall(r"[A-Z]{6,}", answer.text)[0] for answer in posted.replies]
        assert said == ["FIRING", "ACKNOWLEDGED", "RESOLVED"]


async def test_a_notice_is_a_message_of_its_own() -> None:
    async with Inbox.start() as inbox:
        handle = await told(inbox)
        result = await deliver(receiver(inbox.url), notice(), handle)

        assert (result.outcome, result.handle) == (OK, None)
        incident, said = inbox.slack
        assert (incident.edits, incident.replies) == (0, [])
        assert said.text.startswith("[NOTICE] Shop availability: 24.9 % of the 30d budget left")


def test_a_notice_among_alerts_is_neither_firing_nor_over() -> None:
    (noticed,) = notice().alerts
    blocks = post(message(alerts=(line(), noticed)))["blocks"]

    assert ":large_orange_circle: availability: 24.9 %" in str(blocks)
    assert "(noticed <!date^" in str(blocks)


async def test_the_handle_is_where_the_message_stands() -> None:
    async with Inbox.start() as inbox:
        handle = await told(inbox)

        assert handle == {"channel": inbox.slack[0].channel, "ts": inbox.slack[0].ts}
        assert handle["channel"] != "#sre"


def test_the_message_shows_the_evidence() -> None:
    header, story, links, notes = post(message())["blocks"]

    assert header["text"]["text"] == ":red_circle: FIRING Shop (page)"
    assert story["text"]["text"].startswith("*Shop availability: burning 14.6x")
    assert {"*Budget*\n12 % of the 30d budget left (5 min 21 s)"} < {
        field["text"] for field in story["fields"]
    }
    assert "<https://runbooks.example/shop|Runbook>" in links["elements"][0]["text"]
    assert "Opened <!date^1795183200^{date_short_pretty} {time}|2026-11-20 14:00 UTC>" in str(notes)


def test_each_revision_has_fresh_block_ids() -> None:
    first = {block["block_id"] for block in post(message(revision=1))["blocks"]}
    second = {block["block_id"] for block in post(message(UPDATE, 2))["blocks"]}

    assert not first & second


def test_many_alerts_are_shortened_and_counted() -> None:
    many = message(alerts=tuple(line(f"slo{number}") for number in range(200)))

    blocks = post(many)["blocks"]

    assert len(blocks) <= slack.BLOCKS_LIMIT
    shown = len(blocks) - 2
    assert blocks[-2]["elements"][0]["text"] == f"{202 - shown} more are on the incident's page"


@settings(max_examples=60, deadline=None)
@given(horrible())
def test_no_text_breaks_a_limit_or_pings_anybody(bad: Message) -> None:
    workspace = SlackWorkspace(10, lambda: OPENED)
    for body in (post(bad, 2), plain(bad, 2), reply(bad, 2)):
        sent = json.dumps({"channel": "#sre", **body}).encode()
        said = workspace.call("chat.postMessage", {"authorization": "Bearer xoxb-1"}, sent)

        assert json.loads(said.body)["ok"], said.body
        assert len(body["text"]) <= 4000
        assert len(json.dumps(body.get("blocks"), ensure_ascii=False)) <= 10_000
    assert [one.pings for one in workspace.messages] == [[], [], []]


@pytest.mark.parametrize(
    ("text", "limit", "escaped"),
    [
        ("a < b & c > d", 100, "a &lt; b &amp; c &gt; d"),
        ("<!channel> <@U1>", 100, "&lt;!channel&gt; &lt;@U1&gt;"),
        ("&&&", 11, "&amp;&amp;…"),
        ("abc", 3, "ab…"),
        ("ab", 3, "ab"),
    ],
)
def test_text_is_escaped_and_never_cut_within_an_escape(
    text: str, limit: int, escaped: str
) -> None:
    assert mrkdwn(text, limit) == escaped


REFUSALS = {
    RETRY: "ratelimited rate_limited message_limit_exceeded service_unavailable request_timeout "
    "team_added_to_org some_error_of_tomorrow",
    AMBIGUOUS: "internal_error fatal_error",
    PERMANENT: "channel_not_found not_in_channel is_archived restricted_action invalid_auth "
    "restricted_action_read_only_channel token_revoked token_expired account_inactive "
    "missing_scope not_authed no_permission",
}


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(error, outcome) for outcome, errors in REFUSALS.items() for error in errors.split()],
)
async def test_each_error_has_its_outcome(error: str, outcome: AttemptOutcome) -> None:
    async with Inbox.start() as inbox:
        inbox.faults.slack.append(no(error))
        result = await deliver(receiver(inbox.url), message())

    assert result.outcome is outcome
    assert error in result.said


@pytest.mark.parametrize(
    ("said", "outcome", "status"),
    [
        pytest.param(answer(200, b"<html>"), AMBIGUOUS, 200, id="no JSON"),
        pytest.param(answer(200, b"[]"), AMBIGUOUS, 200, id="JSON of another kind"),
        pytest.param(answer(200), AMBIGUOUS, 200, id="nothing"),
        pytest.param(answer(200, b"\xff\xfe"), AMBIGUOUS, 200, id="no text"),
        pytest.param(answer(403, b"no"), PERMANENT, 403, id="forbidden by a proxy"),
        pytest.param(answer(404), PERMANENT, 404, id="wrong address"),
        pytest.param(answer(429, b'{"ok":false,"error":"ratelimited"}'), RETRY, 429, id="429"),
        pytest.param(answer(429, b"slow down"), RETRY, 429, id="429 of a proxy"),
        pytest.param(answer(500, b"oops"), AMBIGUOUS, 500, id="500"),
        pytest.param(answer(503, b"\xff"), RETRY, 503, id="503"),
        pytest.param(RESET, AMBIGUOUS, None, id="connection lost"),
        pytest.param(b"nonsense\r\n\r\n", AMBIGUOUS, None, id="no HTTP"),
    ],
)
async def test_each_http_answer_has_its_outcome(
    said: bytes, outcome: AttemptOutcome, status: int | None
) -> None:
    async with vendor(said) as stands:
        result = await deliver(receiver(stands.url), message())

    assert (result.outcome, result.status) == (outcome, status)
    assert len(stands.requests) == 1


@pytest.mark.parametrize(("status", "error"), [(429, "ratelimited"), (200, "rate_limited")])
async def test_slack_says_how_long_to_wait(status: int, error: str) -> None:
    async with Inbox.start() as inbox:
        inbox.faults.slack.append(no(error, status, Retry_After="30"))
        result = await deliver(receiver(inbox.url), message())

    assert (result.outcome, result.retry_after) == (RETRY, timedelta(seconds=30))


async def test_a_workspace_at_its_limit_is_left_alone_for_a_while() -> None:
    async with Inbox.start() as inbox:
        inbox.faults.slack.append(no("message_limit_exceeded"))
        result = await deliver(receiver(inbox.url), message())

    assert result.retry_after == timedelta(minutes=10)


@pytest.mark.parametrize(
    "error",
    [
        "msg_too_long",
        "msg_blocks_too_long",
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_metadata_format",
        "metadata_too_large",
        "too_many_attachments",
    ],
)
async def test_what_slack_finds_too_much_goes_as_plain_text(error: str) -> None:
    async with Inbox.start() as inbox:
        inbox.faults.slack.append(no(error))
        result = await deliver(receiver(inbox.url), message())

        assert result.outcome is OK
        assert inbox.slack[0].blocks == []
        assert "burns its error budget at 14.6x over 1h" in inbox.slack[0].text


async def test_an_update_too_goes_as_plain_text() -> None:
    async with Inbox.start() as inbox:
        handle = await told(inbox)
        inbox.faults.slack.append(no("msg_blocks_too_long"))
        result = await deliver(receiver(inbox.url), message(RESOLVE, 2), handle)

        assert result.outcome is OK
        assert inbox.slack[0].blocks == []
        assert inbox.slack[0].text.startswith("[RESOLVED]")


async def test_plain_text_that_is_refused_too_is_the_end() -> None:
    async with Inbox.start() as inbox:
        inbox.faults.slack.extend([no("msg_too_long"), no("msg_too_long")])
        result = await deliver(receiver(inbox.url), message())

    assert result.outcome is PERMANENT


@pytest.mark.parametrize(
    "error", ["message_not_found", "edit_window_closed", "cant_update_message", "block_mismatch"]
)
async def test_a_message_that_cannot_be_changed_is_posted_anew(error: str) -> None:
    async with Inbox.start() as inbox:
        handle = await told(inbox)
        inbox.faults.slack.append(no(error))
        result = await deliver(receiver(inbox.url), message(UPDATE, 2), handle)

        assert len(inbox.slack) == 2
        assert result.handle == {"channel": inbox.slack[1].channel, "ts": inbox.slack[1].ts}
        assert error in result.said


@pytest.mark.parametrize(
    ("reply_fault", "outcome"),
    [(no("service_unavailable"), RETRY), (Misbehaviour.RESET, AMBIGUOUS)],
    ids=["refused", "lost"],
)
async def test_a_reply_that_failed_is_made_once_when_all_is_tried_again(
    reply_fault: Fault, outcome: AttemptOutcome
) -> None:
    async with Inbox.start() as inbox:
        handle = await told(inbox)
        inbox.faults.slack.extend([None, reply_fault])
        sender, news = receiver(inbox.url), message(UPDATE, 2)
        first = await deliver(sender, news, handle)
        second = await deliver(sender, news, handle, attempt=2)

        assert (first.outcome, second.outcome) == (outcome, OK)
        [posted] = inbox.slack
        assert posted.edits == 2
        assert len(posted.replies) == 1


def test_another_try_says_that_it_is_one() -> None:
    again = "try 2: an earlier one may have arrived too"

    assert again in json.dumps(post(message(), 2))
    assert again in plain(message(), 2)["text"]
    assert again in reply(message(UPDATE), 2)["text"]
    assert "try" not in json.dumps(post(message(), 1)["blocks"][-1])


async def test_a_redirect_is_not_followed_with_the_token() -> None:
    async with vendor(answer(200)) as elsewhere:
        for status in (301, 302, 307):
            there = answer(status, Location=f"{elsewhere.url}/api/chat.postMessage")
            async with vendor(there) as stands:
                result = await deliver(receiver(stands.url), message())
            assert (result.outcome, result.status) == (PERMANENT, status)

    assert elsewhere.requests == []


async def test_silence_is_ambiguous(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slack, "READ_TIMEOUT", 0.05)

    async with vendor(HANG) as stands:
        result = await deliver(receiver(stands.url), message())

    assert (result.outcome, result.said.partition(": ")[2]) == (AMBIGUOUS, "time ran out")


async def test_an_answer_that_trickles_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slack, "WITHIN", timedelta(seconds=0.05))

    async with vendor(HANG) as stands:
        sender = receiver(stands.url)
        with pytest.raises(DeliveryError, match="time ran out") as error:
            await sender.deliver(message(), handle={}, attempt=1)

    await sender.close()
    assert error.value.outcome is AMBIGUOUS


async def test_a_refused_connection_sent_nothing() -> None:
    async with vendor(answer(200)) as stands:
        pass

    result = await deliver(receiver(stands.url), message())

    assert result.outcome is RETRY
    assert "cannot be reached" in result.said


async def test_tls_is_verified_before_the_token_is_sent(
    server_tls: ssl.SSLContext, ca_file: str
) -> None:
    yes = answer(200, b'{"ok":true,"channel":"C1","ts":"1.0"}')
    async with vendor(yes, tls=server_tls, host="localhost") as stands:
        stranger = await deliver(receiver(stands.url), message())
        assert (stranger.outcome, stands.requests) == (RETRY, [])

        known = await deliver(receiver(stands.url, ca_file=ca_file), message())

    assert known.outcome is OK
    assert known.handle == {"channel": "C1", "ts": "1.0"}


async def test_only_the_configured_proxy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    yes = answer(200, b'{"ok":true,"channel":"C1","ts":"1.0"}')

    async with vendor(yes) as proxy:
        direct = await deliver(receiver(proxy.url), message())
        through = await deliver(receiver("http://slack.invalid", proxy=proxy.url), message())

    assert (direct.outcome, through.outcome) == (OK, OK)
    assert proxy.requests[1].startswith(b"POST http://slack.invalid/api/chat.postMessage ")


async def test_the_token_is_in_no_text(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    echo = json.dumps({"ok": False, "error": f"bad {TOKEN}"}).encode()

    async with vendor(answer(200, echo)) as stands:
        sender = receiver(stands.url)
        result = await deliver(sender, message())

    assert "bad ***" in result.said
    assert TOKEN not in caplog.text + repr(sender._config) + str(sender._config)


async def test_the_address_may_end_in_api() -> None:
    async with Inbox.start() as inbox:
        result = await deliver(receiver(f"{inbox.url}/api/"), message())

    assert result.outcome is OK


def test_a_mention_that_is_not_escaped_would_be_seen() -> None:
    """The check that the tests above rest on."""
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "<!channel>"}}]
    assert SlackMessage("C1", "1", "", blocks).pings == ["<!channel>"]
    assert SlackMessage("C1", "1", "<!here> <@U1> <!date^1^x|y>", []).pings == ["<!here>", "<@U1>"]
