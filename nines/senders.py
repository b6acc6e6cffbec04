"""Who may send to which collector."""

import hmac
from collections.abc import Mapping

from collectors.pushed.collector import SentSettings
from web.senders import RefusedSenderError

_CLOSED = (
    "What is sent is taken from this machine only: Nines listens beyond it, and whoever reaches it "
    "could send what they like. Give the collector a bearer_token or basic_auth to open it."
)


def admitted(
    kind: str,
    collectors: Mapping[str, SentSettings],
    authorization: str | None,
    *,
    on_loopback: bool,
) -> frozenset[str]:
    """By what each collector of a kind asks for; one that asks for nothing, on loopback.

    Raises RefusedSenderError.
    """
    if not collectors:
        said = f"No collector takes this: the configuration has none with the key {kind}."
        raise RefusedSenderError(404, said)
    opened = {name for name, one in collectors.items() if one.header is None}
    found = {
        name
        for name, one in collectors.items()
        if one.header is not None and _is_same(one.header, authorization or "")
    }
    if opened and on_loopback:
        found |= opened
    if found:
        return frozenset(found)
    if opened == collectors.keys():
        raise RefusedSenderError(403, _CLOSED)
    raise RefusedSenderError(
        401, "What is sent is taken from whoever bears a collector's token; this is none."
    )


def _is_same(wanted: str, given: str) -> bool:
    scheme, _, secret = wanted.partition(" ")
    said, _, told = given.partition(" ")
    is_right = hmac.compare_digest(told.strip().encode(), secret.encode())
    return is_right and said.lower() == scheme.lower()
