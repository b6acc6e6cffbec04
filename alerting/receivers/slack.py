"""Tell a Slack channel: one message an incident, kept up to date, its story in a thread."""

import functools
import json
import logging
import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector, ProxyHandler, Request

from pydantic import ConfigDict, Field, StringConstraints, model_validator
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from alerting import wording
from alerting.alert import AlertKind
from alerting.callbacks.slack import Button, value
from alerting.notification import (
    AlertLine,
    AttemptOutcome,
    DeliveryError,
    Handle,
    Message,
    Receipt,
)
from alerting.receivers import answers, evidence
from alerting.receivers.address import CA_FILE, PROXY, BaseAddress, Proxy, host_of, trust
from alerting.receivers.source import TemplatedConfig
from alerting.receivers.text import one_line, printable, without
from alerting.receivers.threads import Threads, opened
from slo.secret import SecretText
from slo.severity import Severity

# Slack's documented limits are 50 blocks, 150 characters of header, 3000 of a section's text, ten
# fields of 2000. The whole has one of about 13,200 that is not documented; ours leave room.
BLOCKS_LIMIT = 40
TOTAL_LIMIT = 10_000
HEADER_LIMIT = 150
SECTION_LIMIT = 2900
FIELD_LIMIT = 500
FIELDS_LIMIT = 10
TEXT_LIMIT = 3500  # of the plain text; Slack splits from 4000
SUMMARY_LIMIT = 1000
LINK_LIMIT = 1000

READ_TIMEOUT = 10  # seconds, from byte to byte
WITHIN = timedelta(seconds=12)  # for a call; a delivery makes two
ANSWER_LIMIT = 1024 * 1024
WORKSPACE_PAUSE = timedelta(minutes=10)  # after message_limit_exceeded

# Source: the error lists of chat.postMessage and chat.update in Slack's API reference.
RATE_LIMITED = {"ratelimited", "rate_limited"}
MAY_HAVE_HAPPENED = {"internal_error", "fatal_error"}
UNREADABLE = "an answer that is not Slack's"  # ours, for what is no JSON object
UNACCEPTABLE = (  # beginnings: Slack adds suffixes to some
    "msg_too_long",
    "msg_blocks_too_long",
    "invalid_blocks",
    "invalid_metadata",
    "metadata_too_large",
    "too_many_attachments",
)
GONE = {"message_not_found", "edit_window_closed", "cant_update_message", "block_mismatch"}
HOPELESS = {
    "channel_not_found": "the channel does not exist, or the app may not see it",
    "not_in_channel": "invite the app to the channel",
    "is_archived": "the channel is archived",
    "invalid_auth": "the token is not valid",
    "not_authed": "the token is missing",
    "token_revoked": "the token was revoked",
    "token_expired": "the token has expired",
    "account_inactive": "the token's account is inactive",
    "missing_scope": "the token lacks the scope chat:write",
    "no_permission": "the token may not post here",
    "no_text": "the message is empty",
}
HOPELESS_BEGINNING = "restricted_action"

INFO_SIGN = ":large_blue_circle:"
SIGNS = {Severity.PAGE: ":red_circle:", Severity.TICKET: ":large_orange_circle:"}


UserId = Annotated[str, StringConstraints(pattern=r"^[UW][0-9A-Z]{1,31}$")]


