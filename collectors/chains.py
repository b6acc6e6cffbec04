"""The chains of certificates that one handshake tells of, and what is wrong with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from collectors.certificate import Certificate, first_to_expire

_EXPIRED = 10  # X509_V_ERR_*; OpenSSL, x509_vfy.h
_SELF_SIGNED = (18, 19)
_UNKNOWN_ISSUER = (20, 21)
_OTHER_NAME = (62, 64)
_MOST_NAMES = 5


@dataclass(frozen=True, slots=True)
class Chains:
    """What the target sent, its own certificate first, and the chain by which it is trusted.

    They are not the same: a server may send what nobody needs, and the root is never needed.
    """

    presented: Sequence[Certificate] = ()
    verified: Sequence[Certificate] = ()  # with the root; empty where nothing was verified

    @property
    def leaf(self) -> Sequence[Certificate]:
        """The target's own certificate alone."""
        return self.presented[:1]

    @property
    def expires(self) -> datetime | None:
        """When the first of what was presented expires."""
        return _expires(self.presented)

    @property
    def leaf_expires(self) -> datetime | None:
        return _expires(self.leaf)

    @property
    def verified_expires(self) -> datetime | None:
        return _expires(self.verified)

    @property
    def first_to_expire(self) -> str | None:
        """Whose certificate is the first of what was presented to expire."""
        first = first_to_expire(self.presented)
        return first.subject if first is not None else None

    @property
    def unneeded(self) -> Sequence[Certificate]:
        """What was presented and is no part of the verified chain."""
        if not self.verified:
            return ()
        return [certificate for certificate in self.presented if certificate not in self.verified]

    def place(self, certificate: Certificate) -> str:
        """Where it stands, in words; "" where nothing is to be said."""
        if certificate not in self.presented:
            return "; it was not presented, but is part of the verified chain"
        if len(self.presented) == 1:
            return ""
        place = _place(certificate, self.presented)
        if certificate in self.unneeded:
            return f"; it is {place}, and the verified chain does without it"
        return f"; it is {place}"


def why_untrusted(code: int, presented: Sequence[Certificate], now: datetime) -> str:
    """Which certificate it is, in words to be added to OpenSSL's; "" where that cannot be told."""
    if not presented:
        return ""
    leaf, last = presented[0], presented[-1]
    if code == _EXPIRED:
        expired = [certificate for certificate in presented if certificate.expires <= now]
        if not expired:
            return "; none of those presented has, so that it is the root that is trusted here"
        return "".join(
            f"; {certificate.subject}, {_place(certificate, presented)}, expired at "
            f"{certificate.expires:%Y-%m-%d %H:%M} UTC"
            for certificate in expired
        )
    if code in _SELF_SIGNED:
        return f"; it is the one of {last.subject}"
    if code in _UNKNOWN_ISSUER:
        return f"; the last presented is of {last.subject}, issued by {last.issuer}"
    if code in _OTHER_NAME and leaf.names:
        more = f" and {len(leaf.names) - _MOST_NAMES} more" * (len(leaf.names) > _MOST_NAMES)
        return f"; it is for {', '.join(leaf.names[:_MOST_NAMES])}{more}"
    return ""


def _place(certificate: Certificate, presented: Sequence[Certificate]) -> str:
    at = presented.index(certificate)
    if at == 0:
        return "the target's own certificate"
    return f"number {at + 1} of {len(presented)} presented"


def _expires(chain: Sequence[Certificate]) -> datetime | None:
    first = first_to_expire(chain)
    return first.expires if first is not None else None
