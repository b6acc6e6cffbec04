"""A forward proxy that a probe goes through: our own means, not the target.

It is reached, and asked for a tunnel, within most of the time that is left, so that one that hangs
is told from a target that does.
"""

import asyncio
import re
from typing import Self

import httpx
from pydantic import model_validator

from collectors.failure import BeyondProxyError
from collectors.observation import Phase
from collectors.resolve import Resolver
from collectors.settings import BasicAuth, Strict
from collectors.stopwatch import Stopwatch
from collectors.stream import Stream, connect
from collectors.target import HttpUrl

_SHARE = 0.8  # of the time that is left
_HEAD_BYTES = 16 * 1024
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})(?: ([^\r\n]*))?\r?\n")
_GATEWAY = {502, 504}  # what is on the other side did not answer; a 503 may speak of the proxy
_DEFAULT_PORT = 80


class ProxyOptions(Strict):
    """Which proxy, and who we are to it."""

    url: HttpUrl
    basic_auth: BasicAuth | None = None

    @model_validator(mode="after")
    def _is_in_clear(self) -> Self:
        if httpx.URL(self.url).scheme != "http":
            raise ValueError("a proxy is spoken to in clear: its address begins with http://")
        return self


class Proxy:
    """One run's way through a proxy. Raises httpx.ProxyError for what ails the proxy itself."""

    def __init__(self, options: ProxyOptions) -> None:
        self._url = httpx.URL(options.url)
        self.header = options.basic_auth.header if options.basic_auth is not None else None

    async def reach(self, resolver: Resolver, watch: Stopwatch, give_up_at: float) -> Stream:
        """A connection to the proxy."""
        loop = asyncio.get_running_loop()
        until = loop.time() + (give_up_at - loop.time()) * _SHARE
        try:
            async with asyncio.timeout_at(until):
                return await connect(
                    self._url.raw_host.decode("ascii"),
                    self._url.port or _DEFAULT_PORT,
                    resolver=resolver,
                    watch=watch,
                    give_up_at=until,
                )
        except OSError as error:  # TimeoutError and gaierror are some
            said = error.strerror or "it does not answer"
            raise httpx.ProxyError(f"it cannot be reached: {said.lower()}") from None

    async def tunnel(
        self, stream: Stream, host: str, port: int, watch: Stopwatch, give_up_at: float
    ) -> None:
        """Have the proxy connect to the target. Raises BeyondProxyError where that one is down."""
        watch.enter(Phase.CONNECT)
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        lines = [f"CONNECT {where} HTTP/1.1", f"Host: {where}"]
        lines += [f"Proxy-Authorization: {self.header}"] if self.header is not None else []
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(loop.time() + (give_up_at - loop.time()) * _SHARE):
                await stream.write("\r\n".join([*lines, "", ""]).encode())
                head = await _head(stream)
        except OSError:
            raise httpx.ProxyError("it does not answer to CONNECT") from None
        match = _STATUS.match(head)
        if match is None:
            raise httpx.ProxyError("its answer to CONNECT is not proper HTTP")
        status = int(match[1])
        if status in _GATEWAY:
            raise BeyondProxyError(f"our proxy cannot reach the target: it answered {status}")
        if status == httpx.codes.PROXY_AUTHENTICATION_REQUIRED:
            raise httpx.ProxyError("it does not take our credentials: it answered 407")
        if not httpx.codes.is_success(status):
            raise httpx.ProxyError(f"it answered {status} to CONNECT")
        watch.enter(Phase.PROCESSING)


async def _head(stream: Stream) -> bytes:
    # Nobody speaks first through a tunnel of TLS or HTTP but us: nothing is read too far.
    head = b""
    while b"\r\n\r\n" not in head:
        data = await stream.read(_HEAD_BYTES)
        head += data
        if not data or len(head) > _HEAD_BYTES:
            raise httpx.ProxyError("it broke off its answer to CONNECT")
    return head
