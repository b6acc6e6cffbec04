"""Serve the application until told to stop, and then really stop."""

import asyncio
import contextlib
import errno
import os
import socket
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import uvicorn
import uvloop
from starlette.types import ASGIApp

from web.connection import Connection

GRACE_SECONDS = 3
_BACKLOG = 2048
_MOST_CONNECTIONS = 2_000
Result = TypeVar("Result")


class ListenError(Exception):
    """We cannot listen where we should; the message is a sentence for the person on call."""


class _Server(uvicorn.Server):
    """uvicorn without signal handlers of its own: the wiring has them, and sets `stop`.

    Nor does it look ten times a second whether it should exit: `leave` tells it. The date that
    answers bear, which it renews by the way, is the connection's.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._leaving = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        await self._leaving.wait()

    def leave(self) -> None:
        """Stop serving, now."""
        self.should_exit = True
        self._leaving.set()


async def serve(
    app: ASGIApp,
    host: str,
    port: int,
    stop: asyncio.Event,
    on_started: Callable[[str, int], None],
) -> None:
    """Serve until `stop` is set; `on_started` hears the host and port really used (0: any free).

    Open streams end by the same event, so that within 5 s of it nothing is left open. Raises
    ListenError.
    """
    sockets = await listen(host, port)
    server = _Server(
        uvicorn.Config(
            app,
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=_MOST_CONNECTIONS,
            backlog=_BACKLOG,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )
    serving = asyncio.ensure_future(server.serve(sockets=sockets))
    stopping = asyncio.ensure_future(stop.wait())
    try:
        # The sockets queue connections already; uvicorn answers them once it has started.
        on_started(host, sockets[0].getsockname()[1])
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        server.leave()
        try:
            await serving
        finally:
            for one in sockets:
                one.close()


def run(main: Coroutine[Any, Any, Result]) -> Result:
    """Run on uvloop, as the server does in production."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


async def listen(host: str, port: int) -> list[socket.socket]:
    """Sockets on every address of the host, all on one port. Raises ListenError."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ListenError(f"{host!r} is not an address of this machine: {error}.") from error
    sockets: list[socket.socket] = []
    absent: OSError | None = None
    try:
        for family, _, _, _, address in dict.fromkeys(found):
            chosen = sockets[0].getsockname()[1] if sockets else port
            try:
                sockets.append(_bound(family, (address[0], chosen, *address[2:])))
            except OSError as error:
                # `localhost` may resolve to ::1 on a machine without IPv6.
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
                absent = error
        if not sockets:
            raise absent or OSError(errno.EADDRNOTAVAIL, "no address")
    except OSError as error:
        for one in sockets:
            one.close()
        raise ListenError(_why(error, host, port)) from error
    return sockets


def _bound(family: int, address: tuple[Any, ...]) -> socket.socket:
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(address)
        one.listen(_BACKLOG)
        one.setblocking(False)
    except OSError:
        one.close()
        raise
    return one


def _why(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            why = "another program listens there already; stop it, or set server.listen"
        case errno.EACCES:
            why = "this user may not use a port below 1024"
        case errno.EADDRNOTAVAIL:
            why = "it is not an address of this machine"
        case _:
            why = os.strerror(error.errno) if error.errno else str(error)
    return f"Nines cannot listen on {host}:{port}: {why}."
