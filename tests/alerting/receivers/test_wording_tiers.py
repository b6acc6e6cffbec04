"""A page goes out in the best words that can be had, and says when those were not the ordered."""

import json
from dataclasses import dataclass, field
from functools import partial

import pytest

from alerting import receivers
from alerting.notification import AttemptOutcome, DeliveryError, Handle, Message, Receipt
from alerting.receivers.email import mail, subject
from alerting.receivers.source import Source
from alerting.receivers.wording_tiers import Worded, plain_facts
from alerting.receivers.writer import Words, Writer
from tests.alerting.receivers.messages import RESOLVE, message
from tests.alerting.receivers.outcomes import OK, deliver
from tests.alerting.receivers.vendor import answer, vendor


@dataclass
class Far:
    """A receiver that notes what it is given; breaks over labels when told to."""

    breaks: bool = False
    refuses: bool = False
    got: list[Message] = field(default_factory=list)

    async def deliver(self, message: Message, *, handle: Handle, attempt: int) -> Receipt:
        del handle, attempt
        self.got.append(message)
        if self.breaks and message.labels:
            raise KeyError("env")
        if self.refuses:
            raise DeliveryError("no", outcome=AttemptOutcome.PERMANENT)
        return Receipt("taken", 200)

    async def close(self) -> None: ...


async def told(far: Far, text: str | None) -> tuple[str, list[str | None]]:
    heard: list[str | None] = []
    writer = Writer(Source(text)) if text else None
    result = await deliver(Worded(far, writer, heard.append), message())
    return result.said, heard


async def test_the_users_words_go_first() -> None:
    far = Far()

    assert await told(far, "My words about {{ service }}") == ("taken", [None])
    assert far.got[0].story == "My words about shop"


async def test_then_the_built_in_ones_and_that_is_told() -> None:
    far = Far()

    said, heard = await told(far, "a\n{{ 1 // 0 }}")

    assert said.startswith("taken; said in the built-in words: template:2:1: ZeroDivisionError")
    assert said.endswith(str(heard[0]))
    assert far.got == [message()]


async def test_then_plain_facts() -> None:
    far = Far(breaks=True)

    said, heard = await told(far, None)

    assert said == "taken; said in plain facts: KeyError: 'env'"
    assert heard == ["said in plain facts: KeyError: 'env'"]
    assert far.got[-1].title == "shop availability (page) since 2026-11-20 14:00 UTC"


async def test_a_refusal_is_none_of_the_words() -> None:
    heard: list[str | None] = []
    far = Far(refuses=True)
    result = await deliver(Worded(far, None, heard.append), message())

    assert (result.said, heard, len(far.got)) == ("no", [None], 1)


def test_plain_facts_keep_what_the_incident_is_known_by() -> None:
    plain = plain_facts(message(RESOLVE))

    assert (plain.incident_id, plain.kind) == (message().incident_id, RESOLVE)
    assert plain.story.startswith("RESOLVED: shop availability (page)")


WORDS = Words("", "Ring <b>the</b> bell", "<em>Ring</em>")


def test_a_mail_has_the_words_in_both_forms() -> None:
    written = mail(WORDS.put_into(message()), "nines@example.com", ["sre@example.com"])

    text, html = (part.get_content() for part in written.iter_parts())
    assert "Ring <b>the</b> bell" in text
    assert "<em>Ring</em>" in html
    assert subject(message()) == written["Subject"]


CONFIGS = {
    "webhook": {},
    "teams": {},
    "discord": {},
    "slack": {"token": "xoxb-1", "channel": "#sre"},
    "pagerduty": {"routing_key": "k" * 32},
}


@pytest.mark.parametrize("kind", CONFIGS)
async def test_every_receiver_says_the_users_words(kind: str) -> None:
    yes = {"slack": b'{"ok":true,"channel":"C1","ts":"1.0"}', "discord": b'{"id":"1"}'}
    status = 202 if kind == "pagerduty" else 200
    async with vendor(answer(status, yes.get(kind, b"{}"))) as stands:
        settings = {**CONFIGS[kind], "url": stands.url, "template": "Ring bell 7 of {{ service }}"}
        config = receivers.RECEIVERS[kind].config.model_validate(settings)
        heard: list[str | None] = []
        tell = partial(list.append, heard)
        result = await deliver(
            receivers.worded(kind, config, {"external_url": ""}, tell), message()
        )

    assert (result.outcome, heard) == (OK, [None])
    assert "Ring bell 7 of shop" in json.dumps(json.loads(stands.bodies[0]))
