"""A name server on loopback that says what a test wants."""

import asyncio
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
async def names(
    answer: Answer,
) -> AsyncIterator[list[str]]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Names(answer), local_addr=("127.0.0.1", 0)
    )
    try:
        yield [f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"]
    finally:
        transport.close()


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


def refuses(code: dns.rcode.Rcode) -> Answer:
    def answer(query: dns.message.Message) -> dns.message.Message:
        made = dns.message.make_response(query)
        made.set_rcode(code)
        return made

    return answer
