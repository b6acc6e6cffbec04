"""A vendor that misbehaves on the wire: each connection is answered from a script."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

HANG = b"hang"  # take the request, say nothing
RESET = b"reset"  # take the request, break the connection
ABORTED = b"aborted"  # take the request, reset the connection (RST)
TRICKLE = b"trickle"  # take the request, answer byte by byte and never whole
HALF_CLOSED = b"half-closed"  # take the request, say that nothing will be said, keep listening


def answer(status: int, body: bytes = b"", **headers: str) -> bytes:
    """An HTTP answer; header names with _ for -."""
    lines = [f"HTTP/1.1 {status} Something", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass(slots=True)
class Vendor:
    """What stands at `url`, what it says, and the requests that came there."""

    url: str
    script: Sequence[bytes]
    requests: list[bytes] = field(default_factory=list)

    @property
    def bodies(self) -> list[bytes]:
        return [request.partition(b"\r\n\r\n")[2] for request in self.requests]


@asynccontextmanager
async def vendor(
    *script: bytes, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[Vendor]:
    """Answer one connection after the other; when the script is over, the last one again."""
    tasks: set[asyncio.Task[None]] = set()
    stands = Vendor("", script)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(asyncio.CancelledError, OSError, asyncio.IncompleteReadError):
            await _serve(reader, writer, stands)
        writer.transport.abort()
        tasks.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    stands.url = f"{'https' if tls else 'http'}://{host}:{port}"
    try:
        yield stands
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)


async def _serve(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, stands: Vendor
) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for row in head.lower().split(b"\r\n"):
        if row.startswith(b"content-length:"):
            length = int(row.partition(b":")[2])
    stands.requests.append(head + await reader.readexactly(length))
    said = stands.script[min(len(stands.requests), len(stands.script)) - 1]
    if said == RESET:
        return
    if said == ABORTED:
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return
    if said == HALF_CLOSED:
        writer.write_eof()
        await reader.read()
        return
    if said == TRICKLE:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)
    if said == HANG:
        await asyncio.sleep(60)
    writer.write(said)
    await writer.drain()
    writer.close()
    await writer.wait_closed()
