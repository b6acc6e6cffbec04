"""PagerDuty: one request to a real socket, and what each answer is taken for."""

import json
import logging
import ssl
from datetime import timedelta

import pytest
from hypothesis import given, settings

from alerting.receivers import pagerduty
from alerting.receivers.pagerduty import PagerDuty, PagerDutyConfig, event
from nines.demo.http_server import Response
from nines.demo.inbox import Inbox
from slo.severity import Severity
from tests.alerting.receivers.messages import (
    ACKNOWLEDGE,
    MISSED,
    RESOLVE,
    TRIGGER,
    UPDATE,
    horrible,
    line,
    message,
    notice,
)
from tests.alerting.receivers.outcomes import AMBIGUOUS, OK, PERMANENT, RETRY, deliver
from tests.alerting.receivers.vendor import HANG, RESET, answer, vendor

KEY = "k3y" + "0" * 29
INVALID = b'{"status":"invalid event","message":"Event object is invalid","errors":["too long"]}'


def receiver(url: str, **more: object) -> PagerDuty:
    config = PagerDutyConfig.model_validate({"routing_key": KEY, "url": url, **more})
    return pagerduty.build(config, external_url="https://nines.example")


async def test_an_incident_is_triggered_acknowledged_and_resolved_under_one_key() -> None:
    async with Inbox.start() as inbox:
        states = []
        for number, kind in enumerate([TRIGGER, UPDATE, ACKNOWLEDGE, RESOLVE], start=1):
            result = await deliver(receiver(inbox.url), message(kind, number))
            assert (result.outcome, result.status) == (OK, 202)
            states.append(inbox.pagerduty[0].state)

        assert states == ["triggered", "triggered", "acknowledged", "resolved"]
        assert [one.dedup_key for one in inbox.pagerduty] == ["01JD3T8ZINCIDENT"]


def test_the_event_carries_what_the_person_paged_needs() -> None:
    written = event(message())

    assert written["payload"]["summary"].startswith("Shop availability: burning 14.6x")
    assert written["client_url"] == "https://nines.example/incidents/01JD3T8ZINCIDENT"
    assert [link["text"] for link in written["links"]] == [
        "Runbook",
        "Incident",
        "Why you were told",
        "Dashboard of availability",
    ]
    details = written["payload"]["custom_details"]
    assert details["burning"] == "14.6x over 1h, 15.2x over 5m (page above 14.4x)"
    assert details["burn_rate"] == 14.6


@pytest.mark.parametrize(
    ("severity", "theirs"),
    [(Severity.PAGE, "critical"), (Severity.TICKET, "warning"), (Severity.INFO, "info")],
)
def test_severities_are_translated(severity: Severity, theirs: str) -> None:
    assert event(message(severity=severity))["payload"]["severity"] == theirs


def test_acknowledging_and_resolving_need_no_more_than_the_key() -> None:
    assert event(message(RESOLVE)) == {
        "event_action": "resolve",
        "dedup_key": "01JD3T8ZINCIDENT",
    }


@settings(max_examples=40, deadline=None)
@given(horrible())
def test_every_event_is_within_the_limits(bad: object) -> None:
    written = event(bad)  # type: ignore[arg-type]  # hypothesis does not tell the type

    assert len(json.dumps({**written, "routing_key": KEY})) < 512_000
    if written.get("event_action", "trigger") == "trigger":
        payload = written["payload"]
        assert len(payload["summary"]) <= 1024
        assert payload["source"]
        assert all(len(link["href"]) <= 2048 for link in written["links"])


async def test_a_notice_is_a_change_event_and_opens_nothing() -> None:
    async with Inbox.start() as inbox:
        result = await deliver(receiver(inbox.url), notice())

        assert (result.outcome, result.status) == (OK, 202)
        assert not inbox.pagerduty
        [change] = inbox.changes
        assert change.payload["summary"] == (
            "Shop availability: 24.9 % of the 30d budget left (10 min 45 s), below 25 %"
        )
        assert change.payload["custom_details"]["spent"].startswith("Most went in 30 min")
        assert [words for words, _ in change.links] == [
            "Runbook",
            "Incident",
            "Why you were told",
            "Dashboard of availability",
        ]


