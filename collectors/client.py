"""HTTP requests, each on a connection of its own, with little between socket and caller.

The body comes as the socket gives it: what is framed by its length or by the end of the connection
is passed on as it is, chunks are taken apart by llhttp. HTTP/2, where TLS agrees on it, is taken
apart by h2. Failures come out as the system and OpenSSL raised them, and as ProtocolError.
"""

import contextlib
import functools
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from http import HTTPStatus
from typing import Protocol

import httptools
import httpx

from collectors.certificate import HTTP2_ALPN
from collectors.failure import ProtocolError
from collectors.http2 import Exchange
from collectors.resolve import Resolver
from collectors.stopwatch import Stopwatch
from collectors.stream import Stream, connect

_READ_BYTES = 256 * 1024
_HEAD_READ_BYTES = 64 * 1024
_HEAD_BYTES = 100 * 1024  # of an answer before its body
_OF_HTTP1 = {"host", "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}
_FOLLOWED = {
    HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.FOUND, HTTPStatus.SEE_OTHER,
    HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT,
}  # fmt: skip


@dataclass(frozen=True)  # without slots: what is sent is put together once
class Request:
    """What is asked, of whom. `host` and the body's length are added where they are missing."""

    url: httpx.URL
    headers: Mapping[str, str]  # names in lower case
    method: str = "GET"
    content: bytes = b""

    def encoded(self) -> bytes:
        """As it is sent. Raises httpx.LocalProtocolError for a header that would be two."""
        return self._message

    @functools.cached_property
    def _message(self) -> bytes:
        headers = {"host": self.url.netloc.decode("ascii"), **self.headers}
        if self.content:
            headers.setdefault("content-length", str(len(self.content)))
        if any(sign in text for pair in headers.items() for text in pair for sign in "\r\n\0"):
            raise httpx.LocalProtocolError("a header holds a line break")
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        start = self.method.encode() + b" " + self.url.raw_path + b" HTTP/1.1\r\n"
        return start + lines.encode() + b"\r\n" + self.content


class _Body(Protocol):
    """What gives a body in pieces."""

    async def read(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Response:
    """The head of an answer; of a header that came several times the values are joined."""

    status: int
    reason: str
    http_version: str
    headers: Mapping[str, str]  # names in lower case
    _answer: "_Body" = field(repr=False, compare=False)
    raw_headers: Sequence[tuple[bytes, bytes]] = field(default=(), repr=False)  # as they came

    async def read(self) -> bytes:
        """The next piece of the body, its transfer encoding undone; empty at its end.

        Raises ProtocolError, OSError.
        """
        return await self._answer.read()

    @property
    def redirects(self) -> bool:
        """Whether it sends who asked elsewhere."""
        return self.status in _FOLLOWED and "location" in self.headers

    def redirect(self, asked: httpx.URL) -> httpx.URL | None:
        """Where it sends who asked there; None where it does not. Raises ProtocolError."""
        if not self.redirects:
            return None
        try:
            url = httpx.URL(self.headers["location"])
            if url.scheme and not url.host:
                url = url.copy_with(host=asked.host)
            return asked.join(url)
        except (httpx.InvalidURL, ValueError) as error:
            raise ProtocolError(f"it redirects to no valid address: {error}") from None


class Client:
    """One run's connections: every request makes its own, none is kept, none was there before."""

    def __init__(
        self,
        *,
        resolver: Resolver,
        watch: Stopwatch,
        context: ssl.SSLContext,
        give_up_at: float,
        named: tuple[str, str] | None = None,
    ) -> None:
        """`give_up_at` is in the event loop's time; `named` a host and its certificate's name."""
        self._resolver = resolver
        self._watch = watch
        self._context = context
        self._give_up_at = give_up_at
        self._named = named
        self.stream: Stream | None = None  # the connection of the latest request

    async def send(self, request: Request) -> Response:
        """Ask, and read the answer's head. What was left of an earlier answer is gone."""
        url = request.url
        if url.scheme not in ("http", "https"):
            raise httpx.UnsupportedProtocol(f"{url.scheme}:// is neither http nor https")
        message = request.encoded()
        self.close()
        self.stream = None
        tls = url.scheme == "https"
        self.stream = await connect(
            url.raw_host.decode("ascii"),
            _port(url),
            resolver=self._resolver,
            watch=self._watch,
            give_up_at=self._give_up_at,
        )
        if tls:
            await self.stream.start_tls(self._context, self._name_of(url), speaks_first=True)
            if self.stream.agreed == HTTP2_ALPN[0]:
                return await _by_http2(request, Exchange(self.stream, self._watch))
        # A server may answer before it has read everything.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            await self.stream.write(message)
        return await _Answer(self.stream, has_body=request.method != "HEAD").head()

    def close(self) -> None:
        """Close the connection at once."""
        if self.stream is not None:
            self.stream.close()

    def _name_of(self, url: httpx.URL) -> str:
        if self._named is not None and self._named[0] == url.host:
            return self._named[1]
        return url.raw_host.decode("ascii")


async def _by_http2(request: Request, exchange: Exchange) -> Response:
    """Ask by HTTP/2, whose head says in other fields what HTTP/1.1 says in its first lines."""
    headers = {name: text for name, text in request.headers.items() if name not in _OF_HTTP1}
    authority = request.headers.get("host", request.url.netloc.decode("ascii"))
    asked = {
        ":method": request.method,
        ":scheme": request.url.scheme,
        ":authority": authority,
        ":path": request.url.raw_path.decode("ascii"),
        **headers,
    }
    if request.content:
        asked.setdefault("content-length", str(len(request.content)))
    await exchange.ask([(k.encode(), v.encode()) for k, v in asked.items()], request.content)
    raw = [pair for pair in await exchange.head() if not pair[0].startswith(b":")]
    (status,) = (int(value) for name, value in await exchange.head() if name == b":status")
    return Response(status, "", "HTTP/2", _joined(raw), exchange, raw)


def _joined(raw: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """By names in lower case; the values of one that came several times are one."""
    told: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        told[key] = f"{told[key]}, {text}" if key in told else text
    return told


class _Framing(Enum):
    """What says where a body ends."""

    NONE = auto()  # there is none, or it is whole
    CHUNKS = auto()
    LENGTH = auto()
    CONNECTION = auto()


class _Answer:
    """One answer as it comes in; llhttp calls the methods that are named `on_`."""

    def __init__(self, stream: Stream, *, has_body: bool) -> None:
        self._stream = stream
        self._has_body = has_body
        self._parser = httptools.HttpResponseParser(self)
        self._status, self._reason, self._version = 0, b"", ""
        self._headers: dict[str, str] = {}
        self._raw: list[tuple[bytes, bytes]] = []
        self._came: list[bytes] = []  # of the body, and not handed over yet
        self._missing = 0  # bytes, where the length is told
        self._has_head = False
        self._framing = _Framing.NONE
        self._is_whole = False

    async def head(self) -> Response:
        """Read up to the end of the head."""
        size = 0
        while not self._has_head:
            data = await self._stream.read(_HEAD_READ_BYTES)
            if not data:
                raise ProtocolError("the target closed the connection before it answered")
            size += len(data)
            self._feed(data)
            if size > _HEAD_BYTES and not self._has_head:
                raise ProtocolError(f"its head is longer than {_HEAD_BYTES:,} bytes")
        self._framing = self._framed()
        if self._framing is _Framing.LENGTH:
            self._missing = int(self._headers["content-length"]) - sum(map(len, self._came))
        reason = self._reason.decode("latin-1")
        return Response(self._status, reason, self._version, self._headers, self, self._raw)

    async def read(self) -> bytes:
        """The next piece of the body; empty at its end."""
        if not self._has_body:
            return b""
        if self._came:
            return self._came.pop(0)
        match self._framing:
            case _Framing.CHUNKS:
                return await self._read_chunks()
            case _Framing.LENGTH:
                return await self._read_missing()
            case _Framing.CONNECTION:
                return await self._stream.read(_READ_BYTES)
            case _Framing.NONE:
                return b""

    def _framed(self) -> _Framing:
        if self._is_whole:
            return _Framing.NONE
        if "chunked" in self._headers.get("transfer-encoding", "").lower():
            return _Framing.CHUNKS
        return _Framing.LENGTH if "content-length" in self._headers else _Framing.CONNECTION

    async def _read_chunks(self) -> bytes:
        while not self._came and not self._is_whole:
            data = await self._stream.read(_READ_BYTES)
            if not data:
                raise ProtocolError("the connection was closed before the last chunk")
            self._feed(data)
        return self._came.pop(0) if self._came else b""

    async def _read_missing(self) -> bytes:
        if not self._missing:
            return b""
        data = await self._stream.read(min(self._missing, _READ_BYTES))
        if not data:
            raise ProtocolError(
                f"the connection was closed {self._missing:,} bytes before the body's end"
            )
        self._missing -= len(data)
        return data

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            raise ProtocolError("it switches to another protocol") from None
        except httptools.HttpParserError as error:
            if not self._is_whole:  # what follows a whole answer is nobody's
                raise ProtocolError(str(error)) from None

    def on_message_begin(self) -> None:
        """Begin anew: whatever came before was an interim answer."""
        if not self._has_head:
            self._raw, self._reason = [], b""

    def on_status(self, reason: bytes) -> None:
        if not self._has_head:
            self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._has_head:  # or it is a trailer
            self._raw.append((name, value))

    def on_headers_complete(self) -> None:
        if not self._has_head:
            self._status = self._parser.get_status_code()
            self._version = f"HTTP/{self._parser.get_http_version()}"
            self._has_head = self._status >= HTTPStatus.OK
            self._headers = _joined(self._raw)

    def on_body(self, part: bytes) -> None:
        if not self._is_whole:
            self._came.append(part)

    def on_message_complete(self) -> None:
        self._is_whole = self._has_head


def same_origin(one: httpx.URL, other: httpx.URL) -> bool:
    """Whether two addresses are of one scheme, host and port."""
    return (one.scheme, one.host, _port(one)) == (other.scheme, other.host, _port(other))


def leaves(one: httpx.URL, other: httpx.URL) -> bool:
    """Whether what is meant for `one` is not for `other`: another host, or in clear after TLS."""
    return one.host != other.host or (one.scheme == "https" and other.scheme != "https")


def is_secured(one: httpx.URL, other: httpx.URL) -> bool:
    """Whether `other` is the same host, asked over TLS where `one` asked in clear."""
    ports = (_port(one), _port(other)) == (80, 443)
    return one.host == other.host and (one.scheme, other.scheme) == ("http", "https") and ports


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)
