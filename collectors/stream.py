"""One TCP connection, in clear or under TLS, with the time of each phase told apart.

Sockets are driven directly: a run must end by closing its descriptor at once, without asyncio's
transports, which linger for a TLS farewell, and without any state that a next run could inherit.
"""

import asyncio
import contextlib
import errno
import os
import socket
import ssl
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from collectors.certificate import UntrustedError
from collectors.failure import RefusedAtError, translate
from collectors.observation import Outcome, Phase
from collectors.resolve import Address, Resolver
from collectors.stopwatch import Stopwatch

_READ_BYTES = 64 * 1024
_AT_ONCE = 8  # reads in a row


class Stream:
    """A connected socket. Errors come out as the system and OpenSSL raised them."""

    def __init__(self, sock: socket.socket, address: Address, watch: Stopwatch) -> None:
        self.address = address
        self.tls: ssl.SSLObject | None = None
        self._sock = sock
        self._watch = watch
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._hurried = 0
        self._is_sealed = False

    @property
    def own_host(self) -> str:
        """This side's address."""
        host: str = self._sock.getsockname()[0]
        return host

    async def start_tls(
        self, context: ssl.SSLContext, server_name: str, *, speaks_first: bool = False
    ) -> None:
        """Make the handshake, always a full one. Raises ssl.SSLError, OSError.

        Who `speaks_first` writes at once: what ends our handshake (TLS 1.3) goes out with that.
        """
        self._watch.enter(Phase.TLS)
        self._is_sealed = True
        tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                await self._feed()
            except ssl.SSLError as error:
                # Our alert says why; the target's log should have it too.
                with contextlib.suppress(OSError):
                    await self._flush()
                if isinstance(error, ssl.SSLCertVerificationError):
                    raise UntrustedError(error, tls) from error
                raise
            else:
                break
        if not speaks_first:
            await self._flush()
        self.tls = tls
        self._watch.enter(Phase.PROCESSING)

    @property
    def agreed(self) -> str | None:
        """The protocol that both sides of TLS agreed on (ALPN)."""
        return self.tls.selected_alpn_protocol() if self.tls is not None else None

    async def write(self, data: bytes) -> None:
        """Send everything. Raises OSError."""
        if self.tls is None:
            if self._is_sealed:
                raise RuntimeError("nothing is sent in clear once TLS was to begin")
            await self._send(data)
            return
        self.tls.write(data)
        await self._flush()

    async def read(self, max_bytes: int) -> bytes:
        """What came, empty at the end. The first byte ends the processing phase."""
        data = await self._receive(max_bytes)
        if data and self._watch.phase is Phase.PROCESSING:
            self._watch.enter(Phase.TRANSFER)
        return data

    def arrived(self) -> bytes:
        """What has come by now and nobody read; in clear, before TLS began. Raises OSError."""
        with contextlib.suppress(BlockingIOError):
            return self._sock.recv(_READ_BYTES)
        return b""

    async def _receive(self, max_bytes: int) -> bytes:
        if self.tls is None:
            return self._at_once(max_bytes) or await asyncio.get_running_loop().sock_recv(
                self._sock, max_bytes
            )
        # To ask OpenSSL for what cannot be there costs an exception.
        if not (self._incoming.pending or self.tls.pending() or self._incoming.eof):
            await self._flush()
            await self._feed()
        while True:
            try:
                return self.tls.read(max_bytes)
            except ssl.SSLWantReadError:
                await self._flush()
                await self._feed()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                # Many servers hang up without a farewell; HTTP's own framing finds what is cut off.
                return b""

    def _at_once(self, max_bytes: int) -> bytes | None:
        """What is there already costs no turn of the loop, but now and then: others wait too."""
        self._hurried = (self._hurried + 1) % _AT_ONCE
        if not self._hurried:
            return None
        with contextlib.suppress(BlockingIOError):
            return self._sock.recv(max_bytes)
        return None

    async def _feed(self) -> None:
        data = await asyncio.get_running_loop().sock_recv(self._sock, _READ_BYTES)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    async def _flush(self) -> None:
        if data := self._outgoing.read():
            await self._send(data)

    async def _send(self, data: bytes) -> None:
        sent = 0
        with contextlib.suppress(BlockingIOError):
            sent = self._sock.send(data)
        if sent < len(data):
            await asyncio.get_running_loop().sock_sendall(self._sock, data[sent:])

    def close(self) -> None:
        """Close the socket at once."""
        self._sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


async def connect(
    host: str, port: int, *, resolver: Resolver, watch: Stopwatch, give_up_at: float
) -> Stream:
    """Try the host's addresses in order, each with its share of the time up to `give_up_at`.

    `give_up_at` is in the event loop's time. Raises socket.gaierror, OSError, TimeoutError: of
    several failures the one that speaks of the target rather than of this machine.
    """
    watch.enter(Phase.RESOLVE)
    addresses = await resolver.resolve(host, port)
    watch.enter(Phase.CONNECT)
    failures: list[OSError] = []
    for tried, address in enumerate(addresses):
        now = asyncio.get_running_loop().time()
        try:
            sock = await _open(address, now + (give_up_at - now) / (len(addresses) - tried))
        except OSError as error:  # TimeoutError is one
            failures.append(error)
        else:
            watch.enter(Phase.PROCESSING)
            return Stream(sock, address, watch)
    raise most_telling(failures)


async def _open(address: Address, give_up_at: float) -> socket.socket:
    # Not by the loop's sock_connect: uvloop's looks the address up once more.
    sock = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        trouble = sock.connect_ex(address.sockaddr)
        if trouble == errno.EINPROGRESS:
            await _writable(sock, give_up_at)
            trouble = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    except BaseException:
        sock.close()
        raise
    if not trouble:
        return sock
    sock.close()
    if trouble == errno.ECONNREFUSED:
        raise RefusedAtError(address.endpoint)
    raise OSError(trouble, os.strerror(trouble))


async def _writable(sock: socket.socket, give_up_at: float) -> None:
    """Until the system says so. Raises TimeoutError."""
    loop = asyncio.get_running_loop()
    said = loop.create_future()
    loop.add_writer(sock, _settle, said)
    bound = loop.call_at(give_up_at, _settle, said, TimeoutError())
    try:
        await said
    finally:
        bound.cancel()
        loop.remove_writer(sock)


def _settle(said: "asyncio.Future[None]", late: TimeoutError | None = None) -> None:
    if said.done():
        return
    if late is not None:
        said.set_exception(late)
    else:
        said.set_result(None)


def most_telling(failures: Sequence[OSError]) -> OSError:
    """The failure that speaks of the target rather than of this machine, if there is one."""
    for failure in failures:
        if translate(failure, Phase.CONNECT)[0] is Outcome.FAILED:
            return failure
    return failures[-1]
