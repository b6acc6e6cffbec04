"""One call of gRPC over HTTP/2 on a connection of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from collectors.failure import ProtocolError
from collectors.http2 import Exchange
from collectors.stopwatch import Stopwatch
from collectors.stream import Stream

_LIMIT_BYTES = 32 * 1024
_PREFIX_BYTES = 5  # before a message: whether it is compressed, and its length


class BadGrpcError(ProtocolError):
    """What came is no answer to a call."""

    protocol = "proper gRPC"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a call came to. `status` is gRPC's, None where the answer is HTTP's alone."""

    http_status: int
    status: int | None
    words: str
    message: bytes


async def call(
    stream: Stream, watch: Stopwatch, headers: Mapping[str, str], message: bytes
) -> Reply:
    """Make a unary call. Raises ProtocolError, OSError."""
    exchange = Exchange(stream, watch)
    sent = [(name.encode(), value.encode()) for name, value in headers.items()]
    await exchange.ask(sent, _framed(message))
    head = await exchange.head()
    data = b""
    while part := await exchange.read():
        data += part
        if len(data) > _LIMIT_BYTES:
            raise BadGrpcError(f"its message is longer than {_LIMIT_BYTES:,} bytes")
    told = {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in (*head, *exchange.trailers)
    }
    status = told.get("grpc-status", "")
    return Reply(
        http_status=int(told.get(":status", "0")),
        status=int(status) if status.isascii() and status.isdecimal() else None,
        words=unquote(told.get("grpc-message", "")),
        message=data,
    )


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
