"""One request on a connection of its own: what is sent, and which answers there are."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from alerting.receivers.call import Call, Spare, UnreachedError, make

TLS = ssl.create_default_context()
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def says(*parts: bytes, heard: list[bytes] | None = None) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            (length,) = [
                int(line.partition(b":")[2])
                for line in head.split(b"\r\n")
                if line.startswith(b"content-length")
            ]
            body = await reader.readexactly(length)
            if heard is not None:
                heard.append(head + body)
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0)
        except (OSError, asyncio.IncompleteReadError):
            pass  # whoever called hung up
        finally:
            writer.close()

    return talk


@asynccontextmanager
async def serving(talk: Talk, host: str = "127.0.0.1") -> AsyncIterator[int]:
    server = await asyncio.start_server(talk, host, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def post(port: int, host: str = "127.0.0.1", content: bytes = b"{}", **headers: str) -> Call:
    return Call("POST", f"http://{host}:{port}/hook?a=b", headers, content)


async def test_it_is_sent_whole_and_the_answer_read() -> None:
    heard: list[bytes] = []
    content = b"x" * 3_000_000  # more than a socket takes at once
    async with serving(says(b"HTTP/1.1 202 Accepted\r\nX-A: 1\r\nX-A: 2\r\n", b"Content-Length: 2"
                            b"\r\n\r\n", b"ok", heard=heard)) as port:  # fmt: skip
        said = await make(post(port, content=content, **{"Content-Type": "a/b"}), TLS, 100)

    assert (said.status, said.headers["x-a"], said.body) == (202, "1, 2", b"ok")
    head, _, body = heard[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /hook?a=b HTTP/1.1\r\nhost: 127.0.0.1:")
    assert b"\r\ncontent-type: a/b" in head
    assert body == content


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, b"until the "),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, b"ok"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 OK\r\ncontent-length:0\r\n\r\n", 201, b""),
        (b"HTTP/1.1 500 Oops\r\nContent-Length: 999999999\r\n\r\n" + b"y" * 20, 500, b"y" * 10),
        (b"HTTP/1.1 307 Elsewhere\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", 307, b""),
    ],
)  # fmt: skip
async def test_answers_of_every_framing(answer: bytes, status: int, body: bytes) -> None:
    async with serving(says(answer)) as port:
        said = await make(post(port), TLS, 10)

    assert (said.status, said.body) == (status, body)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhal",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000,
    ],
    ids=["silence", "half a head", "half a body", "another protocol", "a head without an end"],
)
async def test_what_is_no_whole_answer_may_have_arrived(answer: bytes) -> None:
    async with serving(says(answer)) as port:
        with pytest.raises(OSError):  # noqa: PT011 - of whatever kind
            await make(post(port), TLS, 10)


async def test_where_nobody_listens_nothing_was_sent() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(UnreachedError):
            await make(post(taken.getsockname()[1]), TLS, 10)


async def test_where_tls_fails_nothing_was_sent() -> None:
    async with serving(says(b"HTTP/1.1 200 OK\r\n\r\n")) as port:
        with pytest.raises(UnreachedError):
            await make(Call("POST", f"https://127.0.0.1:{port}/", {}, b""), TLS, 10)


async def test_of_several_addresses_the_one_that_answers_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving(says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as port:
        loop = asyncio.get_running_loop()

        async def two(*_: object, **__: object) -> list[tuple[object, ...]]:
            return [
                (family, socket.SOCK_STREAM, 6, "", address)
                for family, address in (
                    (socket.AF_INET6, ("::1", port, 0, 0)),
                    (socket.AF_INET, ("127.0.0.1", port)),
                )
            ]

        monkeypatch.setattr(loop, "getaddrinfo", two)
        said = await make(post(port, host="hook.example"), TLS, 10)

    assert said.status == 200


async def test_a_header_that_would_be_two_is_refused() -> None:
    with pytest.raises(ValueError, match="line break"):
        await make(Call("POST", "http://127.0.0.1:1/", {"X-A": "1\r\nX-B: 2"}, b""), TLS, 10)


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Keeping:
    """A server that says these on one connection after the other, and what it heard on each.

    None hangs up when it has heard a request, and so does the end of a connection's answers.
    """

    def __init__(self, *connections: tuple[bytes | None, ...]) -> None:
        self._answers = list(connections)
        self.heard: list[int] = []  # requests, by connection
        self.ended = asyncio.Event()  # the newest connection

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.ended.clear()
        answers, number = self._answers.pop(0), len(self.heard)
        self.heard.append(0)
        try:
            for answer in answers:
                await reader.readuntil(b"\r\n\r\n{}")
                self.heard[number] += 1
                if answer is None:
                    return
                writer.write(answer)
            if answers[-1] is OK:
                await reader.read(1)  # until the other side hangs up
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            self.ended.set()


async def asked(keeping: Keeping, times: int, spare: Spare) -> list[bytes]:
    async with serving(keeping.talk) as port:
        said = [(await make(post(port), TLS, 100, spare)).body for _ in range(times)]
        spare.close()
    return said


async def test_a_spare_connection_is_asked_again() -> None:
    keeping = Keeping((OK, OK, OK))

    assert await asked(keeping, 3, Spare()) == [b"ok"] * 3
    assert keeping.heard == [3]


@pytest.mark.parametrize(
    "first",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        OK + b"HTTP/1.1 408 Timeout\r\n\r\n",
    ],
)
async def test_one_that_does_not_go_on_is_not_kept(first: bytes) -> None:
    keeping = Keeping((first,), (OK,))

    assert await asked(keeping, 2, Spare()) == [b"ok"] * 2
    assert keeping.heard == [1, 1]


async def test_what_a_dying_spare_connection_took_is_said_again_on_a_new_one() -> None:
    keeping = Keeping((OK, None), (OK,))

    assert await asked(keeping, 2, Spare()) == [b"ok"] * 2
    assert keeping.heard == [2, 1]


async def test_half_an_answer_on_a_spare_connection_is_one_all_the_same() -> None:
    keeping = Keeping((OK, OK[:-1]), (OK,))

    with pytest.raises(OSError, match="closed before an answer"):
        await asked(keeping, 2, Spare())
    assert keeping.heard == [2]


async def test_a_spare_connection_is_closed_after_a_moment() -> None:
    keeping, spare = Keeping((OK,)), Spare(seconds=0.0)
    async with serving(keeping.talk) as port:
        await make(post(port), TLS, 100, spare)
        await asyncio.wait_for(keeping.ended.wait(), 5)

    assert spare.take() is None
