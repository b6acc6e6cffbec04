"""What a probe asks of a database server, whichever it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from collectors.observation import Cause

MOST_ROWS = 2  # fetched: the second tells that there is more than one


class SqlError(Exception):
    """The server answered with an error; the message is its own, in its own language."""

    def __init__(self, words: str, cause: Cause = Cause.STATUS) -> None:
        super().__init__(words)
        self.cause = cause


class CannotSignInError(Exception):
    """The server wants a way to sign in that we do not know: no fault of its."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks, and which database. `repr` shows no password."""

    username: str
    password: str
    database: str

    def __repr__(self) -> str:
        return f"Credentials({self.username!r}, ***, {self.database!r})"


class SqlServer(Protocol):
    """One connection. Everything raises SqlError, ProtocolError, OSError, EOFError."""

    connections: str  # a query: how many there are, and how many there may be

    async def sign_in(self, who: Credentials, timeout_ms: int) -> None:
        """Into a read-only transaction whose statements the server itself ends in time."""

    async def ask(self, query: str) -> Sequence[Sequence[object]]:
        """At most MOST_ROWS rows. Numbers, bools and texts are such; what else there is, is not."""

    async def farewell(self) -> None:
        """Say that we leave, so that the server's log does not wonder."""
