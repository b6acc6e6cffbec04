"""A real SMTP server (aiosmtpd), and servers that say what mail servers say in trouble."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from pydantic import ValidationError

from collectors.means import Means
from collectors.observation import Cause, Observation, Outcome, Phase
from collectors.resolve import Resolver
from collectors.smtp import SmtpConfig, SmtpProbe
from nines.demo.inbox_mail import MailServer
from tests.collectors.wire import (
    SHORT,
    TIMEOUT,
    Server,
    Talk,
    answer,
    hang,
    look,
    says,
    script,
    server_context,
)

GREETING = b"220 mx.example ESMTP\r\n"
OFFER = b"250-mx.example\r\n250-SIZE 1000\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN\r\n"


def probe(port: int, timeout: timedelta = TIMEOUT, **settings: object) -> SmtpProbe:
    config = SmtpConfig.model_validate({"smtp": f"127.0.0.1:{port}", **settings})
    return SmtpProbe("shop/mail", config, Means(timedelta(seconds=10), timeout, Resolver()))


async def against(talk: Talk, timeout: timedelta = TIMEOUT, **settings: object) -> Observation:
    async with Server(talk) as server:
        seen = await look(probe(server.port, timeout, **settings))
        await server.all_hung_up()
    return seen


@asynccontextmanager
async def real(
    tls: ssl.SSLContext | None = None, implicit_tls: ssl.SSLContext | None = None
) -> AsyncIterator[MailServer]:
    server = MailServer(10, tls=tls)
    await server.start(implicit_tls=implicit_tls)
    try:
        yield server
    finally:
        await server.stop()


def serves(
    context: ssl.SSLContext,
    *,
    go_on: bytes = b"220 go on\r\n",
    offer: bytes = b"250-mx.example\r\n250 AUTH PLAIN\r\n",
    farewell: bytes = b"221 bye\r\n",
    heard: list[bytes] | None = None,
) -> Talk:
    """A server that begins TLS, and keeps what it heard under it."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GREETING)
        await reader.readline()
        writer.write(OFFER)
        assert await reader.readline() == b"STARTTLS\r\n"
        writer.write(go_on)
        await writer.drain()
        await writer.start_tls(context)
        lines = heard if heard is not None else []
        lines.append(await reader.readline())
        writer.write(offer)
        lines.append(await reader.readline())
        writer.write(farewell)
        await writer.drain()

    return talk


async def test_a_real_server_is_greeted_under_tls_and_left(
    authority: trustme.CA, ca_file: str
) -> None:
    expires = datetime(2031, 1, 1, tzinfo=UTC)
    async with real(server_context(authority, expires=expires)) as server:
        seen = await look(
            probe(
                server.port,
                tls={"ca_file": ca_file},
                expect={"greeting": "^inbox.example", "extensions": ["size", "8BITMIME"]},
            )
        )

    assert (seen.outcome, seen.detail, seen.warning) == (Outcome.PASSED, "", None)
    assert (seen.tls_version, seen.certificate_expires) == ("TLSv1.3", expires)
    assert {Phase.CONNECT, Phase.TLS, Phase.PROCESSING, Phase.TRANSFER} <= set(seen.phases)
    assert sum(seen.phases.values(), timedelta(0)) == seen.duration
    assert server.received == 0


async def test_a_real_server_that_speaks_tls_from_the_first_byte(
    authority: trustme.CA, ca_file: str
) -> None:
    async with real(implicit_tls=server_context(authority)) as server:
        seen = await look(probe(server.port, starttls="never", tls={"ca_file": ca_file}))

    assert (seen.outcome, seen.tls_version) == (Outcome.PASSED, "TLSv1.3")


async def test_a_real_server_without_starttls_fails_where_it_is_required() -> None:
    async with real() as server:
        seen = await look(probe(server.port))

    assert (seen.outcome, seen.cause, seen.phase) == (Outcome.FAILED, Cause.TLS, Phase.JUDGE)
    assert "the server does not offer STARTTLS; what it offers is 'SIZE" in seen.detail


async def test_a_real_server_without_starttls_passes_with_a_warning_where_it_is_optional() -> None:
    async with real() as server:
        seen = await look(probe(server.port, starttls="optional"))

    assert (seen.outcome, seen.tls_version) == (Outcome.PASSED, None)
    assert seen.warning == "the server does not offer STARTTLS: it was looked at in clear"


