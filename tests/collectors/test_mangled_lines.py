"""Whatever a target says in lines is held against it, and never against us."""

import asyncio
import contextlib
import random
from datetime import timedelta

import pytest

from collectors.kinds import KINDS
from collectors.means import Means
from collectors.observation import Outcome
from collectors.resolve import Resolver
from tests.collectors.wire import TIMEOUT, Server, Talk, look

_SETTINGS: dict[str, dict[str, object]] = {
    "tcp": {
        "dialog": [
            {"expect": r"^220 (?P<host>\S+)", "send": "EHLO ${host}\r\n"},
            {"expect": "^250 (?P<rest>.*)$", "send": "NOOP ${rest}\r\n"},
            {"starttls": True},
        ]
    },
    "smtp": {"starttls": "optional", "expect": {"greeting": "ESMTP", "extensions": ["SIZE"]}},
    "ssh": {"expect": {"software": "^OpenSSH"}},
}
_SAID = {
    "tcp": [b"220 mx.example ESMTP\r\n", b"250 ok\r\n", b"220 go on\r\n"],
    "smtp": [b"220 mx ESMTP\r\n", b"250-mx\r\n250-SIZE 1\r\n250 STARTTLS\r\n", b"220 go on\r\n"],
    "ssh": [b"hello\r\nSSH-2.0-OpenSSH_9.2p1 Debian\r\n"],
}
_TRIES = 60


def impatient(turns: list[bytes]) -> Talk:
    """Say each in turn, and hang up on who says nothing: it may wait for the rest of a line."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for turn in turns:
            writer.write(turn)
            await writer.drain()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.02):
                    await reader.readline()
        writer.write_eof()
        await reader.read()

    return talk


def mangled(said: bytes, chance: random.Random) -> bytes:
    """The same with bytes changed, taken away, doubled or put in."""
    data = bytearray(said)
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(data) + 1)
        end = at + chance.randrange(4)
        data[at:end] = chance.choice(
            [b"", b"\0", b"\r", b"\n", b"\xff\xfe", b"-", b"9", data[at:] * 2]
        )
    return bytes(data)


@pytest.mark.parametrize("kind", _SETTINGS)
async def test_what_is_mangled_is_the_target_s(kind: str) -> None:
    chance = random.Random(kind)  # noqa: S311 - no secret
    outcomes: list[Outcome] = []
    for _ in range(_TRIES):
        turns = [mangled(said, chance) for said in _SAID[kind]]
        async with Server(impatient(turns)) as server:
            made = KINDS[kind]
            target = {kind: f"127.0.0.1:{server.port}"}
            config = made.config.model_validate(target | _SETTINGS[kind])
            means = Means(timedelta(seconds=10), TIMEOUT, Resolver())
            seen = await look(made.make("shop/any", config, means))
            outcomes.append(seen.outcome)

            assert seen.outcome is not Outcome.UNKNOWN, (turns, seen.detail)
            assert (seen.cause is None) is (seen.outcome is Outcome.PASSED)

    assert Outcome.FAILED in outcomes
