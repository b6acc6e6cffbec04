"""Slack's side of chat.postMessage and chat.update, as documented, and how it shows text."""

import hashlib
import json
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from markupsafe import Markup, escape

from nines.demo.http_server import Response

BLOCKS_LIMIT = 50
HEADER_LIMIT = 150
SECTION_LIMIT = 3000
FIELDS_LIMIT = 10
FIELD_LIMIT = 2000
ELEMENTS_LIMIT = 10
ACTIONS_LIMIT = 25
BUTTON_LIMIT = 75
VALUE_LIMIT = 2000
BLOCK_ID_LIMIT = 255
TOTAL_LIMIT = 13_200  # not documented; found by others (slackapi/bolt-js#2509)
TEXT_LIMIT = 40_000


@dataclass(slots=True)
class SlackMessage:
    """A message in a channel, or a reply in its thread."""

    channel: str
    ts: str
    text: str
    blocks: list[dict[str, Any]]
    metadata: dict[str, Any] = field(default_factory=dict)
    edits: int = 0
    replies: list["SlackMessage"] = field(default_factory=list)

    @property
    def pings(self) -> list[str]:
        """Mentions that would ring people's phones. In `plain_text` Slack looks for none."""
        texts = [self.text, *_mrkdwn_of(self.blocks)]
        return re.findall(r"<(?:!(?!date\^)|@|#)[^<>]*>", "\n".join(texts))


class SlackWorkspace:
    """Takes messages; keeps the newest. Channels exist as soon as somebody names them."""

    def __init__(self, keep: int, now: Callable[[], datetime]) -> None:
        self.messages: deque[SlackMessage] = deque(maxlen=keep)
        self.names: dict[str, str] = {}
        self._now = now
        self._posted = 0

    def call(self, method: str, headers: Mapping[str, str], body: bytes) -> Response:
        """POST /api/{method}."""
        token = headers.get("authorization", "")
        if not token:
            return _error("not_authed")
        if not token.startswith("Bearer xox"):
            return _error("invalid_auth")
        try:
            said = json.loads(body)
        except ValueError:
            return _error("invalid_json")
        if not isinstance(said, dict):
            return _error("json_not_object")
        problem = _problem(said)
        if problem:
            return _error(problem)
        return self._post(said) if method == "chat.postMessage" else self._update(said)

    def _post(self, said: dict[str, Any]) -> Response:
        channel = self._channel(str(said.get("channel", "")))
        if not channel:
            return _error("channel_not_found")
        self._posted += 1
        message = SlackMessage(
            channel,
            f"{int(self._now().timestamp())}.{self._posted:06d}",
            str(said.get("text", "")),
            said.get("blocks") or [],
            said.get("metadata") or {},
        )
        if "thread_ts" not in said:
            self.messages.append(message)
            return _ok(message)
        parent = self._find(channel, said["thread_ts"])
        if parent is None:
            return _error("thread_not_found")
        parent.replies.append(message)
        return _ok(message)

    def _update(self, said: dict[str, Any]) -> Response:
        message = self._find(said.get("channel"), said.get("ts"))
        if message is None:
            return _error("message_not_found")
        message.text = str(said.get("text", ""))
        message.blocks = said.get("blocks", message.blocks)
        message.metadata = said.get("metadata", message.metadata)
        message.edits += 1
        return _ok(message)

    def message(self, ts: str) -> SlackMessage | None:
        """By its timestamp, which is its id."""
        return next((one for one in self.messages if one.ts == ts), None)

    def _find(self, channel: object, ts: object) -> SlackMessage | None:
        found = (one for one in self.messages if (one.channel, one.ts) == (channel, ts))
        return next(found, None)

    def _channel(self, named: str) -> str:
        """Its id, also when it is called by its name."""
        if not named or re.fullmatch(r"[CG][A-Z0-9]{8,}", named):
            return named
        id_ = "C" + hashlib.sha256(named.lstrip("#").encode()).hexdigest()[:10].upper()
        self.names[id_] = f"#{named.lstrip('#')}"
        return id_