async def test_a_real_server_in_clear_passes_where_nothing_else_is_asked() -> None:
    async with real() as server:
        seen = await look(probe(server.port, starttls="never"))

    assert (seen.outcome, seen.warning) == (Outcome.PASSED, None)


async def test_who_we_are_is_said_again_under_tls(authority: trustme.CA, ca_file: str) -> None:
    heard: list[bytes] = []
    talk = serves(server_context(authority), heard=heard)
    seen = await against(talk, tls={"ca_file": ca_file}, helo="probe.example")

    assert seen.outcome is Outcome.PASSED
    assert heard == [b"EHLO probe.example\r\n", b"QUIT\r\n"]


async def test_without_a_name_we_are_our_address() -> None:
    heard: list[bytes] = []
    talk = script(GREETING, b"250 mx.example\r\n", b"221 bye\r\n", heard=heard)
    await against(talk, starttls="never")

    assert heard == [b"EHLO [127.0.0.1]\r\n", b"QUIT\r\n"]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"421 4.3.2 try later\r\n", "the greeting is '421 4.3.2 try later'; expected 220"),
        (b"554-no\r\n554 service\r\n", "the greeting is '554 no / service'; expected 220"),
        (
            b"554 " + b"x" * 9000 + b"\r\n",
            f"the greeting is '554 {'x' * 196}...'; expected 220",
        ),
    ],
)
async def test_another_greeting_fails_with_its_code(said: bytes, told: str) -> None:
    seen = await against(script(said))

    assert (seen.outcome, seen.cause, seen.phase) == (
        Outcome.FAILED,
        Cause.STATUS,
        Phase.TRANSFER,
    )
    assert seen.detail == told


@pytest.mark.parametrize(
    ("turns", "told"),
    [
        pytest.param([GREETING, b"502 what?\r\n"], "to EHLO is '502 what?'", id="EHLO"),
        pytest.param(
            [GREETING, OFFER, b"454 not now\r\n"], "to STARTTLS is '454 not now'", id="STARTTLS"
        ),
    ],
)
async def test_a_refused_command_fails_with_its_code_and_nothing_more_is_said(
    turns: list[bytes], told: str
) -> None:
    heard: list[bytes] = []
    seen = await against(script(*turns, heard=heard), starttls="optional")

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.STATUS)
    assert told in seen.detail
    assert len(heard) == len(turns) - 1


async def test_a_refused_farewell_fails_and_a_missing_one_does_not() -> None:
    hello = [GREETING, b"250 mx.example\r\n"]
    refused = await against(script(*hello, b"451 stay\r\n"), starttls="never")
    missing = await against(script(*hello, b""), starttls="never")

    assert (refused.cause, missing.outcome) == (Cause.STATUS, Outcome.PASSED)
    assert "the answer to QUIT is '451 stay'" in refused.detail


@pytest.mark.parametrize(
    ("turns", "told"),
    [
        pytest.param([b""], "hung up where an answer should have come", id="nothing"),
        pytest.param([b"220 mx.exa"], "in the middle of a line, '220 mx.exa'", id="half a line"),
        pytest.param([b"220-mx\r\n"], "where an answer should have come", id="half an answer"),
        pytest.param([b"SSH-2.0-x\r\n"], "'SSH-2.0-x\\r\\n' begins with no code", id="SSH"),
        pytest.param([b"220-a\r\n421 b\r\n"], "the codes 220 and 421", id="two codes"),
        pytest.param([GREETING, b"250-x\r\n" * 9000], "16KiB came, and it went on", id="no end"),
    ],
)
async def test_what_is_no_smtp_fails_the_protocol(turns: list[bytes], told: str) -> None:
    seen = await against(script(*turns))

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.PROTOCOL)
    assert told in seen.detail
    assert len(seen.detail) < 400


async def test_an_http_server_times_out_since_it_waits_for_us() -> None:
    seen = await against(says(answer()), SHORT)

    assert (seen.cause, seen.phase) == (Cause.TIMEOUT, Phase.PROCESSING)


