"""Webhooks: Alertmanager's body, a signature that verifies, and what each answer is taken for."""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings

from alerting.notification import AttemptOutcome, Message
from alerting.receivers import door, webhook
from alerting.receivers.webhook import Webhook, WebhookConfig, body
from nines.demo.inbox import Inbox
from tests.alerting.receivers.messages import (
    ACKNOWLEDGE,
    MISSED,
    RESOLVE,
    horrible,
    line,
    message,
    notice,
)
from tests.alerting.receivers.outcomes import AMBIGUOUS, OK, PERMANENT, RETRY, deliver
from tests.alerting.receivers.vendor import HANG, RESET, answer, vendor

KEY = bytes(range(32))
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"
HOME = "https://nines.example"
# More is announced than comes: who read on to the end would call it broken.
FLOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n" + b"x" * 8192


def receiver(url: str, **more: object) -> Webhook:
    config = WebhookConfig.model_validate({"url": url, **more})
    return webhook.build(config, external_url=HOME)


def test_the_body_is_alertmanagers_version_4() -> None:
    said = body(message(alerts=(line(), line("latency", over=True))), HOME)

    assert (said["version"], said["status"], said["receiver"]) == ("4", "firing", "sre")
    assert (said["externalURL"], said["truncatedAlerts"]) == (HOME, 0)
    assert said["groupLabels"] == {"service": "shop"}
    firing, over = said["alerts"]
    assert (firing["status"], firing["startsAt"], firing["endsAt"]) == (
        "firing",
        "2026-11-20T14:00:00Z",
        "0001-01-01T00:00:00Z",
    )
    assert (over["status"], over["endsAt"]) == ("resolved", "2026-11-20T14:31:00Z")
    assert firing["labels"]["alertname"] == "ErrorBudgetBurn"
    assert firing["fingerprint"] != over["fingerprint"]
    assert firing["generatorURL"] == "https://nines.example/slos/shop/availability"


def test_what_all_alerts_share_is_common() -> None:
    said = body(message(alerts=(line(), line("latency"))), HOME)

    assert said["commonLabels"]["env"] == "prod"
    assert "slo" not in said["commonLabels"]
    assert said["commonAnnotations"]["runbook_url"] == "https://runbooks.example/shop"


def test_a_resolve_resolves_what_is_no_longer_routed_here() -> None:
    said = body(message(RESOLVE, alerts=(line(),)), HOME)

    assert (said["status"], said["alerts"][0]["status"]) == ("resolved", "resolved")
    assert said["alerts"][0]["endsAt"] == "2026-11-20T14:31:00Z"


def test_an_acknowledgement_still_fires_and_says_who() -> None:
    said = body(message(ACKNOWLEDGE), HOME)

    assert said["status"] == "firing"
    assert (said["nines"]["kind"], said["nines"]["acknowledged_by"]) == ("acknowledge", "Mia")


def test_what_nobody_was_told_in_time_is_resolved() -> None:
    said = body(message(MISSED, revision=2), HOME)

    assert (said["status"], said["nines"]["kind"]) == ("resolved", "missed")


def test_a_notice_is_told_with_its_end() -> None:
    said = body(notice(), HOME)

    (alert,) = said["alerts"]
    assert (said["status"], said["nines"]["kind"]) == ("firing", "notice")
    assert (alert["status"], alert["endsAt"]) == ("firing", "2026-11-20T14:00:00Z")
    assert alert["labels"]["alertname"] == "ErrorBudgetNotice"
    assert (alert["labels"]["kind"], alert["labels"]["severity"]) == ("budget", "ticket")


def test_a_rule_keeps_its_fingerprint() -> None:
    first, second = body(message(), HOME), body(message(RESOLVE, 2), HOME)

    assert first["alerts"][0]["fingerprint"] == second["alerts"][0]["fingerprint"]


def test_alerts_beyond_the_limit_are_counted() -> None:
    said = body(message(alerts=(line(),) * 130), HOME)

    assert (len(said["alerts"]), said["truncatedAlerts"]) == (100, 30)


@settings(max_examples=30, deadline=None)
@given(horrible())
def test_any_text_can_be_sent(bad: Message) -> None:
    said = json.loads(json.dumps(body(bad, HOME)))

    for alert in said["alerts"]:
        for text in [*alert["labels"].values(), *alert["annotations"].values()]:
            assert len(text) <= webhook.TEXT_LIMIT
            text.encode()  # raises where a lone surrogate was left


