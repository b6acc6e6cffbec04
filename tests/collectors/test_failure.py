"""Whose failure it was, from the exceptions that libraries raise."""

import asyncio
import errno
import os
import socket
import ssl

import httpcore
import httpx
import pytest

from collectors.failure import translate, translate_phase
from collectors.observation import Cause, Outcome, Phase


def raised(outer: BaseException, cause: BaseException) -> BaseException:
    """`outer`, as a client raises it around what really happened."""
    outer.__cause__ = cause
    return outer


def os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


def certificate_error(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "verify failed")
    error.verify_code, error.verify_message = code, "as OpenSSL puts it"
    return error


def tls_error(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, reason)
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "phase", "cause", "words"),
    [
        pytest.param(
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            Phase.RESOLVE, Cause.DNS, "does not resolve", id="no such name",
        ),
        pytest.param(
            os_error(errno.ECONNREFUSED), Phase.CONNECT, Cause.CONNECT, "refused", id="refused"
        ),
        pytest.param(
            os_error(errno.EHOSTUNREACH), Phase.CONNECT, Cause.CONNECT, "cannot be reached",
            id="host unreachable",
        ),
        pytest.param(
            os_error(errno.ECONNRESET), Phase.TLS, Cause.TLS, "during the TLS handshake",
            id="reset in the handshake",
        ),
        pytest.param(
            os_error(errno.ECONNRESET), Phase.TRANSFER, Cause.PROTOCOL, "while reading",
            id="reset in the body",
        ),
        pytest.param(TimeoutError(), Phase.CONNECT, Cause.TIMEOUT, "connecting", id="timeout"),
        pytest.param(
            httpx.ReadTimeout(""), Phase.PROCESSING, Cause.TIMEOUT, "waiting", id="httpx timeout"
        ),
        pytest.param(
            os_error(errno.ETIMEDOUT), Phase.TRANSFER, Cause.TIMEOUT, "reading", id="TCP timeout"
        ),
        pytest.param(
            certificate_error(10), Phase.TLS, Cause.CERTIFICATE, "has expired", id="expired"
        ),
        pytest.param(
            certificate_error(62), Phase.TLS, Cause.CERTIFICATE, "another host name", id="host"
        ),
        pytest.param(
            certificate_error(20), Phase.TLS, Cause.CERTIFICATE, "unknown authority", id="CA"
        ),
        pytest.param(
            tls_error("WRONG_VERSION_NUMBER"), Phase.TLS, Cause.TLS, "does not speak TLS",
            id="plain HTTP on the port",
        ),
        pytest.param(
            tls_error("UNEXPECTED_EOF_WHILE_READING"), Phase.TRANSFER, Cause.PROTOCOL,
            "closed the connection", id="TLS cut off in the body",
        ),
        pytest.param(
            httpx.TooManyRedirects(""), Phase.PROCESSING, Cause.STATUS, "redirects", id="loop"
        ),
        pytest.param(
            httpx.DecodingError("bad gzip"), Phase.TRANSFER, Cause.BODY, "bad gzip", id="encoding"
        ),
        pytest.param(
            httpx.RemoteProtocolError("illegal status line"), Phase.PROCESSING, Cause.PROTOCOL,
            "illegal status line", id="no HTTP",
        ),
        pytest.param(
            httpx.ConnectError(""), Phase.CONNECT, Cause.CONNECT, "broke", id="unnamed"
        ),
    ],
)  # fmt: skip
def test_the_targets_failure_is_failed_with_its_cause(
    error: BaseException, phase: Phase, cause: Cause, words: str
) -> None:
    outcome, found, sentence = translate(error, phase)

    assert (outcome, found) == (Outcome.FAILED, cause)
    assert words in sentence


@pytest.mark.parametrize(
    ("error", "phase", "words"),
    [
        pytest.param(
            socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"),
            Phase.RESOLVE, "resolver", id="resolver down",
        ),
        pytest.param(TimeoutError(), Phase.RESOLVE, "resolver", id="resolver silent"),
        pytest.param(TimeoutError(), Phase.JUDGE, "did not get through", id="we were too slow"),
        pytest.param(os_error(errno.EMFILE), Phase.CONNECT, "descriptor", id="no descriptors"),
        pytest.param(os_error(errno.EADDRNOTAVAIL), Phase.CONNECT, "port", id="no local port"),
        pytest.param(os_error(errno.ENETUNREACH), Phase.CONNECT, "route", id="no route"),
        pytest.param(asyncio.CancelledError(), Phase.TRANSFER, "stopping", id="cancelled"),
        pytest.param(MemoryError(), Phase.TRANSFER, "memory", id="out of memory"),
        pytest.param(httpx.PoolTimeout(""), Phase.CONNECT, "no connection of ours", id="pool"),
        pytest.param(
            httpx.LocalProtocolError("illegal header"), Phase.PROCESSING, "illegal header",
            id="our request is wrong",
        ),
        pytest.param(KeyError("x"), Phase.JUDGE, "KeyError", id="a mistake in our code"),
    ],
)  # fmt: skip
def test_our_own_failure_is_unknown(error: BaseException, phase: Phase, words: str) -> None:
    outcome, cause, sentence = translate(error, phase)

    assert (outcome, cause) == (Outcome.UNKNOWN, None)
    assert words in sentence


def test_the_root_of_a_chain_decides() -> None:
    root = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    error = raised(httpx.ConnectError("x"), raised(httpcore.ConnectError("x"), root))

    assert translate(error, Phase.CONNECT)[0] is Outcome.UNKNOWN
    assert translate_phase(error, Phase.CONNECT) is Phase.RESOLVE


def test_of_several_addresses_the_targets_own_answer_outweighs_our_missing_ipv6() -> None:
    tried = [os_error(errno.ENETUNREACH), os_error(errno.ECONNREFUSED)]
    error = raised(OSError("all attempts failed"), ExceptionGroup("attempts", tried))

    assert translate(error, Phase.CONNECT)[:2] == (Outcome.FAILED, Cause.CONNECT)


def test_what_was_being_handled_when_time_ran_out_is_not_the_reason() -> None:
    cancelled = raised(asyncio.CancelledError(), os_error(errno.ECONNREFUSED))
    error = raised(TimeoutError(), cancelled)

    assert translate(error, Phase.CONNECT)[1] is Cause.TIMEOUT


def test_a_tls_error_raised_while_connecting_belongs_to_the_handshake() -> None:
    assert translate_phase(tls_error("NO_CIPHERS"), Phase.CONNECT) is Phase.TLS
