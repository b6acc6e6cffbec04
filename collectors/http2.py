"""One request over HTTP/2 (RFC 9113), on a connection of its own."""

import contextlib
from collections.abc import Sequence

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from collectors.failure import ProtocolError
from collectors.observation import Phase
from collectors.stopwatch import Stopwatch
from collectors.stream import Stream

Headers = Sequence[tuple[bytes, bytes]]

_READ_BYTES = 64 * 1024
_BEFORE_HEAD_BYTES = 128 * 1024  # settings, interim answers, and the head itself
_FRAME_HEAD_BYTES = 9  # RFC 9113, 4.1: length, type, flags, stream
_SETTINGS = 4  # the type of a server's first frame
_WINDOW_BYTES = 1 << 20  # that may be under way to us


class BadHttp2Error(ProtocolError):
    """What came is no HTTP/2, or breaks off."""

    protocol = "proper HTTP/2"


class Exchange:
    """A request and its answer. All of it may raise ProtocolError, OSError."""

    def __init__(self, stream: Stream, watch: Stopwatch) -> None:
        self._stream = stream
        self._watch = watch
        config = h2.config.H2Configuration(client_side=True, header_encoding=None)
        self._h2 = h2.connection.H2Connection(config)
        self._id = 1
        self._incoming = bytearray()
        self._heard = 0
        self._has_settings = False
        self._head: Headers | None = None
        self._parts: list[bytes] = []
        self._ended = False
        self.trailers: Headers = ()  # once the body was read

    async def ask(self, headers: Headers, content: bytes = b"") -> None:
        """Send a request; its pseudo-headers come first, names are in lower case."""
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(_WINDOW_BYTES)
        self._id = self._h2.get_next_available_stream_id()
        self._h2.send_headers(self._id, headers, end_stream=not content)
        self._h2.increment_flow_control_window(_WINDOW_BYTES, self._id)
        await self._flush()
        while content and not self._ended:  # who answers early needs no more of it
            room = self._h2.local_flow_control_window(self._id)
            if not room:
                await self._hear()
                continue
            size = min(room, self._h2.max_outbound_frame_size, len(content))
            part, content = content[:size], content[size:]
            self._h2.send_data(self._id, part, end_stream=not content)
            await self._flush()

    async def head(self) -> Headers:
        """The answer's head, `:status` among it; interim answers are passed over."""
        while self._head is None:
            await self._hear()
            if self._head is None:
                # Settings came, which every server sends at once: the answer is still to come.
                self._watch.enter(Phase.PROCESSING)
                if self._heard > _BEFORE_HEAD_BYTES:
                    raise BadHttp2Error(f"no head is in its first {_BEFORE_HEAD_BYTES:,} bytes")
        return self._head

    async def read(self) -> bytes:
        """The next piece of the body; empty at its end."""
        while not self._parts and not self._ended:
            await self._hear()
        return self._parts.pop(0) if self._parts else b""

    async def _hear(self) -> None:
        data = await self._stream.read(_READ_BYTES)
        if not data:
            raise BadHttp2Error("the target closed the connection before the answer's end")
        self._heard += len(data)
        self._incoming += data
        # One after another: a farewell closes the library's state to the frames behind it.
        while (frame := self._frame()) is not None:
            try:
                events = self._h2.receive_data(frame)
            except (h2.exceptions.ProtocolError, UnicodeDecodeError) as error:
                if not self._ended:  # what follows a whole answer is nobody's
                    raise BadHttp2Error(str(error) or type(error).__name__) from None
                return
            for event in events:
                self._take(event)
        await self._flush()

    def _frame(self) -> bytes | None:
        """The next whole frame; that it is none is seen before more is waited for."""
        came = self._incoming
        if not self._has_settings and len(came) >= _FRAME_HEAD_BYTES:
            if came.startswith(b"HTTP/1."):
                raise BadHttp2Error("the target speaks HTTP/1 here")
            if came[3] != _SETTINGS:
                raise BadHttp2Error(f"it begins with {bytes(came[:20])!r}")
            self._has_settings = True
        size = _FRAME_HEAD_BYTES + int.from_bytes(came[:3], "big")
        if len(came) >= _FRAME_HEAD_BYTES and size > self._h2.max_inbound_frame_size + 9:
            raise BadHttp2Error(f"a frame has {size:,} bytes")
        if len(came) < _FRAME_HEAD_BYTES or len(came) < size:
            return None
        frame = bytes(came[:size])
        del came[:size]
        return frame

    def _take(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.ResponseReceived():
                self._head = [(bytes(name), bytes(value)) for name, value in event.headers or ()]
            case h2.events.TrailersReceived():
                self.trailers = [(bytes(name), bytes(value)) for name, value in event.headers or ()]
            case h2.events.DataReceived():
                if event.data:
                    self._parts.append(event.data)
                if not event.stream_ended:
                    self._h2.acknowledge_received_data(
                        event.flow_controlled_length or 0, event.stream_id or self._id
                    )
            case h2.events.StreamEnded():
                self._ended = True
            case h2.events.StreamReset():
                if not self._ended:
                    raise BadHttp2Error(
                        f"the target reset the request ({_named(event.error_code)})"
                    )
            case h2.events.ConnectionTerminated():
                self._farewell(event)
            case _:
                pass

    def _farewell(self, event: h2.events.ConnectionTerminated) -> None:
        """The target goes away; a request that it took before, it still answers (RFC 9113, 6.8)."""
        is_taken = (event.last_stream_id or 0) >= self._id
        if self._ended:
            return
        if event.error_code != h2.errors.ErrorCodes.NO_ERROR or not is_taken:
            raise BadHttp2Error(f"the target goes away ({_named(event.error_code)})")
        # The library takes a farewell for the end, and would refuse the answer behind it.
        self._h2.state_machine.state = h2.connection.ConnectionState.CLIENT_OPEN

    async def _flush(self) -> None:
        if data := self._h2.data_to_send():
            # Who answered may have hung up already; what it said is read.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                await self._stream.write(data)


def _named(code: object) -> str:
    return code.name if isinstance(code, h2.errors.ErrorCodes) else str(code)
