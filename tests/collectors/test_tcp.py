"""What a TCP port says, and what it does not."""

import asyncio
import socket
from datetime import timedelta

from collectors.means import Means
from collectors.observation import Cause, Outcome, Phase
from collectors.resolve import Resolver
from collectors.tcp import TcpConfig, TcpProbe
from tests.collectors.wire import SHORT, TIMEOUT, Server, Talk, hang, look


def tcp(port: int, timeout: timedelta = TIMEOUT, **settings: object) -> TcpProbe:
    config = TcpConfig.model_validate({"tcp": f"127.0.0.1:{port}", **settings})
    return TcpProbe(
        "shop/redis",
        config,
        Means(timedelta(seconds=10), timeout, Resolver()),
    )


def replies(asked: bytes, *parts: bytes) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(asked))
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.01)
        writer.write_eof()
        await reader.read()

    return talk


async def test_an_open_port_passes() -> None:
    async with Server(hang) as server:
        seen = await look(tcp(server.port))
        await server.all_hung_up()

    assert (seen.outcome, seen.address) == (Outcome.PASSED, "127.0.0.1")
    assert sum(seen.phases.values(), timedelta(0)) == seen.duration


async def test_a_closed_port_fails_in_connect() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        seen = await look(tcp(bound.getsockname()[1]))

    assert (seen.outcome, seen.cause, seen.phase) == (
        Outcome.FAILED,
        Cause.CONNECT,
        Phase.CONNECT,
    )


async def test_an_expected_answer_passes_even_in_pieces() -> None:
    async with Server(replies(b"PING\r\n", b"+PO", b"NG\r\n")) as server:
        seen = await look(tcp(server.port, send="PING\r\n", expect="+PONG"))

    assert seen.outcome is Outcome.PASSED


async def test_another_answer_fails_the_body_and_is_shown() -> None:
    async with Server(replies(b"", b"-LOADING Redis is loading\r\n")) as server:
        seen = await look(tcp(server.port, expect="+PONG"))

    assert (seen.outcome, seen.cause, seen.phase) == (Outcome.FAILED, Cause.BODY, Phase.JUDGE)
    assert "'+PONG'" in seen.detail
    assert "-LOADING Redis" in seen.detail


async def test_an_answer_that_never_comes_times_out() -> None:
    async with Server(hang) as server:
        seen = await look(tcp(server.port, SHORT, expect="220 "))
        await server.all_hung_up()

    assert (seen.cause, seen.phase) == (Cause.TIMEOUT, Phase.PROCESSING)


async def test_what_comes_after_four_kibibytes_is_not_looked_at() -> None:
    async with Server(replies(b"", b"x" * 4096 + b"220 ")) as server:
        seen = await look(tcp(server.port, expect="220 "))

    assert (seen.cause, seen.body_bytes) == (Cause.BODY, 4096)