def signature(headers: Mapping[str, str], content: bytes, key: bytes) -> str:
    """As a consumer computes it. Source: the Standard Webhooks specification."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + content
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


async def test_the_signature_verifies() -> None:
    async with Inbox.start() as inbox:
        await deliver(receiver(f"{inbox.url}/webhook", secret=SECRET), message())

        [call] = inbox.webhook
        assert call.headers["webhook-signature"] == signature(call.headers, call.body, KEY)
        assert call.headers["content-type"] == "application/json"


async def test_the_id_is_the_same_at_every_try_and_the_stamp_is_not() -> None:
    moments = iter([datetime(2026, 11, 20, 14, tzinfo=UTC), datetime(2026, 11, 20, 15, tzinfo=UTC)])
    async with Inbox.start() as inbox:
        config = WebhookConfig.model_validate({"url": f"{inbox.url}/webhook"})
        sender = Webhook(config, HOME, lambda: next(moments))
        await deliver(sender, message())
        await deliver(sender, message(), attempt=2)

        first, second = (call.headers for call in inbox.webhook)
        assert first["webhook-id"] == second["webhook-id"] == "01JD3T8Z0001"
        assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 3600


async def test_without_a_secret_there_is_no_signature() -> None:
    async with Inbox.start() as inbox:
        await deliver(receiver(f"{inbox.url}/webhook"), message())

        assert "webhook-signature" not in inbox.webhook[0].headers


async def test_configured_headers_are_sent() -> None:
    async with Inbox.start() as inbox:
        headers = {"Authorization": "Bearer t0ken", "X-Team": "pets"}
        await deliver(receiver(f"{inbox.url}/webhook", headers=headers), message())

        said = inbox.webhook[0].headers
        assert (said["authorization"], said["x-team"]) == ("Bearer t0ken", "pets")


@pytest.mark.parametrize(
    ("said", "outcome", "status", "retry_after"),
    [
        pytest.param(answer(200, b"ok"), OK, 200, None, id="ok"),
        pytest.param(answer(201), OK, 201, None, id="created"),
        pytest.param(answer(204), OK, 204, None, id="no content"),
        pytest.param(FLOOD, OK, 200, None, id="a flood"),
        pytest.param(answer(302, Location="/"), PERMANENT, 302, None, id="redirect"),
        pytest.param(answer(400), PERMANENT, 400, None, id="bad request"),
        pytest.param(answer(401), PERMANENT, 401, None, id="unauthorised"),
        pytest.param(answer(404), PERMANENT, 404, None, id="not found"),
        pytest.param(answer(410), PERMANENT, 410, None, id="gone"),
        pytest.param(answer(422), PERMANENT, 422, None, id="unprocessable"),
        pytest.param(answer(408), RETRY, 408, None, id="request timed out"),
        pytest.param(answer(429, Retry_After="5"), RETRY, 429, 5, id="too many"),
        pytest.param(answer(500), AMBIGUOUS, 500, None, id="server error"),
        pytest.param(answer(502), AMBIGUOUS, 502, None, id="bad gateway"),
        pytest.param(answer(503, Retry_After="60"), RETRY, 503, 60, id="unavailable"),
        pytest.param(RESET, AMBIGUOUS, None, None, id="connection lost"),
        pytest.param(b"nonsense\r\n\r\n", AMBIGUOUS, None, None, id="no HTTP"),
    ],
)
async def test_each_answer_has_its_outcome(
    said: bytes, outcome: AttemptOutcome, status: int | None, retry_after: int | None
) -> None:
    async with vendor(said) as stands:
        result = await deliver(receiver(stands.url), message())

    assert (result.outcome, result.status) == (outcome, status)
    assert result.retry_after == (None if retry_after is None else timedelta(seconds=retry_after))
    assert len(stands.requests) == 1


async def test_a_date_to_wait_for_counts_from_the_answers_own_clock() -> None:
    said, until = "Fri, 20 Nov 2026 14:00:00 GMT", "Fri, 20 Nov 2026 14:02:00 GMT"
    async with vendor(answer(429, Date=said, Retry_After=until)) as stands:
        result = await deliver(receiver(stands.url), message())

    assert result.retry_after == timedelta(minutes=2)


@pytest.mark.parametrize("value", ["soon", "-5", "1e3", "Fri, 99 Nov", "9" * 40, "٣"])
async def test_a_wait_that_makes_no_sense_is_left_out(value: str) -> None:
    async with vendor(answer(429, Retry_After=value)) as stands:
        result = await deliver(receiver(stands.url), message())

    assert (result.outcome, result.retry_after) == (RETRY, None)


async def test_a_redirect_is_not_followed() -> None:
    async with (
        vendor(answer(200)) as elsewhere,
        vendor(answer(307, Location=elsewhere.url)) as stands,
    ):
        result = await deliver(receiver(stands.url), message())

    assert result.outcome is PERMANENT
    assert elsewhere.requests == []


async def test_silence_is_ambiguous(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "TIMEOUT", 0.05)

    async with vendor(HANG) as stands:
        result = await deliver(receiver(stands.url), message())

    assert (result.outcome, result.said.partition(": ")[2]) == (AMBIGUOUS, "time ran out")


async def test_a_refused_connection_sent_nothing() -> None:
    async with vendor(answer(200)) as stands:
        pass

    result = await deliver(receiver(stands.url), message())

    assert result.outcome is RETRY
    assert "cannot be reached" in result.said


async def test_tls_is_verified_before_anything_is_sent(
    server_tls: ssl.SSLContext, ca_file: str
) -> None:
    async with vendor(answer(200), tls=server_tls, host="localhost") as stands:
        stranger = await deliver(receiver(stands.url), message())
        assert (stranger.outcome, stands.requests) == (RETRY, [])
        assert "certificate" in stranger.said

        known = await deliver(receiver(stands.url, ca_file=ca_file), message())

    assert known.outcome is OK


async def test_only_the_configured_proxy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

    async with vendor(answer(200)) as proxy:
        direct = await deliver(receiver(proxy.url), message())
        through = await deliver(receiver("http://hooks.invalid/x", proxy=proxy.url), message())

    assert (direct.outcome, through.outcome) == (OK, OK)
    assert proxy.requests[1].startswith(b"POST http://hooks.invalid/x ")


async def test_secrets_are_in_no_text(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with vendor(answer(500, b"unknown t0ken at /path-s3cret with t0ken")) as stands:
        address = f"{stands.url}/path-s3cret"
        sender = receiver(address, headers={"Authorization": "t0ken"}, secret=SECRET)
        result = await deliver(sender, message())

    texts = caplog.text + result.said + repr(sender._config) + str(sender._config.model_dump())
    for secret in ("t0ken", address, SECRET):
        assert secret not in texts


async def test_cancelling_ends_the_request() -> None:
    async with vendor(HANG) as stands:
        task = asyncio.ensure_future(deliver(receiver(stands.url), message()))
        while not stands.requests:  # noqa: ASYNC110 - the vendor has no event for it
            await asyncio.sleep(0.001)
        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"url": "hooks.example"}, "begins with https://"),
        ({"url": "ftp://hooks.example"}, "begins with https://"),
        ({"url": "https://u:p4ss@hooks.example"}, "leave user and password out"),
        ({"url": "https://hooks.example:99999"}, "cannot be read"),
        ({"url": "https://hooks.example/a b"}, "no blanks"),
        ({"url": "https://h", "secret": "whsec_c2hvcnQ="}, "24 to 64 random bytes"),
        ({"url": "https://h", "secret": "whsec_$$$"}, "24 to 64 random bytes"),
        ({"url": "https://h", "secret": base64.b64encode(KEY).decode()}, "24 to 64"),
        ({"url": "https://h", "headers": {"Host": "x"}}, "set by Nines"),
        ({"url": "https://h", "headers": {"Webhook-Id": "x"}}, "set by Nines"),
        ({"url": "https://h", "headers": {"X Y": "x"}}, "not a name of a header"),
        ({"url": "https://h", "headers": {"X-Y": "p4ss\r\nX-Z: 1"}}, "printable ASCII"),
        ({"url": "https://h", "retries": 3}, "Extra inputs"),
    ],
)
def test_a_wrong_configuration_is_refused_in_words(config: object, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as error:
        WebhookConfig.model_validate(config)

    assert "p4ss" not in str(error.value)
