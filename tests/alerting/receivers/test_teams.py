"""Teams: an Adaptive Card within its limits, and what each answer is taken for."""

import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings

from alerting.alert import AlertKind
from alerting.notification import AttemptOutcome, Message
from alerting.receivers import door, teams
from alerting.receivers.teams import Teams, TeamsConfig, card, escaped, plain
from tests.alerting.receivers.messages import FACTS, RESOLVE, horrible, line, message
from tests.alerting.receivers.outcomes import AMBIGUOUS, OK, PERMANENT, RETRY, deliver
from tests.alerting.receivers.vendor import HANG, RESET, answer, vendor

BEHIND = (
    b"Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error %d"
)


def receiver(url: str) -> Teams:
    return teams.build(TeamsConfig.model_validate({"url": url}), external_url="https://n.example")


def content(body: teams.Body) -> teams.Body:
    (attachment,) = body["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    found: teams.Body = attachment["content"]
    return found


def test_the_card_shows_state_evidence_and_links() -> None:
    told = content(card(message()))

    title, story, facts, _ = told["body"]
    assert title["text"].startswith("FIRING Shop availability: burning 14\\.6x")
    assert (title["color"], told["version"]) == ("Attention", "1.4")
    assert "burns its error budget" in story["text"]
    assert {fact["title"] for fact in facts["facts"]} > {"Budget", "Burning", "Promised"}
    assert told["actions"][0] == {
        "type": "Action.OpenUrl",
        "title": "Runbook",
        "url": "https://runbooks.example/shop",
    }


def test_a_resolve_is_green() -> None:
    assert content(card(message(RESOLVE)))["body"][0]["color"] == "Good"


def test_alerts_that_do_not_fit_are_counted() -> None:
    told = content(card(message(alerts=tuple(line(f"slo{number}") for number in range(60)))))

    assert told["body"][-2]["text"] == "39 more are on the incident's page"


def test_a_label_cannot_show_a_link() -> None:
    assert escaped("[pay](https://evil.example)", 99) == r"\[pay\]\(https://evil\.example\)"


def test_what_is_too_long_to_begin_with_loses_its_table() -> None:
    flames = "🔥" * 5000
    facts = replace(FACTS, headline=flames, reason=flames, top_cause=flames, spent_most=flames)
    burning = replace(line(), kind=AlertKind.NO_DATA, facts=facts)
    body = card(message(title=flames, owner=flames, alerts=(burning,)))

    assert len(json.dumps(body)) <= teams.BODY_LIMIT
    assert [part["type"] for part in content(body)["body"]] == ["TextBlock", "TextBlock"]


def test_another_try_says_that_it_is_one() -> None:
    again = escaped("try 2: an earlier one may have arrived too", 99)

    for body in (card(message(owner="x" * 999), 2), plain(message(), 2)):
        assert content(body)["body"][-1]["text"].startswith(again)
    assert "try" not in json.dumps([card(message()), plain(message())])


@settings(max_examples=60, deadline=None)
@given(horrible())
def test_no_text_breaks_the_limit(bad: Message) -> None:
    for body in (card(bad, 2), plain(bad, 2)):
        sent = json.dumps(body).encode()
        assert len(sent) <= teams.BODY_LIMIT
        json.loads(sent)
        texts = [part["text"] for part in content(body)["body"] if part["type"] == "TextBlock"]
        assert not re.search(r"(?<!\\)\]\(", "".join(texts))


@pytest.mark.parametrize(
    ("said", "outcome", "status", "retry_after"),
    [
        pytest.param(answer(200, b"1"), OK, 200, None, id="connector"),
        pytest.param(answer(202), OK, 202, None, id="workflow"),
        pytest.param(answer(200, BEHIND % 429), RETRY, 429, None, id="429 behind a 200"),
        pytest.param(answer(200, BEHIND % 502), AMBIGUOUS, 502, None, id="502 behind a 200"),
        pytest.param(answer(200, BEHIND % 403), PERMANENT, 403, None, id="403 behind a 200"),
        pytest.param(answer(307, Location="/"), PERMANENT, 307, None, id="redirect"),
        pytest.param(answer(400), PERMANENT, 400, None, id="bad request"),
        pytest.param(answer(404), PERMANENT, 404, None, id="not found"),
        pytest.param(answer(410), PERMANENT, 410, None, id="gone"),
        pytest.param(answer(429, Retry_After="17"), RETRY, 429, 17, id="too many, with a wait"),
        pytest.param(answer(429), RETRY, 429, None, id="too many"),
        pytest.param(answer(500), AMBIGUOUS, 500, None, id="server error"),
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


@pytest.mark.parametrize("status", [400, 413])
async def test_a_card_that_is_refused_goes_with_its_title_alone(status: int) -> None:
    async with vendor(answer(status), answer(202)) as stands:
        result = await deliver(receiver(stands.url), message())

    assert result.outcome is OK
    (only,) = content(json.loads(stands.bodies[1]))["body"]
    assert only["text"].startswith("FIRING Shop availability")


async def test_silence_is_ambiguous(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "TIMEOUT", 0.05)
    async with vendor(HANG) as stands:
        result = await deliver(receiver(stands.url), message())

    assert result.outcome is AMBIGUOUS


async def test_the_address_is_in_no_text() -> None:
    async with vendor(answer(500, b"no workflow at s3cret")) as stands:
        result = await deliver(receiver(f"{stands.url}/s3cret"), message())
        assert f"{stands.url}/s3cret" not in result.said
