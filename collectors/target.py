"""Read what a collector points at: an http(s) address, or host:port."""

import re
from dataclasses import dataclass
from typing import Annotated

import httpx
from pydantic import BeforeValidator, PlainSerializer, PlainValidator, WithJsonSchema

from slo.secret import HIDDEN

_HOST_PORT = re.compile(r"(?:\[([0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|([^\s:/\[\]@?#]+)):(\d{1,5})")
TELLING = re.compile(r"key|token|secret|passw|auth|sig|credential|session|code", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class HostPort:
    """Where a TCP connection goes."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_host_port(text: object) -> HostPort:
    """Read `host:port` or `[2001:db8::1]:443`. Raises ValueError."""
    if isinstance(text, HostPort):
        return text
    match = _HOST_PORT.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise ValueError(
            f"{text!r} is not a target: write host:port, such as db.example:5432 or "
            "[2001:db8::1]:443"
        )
    port = int(match[3])
    if not 1 <= port <= 65535:
        raise ValueError(f"{text!r}: a port lies between 1 and 65535")
    return HostPort(match[1] or match[2], port)


def parse_http_url(text: object) -> str:
    """Check an http or https address. Raises ValueError; credentials in it are refused unread."""
    return _parse_url(text, "http", "https://pets.example/health")


def parse_websocket_url(text: object) -> str:
    """Check a ws or wss address. Raises ValueError; credentials in it are refused unread."""
    return _parse_url(text, "ws", "wss://pets.example/live")


def _parse_url(text: object, scheme: str, example: str) -> str:
    """Check an address of a scheme, or of the same over TLS."""
    if not isinstance(text, str):
        raise ValueError(f"the target is an address, such as {example}")
    try:
        url = httpx.URL(text.strip())
        host = url.host
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise ValueError(f"the address is not valid: {error}") from None
    if url.userinfo:
        raise ValueError("the address holds a user or password: write them under basic_auth")
    if url.scheme not in (scheme, f"{scheme}s"):
        raise ValueError(f"{text!r} begins with neither {scheme}:// nor {scheme}s://")
    if not host or re.search(r"[\s%]", host):
        raise ValueError(f"{text!r} names no host that could be looked up")
    if url.port is not None and not 1 <= url.port <= 65535:
        raise ValueError(f"{text!r}: a port lies between 1 and 65535")
    if url.fragment:
        raise ValueError(f"{text!r}: what follows # is never sent; leave it out")
    return text.strip()


def without_secrets(address: str) -> str:
    """The address as it may be shown: no user, and no value of a parameter that sounds secret."""
    try:
        url = httpx.URL(address)
    except (httpx.InvalidURL, ValueError):
        return HIDDEN
    parameters = [
        (name, HIDDEN if TELLING.search(name) else value)
        for name, value in url.params.multi_items()
    ]
    if any(value == HIDDEN for _, value in parameters):
        shown = "&".join(f"{name}={value}" for name, value in parameters)
        return f"{url.copy_with(query=None, userinfo=b'')}?{shown}"
    return str(url.copy_with(userinfo=b"")) if url.userinfo else address


HttpUrl = Annotated[
    str,
    BeforeValidator(parse_http_url),
    WithJsonSchema({"type": "string", "pattern": "^https?://"}),
]
WebSocketUrl = Annotated[
    str,
    BeforeValidator(parse_websocket_url),
    WithJsonSchema({"type": "string", "pattern": "^wss?://"}),
]
Target = Annotated[
    HostPort,
    PlainValidator(parse_host_port),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "examples": ["db.example:5432"]}),
]
