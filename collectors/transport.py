"""HTTP/1.1 for httpx on connections that serve one request and are then closed."""

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable
from contextlib import aclosing
from typing import cast

import httpcore
import httpx

from collectors.client import Client, Request, Response
from collectors.decoding import BoundedBody
from collectors.proxy import Proxy
from collectors.resolve import Resolver
from collectors.stopwatch import Stopwatch
from collectors.stream import Stream, connect

Endpoint = tuple[str, str]  # host, and the name that its certificate should bear


class FreshTransport(httpx.AsyncBaseTransport):
    """One run's connections: every request makes its own, none is kept, none was there before.

    Failures come out as the system, OpenSSL or httpcore raised them.
    """

    def __init__(
        self,
        *,
        resolver: Resolver,
        watch: Stopwatch,
        context: ssl.SSLContext,
        give_up_at: float,
        named: Endpoint | None = None,
        proxy: Proxy | None = None,
    ) -> None:
        """`give_up_at` is in the event loop's time."""
        self._backend = _Backend(resolver, watch, give_up_at, proxy)
        self._proxy = proxy
        self._context = context
        self._named = named

    @property
    def stream(self) -> Stream | None:
        """The connection of the latest request."""
        return self._backend.stream

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.scheme not in ("http", "https"):
            raise httpx.UnsupportedProtocol(f"{request.url.scheme}:// is neither http nor https")
        self._backend.close()
        in_clear = self._proxy if request.url.scheme == "http" else None
        self._backend.tunnels = in_clear is None
        headers = request.headers.raw
        if in_clear is not None and in_clear.header is not None:
            headers = [*headers, (b"Proxy-Authorization", in_clear.header.encode())]
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        asked = url
        if in_clear is not None:
            asked = httpcore.URL(scheme=url.scheme, host=url.host, port=url.port, target=bytes(url))
        connection = httpcore.AsyncHTTPConnection(
            origin=url.origin, ssl_context=self._context, network_backend=self._backend
        )
        answer = await connection.handle_async_request(
            httpcore.Request(
                method=request.method,
                url=asked,
                headers=headers,
                content=request.stream,
                extensions=self._extensions(request.url.host),
            )
        )
        if in_clear is not None and answer.status == httpx.codes.PROXY_AUTHENTICATION_REQUIRED:
            raise httpx.ProxyError("it does not take our credentials: it answered 407")
        return httpx.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Body(cast(AsyncIterable[bytes], answer.stream)),
            extensions=answer.extensions,
        )

    def _extensions(self, host: str) -> dict[str, str]:
        if self._named is not None and self._named[0] == host:
            return {"sni_hostname": self._named[1]}
        return {}

    async def aclose(self) -> None:
        self._backend.close()


async def read_body(response: httpx.Response, limit: int) -> BoundedBody:
    """What is left of a streamed answer, decoded, up to the limit."""
    body = BoundedBody(response.headers.get("content-encoding", ""), limit)
    async with aclosing(cast(AsyncGenerator[bytes], response.aiter_raw())) as parts:
        async for part in parts:
            if not body.feed(part):
                break
        else:
            body.finish()
    return body


class OwnTransport(httpx.AsyncBaseTransport):
    """For httpx on a client of our own, which speaks HTTP/2 where its TLS agrees on it."""

    def __init__(self, client: Client, begun: httpx.Response | None = None) -> None:
        """`begun` answered the first request already."""
        self._client = client
        self._begun = begun

    @property
    def stream(self) -> Stream | None:
        """The connection of the latest request."""
        return self._client.stream

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._begun is not None:
            begun, self._begun = self._begun, None
            return begun
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = Request(request.url, headers, request.method, await request.aread())
        response = await self._client.send(asked)
        return httpx.Response(
            response.status,
            headers=list(response.raw_headers),
            stream=_Body(_pieces(response)),
            extensions={"http_version": response.http_version.encode()},
        )

    async def aclose(self) -> None:
        self._client.close()


async def _pieces(response: Response) -> AsyncIterator[bytes]:
    while part := await response.read():
        yield part


class _Body(httpx.AsyncByteStream):
    def __init__(self, parts: AsyncIterable[bytes]) -> None:
        self._parts = parts

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._parts)


class _Backend(httpcore.AsyncNetworkBackend):
    """Where httpcore gets its connections: timeouts are the run's own, not httpcore's."""

    def __init__(
        self, resolver: Resolver, watch: Stopwatch, give_up_at: float, proxy: Proxy | None
    ) -> None:
        self._resolver = resolver
        self._watch = watch
        self._give_up_at = give_up_at
        self._proxy = proxy
        self.tunnels = True
        self.stream: Stream | None = None

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the whole run has one
        local_address: str | None = None,  # noqa: ARG002 - never asked for
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002 - likewise
    ) -> httpcore.AsyncNetworkStream:
        self.stream = None
        if self._proxy is not None:
            self.stream = await self._proxy.reach(self._resolver, self._watch, self._give_up_at)
            if self.tunnels:
                await self._proxy.tunnel(self.stream, host, port, self._watch, self._give_up_at)
            return _CoreStream(self.stream)
        self.stream = await connect(
            host,
            port,
            resolver=self._resolver,
            watch=self._watch,
            give_up_at=self._give_up_at,
        )
        return _CoreStream(self.stream)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def close(self) -> None:
        if self.stream is not None:
            self.stream.close()


class _CoreStream(httpcore.AsyncNetworkStream):
    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return await self._stream.read(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        try:
            await self._stream.write(buffer)
        except (BrokenPipeError, ConnectionResetError) as error:
            # httpcore then still reads: a server may answer before it has read everything.
            raise httpcore.WriteError(str(error)) from error

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - the whole run has one
    ) -> httpcore.AsyncNetworkStream:
        await self._stream.start_tls(ssl_context, server_hostname or "")
        return self

    async def aclose(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> ssl.SSLObject | socket.socket | None:
        return self._stream.tls if info == "ssl_object" else None
