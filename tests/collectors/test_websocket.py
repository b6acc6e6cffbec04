"""What a real WebSocket server tells, and servers that are none."""

import asyncio
import base64
import hashlib
import re
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import ValidationError
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from collectors.means import Means
from collectors.observation import Cause, Observation, Outcome, Phase
from collectors.resolve import Resolver
from collectors.websocket import WebSocketConfig, WebSocketProbe
from tests.collectors.wire import SHORT, TIMEOUT, Server, Talk, answer, ends, hang, look, says


def probe(url: str, timeout: timedelta = TIMEOUT, **settings: Any) -> WebSocketProbe:  # noqa: ANN401
    config = WebSocketConfig.model_validate({"websocket": url, **settings})
    return WebSocketProbe("shop/live", config, Means(timedelta(seconds=10), timeout, Resolver()))


class Live:
    """A real server: it greets, repeats, and keeps what it was asked with."""

    def __init__(self) -> None:
        self.asked: Request | None = None
        self.closed: list[int | None] = []

    async def __call__(self, connection: ServerConnection) -> None:
        self.asked = connection.request
        await connection.send("hello")
        async for message in connection:
            if message == "leave":
                await connection.close(1011, "the cache is gone, hush")
            await connection.send(f"you said {message!s}")
        self.closed.append(connection.close_code)


@asynccontextmanager
async def live(context: ssl.SSLContext | None = None) -> AsyncIterator[tuple[Live, str]]:
    serves = Live()

    def guard(connection: ServerConnection, request: Request) -> Response | None:
        if request.path == "/closed":
            return connection.respond(HTTPStatus.UNAUTHORIZED, "who are you?")
        return None

    async with serve(
        serves, "127.0.0.1", 0, ssl=context, process_request=guard,
        select_subprotocol=lambda _, offered: offered[0] if offered else None,
        subprotocols=[Subprotocol("chat.v2")], compression="deflate",
    ) as server:  # fmt: skip
        port = next(iter(server.sockets)).getsockname()[1]
        yield serves, f"{'ws' if context is None else 'wss'}://127.0.0.1:{port}"


async def test_a_server_that_switches_passes_and_is_left_in_good_order() -> None:
    async with live() as (server, url):
        seen = await look(probe(f"{url}/a?b=c"))

    assert (seen.outcome, seen.http_status, seen.warning) == (Outcome.PASSED, 101, None)
    assert server.asked is not None
    assert server.asked.path == "/a?b=c"
    assert server.closed == [1000]
    assert {Phase.CONNECT, Phase.PROCESSING, Phase.TRANSFER} <= set(seen.phases)
    assert sum(seen.phases.values(), timedelta(0)) == seen.duration


async def test_what_is_said_is_answered_later_than_the_greeting() -> None:
    async with live() as (_, url):
        told = await look(probe(url, send="ping 7", expect="said ping 7"))
        found = await look(probe(url, send="ping 7", expect_regex=r"^you said ping \d$"))

    assert (told.outcome, found.outcome) == (Outcome.PASSED, Outcome.PASSED)
    assert told.body_bytes == len("hello" + "you said ping 7")


async def test_a_ping_is_timed() -> None:
    async with live() as (_, url):
        seen = await look(probe(url, ping=True))

    assert seen.page is not None
    ((series, sample),) = seen.page.samples.items()
    assert str(series) == "websocket_ping_seconds"
    assert 0 < sample.value <= seen.duration.total_seconds()


async def test_headers_go_with_the_request_and_a_subprotocol_is_chosen() -> None:
    settings: dict[str, Any] = {
        "headers": {"Origin": "https://shop.example", "Host": "shop.example"}
    }
    async with live() as (server, url):
        seen = await look(probe(url, subprotocols=["chat.v2"], bearer_token="hush-1", **settings))

    assert seen.outcome is Outcome.PASSED
    assert server.asked is not None
    assert server.asked.headers["Authorization"] == "Bearer hush-1"
    assert server.asked.headers["Origin"] == "https://shop.example"
    assert server.asked.headers.get_all("Host") == ["shop.example"]


