"""What is said to a TCP port and heard there, one after the other."""

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Annotated, Self

from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema, model_validator

from collectors.expect import Words
from collectors.lines import Lines
from collectors.pattern import Regex, RegexText
from collectors.settings import Strict
from collectors.step import VARIABLE
from slo.secret import SecretText

MOST_STEPS = 50
_SHORTEST_SECRET = 4  # characters; a shorter one would hide words that are no secret
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}\s*)+")


def read_hex(text: object) -> bytes:
    """Read `00 00 00 08 04 d2 16 2f`. Raises ValueError."""
    if isinstance(text, bytes):
        return text
    if not isinstance(text, str) or _HEX.fullmatch(text.strip()) is None:
        raise ValueError("bytes are written as pairs of hexadecimal digits, such as '04 d2'; quote")
    return bytes.fromhex(text)


Hex = Annotated[
    bytes,
    PlainValidator(read_hex),
    PlainSerializer(lambda data: data.hex(" ")),
    WithJsonSchema({"type": "string", "pattern": r"^\s*([0-9A-Fa-f]{2}\s*)+$"}),
]


class DialogStep(Strict):
    """What is expected, then what is said, then whether TLS begins."""

    expect: RegexText | None = Field(None, description="Found in a line; those before it pass.")
    expect_hex: Hex | None = Field(None, description="The bytes that come next.")
    send: SecretText | None = Field(None, description="Sent as it is: write its line break too.")
    send_hex: Hex | None = None
    starttls: bool = Field(default=False, strict=True)

    @model_validator(mode="after")
    def _is_one_thing_after_another(self) -> Self:
        if self.expect is not None and self.expect_hex is not None:
            raise ValueError("a step expects a line or bytes: expect and expect_hex are two steps")
        if self.send is not None and self.send_hex is not None:
            raise ValueError("a step sends text or bytes: send and send_hex are two steps")
        does = (self.expect, self.expect_hex, self.send, self.send_hex)
        if not self.starttls and all(each is None for each in does):
            raise ValueError("a step of a dialog expects something, sends something, or starts TLS")
        return self

    @property
    def secrets(self) -> Iterator[str]:
        """What is not shown should the target repeat it: what is sent, and all words but a verb."""
        if self.send is not None:
            for secret in (self.send.value.strip(), *self.send.value.split()[1:]):
                if len(secret) >= _SHORTEST_SECRET:
                    yield secret


def fault(steps: Sequence[DialogStep]) -> str | None:
    """Why the steps make no dialog, in words; None when they do."""
    known: set[str] = set()
    begun = False
    for number, step in enumerate(steps, 1):
        if step.expect is not None:
            known |= set(step.expect.names)
        if step.send is not None:
            for name in VARIABLE.findall(step.send.value):
                if name not in known:
                    return (
                        f"step {number} sends ${{{name}}}, which no step before it captures"
                        f"{' under TLS' if begun else ''}: (?P<{name}>...) in an `expect` does"
                    )
        if step.starttls:
            if begun:
                return f"step {number} starts TLS, which has begun before"
            begun = True
            known = set()  # RFC 3207, 4.2: what came in clear is forgotten
    return None


class Dialog:
    """One run through the steps."""

    def __init__(self, steps: Sequence[DialogStep], lines: Lines, words: Words) -> None:
        self._steps = steps
        self._lines = lines
        self._words = words
        self._captured: dict[str, str] = {}
        self._heard: list[str] = []
        self._at = 0
        self._awaits: Regex | bytes | None = None

    async def hold(self, start_tls: Callable[[], Awaitable[None]]) -> str | None:
        """Take the steps; what the target said otherwise, in words, or None when all were taken.

        Raises what the connection raises; `where` then says how far it came.
        """
        for step in self._steps:
            self._at += 1
            if (why := await self._hear(step)) is not None:
                return why
            if step.send is not None:
                filled = VARIABLE.sub(lambda match: self._captured[match[1]], step.send.value)
                await self._say(filled.encode())
            if step.send_hex is not None:
                await self._say(step.send_hex)
            if step.starttls:
                self._heard.clear()
                await start_tls()
        return None

    @property
    def where(self) -> str:
        """At which step it is, and what came there."""
        return f"; in step {self._at} of {len(self._steps)}{self._waited}{self._came}"

    async def _say(self, data: bytes) -> None:
        self._heard.clear()
        await self._lines.say(data)

    async def _hear(self, step: DialogStep) -> str | None:
        self._awaits = step.expect or step.expect_hex
        if step.expect_hex is not None:
            came = await self._lines.some(len(step.expect_hex))
            if came != step.expect_hex:
                hexadecimal = f"bytes {came.hex(' ')}" if came else "nothing"
                return self._told(f"{hexadecimal} came where {step.expect_hex.hex(' ')} should")
        while step.expect is not None:
            came = await self._lines.line()
            if not came:
                wanted = self._words.quote(str(step.expect))
                return self._told(f"the target hung up, and no line matches {wanted}{self._came}")
            text = came.rstrip(b"\r\n").decode(errors="replace")
            self._heard.append(text)
            found = step.expect.named(text)
            if found is not None:
                self._captured |= found
                break
        self._awaits = None
        return None

    def _told(self, sentence: str) -> str:
        return f"step {self._at} of {len(self._steps)}: {sentence}"

    @property
    def _waited(self) -> str:
        if self._awaits is None:
            return ""
        wanted = self._awaits
        if isinstance(wanted, bytes):
            return f", which expects the bytes {wanted.hex(' ')}"
        return f", which expects a line that matches {self._words.quote(str(wanted))}"

    @property
    def _came(self) -> str:
        begun = self._lines.begun.decode(errors="replace")
        heard = "\n".join([*self._heard, *([begun] if begun else [])])
        return f"; what came is {self._words.quote(heard)}" if heard else "; nothing came"
