"""One HTTP/1.1 request, with little between a decision and the socket.

On a connection of its own, or on a `Spare` one, for those who may be told the same twice: one that
died unnoticed must cost a page no try. Redirects are not followed. Answers are framed by llhttp
(RFC 9112).
"""

import asyncio
import contextlib
import errno
import ipaddress
import select
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain, zip_longest
from urllib.parse import SplitResult, urlsplit

import httptools

_HEAD_LIMIT = 64 * 1024  # bytes of an answer before its body
_HEAD_START = 0.25  # seconds, before the next address is tried beside (RFC 8305, 5)
_CONNECT_WITHIN = 5.0  # seconds
_SPARED_FOR = 2.0  # seconds; servers close what is idle after five or more
_FRAMED = ("content-length", "transfer-encoding")
_BODILESS = frozenset({204, 304})


class UnreachedError(Exception):
    """No connection was made, so nothing was sent."""


class _StaleError(Exception):
    """A connection that was kept is none any more, and nothing was heard on it."""


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked of whom. `url` is absolute, http or https."""

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes

    def encoded(self, parts: SplitResult, *, last: bool) -> bytes:
        """As it is sent, `last` on its connection or not.

        Raises ValueError for a header that would be two.
        """
        target = parts.path or "/"
        if parts.query:
            target += f"?{parts.query}"
        headers = {
            "host": parts.netloc,
            "user-agent": "Nines",
            "accept": "*/*",
            "connection": "close" if last else "keep-alive",
            "content-length": str(len(self.content)),
            **{name.lower(): value for name, value in self.headers.items()},
        }
        if any(sign in text for pair in headers.items() for text in pair for sign in "\r\n\0"):
            raise ValueError("a header holds a line break")
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"{self.method} {target} HTTP/1.1\r\n{lines}\r\n".encode() + self.content


@dataclass(frozen=True, slots=True)
class Said:
    """The answer: `headers` by names in lower case, and the beginning of the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Spare:
    """At most one idle connection to one address, for a moment: more than one page may come."""

    def __init__(self, seconds: float = _SPARED_FOR) -> None:
        self._seconds = seconds
        self._line: _Line | None = None
        self._over: asyncio.TimerHandle | None = None

    def take(self) -> "_Line | None":
        """What is kept, if it still stands; it is the caller's from now on."""
        line, self._line = self._line, None
        if self._over is not None:
            self._over.cancel()
        if line is not None and not line.stands:
            line.end()
            return None
        return line

    def keep(self, line: "_Line") -> None:
        """Keep this one, in the place of another."""
        self.close()
        self._line = line
        self._over = asyncio.get_running_loop().call_later(self._seconds, self.close)

    def close(self) -> None:
        """Keep none."""
        if (line := self.take()) is not None:
            line.end()


@dataclass(slots=True)
class _Line:
    """A connection. `clear` is its socket, where nothing is encrypted on it."""

    transport: asyncio.Transport
    answers: "_Answers"
    clear: socket.socket | None

    @property
    def stands(self) -> bool:
        """As far as is known."""
        return not (self.transport.is_closing() or self.answers.over)

    def end(self) -> None:
        self.transport.abort()


async def make(
    call: Call, tls: ssl.SSLContext, body_limit: int, spare: Spare | None = None
) -> Said:
    """Ask, and read no more than `body_limit` bytes of the body.

    What a spare connection takes and never answers a byte to is asked again on a new one. Raises
    UnreachedError while nothing can have been sent, OSError when there was no whole answer.
    """
    parts = urlsplit(call.url)
    message = call.encoded(parts, last=spare is None)
    kept = None if spare is None else spare.take()
    if spare is not None and kept is not None:
        try:
            return await _ask(kept, message, body_limit, spare)
        except _StaleError:
            pass
    answers = _Answers()
    said = answers.next(body_limit)
    secure = parts.scheme == "https"
    host = parts.hostname or ""
    try:
        async with asyncio.timeout(_CONNECT_WITHIN):
            reached = await _reach(host, parts.port or (443 if secure else 80))
            if secure:
                transport = await _wrap(reached, answers, tls, host)
    except (OSError, ValueError) as error:  # TimeoutError and SSLError are OSErrors
        raise UnreachedError from error
    if not secure:
        # Off before the loop makes a transport of the socket: that takes it several turns.
        message = _sent_at_once(reached, message)
        transport = await _wrap(reached, answers)
    line = _Line(transport, answers, None if secure else reached)
    return await _answered(line, message, said, spare)


async def _ask(line: _Line, message: bytes, body_limit: int, spare: Spare) -> Said:
    """On a connection that stood idle. Raises _StaleError when no byte of an answer came."""
    said = line.answers.next(body_limit)
    if line.clear is not None:
        message = _sent_at_once(line.clear, message)
    try:
        return await _answered(line, message, said, spare)
    except OSError as error:
        if line.answers.silent:
            raise _StaleError from error
        raise


async def _answered(
    line: _Line, message: bytes, said: asyncio.Future[Said], spare: Spare | None
) -> Said:
    whole = False
    try:
        if message:
            line.transport.write(message)
        answer = await said
        whole = True
        return answer
    finally:
        if whole and spare is not None and line.answers.goes_on and line.stands:
            spare.keep(line)
        else:
            line.end()