async def test_over_tls_the_certificate_is_checked_and_noted(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("live.example").configure_cert(context)
    trusted = {"ca_file": str(tmp_path / "ca.pem"), "server_name": "live.example"}
    async with live(context) as (_, url):
        seen = await look(probe(url, tls=trusted, ping=True))
        wary = await look(probe(url))

    assert (seen.outcome, seen.tls_version) == (Outcome.PASSED, "TLSv1.3")
    assert seen.certificate_expires is not None
    assert seen.phases[Phase.TLS] > timedelta(0)
    assert (wary.outcome, wary.cause) == (Outcome.FAILED, Cause.CERTIFICATE)


async def test_a_refusal_is_told_with_its_status_though_its_body_never_ends() -> None:
    endless = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nno"
    async with live() as (_, url), Server(says(endless)) as hanging:
        one = await look(probe(f"{url}/closed"))
        other = await look(probe(f"ws://127.0.0.1:{hanging.port}"))

    assert (one.outcome, one.cause, one.http_status) == (Outcome.FAILED, Cause.STATUS, 401)
    assert one.detail == "the status is 401; expected 101, which opens a WebSocket"
    assert (other.cause, other.http_status) == (Cause.STATUS, 403)


async def test_an_error_as_farewell_is_told_with_code_and_reason_but_no_secret() -> None:
    async with live() as (_, url):
        seen = await look(probe(url, send="leave", expect="never", bearer_token="hush"))

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.STATUS)
    assert "closed with 1011 (internal error): 'the cache is gone, ***'" in seen.detail
    assert "the last message is 'hello'" in seen.detail


async def test_a_subprotocol_that_nobody_chose_fails() -> None:
    async with Server(switched()) as server:
        seen = await look(probe(f"ws://127.0.0.1:{server.port}", subprotocols=["mqtt"]))

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.ASSERTION)
    assert seen.detail == "no subprotocol was chosen; expected mqtt"


def accepted(key: str) -> str:
    """RFC 6455, 4.2.2."""
    digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()  # noqa: S324
    return base64.b64encode(digest).decode()


