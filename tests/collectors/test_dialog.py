"""Dialogs with servers in clear and under TLS, honest ones and others."""

import asyncio
import contextlib
import ssl
import time
from asyncio import StreamReader as Reader
from asyncio import StreamWriter as Writer
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from pydantic import ValidationError

from collectors.means import Means
from collectors.observation import Cause, Observation, Outcome, Phase
from collectors.resolve import Resolver
from collectors.stopwatch import Stopwatch
from collectors.stream import connect
from collectors.tcp import TcpConfig, TcpProbe
from tests.collectors.wire import (
    SHORT,
    TIMEOUT,
    Server,
    Talk,
    hang,
    look,
    script,
    server_context,
)

Step = dict[str, Any]
HANDSHAKE = 22  # the type of a record, RFC 8446 5.1
GREETING: Step = {"expect": r"^220 (?P<host>\S+)"}
UPGRADE: list[Step] = [
    GREETING,
    {"send": "STARTTLS\r\n"},
    {"expect": "^220 "},
    {"starttls": True},
    {"send": "NOOP\r\n"},
    {"expect": "^250 safe"},
]


def probe(port: int, timeout: timedelta = TIMEOUT, **settings: object) -> TcpProbe:
    config = TcpConfig.model_validate({"tcp": f"127.0.0.1:{port}", **settings})
    return TcpProbe("shop/mail", config, Means(timedelta(seconds=10), timeout, Resolver()))


async def against(
    talk: Talk, dialog: list[Step], timeout: timedelta = TIMEOUT, **settings: object
) -> Observation:
    async with Server(talk) as server:
        seen = await look(probe(server.port, timeout, dialog=dialog, **settings))
        await server.all_hung_up()
    return seen


def upgrading(
    context: ssl.SSLContext, answer: bytes = b"220 go on\r\n", said: bytes = b"250 safe\r\n"
) -> Callable[[Reader, Writer], Awaitable[None]]:
    """Greet, take STARTTLS, answer, and begin TLS."""

    async def talk(reader: Reader, writer: Writer) -> None:
        writer.write(b"220 mail.example ready\r\n")
        assert await reader.readline() == b"STARTTLS\r\n"
        writer.write(answer)
        await writer.drain()
        await writer.start_tls(context)
        assert await reader.readline() == b"NOOP\r\n"
        writer.write(said)
        await reader.read()

    return talk


async def test_each_step_is_taken_in_order_and_what_was_captured_is_said_again() -> None:
    heard: list[bytes] = []
    talk = script(b"* notice\r\n220 mx7.example ESMTP\r\n", b"250 hello\r\n", heard=heard)
    dialog = [GREETING, {"send": "EHLO ${host}\r\n"}, {"expect": "^250"}, {"send": "QUIT\r\n"}]
    seen = await against(talk, dialog)

    assert (seen.outcome, seen.detail) == (Outcome.PASSED, "")
    assert heard == [b"EHLO mx7.example\r\n", b"QUIT\r\n"]
    assert seen.body_bytes == len(b"* notice\r\n220 mx7.example ESMTP\r\n250 hello\r\n")
    assert {Phase.CONNECT, Phase.PROCESSING, Phase.TRANSFER} <= set(seen.phases)
    assert sum(seen.phases.values(), timedelta(0)) == seen.duration


async def test_one_step_expects_before_it_sends() -> None:
    heard: list[bytes] = []
    talk = script(b":irc NOTICE\r\nPING :a7f\r\n", b":irc 001 prober\r\n", heard=heard)
    dialog = [
        {"expect": r"^PING :(?P<token>\S+)", "send": "PONG ${token}\r\n"},
        {"expect": "^:[^ ]+ 001"},
    ]
    seen = await against(talk, dialog)

    assert (seen.outcome, heard) == (Outcome.PASSED, [b"PONG a7f\r\n"])


async def test_a_line_in_pieces_is_matched_as_a_whole() -> None:
    async def talk(reader: Reader, writer: Writer) -> None:
        for piece in (b"220 mx", b"7.exam", b"ple ready\r", b"\n"):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)
        assert await reader.readline() == b"EHLO mx7.example\r\n"
        writer.write(b"250 hello\r\n")
        await reader.read()

    seen = await against(talk, [GREETING, {"send": "EHLO ${host}\r\n"}, {"expect": "^250"}])

    assert seen.outcome is Outcome.PASSED


async def test_another_answer_fails_with_its_step_and_what_came() -> None:
    talk = script(b"220 mx ready\r\n", b"554 no service\r\n")
    seen = await against(talk, [GREETING, {"send": "EHLO a\r\n"}, {"expect": "^250"}])

    assert (seen.outcome, seen.cause, seen.phase) == (Outcome.FAILED, Cause.BODY, Phase.JUDGE)
    assert seen.detail == (
        "step 3 of 3: the target hung up, and no line matches '^250'; what came is '554 no service'"
    )


