"""Whatever bytes a target sends are its own failure, never one of ours."""

import asyncio
import random
import re

import h2.config
import h2.connection
import h2.events
import pytest

from collectors.observation import Outcome
from tests.collectors.test_grpc import probe as grpc
from tests.collectors.test_websocket import accepted, frame
from tests.collectors.test_websocket import probe as websocket
from tests.collectors.wire import Server, Talk, look

SEEDS = range(60)


def mangled(said: bytes, seed: int) -> bytes:
    """Bytes changed, lost, added or cut off, in one place or in a few."""
    chance, bent = random.Random(seed), bytearray(said)  # noqa: S311 - no secret
    for _ in range(chance.choice([1, 1, 2, 4])):
        at = chance.randrange(len(bent))
        match chance.randrange(4):
            case 0:
                bent[at] = chance.randrange(256)
            case 1:
                del bent[at : at + chance.randrange(1, 8)]
            case 2:
                bent[at:at] = chance.randbytes(chance.randrange(1, 8))
            case _:
                del bent[max(1, at) :]
        bent = bent or bytearray(b"\0")
    return bytes(bent)


async def say(said: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(said)
    await writer.drain()
    writer.write_eof()
    await reader.read()


def a_websocket(seed: int) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = (await reader.readuntil(b"\r\n\r\n")).decode()
        (key,) = re.findall(r"Sec-WebSocket-Key: (\S+)", asked)
        head = (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accepted(key)}\r\n\r\n"
        ).encode()
        frames = [frame(1, b"hel", fin=False), frame(9, b"p"), frame(0, b"lo"), frame(10, b"nines")]
        said = b"".join(frames) + frame(8, b"\x03\xe8bye")
        bends_head = seed % 3 == 0
        whole = mangled(head, seed) + said if bends_head else head + mangled(said, seed)
        await say(whole, reader, writer)

    return talk


def a_call(seed: int) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        http.initiate_connection()
        said = http.data_to_send()
        while data := await reader.read(65536):
            for event in http.receive_data(data):
                if isinstance(event, h2.events.StreamEnded):
                    head = [(":status", "200"), ("content-type", "application/grpc")]
                    http.send_headers(event.stream_id, head)
                    http.send_data(event.stream_id, b"\0\0\0\0\2\x08\x01")
                    end = [("grpc-status", "0"), ("grpc-message", "fine%20day")]
                    http.send_headers(event.stream_id, end, end_stream=True)
                    said += http.data_to_send()
                    await say(mangled(said, seed), reader, writer)
                    return

    return talk


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_mangled_websocket_is_the_target_s(seed: int) -> None:
    async with Server(a_websocket(seed)) as server:
        seen = await look(websocket(f"ws://127.0.0.1:{server.port}", expect="hello", ping=True))

    assert seen.outcome in (Outcome.PASSED, Outcome.FAILED), seen.detail


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_mangled_call_is_the_target_s(seed: int) -> None:
    async with Server(a_call(seed)) as server:
        seen = await look(grpc(server.port))

    assert seen.outcome in (Outcome.PASSED, Outcome.FAILED), seen.detail
