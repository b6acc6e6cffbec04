"""Redis's serialization protocol, as much of it as a probe says: commands, one answer each."""

from collectors.failure import ProtocolError
from collectors.stream import Stream

_LINE_LIMIT_BYTES = 64 * 1024


class BadRespError(ProtocolError):
    """What came is not Redis's protocol, or too long."""

    protocol = "Redis's protocol"


class RedisError(Exception):
    """The server answered a command with an error; the message is its own."""


class Resp:
    """Commands over one connection. An answer that is longer than `limit_bytes` is refused."""

    def __init__(self, stream: Stream, limit_bytes: int) -> None:
        self._stream = stream
        self._limit = limit_bytes
        self._came = bytearray()
        self.read_bytes = 0

    async def ask(self, *words: str) -> str:
        """A text, status or number. Raises RedisError, ProtocolError, OSError, EOFError."""
        parts = [word.encode() for word in words]
        framed = b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)
        await self._stream.write(b"*%d\r\n%b" % (len(parts), framed))
        line = await self._line()
        kind, rest = line[:1], line[1:].decode(errors="replace")
        match kind:
            case b"+" | b":":
                return rest
            case b"-":
                raise RedisError(rest)
            case b"$" if rest.isascii() and rest.isdigit():
                return (await self._bulk(int(rest))).decode(errors="replace")
        raise BadRespError(f"it begins with {line[:40].decode(errors='replace')!r}")

    async def _line(self) -> bytes:
        while (end := self._came.find(b"\r\n")) < 0:
            if len(self._came) > _LINE_LIMIT_BYTES:
                raise BadRespError(f"a line is longer than {_LINE_LIMIT_BYTES} bytes")
            await self._more()
        return self._take(end)

    async def _bulk(self, size: int) -> bytes:
        if size > self._limit:
            raise BadRespError(f"it has {size} bytes; at most {self._limit} are read")
        while len(self._came) < size + 2:
            await self._more()
        if self._came[size : size + 2] != b"\r\n":
            raise BadRespError("a text does not end where it says")
        return self._take(size)

    def _take(self, size: int) -> bytes:
        """The next bytes, without the line's end behind them."""
        taken = bytes(self._came[:size])
        del self._came[: size + 2]
        return taken

    async def _more(self) -> None:
        part = await self._stream.read(_LINE_LIMIT_BYTES)
        if not part:
            raise EOFError
        self.read_bytes += len(part)
        self._came += part