def shown(text: str) -> Markup:
    """Slack's mrkdwn as HTML: bold, links, dates and mentions; all else is plain text."""
    parts = re.split(r"<([^<>]*)>", text)
    return Markup("").join(
        _token(part) if number % 2 else _words(part) for number, part in enumerate(parts)
    )


_SIGNS = {
    "red_circle": "🔴",
    "large_orange_circle": "🟠",
    "large_blue_circle": "🔵",
    "white_check_mark": "✅",
}


def _words(text: str) -> Markup:
    plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    plain = re.sub(r":(\w+):", lambda found: _SIGNS.get(found[1], found[0]), plain)
    marked = re.sub(r"\*([^*\n]+)\*", r"<strong>\1</strong>", str(escape(plain)))
    # Safe: the text was escaped above, and the pattern adds these tags alone.
    return Markup(marked.replace("\n", "<br>"))  # noqa: S704


def _token(token: str) -> Markup:
    target, _, label = token.partition("|")
    if target.startswith("!date^"):
        return Markup("<time>{}</time>").format(label)
    if target.startswith(("https://", "http://")):
        address = target.replace("&amp;", "&")
        link = Markup('<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>')
        return link.format(address, _words(label or target))
    return Markup("<mark>{}</mark>").format(f"<{token}>")


def _mrkdwn_of(value: object) -> Iterator[str]:
    match value:
        case {"type": "mrkdwn", "text": str(text)}:
            yield text
        case dict():
            for inner in value.values():
                yield from _mrkdwn_of(inner)
        case list():
            for inner in value:
                yield from _mrkdwn_of(inner)


def _problem(said: dict[str, Any]) -> str:
    text, blocks = said.get("text", ""), said.get("blocks") or []
    if not text and not blocks:
        return "no_text"
    if len(str(text)) > TEXT_LIMIT:
        return "msg_too_long"
    if not isinstance(blocks, list) or len(blocks) > BLOCKS_LIMIT:
        return "invalid_blocks"
    if not all(isinstance(block, dict) and _fits(block) for block in blocks):
        return "invalid_blocks"
    ids = [block["block_id"] for block in blocks if "block_id" in block]
    if len(set(ids)) < len(ids):
        return "invalid_blocks"
    if len(json.dumps(blocks, ensure_ascii=False)) > TOTAL_LIMIT:
        return "msg_blocks_too_long"
    return ""


def _fits(block: dict[str, Any]) -> bool:
    if len(str(block.get("block_id", ""))) > BLOCK_ID_LIMIT:
        return False
    match block:
        case {"type": "header", "text": {"type": "plain_text", "text": str(text)}}:
            return 0 < len(text) <= HEADER_LIMIT
        case {"type": "section", "text": {"type": "mrkdwn", "text": str(text)}}:
            return 0 < len(text) <= SECTION_LIMIT and _fields_fit(block.get("fields", []))
        case {"type": "actions", "elements": [*elements]}:
            return 0 < len(elements) <= ACTIONS_LIMIT and all(map(_button_fits, elements))
        case {"type": "context", "elements": [*elements]}:
            return 0 < len(elements) <= ELEMENTS_LIMIT and all(e.get("text") for e in elements)
        case _:
            return False


def _button_fits(button: dict[str, Any]) -> bool:
    match button:
        case {
            "type": "button",
            "action_id": str(action_id),
            "text": {"type": "plain_text", "text": str(text)},
            "value": str(value),
        }:
            ids = 0 < len(action_id) <= BLOCK_ID_LIMIT
            return ids and 0 < len(text) <= BUTTON_LIMIT and 0 < len(value) <= VALUE_LIMIT
        case _:
            return False


def _fields_fit(fields: list[dict[str, Any]]) -> bool:
    return len(fields) <= FIELDS_LIMIT and all(0 < len(f["text"]) <= FIELD_LIMIT for f in fields)


def _ok(message: SlackMessage) -> Response:
    return _json({"ok": True, "channel": message.channel, "ts": message.ts})


def _error(code: str) -> Response:
    return _json({"ok": False, "error": code})


def _json(said: object) -> Response:
    return Response(200, json.dumps(said).encode(), "application/json; charset=utf-8")
