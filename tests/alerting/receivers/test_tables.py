"""What each vendor may answer, row by row, and what becomes of the page.

It is tried again, sent with less in it, sent by the fallback, or the receiver is parked.

Sources: PagerDuty's "Send an event" and "Rate limits", Slack's error lists of chat.postMessage and
chat.update, Standard Webhooks, RFC 5321 and RFC 4954; ours where they say nothing.
"""

import random
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pytest

from alerting import result
from alerting.destination import Destination
from alerting.notification import (
    Attempt,
    AttemptOutcome,
    DeliveryError,
    NotificationState,
    Receiver,
)
from alerting.receivers import RECEIVERS, door, pagerduty, slack
from alerting.result import Scene
from tests.alerting.receivers.messages import message
from tests.alerting.receivers.smtp import Script, mail_server
from tests.alerting.receivers.vendor import (
    ABORTED,
    HALF_CLOSED,
    HANG,
    RESET,
    answer,
    vendor,
)
from tests.nines.storage.builders import T0, a_notification


class Becomes(StrEnum):
    ARRIVES = "arrives"
    AGAIN = "is tried again; nothing arrived"
    PERHAPS = "is tried again; it may have arrived"
    ELSEWHERE = "goes to the fallback at once"
    PARKS = "goes to the fallback, and nothing more is sent there until it is mended"


ARRIVES, AGAIN, PERHAPS = Becomes.ARRIVES, Becomes.AGAIN, Becomes.PERHAPS
ELSEWHERE, PARKS = Becomes.ELSEWHERE, Becomes.PARKS


@dataclass(frozen=True, slots=True)
class Row:
    """The vendor's answers, one after the other, and what has to become of the page.

    `wait`: seconds that pass at least before another try. `requests`: how many the vendor got.
    """

    what: str
    script: Sequence[bytes]
    becomes: Becomes
    wait: int = 0
    requests: int = 1


def row(what: str, said: bytes, becomes: Becomes, wait: int = 0, requests: int = 1) -> Row:
    return Row(what, [said], becomes, wait, requests)


async def outcome(receiver: Receiver) -> tuple[Becomes, float]:
    """What becomes of a page to this receiver, which has a fallback, and the least wait."""
    page = a_notification(failover=("mail",))
    try:
        await receiver.deliver(message(), handle={}, attempt=1)
    except DeliveryError as error:
        scene = Scene(Destination("oncall"), ("mail",))
        never = random.Random(1)  # noqa: S311 - jitter
        never.random = lambda: 0.0  # type: ignore[method-assign]  # the shortest of all waits
        done = result.failed(page, Attempt(page.id, 1, T0), error, scene, T0, never)
        again = done.notification
        if done.destination.parked_at is not None:
            assert [one.receiver for one in done.added] == ["mail", "mail"]  # and who mends it
            return PARKS, 0
        if again.state is NotificationState.FAILED:
            assert [one.receiver for one in done.added] == ["mail"]
            return ELSEWHERE, 0
        wait = (again.next_attempt_at - T0).total_seconds()
        maybe = error.outcome is AttemptOutcome.AMBIGUOUS
        return (PERHAPS if maybe else AGAIN), wait
    finally:
        await receiver.close()
    return ARRIVES, 0


TAKEN = answer(200, b"{}")
CUT = b"HTTP/1.1 500 Broken\r\nContent-Length: 100\r\n\r\n{"
NOT_HTTP = b"nonsense\r\n\r\n"
LONG = 90  # seconds: longer than a receiver with a fallback is waited for


