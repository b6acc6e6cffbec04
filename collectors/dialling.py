"""How a probe of a port reaches its target: one connection a run, closed at its end."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import Protocol

from collectors.certificate import Trust
from collectors.look import Look
from collectors.means import Means
from collectors.request import trust
from collectors.settings import TlsOptions
from collectors.stream import Stream, connect
from collectors.target import HostPort


class _Upgrades(Protocol):
    """A conversation that can go on under TLS."""

    async def start_tls(self, context: ssl.SSLContext, name: str) -> None: ...


class Dialling:
    """A host and port, and over TLS whom to trust and which name to expect."""

    def __init__(
        self, target: HostPort, means: Means, trust: Trust | None = None, name: str | None = None
    ) -> None:
        """`trust` is whom TLS trusts, None where none is spoken; `name` beside the host's own."""
        self._target = target
        self._means = means
        self._trust = trust
        self._name = name or target.host

    @classmethod
    def by(cls, target: HostPort, means: Means, tls: TlsOptions | None) -> "Dialling":
        """As options say, in clear without any. Raises ValueError in words: an unreadable file."""
        if tls is None:
            return cls(target, means)
        return cls(target, means, trust(tls, alpn=()), tls.server_name)

    @asynccontextmanager
    async def connected(self, look: Look, *, in_clear: bool = False) -> AsyncIterator[Stream]:
        """The connection, within the timeout of the run as a whole.

        With `in_clear`, `secure` begins TLS later. Raises OSError (TimeoutError and gaierror among
        them), ssl.SSLError.
        """
        async with asyncio.timeout(self._means.timeout.total_seconds()) as bound:
            stream = await connect(
                self._target.host,
                self._target.port,
                resolver=self._means.resolver,
                watch=look.watch,
                give_up_at=bound.when() or 0.0,
            )
            with closing(stream):
                look.address = str(stream.address)
                if self._trust is not None and not in_clear:
                    await stream.start_tls(self._trust.context(), self._name)
                look.at(stream)
                yield stream

    async def secure(self, talk: _Upgrades, stream: Stream, look: Look) -> None:
        """Go on under TLS on a connection that began in clear. Raises as `Lines.start_tls`."""
        if self._trust is None:
            raise RuntimeError("nobody said whom TLS is to trust")
        await talk.start_tls(self._trust.context(), self._name)
        look.at(stream)
