"""Write mails over SMTP, with verified TLS; an incident's mails make one thread."""

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

import aiosmtplib
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from pydantic import AfterValidator, ConfigDict, Field, model_validator

from alerting import wording
from alerting.notification import (
    AttemptOutcome,
    DeliveryError,
    Handle,
    Message,
    NotificationKind,
    Receipt,
)
from alerting.receivers import answers, evidence
from alerting.receivers.address import CA_FILE, trust
from alerting.receivers.source import TemplatedConfig
from alerting.receivers.text import one_line, printable, without
from slo.secret import SecretText

SUBJECT_LIMIT = 200
TIMEOUT = 25  # seconds, for all of it
STEP_TIMEOUT = 10
NOT_LET_IN = {530, 534, 535, 538}  # RFC 4954: our name or password is not accepted
REMEMBERED = 1000  # notifications of which we know who has them already
LINES_LIMIT = 100

_PORTS = {"smtp": 25, "smtps": 465}


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed in."""

    host: str
    port: int
    tls: bool  # from the first byte; otherwise STARTTLS may follow

    @property
    def loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def server_of(address: str) -> Server:
    """smtp://host:25 or smtps://host:465. Raises ValueError."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("this is not an address: its host or port cannot be read") from None
    if parts.scheme not in _PORTS or not host:
        raise ValueError("write smtp://host:25, or smtps://host:465 for TLS from the first byte")
    if parts.username is not None or parts.password is not None:
        raise ValueError("give user and password as keys of their own, not in the address")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("after the port nothing may follow")
    return Server(host, port or _PORTS[parts.scheme], tls=parts.scheme == "smtps")


def _server(value: str) -> str:
    server_of(value)
    return value


def mailbox(value: str) -> Address:
    """`nines@example.com` or `Nines <nines@example.com>`. Raises ValueError."""
    name, bracket, rest = value.strip().rpartition("<")
    spec = rest.removesuffix(">") if bracket and rest.endswith(">") else value.strip()
    if not spec.isascii() or not value.isprintable():
        raise ValueError(
            "a mail address is ASCII; write a name before it: Nines <nines@example.com>"
        )
    try:
        found = Address(name.strip().strip('"'), addr_spec=spec)
    except (MessageError, ValueError, IndexError) as error:
        raise ValueError(f"{value!r} is not a mail address") from error
    if not found.username or not found.domain:
        raise ValueError(f"{value!r} is not a mail address")
    return found


def _mailbox(value: str) -> str:
    mailbox(value)
    return value


Mailbox = Annotated[str, AfterValidator(_mailbox)]


