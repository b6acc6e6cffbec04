"""Tell a Discord channel through a webhook: one message an incident, changed in place."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from math import ceil, isfinite
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pydantic import model_validator

from alerting import wording
from alerting.notification import AlertLine, DeliveryError, Handle, Message, Receipt
from alerting.receivers import evidence
from alerting.receivers.door import AddressConfig, Answer, Door
from alerting.receivers.source import TemplatedConfig
from alerting.receivers.text import one_line, printable
from slo.severity import Severity

# Discord's documentation, "Embed Limits" and "Execute Webhook".
CONTENT_LIMIT = 2000
TITLE_LIMIT = 256
DESCRIPTION_LIMIT = 4096
FIELDS_LIMIT = 25
NAME_LIMIT = 256
VALUE_LIMIT = 1024
TOTAL_LIMIT = 6000  # of all texts of the embeds together

COLOURS = {Severity.PAGE: 0xC62828, Severity.TICKET: 0xEF6C00, Severity.INFO: 0x1565C0}
OVER_COLOUR = 0x2E7D32
GONE = {404}  # the message was deleted; the webhook itself answers the post after it
_MARKUP = re.compile(r"([\\`*_~|>#\[\]()<:@-])")

Body = dict[str, Any]


class DiscordConfig(AddressConfig, TemplatedConfig):
    """`discord:` in config.yaml: the address of a channel's webhook."""

    @model_validator(mode="after")
    def _no_wait(self) -> Self:
        if any(key == "wait" for key, _ in parse_qsl(urlsplit(self.url.value).query)):
            raise ValueError("leave wait out of the address: it is always asked for")
        return self


def post(message: Message, attempt: int = 1) -> Body:
    """The incident as one message; always within Discord's limits."""
    return {"content": _summary(message), "embeds": [_embed(message, attempt)], **_QUIET}


def plain(message: Message, attempt: int = 1) -> Body:
    """The same in one line, for when Discord does not take our embed."""
    return {"content": f"{_summary(message)}{_again(attempt)}", "embeds": [], **_QUIET}


def news(message: Message, attempt: int = 1) -> Body:
    """What changed, as a message of its own: an edit rings nobody's phone."""
    text = f"**{wording.state(message)}** {escaped(message.what_changed, 700)}{_again(attempt)}"
    return {"content": _cut(text, CONTENT_LIMIT), **_QUIET}


def escaped(text: str, limit: int) -> str:
    """Text in which Discord finds no markup; `limit` counts before that."""
    return _MARKUP.sub(r"\\\1", wording.clip(printable(text), limit))


class Discord:
    """One channel.

    The message is changed first, which is harmless to repeat; what changed is posted last, so it
    is doubled only when its own answer was lost, and then says that it is another try.
    """

    def __init__(self, config: DiscordConfig) -> None:
        self._url = config.url.value
        self._door = Door("Discord", config)

    async def deliver(self, message: Message, *, handle: Handle, attempt: int) -> Receipt:
        """Post the incident, or bring its message up to date and say what changed."""
        if message.kind.alone:
            return replace(await self._post(message, attempt, "posted"), handle=None)
        known = handle.get("message", "")
        if not known.isalnum():
            return await self._post(message, attempt, "posted")
        answer = await self._shown("PATCH", _under(self._url, known), message, attempt)
        if answer.status in GONE:
            return await self._post(message, attempt, "posted anew (the old one is gone)")
        if not answer.taken:
            raise self._refused(answer)
        answer = await self._send("POST", _waiting(self._url), news(message, attempt))
        if not answer.taken:
            raise self._refused(answer)
        return Receipt("Discord changed the message and took the news", answer.status)

    async def close(self) -> None:
        """Nothing is kept open between two deliveries."""

    async def _post(self, message: Message, attempt: int, what: str) -> Receipt:
        answer = await self._shown("POST", _waiting(self._url), message, attempt)
        if not answer.taken:
            raise self._refused(answer)
        id_ = _object(answer.said).get("id") or _ID.search(answer.said)
        known = id_[1] if isinstance(id_, re.Match) else id_
        handle = {"message": known} if isinstance(known, str) else None
        return Receipt(f"Discord {what} the message", answer.status, handle)

    async def _shown(self, method: str, url: str, message: Message, attempt: int) -> Answer:
        """The message; in one line, when Discord objects to its shape."""
        answer = await self._send(method, url, post(message, attempt))
        if answer.status in (400, 413):
            return await self._send(method, url, plain(message, attempt))
        return answer

    async def _send(self, method: str, url: str, body: Body) -> Answer:
        content = json.dumps(body).encode()
        return await self._door.send(method, url, content, {"content-type": "application/json"})

    def _refused(self, answer: Answer) -> DeliveryError:
        """Discord says how long to wait in its head and, to the millisecond, in the body."""
        said = _object(answer.said)
        words = said.get("message")
        error = self._door.refused(answer, words if isinstance(words, str) else answer.said)
        wait = said.get("retry_after")
        if answer.status == 429 and isinstance(wait, int | float) and isfinite(wait):
            exact = timedelta(seconds=min(max(ceil(wait), 0), 86_400))
            error.retry_after = max(error.retry_after or exact, exact)
        return error


