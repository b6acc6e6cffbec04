"""Alertmanager: the body that its API takes, and what each answer is taken for."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings

from alerting.notification import AttemptOutcome, Message
from alerting.receivers import alertmanager, door
from alerting.receivers.alertmanager import Alertmanager, AlertmanagerConfig, alerts
from tests.alerting.receivers.messages import OPENED, RESOLVE, horrible, line, message, notice
from tests.alerting.receivers.outcomes import AMBIGUOUS, OK, PERMANENT, RETRY, deliver
from tests.alerting.receivers.vendor import HANG, RESET, answer, vendor

NOW, DAY = OPENED + timedelta(minutes=2), timedelta(days=1)


def receiver(url: str, **more: object) -> Alertmanager:
    return Alertmanager(AlertmanagerConfig.model_validate({"url": url, **more}), lambda: NOW)


def test_what_fires_ends_when_nobody_speaks_of_it_any_more() -> None:
    (said,) = alerts(message(), NOW, DAY)

    assert (said["startsAt"], said["endsAt"]) == ("2026-11-20T14:00:00Z", "2026-11-21T14:02:00Z")
    assert said["labels"]["alertname"] == "ErrorBudgetBurn"
    assert said["annotations"]["incident_url"].endswith("/incidents/01JD3T8ZINCIDENT")


def test_a_resolve_ends_the_same_alerts() -> None:
    fired, over = alerts(message(), NOW, DAY)[0], alerts(message(RESOLVE), NOW, DAY)[0]

    assert over["labels"] == fired["labels"]
    assert over["endsAt"] == "2026-11-20T14:31:00Z"


def test_a_notice_fires_for_a_while() -> None:
    (said,) = alerts(notice(), NOW, DAY)

    assert said["endsAt"] == "2026-11-20T14:06:00Z"


@pytest.mark.parametrize(
    ("name", "safe"), [("a.b-c", "a_b_c"), ("9", "_9"), ("", "_"), ("é", "_"), ("_ok9", "_ok9")]
)
def test_names_of_labels_are_such_as_every_alertmanager_takes(name: str, safe: str) -> None:
    assert alertmanager.label_name(name) == safe


@settings(max_examples=40, deadline=None)
@given(horrible())
def test_any_text_makes_alerts_that_it_takes(bad: Message) -> None:
    for said in json.loads(json.dumps(alerts(bad, NOW, DAY))):
        assert all(re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", name) for name in said["labels"])
        assert all(said["labels"].values())
        for text in [*said["labels"].values(), *said["annotations"].values()]:
            text.encode()  # raises where a lone surrogate was left
        began, end = (datetime.fromisoformat(said[key]) for key in ("startsAt", "endsAt"))
        assert began <= end
        assert began.tzinfo == UTC


@pytest.mark.parametrize("end", ["", "/", "/api/v2/alerts"])
async def test_the_address_is_that_of_the_api(end: str) -> None:
    async with vendor(answer(200)) as stands:
        address = f"{stands.url}/am{end}"
        result = await deliver(receiver(address, headers={"X-Scope": "pets"}), message())

    assert result.outcome is OK
    head = stands.requests[0].lower()
    assert head.startswith(b"post /am/api/v2/alerts http/1.1")
    assert b"x-scope: pets" in head


async def test_what_stands_is_said_again() -> None:
    async with vendor(answer(200)) as stands:
        sender = receiver(stands.url)
        assert await sender.resend([]) is None
        await sender.resend([message(), message(RESOLVE, 2, alerts=(line("latency"),))])

    (body,) = stands.bodies
    ends = [one["endsAt"] for one in json.loads(body)]
    assert ends == ["2026-11-21T14:02:00Z", "2026-11-20T14:31:00Z"]


@pytest.mark.parametrize(
    ("said", "outcome", "status", "retry_after"),
    [
        pytest.param(answer(200), OK, 200, None, id="ok"),
        pytest.param(answer(307, Location="/"), PERMANENT, 307, None, id="redirect"),
        pytest.param(answer(400, b'"invalid label set"'), PERMANENT, 400, None, id="bad request"),
        pytest.param(answer(404), PERMANENT, 404, None, id="not found"),
        pytest.param(answer(429, Retry_After="5"), RETRY, 429, 5, id="too many"),
        pytest.param(answer(500, b'"oops"'), AMBIGUOUS, 500, None, id="server error"),
        pytest.param(answer(503), RETRY, 503, None, id="unavailable"),
        pytest.param(RESET, AMBIGUOUS, None, None, id="connection lost"),
    ],
)
async def test_each_answer_has_its_outcome(
    said: bytes, outcome: AttemptOutcome, status: int | None, retry_after: int | None
) -> None:
    async with vendor(said) as stands:
        result = await deliver(receiver(stands.url), message())

    assert (result.outcome, result.status) == (outcome, status)
    assert result.retry_after == (None if retry_after is None else timedelta(seconds=retry_after))


async def test_silence_is_ambiguous(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "TIMEOUT", 0.05)
    async with vendor(HANG) as stands:
        result = await deliver(receiver(stands.url), message())

    assert result.outcome is AMBIGUOUS


def test_an_alert_does_not_end_between_two_messages() -> None:
    with pytest.raises(ValueError, match="greater than"):
        AlertmanagerConfig.model_validate({"url": "https://am.example", "expires": "1m"})
