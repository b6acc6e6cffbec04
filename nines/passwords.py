"""Hash and check passwords: argon2id, on threads of its own, so that nothing else waits for it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

T = TypeVar("T")
LEAST, MOST = 12, 1_000  # characters
_AT_ONCE = 2  # each takes 64 MiB for some 50 ms


class PasswordError(ValueError):
    """It is none that may be chosen; in a sentence."""


def check_new(password: str) -> None:
    """Raises PasswordError for one that is too short or too long."""
    if len(password) < LEAST:
        raise PasswordError(f"A password has at least {LEAST} characters.")
    if len(password) > MOST:
        raise PasswordError(f"A password has at most {MOST:,} characters.")


class Passwords:
    """Takes as long for somebody who does not exist as for somebody who does."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="passwords")
        self._of_nobody: str | None = None

    def hash_now(self, password: str) -> str:
        """Blocks."""
        return self._hasher.hash(password)

    async def hash(self, password: str) -> str:
        """As it is stored."""
        return await self._run(partial(self._hasher.hash, password))

    async def is_right(self, hash_: str | None, password: str) -> bool:
        """Whether it is the one that was hashed; None: there is nobody, which takes as long."""
        if self._of_nobody is None:
            self._of_nobody = await self.hash("nobody's")
        checked = self._of_nobody if hash_ is None else hash_
        right = await self._run(partial(self._verify, checked, password[:MOST]))
        return right and hash_ is not None

    def _verify(self, hash_: str, password: str) -> bool:
        try:
            return self._hasher.verify(hash_, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def close(self) -> None:
        """Finish what was begun."""
        self._threads.shutdown(wait=True)