def everywhere(taken: bytes) -> Iterator[Row]:
    """What holds for whoever is spoken to over HTTP."""
    yield row("taken", taken, ARRIVES)
    for status in (401, 403, 404, 410):
        yield row(f"{status}", answer(status), PARKS)
    for status in (301, 302, 307, 308):
        yield row(f"{status}", answer(status, Location="http://127.0.0.1:9/"), ELSEWHERE)
    for status in (405, 422):
        yield row(f"{status}", answer(status), ELSEWHERE)
    for status in (408, 425):
        yield row(f"{status}", answer(status), AGAIN)
    yield row("429", answer(429), AGAIN)
    yield row("429 with Retry-After", answer(429, Retry_After="7"), AGAIN, 7)
    yield row("429 with a long Retry-After", answer(429, Retry_After=str(LONG)), ELSEWHERE)
    date, until = "Fri, 20 Nov 2026 14:00:00 GMT", "Fri, 20 Nov 2026 14:00:09 GMT"
    yield row("429 with a date", answer(429, Date=date, Retry_After=until), AGAIN, 9)
    yield row("429 with nonsense", answer(429, Retry_After="soon"), AGAIN)
    for status in (500, 502, 504):
        yield row(f"{status}", answer(status), PERHAPS)
    yield row("503", answer(503), AGAIN)
    yield row("503 with Retry-After", answer(503, Retry_After="30"), AGAIN, 30)
    yield row("503 with a long Retry-After", answer(503, Retry_After=str(LONG)), ELSEWHERE)
    yield row("an answer that is cut", CUT, PERHAPS)
    yield row("closed after the request", RESET, PERHAPS)
    yield row("reset after the request", ABORTED, PERHAPS)
    yield row("half-closed", HALF_CLOSED, PERHAPS)
    yield row("no HTTP", NOT_HTTP, PERHAPS)
    yield row("silent", HANG, PERHAPS)


def pagerduty_rows() -> Iterator[Row]:
    invalid = answer(400, b'{"status":"invalid event","message":"Event object is invalid"}')
    key = b'{"status":"invalid event","message":"Event object is invalid","errors":["Invalid '
    yes = answer(202, b'{"status":"success","message":"Event processed","dedup_key":"k"}')
    yield from everywhere(yes)
    yield row("202 without a dedup_key", answer(202, b"{}"), ARRIVES)
    yield row("a page of a proxy", answer(200, b"<html>"), PERHAPS)
    yield Row("400 to the whole, 202 to the least", [invalid, yes], ARRIVES, requests=2)
    yield Row("413 to the whole, 202 to the least", [answer(413), yes], ARRIVES, requests=2)
    yield Row("400 to the least, too", [invalid], ELSEWHERE, requests=2)
    yield Row("413 to the least, too", [answer(413)], ELSEWHERE, requests=2)
    yield Row("400 to the whole, 429 to the least", [invalid, answer(429)], AGAIN, requests=2)
    yield row("400 to the key", answer(400, key + b'routing key"]}'), PARKS)


def slack_error(code: str, status: int = 200, **headers: str) -> bytes:
    return answer(status, b'{"ok":false,"error":"%b"}' % code.encode(), **headers)


SLACK_YES = answer(200, b'{"ok":true,"channel":"C1","ts":"1503435956.000247"}')
SLACK_ERRORS: Mapping[Becomes, str] = {
    AGAIN: "ratelimited rate_limited service_unavailable request_timeout team_added_to_org "
    "an_error_of_tomorrow",
    PERHAPS: "internal_error fatal_error",
    # A cap of the workspace, for minutes: others speak meanwhile.
    ELSEWHERE: "message_limit_exceeded no_text",
    PARKS: "channel_not_found not_in_channel is_archived restricted_action "
    "restricted_action_read_only_channel restricted_action_thread_only_channel "
    "restricted_action_non_threadable_channel invalid_auth token_revoked token_expired "
    "account_inactive missing_scope not_authed no_permission",
}
SLACK_TOO_MUCH = (
    "msg_too_long",
    "msg_blocks_too_long",
    "invalid_blocks",
    "invalid_blocks_format",
    "invalid_metadata_format",
    "invalid_metadata_schema",
    "metadata_too_large",
    "too_many_attachments",
)


