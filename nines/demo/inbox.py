"""The inbox: PagerDuty, Slack, a webhook and a mail server on loopback, and what they received."""

import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Self

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from nines.demo import inbox_slack
from nines.demo.http_server import HttpServer, Misbehaviour, Request, Response
from nines.demo.inbox_mail import Mail, MailServer
from nines.demo.inbox_pagerduty import PagerDutyChange, PagerDutyEvents, PagerDutyIncident
from nines.demo.inbox_slack import SlackMessage, SlackWorkspace
from nines.demo.inbox_webhooks import Home, Person, Webhooks

KEPT = 200  # of each kind; older ones are forgotten

_HERE = Path(__file__).parent
_STATIC = {"/static/inbox.css": "text/css", "/static/inbox.js": "text/javascript"}
_PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "frame-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# A mail brings its own style and may do nothing else, as in a mail program.
_MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox"
)

Fault = Response | Misbehaviour | None  # None: answer as usual


@dataclass(frozen=True, slots=True)
class WebhookCall:
    """A request as it came; header names in lower case."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def said(self) -> object:
        """The body as JSON; as text if it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return self.body.decode("utf-8", "replace")


@dataclass(slots=True)
class Faults:
    """What goes wrong next, call by call; when it is used up all is well again.

    `mail` are answers to DATA ("" breaks the connection), `recipients` to RCPT by address.
    """

    pagerduty: deque[Fault] = field(default_factory=deque)
    slack: deque[Fault] = field(default_factory=deque)
    webhook: deque[Fault] = field(default_factory=deque)
    mail: deque[str] = field(default_factory=deque)
    recipients: dict[str, str] = field(default_factory=dict)


