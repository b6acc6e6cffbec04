"""Which certificate it is: the target's own, another that it presented, or one it is trusted by."""

import ipaddress
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import ValidationError

from collectors.means import Means
from collectors.observation import Cause, Observation, Outcome, Phase
from collectors.resolve import Resolver
from collectors.tls import TlsConfig, TlsProbe
from tests.collectors.wire import TIMEOUT, Server, answer, hang, http, look, says

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
IN_2033, IN_2034, IN_2035 = (datetime(year, 1, 1, tzinfo=UTC) for year in (2033, 2034, 2035))


@dataclass(frozen=True)
class Issued:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)


def issue(
    name: str,
    by: Issued | None = None,
    *,
    expires: datetime = IN_2035,
    host: str | None = None,
    key: ec.EllipticCurvePrivateKey | None = None,
) -> Issued:
    """A certificate: a host's where `host` is given, an authority's otherwise."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2019, 1, 1, tzinfo=UTC))
        .not_valid_after(expires)
        .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
    )
    if host is not None:
        try:
            known: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            known = x509.DNSName(host)
        builder = builder.add_extension(x509.SubjectAlternativeName([known]), critical=False)
    return Issued(builder.sign(by.key if by else key, hashes.SHA256()), key)


async def presenting(
    tmp_path: Path, chain: Sequence[Issued], root: Issued, **settings: object
) -> Observation:
    """One look at a server that presents the chain, by somebody who trusts the root."""
    async with Server(hang, context_of(tmp_path, chain)) as server:
        trusting = (
            {} if "insecure_skip_verify" in settings else {"ca_file": ca_file(tmp_path, root)}
        )
        config = TlsConfig.model_validate(
            {"tls": f"127.0.0.1:{server.port}", **trusting, **settings}
        )
        return await look(
            TlsProbe("shop/tls", config, Means(timedelta(seconds=10), TIMEOUT, Resolver()))
        )


def context_of(tmp_path: Path, chain: Sequence[Issued]) -> ssl.SSLContext:
    key = chain[0].key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = tmp_path / "server.pem"
    path.write_bytes(key + b"".join(each.pem for each in chain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def ca_file(tmp_path: Path, root: Issued) -> str:
    path = tmp_path / "ca.pem"
    path.write_bytes(root.pem)
    return str(path)


async def test_three_chains_expire_on_three_days(tmp_path: Path) -> None:
    root = issue("root", expires=IN_2033)
    middle = issue("middle", root, expires=IN_2034)
    leaf = issue("leaf", middle, host="127.0.0.1", expires=IN_2035)
    seen = await presenting(tmp_path, [leaf, middle], root)

    assert (seen.outcome, seen.warning) == (Outcome.PASSED, None)
    assert seen.leaf_expires == IN_2035
    assert (seen.certificate_expires, seen.first_to_expire) == (IN_2034, "middle")
    assert seen.verified_chain_expires == IN_2033


async def test_what_is_not_verified_has_no_verified_chain(tmp_path: Path) -> None:
    root = issue("root")
    leaf = issue("leaf", root, host="127.0.0.1", expires=IN_2034)
    seen = await presenting(tmp_path, [leaf], root, insecure_skip_verify=True)

    assert (seen.leaf_expires, seen.verified_chain_expires) == (IN_2034, None)


@pytest.mark.parametrize(
    ("leaf_expires", "middle_expires", "said"),
    [
        (IN_2035, LONG_AGO, "; middle, number 2 of 2 presented, expired at 2020-01-01 00:00 UTC"),
        (LONG_AGO, IN_2035, "; leaf, the target's own certificate, expired at 2020-01-01 00:00"),
    ],
    ids=["intermediate", "leaf"],
)
async def test_the_certificate_that_expired_is_named(
    tmp_path: Path, leaf_expires: datetime, middle_expires: datetime, said: str
) -> None:
    root = issue("root")
    middle = issue("middle", root, expires=middle_expires)
    leaf = issue("leaf", middle, host="127.0.0.1", expires=leaf_expires)
    seen = await presenting(tmp_path, [leaf, middle], root)

    assert (seen.outcome, seen.cause, seen.phase) == (
        Outcome.FAILED,
        Cause.CERTIFICATE,
        Phase.TLS,
    )
    assert said in seen.detail
    assert seen.detail.count("expired at") == 1
    assert (seen.certificate_expires, seen.leaf_expires) == (LONG_AGO, leaf_expires)
    assert seen.verified_chain_expires is None


async def test_a_root_that_expired_is_told_from_what_was_presented(tmp_path: Path) -> None:
    root = issue("root", expires=LONG_AGO)
    leaf = issue("leaf", root, host="127.0.0.1")
    seen = await presenting(tmp_path, [leaf], root)

    assert seen.cause is Cause.CERTIFICATE
    assert "none of those presented has" in seen.detail


async def test_a_self_signed_certificate_is_named(tmp_path: Path) -> None:
    leaf = issue("home made", host="127.0.0.1")
    seen = await presenting(tmp_path, [leaf], issue("root"))

    assert seen.cause is Cause.CERTIFICATE
    assert "self-signed" in seen.detail
    assert seen.detail.endswith("; it is the one of home made")


async def test_a_certificate_of_another_host_tells_whose_it_is(tmp_path: Path) -> None:
    root = issue("root")
    leaf = issue("leaf", root, host="shop.example")
    seen = await presenting(tmp_path, [leaf], root)

    assert "another IP address" in seen.detail
    assert seen.detail.endswith("; it is for shop.example")


async def test_an_intermediate_that_is_not_sent_is_named(tmp_path: Path) -> None:
    root = issue("root")
    leaf = issue("leaf", issue("middle", root), host="127.0.0.1")
    seen = await presenting(tmp_path, [leaf], root)

    assert seen.cause is Cause.CERTIFICATE
    assert seen.detail.endswith("; the last presented is of leaf, issued by middle")


async def test_https_names_the_certificate_too(tmp_path: Path) -> None:
    root = issue("root")
    middle = issue("middle", root, expires=LONG_AGO)
    chain = [issue("leaf", middle, host="127.0.0.1"), middle]
    async with Server(says(answer()), context_of(tmp_path, chain)) as server:
        tls = {"ca_file": ca_file(tmp_path, root)}
        seen = await look(http(f"https://127.0.0.1:{server.port}/", tls=tls))

    assert seen.cause is Cause.CERTIFICATE
    assert "middle, number 2 of 2 presented, expired" in seen.detail


def with_an_old_cross(root: Issued) -> list[Issued]:
    """A leaf, and behind it what nobody needs: the root by another, long ago."""
    cross = issue("root", issue("forgotten"), expires=LONG_AGO, key=root.key)
    return [issue("leaf", root, host="127.0.0.1", expires=IN_2034), cross]


async def test_what_expired_and_is_not_needed_is_a_warning(tmp_path: Path) -> None:
    root = issue("root")
    seen = await presenting(tmp_path, with_an_old_cross(root), root)

    assert seen.outcome is Outcome.PASSED
    assert seen.warning is not None
    assert "the certificate of root, which is presented, expired at 2020-01-01" in seen.warning
    assert (seen.certificate_expires, seen.verified_chain_expires) == (LONG_AGO, IN_2034)


@pytest.mark.parametrize(
    ("days_of", "said"),
    [
        ("presented", "; it is number 2 of 2 presented, and the verified chain does without it"),
        ("verified", None),
        ("leaf", None),
    ],
)
async def test_days_are_counted_of_the_chain_that_is_asked_for(
    tmp_path: Path, days_of: str, said: str | None
) -> None:
    root = issue("root")
    chain = with_an_old_cross(root)
    seen = await presenting(tmp_path, chain, root, certificate_days=14, days_of=days_of)

    assert (seen.outcome is Outcome.PASSED) is (said is None)
    assert seen.detail.endswith(said or "")


async def test_a_root_that_expires_soon_is_told_to_be_one(tmp_path: Path) -> None:
    root = issue("root", expires=datetime.now(UTC) + timedelta(days=3))
    leaf = issue("leaf", root, host="127.0.0.1")
    seen = await presenting(tmp_path, [leaf], root, certificate_days=14, days_of="verified")

    assert (seen.cause, seen.phase) == (Cause.CERTIFICATE, Phase.JUDGE)
    assert "the certificate of root expires at" in seen.detail
    assert seen.detail.endswith("; it was not presented, but is part of the verified chain")


def test_what_is_not_verified_cannot_be_judged() -> None:
    with pytest.raises(ValidationError, match="leaves out"):
        TlsConfig.model_validate(
            {"tls": "shop.example:443", "insecure_skip_verify": True, "days_of": "verified"}
        )
