"""What a certificate and a handshake tell, for HTTPS and for a bare TLS port."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from collectors.means import Means
from collectors.observation import Cause, Observation, Outcome, Phase
from collectors.resolve import Resolver
from collectors.tls import TlsConfig, TlsProbe
from tests.collectors.wire import (
    SHORT,
    TIMEOUT,
    Server,
    answer,
    hang,
    http,
    look,
    says,
    server_context,
)

Probe = Callable[..., Awaitable[Observation]]


async def over_https(port: int, **tls: object) -> Observation:
    days = tls.pop("certificate_days", None)
    expect = {} if days is None else {"certificate_days": days}
    return await look(http(f"https://127.0.0.1:{port}/", tls=tls, expect=expect))


async def bare(port: int, **settings: object) -> Observation:
    config = TlsConfig.model_validate({"tls": f"127.0.0.1:{port}", **settings})
    return await look(
        TlsProbe(
            "shop/tls",
            config,
            Means(timedelta(seconds=10), TIMEOUT, Resolver()),
        )
    )


both = pytest.mark.parametrize(
    "probe", [pytest.param(over_https, id="https"), pytest.param(bare, id="tls")]
)


@both
async def test_a_trusted_certificate_passes_and_its_expiry_is_noted(
    probe: Probe, authority: trustme.CA, ca_file: str
) -> None:
    expires = datetime(2030, 1, 1, tzinfo=UTC)
    context = server_context(authority, expires=expires)
    async with Server(says(answer()), context) as server:
        seen = await probe(server.port, ca_file=ca_file)

    assert (seen.outcome, seen.tls_version) == (Outcome.PASSED, "TLSv1.3")
    assert seen.certificate_expires == expires
    assert sum(seen.phases.values(), timedelta(0)) == seen.duration
    assert seen.phases[Phase.TLS] > timedelta(0)


@both
@pytest.mark.parametrize(
    ("name", "expires", "trusted", "said"),
    [
        pytest.param(
            "127.0.0.1", datetime(2020, 1, 1, tzinfo=UTC), True, "has expired", id="expired"
        ),
        pytest.param("shop.example", None, True, "another", id="wrong host"),
        pytest.param("127.0.0.1", None, False, "unknown authority", id="unknown authority"),
    ],
)
async def test_an_untrustworthy_certificate_fails_in_words(
    probe: Probe,
    authority: trustme.CA,
    ca_file: str,
    name: str,
    expires: datetime | None,
    trusted: bool,
    said: str,
) -> None:
    context = server_context(authority, name, expires)
    async with Server(says(answer()), context) as server:
        seen = await probe(server.port, **({"ca_file": ca_file} if trusted else {}))

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.CERTIFICATE)
    assert seen.phase is Phase.TLS
    assert said in seen.detail


@both
async def test_an_unverified_certificate_passes_and_its_expiry_is_noted(
    probe: Probe, authority: trustme.CA
) -> None:
    expires = datetime(2020, 1, 1, tzinfo=UTC)
    context = server_context(authority, "elsewhere.example", expires)
    async with Server(says(answer()), context) as server:
        seen = await probe(server.port, insecure_skip_verify=True)

    assert (seen.outcome, seen.certificate_expires) == (Outcome.PASSED, expires)


@both
async def test_a_certificate_that_expires_too_soon_fails(
    probe: Probe, authority: trustme.CA, ca_file: str
) -> None:
    soon = datetime.now(UTC) + timedelta(days=3)
    async with Server(says(answer()), server_context(authority, expires=soon)) as server:
        seen = await probe(server.port, ca_file=ca_file, certificate_days=14)

    assert (seen.cause, seen.phase) == (Cause.CERTIFICATE, Phase.JUDGE)
    assert "expected at least 14" in seen.detail


@both
async def test_another_server_name_can_be_asked_for(
    probe: Probe, authority: trustme.CA, ca_file: str
) -> None:
    context = server_context(authority, "shop.example")
    async with Server(says(answer()), context) as server:
        seen = await probe(server.port, ca_file=ca_file, server_name="shop.example")

    assert seen.outcome is Outcome.PASSED


@both
async def test_a_target_without_tls_fails_in_tls(probe: Probe) -> None:
    async def smtp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        writer.write(b"220 mail.example ESMTP\r\n")
        await writer.drain()

    async with Server(smtp) as server:
        seen = await probe(server.port)

    assert (seen.outcome, seen.cause, seen.phase) == (Outcome.FAILED, Cause.TLS, Phase.TLS)


async def test_a_handshake_that_hangs_times_out_in_tls() -> None:
    async with Server(hang) as server:
        config = TlsConfig.model_validate({"tls": f"127.0.0.1:{server.port}"})
        probe = TlsProbe(
            "shop/tls",
            config,
            Means(TIMEOUT, SHORT, Resolver()),
        )
        seen = await look(probe)
        await server.all_hung_up()

    assert (seen.cause, seen.phase) == (Cause.TIMEOUT, Phase.TLS)


async def test_only_old_tls_versions_are_refused(authority: trustme.CA, ca_file: str) -> None:
    context = server_context(authority)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    async with Server(says(answer()), context) as server:
        seen = await over_https(server.port, ca_file=ca_file)

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.TLS)


@pytest.fixture
def demanding(authority: trustme.CA) -> ssl.SSLContext:
    """A server that demands a certificate of its clients."""
    context = server_context(authority)
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    return context


async def test_a_client_certificate_that_is_demanded_and_missing_fails_in_tls(
    demanding: ssl.SSLContext, ca_file: str
) -> None:
    # asyncio's own servers hang up without the alert that OpenSSL would send.
    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(ssl.SSLError):
            demanding.wrap_socket(connection, server_side=True).close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(asyncio.to_thread(serve, listener))
        seen = await over_https(listener.getsockname()[1], ca_file=ca_file)
        await serving

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.TLS)
    assert "demands a client certificate" in seen.detail


async def test_a_client_certificate_is_presented(
    authority: trustme.CA, demanding: ssl.SSLContext, ca_file: str, tmp_path: Path
) -> None:
    cert_file = tmp_path / "client.pem"
    authority.issue_cert("prober@nines.example").private_key_and_cert_chain_pem.write_to_path(
        str(cert_file)
    )
    async with Server(says(answer()), demanding) as server:
        seen = await over_https(server.port, ca_file=ca_file, cert_file=str(cert_file))

    assert seen.outcome is Outcome.PASSED


async def test_no_handshake_is_resumed(authority: trustme.CA, ca_file: str) -> None:
    reused: list[bool] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reused.append(writer.get_extra_info("ssl_object").session_reused)
        await says(answer())(reader, writer)

    async with Server(talk, server_context(authority)) as server:
        probe = http(f"https://127.0.0.1:{server.port}/", tls={"ca_file": ca_file})
        for _ in range(3):
            await look(probe)

    assert reused == [False, False, False]


async def test_a_renewed_authority_on_disk_is_picked_up(
    authority: trustme.CA, tmp_path: Path
) -> None:
    path = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    async with Server(says(answer()), server_context(authority)) as server:
        probe = http(f"https://127.0.0.1:{server.port}/", tls={"ca_file": str(path)})
        before = await look(probe)
        renewed = tmp_path / "renewed.pem"
        authority.cert_pem.write_to_path(str(renewed))
        renewed.replace(path)
        after = await look(probe)

    assert (before.outcome, after.outcome) == (Outcome.FAILED, Outcome.PASSED)


async def test_a_ca_file_that_vanished_leaves_the_former_one_in_force(
    authority: trustme.CA, tmp_path: Path
) -> None:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    async with Server(says(answer()), server_context(authority)) as server:
        probe = http(f"https://127.0.0.1:{server.port}/", tls={"ca_file": str(path)})
        path.unlink()
        seen = await look(probe)

    assert seen.outcome is Outcome.PASSED


def test_a_ca_file_that_is_none_is_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("no certificate")

    with pytest.raises(ValueError, match=r"ca_file .*ca\.pem cannot be read"):
        http("https://127.0.0.1/", tls={"ca_file": str(path)})