class SlackConfig(TemplatedConfig):
    """`slack:` in config.yaml. `channel` is an id or #name; the app has to be in it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    token: SecretText = Field(description="A bot token (xoxb-...) with the scope chat:write.")
    channel: str = Field(min_length=1, max_length=80, description="The channel's id, or #name.")
    url: BaseAddress = Field(
        "https://slack.com", description="The address below which /api/chat.postMessage is."
    )
    signing_secret: SecretText | None = Field(
        None, description="The app's signing secret: with it, messages have buttons."
    )
    users: Literal["everyone"] | tuple[UserId, ...] | None = Field(
        None, description="Who may press them: member ids, or everyone in the workspace."
    )
    proxy: Proxy | None = Field(None, description=PROXY)
    ca_file: Path | None = Field(None, description=CA_FILE)

    @model_validator(mode="after")
    def _says_who_may_press(self) -> Self:
        if (self.signing_secret is None) != (self.users is None):
            raise ValueError(
                "signing_secret and users come together: whose buttons they are, and who may "
                "press them (member ids such as U012AB3CD, or everyone)"
            )
        return self

    def may_press(self, user_id: str) -> bool:
        """Whether this member of the workspace may."""
        return self.users == "everyone" or user_id in (self.users or ())


Block = dict[str, Any]
Body = dict[str, Any]


def post(message: Message, attempt: int = 1, *, buttons: bool = False) -> Body:
    """The incident as one message, without the channel; always within Slack's limits."""
    # Fresh with each revision: Slack's clients keep what they know of a block by its id.
    ids = f"{message.notification_id}:{attempt}"
    blocks = [
        {**block, "block_id": f"{ids}:{number}"}
        for number, block in enumerate(
            _fitting(_blocks(message, attempt, buttons=buttons), len(ids))
        )
    ]
    return {
        "text": _summary(message),
        "blocks": blocks,
        "metadata": {
            "event_type": "nines_incident",
            "event_payload": {
                "incident_id": message.incident_id,
                "notification_id": message.notification_id,
                "revision": message.revision,
            },
        },
        **_QUIET,
    }


def plain(message: Message, attempt: int = 1) -> Body:
    """The same as text alone, for when Slack does not take our blocks."""
    story = mrkdwn(wording.letter(message), TEXT_LIMIT - SUMMARY_LIMIT)
    lines = [_summary(message), story, evidence.another_try(attempt)]
    return {"text": "\n".join(filter(None, lines)), "blocks": [], **_QUIET}


def reply(message: Message, attempt: int = 1) -> Body:
    """What changed, for the incident's thread."""
    again = evidence.another_try(attempt)
    lines = [f"*{_sign(message)} {wording.state(message)}*  {_changed(message)}"]
    lines += [f"• {mrkdwn(wording.line_text(line), 600)}" for line in evidence.firing(message)[:4]]
    return {"text": "\n".join([*lines, f"_{again}_"] if again else lines), **_QUIET}


def mrkdwn(text: str, limit: int) -> str:
    """Text in which Slack finds no mention, link or date; at most `limit` characters, escaped."""
    escaped: list[str] = []
    left = limit - 1
    for char in printable(text):
        piece = _ESCAPES.get(char, char)
        left -= len(piece)
        if left < 0:
            return "".join(escaped).rstrip() + "…"
        escaped.append(piece)
    return "".join(escaped)


