"""Probe an SSH server: hear how it names itself; nobody signs in."""

import re
from dataclasses import dataclass
from datetime import datetime

from pydantic import Field

from collectors.dialling import Dialling
from collectors.expect import Words
from collectors.failure import ProtocolError
from collectors.lines import Lines
from collectors.look import Look
from collectors.means import Means
from collectors.observation import Cause, Observation
from collectors.pattern import RegexText, compile_regex
from collectors.runnable import Clock
from collectors.settings import CollectorSettings, Strict
from collectors.target import Target

_MOST_BYTES = 255  # of the line, with its end; RFC 4253, 4.2
_LINE = re.compile(rb"SSH-([!-,.-~]+)-([ -~]+?) *\r?\n")
# Sent once the server has named itself: sshd would log one that says nothing as an attack.
_OURS = b"SSH-2.0-Nines\r\n"
_VERSION_2 = compile_regex(r"^(2\.0|1\.99)$")  # 1.99 speaks both; RFC 4253, 5.1


class BadSshError(ProtocolError):
    """What came does not name an SSH server."""

    protocol = "proper SSH"


@dataclass(frozen=True, slots=True)
class Identification:
    """How a server names itself. `software` bears its comments."""

    protocol: str
    software: str


def read_identification(line: bytes) -> Identification | None:
    """What the line says; None where it is one of those that may come before (RFC 4253, 4.2).

    Raises BadSshError.
    """
    if not line.startswith(b"SSH-"):
        return None
    shown = Words().quote(line.decode(errors="replace"))
    if len(line) > _MOST_BYTES:
        raise BadSshError(f"the line is longer than {_MOST_BYTES} bytes: {shown}")
    match = _LINE.fullmatch(line)
    if match is None:
        raise BadSshError(f"{shown} is not of the form SSH-version-software")
    return Identification(match[1].decode("ascii"), match[2].decode("ascii"))


class SshExpect(Strict):
    """How a server should name itself."""

    protocol: RegexText | None = Field(None, description="Found in the version; 2.0 by default.")
    software: RegexText | None = Field(None, description="Found in the software and its comments.")


class SshConfig(CollectorSettings):
    """Hear how an SSH server names itself."""

    ssh: Target
    expect: SshExpect = SshExpect()


class SshProbe:
    """One server, and how it should name itself."""

    kind = "ssh"

    def __init__(self, collector_id: str, config: SshConfig, means: Means) -> None:
        self.id = collector_id
        self.target = str(config.ssh)
        self.interval = means.interval
        self.timeout = means.timeout
        self._expect = config.expect
        self._dialling = Dialling(config.ssh, means)
        self._words = Words()

    async def run(self, due: datetime, clock: Clock) -> Observation:
        """Look once. Whatever goes wrong is an observation; only cancellation passes through."""
        look = Look.begin(self.id, due, clock)
        heard: list[bytes] = []
        try:
            async with self._dialling.connected(look) as stream:
                lines = Lines(stream, look.watch)
                named = await self._hear(lines, heard)
                await lines.say(_OURS)
        except Exception as error:  # noqa: BLE001 - every failure is somebody's, and is said
            return look.broke(error, self._came(heard))
        look.watch.stop()
        look.body_bytes = lines.heard_bytes
        why = self._why_not(named)
        return look.passed() if why is None else look.failed(Cause.ASSERTION, why)

    async def close(self) -> None:
        """Nothing outlives a run."""

    async def _hear(self, lines: Lines, heard: list[bytes]) -> Identification:
        while True:
            line = await lines.line()
            if not line.endswith(b"\n"):
                heard.append(line)
                raise BadSshError("the target hung up before it had named itself")
            if (named := read_identification(line)) is not None:
                heard.clear()
                return named
            heard.append(line)

    def _why_not(self, named: Identification) -> str | None:
        for what, value, expected in [
            ("protocol", named.protocol, self._expect.protocol or _VERSION_2),
            ("software", named.software, self._expect.software),
        ]:
            if expected is not None and not expected.found_in(value):
                wanted = self._words.quote(str(expected))
                return f"the {what} is {self._words.quote(value)}; expected a match of {wanted}"
        return None

    def _came(self, heard: list[bytes]) -> str:
        said = b"".join(heard).decode(errors="replace").strip()
        return f"; what came is {self._words.quote(said)}" if said else ""