def switched(
    *said: bytes, accept: Callable[[str], str] = accepted, more: str = "", ends: bool = False
) -> Talk:
    """Switch, say exactly these bytes, and then nothing."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        (key,) = re.findall(r"Sec-WebSocket-Key: (\S+)", head)
        lines = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        writer.write(f"{lines}Sec-WebSocket-Accept: {accept(key)}\r\n{more}\r\n".encode())
        for part in said:
            writer.write(part)
        await writer.drain()
        if ends:
            writer.write_eof()
        while await reader.read(65536):
            pass

    return talk


def frame(opcode: int, data: bytes, *, fin: bool = True, says_size: int | None = None) -> bytes:
    size = len(data) if says_size is None else says_size
    length = bytes([size]) if size < 126 else b"\x7f" + struct.pack("!Q", size)
    return bytes([opcode | (0x80 if fin else 0)]) + length + data


async def against(
    talk: Talk,
    timeout: timedelta = TIMEOUT,
    **settings: Any,  # noqa: ANN401
) -> Observation:
    async with Server(talk) as server:
        seen = await look(probe(f"ws://127.0.0.1:{server.port}", timeout, **settings))
        await server.all_hung_up()
        return seen


GREETED: dict[str, Any] = {"expect": "hello"}


@pytest.mark.parametrize(
    ("talk", "cause", "said"),
    [
        pytest.param(
            switched(accept=lambda _: "bm9uc2Vuc2U="), Cause.PROTOCOL,
            "invalid Sec-WebSocket-Accept header: bm9uc2Vuc2U=", id="another key",
        ),
        pytest.param(
            switched(more="Sec-WebSocket-Extensions: permessage-deflate\r\n"), Cause.PROTOCOL,
            "no extensions supported", id="an extension that nobody offered",
        ),
        pytest.param(says(b"220 mail ESMTP\r\n\r\n"), Cause.PROTOCOL, "not proper WebSocket",
                     id="another protocol"),
        pytest.param(says(answer()), Cause.STATUS, "the status is 200", id="a page"),
        pytest.param(ends(b""), Cause.PROTOCOL, "the connection broke", id="hung up"),
        pytest.param(switched(ends=True), Cause.PROTOCOL, "the connection broke",
                     id="hung up without a farewell"),
        pytest.param(switched(frame(3, b"")), Cause.PROTOCOL, "invalid opcode", id="bad frame"),
        pytest.param(switched(frame(1, b"\xff")), Cause.PROTOCOL, "no UTF-8", id="no UTF-8"),
        pytest.param(
            switched(frame(2, b"", says_size=1 << 40)), Cause.BODY,
            "'hello' is not in the first 1MiB of its messages; no message came", id="huge frame",
        ),
        pytest.param(
            switched(frame(1, b"x" * 65536) * 17), Cause.BODY,
            "is not in the first 1MiB of its messages; the last message is 'xxx", id="much",
        ),
        pytest.param(switched(frame(8, b"\x03\xf0go away")), Cause.STATUS,
                     "the target closed with 1008 (policy violation): 'go away'", id="refused"),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_told_in_words(talk: Talk, cause: Cause, said: str) -> None:
    seen = await against(talk, **GREETED)

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, cause)
    assert said in seen.detail


async def test_a_message_in_parts_among_pings_is_heard_whole() -> None:
    parts = (frame(1, b"hel", fin=False), frame(9, b"you there?"), frame(0, b"lo"))

    seen = await against(switched(*parts, frame(8, b"\x03\xe8")), **GREETED)

    assert seen.outcome is Outcome.PASSED


async def test_a_policy_violation_right_after_the_switch_fails_though_nothing_is_expected() -> None:
    seen = await against(switched(frame(8, b"\x03\xf0")))

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.STATUS)


@pytest.mark.parametrize(
    ("talk", "settings", "phase"),
    [
        pytest.param(hang, {}, Phase.PROCESSING, id="before it switches"),
        pytest.param(switched(), GREETED, Phase.PROCESSING, id="before it speaks"),
        pytest.param(switched(), {"ping": True}, Phase.PROCESSING, id="no pong"),
        pytest.param(switched(frame(10, b"other")), {"ping": True}, None, id="a pong of nobody's"),
    ],
)
async def test_a_silent_server_is_down(
    talk: Talk, settings: dict[str, Any], phase: Phase | None
) -> None:
    seen = await against(talk, SHORT, **settings)

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.TIMEOUT)
    assert seen.phase is (phase or seen.phase)


async def test_a_farewell_that_nobody_answers_is_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("collectors.websocket._FAREWELL_SECONDS", 0.05)

    seen = await against(switched())

    assert (seen.outcome, seen.warning) == (
        Outcome.PASSED,
        "the target does not answer a farewell (close frame)",
    )


async def test_a_rate_limiter_speaks_of_us() -> None:
    seen = await against(says(answer(status="429 Too Many Requests")))

    assert (seen.outcome, seen.http_status) == (Outcome.UNKNOWN, 429)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"websocket": "https://x/"}, "begins with neither ws:// nor wss://"),
        ({"headers": {"Sec-WebSocket-Key": "x"}}, "is the protocol's own"),
        ({"expect": "a", "expect_regex": "b"}, "expect and expect_regex"),
        ({"subprotocols": ["a b"]}, "String should match pattern"),
        ({"follow_redirects": True}, "Extra inputs"),
        ({"proxy": {"url": "http://127.0.0.1:3128"}}, "Extra inputs"),
        ({"oauth2": {"token_url": "http://x/", "client_id": "a"}}, "Extra inputs"),
    ],
)
def test_a_mistake_is_told_in_words(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        WebSocketConfig.model_validate({"websocket": "ws://x/", **settings})

    assert said in str(caught.value)