async def test_a_target_that_hangs_up_without_a_word_is_told_so() -> None:
    seen = await against(script(b""), [GREETING])

    assert (seen.cause, seen.phase) == (Cause.BODY, Phase.JUDGE)
    assert seen.detail.endswith("; nothing came")


async def test_half_a_line_that_never_ends_times_out_and_is_shown() -> None:
    seen = await against(script(b"220 mx", hangs_up=False), [GREETING], SHORT)

    assert (seen.cause, seen.phase) == (Cause.TIMEOUT, Phase.TRANSFER)
    assert "in step 1 of 1, which expects a line that matches" in seen.detail
    assert seen.detail.endswith("what came is '220 mx'")


async def test_silence_times_out_while_waiting() -> None:
    seen = await against(hang, [GREETING], SHORT)

    assert (seen.cause, seen.phase) == (Cause.TIMEOUT, Phase.PROCESSING)
    assert seen.detail.endswith("; nothing came")


@pytest.mark.parametrize("flood", [b"x" * 65536, b"no\n" * 65536], ids=["one line", "many lines"])
async def test_a_flood_is_read_up_to_sixteen_kibibytes(flood: bytes) -> None:
    seen = await against(script(flood), [GREETING])

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.PROTOCOL)
    assert "16KiB came, and it went on" in seen.detail
    assert len(seen.detail) < 600


async def test_bytes_are_expected_and_sent_as_hexadecimal(
    authority: trustme.CA, ca_file: str
) -> None:
    async def postgresql(reader: Reader, writer: Writer) -> None:
        assert await reader.readexactly(8) == b"\0\0\0\x08\x04\xd2\x16\x2f"
        writer.write(b"S")
        await writer.drain()
        await writer.start_tls(server_context(authority))
        await reader.read()

    dialog: list[Step] = [
        {"send_hex": "00 00 00 08 04 d2 16 2f"},
        {"expect_hex": "53"},
        {"starttls": True},
    ]
    seen = await against(postgresql, dialog, tls={"ca_file": ca_file})

    assert (seen.outcome, seen.tls_version) == (Outcome.PASSED, "TLSv1.3")


async def test_other_bytes_fail_and_are_shown() -> None:
    seen = await against(script(b"N"), [{"expect_hex": "53"}])

    assert (seen.cause, seen.detail) == (
        Cause.BODY,
        "step 1 of 1: bytes 4e came where 53 should",
    )


async def test_a_dialog_goes_on_under_tls(authority: trustme.CA, ca_file: str) -> None:
    talk = upgrading(server_context(authority))
    seen = await against(talk, UPGRADE, tls={"ca_file": ca_file})

    assert (seen.outcome, seen.detail) == (Outcome.PASSED, "")
    assert seen.tls_version == "TLSv1.3"
    assert seen.certificate_expires is not None
    assert seen.phases[Phase.TLS] > timedelta(0)
    assert sum(seen.phases.values(), timedelta(0)) == seen.duration


async def test_bytes_in_clear_behind_the_answer_to_starttls_are_never_taken_for_safe(
    ca_file: str,
) -> None:
    heard: list[bytes] = []
    talk = script(b"220 mx\r\n", b"220 go on\r\n250 safe\r\n", heard=heard, hangs_up=False)
    seen = await against(talk, UPGRADE, tls={"ca_file": ca_file})

    assert (seen.outcome, seen.cause, seen.phase) == (
        Outcome.FAILED,
        Cause.PROTOCOL,
        Phase.TLS,
    )
    assert "10 bytes came in clear behind it" in seen.detail
    assert seen.detail.endswith("in step 4 of 6; what came is '250 safe\\r\\n'")
    assert heard == [b"STARTTLS\r\n"]  # not even a handshake


async def test_bytes_in_clear_within_the_handshake_end_it(ca_file: str) -> None:
    heard: list[bytes] = []

    async def injected(reader: Reader, writer: Writer) -> None:
        writer.write(b"220 mx\r\n")
        await reader.readline()
        writer.write(b"220 go on\r\n")
        heard.append(await reader.read(65536))
        writer.write(b"250 safe\r\n")
        heard.append(await reader.read())

    seen = await against(injected, UPGRADE, tls={"ca_file": ca_file})

    assert (seen.outcome, seen.cause, seen.phase) == (Outcome.FAILED, Cause.TLS, Phase.TLS)
    assert heard[0][0] == HANDSHAKE
    assert b"NOOP" not in b"".join(heard)