class Slack:
    """One channel of one workspace.

    What is promised: an incident has one message, changed in place, which is harmless to repeat.
    The reply in its thread comes last, so nothing that fails can send it twice: it is doubled only
    when its own answer was lost, and then the second says that it is another try. The same holds
    for the first message, because Slack has no key by which it would know it again.
    """

    def __init__(self, config: SlackConfig) -> None:
        self._config = config
        self._buttons = config.signing_secret is not None
        self._who = f"Slack ({host_of(config.url)})"
        self._threads = Threads("slack", WITHIN)
        self._client = _Client(config)

    async def deliver(self, message: Message, *, handle: Handle, attempt: int) -> Receipt:
        """Post the incident, or bring its message up to date and add to its thread."""
        if message.kind.alone:
            told = await self._post(message, attempt, "posted")
            return replace(told, handle=None)  # nothing goes on in its place
        channel, ts = handle.get("channel"), handle.get("ts")
        if not channel or not ts:
            return await self._post(message, attempt, "posted")
        place = {"channel": channel, "ts": ts}
        try:
            await self._show("chat.update", message, place, attempt)
        except _RefusedError as refused:
            if refused.error not in GONE:
                raise
            return await self._post(message, attempt, f"posted anew ({refused.error})")
        thread = {"channel": channel, "thread_ts": ts}
        await self._once("chat.postMessage", {**thread, **reply(message, attempt)})
        return Receipt("Slack changed the message and took a reply in its thread", 200)

    async def whisper(self, channel: str, user_id: str, text: str) -> None:
        """Say something to one member alone, in a channel. Raises DeliveryError."""
        said = {"channel": channel, "user": user_id, "text": mrkdwn(text, TEXT_LIMIT)}
        await self._once("chat.postEphemeral", {**said, **_QUIET})

    async def close(self) -> None:
        """Wait a moment for calls under way."""
        await self._threads.close()

    async def _post(self, message: Message, attempt: int, what: str) -> Receipt:
        place = {"channel": self._config.channel}
        said = await self._show("chat.postMessage", message, place, attempt)
        ts, channel = str(said.get("ts", "")), str(said.get("channel", ""))
        handle = {"channel": channel, "ts": ts} if ts and channel else None
        return Receipt(f"Slack {what} the message", 200, handle)

    async def _show(
        self, method: str, message: Message, place: Mapping[str, str], attempt: int
    ) -> Mapping[str, Any]:
        """One call; a second, in plain text, when Slack objects to the message's shape."""
        try:
            return await self._once(
                method, {**place, **post(message, attempt, buttons=self._buttons)}
            )
        except _RefusedError as refused:
            if not refused.error.startswith(UNACCEPTABLE):
                raise
        return await self._once(method, {**place, **plain(message, attempt)})

    async def _once(self, method: str, body: Body) -> Mapping[str, Any]:
        work = functools.partial(self._client.api_call, method, json=body)
        try:
            said = (await self._threads.call(work)).data
        except SlackApiError as error:
            raise self._refused(error) from error
        except URLError as error:
            # Raised while connecting or sending. A reset may have come when all was sent.
            if isinstance(error.reason, BrokenPipeError | ConnectionResetError):
                raise answers.lost(self._who, error) from error
            raise answers.unreached(self._who, error) from error
        except (OSError, HTTPException) as error:
            raise answers.lost(self._who, error) from error
        return said if isinstance(said, Mapping) else {}

    def _refused(self, error: SlackApiError) -> DeliveryError:
        response = error.response
        status, headers = int(response.status_code), dict(response.headers)
        code = without(str(response.get("error") or ""), self._config.token.value)
        if status != 200 and code not in RATE_LIMITED:
            return answers.refused(self._who, status, headers, code)
        return _refusal(self._who, self._config.channel, code, headers)


def build(config: SlackConfig, *, external_url: str) -> Slack:
    """The receiver. Raises ValueError when a file it needs cannot be used."""
    del external_url  # messages bring their addresses
    return Slack(config)


class _RefusedError(DeliveryError):
    """Slack's `ok: false`, with its code."""

    error = ""


def _refusal(who: str, channel: str, code: str, headers: Mapping[str, str]) -> _RefusedError:
    """What an error code means; one that is not known is tried again, for a page may hang on it."""
    outcome, text, parks = AttemptOutcome.RETRY, "", False
    wait = answers.retry_after(headers)
    status = 429 if code in RATE_LIMITED else 200
    if code in MAY_HAVE_HAPPENED or code.startswith(UNREADABLE):
        outcome = AttemptOutcome.AMBIGUOUS
    elif code == "message_limit_exceeded":
        wait, text = wait or WORKSPACE_PAUSE, ", the workspace's limit is reached"
    elif code in HOPELESS or code.startswith(HOPELESS_BEGINNING):
        outcome, parks = AttemptOutcome.PERMANENT, code != "no_text"
        text = f", {HOPELESS.get(code, 'the workspace forbids posting here')}"
    elif code.startswith(UNACCEPTABLE):
        outcome = AttemptOutcome.PERMANENT
    words = one_line(code, answers.EXCERPT) or "no reason given"
    refused = _RefusedError(
        f"{who} did not take the message to {channel}: {words}{text}",
        outcome=outcome,
        status=status,
        retry_after=wait,
        parks=parks,
    )
    refused.error = code
    return refused