def slack_rows() -> Iterator[Row]:
    yield from everywhere(SLACK_YES)
    for becomes, codes in SLACK_ERRORS.items():
        yield from (row(code, slack_error(code), becomes) for code in codes.split())
    for status in (200, 429):
        limited = slack_error("ratelimited", status, Retry_After="30")
        yield row(f"ratelimited, {status}, with Retry-After", limited, AGAIN, 30)
    for code in SLACK_TOO_MUCH:
        yield Row(f"{code}, then yes", [slack_error(code), SLACK_YES], ARRIVES, requests=2)
        yield Row(f"{code}, and again", [slack_error(code)], ELSEWHERE, requests=2)
    yield row("no JSON", answer(200, b"<html>"), PERHAPS)
    yield row("JSON of another kind", answer(200, b"[]"), PERHAPS)
    yield row("a proxy's 429", answer(429, b"slow down"), AGAIN)


def card_rows(taken: bytes) -> Iterator[Row]:
    """Teams and Discord: what they do not like is said with less."""
    yield from everywhere(taken)
    for status in (400, 413):
        refuses = answer(status)
        yield Row(f"{status}, then yes", [refuses, taken], ARRIVES, requests=2)
        yield Row(f"{status}, and again", [refuses], ELSEWHERE, requests=2)


def teams_rows() -> Iterator[Row]:
    behind = b"Webhook message delivery failed with error: Microsoft Teams returned HTTP error %d"
    yield from card_rows(answer(202))
    for status, becomes in ((429, AGAIN), (502, PERHAPS), (403, PARKS), (400, ELSEWHERE)):
        yield row(f"{status} behind a 200", answer(200, behind % status), becomes)


def discord_rows() -> Iterator[Row]:
    yield from card_rows(answer(200, b'{"id":"113"}'))
    wait = answer(429, b'{"retry_after":3.2}')
    yield row("429 with a wait in its body", wait, AGAIN, 4)


def plain_rows() -> Iterator[Row]:
    """The webhook and Alertmanager: any 2xx is a yes, any other 4xx is the end."""
    yield from everywhere(TAKEN)
    yield from (row(f"{status}", answer(status), ARRIVES) for status in (201, 202, 204))
    yield from (row(f"{status}", answer(status), ELSEWHERE) for status in (400, 413))


ROWS: dict[str, Callable[[], Iterator[Row]]] = {
    "pagerduty": pagerduty_rows,
    "slack": slack_rows,
    "teams": teams_rows,
    "discord": discord_rows,
    "webhook": plain_rows,
    "alertmanager": plain_rows,
    "template": plain_rows,
}
CONFIGS: Mapping[str, Mapping[str, object]] = {
    "pagerduty": {"routing_key": "0" * 32},
    "slack": {"token": "xoxb-1", "channel": "#sre"},
    "template": {"json": {"text": "{{ title }}"}},
    "email": {"from": "nines@example.com", "to": ["ann@example.com"]},
}


