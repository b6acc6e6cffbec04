"""Look at the certificates that a target presents, and decide whom to trust."""

import functools
import logging
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

_log = logging.getLogger(__name__)
_DER = 2  # _ssl.ENCODING_DER
HTTP_ALPN = ("http/1.1",)
HTTP2_ALPN = ("h2",)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What matters of a certificate that was presented."""

    subject: str
    expires: datetime
    issuer: str = ""
    names: tuple[str, ...] = ()  # of hosts and addresses that it is for


def presented(tls: ssl.SSLObject) -> Sequence[Certificate]:
    """The chain that the target sent, its own certificate first; trusted or not."""
    return tuple(_read(der) for der in presented_der(tls))


def verified(tls: ssl.SSLObject) -> Sequence[Certificate]:
    """The chain by which the target was trusted, the root included; empty where none was asked."""
    if tls.context.verify_mode is not ssl.CERT_REQUIRED:
        return ()
    return tuple(_read(der) for der in verified_der(tls))


class UntrustedError(ssl.SSLCertVerificationError):
    """A certificate that is not trusted, with the chain that was presented."""

    def __init__(self, error: ssl.SSLCertVerificationError, tls: ssl.SSLObject) -> None:
        super().__init__(*error.args)
        self.library, self.reason = error.library, error.reason
        self.verify_code, self.verify_message = error.verify_code, error.verify_message
        try:
            self.chain = presented(tls)
        except ValueError:  # one of them cannot be read, which is told by other words
            self.chain = ()


def presented_der(tls: ssl.SSLObject) -> Sequence[bytes]:
    """The certificates that the target sent, its own first."""
    chain = _chain(tls, "get_unverified_chain")
    if chain is not None:
        return chain
    own = tls.getpeercert(binary_form=True)
    return [own] if own is not None else []


def verified_der(tls: ssl.SSLObject) -> Sequence[bytes]:
    """From the target's certificate to the root that is trusted; only where it was verified."""
    return _chain(tls, "get_verified_chain") or []


def first_to_expire(chain: Sequence[Certificate]) -> Certificate | None:
    """The certificate after whose expiry the chain is broken; None without a chain."""
    return min(chain, key=lambda certificate: certificate.expires, default=None)


def too_few_days(certificate: Certificate, days: int, now: datetime) -> str | None:
    """Why the certificate does not last `days` from now, in words; None when it does."""
    left = certificate.expires - now
    if left >= timedelta(days=days):
        return None
    when = f"{certificate.expires:%Y-%m-%d %H:%M} UTC"
    if left <= timedelta(0):
        return f"the certificate of {certificate.subject} expired at {when}"
    return (
        f"the certificate of {certificate.subject} expires at {when}, "
        f"in {left / timedelta(days=1):.1f} days; expected at least {days}"
    )


class Trust:
    """A TLS context of our own making, built once and again only when its files change."""

    def __init__(
        self,
        *,
        ca_file: Path | None = None,
        cert_file: Path | None = None,
        key_file: Path | None = None,
        verify: bool = True,
        alpn: tuple[str, ...] = (),
    ) -> None:
        self._settings = (ca_file, cert_file, key_file, verify, alpn)
        self._files = [file for file in (ca_file, cert_file, key_file) if file is not None]
        self._built_from = self._stamps()
        self._context = self._build()

    def context(self) -> ssl.SSLContext:
        """The context to use now. A certificate that was renewed on disk is picked up."""
        if self._files:
            stamps = self._stamps()
            if stamps != self._built_from:
                self._built_from = stamps
                try:
                    self._context = self._build()
                except ValueError as error:
                    # Half of a new pair is on disk, or none: the old one may serve a while longer.
                    _log.warning("keeping the former TLS files: %s", error)
        return self._context

    def _build(self) -> ssl.SSLContext:
        ca_file, cert_file, key_file, verify, alpn = self._settings
        if not self._files:
            return _of_system(verify, alpn)
        return _build_context(ca_file, cert_file, key_file, verify, alpn)

    def _stamps(self) -> tuple[tuple[int, int] | None, ...]:
        return tuple(_stamp(file) for file in self._files)


@functools.cache
def _of_system(verify: bool, alpn: tuple[str, ...]) -> ssl.SSLContext:
    """Shared by every probe without files of its own: a context weighs about a megabyte."""
    return _build_context(None, None, None, verify, alpn)


def _build_context(
    ca_file: Path | None,
    cert_file: Path | None,
    key_file: Path | None,
    verify: bool,
    alpn: tuple[str, ...],
) -> ssl.SSLContext:
    if verify:
        try:
            context = ssl.create_default_context(cafile=ca_file)
        except (OSError, ssl.SSLError) as error:
            raise ValueError(f"ca_file {ca_file} cannot be read: {error}") from error
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if cert_file is not None:
        try:
            # Without a password of ours OpenSSL would ask the terminal for one, and wait.
            context.load_cert_chain(cert_file, key_file, password=_no_password)
        except (OSError, ssl.SSLError, ValueError) as error:
            raise ValueError(
                f"cert_file {cert_file} with its key cannot be loaded: {error}"
            ) from error
    return context


def _no_password() -> str:
    raise ValueError("the key is encrypted")


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino


def _chain(tls: ssl.SSLObject, asked: str) -> Sequence[bytes] | None:
    public = getattr(tls, asked, None)  # Python 3.13 and later
    if public is not None:
        return [bytes(der) for der in public() or ()]
    # Python 3.11 and 3.12 have it one level down.
    inner = getattr(tls, "_sslobj", None)
    chain = getattr(inner, asked)() if inner is not None else None
    if chain is None:
        return None
    return [certificate.public_bytes(_DER) for certificate in chain]


@functools.lru_cache(maxsize=1024)
def _read(der: bytes) -> Certificate:
    certificate = x509.load_der_x509_certificate(der)
    names = _names(certificate)
    return Certificate(
        _called(certificate.subject, names),
        certificate.not_valid_after_utc,
        _called(certificate.issuer, ()),
        names,
    )


def _called(name: x509.Name, others: Sequence[str]) -> str:
    called = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    if called:
        return str(called[0].value)
    return ", ".join(others) or name.rfc4514_string() or "an unnamed subject"


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    hosts = names.get_values_for_type(x509.DNSName)
    return (*hosts, *(str(each) for each in names.get_values_for_type(x509.IPAddress)))
