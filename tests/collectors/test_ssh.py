"""A real sshd, and servers that are none."""

import asyncio
import os
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError

from collectors.means import Means
from collectors.observation import Cause, Observation, Outcome, Phase
from collectors.resolve import Resolver
from collectors.ssh import BadSshError, SshConfig, SshProbe, read_identification
from tests.collectors.wire import (
    SHORT,
    TIMEOUT,
    Server,
    Talk,
    answer,
    hang,
    look,
    says,
    script,
)
from tests.daemons import daemon, listens
from tests.web.ports import free_port

real = pytest.mark.needs("openssh-server")
NAMED = b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"
# Where sshd changes its root to; Debian's service makes it at its start.
_PRIVILEGES = Path("/run/sshd")


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """A server's port and its log."""
    home = tmp_path_factory.mktemp("sshd")
    key, log, port = home / "host_key", home / "log", free_port()
    key.write_bytes(
        Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
    )
    key.chmod(0o600)
    is_ours = os.geteuid() == 0 and not _PRIVILEGES.exists()
    if is_ours:
        _PRIVILEGES.mkdir(mode=0o755)
    options = [f"ListenAddress=127.0.0.1:{port}", f"HostKey={key}", "PidFile=none", "UsePAM=no"]
    arguments = ["/usr/sbin/sshd", "-D", "-e", "-f", "/dev/null"]
    arguments += [word for option in [*options, "LogLevel=VERBOSE"] for word in ("-o", option)]
    try:
        with daemon(arguments, partial(listens, port), log):
            yield port, log
    finally:
        if is_ours:
            _PRIVILEGES.rmdir()


def probe(port: int, timeout: timedelta = TIMEOUT, **settings: object) -> SshProbe:
    config = SshConfig.model_validate({"ssh": f"127.0.0.1:{port}", **settings})
    return SshProbe("shop/bastion", config, Means(timedelta(seconds=10), timeout, Resolver()))


async def against(talk: Talk, timeout: timedelta = TIMEOUT, **settings: object) -> Observation:
    async with Server(talk) as server:
        seen = await look(probe(server.port, timeout, **settings))
        await server.all_hung_up()
    return seen


@real
async def test_a_real_server_names_itself(sshd: tuple[int, Path]) -> None:
    seen = await look(probe(sshd[0], expect={"software": "^OpenSSH_"}))

    assert (seen.outcome, seen.detail) == (Outcome.PASSED, "")
    assert {Phase.CONNECT, Phase.PROCESSING, Phase.TRANSFER} <= set(seen.phases)
    assert sum(seen.phases.values(), timedelta(0)) == seen.duration


@real
async def test_a_real_server_of_another_version_fails(sshd: tuple[int, Path]) -> None:
    seen = await look(probe(sshd[0], expect={"software": "^dropbear"}))

    assert (seen.outcome, seen.cause, seen.phase) == (
        Outcome.FAILED,
        Cause.ASSERTION,
        Phase.JUDGE,
    )
    assert "the software is 'OpenSSH_" in seen.detail
    assert seen.detail.endswith("expected a match of '^dropbear'")


async def test_what_comes_before_is_passed_over_and_we_name_ourselves() -> None:
    heard: list[bytes] = []
    talk = script(b"Authorized use only.\r\n\r\n" + NAMED, heard=heard, hangs_up=False)
    seen = await against(talk, expect={"software": r"deb12u3$"})

    assert (seen.outcome, heard) == (Outcome.PASSED, [b"SSH-2.0-Nines\r\n"])


@pytest.mark.parametrize(
    ("said", "told"),
    [
        pytest.param(b"", "the target hung up before it had named itself", id="nothing"),
        pytest.param(b"Exceeded MaxStartups\r\n", "what came is 'Exceeded MaxStartups'", id="full"),
        pytest.param(b"SSH-2.0-Open", "what came is 'SSH-2.0-Open'", id="half a line"),
        pytest.param(b"SSH-2.0\r\n", "not of the form SSH-version-software", id="no software"),
        pytest.param(b"SSH-2.0-a\0b\r\n", "not of the form SSH-version-software", id="a NUL"),
        pytest.param(
            b"SSH-2.0-" + b"x" * 300 + b"\r\n", "the line is longer than 255 bytes", id="too long"
        ),
        pytest.param(b"no\r\n" * 9000, "16KiB came, and it went on", id="no end of lines"),
        pytest.param(b"x" * 90000, "16KiB came, and it went on", id="no end of a line"),
    ],
)
async def test_what_is_no_ssh_fails_the_protocol(said: bytes, told: str) -> None:
    seen = await against(script(said))

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.PROTOCOL)
    assert told in seen.detail
    assert len(seen.detail) < 500


@pytest.mark.parametrize("talk", [hang, says(answer())], ids=["silence", "HTTP"])
async def test_who_waits_for_us_times_out(talk: Talk) -> None:
    seen = await against(talk, SHORT)

    assert (seen.cause, seen.phase) == (Cause.TIMEOUT, Phase.PROCESSING)


async def test_a_line_without_end_times_out() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-Open")
        await hang(reader, writer)

    seen = await against(talk, SHORT)

    assert (seen.cause, seen.phase) == (Cause.TIMEOUT, Phase.TRANSFER)


@pytest.mark.parametrize(
    ("version", "passes"), [("2.0", True), ("1.99", True), ("1.5", False), ("2.01", False)]
)
async def test_the_protocol_is_version_2_where_nothing_else_is_said(
    version: str, passes: bool
) -> None:
    seen = await against(script(f"SSH-{version}-old\r\n".encode()))

    assert (seen.outcome is Outcome.PASSED) is passes
    assert (f"the protocol is '{version}'" in seen.detail) is not passes


@pytest.mark.parametrize(
    ("line", "software"),
    [
        (NAMED, "OpenSSH_9.2p1 Debian-2+deb12u3"),
        (b"SSH-2.0-Cisco-1.25\n", "Cisco-1.25"),
        (b"SSH-2.0-dropbear \r\n", "dropbear"),
    ],
)
def test_names_are_read_as_servers_write_them(line: bytes, software: str) -> None:
    named = read_identification(line)

    assert named is not None
    assert (named.protocol, named.software) == ("2.0", software)


def test_a_line_of_255_bytes_is_the_longest() -> None:
    longest = b"SSH-2.0-" + b"x" * 245 + b"\r\n"

    assert read_identification(longest) is not None
    with pytest.raises(BadSshError, match="longer than 255"):
        read_identification(longest.replace(b"\r\n", b"x\r\n"))


def test_an_expression_that_is_none_is_refused() -> None:
    with pytest.raises(ValidationError):
        SshConfig.model_validate({"ssh": "bastion.example:22", "expect": {"software": "("}})