class EmailConfig(TemplatedConfig):
    """`email:` in config.yaml. STARTTLS is required, except where the server is this machine."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    smtp: Annotated[str, AfterValidator(_server)] = Field(
        description="smtp://host:25, or smtps://host:465 for TLS from the first byte."
    )
    sender: Mailbox = Field(alias="from", description="Who writes: an address, or Name <address>.")
    to: tuple[Mailbox, ...] = Field(min_length=1, max_length=50, description="Who reads.")
    user: str | None = Field(None, description="To sign in with; goes with password.")
    password: SecretText | None = Field(None, description="To sign in with; goes with user.")
    starttls: Literal["required", "never"] | None = Field(
        None, description="Default: required, but never where the server is this machine."
    )
    acknowledge_link: bool = Field(
        default=True,
        strict=True,
        description="Whether mails bear a link by which an incident is acknowledged.",
    )
    ca_file: Path | None = Field(None, description=CA_FILE)

    @property
    def server(self) -> Server:
        return server_of(self.smtp)

    @property
    def upgrades(self) -> bool:
        """Whether STARTTLS has to follow the greeting."""
        if self.server.tls:
            return False
        return not self.server.loopback if self.starttls is None else self.starttls == "required"

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password come together or not at all")
        if self.server.tls and self.starttls is not None:
            raise ValueError("starttls is of no use with smtps://, which is TLS from the start")
        in_the_clear = not self.server.tls and not self.upgrades
        if self.password is not None and in_the_clear and not self.server.loopback:
            raise ValueError("with starttls: never the password would be sent in the clear")
        specs = [mailbox(to).addr_spec.lower() for to in self.to]
        if len(set(specs)) < len(specs):
            raise ValueError("an address stands twice under to")
        return self


def mail(
    message: Message, sender: str, to: Sequence[str], acknowledge_url: str | None = None
) -> EmailMessage:
    """The mail about this notification: the same to the last byte at every try."""
    written, origin = EmailMessage(policy=SMTP_POLICY), mailbox(sender)
    domain = origin.domain
    root = f"<i.{_id(message.incident_id)}@{domain}>"
    written["From"] = origin
    written["To"] = [mailbox(address) for address in to]
    written["Subject"] = subject(message)
    written["Date"] = format_datetime(message.decided_at)
    written["Message-ID"] = f"<n.{_id(message.notification_id)}@{domain}>"
    # Nobody ever saw the root; naming it in each mail is what makes them one thread.
    written["In-Reply-To"] = root
    written["References"] = root
    written["Auto-Submitted"] = "auto-generated"  # RFC 3834
    written["X-Auto-Response-Suppress"] = "All"
    written["X-Nines-Incident"] = one_line(message.incident_id, 200)
    written["X-Nines-Notification"] = one_line(message.notification_id, 200)
    written["X-Nines-Revision"] = str(message.revision)
    written["X-Nines-Service"] = one_line(message.service, 200)
    written["X-Nines-Severity"] = str(message.severity)
    view = _view(message, acknowledge_url)
    # Quoted-printable: lines of any length pass every relay.
    written.set_content(_TEMPLATES.get_template("body.txt").render(view), cte="quoted-printable")
    html = _TEMPLATES.get_template("body.html").render(view)
    written.add_alternative(html, subtype="html", cte="quoted-printable")
    return written


def subject(message: Message) -> str:
    """What happens in brackets, then the same for all mails about one incident.

    Mail programs that thread by subject would part mails whose subjects differ by a word, so the
    SLO and the severity are those that it began with; a louder one is told in the brackets.
    """
    if message.kind.alone:
        return one_line(f"[{wording.state(message)}] {message.title}", SUBJECT_LIMIT)
    began_with = message.first_slo or message.alerts[0].slo
    severity = message.first_severity or message.severity
    state = wording.state(message)
    if message.kind is not NotificationKind.RESOLVE and message.severity.rank < severity.rank:
        state = f"{state}, now {message.severity}"
    head = f"[{state}] "
    tail = f" {one_line(began_with, 60)} ({severity}) since {wording.moment(message.opened_at)}"
    room = SUBJECT_LIMIT - len(head) - len(tail)
    return f"{head}{one_line(message.service_title or message.service, room)}{tail}"


@dataclass(slots=True)
class _Round:
    """What became of each recipient in one try."""

    accepted: list[str] = field(default_factory=list)
    later: dict[str, aiosmtplib.SMTPRecipientRefused] = field(default_factory=dict)
    never: dict[str, aiosmtplib.SMTPRecipientRefused] = field(default_factory=dict)


class Email:
    """One list of recipients on one server.

    What is promised: whoever the server accepted is not sent the mail again by this process. After
    a lost answer or a restart it may come twice, with the same Message-ID.
    """

    def __init__(
        self, config: EmailConfig, acknowledge_url: Callable[[Message], str | None]
    ) -> None:
        self._config = config
        self._acknowledge_url = acknowledge_url
        self._server = config.server
        self._who = f"The mail server {self._server}"
        self._tls: ssl.SSLContext = trust(config.ca_file)
        self._have_it: OrderedDict[str, set[str]] = OrderedDict()

    async def deliver(self, message: Message, *, handle: Handle, attempt: int) -> Receipt:
        """Send to all who do not have it yet; one bad address keeps it from nobody else."""
        del handle, attempt  # the thread is in the mail's own headers
        # Written before a connection is made: a mistake of ours must not leave half a mail there.
        link = self._acknowledge_url(message) if _can_be_taken(message) else None
        content = mail(message, self._config.sender, self._config.to, link).as_bytes()
        have_it = self._remembered(message.notification_id)
        return await self.hand_in(content, self._config.to, have_it)

    async def hand_in(self, content: bytes, to: Sequence[str], have_it: set[str]) -> Receipt:
        """Send a mail to those of `to` who do not have it; whoever has it then joins `have_it`,
        also where others are put off. Raises DeliveryError.
        """
        missing = [one for one in (mailbox(each).addr_spec for each in to) if one not in have_it]
        progress = _Progress()
        client = self._client()
        try:
            async with asyncio.timeout(TIMEOUT):
                await self._connect(client)
                done = await self._send(client, content, missing, progress)
                have_it.update(done.accepted)
                with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                    await client.quit(timeout=2)  # courtesy; the mail has its answer already
        except DeliveryError:
            raise
        except aiosmtplib.SMTPResponseException as error:
            # 4yz asks for another try, 5yz forbids it (RFC 5321, 4.2.1). HELO is said late.
            about_it = not isinstance(error, aiosmtplib.SMTPHeloError)
            raise self._refused(error, for_good=about_it and 500 <= error.code < 600) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            if progress.sending:
                raise answers.lost(self._who, error) from error
            if isinstance(error, OSError):  # (a TimeoutError is one)
                raise answers.unreached(self._who, error) from error
            raise DeliveryError(f"{self._who}: {answers.cause(error)}") from error
        finally:
            client.close()
        return self._receipt(done, len(to))

    async def close(self) -> None:
        """Nothing is kept open between two mails."""

    def _client(self) -> aiosmtplib.SMTP:
        password = self._config.password
        return aiosmtplib.SMTP(
            hostname=self._server.host,
            port=self._server.port,
            username=self._config.user,
            password=password.value if password else None,
            local_hostname=_own_name(),
            timeout=STEP_TIMEOUT,
            use_tls=self._server.tls,
            start_tls=self._config.upgrades,
            tls_context=self._tls,
        )

    async def _connect(self, client: aiosmtplib.SMTP) -> None:
        """Greeting, STARTTLS, sign-in. Nothing of the mail is sent before the TLS stands.

        A no is about the server and not about this mail: the next try may find it otherwise, as
        relays take it (Postfix: smtp_skip_5xx_greeting), unless it is about who we are.
        """
        try:
            await client.connect()
        except aiosmtplib.SMTPResponseException as error:
            raise self._refused(error, for_good=error.code in NOT_LET_IN) from error
        except aiosmtplib.SMTPException as error:
            text = f"{self._who} offers no STARTTLS, which the configuration requires"
            if "STARTTLS" in str(error):
                raise DeliveryError(text) from error
            raise

    async def _send(
        self, client: aiosmtplib.SMTP, content: bytes, to: list[str], progress: "_Progress"
    ) -> _Round:
        done = _Round()
        await client.mail(mailbox(self._config.sender).addr_spec)
        for recipient in to:
            try:
                await client.rcpt(recipient)
            except aiosmtplib.SMTPRecipientRefused as refusal:
                (done.never if refusal.code >= 500 else done.later)[recipient] = refusal
            else:
                done.accepted.append(recipient)
        if done.accepted:
            progress.sending = True
            await client.data(content)
            progress.sending = False
        return done

    def _remembered(self, notification_id: str) -> set[str]:
        have_it = self._have_it.setdefault(notification_id, set())
        self._have_it.move_to_end(notification_id)
        if len(self._have_it) > REMEMBERED:
            self._have_it.popitem(last=False)
        return have_it

    def _receipt(self, done: _Round, of: int) -> Receipt:
        """A yes when nobody is left to try again, and somebody has it."""
        refusals = [*done.never.items(), *done.later.items()]
        said = "; ".join(f"{spec}: {self._words(refusal)}" for spec, refusal in refusals)
        if done.later:
            raise DeliveryError(
                f"{self._who} puts off {len(done.later)} of {of}: {said}",
                status=next(iter(done.later.values())).code,
            )
        reached = of - len(done.never)
        if not reached:
            raise DeliveryError(
                f"{self._who} refuses every recipient: {said}",
                outcome=AttemptOutcome.PERMANENT,
                status=next(iter(done.never.values())).code,
            )
        text = f"{self._who} accepted it for {reached} of {of}"
        return Receipt(f"{text}; refused: {said}" if said else text, 250)

    def _refused(self, error: aiosmtplib.SMTPResponseException, *, for_good: bool) -> DeliveryError:
        return DeliveryError(
            f"{self._who} answered {self._words(error)}",
            outcome=AttemptOutcome.PERMANENT if for_good else AttemptOutcome.RETRY,
            status=error.code,
            parks=error.code in NOT_LET_IN,
        )

    def _words(self, error: aiosmtplib.SMTPResponseException) -> str:
        password = self._config.password
        said = without(error.message, *([password.value] if password else []))
        return f"{error.code} {one_line(said, answers.EXCERPT)}"


@dataclass(slots=True)
class _Progress:
    """Whether the mail's content may be on its way without an answer yet."""

    sending: bool = False


