"""What a real gRPC server tells of its health, and servers that are none."""

import asyncio
import ssl
import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trustme
from pydantic import ValidationError

from collectors.grpc import GrpcConfig, GrpcProbe
from collectors.means import Means
from collectors.observation import Cause, Observation, Outcome, Phase
from collectors.resolve import Resolver
from tests.collectors.http2_wire import goes_away, resets, speaks
from tests.collectors.http2_wire import says as says_http2
from tests.collectors.wire import SHORT, TIMEOUT, Server, Talk, hang, look
from tests.daemons import daemon, listens
from tests.web.ports import free_port

_NAME = "grpc.example"


class Real(NamedTuple):
    port: int
    tls_port: int
    ca_file: str


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    """grpcio with the reference health service."""
    home = tmp_path_factory.mktemp("grpc")
    authority = trustme.CA()
    certificate = authority.issue_cert(_NAME)
    key, chain, ca_file = (str(home / name) for name in ("key.pem", "chain.pem", "ca.pem"))
    certificate.private_key_pem.write_to_path(key)
    certificate.cert_chain_pems[0].write_to_path(chain)
    authority.cert_pem.write_to_path(ca_file)
    port, tls_port = free_port(), free_port()
    command = [sys.executable, "-m", "tests.collectors.grpc_server"]
    with daemon([*command, str(port), str(tls_port), key, chain], partial(listens, port),
                home / "server.out"):  # fmt: skip
        yield Real(port, tls_port, ca_file)


def probe(port: int, timeout: timedelta = TIMEOUT, **settings: Any) -> GrpcProbe:  # noqa: ANN401
    config = GrpcConfig.model_validate({"grpc": f"127.0.0.1:{port}", **settings})
    return GrpcProbe("shop/orders", config, Means(timedelta(seconds=10), timeout, Resolver()))


async def test_a_server_that_serves_passes(real: Real) -> None:
    seen = await look(probe(real.port))

    assert (seen.outcome, seen.detail, seen.http_version) == (Outcome.PASSED, "", "HTTP/2")
    assert {Phase.CONNECT, Phase.PROCESSING, Phase.TRANSFER} <= set(seen.phases)
    assert sum(seen.phases.values(), timedelta(0)) == seen.duration


@pytest.mark.parametrize(
    ("service", "said"),
    [
        ("shop.Orders", "the health of 'shop.Orders' is NOT_SERVING; expected SERVING"),
        ("shop.Cart", "the health of 'shop.Cart' is UNKNOWN; expected SERVING"),
        ("shop.Gone", "the health of 'shop.Gone' is SERVICE_UNKNOWN; expected SERVING"),
        ("shop.Nobody", "the health of 'shop.Nobody' is SERVICE_UNKNOWN; expected SERVING"),
    ],
)
async def test_a_service_that_does_not_serve_is_down(real: Real, service: str, said: str) -> None:
    seen = await look(probe(real.port, service=service))

    assert (seen.outcome, seen.cause, seen.detail) == (Outcome.FAILED, Cause.STATUS, said)


async def test_a_standby_may_be_expected_not_to_serve(real: Real) -> None:
    seen = await look(probe(real.port, service="shop.Orders", expect="NOT_SERVING"))

    assert seen.outcome is Outcome.PASSED


async def test_metadata_signs_in_and_is_never_shown(real: Real) -> None:
    settings: dict[str, Any] = {"service": "shop.Private"}
    seen = await look(probe(real.port, metadata={"authorization": "Bearer hush-1"}, **settings))
    wrong = await look(probe(real.port, metadata={"authorization": "Bearer hush-2"}, **settings))

    assert seen.outcome is Outcome.PASSED
    assert (wrong.outcome, wrong.cause) == (Outcome.FAILED, Cause.STATUS)
    assert wrong.detail == "the server answered UNAUTHENTICATED: 'who are you, ***?'"


async def test_over_tls_the_certificate_is_checked_and_noted(real: Real) -> None:
    trusted = {"ca_file": real.ca_file, "server_name": _NAME}
    seen = await look(probe(real.tls_port, tls=trusted))
    wary = await look(probe(real.tls_port, tls={}))
    plain = await look(probe(real.tls_port))

    assert (seen.outcome, seen.tls_version) == (Outcome.PASSED, "TLSv1.3")
    assert seen.certificate_expires is not None
    assert (wary.outcome, wary.cause) == (Outcome.FAILED, Cause.CERTIFICATE)
    assert (plain.outcome, plain.cause) == (Outcome.FAILED, Cause.PROTOCOL)


