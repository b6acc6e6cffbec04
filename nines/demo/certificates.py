"""Certificates of a small authority of our own, for platforms that speak TLS on loopback."""

import ipaddress
import ssl
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_LONG = timedelta(days=3650)


class Authority:
    """Issues certificates for 127.0.0.1; `folder` holds its own, and the newest with its key."""

    def __init__(self, folder: Path, now: datetime) -> None:
        self._folder, self._since = folder, now - timedelta(days=400)
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Example authority")])
        self._key = ec.generate_private_key(ec.SECP256R1())
        own = self._builder(self._name, self._key.public_key(), now + _LONG, authority=True)
        self.certificate = folder / "authority.pem"
        self.certificate.write_bytes(_pem(own.sign(self._key, hashes.SHA256())))

    def present(self, context: ssl.SSLContext, expires: datetime) -> None:
        """From the next handshake on, `context` presents a certificate that lasts until then."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "saverly.example")])
        host = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        builder = self._builder(subject, key.public_key(), expires, authority=False)
        signed = builder.add_extension(host, critical=False).sign(self._key, hashes.SHA256())
        secret = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        newest = self._folder / "newest.pem"
        newest.write_bytes(_pem(signed) + secret)
        context.load_cert_chain(newest)

    def _builder(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        expires: datetime,
        *,
        authority: bool,
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._since)
            .not_valid_after(expires)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
