"""A conversation in lines over one connection: in clear, and from some moment on under TLS."""

import ssl

from collectors.failure import ProtocolError
from collectors.observation import Phase
from collectors.size import format_size
from collectors.stopwatch import Stopwatch
from collectors.stream import Stream

LIMIT_BYTES = 16 * 1024


class TooMuchError(ProtocolError):
    """The target said more than anybody listens to."""

    protocol = "within bounds"

    def __init__(self) -> None:
        super().__init__(f"{format_size(LIMIT_BYTES)} came, and it went on")


class SmuggledError(ProtocolError):
    """Bytes came in clear where TLS was to begin: taken for an answer, they would pass as safe."""

    protocol = "followed by TLS alone"

    def __init__(self, size: int) -> None:
        super().__init__(f"{size} bytes came in clear behind it, from whomever they are")


class Lines:
    """What was said on either side. Never holds more than `LIMIT_BYTES`, all in all."""

    def __init__(self, stream: Stream, watch: Stopwatch) -> None:
        self._stream = stream
        self._watch = watch
        self._unread = bytearray()
        self.heard_bytes = 0

    async def say(self, data: bytes) -> None:
        """Send it; from now on time is the target's, until it answers. Raises OSError."""
        self._watch.enter(Phase.PROCESSING)
        await self._stream.write(data)

    async def line(self) -> bytes:
        """The next line with its end; without one where the target hung up, at last nothing.

        Raises OSError, ssl.SSLError, TooMuchError.
        """
        searched = 0
        while (end := self._unread.find(b"\n", searched)) < 0:
            searched = len(self._unread)
            if not await self._more():
                return self._take(len(self._unread))
        return self._take(end + 1)

    async def some(self, size: int) -> bytes:
        """As many bytes; fewer where the target hung up. Raises as `line`."""
        while len(self._unread) < size and await self._more():
            pass
        return self._take(size)

    @property
    def begun(self) -> bytes:
        """What came and was not taken yet: the beginning of a line."""
        return bytes(self._unread)

    async def start_tls(self, context: ssl.SSLContext, name: str) -> None:
        """Go on under TLS. Raises SmuggledError, ssl.SSLError, OSError; then nothing may be said.

        What an attacker on the way adds in clear behind the answer must not be read as if it had
        come under TLS (CVE-2011-0411).
        """
        self._watch.enter(Phase.TLS)
        self._unread += self._stream.arrived()
        if self._unread:
            raise SmuggledError(len(self._unread))
        await self._stream.start_tls(context, name)

    async def _more(self) -> bool:
        room = LIMIT_BYTES - self.heard_bytes
        if not room:
            raise TooMuchError
        part = await self._stream.read(room)
        self.heard_bytes += len(part)
        self._unread += part
        return bool(part)

    def _take(self, size: int) -> bytes:
        taken = bytes(self._unread[:size])
        del self._unread[:size]
        return taken
