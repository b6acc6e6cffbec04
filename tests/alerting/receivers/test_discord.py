"""Discord: one message an incident within its limits, and what each answer is taken for."""

import json
from datetime import timedelta

import pytest
from hypothesis import given, settings

from alerting.notification import AttemptOutcome, Message
from alerting.receivers import discord, door
from alerting.receivers.discord import Discord, DiscordConfig, escaped, news, plain, post
from tests.alerting.receivers.messages import RESOLVE, UPDATE, horrible, line, message, notice
from tests.alerting.receivers.outcomes import AMBIGUOUS, OK, PERMANENT, RETRY, deliver
from tests.alerting.receivers.vendor import HANG, RESET, answer, vendor

POSTED = answer(200, b'{"type":0,"content":"","id":"113","channel_id":"9"}')
KNOWN = {"message": "113"}


def receiver(url: str) -> Discord:
    config = DiscordConfig.model_validate({"url": url})
    return discord.build(config, external_url="https://n.example")


def length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def test_the_message_shows_the_evidence() -> None:
    body = post(message())

    (embed,) = body["embeds"]
    assert body["content"].startswith("**FIRING** Shop availability\\: burning 14.6x")
    assert embed["color"] == 0xC62828
    names = [field["name"] for field in embed["fields"]]
    assert names[:2] == ["Open", "Budget"]
    assert "[Runbook](<https://runbooks.example/shop>)" in embed["fields"][0]["value"]


def test_many_alerts_are_counted() -> None:
    many = message(alerts=tuple(line(f"slo{number}") for number in range(60)))
    fields = post(many)["embeds"][0]["fields"]

    assert fields[-1]["value"] == "47 more are on the incident's page"


def test_markup_is_escaped() -> None:
    assert escaped("<@123> **a** [b](c)", 99) == r"\<\@123\> \*\*a\*\* \[b\]\(c\)"


@settings(max_examples=60, deadline=None)
@given(horrible())
def test_no_text_breaks_a_limit_or_pings_anybody(bad: Message) -> None:
    for body in (post(bad, 2), plain(bad, 2), news(bad, 2)):
        json.dumps(body).encode()
        assert body["allowed_mentions"] == {"parse": []}
        assert 0 < length(body["content"]) <= discord.CONTENT_LIMIT
        total = 0
        for embed in body.get("embeds", []):
            assert len(embed["fields"]) <= 25
            texts = [(embed["title"], 256), (embed["description"], 4096)]
            texts += [(embed["footer"]["text"], 2048)]
            texts += [(field["name"], 256) for field in embed["fields"]]
            texts += [(field["value"], 1024) for field in embed["fields"]]
            assert all(length(text) <= limit for text, limit in texts)
            assert all(field["name"] and field["value"] for field in embed["fields"])
            total += sum(length(text) for text, _ in texts)
        assert total <= discord.TOTAL_LIMIT


async def test_an_incident_is_one_message_and_its_news() -> None:
    async with vendor(POSTED) as stands:
        address = f"{stands.url}/api/webhooks/1/t?thread_id=5"
        first = await deliver(receiver(address), message())
        second = await deliver(receiver(address), message(RESOLVE, 2), first.handle)

    assert (first.handle, second.handle, second.outcome) == (KNOWN, None, OK)
    asked = [request.split(b" HTTP")[0].decode() for request in stands.requests]
    assert asked == [
        "POST /api/webhooks/1/t?thread_id=5&wait=true",
        "PATCH /api/webhooks/1/t/messages/113?thread_id=5",
        "POST /api/webhooks/1/t?thread_id=5&wait=true",
    ]
    assert json.loads(stands.bodies[2])["content"].startswith("**RESOLVED**")


async def test_a_notice_is_a_message_of_its_own() -> None:
    async with vendor(POSTED) as stands:
        result = await deliver(receiver(stands.url), notice(), KNOWN)

    assert (result.outcome, result.handle, len(stands.requests)) == (OK, None, 1)


async def test_a_message_that_was_deleted_is_posted_anew() -> None:
    gone = answer(404, b'{"message":"Unknown Message","code":10008}')
    async with vendor(gone, answer(200, b'{"id":"114"}')) as stands:
        result = await deliver(receiver(stands.url), message(UPDATE, 2), KNOWN)

    assert (result.outcome, result.handle) == (OK, {"message": "114"})


async def test_what_discord_finds_too_much_goes_in_one_line() -> None:
    async with vendor(answer(400, b'{"code":50035}'), POSTED) as stands:
        result = await deliver(receiver(stands.url), message())

    assert result.outcome is OK
    assert json.loads(stands.bodies[1])["embeds"] == []


async def test_news_that_may_come_twice_says_so() -> None:
    async with vendor(POSTED, answer(502), POSTED) as stands:
        sender, told = receiver(stands.url), message(UPDATE, 2)
        first = await deliver(sender, told, KNOWN)
        second = await deliver(sender, told, KNOWN, attempt=2)

    assert (first.outcome, second.outcome) == (AMBIGUOUS, OK)
    assert "try 2" in json.loads(stands.bodies[3])["content"]


def test_another_try_says_that_it_is_one() -> None:
    again = "try 2: an earlier one may have arrived too"

    assert again in post(message(), 2)["embeds"][0]["footer"]["text"]
    assert again in plain(message(), 2)["content"]
    assert "try" not in json.dumps([post(message()), plain(message())])


async def test_the_id_is_found_in_an_answer_that_is_cut() -> None:
    long = b'{"type":0,"id":"77","embeds":["' + b"x" * 9000 + b'"]}'
    async with vendor(answer(200, long)) as stands:
        result = await deliver(receiver(stands.url), message())

    assert result.handle == {"message": "77"}


WAIT = b'{"message":"You are being rate limited.","retry_after":64.57,"global":false}'


@pytest.mark.parametrize(
    ("said", "outcome", "status", "retry_after"),
    [
        pytest.param(answer(204), OK, 204, None, id="no content"),
        pytest.param(answer(307, Location="/"), PERMANENT, 307, None, id="redirect"),
        pytest.param(answer(401), PERMANENT, 401, None, id="unauthorised"),
        pytest.param(answer(404, b'{"code":10015}'), PERMANENT, 404, None, id="unknown webhook"),
        pytest.param(answer(429, WAIT, Retry_After="3"), RETRY, 429, 65, id="429, the longer wait"),
        pytest.param(answer(429, WAIT), RETRY, 429, 65, id="429, a wait in the body"),
        pytest.param(answer(429, b'{"retry_after":"soon"}'), RETRY, 429, None, id="429, no wait"),
        pytest.param(answer(429, b'{"retry_after":1e999}'), RETRY, 429, None, id="429, for ever"),
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


async def test_silence_is_ambiguous(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "TIMEOUT", 0.05)
    async with vendor(HANG) as stands:
        result = await deliver(receiver(stands.url), message())

    assert result.outcome is AMBIGUOUS


def test_wait_is_ours() -> None:
    with pytest.raises(ValueError, match="leave wait out"):
        DiscordConfig.model_validate({"url": "https://discord.example/x?wait=false"})