def build(
    config: EmailConfig,
    *,
    external_url: str,
    acknowledge_url: Callable[[Message], str | None] = lambda _: None,
) -> Email:
    """The receiver. Raises ValueError when a file it needs cannot be used."""
    del external_url  # messages bring their addresses
    return Email(config, acknowledge_url if config.acknowledge_link else lambda _: None)


_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates" / "email"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def _can_be_taken(message: Message) -> bool:
    """Whether there is something in it to acknowledge that nobody has acknowledged yet."""
    opens = message.kind in (NotificationKind.TRIGGER, NotificationKind.UPDATE)
    return opens and message.acknowledged_by is None


def _view(message: Message, acknowledge_url: str | None) -> Mapping[str, object]:
    acknowledge = [("Acknowledge", acknowledge_url, True)] if acknowledge_url else []
    lines = message.alerts[:LINES_LIMIT]
    state, followed = wording.state(message), evidence.links(message)
    return {
        "state": state,
        "tone": "over" if state == "RESOLVED" else str(message.severity),
        "severity": str(message.severity),
        "title": one_line(message.title, 300),
        "story": printable(wording.paragraph(message)),
        "html": message.html,  # of a template that escaped what it put in
        "rows": [(what, printable(text)) for what, text in evidence.rows(lines[0])],
        "others": [
            (printable(wording.line_text(line)), evidence.is_over(message, line))
            for line in lines[1:]
        ],
        "more": len(message.alerts) - len(lines),
        "links": acknowledge
        + [
            (printable(words), printable(address), (words, address) in followed)
            for words, address in wording.links(message)
        ],
        "opened": wording.moment(message.opened_at),
        "owner": printable(message.owner or ""),
        "incident_id": printable(message.incident_id),
        "notification_id": printable(message.notification_id),
        "revision": message.revision,
    }


def _id(value: str) -> str:
    """An id as a part of a Message-ID: letters, digits and hyphens."""
    return "".join(char if char.isascii() and char.isalnum() else "-" for char in value)


def _own_name() -> str:
    """The name for EHLO, without asking the DNS, which could hang."""
    name = socket.gethostname()
    plain = name.isascii() and all(char.isalnum() or char in "-." for char in name)
    return name if name and plain else "localhost"
