"""A small HTTP server for simulated platforms: it can answer, and it can fail as real ones do."""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from http import HTTPStatus

_HEAD_LIMIT = 16 * 1024
_BODY_LIMIT = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """What is sent; `delay` seconds pass before the first byte."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0


class Misbehaviour(StrEnum):
    """Answers that are none."""

    HANG = "hang"  # accept, read, say nothing
    RESET = "reset"  # close in the middle of the head


Handler = Callable[[Request], Response | Misbehaviour]


class HttpServer:
    """Serves one handler on loopback; one request a connection. `refuse()` closes the port.

    `linger` lets an answer's delay pass.
    """

    def __init__(
        self,
        handler: Handler,
        port: int = 0,
        host: str = "127.0.0.1",
        *,
        linger: Callable[[float], Awaitable[None]] = asyncio.sleep,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._handler, self._linger, self._tls = handler, linger, tls
        self._host, self.port = host, port
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://{self._host}:{self.port}"

    async def start(self) -> None:
        """Open the port; 0 picks a free one, kept from then on."""
        self._server = await asyncio.start_server(
            self._accept, self._host, self.port, ssl=self._tls
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Close the port: connections are refused until `start` is called again."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)
        try:
            await self._answer(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
            pass  # the client's affair: a prober may leave whenever it likes
        except asyncio.CancelledError:
            pass  # the port closes under an open connection: that is what a crash looks like
        finally:
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(10):
            head = await reader.readuntil(b"\r\n\r\n")
            request = _request(head)
            length = int(request.headers.get("content-length", 0))
            if len(head) > _HEAD_LIMIT or length > _BODY_LIMIT:
                return
            request = replace(request, body=await reader.readexactly(length))
        answer = self._handler(request)
        if answer is Misbehaviour.HANG:
            await asyncio.sleep(30)
            return
        if isinstance(answer, Misbehaviour):
            writer.write(b"HTTP/1.1 200")
            await writer.drain()
            return
        if answer.delay:
            await self._linger(answer.delay)
        reason = HTTPStatus(answer.status).phrase
        lines = [
            f"HTTP/1.1 {answer.status} {reason}",
            f"Content-Type: {answer.content_type}",
            f"Content-Length: {len(answer.body)}",
            "Connection: close",
            *(f"{name}: {value}" for name, value in answer.headers.items()),
        ]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + answer.body)
        await writer.drain()


def _request(head: bytes) -> Request:
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {}
    for line in lines:
        name, found, value = line.partition(":")
        if found:
            headers[name.strip().lower()] = value.strip()
    return Request(method, path.partition("?")[0], headers)
