"""A connection that keeps no request head which is too large or too slow."""

import asyncio
from email.utils import formatdate
from functools import lru_cache
from time import time as clock

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEAD_BYTES = 64 * 1024
HEAD_WITHIN_SECONDS = 10.0
_PROBLEM = (
    b'{"type":"about:blank","title":"Request Header Fields Too Large","status":431,'
    b'"detail":"A request with more than 64 KiB before its body is not read.","instance":""}'
)
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: application/problem+json\r\nconnection: close\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(_PROBLEM), _PROBLEM)
)


@lru_cache(maxsize=1)
def _dated(second: int) -> list[tuple[bytes, bytes]]:
    """The headers of every answer of a second, as RFC 9110 has the date."""
    return [(b"date", formatdate(second, usegmt=True).encode())]


class Connection(HttpToolsProtocol):
    """uvicorn's protocol with both bounds; its own has neither."""

    _head_bytes = 0
    _in_head = True
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn
        """A client came: its first request is due."""
        super().connection_made(transport)
        self._await_head()
        self._date()

    def connection_lost(self, exc: Exception | None) -> None:
        """It went."""
        self._head_is_here()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes; while they belong to a head, they are counted."""
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > MOST_HEAD_BYTES:
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        """It is whole; what follows is the body, which the safety layer bounds."""
        self._head_is_here()
        self._date()
        super().on_headers_complete()

    def _date(self) -> None:
        self.server_state.default_headers = _dated(int(clock()))

    def _await_head(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_WITHIN_SECONDS, self.transport.close)
        self._in_head = True

    def _head_is_here(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._in_head, self._head_bytes = False, 0
