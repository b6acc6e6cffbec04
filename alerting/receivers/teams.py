"""Tell a Microsoft Teams channel: an Adaptive Card to the address of a workflow or webhook."""

import json
import re
from typing import Any

from alerting import wording
from alerting.notification import (
    AlertLine,
    AttemptOutcome,
    DeliveryError,
    Handle,
    Message,
    Receipt,
)
from alerting.receivers import answers, evidence
from alerting.receivers.door import AddressConfig, Answer, Door
from alerting.receivers.source import TemplatedConfig
from alerting.receivers.text import one_line, printable
from slo.severity import Severity

# Microsoft's documentation: a message has at most 28 KB. The other limits are ours.
BODY_LIMIT = 27_000
TITLE_LIMIT = 300
STORY_LIMIT = 3000
ROW_LIMIT = 500
LINES_LIMIT = 20
ACTIONS_LIMIT = 6
LINK_LIMIT = 1000

COLOURS = {Severity.PAGE: "Attention", Severity.TICKET: "Warning", Severity.INFO: "Accent"}
# A connector answers 200 with these words, and the status that Teams itself gave.
_FAILED = re.compile(
    r"delivery failed with error.*?(?:HTTP error |status code )(\d{3})", re.IGNORECASE | re.DOTALL
)
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~])")

Body = dict[str, Any]


class TeamsConfig(AddressConfig, TemplatedConfig):
    """`teams:` in config.yaml: the address that a Teams workflow or incoming webhook shows."""


def card(message: Message, attempt: int = 1) -> Body:
    """The message as an Adaptive Card; always within the limit of Teams."""
    told = _fitting(
        _head(message, attempt), [_line(line, message) for line in message.alerts[1:]], message
    )
    return _attached(told, _actions(message))


def plain(message: Message, attempt: int = 1) -> Body:
    """The least that can be said, for when Teams does not take the whole card."""
    again = evidence.another_try(attempt)
    notes = [_text(again, isSubtle=True, size="Small")] if again else []
    return _attached([_text(_title(message), weight="Bolder"), *notes], [])


class Teams:
    """One channel.

    Teams has no key by which it would know a message again: after a lost answer it may stand twice,
    and the second says that it is another try.
    """

    def __init__(self, config: TeamsConfig) -> None:
        self._url = config.url.value
        self._door = Door("Teams", config)

    async def deliver(self, message: Message, *, handle: Handle, attempt: int) -> Receipt:
        """Post once; with less in it, should Teams object to the card."""
        del handle  # nothing can be changed through such an address
        answer = await self._post(card(message, attempt))
        if answer.status in (400, 413):
            answer = await self._post(plain(message, attempt))
        if not answer.taken:
            raise self._door.refused(answer)
        if failed := _FAILED.search(answer.said):
            raise self._failed_behind(answer, int(failed[1]))
        return Receipt(f"{self._door.who} took the card", answer.status)

    async def close(self) -> None:
        """Nothing is kept open between two deliveries."""

    async def _post(self, body: Body) -> Answer:
        content = json.dumps(body).encode()
        return await self._door.send(
            "POST", self._url, content, {"content-type": "application/json"}
        )

    def _failed_behind(self, answer: Answer, status: int) -> DeliveryError:
        outcome = answers.outcome_of(status) if status >= 300 else AttemptOutcome.AMBIGUOUS
        said = answers.quoted(answer.said)
        return DeliveryError(
            f"{self._door.who} answered {answer.status}, but did not post{said}",
            outcome=outcome,
            status=status,
            retry_after=answers.retry_after(answer.headers),
            parks=answers.closed(status),
        )


def build(config: TeamsConfig, *, external_url: str) -> Teams:
    """The receiver. Raises ValueError when a file it needs cannot be used."""
    del external_url  # messages bring their addresses
    return Teams(config)


def escaped(text: str, limit: int) -> str:
    """Text in which Teams finds no markup, so that a label cannot show a link; cut before that."""
    return _MARKUP.sub(r"\\\1", wording.clip(printable(text), limit))


def _attached(body: list[Body], actions: list[Body]) -> Body:
    content: Body = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": body,
    }
    if actions:
        content["actions"] = actions
    kind = "application/vnd.microsoft.card.adaptive"
    attachment = {"contentType": kind, "contentUrl": None, "content": content}
    return {"type": "message", "attachments": [attachment]}


def _head(message: Message, attempt: int) -> list[Body]:
    colour = "Good" if message.kind.over else COLOURS[message.severity]
    rows = [
        {"title": one_line(what, 50), "value": escaped(text, ROW_LIMIT)}
        for what, text in evidence.rows(message.alerts[0])
    ]
    return [
        _text(_title(message), weight="Bolder", size="Large", color=colour),
        _text(escaped(wording.paragraph(message), STORY_LIMIT)),
        {"type": "FactSet", "facts": rows},
        _text(_footnote(message, attempt), isSubtle=True, size="Small"),
    ]


def _fitting(head: list[Body], lines: list[Body], message: Message) -> list[Body]:
    """As many of the lines as fit; how many did not is said. What is too long loses its table."""
    room = BODY_LIMIT - _size(_attached(head, _actions(message))) - 200
    if room < 0:
        return [head[0], head[-1]]
    shown: list[Body] = []
    for line in lines[:LINES_LIMIT]:
        room -= _size(line) + 2
        if room < 0:
            break
        shown.append(line)
    left = len(lines) - len(shown)
    more = [_text(f"{left} more are on the incident's page")] if left else []
    return [*head[:-1], *shown, *more, head[-1]]


def _title(message: Message) -> str:
    return f"{wording.state(message)} {escaped(one_line(message.title, TITLE_LIMIT), TITLE_LIMIT)}"


def _line(line: AlertLine, message: Message) -> Body:
    over = " (over)" if evidence.is_over(message, line) else ""
    return _text(escaped(f"{wording.line_text(line)}{over}", ROW_LIMIT))


def _footnote(message: Message, attempt: int) -> str:
    notes = [f"Opened {wording.moment(message.opened_at)}", f"revision {message.revision}"]
    if message.owner:
        notes.append(f"owner {message.owner}")
    if message.acknowledged_by:
        notes.append(f"acknowledged by {message.acknowledged_by}")
    # The try goes first: it has to be there however long the names are.
    all_ = [evidence.another_try(attempt), *notes, f"notification {message.notification_id}"]
    return escaped(", ".join(filter(None, all_)), ROW_LIMIT)


def _actions(message: Message) -> list[Body]:
    found = [link for link in evidence.links(message) if len(link[1]) <= LINK_LIMIT]
    return [
        {"type": "Action.OpenUrl", "title": one_line(words, 60), "url": printable(address)}
        for words, address in found[:ACTIONS_LIMIT]
    ]


def _text(text: str, **more: object) -> Body:
    return {"type": "TextBlock", "text": text, "wrap": True, **more}


def _size(value: object) -> int:
    return len(json.dumps(value))
