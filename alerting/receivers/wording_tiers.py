"""The three ways to say a message: the user's template, the built-in words, plain facts."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import structlog

from alerting import wording
from alerting.alert import Facts
from alerting.notification import (
    DeliveryError,
    Handle,
    Message,
    NotificationKind,
    Receipt,
    Receiver,
)
from alerting.receivers.text import one_line
from alerting.receivers.writer import WordsError, Writer

log = structlog.get_logger("alerting.rendering")


class Worded:
    """A receiver whose words never cost the page: what cannot be said one way is said the next.

    `tell` hears after each delivery what was wrong with the words, or None.
    """

    def __init__(
        self, inner: Receiver, writer: Writer | None, tell: Callable[[str | None], None]
    ) -> None:
        self.inner = inner
        self._writer = writer
        self._tell = tell

    async def deliver(self, message: Message, *, handle: Handle, attempt: int) -> Receipt:
        """One try, in the best words that can be had."""
        worded, problem = await self._written(message)
        try:
            receipt = await self.inner.deliver(worded, handle=handle, attempt=attempt)
        except DeliveryError:
            self._told(message, problem)
            raise
        except Exception as error:
            # Our own mistake, over something in the message: the less there is in it, the better.
            problem = f"said in plain facts: {type(error).__name__}: {one_line(str(error), 200)}"
            log.exception("words failed", receiver=message.receiver)
            receipt = await self.inner.deliver(plain_facts(message), handle=handle, attempt=attempt)
        problem = problem or receipt.problem
        self._told(message, problem)
        return replace(receipt, detail=f"{receipt.detail}; {problem}") if problem else receipt

    async def close(self) -> None:
        """As the receiver itself."""
        await self.inner.close()

    async def _written(self, message: Message) -> tuple[Message, str | None]:
        if self._writer is None or message.kind is NotificationKind.DIGEST:
            return message, None  # a template is for one incident's words
        try:
            words = await asyncio.to_thread(self._writer.write, message)
        except WordsError as error:
            return message, f"said in the built-in words: {error}"
        return words.put_into(message), None

    def _told(self, message: Message, problem: str | None) -> None:
        if problem:
            log.warning(
                "template failed",
                receiver=message.receiver,
                incident=message.incident_id,
                problem=problem,
            )
        self._tell(problem)


def plain_facts(message: Message) -> Message:
    """The message with nothing in it but what it is about, since when, and where to look."""
    about = one_line(f"{message.service} {message.alerts[0].slo}", 150)
    title = f"{about} ({message.severity}) since {wording.moment(message.opened_at)}"
    facts = Facts(headline=str(message.kind), reason="", objective="", window="")
    return replace(
        message,
        title=title,
        story=f"{wording.state(message)}: {title}.",
        html="",
        service=one_line(message.service, 100),
        service_title=one_line(message.service, 100),
        what_changed=f"{message.kind}.",
        owner=None,
        runbook=None,
        labels={},
        alerts=tuple(
            replace(line, slo=one_line(line.slo, 100), facts=facts) for line in message.alerts[:20]
        ),
    )
