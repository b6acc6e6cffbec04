"""HTTP/2 of a real server, and of servers that break it."""

import asyncio
import ssl
import sys
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

import h2.connection
import pytest
import trustme
from pydantic import ValidationError

from collectors.http import HttpConfig
from collectors.observation import Cause, Observation, Outcome, Phase
from collectors.step import StepsConfig
from tests.collectors.http2_wire import goes_away, resets, says, speaks
from tests.collectors.wire import SHORT, TIMEOUT, Server, Talk, answer, hang, http, look
from tests.collectors.wire import says as says_http1
from tests.daemons import daemon, listens
from tests.web.ports import free_port


class Real(NamedTuple):
    url: str
    ca_file: str


class Authority(NamedTuple):
    ca: trustme.CA
    ca_file: str

    def context(self, *protocols: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert("127.0.0.1").configure_cert(context)
        context.set_alpn_protocols([*protocols])
        return context


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    ca, path = trustme.CA(), str(tmp_path_factory.mktemp("ca") / "ca.pem")
    ca.cert_pem.write_to_path(path)
    return Authority(ca, path)


@pytest.fixture(scope="module")
def real(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    """Hypercorn, which speaks HTTP/2 and HTTP/1.1 as TLS agrees."""
    home, port = tmp_path_factory.mktemp("http2"), free_port()
    certificate = authority.ca.issue_cert("127.0.0.1")
    key, chain = str(home / "key.pem"), str(home / "chain.pem")
    certificate.private_key_pem.write_to_path(key)
    certificate.cert_chain_pems[0].write_to_path(chain)
    command = [
        sys.executable, "-m", "hypercorn", "--bind", f"127.0.0.1:{port}",
        "--keyfile", key, "--certfile", chain, "tests.collectors.http2_app:app",
    ]  # fmt: skip
    with daemon(command, partial(listens, port), home / "server.out"):
        yield Real(f"https://127.0.0.1:{port}", authority.ca_file)


async def ask(
    real: Real,
    path: str = "/",
    timeout: timedelta = TIMEOUT,
    **settings: Any,  # noqa: ANN401
) -> Observation:
    url, tls = f"{real.url}{path}", {"ca_file": real.ca_file}
    return await look(http(url, timeout=timeout, tls=tls, **settings))


async def test_what_is_offered_is_agreed_on_and_spoken(real: Real) -> None:
    seen = await ask(real, version=2, expect={"version": 2, "json": {"$.version": "2"}})

    assert (seen.outcome, seen.detail, seen.http_version) == (Outcome.PASSED, "", "HTTP/2")
    assert {Phase.CONNECT, Phase.TLS, Phase.PROCESSING, Phase.TRANSFER} <= set(seen.phases)
    assert sum(seen.phases.values(), timedelta(0)) == seen.duration
    assert seen.certificate_expires is not None


async def test_what_is_expected_is_offered_too_and_nothing_else_by_itself(real: Real) -> None:
    expected = await ask(real, expect={"version": 2})
    plain = await ask(real, expect={"version": 1.1, "json": {"$.version": "1.1"}})
    other = await ask(real, version=2, expect={"version": "1.1"})

    assert (expected.outcome, plain.outcome) == (Outcome.PASSED, Outcome.PASSED)
    assert (other.outcome, other.cause) == (Outcome.FAILED, Cause.ASSERTION)
    assert other.detail == "the answer came by HTTP/2; expected HTTP/1.1"


async def test_a_large_request_and_a_large_answer_pass_their_windows(real: Real) -> None:
    sent = await ask(
        real, version=2, method="POST", body="y" * 200_000, expect={"json": {"$.size": 200_000}}
    )
    came = await ask(real, "/big", version=2, body_limit="1MiB")
    cut = await ask(real, "/big", version=2, body_limit="64KiB")

    assert (sent.outcome, sent.detail) == (Outcome.PASSED, "")
    assert (came.outcome, came.body_bytes) == (Outcome.PASSED, 300_000)
    assert (cut.outcome, cut.body_bytes) == (Outcome.PASSED, 65536)


async def test_our_headers_go_along_but_those_of_a_connection(real: Real) -> None:
    settings: dict[str, Any] = {"bearer_token": "hush-1", "headers": {"Host": "shop.example"}}
    there = {"body": ['["authorization", "Bearer hush-1"]', '"shop.example"]']}
    seen = await ask(real, version=2, expect=there, **settings)
    absent = await ask(real, version=2, expect={"body": '["connection"'}, **settings)

    assert (seen.outcome, seen.detail) == (Outcome.PASSED, "")
    assert (absent.outcome, absent.cause) == (Outcome.FAILED, Cause.BODY)
    assert "hush" not in absent.detail


async def test_a_redirect_is_followed_and_a_bad_status_is_told(real: Real) -> None:
    moved = await ask(real, "/moved", version=2, expect={"version": 2})
    gone = await ask(real, "/gone", version=2)

    assert (moved.outcome, moved.redirects, moved.http_status) == (Outcome.PASSED, 1, 200)
    assert (gone.outcome, gone.cause, gone.http_status) == (Outcome.FAILED, Cause.STATUS, 503)


async def test_a_server_that_does_not_agree_answers_by_http1(authority: Authority) -> None:
    async with Server(says_http1(answer()), authority.context("http/1.1")) as server:
        real = Real(f"https://127.0.0.1:{server.port}", authority.ca_file)
        offered, demanded = await ask(real, version=2), await ask(real, expect={"version": 2})

    assert (offered.outcome, offered.http_version) == (Outcome.PASSED, "HTTP/1.1")
    assert (demanded.outcome, demanded.cause) == (Outcome.FAILED, Cause.ASSERTION)
    assert demanded.detail == "the answer came by HTTP/1.1; expected HTTP/2"


async def against(
    authority: Authority,
    talk: Talk,
    timeout: timedelta = TIMEOUT,
    **settings: Any,  # noqa: ANN401
) -> Observation:
    async with Server(talk, authority.context("h2")) as server:
        real = Real(f"https://127.0.0.1:{server.port}", authority.ca_file)
        return await ask(real, timeout=timeout, version=2, **settings)


def goes_in_good_order(http2: h2.connection.H2Connection, stream: int) -> None:
    """A server that is stopped answers what it took, behind its farewell."""
    state = http2.state_machine.state
    http2.close_connection(last_stream_id=stream)
    http2.state_machine.state = state
    says(b"goodbye")(http2, stream)


def goes_without_us(http2: h2.connection.H2Connection, stream: int) -> None:
    del stream
    http2.close_connection(last_stream_id=0)


def begins(http2: h2.connection.H2Connection, stream: int) -> None:
    http2.send_headers(stream, [(":status", "200")])
    http2.send_data(stream, b"and then")


def is_interim(http2: h2.connection.H2Connection, stream: int) -> None:
    http2.send_headers(stream, [(":status", "103"), ("link", "</a.css>")])
    says(b"whole")(http2, stream)


def breaks_off(said: bytes) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(said)
        await writer.drain()
        writer.close()

    return talk


EMPTY_SETTINGS = b"\0\0\0\4\0\0\0\0\0"


async def floods(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(EMPTY_SETTINGS * 20_000)
    await hang(reader, writer)


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(speaks(goes_in_good_order), id="a farewell in good order"),
        pytest.param(speaks(is_interim), id="an interim answer"),
        pytest.param(speaks(says(b"x", [("x-checksum", "1")])), id="trailers"),
    ],
)
async def test_what_is_in_order_passes(authority: Authority, talk: Talk) -> None:
    seen = await against(authority, talk)

    assert (seen.outcome, seen.detail) == (Outcome.PASSED, "")


@pytest.mark.parametrize(
    ("talk", "said"),
    [
        pytest.param(speaks(resets), "reset the request (REFUSED_STREAM)", id="reset"),
        pytest.param(speaks(goes_away), "goes away (ENHANCE_YOUR_CALM)", id="angry farewell"),
        pytest.param(speaks(goes_without_us), "goes away (NO_ERROR)", id="not taken"),
        pytest.param(speaks(says(b"abc", headers=[("content-length", "9")])), "Expected 9 bytes",
                     id="another length"),
        pytest.param(breaks_off(b"HTTP/1.1 200 OK\r\n\r\n"), "speaks HTTP/1 here", id="HTTP/1.1"),
        pytest.param(breaks_off(b"220 mail.example"), "it begins with b'220", id="another"),
        pytest.param(breaks_off(EMPTY_SETTINGS), "closed the connection before", id="cut off"),
        pytest.param(breaks_off(EMPTY_SETTINGS + b"\xff\xff\xff\0\0\0\0\0\1"), "a frame has",
                     id="a huge frame"),
        pytest.param(breaks_off(EMPTY_SETTINGS + b"\0\0\1\0\0\0\0\0\7x"), "", id="nobody's data"),
        pytest.param(breaks_off(EMPTY_SETTINGS + b"\0\0\3\1\4\0\0\0\1\xff\xff\xff"), "",
                     id="a head that cannot be read"),
        pytest.param(floods, "no head is in its first", id="a flood"),
    ],
)  # fmt: skip
async def test_what_is_no_http2_is_a_protocol_failure(
    authority: Authority, talk: Talk, said: str
) -> None:
    seen = await against(authority, talk)

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.PROTOCOL)
    assert seen.detail.startswith("the answer is not proper HTTP/2: ")
    assert said in seen.detail


