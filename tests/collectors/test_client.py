"""HTTP/1.1 as servers really speak it, byte by byte."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import closing

import httpx
import pytest

from collectors.certificate import HTTP_ALPN, Trust
from collectors.client import Client, Request, Response, is_secured, same_origin
from collectors.failure import ProtocolError
from collectors.resolve import Resolver
from collectors.stopwatch import Stopwatch
from tests.collectors.wire import Server, Talk, answer, ends, says

OK = "HTTP/1.1 200 OK\r\n"
CHUNKED = OK + "Transfer-Encoding: chunked\r\n\r\n"


def slowly(said: bytes) -> Talk:
    """Say it a byte at a time, each in a packet of its own, and close."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for at in range(len(said)):
            writer.write(said[at : at + 1])
            await writer.drain()
            await asyncio.sleep(0)
        writer.close()
        await writer.wait_closed()

    return talk


async def ask(talk: Talk, method: str = "GET") -> tuple[Response, bytes]:
    """One request of a server that talks so: the answer and its whole body."""
    async with Server(talk) as server:
        client = Client(
            resolver=Resolver(),
            watch=Stopwatch(time.monotonic),
            context=Trust(alpn=HTTP_ALPN).context(),
            give_up_at=asyncio.get_running_loop().time() + 20,
        )
        url = httpx.URL(f"http://127.0.0.1:{server.port}/")
        with closing(client):
            response = await client.send(Request(url, {"connection": "close"}, method=method))
            body = b""
            while part := await response.read():
                body += part
            return response, body


@pytest.mark.parametrize(
    ("said", "body"),
    [
        (OK + "Content-Length: 5\r\n\r\nhello", b"hello"),
        (OK + "Content-Length: 5\r\n\r\nhello and more", b"hello"),
        (OK + "Content-Length: 0\r\n\r\n", b""),
        (OK + "\r\nhello", b"hello"),
        (CHUNKED + "2\r\nhe\r\n3;why=not\r\nllo\r\n0\r\n\r\n", b"hello"),
        (CHUNKED + "5\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\nHTTP/1.1 500 No\r\n\r\n", b"hello"),
        ("HTTP/1.1 103 Early Hints\r\nX-Hint: 1\r\n\r\n" + OK + "\r\nhello", b"hello"),
        ("HTTP/1.0 200 OK\r\n\r\nhello", b"hello"),
        ("HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
    ],
    ids=["length", "more", "empty", "to the end", "chunks", "trailer", "interim", "1.0", "bare"],
)
@pytest.mark.parametrize("talk", [ends, slowly])
async def test_a_body_ends_where_its_framing_says(
    said: str, body: bytes, talk: Callable[[bytes], Talk]
) -> None:
    response, came = await ask(talk(said.encode()))

    assert response.status == 200
    assert came == body
    assert not {"x-hint", "x-trailer"} & response.headers.keys()


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_some_answers_have_no_body(status: str) -> None:
    response, came = await ask(says(f"HTTP/1.1 {status}\r\n\r\n".encode()))

    assert f"{response.status} {response.reason}" == status
    assert came == b""


async def test_the_answer_to_head_has_no_body() -> None:
    response, came = await ask(says(OK.encode() + b"Content-Length: 5\r\n\r\n"), "HEAD")

    assert response.headers["content-length"] == "5"
    assert came == b""


async def test_a_header_that_comes_twice_is_joined() -> None:
    response, _ = await ask(says(answer(headers="Vary: a\r\nvary: b\r\n")))

    assert response.headers["vary"] == "a, b"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("", "before it answered"),
        (OK + "Content-Le", "before it answered"),
        ("hello\r\n\r\n", "HTTP"),
        (OK + "Content-Length: 5\r\n\r\nhell", "1 bytes before"),
        (CHUNKED + "5\r\nhello\r\n", "before the last chunk"),
        (CHUNKED + "five\r\nhello\r\n0\r\n\r\n", "chunk"),
        (OK + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "Content-Length"),
        (OK + "Content-Length: -5\r\n\r\nhello", "Content-Length"),
        ("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", "another protocol"),
        (OK + "X-Long: " + "x" * 300_000, "longer than 102,400 bytes"),
    ],
    ids=[
        "nothing", "half a head", "no HTTP", "short", "no last chunk", "no chunk", "two lengths",
        "negative", "upgrade", "endless head",
    ],
)  # fmt: skip
async def test_what_is_not_proper_http_is_said(said: str, words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        await ask(ends(said.encode()))


@pytest.mark.parametrize(
    ("status", "location", "leads_to"),
    [
        (302, "/there?a=1", "http://shop.example:81/there?a=1"),
        (301, "https://other.example/", "https://other.example/"),
        (308, "//other.example/x", "http://other.example/x"),
        (307, "there", "http://shop.example:81/a/there"),
        (200, "/there", None),
        (304, "/there", None),
        (302, None, None),
    ],
)
def test_a_redirect_leads_where_its_location_says(
    status: int, location: str | None, leads_to: str | None
) -> None:
    headers: Mapping[str, str] = {} if location is None else {"location": location}
    response = Response(status, "", "HTTP/1.1", headers, None)  # type: ignore[arg-type]

    found = response.redirect(httpx.URL("http://shop.example:81/a/b"))
    assert found == (None if leads_to is None else httpx.URL(leads_to))


def test_a_redirect_to_nowhere_is_said() -> None:
    response = Response(302, "", "HTTP/1.1", {"location": "http://[::/"}, None)  # type: ignore[arg-type]

    with pytest.raises(ProtocolError, match="no valid address"):
        response.redirect(httpx.URL("http://shop.example/"))


def test_a_request_is_sent_as_it_was_made() -> None:
    url = httpx.URL("http://shop.example:81/a b?c=ü")

    assert Request(url, {"accept": "*/*"}).encoded() == (
        b"GET /a%20b?c=%C3%BC HTTP/1.1\r\nhost: shop.example:81\r\naccept: */*\r\n\r\n"
    )
    assert Request(url, {"host": "me"}, "POST", b"hi").encoded() == (
        b"POST /a%20b?c=%C3%BC HTTP/1.1\r\nhost: me\r\ncontent-length: 2\r\n\r\nhi"
    )
    with pytest.raises(httpx.LocalProtocolError):
        Request(url, {"x": "1\r\ny: 2"}).encoded()


@pytest.mark.parametrize(
    ("one", "other", "same", "secured"),
    [
        ("http://a/", "http://a:80/x", True, False),
        ("http://a/", "http://a:81/", False, False),
        ("http://a/", "https://a/", False, True),
        ("http://a:81/", "https://a/", False, False),
        ("https://a/", "http://a/", False, False),
        ("http://a/", "https://b/", False, False),
    ],
)
def test_origins_are_scheme_host_and_port(one: str, other: str, same: bool, secured: bool) -> None:
    assert same_origin(httpx.URL(one), httpx.URL(other)) is same
    assert is_secured(httpx.URL(one), httpx.URL(other)) is secured
