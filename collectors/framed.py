"""A conversation in frames of a stated size over one connection, bounded in memory."""

import ssl

from collectors.failure import ProtocolError
from collectors.lines import SmuggledError
from collectors.observation import Phase
from collectors.size import format_size
from collectors.stopwatch import Stopwatch
from collectors.stream import Stream

LIMIT_BYTES = 1 << 20
_READ_BYTES = 64 * 1024


class TooLongError(ProtocolError):
    """The answer is longer than anybody reads; it is refused before it comes."""

    protocol = "within bounds"

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"more than {format_size(limit_bytes)} would come")


class Framed:
    """What is said, and what is heard in answer: at most `limit_bytes` after each saying."""

    def __init__(self, stream: Stream, watch: Stopwatch, limit_bytes: int = LIMIT_BYTES) -> None:
        self._stream = stream
        self._watch = watch
        self._limit = limit_bytes
        self._left = limit_bytes
        self._came = bytearray()

    async def say(self, data: bytes) -> None:
        """Send it; from now on time is the target's, until it answers. Raises OSError."""
        self._watch.enter(Phase.PROCESSING)
        self._left = self._limit
        await self._stream.write(data)

    async def take(self, size: int) -> bytes:
        """The next bytes, exactly. Raises TooLongError, EOFError, OSError, ssl.SSLError."""
        if size > self._left:
            raise TooLongError(self._limit)
        self._left -= size
        while len(self._came) < size:
            part = await self._stream.read(_READ_BYTES)
            if not part:
                raise EOFError
            self._came += part
        taken = bytes(self._came[:size])
        del self._came[:size]
        return taken

    async def start_tls(self, context: ssl.SSLContext, name: str) -> None:
        """Go on under TLS. Raises SmuggledError, ssl.SSLError, OSError; then nothing may be said.

        What came in clear behind the answer must not be read as if it had come under TLS.
        """
        self._watch.enter(Phase.TLS)
        self._came += self._stream.arrived()
        if self._came:
            raise SmuggledError(len(self._came))
        await self._stream.start_tls(context, name)