def _sent_at_once(reached: socket.socket, message: bytes) -> bytes:
    """What of it the socket did not take; whoever sends the rest sees an error again."""
    with contextlib.suppress(OSError):
        return message[reached.send(message) :]
    return message


async def _wrap(
    reached: socket.socket,
    answers: "_Answers",
    tls: ssl.SSLContext | None = None,
    host: str | None = None,
) -> asyncio.Transport:
    loop = asyncio.get_running_loop()
    try:
        transport, _ = await loop.create_connection(
            lambda: answers, sock=reached, ssl=tls, server_hostname=host
        )
    except BaseException:
        reached.close()
        raise
    return transport


async def _reach(host: str, port: int) -> socket.socket:
    """A connected socket: addresses are tried in turn, the next one beside one that is slow."""
    with contextlib.suppress(ValueError):
        literal = ipaddress.ip_address(host)
        family = socket.AF_INET if literal.version == 4 else socket.AF_INET6
        return await _try(family, (host, port))
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    first = [one for one in found if one[0] == found[0][0]]
    others = [one for one in found if one[0] != found[0][0]]
    in_turn = [one for one in chain(*zip_longest(first, others)) if one is not None]
    if len(in_turn) == 1:
        return await _try(in_turn[0][0], in_turn[0][4])
    under_way: set[asyncio.Task[socket.socket]] = set()
    failure: BaseException | None = None
    try:
        while in_turn or under_way:
            if in_turn:
                family, _, _, _, address = in_turn.pop(0)
                under_way.add(asyncio.ensure_future(_try(family, address)))
            done, under_way = await asyncio.wait(
                under_way,
                timeout=_HEAD_START if in_turn else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                failure = task.exception()
                if failure is None:
                    return task.result()
    finally:
        for task in under_way:
            task.cancel()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                (await task).close()
    raise failure or OSError(f"{host} has no address")


async def _try(family: int, address: tuple[object, ...]) -> socket.socket:
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        one.setblocking(False)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if _is_connected(one, one.connect_ex(address)):
            return one
        await asyncio.get_running_loop().sock_connect(one, address)
    except BaseException:
        one.close()
        raise
    return one


def _is_connected(one: socket.socket, error: int) -> bool:
    """Whether it is so already, as on this machine: then no turn of the loop is waited for."""
    if error != errno.EINPROGRESS:
        return error == 0
    look = select.poll()
    look.register(one, select.POLLOUT)
    return bool(look.poll(0)) and one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0


class _Answers(asyncio.Protocol):
    """Gathers one answer after the other; each is asked for by `next`, and there once it is whole
    or enough of it has come.
    """

    def __init__(self) -> None:
        self.over = False  # nothing more can come
        self.silent = True  # nothing came since `next`
        self.goes_on = False  # the answer was whole, and leaves the connection open
        self._said: asyncio.Future[Said] | None = None

    def next(self, body_limit: int) -> asyncio.Future[Said]:
        """The next answer. Its exceptions are OSErrors."""
        self._said = asyncio.get_running_loop().create_future()
        self._limit = body_limit
        self._parser = httptools.HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._body = b""
        self._head = 0  # bytes so far
        self._in_body = False
        self.silent, self.goes_on = True, False
        if self.over:
            self._fail(ConnectionResetError("the connection was closed before an answer"))
        return self._said

    def data_received(self, data: bytes) -> None:
        self.silent = False
        if self._said is None or self._said.done():
            self.over = True  # nobody asked for this
            return
        if not self._in_body:
            self._head += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._finish()
        except httptools.HttpParserError as error:
            self._fail(OSError(f"what came is no HTTP answer: {error}"))
        if not self._in_body and self._head > _HEAD_LIMIT:
            self._fail(OSError("the head of the answer has no end"))

    def eof_received(self) -> None:
        self.over = True

    def connection_lost(self, error: Exception | None) -> None:
        self.over = True
        if self._said is None:
            return
        framed = any(name in self._headers for name in _FRAMED)
        if self._in_body and error is None and not framed:
            self._finish()
        self._fail(error or ConnectionResetError("the connection was closed before an answer"))

    def on_header(self, name: bytes, value: bytes) -> None:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        before = self._headers.get(key)
        self._headers[key] = text if before is None else f"{before}, {text}"

    def on_headers_complete(self) -> None:
        self._in_body = self._parser.get_status_code() >= 200
        if self._parser.get_status_code() in _BODILESS:
            self._finish()

    def on_body(self, part: bytes) -> None:
        self._body += part
        if len(self._body) >= self._limit:
            self._finish()

    def on_message_complete(self) -> None:
        if self._in_body:
            self.goes_on = self._parser.should_keep_alive() and len(self._body) < self._limit
            self._finish()
        self._headers = {} if not self._in_body else self._headers  # after a 1xx comes the answer

    def _finish(self) -> None:
        if self._said is not None and not self._said.done():
            body = self._body[: self._limit]
            self._said.set_result(Said(self._parser.get_status_code(), self._headers, body))

    def _fail(self, error: Exception) -> None:
        if self._said is not None and not self._said.done():
            self._said.set_exception(error)
