"""A name server on loopback that says what a test wants."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import dns.message
import dns.rcode
import dns.rrset

Answer = Callable[[dns.message.Message], dns.message.Message | None]  # None: silence


class _Names(asyncio.DatagramProtocol):
    """A name server; `answer` makes its answers."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._answer(dns.message.from_wire(data))
        if answer is not None:
            self._transport.sendto(answer.to_wire(), addr)


@asynccontextmanager
async def names(answer: Answer) -> AsyncIterator[list[str]]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Names(answer), local_addr=("127.0.0.1", 0)
    )
    try:
        yield [f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"]
    finally:
        transport.close()


@asynccontextmanager
async def streamed_names(
    answer: Answer,
    *,
    tls: ssl.SSLContext | None = None,
    at: tuple[str, int] = ("127.0.0.1", 0),
    junk: bytes | None = None,
) -> AsyncIterator[int]:
    """A name server over TCP, or TLS, and its port; `junk` is sent in the place of each answer."""
    open_: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                length = int.from_bytes(await reader.readexactly(2), "big")
                query = dns.message.from_wire(await reader.readexactly(length))
                if junk is not None:
                    writer.write(junk)
                    writer.close()
                elif (made := answer(query)) is not None:
                    wire = made.to_wire()
                    writer.write(len(wire).to_bytes(2, "big") + wire)

    server = await asyncio.start_server(serve, *at, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in open_:
            writer.transport.abort()


def says(*records: str) -> Answer:
    def answer(query: dns.message.Message) -> dns.message.Message:
        made = dns.message.make_response(query)
        question = query.question[0]
        if records:
            made.answer.append(
                dns.rrset.from_text(question.name, 60, "IN", question.rdtype, *records)
            )
        return made

    return answer


def only_a(address: str) -> Answer:
    """A name server that has no AAAA record."""
    said, nothing = says(address), says()

    def answer(query: dns.message.Message) -> dns.message.Message | None:
        return (said if query.question[0].rdtype == 1 else nothing)(query)

    return answer


def refuses(code: dns.rcode.Rcode) -> Answer:
    def answer(query: dns.message.Message) -> dns.message.Message:
        made = dns.message.make_response(query)
        made.set_rcode(code)
        return made

    return answer