async def against(talk: Talk, timeout: timedelta = TIMEOUT) -> Observation:
    async with Server(talk) as server:
        seen = await look(probe(server.port, timeout))
        await server.all_hung_up()
        return seen


_STATUS_OK = (("grpc-status", "0"),)


def says(
    data: bytes, trailers: Sequence[tuple[str, str]] = _STATUS_OK, status: str = "200"
) -> Talk:
    """A head, data, and what comes after them."""
    return speaks(says_http2(data, trailers, status, [("content-type", "application/grpc")]))


def raw(said: bytes) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(said)
        await writer.drain()
        writer.write_eof()
        await reader.read()

    return talk


@pytest.mark.parametrize(
    ("talk", "cause", "said"),
    [
        pytest.param(says(b"\0\0\0\0\2\x08\x63"), Cause.STATUS, "the health of the server is 99",
                     id="a health that nobody knows"),
        pytest.param(says(b"\0\0\0\0\2\xff\xff"), Cause.PROTOCOL, "no HealthCheckResponse",
                     id="another message"),
        pytest.param(says(b""), Cause.PROTOCOL, "it holds no message", id="no message"),
        pytest.param(says(b"\1\0\0\0\2\x08\x01"), Cause.PROTOCOL, "is compressed", id="compressed"),
        pytest.param(says(b"\0\0\0\0\2\x08\x01" * 2), Cause.PROTOCOL, "more or less than one",
                     id="two messages"),
        pytest.param(says(b"\0\0\0\0\2\x08\x01", ()), Cause.PROTOCOL, "without a grpc-status",
                     id="no trailers"),
        pytest.param(says(b"", (("grpc-status", "12"),)), Cause.STATUS,
                     "UNIMPLEMENTED (it has no grpc.health.v1.Health)", id="no health service"),
        pytest.param(
            says(b"", (("grpc-status", "14"), ("grpc-message", "the cache%3A gone"))), Cause.STATUS,
            "the server answered UNAVAILABLE: 'the cache: gone'", id="unavailable",
        ),
        pytest.param(says(b"no route", (), "404"), Cause.STATUS, "the status is 404 of HTTP",
                     id="a proxy's own answer"),
        pytest.param(speaks(resets), Cause.PROTOCOL, "reset the request (REFUSED", id="reset"),
        pytest.param(speaks(goes_away), Cause.PROTOCOL, "goes away (ENHANCE_YOUR_CALM)", id="away"),
        pytest.param(raw(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Cause.PROTOCOL, "speaks HTTP/1 here",
                     id="HTTP/1"),
        pytest.param(raw(b"220 mail.example ESMTP ready\r\n" * 9), Cause.PROTOCOL,
                     "not proper HTTP/2", id="another protocol"),
        pytest.param(raw(b""), Cause.PROTOCOL, "closed the connection", id="hung up"),
        pytest.param(says(b"\0" * 40_000), Cause.PROTOCOL, "longer than 32,768 bytes",
                     id="a flood"),
    ],
)  # fmt: skip
async def test_what_is_wrong_is_told_in_words(talk: Talk, cause: Cause, said: str) -> None:
    seen = await against(talk)

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, cause)
    assert said in seen.detail


async def test_a_rate_limiter_speaks_of_us() -> None:
    seen = await against(says(b"", (), "429"))

    assert (seen.outcome, seen.http_status) == (Outcome.UNKNOWN, 429)


async def test_a_server_that_hangs_is_down_also_after_its_settings() -> None:
    silent, busy = await against(hang, SHORT), await against(speaks(lambda *_: None), SHORT)

    assert (silent.cause, silent.phase) == (Cause.TIMEOUT, Phase.PROCESSING)
    assert (busy.cause, busy.phase) == (Cause.TIMEOUT, Phase.PROCESSING)


async def test_a_server_of_tls_that_does_not_agree_on_http2_is_told(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    async with Server(hang, context) as server:
        seen = await look(probe(server.port, tls={"ca_file": str(tmp_path / "ca.pem")}))

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.PROTOCOL)
    assert "does not agree on HTTP/2" in seen.detail


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"metadata": {"Authorization": "x"}}, "write small letters"),
        ({"metadata": {"grpc-timeout": "x"}}, "is the protocol's own"),
        ({"metadata": {"who": "hush\n"}}, "cannot be sent"),
        ({"expect": "ALIVE"}, "'SERVING'"),
    ],
)
def test_a_mistake_is_told_in_words(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        GrpcConfig.model_validate({"grpc": "x:1", **settings})

    assert said in str(caught.value)
    assert "hush" not in str(caught.value)