async def test_what_nobody_was_told_in_time_rings_no_phone_and_is_left_open_nowhere() -> None:
    async with Inbox.start() as inbox:
        await deliver(receiver(inbox.url), message())  # its answer was lost, say
        result = await deliver(receiver(inbox.url), message(MISSED, revision=2))

        assert (result.outcome, result.status) == (OK, 202)
        [incident] = inbox.pagerduty
        assert incident.state == "resolved"
        [change] = inbox.changes
        assert change.payload["summary"].startswith("Shop availability")


async def test_a_notice_that_is_refused_is_sent_with_the_summary_alone() -> None:
    async with vendor(answer(400, INVALID), answer(202, b"{}")) as stands:
        result = await deliver(receiver(stands.url), notice())

    first, second = (json.loads(one) for one in stands.bodies)
    assert result.outcome is OK
    assert first["payload"]["custom_details"]
    assert set(second["payload"]) == {"summary", "timestamp"}


def test_details_that_do_not_fit_are_replaced_by_a_note() -> None:
    written = event(message(labels={"dump": "x" * 600_000}))

    assert written["payload"]["custom_details"] == {
        "note": "The details are too long for PagerDuty; the incident's page has them."
    }
    assert written["payload"]["summary"].startswith("Shop availability")


@pytest.mark.parametrize(
    ("said", "outcome", "status", "retry_after", "requests"),
    [
        pytest.param(answer(202, b"{}"), OK, 202, None, 1, id="accepted without a key"),
        pytest.param(answer(202, b"not json"), OK, 202, None, 1, id="accepted without JSON"),
        pytest.param(answer(200, b"{}"), AMBIGUOUS, 200, None, 1, id="a proxy's own page"),
        pytest.param(answer(400, INVALID), PERMANENT, 400, None, 2, id="invalid"),
        pytest.param(answer(413), PERMANENT, 413, None, 2, id="too large"),
        pytest.param(answer(401), PERMANENT, 401, None, 1, id="unauthorised"),
        pytest.param(answer(403), PERMANENT, 403, None, 1, id="forbidden"),
        pytest.param(answer(404), PERMANENT, 404, None, 1, id="wrong address"),
        pytest.param(answer(408), RETRY, 408, None, 1, id="request timed out"),
        pytest.param(answer(429), RETRY, 429, None, 1, id="too many"),
        pytest.param(answer(429, Retry_After="7"), RETRY, 429, 7, 1, id="too many, wait"),
        pytest.param(answer(500), AMBIGUOUS, 500, None, 1, id="server error"),
        pytest.param(answer(502), AMBIGUOUS, 502, None, 1, id="bad gateway"),
        pytest.param(answer(503, Retry_After="120"), RETRY, 503, 120, 1, id="unavailable"),
        pytest.param(answer(504), AMBIGUOUS, 504, None, 1, id="gateway timed out"),
        pytest.param(RESET, AMBIGUOUS, None, None, 1, id="connection lost after sending"),
        pytest.param(b"nonsense\r\n\r\n", AMBIGUOUS, None, None, 1, id="no HTTP"),
    ],
)
async def test_each_answer_has_its_outcome(
    said: bytes, outcome: object, status: int | None, retry_after: int | None, requests: int
) -> None:
    async with vendor(said) as stands:
        result = await deliver(receiver(stands.url), message())

    assert (result.outcome, result.status) == (outcome, status)
    assert result.retry_after == (None if retry_after is None else timedelta(seconds=retry_after))
    assert len(stands.requests) == requests


async def test_a_refused_event_is_sent_again_with_nothing_to_object_to() -> None:
    async with vendor(answer(400, INVALID), answer(202, b"{}")) as stands:
        result = await deliver(receiver(stands.url), message())

    assert result.outcome is OK
    assert result.said.endswith("without details, which it refused")
    assert json.loads(stands.bodies[1])["payload"] == {
        "summary": message().title,
        "source": "shop",
        "severity": "critical",
    }


