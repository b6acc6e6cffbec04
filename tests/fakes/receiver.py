"""A receiver that answers as it is told to, and remembers what it took."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from alerting.notification import Handle, Message, Receipt

Answer = Receipt | BaseException | Callable[[Message], None]
OK = Receipt("accepted", status=202)


@dataclass
class ScriptedReceiver:
    """Takes one answer from the script for each call; when it is used up, accepts everything.

    Messages that it accepted stand in `accepted`; every call stands in `calls` as (message id,
    attempt, handle). While `hangs` is set, a call waits until `free()`.
    """

    script: list[Answer] = field(default_factory=list)
    accepted: list[Message] = field(default_factory=list)
    calls: list[tuple[str, int, Handle]] = field(default_factory=list)
    hangs: bool = False
    closed: bool = False
    _gates: list[asyncio.Event] = field(default_factory=list)

    async def deliver(self, message: Message, *, handle: Handle, attempt: int) -> Receipt:
        self.calls.append((message.notification_id, attempt, dict(handle)))
        if self.hangs:
            self._gates.append(asyncio.Event())
            await self._gates[-1].wait()
        answer = self.script.pop(0) if self.script else OK
        if isinstance(answer, BaseException):
            raise answer
        if not isinstance(answer, Receipt):
            answer(message)
            answer = OK
        self.accepted.append(message)
        return answer

    def free(self) -> None:
        """Let the calls that hang go on."""
        self.hangs = False
        for gate in self._gates:
            gate.set()

    async def close(self) -> None:
        self.closed = True

    @property
    def kinds(self) -> list[str]:
        """What it accepted, in order."""
        return [str(message.kind) for message in self.accepted]
