"""What an SMTP server answers (RFC 5321, 4.2)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from collectors.expect import Words
from collectors.failure import ProtocolError
from collectors.lines import Lines

_LINE = re.compile(rb"([2-5][0-5]\d)(?:([ -])(.*?))?\r?\n", re.DOTALL)


class BadSmtpError(ProtocolError):
    """What came is no answer of SMTP."""

    protocol = "proper SMTP"


class HungUpError(BadSmtpError):
    """The connection ended where an answer should have begun."""


class RefusedError(Exception):
    """The server answered with another code than the conversation needs."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A code, and what stands behind it on each line."""

    code: int
    texts: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.code} {' / '.join(self.texts)}".strip()

    @property
    def extensions(self) -> Mapping[str, frozenset[str]]:
        """What an answer to EHLO offers: keywords, each with its parameters, in capitals.

        Some servers write `AUTH=LOGIN` beside `AUTH PLAIN`: they are one keyword.
        """
        offered: dict[str, frozenset[str]] = {}
        for text in self.texts[1:]:
            keyword, *parameters = text.upper().replace("=", " ").split() or [""]
            offered[keyword] = offered.get(keyword, frozenset()) | set(parameters)
        return offered


async def ask(lines: Lines, command: str | None, expected: int, what: str) -> Reply:
    """The answer to a command, to none where the server speaks first.

    Raises RefusedError in words about `what` where the code is another, BadSmtpError, and what the
    connection raises.
    """
    if command is not None:
        await lines.say(f"{command}\r\n".encode("ascii"))
    reply = await _read(lines)
    if reply.code != expected:
        raise RefusedError(f"{what} is {Words().quote(str(reply))}; expected {expected}")
    return reply


async def _read(lines: Lines) -> Reply:
    code: int | None = None
    texts: list[str] = []
    while True:
        line = await lines.line()
        if not line:
            raise HungUpError("the target hung up where an answer should have come")
        if not line.endswith(b"\n"):
            raise BadSmtpError(f"the target hung up in the middle of a line, {_shown(line)}")
        match = _LINE.fullmatch(line)
        if match is None:
            raise BadSmtpError(f"{_shown(line)} begins with no code")
        if code not in (None, int(match[1])):
            raise BadSmtpError(f"one answer has the codes {code} and {int(match[1])}")
        code = int(match[1])
        texts.append((match[3] or b"").decode(errors="replace"))
        if match[2] != b"-":
            return Reply(code, tuple(texts))


def _shown(line: bytes) -> str:
    return Words().quote(line.decode(errors="replace"))