def receiver(kind: str, url: str, **more: object) -> Receiver:
    made = RECEIVERS[kind]
    where = {"smtp": url} if kind == "email" else {"url": url}
    config = made.config.model_validate({**where, **CONFIGS.get(kind, {}), **more})
    return made.build(config, external_url="https://nines.example")


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for long."""
    monkeypatch.setattr(pagerduty._SingleShot, "timeout", (1, 0.3))
    monkeypatch.setattr(slack, "READ_TIMEOUT", 0.3)
    monkeypatch.setattr(door, "TIMEOUT", 0.3)


def cases(kinds: Mapping[str, Callable[[], Iterator[Any]]]) -> list[Any]:
    return [
        pytest.param(kind, one, id=f"{kind}: {one.what}")
        for kind, rows in kinds.items()
        for one in rows()
    ]


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(("kind", "one"), cases(ROWS))
async def test_each_answer_over_http_is_what_the_table_says(kind: str, one: Row) -> None:
    async with vendor(*one.script) as stands:
        becomes, wait = await outcome(receiver(kind, stands.url))

    assert becomes is one.becomes
    assert wait == one.wait
    assert len(stands.requests) == one.requests


async def test_a_status_that_is_to_be_tried_again_parks_nothing() -> None:
    async with vendor(answer(404, Retry_After="5")) as stands:
        asked = receiver("template", stands.url, retry=[404])

        assert await outcome(asked) == (AGAIN, 5)


@pytest.mark.parametrize("kind", ROWS)
async def test_nobody_there_is_no_arrival(kind: str) -> None:
    async with vendor(TAKEN) as stands:
        pass

    assert await outcome(receiver(kind, stands.url)) == (AGAIN, 0)


@pytest.mark.parametrize("kind", ROWS)
async def test_a_strangers_certificate_is_sent_nothing(
    kind: str, server_tls: ssl.SSLContext
) -> None:
    async with vendor(TAKEN, tls=server_tls, host="localhost") as stands:
        becomes = await outcome(receiver(kind, stands.url))

        assert (becomes, stands.requests) == ((AGAIN, 0), [])


@dataclass(frozen=True, slots=True)
class MailRow:
    """What the mail server says; `takes`: it has the mail."""

    what: str
    script: Script
    becomes: Becomes
    takes: bool = False


def mail_rows() -> Iterator[MailRow]:
    yield MailRow("taken", Script(), ARRIVES, takes=True)
    yield MailRow("502 to EHLO", Script({"EHLO": "502 what"}), ARRIVES, takes=True)  # by HELO
    both = {"EHLO": "451 later", "HELO": "451 later"}
    yield MailRow("451 to EHLO and HELO", Script(both), AGAIN)
    for verb in ("greeting", "MAIL", "RCPT", "DATA", "content"):
        yield MailRow(f"451 to {verb}", Script({verb: "451 4.3.0 later"}), AGAIN)
        becomes = AGAIN if verb == "greeting" else ELSEWHERE  # the server, not this mail
        yield MailRow(f"554 to {verb}", Script({verb: "554 5.7.1 no"}), becomes)
    both = {"EHLO": "550 not today", "HELO": "550 not today"}
    yield MailRow("550 to EHLO and HELO", Script(both), AGAIN)
    yield MailRow("421 to the greeting", Script({"greeting": "421 closing"}), AGAIN)
    yield MailRow("550 to RCPT", Script({"RCPT": "550 5.1.1 no such mailbox"}), ELSEWHERE)
    yield MailRow("452 to the content", Script({"content": "452 4.3.1 disk full"}), AGAIN)
    yield MailRow("552 to the content", Script({"content": "552 5.3.4 too big"}), ELSEWHERE)
    for code in (530, 534, 535, 538):
        yield MailRow(f"{code} to MAIL", Script({"MAIL": f"{code} 5.7.0 who are you"}), PARKS)
    for verb in ("greeting", "EHLO", "MAIL", "RCPT"):
        yield MailRow(f"closed at {verb}", Script({verb: ""}), AGAIN)
    yield MailRow("closed at DATA", Script({"DATA": ""}), PERHAPS)
    yield MailRow("closed after the content", Script({"content": ""}), PERHAPS, takes=True)
    yield MailRow("no STARTTLS", Script(starttls=True), AGAIN)
    yield MailRow("no SMTP", Script({"greeting": "HTTP/1.1 400 what"}), AGAIN)


@pytest.mark.parametrize("one", [pytest.param(one, id=one.what) for one in mail_rows()])
async def test_each_answer_of_a_mail_server_is_what_the_table_says(one: MailRow) -> None:
    more = {"starttls": "required"} if one.script.starttls else {}
    async with mail_server(one.script) as stands:
        becomes, wait = await outcome(receiver("email", stands.url, **more))

    assert (becomes, wait) == (one.becomes, 0)
    assert bool(stands.mails) is one.takes
