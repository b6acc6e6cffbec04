"""Say in words why a run failed, and whose failure it was: the target's or ours."""

import asyncio
import errno
import socket
import ssl
from collections.abc import Iterator

import httpcore
import httpx

from collectors.certificate import UntrustedError
from collectors.observation import Cause, Outcome, Phase

Verdict = tuple[Outcome, Cause | None, str]

_WHILE = {
    Phase.RESOLVE: "while its name was resolved",
    Phase.CONNECT: "while connecting",
    Phase.TLS: "during the TLS handshake",
    Phase.PROCESSING: "while waiting for the answer",
    Phase.TRANSFER: "while reading the answer",
    Phase.JUDGE: "while the answer was judged",
}

# What a broken connection means depends on how far the run had come.
_CAUSE_OF_PHASE = {
    Phase.RESOLVE: Cause.DNS,
    Phase.CONNECT: Cause.CONNECT,
    Phase.TLS: Cause.TLS,
    Phase.PROCESSING: Cause.PROTOCOL,
    Phase.TRANSFER: Cause.PROTOCOL,
    Phase.JUDGE: Cause.BODY,
}

_OUR_ERRNO = {
    errno.EMFILE: "this process has no file descriptor left (raise its open files limit)",
    errno.ENFILE: "this machine has no file descriptor left",
    errno.ENOMEM: "this machine has no memory left",
    errno.ENOBUFS: "this machine has no network buffer left",
    errno.EADDRNOTAVAIL: "this machine has no local port or address left to connect from",
    errno.EACCES: "this machine's own firewall or policy forbids the connection",
    errno.EPERM: "this machine's own firewall or policy forbids the connection",
    errno.ENETDOWN: "this machine's network is down",
    errno.ENETUNREACH: "this machine has no route to the target's network",
    errno.EAFNOSUPPORT: "this machine does not speak the target's address family",
}

_BROKEN_ERRNO = {
    errno.ECONNRESET: "the target reset the connection",
    errno.ECONNABORTED: "the connection was aborted",
    errno.EPIPE: "the target closed the connection",
    errno.EHOSTUNREACH: "the host cannot be reached",
    errno.EHOSTDOWN: "the host is down",
}

# EAI_AGAIN is what a resolver that cannot be reached gives, not what a missing name gives.
_OUR_RESOLVER = {socket.EAI_AGAIN, socket.EAI_MEMORY, socket.EAI_SYSTEM}

# X509_V_ERR_*; OpenSSL, x509_vfy.h
_CERTIFICATE = {
    9: "the certificate is not valid yet",
    10: "the certificate has expired",
    18: "the certificate is self-signed and not trusted",
    19: "the certificate chain ends in a self-signed root that is not trusted",
    20: "the certificate was issued by an unknown authority (or an intermediate is not sent)",
    21: "the certificate was issued by an unknown authority (or an intermediate is not sent)",
    23: "the certificate was revoked",
    26: "the certificate is not meant for servers",
    62: "the certificate is for another host name",
    64: "the certificate is for another IP address",
}

_TLS_REASON = {
    "WRONG_VERSION_NUMBER": "the target does not speak TLS on this port",
    "HTTP_REQUEST": "the target does not speak TLS on this port",
    "PACKET_LENGTH_TOO_LONG": "the target does not speak TLS on this port",
    "RECORD_LAYER_FAILURE": "the target does not speak TLS on this port",
    "UNSUPPORTED_PROTOCOL": "the target offers only TLS versions that are not accepted here",
    "TLSV1_ALERT_PROTOCOL_VERSION": "the target accepts none of the TLS versions offered",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "the target refused the handshake: no cipher in common",
    "TLSV1_UNRECOGNIZED_NAME": "the target does not know this host name",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the target demands a client certificate",
    "DH_KEY_TOO_SMALL": "the target's Diffie-Hellman key is too small",
    "EE_KEY_TOO_SMALL": "the target's certificate has a key that is too small",
    "CA_MD_TOO_WEAK": "the target's certificate is signed with a broken algorithm",
}


class RefusedAtError(ConnectionRefusedError):
    """A refused connection, with the address and port that refused it."""

    def __init__(self, where: str) -> None:
        super().__init__(errno.ECONNREFUSED, "Connection refused")
        self.where = where


class ProtocolError(Exception):
    """What came is not what its protocol allows."""

    protocol = "proper HTTP"


class BeyondProxyError(Exception):
    """Our proxy works, and says that it cannot reach the target."""


def translate(error: BaseException, phase: Phase) -> Verdict:
    """Outcome, cause and sentence for what ended a run in `phase`; see semantics, "Probe".

    What cannot be laid to the target's door is UNKNOWN, and so is an error of our own code.
    """
    if isinstance(error, asyncio.CancelledError):
        return _unknown("the run was cut short because this process is stopping or reloading")
    if isinstance(error, httpx.PoolTimeout | httpcore.PoolTimeout):
        return _unknown("no connection of ours was free in time")
    if isinstance(error, ProtocolError):
        return _failed(Cause.PROTOCOL, f"the answer is not {error.protocol}: {error}")
    if isinstance(error, BeyondProxyError):
        return _failed(Cause.CONNECT, str(error))
    roots = list(_roots(error))
    verdict = _of_roots(roots, phase)
    if verdict is not None:
        return verdict
    return _of_client(error, phase)


def untrusted(error: BaseException) -> UntrustedError | None:
    """The certificates that ended the run, where they did."""
    return next((root for root in _roots(error) if isinstance(root, UntrustedError)), None)


