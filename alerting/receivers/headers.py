"""HTTP headers that the configuration adds to requests: their values count as secrets."""

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator

from slo.secret import Secret, SecretText

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS = {"content-length", "transfer-encoding", "connection", "host"}


def _sendable(headers: Mapping[str, Secret]) -> Mapping[str, Secret]:
    for name, secret in headers.items():
        if not _HEADER.fullmatch(name):
            raise ValueError(f"{name!r} is not a name of a header")
        if name.lower() in _OURS:
            raise ValueError(f"the header {name} is set by Nines")
        if not (secret.value.isascii() and secret.value.isprintable()):
            raise ValueError(f"the header {name} holds something other than printable ASCII")
    return headers


Headers = Annotated[Mapping[str, SecretText], AfterValidator(_sendable)]


def plain(headers: Mapping[str, Secret]) -> dict[str, str]:
    """As they are sent."""
    return {name: value.value for name, value in headers.items()}