def build(config: DiscordConfig, *, external_url: str) -> Discord:
    """The receiver. Raises ValueError when a file it needs cannot be used."""
    del external_url  # messages bring their addresses
    return Discord(config)


_QUIET: Body = {"allowed_mentions": {"parse": []}}  # nothing in our text is to ring a phone
_ID = re.compile(r'"id"\s*:\s*"(\d{1,32})"')  # in an answer that was cut


def _embed(message: Message, attempt: int) -> Body:
    title = _cut(escaped(one_line(message.title, 200), 200), TITLE_LIMIT)
    footer = _cut(_footer(message, attempt), 400)
    embed: Body = {
        "title": title or wording.state(message),
        "description": "",
        "color": OVER_COLOUR if message.kind.over else COLOURS[message.severity],
        "timestamp": message.decided_at.isoformat(),
        "fields": [],
        "footer": {"text": footer},
    }
    if message.incident_url.startswith(("https://", "http://")):
        embed["url"] = message.incident_url
    room = TOTAL_LIMIT - _length(embed["title"]) - _length(footer)
    story = _cut(escaped(wording.paragraph(message), 1500), min(DESCRIPTION_LIMIT, room // 2))
    embed["description"] = story
    room -= _length(story)
    for field in _fields(message):
        room -= _length(field["name"]) + _length(field["value"])
        if room < 0 or len(embed["fields"]) >= FIELDS_LIMIT:
            break
        embed["fields"].append(field)
    return embed


def _fields(message: Message) -> Iterator[Body]:
    links = "  ".join(
        f"[{escaped(words, 60)}](<{printable(address)}>)"
        for words, address in evidence.links(message)[:6]
        if len(address) <= 140 and not set(address) & set("<>() \n")
    )
    if links:
        yield _field("Open", links, inline=False)
    for what, text in evidence.rows(message.alerts[0]):
        yield _field(what, escaped(text, 300), inline=True)
    rest = message.alerts[1:]
    for line in rest[:12]:
        yield _field(*_line(line, message), inline=False)
    if len(rest) > 12:
        yield _field("More", f"{len(rest) - 12} more are on the incident's page", inline=False)


def _line(line: AlertLine, message: Message) -> tuple[str, str]:
    what = "Over" if evidence.is_over(message, line) else "Also"
    return what, escaped(wording.line_text(line), 300)


def _field(name: str, value: str, *, inline: bool) -> Body:
    return {"name": name, "value": _cut(value, VALUE_LIMIT) or "-", "inline": inline}


def _footer(message: Message, attempt: int) -> str:
    notes = [f"revision {message.revision}"]
    if message.owner:
        notes.append(f"owner {one_line(message.owner, 80)}")
    if message.acknowledged_by:
        notes.append(f"acknowledged by {one_line(message.acknowledged_by, 80)}")
    notes.append(f"notification {one_line(message.notification_id, 60)}")
    return ", ".join(filter(None, [*notes, evidence.another_try(attempt)]))


def _again(attempt: int) -> str:
    """The same, in brackets, after a text."""
    said = evidence.another_try(attempt)
    return f" ({said})" if said else ""


def _summary(message: Message) -> str:
    """What a phone's notification shows."""
    return f"**{wording.state(message)}** {escaped(one_line(message.title, 300), 300)}"


def _length(text: str) -> int:
    """As JavaScript counts, which is never less."""
    return len(text.encode("utf-16-le")) // 2


def _cut(text: str, limit: int) -> str:
    """At most `limit` as Discord counts; what was cut ends in an ellipsis."""
    if _length(text) <= limit:
        return text
    kept = text.encode("utf-16-le")[: 2 * (limit - 1)].decode("utf-16-le", "ignore")
    return kept.rstrip().rstrip("\\") + "…"


def _waiting(url: str) -> str:
    """Ask for the message that was made: its id is what it is changed by."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=urlencode([*parse_qsl(parts.query), ("wait", "true")])))


def _under(url: str, message: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/messages/{message}"))


def _object(body: str) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
