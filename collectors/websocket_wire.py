"""WebSocket (RFC 6455) over one connection: open it, and say and hear one thing after another."""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import cast

import httpx
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake, PayloadTooBig
from websockets.exceptions import ProtocolError as BadFrameError
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI

from collectors.failure import ProtocolError
from collectors.stream import Stream

LIMIT_BYTES = 1 << 20  # of all that a run hears
_READ_BYTES = 64 * 1024
_HEAD_LIMIT_BYTES = 64 * 1024
_HEAD_END = b"\r\n\r\n"
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-9]\d\d)[ \r]")
_SWITCHED = 101
_NORMAL = 1000
# What the library would say of a target's frames is in our own sentences.
_log = logging.getLogger(__name__)

_MEANING = {
    1001: "going away", 1002: "protocol error", 1003: "unsupported data", 1005: "no code",
    1007: "invalid data", 1008: "policy violation", 1009: "message too big",
    1010: "extension missing", 1011: "internal error", 1012: "it restarts",
    1013: "try again later", 1014: "bad gateway",
}  # fmt: skip


class BadWebSocketError(ProtocolError):
    """What came is no WebSocket."""

    protocol = "proper WebSocket"


class RefusedError(Exception):
    """The target answered our request to switch with another status."""

    def __init__(self, status: int, headers: httpx.Headers) -> None:
        super().__init__(status)
        self.status = status
        self.headers = headers


class ClosedError(Exception):
    """The target closed the connection in good order, with a code and perhaps a reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason

    @property
    def is_trouble(self) -> bool:
        """Whether the code speaks of a failure; a farewell does not."""
        return self.code not in (_NORMAL, 1001, 1005)

    @property
    def told(self) -> str:
        """The code and what it means."""
        meaning = _MEANING.get(self.code)
        return f"{self.code} ({meaning})" if meaning else str(self.code)


class TooMuchError(Exception):
    """More came than is read."""


class WebSocket:
    """A conversation with a server. What it does may raise any of the above, OSError, EOFError."""

    def __init__(
        self,
        stream: Stream,
        url: httpx.URL,
        headers: Mapping[str, str],
        subprotocols: Sequence[str] = (),
    ) -> None:
        """`headers` go with the request, names in lower case."""
        offered = [cast(Subprotocol, name) for name in subprotocols]
        secure = url.scheme == "wss"
        address = WebSocketURI(
            secure=secure,
            host=url.raw_host.decode("ascii"),
            port=port_of(url),
            path=url.raw_path.decode("ascii").partition("?")[0],
            query=url.query.decode("ascii"),
        )
        self._stream = stream
        self._headers = headers
        self._protocol = ClientProtocol(
            address, subprotocols=offered or None, max_size=LIMIT_BYTES, logger=_log
        )
        self._heard = 0
        self._came: list[Frame] = []
        self._parts: list[bytes] = []  # of a message whose end did not come yet
        self._is_text = False

    @property
    def subprotocol(self) -> str | None:
        """The one that the target chose."""
        return self._protocol.subprotocol

    async def open(self) -> None:
        """Ask to switch, and check the answer."""
        request = self._protocol.connect()
        for name, value in self._headers.items():
            if name in request.headers:
                del request.headers[name]
            request.headers[name] = value
        self._protocol.send_request(request)
        await self._flush()
        head = b""
        while _HEAD_END not in head:
            head += await self._read()
            if len(head) > _HEAD_LIMIT_BYTES:
                raise BadWebSocketError(f"its head is longer than {_HEAD_LIMIT_BYTES:,} bytes")
        # A refusal's body is of no interest, and may never end: the head alone says enough.
        if (status := _STATUS.match(head)) is not None and int(status[1]) != _SWITCHED:
            raise RefusedError(int(status[1]), _headers(head))
        self._feed(head)

    async def say(self, text: str) -> None:
        """Send a message of text."""
        await self._may_speak()
        self._protocol.send_text(text.encode())
        await self._flush()

    async def hear(self) -> bytes:
        """The next message, of text or of bytes."""
        while True:
            frame = await self._next()
            if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                continue
            if frame.opcode is not Opcode.CONT:
                self._is_text = frame.opcode is Opcode.TEXT
            self._parts.append(bytes(frame.data))
            if frame.fin:
                message, self._parts = b"".join(self._parts), []
                if self._is_text and not _is_utf8(message):
                    raise BadWebSocketError("a message of text is no UTF-8")
                return message

    async def ping(self, payload: bytes) -> None:
        """Send a ping, and wait for its own answer; what else comes is passed over."""
        await self._may_speak()
        self._protocol.send_ping(payload)
        await self._flush()
        while True:
            frame = await self._next()
            if frame.opcode is Opcode.PONG and bytes(frame.data) == payload:
                return

    async def close(self) -> None:
        """Say farewell, and wait for the answer, or for the end of the connection.

        Raises ClosedError where the target's own farewell speaks of trouble.
        """
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(_NORMAL)
        try:
            await self._flush()
            while True:
                await self._next()
        except ClosedError as closed:
            if closed.is_trouble:
                raise
        except (EOFError, ConnectionError, TooMuchError):
            pass  # it hung up, as it may, or goes on saying what nobody asked for

    async def _may_speak(self) -> None:
        """Nothing is said to a target that took its leave: that is told, by what it raises."""
        while self._protocol.state is not State.OPEN:
            await self._next()

    async def _next(self) -> Frame:
        while not self._came:
            self._feed(await self._read())
            await self._flush()  # answers to pings, and to a farewell
        frame = self._came.pop(0)
        if frame.opcode is Opcode.CLOSE:
            closed = Close.parse(frame.data)
            raise ClosedError(int(closed.code), closed.reason)
        return frame

    def _feed(self, data: bytes) -> None:
        protocol = self._protocol
        protocol.receive_data(data)
        for event in protocol.events_received():
            if isinstance(event, Frame):
                self._came.append(event)
        if isinstance(protocol.handshake_exc, InvalidHandshake):
            raise BadWebSocketError(str(protocol.handshake_exc.__cause__ or protocol.handshake_exc))
        match protocol.parser_exc:
            case None:
                pass
            case PayloadTooBig():
                raise TooMuchError
            case BadFrameError() | UnicodeDecodeError() as error:
                if not self._came:  # what came before it is judged first
                    raise BadWebSocketError(str(error))
            case error:
                raise error

    async def _read(self) -> bytes:
        data = await self._stream.read(_READ_BYTES)
        self._heard += len(data)
        if not data:
            raise EOFError
        if self._heard > LIMIT_BYTES:
            raise TooMuchError
        return data

    async def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:  # the empty one asks to hang up, which the run's end does
                await self._stream.write(data)


def port_of(url: httpx.URL) -> int:
    """The port of a ws or wss address."""
    return url.port or (443 if url.scheme == "wss" else 80)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _headers(head: bytes) -> httpx.Headers:
    lines = head.partition(_HEAD_END)[0].split(b"\r\n")[1:]
    pairs = [line.partition(b":") for line in lines]
    return httpx.Headers([(name.strip(), value.strip()) for name, colon, value in pairs if colon])
