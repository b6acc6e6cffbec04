"""What the peer tells of a TLS connection."""

import ssl
from functools import lru_cache
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from collectors.blackbox.findings import Findings
from collectors.certificate import Trust, presented_der, verified_der
from collectors.request import trust
from collectors.settings import TlsOptions


def trusted(options: TlsOptions, alpn: tuple[str, ...] = ()) -> Trust:
    """Whom such a module trusts, read once. Raises ValueError in words: an unreadable file."""
    return _trusted(options, alpn)


def told_of_tls(tls: ssl.SSLObject, findings: Findings, *, verified: bool) -> None:
    """Note the certificates, the version and the cipher.

    Without verification there is no chain to tell the end of: the peer then tells the year 1.
    """
    chain = [x509.load_der_x509_certificate(der) for der in presented_der(tls)]
    first = min(chain, key=lambda each: each.not_valid_after_utc)
    findings.set("probe_ssl_earliest_cert_expiry", first.not_valid_after_utc.timestamp())
    if verified and (whole := verified_der(tls)):
        ends = [x509.load_der_x509_certificate(der).not_valid_after_utc for der in whole]
        name = "probe_ssl_last_chain_expiry_timestamp_seconds"
        findings.set(name, min(ends).timestamp())
    findings.set("probe_ssl_last_chain_info", 1, **_labels(chain[0]))
    version = (tls.version() or "unknown").replace("TLSv", "TLS ")
    findings.set("probe_tls_version_info", 1, version="TLS 1.0" if version == "TLS 1" else version)
    cipher = tls.cipher()
    findings.set("probe_tls_cipher_info", 1, cipher=cipher[0] if cipher else "unknown")


def _labels(certificate: x509.Certificate) -> dict[str, str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = extension.value.get_values_for_type(x509.DNSName)
    except (x509.ExtensionNotFound, ValueError):
        names = []
    der = certificate.public_bytes(Encoding.DER)
    return {
        "fingerprint_sha256": sha256(der).hexdigest(),
        "subject": certificate.subject.rfc4514_string(),
        "issuer": certificate.issuer.rfc4514_string(),
        "subjectalternative": ",".join(names),
        "serialnumber": f"{certificate.serial_number:x}",
    }


@lru_cache(maxsize=256)
def _trusted(options: TlsOptions, alpn: tuple[str, ...]) -> Trust:
    return trust(options, alpn)
