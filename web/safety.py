"""Keep other sites, other hosts and oversized bodies out, and tell browsers to do the same."""

import asyncio
import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.problem import ProblemError, problem_response

MOST_BODY_BYTES = 64 * 1024
MOST_CALLBACK_BYTES = 512 * 1024  # vendors send their whole message back, escaped twice
MOST_ALERTS_BYTES = 16 * 1024 * 1024  # a Prometheus sends some hundred alerts at once
MOST_PUSHED_BYTES = {
    "/api/v1/events": 1024 * 1024,
    "/api/v1/write": 8 * 1024 * 1024,
    "/v1/metrics": 4 * 1024 * 1024,
}
_BODY_WITHIN_SECONDS = 10
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_POLICY = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Safety:
    """Wraps the whole application, so that every answer bears the headers, errors included."""

    def __init__(self, app: ASGIApp, *, external_url: str, listen: str) -> None:
        self._app = app
        external = urlsplit(external_url)
        self._origin = f"{external.scheme}://{external.netloc}".lower()
        self._external_host = (external.hostname or "").rstrip(".")
        self._loopback = is_loopback(listen)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = _with_policy(send)
        try:
            self._refuse_strangers(scope)
            receive = await _bounded(scope, receive)
        except ProblemError as error:
            await problem_response(error, scope["path"])(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refuse_strangers(self, scope: Scope) -> None:
        """Raises ProblemError for a foreign Host (DNS rebinding) or another site's request."""
        headers = Headers(scope=scope)
        host = headers.get("host")
        if self._loopback and host is not None and not self._is_ours(host):
            raise ProblemError(
                421,
                "Nines listens on this machine only and does not answer to that Host name; set "
                "server.external_url if it is reached by that name through a proxy.",
            )
        if scope["method"] in _SAFE_METHODS:
            return
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        own = {self._origin, f"{scope['scheme']}://{host}".lower()}
        if site not in ("same-origin", "none", None):
            raise ProblemError(403, "This request came from another site; nothing was changed.")
        if site is None and origin is not None and origin.lower() not in own:
            raise ProblemError(403, "This request came from another origin; nothing was changed.")

    def _is_ours(self, host: str) -> bool:
        name = host_name(host)
        return name is not None and (name == self._external_host or is_loopback(name))


def host_name(host: str) -> str | None:
    """The name in a Host header, without port; None when it is malformed."""
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return None
    return name.rstrip(".") if name else None


def is_loopback(host: str) -> bool:
    """Whether a name or address means this machine and nobody else."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _with_policy(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _POLICY.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return sending


async def _bounded(scope: Scope, receive: Receive) -> Receive:
    """The request's body, read whole. Raises ProblemError when it is too large or too slow."""
    headers = Headers(scope=scope)
    length, most = headers.get("content-length", "0"), _most(scope["path"])
    if "transfer-encoding" not in headers and length == "0":
        return receive
    if length.isdigit() and len(length) < 20 and int(length) > most:
        raise _too_large(most)
    try:
        async with asyncio.timeout(_BODY_WITHIN_SECONDS):
            messages = await _read(receive, most)
    except TimeoutError:
        raise ProblemError(
            408, f"The body did not arrive within {_BODY_WITHIN_SECONDS} s."
        ) from None
    return _replay(messages, receive)


async def _read(receive: Receive, most: int) -> list[Message]:
    messages, size = [], 0
    while True:
        message = await receive()
        messages.append(message)
        size += len(message.get("body", b""))
        if size > most:
            raise _too_large(most)
        if message["type"] != "http.request" or not message.get("more_body", False):
            return messages


def _replay(messages: Iterable[Message], receive: Receive) -> Receive:
    left = iter(messages)

    async def receiving() -> Message:
        message = next(left, None)
        return await receive() if message is None else message

    return receiving


def _most(path: str) -> int:
    if path == "/api/v2/alerts":
        return MOST_ALERTS_BYTES
    if path in MOST_PUSHED_BYTES:
        return MOST_PUSHED_BYTES[path]
    return MOST_CALLBACK_BYTES if path.startswith("/callbacks/") else MOST_BODY_BYTES


def _too_large(most: int) -> ProblemError:
    return ProblemError(
        413,
        f"A body of more than {most // 1024} KiB is not read.",
        # The rest of the body is still on its way; this connection cannot be used again.
        headers={"Connection": "close"},
    )