class Inbox:
    """What PagerDuty, Slack and people's mail programs would show.

    `url` stands for PagerDuty's and Slack's base address, `url`/webhook takes any POST.
    """

    def __init__(self, http_port: int, now: Callable[[], datetime]) -> None:
        self.webhook: deque[WebhookCall] = deque(maxlen=KEPT)
        self.faults = Faults()
        self.webhooks: Webhooks | None = None
        self._now = now
        self._pagerduty = PagerDutyEvents(KEPT, self._tell)
        self._slack = SlackWorkspace(KEPT, now)
        self._mail = MailServer(KEPT)
        self._mail.at_data, self._mail.refusals = self.faults.mail, self.faults.recipients
        self._http = HttpServer(self._answer, http_port)
        self._received = 0

    @classmethod
    @asynccontextmanager
    async def start(
        cls,
        *,
        http_port: int = 0,
        smtp_port: int = 0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> AsyncIterator[Self]:
        """Listen on loopback while the context lasts; port 0 picks a free one."""
        inbox = cls(http_port, now)
        await inbox._http.start()
        try:
            await inbox._mail.start(smtp_port)
            try:
                yield inbox
            finally:
                await inbox._mail.stop()
        finally:
            if inbox.webhooks is not None:
                await inbox.webhooks.stop()
            await inbox._http.refuse()

    def call_back(self, home: Home) -> None:
        """From now on what is done here is told to Nines, as the vendors do."""
        self.webhooks = Webhooks(home, self._now)
        self.webhooks.start()

    @property
    def url(self) -> str:
        return self._http.url

    @property
    def smtp_url(self) -> str:
        return f"smtp://127.0.0.1:{self._mail.port}"

    @property
    def pagerduty(self) -> Sequence[PagerDutyIncident]:
        """Oldest first."""
        return self._pagerduty.incidents

    @property
    def changes(self) -> Sequence[PagerDutyChange]:
        """PagerDuty's change events, oldest first."""
        return self._pagerduty.changes

    @property
    def slack(self) -> Sequence[SlackMessage]:
        """Oldest first, each with its thread."""
        return self._slack.messages

    @property
    def mails(self) -> Sequence[Mail]:
        """Oldest first."""
        return self._mail.mails

    def _answer(self, request: Request) -> Response | Misbehaviour:
        if request.method == "POST":
            return self._receive(request)
        if request.method not in ("GET", "HEAD"):
            return Response(405, b"", "text/plain")
        if request.path.startswith("/mails/"):
            return self._mail_page(request.path.removeprefix("/mails/"))
        if request.path in _STATIC:
            content = (_HERE / request.path.lstrip("/")).read_bytes()
            return _page(content, f"{_STATIC[request.path]}; charset=utf-8")
        match request.path:
            case "/":
                view = self._view()
                html = _TEMPLATES.get_template("inbox.html").render(view)
                return _page(html.encode("utf-8", "replace"), "text/html; charset=utf-8")
            case "/inbox.json":
                return _page(json.dumps(self._state()).encode(), "application/json")
            case "/version":
                return _page(str(self._version()).encode(), "text/plain; charset=utf-8")
        return _page(b"Nothing is here.", "text/plain; charset=utf-8", 404)

    def _receive(self, request: Request) -> Response | Misbehaviour:
        match request.path.removeprefix("/").split("/"):
            case ["press", ts, action_id]:
                return self._press(ts, action_id)
            case ["incidents", number, "acknowledged" | "resolved" as state]:
                return self._do(number, state)
            case ["v2", "enqueue"]:
                faults, take = self.faults.pagerduty, partial(self._pagerduty.enqueue, request.body)
            case ["v2", "change", "enqueue"]:
                faults, take = self.faults.pagerduty, partial(self._pagerduty.change, request.body)
            case ["api", "chat.postMessage" | "chat.update" as method]:
                faults = self.faults.slack
                take = partial(self._slack.call, method, request.headers, request.body)
            case ["webhook", *_]:
                faults, take = self.faults.webhook, partial(self._keep, request)
            case _:
                return _page(b"Nothing is here.", "text/plain; charset=utf-8", 404)
        fault = faults.popleft() if faults else None
        if fault is not None:
            return fault
        self._received += 1
        return take()

    def _press(self, ts: str, action_id: str) -> Response:
        message = self._slack.message(ts)
        if message is not None and self.webhooks is not None:
            self.webhooks.press(message, action_id, Person())
        return _back()

    def _do(self, number: str, state: str) -> Response:
        done = self._pagerduty.do(int(number), state) if number.isdecimal() else None
        if done is not None:
            self._received += 1
            self._tell(state, done, Person())
        return _back()

    def _tell(self, what: str, incident: PagerDutyIncident, person: Person | None = None) -> None:
        if self.webhooks is not None:
            self.webhooks.tell(what, incident, person)

    def _keep(self, request: Request) -> Response:
        self.webhook.append(WebhookCall(request.headers, request.body))
        return Response(200, b"{}")

    def _version(self) -> int:
        """Another number whenever there is something new to see."""
        return self._received + self._mail.received

    def _mail_page(self, number: str) -> Response:
        found = [mail for mail in self.mails if str(mail.number) == number]
        if not found:
            return _page(b"This mail is not kept any more.", "text/plain; charset=utf-8", 404)
        # Links leave the frame: what they lead to does not let itself be framed.
        html = found[0].html.replace("<head>", '<head><base target="_blank">', 1)
        content = html.encode("utf-8", "replace")
        return _page(content, "text/html; charset=utf-8", policy=_MAIL_POLICY)

    def _view(self) -> dict[str, object]:
        return {
            "version": self._version(),
            "incidents": list(reversed(self.pagerduty)),
            "changes": list(reversed(self.changes)),
            "messages": list(reversed(self.slack)),
            "mails": list(reversed(self.mails)),
            "calls": [json.dumps(call.said, indent=2) for call in reversed(self.webhook)],
            "names": self._slack.names,
            "answers": self.webhooks is not None,
        }

    def _state(self) -> dict[str, object]:
        return {
            "version": self._version(),
            "pagerduty": [
                {"dedup_key": one.dedup_key, "state": one.state, "events": one.events}
                for one in self.pagerduty
            ],
            "changes": [{"payload": one.payload, "links": one.links} for one in self.changes],
            "slack": [_message(one) for one in self.slack],
            "mails": [
                {
                    "from": mail.sender,
                    "to": mail.recipients,
                    "subject": mail.subject,
                    "message_id": str(mail.content["Message-ID"]),
                    "text": mail.text,
                }
                for mail in self.mails
            ],
            "webhook": [call.said for call in self.webhook],
        }


def _back() -> Response:
    return Response(303, b"", "text/plain", {"Location": "/"})


def _message(message: SlackMessage) -> dict[str, object]:
    return {
        "channel": message.channel,
        "ts": message.ts,
        "text": message.text,
        "blocks": message.blocks,
        "edits": message.edits,
        "replies": [_message(reply) for reply in message.replies],
    }


def _page(
    content: bytes, content_type: str, status: int = 200, policy: str = _PAGE_POLICY
) -> Response:
    headers = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
    return Response(status, content, content_type, headers)


_TEMPLATES = Environment(
    loader=FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters["shown"] = inbox_slack.shown
