"""Servers of HTTP/2 that say what a test hands them."""

import asyncio
from collections.abc import Callable, Sequence

import h2.config
import h2.connection
import h2.events

from tests.collectors.wire import Talk

Answering = Callable[[h2.connection.H2Connection, int], None]


def speaks(answer: Answering) -> Talk:
    """A server that answers each request, by its stream, as it is told to."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        http.initiate_connection()
        writer.write(http.data_to_send())
        while data := await reader.read(65536):
            for event in http.receive_data(data):
                if isinstance(event, h2.events.StreamEnded):
                    answer(http, event.stream_id)
            writer.write(http.data_to_send())

    return talk


def says(
    data: bytes,
    trailers: Sequence[tuple[str, str]] = (),
    status: str = "200",
    headers: Sequence[tuple[str, str]] = (),
) -> Answering:
    """A head, data, and what comes after them."""

    def answer(http: h2.connection.H2Connection, stream: int) -> None:
        http.send_headers(stream, [(":status", status), *headers])
        for at in range(0, len(data), 16384):
            http.send_data(stream, data[at : at + 16384])
        if not trailers:
            http.end_stream(stream)
        else:
            http.send_headers(stream, list(trailers), end_stream=True)

    return answer


def goes_away(http: h2.connection.H2Connection, stream: int) -> None:
    """An angry farewell."""
    del stream
    http.close_connection(error_code=11)


def resets(http: h2.connection.H2Connection, stream: int) -> None:
    """The request is refused."""
    http.reset_stream(stream, error_code=7)