def translate_phase(error: BaseException, phase: Phase) -> Phase:
    """The phase to record: what an error itself tells beats where the caller thought it was."""
    roots = list(_roots(error))
    if any(isinstance(root, socket.gaierror) for root in roots):
        return Phase.RESOLVE
    if any(isinstance(root, ssl.SSLError) for root in roots) and phase in (
        Phase.RESOLVE,
        Phase.CONNECT,
    ):
        return Phase.TLS
    return phase


def _of_roots(roots: list[BaseException], phase: Phase) -> Verdict | None:
    """What the deepest errors say: they know more than the client's wrappers around them."""
    for root in roots:
        if isinstance(root, socket.gaierror):
            return _resolve(root)
        if isinstance(root, ssl.SSLCertVerificationError):
            return _certificate(root)
        if isinstance(root, ssl.SSLError):
            return _tls(root, phase)
        if isinstance(root, UnicodeError) and phase is Phase.RESOLVE:
            return _failed(Cause.DNS, f"the host name is not valid: {root}")
    system = [root for root in roots if isinstance(root, OSError) and root.errno is not None]
    # Of several addresses tried, one answer of the target's network outweighs our missing IPv6.
    system.sort(key=lambda error: error.errno in _OUR_ERRNO)
    return _system(system[0], phase) if system else None


def _of_client(error: BaseException, phase: Phase) -> Verdict:
    match error:
        case TimeoutError() | httpx.TimeoutException() | httpcore.TimeoutException():
            return _timeout(phase)
        case httpx.TooManyRedirects():
            return _failed(Cause.STATUS, "the target redirects more often than is followed")
        case httpx.UnsupportedProtocol() | httpcore.UnsupportedProtocol():
            return _failed(Cause.PROTOCOL, f"the address is of no kind that is followed: {error}")
        case httpx.DecodingError():
            return _failed(Cause.BODY, f"the body is not encoded as its header says: {error}")
        case httpx.RemoteProtocolError() | httpcore.RemoteProtocolError():
            return _failed(Cause.PROTOCOL, f"the answer is not proper HTTP: {error}")
        case httpx.LocalProtocolError() | httpcore.LocalProtocolError():
            return _unknown(f"our own request is not proper HTTP: {error}")
        case httpx.InvalidURL():
            return _unknown(f"the address is not valid: {error}")
        case httpx.ProxyError() | httpcore.ProxyError():
            return _unknown(f"our own proxy failed: {error}")
        case httpx.NetworkError() | httpcore.NetworkError() | EOFError() | ConnectionError():
            return _broken("the connection broke", phase)
        case MemoryError():
            return _unknown(_OUR_ERRNO[errno.ENOMEM])
        case _:
            return _unknown(f"the collector itself failed: {type(error).__name__}: {error}")


def _resolve(error: socket.gaierror) -> Verdict:
    said = error.strerror or str(error)
    if error.errno in _OUR_RESOLVER:
        return _unknown(f"our own resolver did not answer: {said}")
    return _failed(Cause.DNS, f"the host name does not resolve: {said}")


def _certificate(error: ssl.SSLCertVerificationError) -> Verdict:
    said = _CERTIFICATE.get(error.verify_code, "the certificate is not trusted")
    return _failed(Cause.CERTIFICATE, f"{said} ({error.verify_message})")


def _tls(error: ssl.SSLError, phase: Phase) -> Verdict:
    reason = error.reason or ""
    where = Phase.TLS if phase in (Phase.RESOLVE, Phase.CONNECT) else phase
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError) or "EOF" in reason:
        return _broken("the target closed the connection", where)
    said = _TLS_REASON.get(reason, "TLS failed")
    named = f" ({reason})" if reason else ""
    return _failed(Cause.TLS, f"{said} {_WHILE[where]}{named}")


def _system(error: OSError, phase: Phase) -> Verdict:
    if error.errno in _OUR_ERRNO:
        return _unknown(_OUR_ERRNO[error.errno])
    if error.errno == errno.ETIMEDOUT:
        return _timeout(phase)
    if error.errno == errno.ECONNREFUSED:
        where = f"on {error.where}" if isinstance(error, RefusedAtError) else "there"
        cause = _CAUSE_OF_PHASE[phase]
        return _failed(cause, f"the connection was refused: nothing listens {where}")
    said = _BROKEN_ERRNO.get(error.errno or 0, f"the connection failed: {error.strerror}")
    return _broken(said, phase)


def _broken(said: str, phase: Phase) -> Verdict:
    return _failed(_CAUSE_OF_PHASE[phase], f"{said} {_WHILE[phase]}")


def _timeout(phase: Phase) -> Verdict:
    if phase is Phase.RESOLVE:
        return _unknown("our own resolver did not answer within the timeout")
    if phase is Phase.JUDGE:
        return _unknown("the answer came, but we did not get through it within the timeout")
    return _failed(Cause.TIMEOUT, f"the timeout passed {_WHILE[phase]}")


def _failed(cause: Cause, sentence: str) -> Verdict:
    return Outcome.FAILED, cause, sentence


def _unknown(sentence: str) -> Verdict:
    return Outcome.UNKNOWN, None, sentence


def _roots(error: BaseException) -> Iterator[BaseException]:
    """The error, what it was raised from, and the members of groups; the deepest first.

    Nothing below a cancellation counts: that is what was being handled when time ran out.
    """
    if error.__cause__ is not None and not isinstance(error, asyncio.CancelledError):
        yield from _roots(error.__cause__)
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            yield from _roots(member)
    yield error
