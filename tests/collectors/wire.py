"""Servers that say exactly the bytes that a test hands them, over clear TCP or TLS."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import trustme

from collectors.http import HttpConfig, HttpProbe
from collectors.means import Means
from collectors.observation import Observation
from collectors.resolve import Resolver
from collectors.runnable import Runnable
from nines.clock import SystemClock

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
DUE = datetime(2026, 11, 21, 12, tzinfo=UTC)
TIMEOUT = timedelta(seconds=20)  # for runs that end by themselves
SHORT = timedelta(milliseconds=250)  # for runs that must be ended


class Server:
    """A TCP server on the loopback; every connection is handed to `talk`."""

    def __init__(
        self,
        talk: Talk,
        context: ssl.SSLContext | None = None,
        at: tuple[str, int] = ("127.0.0.1", 0),
    ) -> None:
        self._at = at
        self._talk = talk
        self._context = context
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections = 0
        self.connected = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, *self._at, ssl=self._context)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def all_hung_up(self) -> None:
        """Wait until no connection is open any more."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        self.connected.set()
        try:
            await self._talk(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the probe hung up, as it may
        except asyncio.CancelledError:
            pass  # asyncio's own callback would log a cancelled handler as an error
        finally:
            writer.transport.abort()


def answer(body: bytes = b"ok", status: str = "200 OK", headers: str = "") -> bytes:
    """A whole HTTP answer."""
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def says(*answers: bytes) -> Talk:
    """Read a request and say an answer: the first to the first connection, the last to the rest."""
    left = list(answers)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(left.pop(0) if len(left) > 1 else left[0])
        await writer.drain()
        await reader.read()

    return talk


def keeps(heads: list[bytes], said: bytes) -> Talk:
    """Keep what is asked, and say an answer."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(said)
        await reader.read()

    return talk


def ends(said: bytes) -> Talk:
    """Read a request, say something, and close in good order."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        writer.close()
        await writer.wait_closed()

    return talk


def script(*turns: bytes, heard: list[bytes] | None = None, hangs_up: bool = True) -> Talk:
    """Say the first, and each of the next after a line was heard."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number, turn in enumerate(turns):
            if number:
                line = await reader.readline()
                if heard is not None:
                    heard.append(line)
            writer.write(turn)
            await writer.drain()
        if hangs_up:
            writer.write_eof()
        rest = await reader.read()
        if heard is not None and rest:
            heard.append(rest)

    return talk


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take everything, say nothing."""
    del writer
    while await reader.read(65536):
        pass


def server_context(
    authority: trustme.CA, name: str = "127.0.0.1", expires: datetime | None = None
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name, not_after=expires).configure_cert(context)
    return context


async def look(probe: Runnable) -> Observation:
    """One run by the machine's own clock."""
    try:
        return await probe.run(DUE, SystemClock())
    finally:
        await probe.close()


def http(
    url: str,
    *,
    timeout: timedelta = TIMEOUT,
    resolver: Resolver | None = None,
    **settings: object,
) -> HttpProbe:
    """A probe as the configuration would make it."""
    return HttpProbe(
        "shop/health",
        HttpConfig.model_validate({"http": url, **settings}),
        Means(timedelta(seconds=10), timeout, resolver or Resolver()),
    )