class _Client(WebClient):
    """The SDK's client, with one request a call and without redirects.

    urllib would follow a redirect with the token in its head, and the SDK would take its proxy from
    the environment. Any answer is handed on as it came: what it means is decided above.
    """

    def __init__(self, config: SlackConfig) -> None:
        url = config.url if config.url.endswith("/api") else f"{config.url}/api"
        quiet = logging.getLogger(f"{__name__}.sdk")
        quiet.disabled = True  # a DeliveryError says the same once
        super().__init__(
            token=config.token.value,
            base_url=f"{url}/",
            timeout=READ_TIMEOUT,
            retry_handlers=[],
            logger=quiet,
        )
        self._opener = _opener(config.proxy, trust(config.ca_file))

    def _perform_urllib_http_request_internal(self, url: str, req: Request) -> dict[str, Any]:
        del url  # it is in the request
        with self._opener.open(req, timeout=self.timeout) as response:
            body = response.read(ANSWER_LIMIT).decode("utf-8", "replace")
            return {"status": response.status, "headers": response.headers, "body": _object(body)}


def _connected(*args: Any, **more: Any) -> socket.socket:  # noqa: ANN401 - http.client's
    return opened(socket.create_connection(*args, **more))


class _Connection(HTTPConnection):
    """One that is cut when its call is given up."""

    def connect(self) -> None:
        self._create_connection = _connected  # before TLS, and before a proxy is spoken to
        super().connect()


class _TLSConnection(HTTPSConnection):
    """One that is cut when its call is given up."""

    def connect(self) -> None:
        self._create_connection = _connected
        super().connect()


class _Http(HTTPHandler):
    def http_open(self, req: Request) -> HTTPResponse:
        return self.do_open(_Connection, req)


class _Https(HTTPSHandler):
    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(context=context)
        self._trust = context

    def https_open(self, req: Request) -> HTTPResponse:
        return self.do_open(_TLSConnection, req, context=self._trust)


def _opener(proxy: str | None, context: ssl.SSLContext) -> OpenerDirector:
    """urllib without its handlers for redirects, errors, files and the environment."""
    opener = OpenerDirector()
    if proxy:
        opener.add_handler(ProxyHandler({"http": proxy, "https": proxy}))
    opener.add_handler(_Http())
    opener.add_handler(_Https(context))
    return opener


def _object(body: str) -> str:
    """The body if it is a JSON object; else one that says so: the SDK breaks over other JSON."""
    try:
        if isinstance(json.loads(body), dict):
            return body
    except ValueError:
        pass
    return json.dumps({"ok": False, "error": f"{UNREADABLE}{answers.quoted(body)}"})


# Nothing in our text is to ring a phone: no @names are looked for, no links unfolded.
_QUIET: Mapping[str, Any] = {
    "unfurl_links": False,
    "unfurl_media": False,
    "link_names": False,
    "parse": "none",
}
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def _blocks(message: Message, attempt: int, *, buttons: bool) -> Iterator[Block]:
    header = (
        f"{_sign(message)} {wording.state(message)} {message.service_title} ({message.severity})"
    )
    yield {"type": "header", "text": _plain_text(header, HEADER_LIMIT)}
    story = mrkdwn(wording.paragraph(message), SECTION_LIMIT - 400)
    yield _section(f"*{mrkdwn(one_line(message.title, 300), 300)}*\n{story}", _fields(message))
    yield _context([_links(message)])
    if buttons:
        yield from _actions(message)
    yield from (_line(line, message) for line in message.alerts[1:])
    yield _context(_footnotes(message, attempt))


def _actions(message: Message) -> Iterator[Block]:
    """What can still be done about it, as buttons."""
    bears = value(message.incident_id, message.revision)
    if bears is None or message.kind.alone or message.kind.over:
        return
    acknowledge = {**_button(Button.ACKNOWLEDGE, "Acknowledge", bears), "style": "primary"}
    silence = _button(Button.SILENCE, "Silence 1 h", bears)
    silence["confirm"] = {
        "title": _plain_text("Silence this service?", 100),
        "text": _plain_text("No notifications about it for one hour. Counting goes on.", 300),
        "confirm": _plain_text("Silence", 30),
        "deny": _plain_text("Cancel", 30),
    }
    taken = message.acknowledged_by is not None
    yield {"type": "actions", "elements": [silence] if taken else [acknowledge, silence]}