async def test_a_redirect_is_not_followed_with_the_key_in_the_body() -> None:
    async with vendor(answer(202)) as elsewhere:
        there = f"{elsewhere.url}/v2/enqueue"
        async with vendor(answer(307, Location=there)) as stands:
            result = await deliver(receiver(stands.url), message())

    assert (result.outcome, result.status) == (PERMANENT, 307)
    assert "redirect" in result.said
    assert elsewhere.requests == []


async def test_silence_is_ambiguous(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pagerduty._SingleShot, "timeout", (1, 0.05))

    async with vendor(HANG) as stands:
        result = await deliver(receiver(stands.url), message())

    assert (result.outcome, result.said.partition(": ")[2]) == (AMBIGUOUS, "time ran out")


async def test_a_refused_connection_sent_nothing() -> None:
    async with vendor(answer(202)) as stands:
        pass

    result = await deliver(receiver(stands.url), message())

    assert result.outcome is RETRY
    assert "cannot be reached" in result.said
    assert "refused" in result.said


async def test_tls_is_verified_before_anything_is_sent(
    server_tls: ssl.SSLContext, ca_file: str
) -> None:
    async with vendor(answer(202), tls=server_tls, host="localhost") as stands:
        stranger = await deliver(receiver(stands.url), message())
        assert (stranger.outcome, stands.requests) == (RETRY, [])

        known = await deliver(receiver(stands.url, ca_file=ca_file), message())

    assert known.outcome is OK


async def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    async with Inbox.start() as inbox:
        result = await deliver(receiver(inbox.url), message())

    assert result.outcome is OK


async def test_a_configured_proxy_is_used() -> None:
    async with vendor(answer(202, b"{}")) as proxy:
        config = {"proxy": proxy.url}
        result = await deliver(receiver("http://events.pagerduty.invalid", **config), message())

    assert result.outcome is OK
    assert proxy.requests[0].startswith(b"POST http://events.pagerduty.invalid/v2/enqueue ")


async def test_the_key_is_in_no_text(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    echo = json.dumps({"message": f"Invalid routing key {KEY}"}).encode()

    async with vendor(answer(400, echo)) as stands:
        sender = receiver(stands.url)
        result = await deliver(sender, message())

    assert "Invalid routing key ***" in result.said
    assert KEY not in caplog.text + repr(sender._config) + str(sender._config)


async def test_the_key_does_not_stand_beside_the_event_that_is_kept() -> None:
    async with Inbox.start() as inbox:
        await deliver(receiver(inbox.url), message())

        assert KEY not in json.dumps(inbox.pagerduty[0].events)


async def test_a_scripted_fault_passes() -> None:
    async with Inbox.start() as inbox:
        inbox.faults.pagerduty.append(Response(429, b"", headers={"Retry-After": "3"}))
        first = await deliver(receiver(inbox.url), message())
        second = await deliver(receiver(inbox.url), message(), attempt=2)

    assert [first.outcome, second.outcome] == [RETRY, OK]


@pytest.mark.parametrize("key", ["short", "x" * 33, "ä" * 32, "-" * 32])
def test_a_key_of_the_wrong_shape_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ValueError, match="32 letters and digits") as error:
        PagerDutyConfig.model_validate({"routing_key": key})

    assert key not in str(error.value)


def test_a_ca_file_that_is_missing_is_said_at_once() -> None:
    with pytest.raises(ValueError, match="ca_file /nowhere cannot be used"):
        receiver("https://events.pagerduty.com", ca_file="/nowhere")


def test_only_what_fires_is_listed() -> None:
    both = message(alerts=(line(), line("latency", over=True)))

    alerts = event(both)["payload"]["custom_details"]["alerts"]

    assert len(alerts) == 1
    assert alerts[0].startswith("availability (page, 1h and 5m)")