async def test_a_server_that_hangs_is_told_by_its_phase(authority: Authority) -> None:
    silent = await against(authority, hang, SHORT)
    busy = await against(authority, speaks(lambda *_: None), SHORT)
    stuck = await against(authority, speaks(begins), SHORT)

    assert (silent.cause, silent.phase) == (Cause.TIMEOUT, Phase.PROCESSING)
    assert (busy.cause, busy.phase) == (Cause.TIMEOUT, Phase.PROCESSING)
    assert (stuck.cause, stuck.phase) == (Cause.TIMEOUT, Phase.TRANSFER)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"version": 3}, "write 1.1 or 2"),
        ({"version": True}, "write 1.1 or 2"),
        ({"version": "1.0"}, "HTTP/1.0 is not asked for"),
        (
            {"version": 2, "proxy": {"url": "http://proxy.example:3128"}},
            "not spoken through a proxy",
        ),
        ({"http": "http://x/", "follow_redirects": False, "expect": {"version": 2}}, "needs https"),
    ],
)
def test_a_mistake_is_told_in_words(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        HttpConfig.model_validate({"http": "https://x/", **settings})

    assert said in str(caught.value)


def test_a_step_cannot_expect_what_it_does_not_speak() -> None:
    step = {"name": "in", "url": "https://x/", "expect": {"version": 2}}

    with pytest.raises(ValidationError, match=r"a step speaks HTTP/1\.1"):
        StepsConfig.model_validate({"steps": [step]})
