"""One call of gRPC over HTTP/2 on a connection of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from collectors.failure import ProtocolError
from collectors.observation import Phase
from collectors.stopwatch import Stopwatch
from collectors.stream import Stream

_LIMIT_BYTES = 32 * 1024  # of all that comes
_READ_BYTES = 16 * 1024
_OK = 200
_HEAD_BYTES = 9  # of a frame (RFC 9113, 4.1)
_SETTINGS = 4  # the type of a server's first frame
_PREFIX_BYTES = 5  # before a message: whether it is compressed, and its length


class BadGrpcError(ProtocolError):
    """What came is no HTTP/2, or no answer to a call."""

    protocol = "proper gRPC"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a call came to. `status` is gRPC's, None where the answer is HTTP's alone."""

    http_status: int
    status: int | None
    words: str
    message: bytes


class Call:
    """A unary call."""

    def __init__(self, stream: Stream, watch: Stopwatch) -> None:
        self._stream = stream
        self._watch = watch
        config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8")
        self._h2 = h2.connection.H2Connection(config)
        self._head: dict[str, str] = {}
        self._data = bytearray()
        self._heard = 0
        self._ended = False

    async def make(self, headers: Mapping[str, str], message: bytes) -> Reply:
        """Ask, and read the answer. Raises ProtocolError, OSError, EOFError."""
        self._h2.initiate_connection()
        asked = self._h2.get_next_available_stream_id()
        self._h2.send_headers(asked, [*headers.items()])
        self._h2.send_data(asked, _framed(message), end_stream=True)
        await self._flush()
        data = await self._beginning()
        while True:
            try:
                events = self._h2.receive_data(data)
            except (h2.exceptions.ProtocolError, UnicodeDecodeError) as error:
                raise BadGrpcError(str(error) or type(error).__name__) from None
            for event in events:
                self._take(event)
            if self._ended:
                return self._reply()
            if not self._head:
                # Settings came, which every server sends at once: the answer is still to come.
                self._watch.enter(Phase.PROCESSING)
            await self._flush()
            data = await self._read()

    async def _beginning(self) -> bytes:
        """The first bytes; that they are none of HTTP/2 is seen before more is waited for."""
        data = await self._read()
        while len(data) < _HEAD_BYTES and data[3:4] in (b"", bytes([_SETTINGS])):
            data += await self._read()
        if data.startswith(b"HTTP/1."):
            raise BadGrpcError("the target speaks HTTP/1 here, and gRPC needs HTTP/2")
        if data[3] != _SETTINGS:
            raise BadGrpcError(f"it begins with {data[:20]!r}")
        return data

    async def _read(self) -> bytes:
        data = await self._stream.read(_READ_BYTES)
        self._heard += len(data)
        if not data:
            raise EOFError
        if self._heard > _LIMIT_BYTES:
            raise BadGrpcError(f"more than {_LIMIT_BYTES:,} bytes came")
        return data

    def _take(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.ResponseReceived() | h2.events.TrailersReceived():
                self._head |= {str(name): str(value) for name, value in event.headers or ()}
            case h2.events.DataReceived():
                self._data += event.data or b""
            case h2.events.StreamEnded():
                self._ended = True
            case h2.events.StreamReset() if "grpc-status" not in self._head:
                raise BadGrpcError(f"the target reset the call ({_named(event.error_code)})")
            case h2.events.StreamReset():
                self._ended = True  # what it had to say is said
            case h2.events.ConnectionTerminated() if not self._ended:
                raise BadGrpcError(f"the target goes away ({_named(event.error_code)})")
            case _:
                pass

    def _reply(self) -> Reply:
        told = self._head.get("grpc-status", "")
        return Reply(
            http_status=int(self._head.get(":status", "0")),
            status=int(told) if told.isascii() and told.isdecimal() else None,
            words=unquote(self._head.get("grpc-message", "")),
            message=bytes(self._data),
        )

    async def _flush(self) -> None:
        if data := self._h2.data_to_send():
            await self._stream.write(data)


def unframed(data: bytes) -> bytes:
    """The one message of an answer. Raises BadGrpcError."""
    if len(data) < _PREFIX_BYTES:
        raise BadGrpcError("it holds no message")
    if data[0]:
        raise BadGrpcError("its message is compressed, which was not offered")
    if int.from_bytes(data[1:_PREFIX_BYTES], "big") != len(data) - _PREFIX_BYTES:
        raise BadGrpcError("it holds more or less than one message")
    return data[_PREFIX_BYTES:]


def _framed(message: bytes) -> bytes:
    return b"\0" + len(message).to_bytes(_PREFIX_BYTES - 1, "big") + message


def _named(code: object) -> str:
    return code.name if isinstance(code, h2.errors.ErrorCodes) else str(code)