@pytest.mark.parametrize(
    "said", [b"", b"220-wait\r\n", b"220 half"], ids=["silence", "dash", "half"]
)
async def test_what_never_ends_times_out(said: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await hang(reader, writer)

    seen = await against(talk, SHORT)

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.TIMEOUT)


@pytest.mark.parametrize(
    ("name", "expires", "trusted", "told"),
    [
        ("mx.example", None, True, "another IP address"),
        ("127.0.0.1", datetime(2020, 1, 1, tzinfo=UTC), True, "has expired"),
        ("127.0.0.1", None, False, "unknown authority"),
    ],
    ids=["wrong name", "expired", "unknown authority"],
)
async def test_a_bad_certificate_fails_and_nothing_is_said_under_it(
    authority: trustme.CA,
    ca_file: str,
    name: str,
    expires: datetime | None,
    trusted: bool,
    told: str,
) -> None:
    async with real(server_context(authority, name, expires)) as server:
        tls = {"ca_file": ca_file} if trusted else {}
        seen = await look(probe(server.port, starttls="optional", tls=tls))

    assert (seen.outcome, seen.cause, seen.phase) == (
        Outcome.FAILED,
        Cause.CERTIFICATE,
        Phase.TLS,
    )
    assert told in seen.detail


async def test_bytes_in_clear_behind_the_answer_to_starttls_are_never_taken_for_safe(
    ca_file: str,
) -> None:
    heard: list[bytes] = []
    turns = [GREETING, OFFER, b"220 go on\r\n250-evil.example\r\n250 AUTH PLAIN\r\n"]
    talk = script(*turns, heard=heard, hangs_up=False)
    seen = await against(talk, tls={"ca_file": ca_file})

    assert (seen.outcome, seen.cause, seen.phase) == (
        Outcome.FAILED,
        Cause.PROTOCOL,
        Phase.TLS,
    )
    assert "came in clear behind it" in seen.detail
    assert heard == [b"EHLO [127.0.0.1]\r\n", b"STARTTLS\r\n"]


async def test_what_is_offered_in_clear_does_not_count_under_tls(
    authority: trustme.CA, ca_file: str
) -> None:
    talk = serves(server_context(authority), offer=b"250-mx.example\r\n250 AUTH PLAIN\r\n")
    expect = {"extensions": ["AUTH PLAIN", "SIZE"]}
    seen = await against(talk, tls={"ca_file": ca_file}, expect=expect)

    assert (seen.cause, seen.phase) == (Cause.ASSERTION, Phase.JUDGE)
    assert seen.detail == "the server does not offer SIZE; it offers 'AUTH PLAIN'"


async def test_a_parameter_that_is_not_offered_fails() -> None:
    talk = script(GREETING, b"250-mx\r\n250 AUTH=LOGIN\r\n", b"221 bye\r\n")
    seen = await against(talk, starttls="never", expect={"extensions": ["AUTH CRAM-MD5"]})

    assert seen.detail == "the server does not offer AUTH CRAM-MD5; it offers 'AUTH=LOGIN'"


async def test_another_greeting_than_expected_fails() -> None:
    talk = script(GREETING, b"250 mx\r\n", b"221 bye\r\n")
    seen = await against(talk, starttls="never", expect={"greeting": "^mx7"})

    assert (seen.cause, seen.detail) == (
        Cause.ASSERTION,
        "the greeting is 'mx.example ESMTP'; expected a match of '^mx7'",
    )


async def test_a_certificate_that_expires_too_soon_fails(
    authority: trustme.CA, ca_file: str
) -> None:
    soon = datetime.now(UTC) + timedelta(days=3)
    talk = serves(server_context(authority, expires=soon))
    seen = await against(talk, tls={"ca_file": ca_file}, expect={"certificate_days": 14})

    assert (seen.cause, seen.phase) == (Cause.CERTIFICATE, Phase.JUDGE)
    assert "expected at least 14" in seen.detail


@pytest.mark.parametrize(
    "settings",
    [
        {"starttls": "maybe"},
        {"helo": "a\r\nMAIL FROM:<x>"},
        {"helo": "a b"},
        {"expect": {"extensions": ["SIZE\r\n"]}},
        {"expect": {"greeting": "(?<=x)y"}},
    ],
)
def test_what_cannot_be_asked_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SmtpConfig.model_validate({"smtp": "mx.example:25", **settings})
