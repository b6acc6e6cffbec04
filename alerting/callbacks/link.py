"""A link in a mail that acknowledges: signed with the server's key, for a time, used once."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from alerting.callbacks import content
from alerting.callbacks.refusal import RefusedError

LIFETIME = timedelta(hours=24)

_TOKEN = re.compile(
    r"(?P<incident>[0-9A-Za-z_-]{1,64})\.(?P<notification>[0-9A-Za-z_-]{1,64})"
    r"\.(?P<until>[0-9]{1,12})\.(?P<mac>[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True)
class Link:
    """To take an incident by the mail of one notification."""

    incident_id: str
    notification_id: str
    until: datetime


def token(key: str, incident_id: str, notification_id: str, decided_at: datetime) -> str:
    """The same at every try to send the same mail."""
    until = int((decided_at + LIFETIME).timestamp())
    claim = f"{incident_id}.{notification_id}.{until}"
    return f"{claim}.{_mac(key, claim)}"


def read(key: str, given: str, now: datetime) -> Link:
    """Raises RefusedError for one that we did not sign, or that has expired."""
    found = _TOKEN.fullmatch(given)
    if found is None or not content.same(_mac(key, given.rpartition(".")[0]), [found["mac"]]):
        raise RefusedError(404, "This link is not one of ours, or it was not copied whole.")
    until = datetime.fromtimestamp(int(found["until"]), UTC)
    if now >= until:
        raise RefusedError(410, "This link has expired.")
    return Link(found["incident"], found["notification"], until)


def _mac(key: str, claim: str) -> str:
    return content.signature(key, f"acknowledge by mail:{claim}".encode())
