"""The vendors of the stories with kills read what real receivers send."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from alerting.notification import Message
from alerting.receivers import RECEIVERS
from tests.alerting.receivers.messages import MISSED, RESOLVE, UPDATE, message
from tests.chaos.judge import Heard, Repeat, Said
from tests.chaos.vendors import KINDS, Fault, Step, Vendor, vendor

CONFIGS: dict[str, dict[str, object]] = {
    "pagerduty": {"routing_key": "0" * 32},
    "slack": {"token": "xoxb-1", "channel": "#sre"},
    "email": {"from": "nines@example.com", "to": ["ann@example.com"]},
    "template": {
        "json": {
            "incident": "{{ incident_id }}",
            "kind": "{{ kind }}",
            "revision": "{{ revision }}",
            "id": "{{ notification_id }}",
        }
    },
}
HOW = {
    "pagerduty": Repeat.KEY,
    "webhook": Repeat.KEY,
    "template": Repeat.KEY,
    "email": Repeat.KEY,
    "slack": Repeat.MARK,
    "teams": Repeat.MARK,
    "discord": Repeat.MARK,
    "alertmanager": Repeat.EDIT,
}


@dataclass
class Stage:
    """Holds nothing and breaks nothing."""

    heard: list[Heard] = field(default_factory=list)

    async def reach(self, receiver: str, step: Step) -> None: ...

    def hear(self, heard: Heard) -> None:
        self.heard.append(heard)

    def fault(self, receiver: str) -> Fault | None:
        del receiver
        return None


@asynccontextmanager
async def standing(kind: str) -> AsyncIterator[tuple[Vendor, Stage]]:
    stage = Stage()
    made = vendor(kind, stage)
    await made.start()
    try:
        yield made, stage
    finally:
        await made.stop()


async def deliver(kind: str, url: str, told: Message, attempt: int, handle: object) -> object:
    made = RECEIVERS[kind]
    where = {"smtp": url} if kind == "email" else {"url": url}
    config = made.config.model_validate({**where, **CONFIGS.get(kind, {})})
    receiver = made.build(config, external_url="https://nines.example")
    try:
        receipt = await receiver.deliver(told, handle=handle or {}, attempt=attempt)  # type: ignore[arg-type]
    finally:
        await receiver.close()
    return receipt.handle or handle


@pytest.mark.parametrize("kind", KINDS)
async def test_a_page_its_copy_and_its_end_are_read(kind: str) -> None:
    async with standing(kind) as (made, stage):
        handle: object = None
        for told, attempt in ((message(), 1), (message(), 2), (message(RESOLVE, 2), 1)):
            handle = await deliver(kind, made.url, told, attempt, handle if attempt == 1 else None)

    first, copy, *ends = stage.heard
    assert {one.incident for one in stage.heard} == {"01JD3T8ZINCIDENT"}
    assert [one.said for one in stage.heard] == [Said.FIRING] * 2 + [Said.RESOLVED] * len(ends)
    assert (first.repeat, first.message) == (HOW[kind], copy.message)
    assert copy.again is (HOW[kind] is Repeat.MARK)
    assert bool(copy.key) is (HOW[kind] is Repeat.KEY)
    assert copy.key == first.key
    assert ends
    assert all(one.message != first.message for one in ends)


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_told_in_one_message_is_read_as_such(kind: str) -> None:
    news = "Fired 14:00, resolved 14:31; delivery to sre had been failing."
    async with standing(kind) as (made, stage):
        await deliver(kind, made.url, replace(message(MISSED, 2), what_changed=news), 1, None)

    assert stage.heard[-1].said is Said.MISSED
    assert all(one.said in (Said.MISSED, Said.RESOLVED) for one in stage.heard)


async def test_an_update_fires_on() -> None:
    async with standing("webhook") as (made, stage):
        await deliver("webhook", made.url, message(UPDATE, 2), 1, None)

    assert [one.said for one in stage.heard] == [Said.FIRING]