@pytest.mark.parametrize(
    ("name", "trusted", "said"),
    [("mail.example", True, "another IP address"), ("127.0.0.1", False, "unknown authority")],
)
async def test_after_a_handshake_that_failed_nothing_is_sent_in_clear(
    authority: trustme.CA, ca_file: str, name: str, trusted: bool, said: str
) -> None:
    seen_in_clear = bytearray()
    context = server_context(authority, name)

    async def serve(reader: Reader, writer: Writer) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_side=True)
        writer.write(b"220 mail.example ready\r\n")
        await reader.readline()
        writer.write(b"220 go on\r\n")
        while came := await reader.read(65536):
            seen_in_clear.extend(came)
            incoming.write(came)
            with contextlib.suppress(ssl.SSLError):
                tls.do_handshake()
            writer.write(outgoing.read())

    async with Server(serve) as server:
        tls = {"ca_file": ca_file} if trusted else {}
        seen = await look(probe(server.port, dialog=UPGRADE, tls=tls))
        await server.all_hung_up()

    assert (seen.cause, seen.phase) == (Cause.CERTIFICATE, Phase.TLS)
    assert said in seen.detail
    assert seen_in_clear[0] == HANDSHAKE
    assert b"NOOP" not in seen_in_clear


async def test_a_connection_whose_handshake_failed_takes_nothing_more() -> None:
    async with Server(script(b"no TLS here\r\n", hangs_up=False)) as server:
        watch, until = Stopwatch(time.monotonic), asyncio.get_running_loop().time() + 20
        with await connect(
            "127.0.0.1", server.port, resolver=Resolver(), watch=watch, give_up_at=until
        ) as stream:
            with pytest.raises(ssl.SSLError):
                await stream.start_tls(ssl.create_default_context(), "127.0.0.1")

            with pytest.raises(RuntimeError, match="nothing is sent in clear"):
                await stream.write(b"PASS hush\r\n")


async def test_a_target_that_refuses_starttls_is_sent_nothing_more() -> None:
    heard: list[bytes] = []
    talk = script(b"220 mx ready\r\n", b"454 TLS not available\r\n", heard=heard)
    seen = await against(talk, UPGRADE)

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.BODY)
    assert "454 TLS not available" in seen.detail
    assert heard == [b"STARTTLS\r\n"]


async def test_tls_without_a_starttls_is_spoken_from_the_start_and_offers_no_protocol(
    authority: trustme.CA, ca_file: str
) -> None:
    context = server_context(authority)
    context.set_alpn_protocols(["http/1.1"])
    chosen: list[str | None] = []

    async def talk(reader: Reader, writer: Writer) -> None:
        chosen.append(writer.get_extra_info("ssl_object").selected_alpn_protocol())
        writer.write(b"220 mx ready\r\n")
        await reader.read()

    async with Server(talk, context) as server:
        seen = await look(probe(server.port, dialog=[GREETING], tls={"ca_file": ca_file}))

    assert (seen.outcome, seen.tls_version, chosen) == (Outcome.PASSED, "TLSv1.3", [None])


async def test_what_was_sent_is_not_shown_where_the_target_repeats_it() -> None:
    talk = script(b"+OK\r\n", b"-ERR PASS sesame9 is wrong: sesame9\r\n")
    dialog = [{"expect": r"^\+OK", "send": "PASS sesame9\r\n"}, {"expect": r"^\+OK"}]
    seen = await against(talk, dialog)

    assert seen.outcome is Outcome.FAILED
    assert "sesame9" not in seen.detail
    assert "-ERR *** is wrong: ***" in seen.detail


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        pytest.param({"dialog": [{}]}, "expects something, sends something", id="nothing"),
        pytest.param(
            {"dialog": [{"starttls": False}]}, "expects something, sends something", id="no TLS"
        ),
        pytest.param(
            {"dialog": [{"expect": "a", "expect_hex": "00"}]}, "are two steps", id="two kinds"
        ),
        pytest.param({"dialog": [GREETING], "send": "x"}, "as steps of it", id="two ways"),
        pytest.param({"dialog": [{"expect": "(?<=x)y"}]}, "is not valid", id="no RE2"),
        pytest.param({"dialog": [{"send_hex": "0"}]}, "hexadecimal", id="half a byte"),
        pytest.param(
            {"dialog": [{"send": "EHLO ${host}\r\n"}, GREETING]},
            "step 1 sends ${host}, which no step before it captures",
            id="a capture from later",
        ),
        pytest.param(
            {"dialog": [GREETING, {"starttls": True}, {"send": "EHLO ${host}\r\n"}]},
            "which no step before it captures under TLS",
            id="a capture from before TLS",
        ),
        pytest.param(
            {"dialog": [{"starttls": True}, {"starttls": True}]},
            "step 2 starts TLS, which has begun before",
            id="TLS twice",
        ),
    ],
)
def test_a_dialog_that_cannot_be_held_is_refused(settings: object, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TcpConfig.model_validate({"tcp": "mail.example:25", **settings})  # type: ignore[dict-item]

    assert said in str(caught.value)


def test_a_ca_file_that_is_none_is_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("no certificate")

    with pytest.raises(ValueError, match=r"ca_file .*ca\.pem cannot be read"):
        probe(25, dialog=UPGRADE, tls={"ca_file": str(path)})