def _button(button: Button, words: str, bears: str) -> Block:
    return {
        "type": "button",
        "action_id": str(button),
        "text": _plain_text(words, 75),
        "value": bears,
    }


def _fields(message: Message) -> list[Block]:
    return [
        _mrkdwn(f"*{mrkdwn(what, 50)}*\n{mrkdwn(text, FIELD_LIMIT)}")
        for what, text in evidence.rows(message.alerts[0])[:FIELDS_LIMIT]
    ]


def _line(line: AlertLine, message: Message) -> Block:
    if line.kind is AlertKind.BUDGET:
        text = mrkdwn(wording.line_text(line), 600)
        return _section(
            f"{SIGNS.get(line.severity, INFO_SIGN)} {text} (noticed {_date(line.started_at)})"
        )
    over = evidence.ended_at(message, line)
    when = f"over since {_date(over)}" if over else f"since {_date(line.started_at)}"
    sign = ":white_check_mark:" if over else SIGNS.get(line.severity, INFO_SIGN)
    return _section(f"{sign} {mrkdwn(wording.line_text(line), 600)} ({when})")


def _footnotes(message: Message, attempt: int) -> list[str]:
    notes = [f"Opened {_date(message.opened_at)}", f"revision {message.revision}"]
    if message.owner:
        notes.append(f"owner {mrkdwn(message.owner, 100)}")
    if message.acknowledged_by:
        notes.append(f"acknowledged by {mrkdwn(message.acknowledged_by, 100)}")
    if message.linked_to:
        notes.append(f"began while {mrkdwn(message.linked_to, 100)} was acknowledged")
    notes.append(f"notification {mrkdwn(message.notification_id, 100)}")
    return [note for note in [*notes, evidence.another_try(attempt)] if note]


def _fitting(blocks: Iterable[Block], ids: int) -> Iterator[Block]:
    """As many as fit with ids of that length; how many did not is said, and the last one stays."""
    *most, last = blocks
    each = ids + len(', "block_id": ":00"')
    left = TOTAL_LIMIT - _characters(last) - 2 * each - 200
    for number, block in enumerate(most):
        left -= _characters(block) + each
        if left < 0 or number >= BLOCKS_LIMIT - 2:
            yield _context([f"{len(most) - number} more are on the incident's page"])
            break
        yield block
    yield last


def _characters(value: object) -> int:
    return len(json.dumps(value, ensure_ascii=False))


def _links(message: Message) -> str:
    """Links rather than buttons: Slack marks buttons as broken when no app answers them."""
    found = (_link(words, address) for words, address in evidence.links(message)[:8])
    return "  |  ".join(link for link in found if link)


def _link(words: str, address: str) -> str:
    safe = quote(printable(address), safe="/:?#[]@!$'()*+,;=%~&").replace("&", "&amp;")
    return f"<{safe}|{mrkdwn(words, 100)}>" if len(safe) <= LINK_LIMIT else ""


def _date(at: datetime) -> str:
    """In the reader's own zone."""
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{wording.moment(at)}>"


def _section(text: str, fields: list[Block] | None = None) -> Block:
    block: Block = {"type": "section", "text": _mrkdwn(text)}
    return block | {"fields": fields} if fields else block


def _context(texts: list[str]) -> Block:
    return {"type": "context", "elements": [_mrkdwn(text) for text in texts[:10]]}


def _mrkdwn(text: str) -> Block:
    """`verbatim`: Slack makes no links and mentions of its own out of plain words."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _plain_text(text: str, limit: int) -> Block:
    return {"type": "plain_text", "text": one_line(text, limit), "emoji": True}


def _sign(message: Message) -> str:
    if message.kind.over:
        return ":white_check_mark:"
    return SIGNS.get(message.severity, INFO_SIGN)


def _changed(message: Message) -> str:
    return mrkdwn(message.what_changed, 800)


def _summary(message: Message) -> str:
    """What a phone's notification shows."""
    return f"[{wording.state(message)}] {mrkdwn(one_line(message.title, 300), SUMMARY_LIMIT - 20)}"
