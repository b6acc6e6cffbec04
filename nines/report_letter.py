"""Make a report into a mail: headers, text, HTML and what is attached."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime

from alerting.receivers.email import mailbox
from alerting.receivers.text import one_line
from dashboards.report_mail import MailText


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file; `kind` as `application/pdf`."""

    name: str
    kind: str
    content: bytes


def letter(
    words: MailText,
    *,
    message_id: str,
    sender: str,
    to: Sequence[str],
    at: datetime,
    about: str,
    attachments: Sequence[Attachment] = (),
) -> EmailMessage:
    """The mail. `message_id` is the same at every try: mail programs show it once."""
    written, origin = EmailMessage(policy=SMTP_POLICY), mailbox(sender)
    written["From"] = origin
    written["To"] = [mailbox(address) for address in to]
    written["Subject"] = words.subject
    written["Date"] = format_datetime(at)
    written["Message-ID"] = f"<r.{_id(message_id)}@{origin.domain}>"
    written["Auto-Submitted"] = "auto-generated"  # RFC 3834
    written["X-Auto-Response-Suppress"] = "All"
    written["X-Nines-Report"] = one_line(about, 200)
    # Quoted-printable: lines of any length pass every relay.
    written.set_content(words.text, cte="quoted-printable")
    written.add_alternative(words.html, subtype="html", cte="quoted-printable")
    for one in attachments:
        main, _, sub = one.kind.partition("/")
        params = {"charset": "utf-8"} if main == "text" else None
        written.add_attachment(
            one.content, maintype=main, subtype=sub, filename=one.name, params=params
        )
    return written


def _id(value: str) -> str:
    """An id as a part of a Message-ID: letters, digits, dots and hyphens."""
    kept = (one if one.isascii() and (one.isalnum() or one in ".-") else "-" for one in value)
    return "".join(kept)
