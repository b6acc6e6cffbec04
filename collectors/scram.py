"""Sign in by SCRAM (RFC 5802, RFC 7677): the password is never sent, and the server proves itself.

Without channel binding, which needs the certificate that TLS verified already.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
import stringprep
import unicodedata

from collectors.failure import ProtocolError

_MOST_ROUNDS = 100_000  # some 50 ms of ours; servers ask for 4,096 to 15,000


class BadScramError(ProtocolError):
    """What came is not SCRAM, or the server does not know the password itself."""

    protocol = "proper SCRAM"


class Scram:
    """One sign-in: `first`, then `final` for what was answered, then `verify` what comes last."""

    def __init__(
        self, username: str, password: bytes, digest: str = "sha256", nonce: str | None = None
    ) -> None:
        self._password = password
        self._digest = digest
        self._nonce = nonce or secrets.token_urlsafe(24)
        name = username.replace("=", "=3D").replace(",", "=2C")
        self._bare = f"n={name},r={self._nonce}"
        self._signature = b""

    def first(self) -> bytes:
        return f"n,,{self._bare}".encode()

    def final(self, challenge: bytes) -> bytes:
        """The proof. Raises BadScramError."""
        told = _fields(challenge)
        try:
            nonce, salt = told["r"], base64.b64decode(told["s"], validate=True)
            rounds = int(told["i"])
        except (KeyError, ValueError) as error:  # binascii.Error is one
            raise BadScramError(f"the challenge lacks its parts ({error})") from None
        if not nonce.startswith(self._nonce) or not rounds >= 1:
            raise BadScramError("the challenge is not an answer to ours")
        if rounds > _MOST_ROUNDS:
            raise BadScramError(f"{rounds} rounds are asked; at most {_MOST_ROUNDS} are made")
        salted = hashlib.pbkdf2_hmac(self._digest, self._password, salt, rounds)
        key = self._hmac(salted, b"Client Key")
        without_proof = f"c=biws,r={nonce}"
        said = f"{self._bare},{challenge.decode()},{without_proof}".encode()
        mask = self._hmac(hashlib.new(self._digest, key).digest(), said)
        proof = bytes(one ^ other for one, other in zip(key, mask, strict=True))
        self._signature = self._hmac(self._hmac(salted, b"Server Key"), said)
        return f"{without_proof},p={base64.b64encode(proof).decode()}".encode()

    def verify(self, last: bytes) -> None:
        """Raises BadScramError where the server does not prove that it knows the password."""
        try:
            told = base64.b64decode(_fields(last).get("v", ""), validate=True)
        except (binascii.Error, ValueError):
            told = b""
        if not self._signature or not hmac.compare_digest(told, self._signature):
            raise BadScramError("the server does not prove that it knows the password")

    def _hmac(self, key: bytes, data: bytes) -> bytes:
        return hmac.digest(key, data, self._digest)


def prepared(password: str) -> bytes:
    """As PostgreSQL and MongoDB store it (SASLprep, RFC 4013)."""
    mapped = "".join(
        " " if stringprep.in_table_c12(char) else char
        for char in password
        if not stringprep.in_table_b1(char)
    )
    normal = unicodedata.normalize("NFKC", mapped)
    return (normal or password).encode()


def _fields(message: bytes) -> dict[str, str]:
    try:
        parts = message.decode().split(",")
    except UnicodeDecodeError:
        raise BadScramError("it is no text") from None
    return {part[:1]: part[2:] for part in parts if part[1:2] == "="}
