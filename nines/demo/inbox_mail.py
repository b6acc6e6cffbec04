"""A mail server that delivers nowhere: it keeps what it is given."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as default_policy
from ssl import SSLContext

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail as it came, with its envelope's recipients."""

    number: int
    sender: str
    recipients: tuple[str, ...]
    content: EmailMessage

    @property
    def subject(self) -> str:
        return str(self.content["Subject"]).strip()  # a fold may begin it

    @property
    def text(self) -> str:
        return self._body("plain")

    @property
    def html(self) -> str:
        return self._body("html")

    def _body(self, kind: str) -> str:
        part = self.content.get_body((kind,))
        return str(part.get_content()) if part is not None else ""


@dataclass(frozen=True, slots=True)
class Login:
    """Who may hand mail in."""

    user: str
    password: str


class MailServer:
    """SMTP on loopback. `refusals`: what RCPT answers for an address; `at_data`: what DATA does.

    An empty answer at DATA closes the connection instead, when the mail is there.
    """

    def __init__(
        self, keep: int, *, tls: SSLContext | None = None, login: Login | None = None
    ) -> None:
        self.mails: deque[Mail] = deque(maxlen=keep)
        self.refusals: dict[str, str] = {}
        self.at_data: deque[str] = deque()
        self.received = 0
        self.port = 0
        self._tls, self._login = tls, login
        self._server: asyncio.Server | None = None
        self._sessions: set[_Connection] = set()

    async def start(self, port: int = 0, *, implicit_tls: SSLContext | None = None) -> None:
        """Listen; 0 picks a free port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, "127.0.0.1", port, ssl=implicit_tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port and what is connected to it."""
        if self._server is not None:
            self._server.close()
        for session in list(self._sessions):
            session.abort()
        await asyncio.sleep(0)  # their tasks were cancelled: let them end

    def _protocol(self) -> SMTP:
        session = _Connection(
            self,
            hostname="inbox.example",
            ident="inbox",
            tls_context=self._tls,
            require_starttls=self._tls is not None,
            auth_required=self._login is not None,
            authenticator=self._authenticate if self._login else None,
        )
        self._sessions.add(session)
        session.on_end = self._sessions.discard
        return session

    def _authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _how: str, given: object
    ) -> AuthResult:
        login = self._login
        if login is None or not isinstance(given, LoginPassword):
            return AuthResult(success=False, handled=False)
        right = (given.login, given.password) == (login.user.encode(), login.password.encode())
        return AuthResult(success=right, handled=False)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd calls it by this name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: object
    ) -> str:
        """Called by aiosmtpd for each recipient."""
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd calls it by this name
        self, server: "_Connection", _session: Session, envelope: Envelope
    ) -> str:
        """Called by aiosmtpd once the mail is there."""
        answer = self.at_data.popleft() if self.at_data else "250 OK: queued"
        if answer.startswith("2") or not answer:
            sent = envelope.original_content or b""
            content = message_from_bytes(sent, policy=default_policy)
            self.received += 1
            recipients = tuple(envelope.rcpt_tos)
            self.mails.append(Mail(self.received, envelope.mail_from or "", recipients, content))
        if not answer:
            server.abort()
        return answer or "250 never sent"


class _Connection(SMTP):
    """One client's connection, which can be broken, and tells when it has ended."""

    on_end: Callable[["_Connection"], None]
    _socket: asyncio.Transport | None = None

    def abort(self) -> None:
        """End it at once, as a crash would."""
        if self._socket is not None:
            self._socket.abort()
        # asyncio does not tell of the end of a connection whose TLS handshake has failed.
        self.connection_lost(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio; a second time when TLS has begun."""
        if self._socket is None and isinstance(transport, asyncio.Transport):
            self._socket = transport
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Called by asyncio, and by `abort`."""
        if self._socket is not None:
            self._socket = None
            super().connection_lost(error)
            self.on_end(self)
