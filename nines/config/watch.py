"""Notice that the configuration's files changed."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path as FilePath
from typing import Protocol

from nines.config.problem import ConfigError
from nines.config.source import contents

_EVERY_SECONDS = 5.0
_SETTLES_SECONDS = 1.0  # after a change: whether whoever writes is done


class Sleeper(Protocol):
    """The part of a clock that waiting needs."""

    async def sleep(self, seconds: float) -> None: ...


class Watch:
    """Yields the path each time its content has changed and then stayed the same for one look.

    By content, not by time stamps: an editor that saves the same text, or Kubernetes swapping a
    link to an equal file, is no change. A file that cannot be read at the moment is waited for.
    """

    def __init__(self, path: FilePath | str, clock: Sleeper) -> None:
        """What the files hold now counts as known."""
        self._path = FilePath(path)
        self._clock = clock
        self._known = digest(self._path)

    def know(self, content: str | None) -> None:
        """Somebody else has read this `digest`: only another one is a change from now on."""
        self._known = content

    async def __aiter__(self) -> AsyncIterator[FilePath]:
        last, settled = self._known, True
        while True:
            await self._clock.sleep(_EVERY_SECONDS if settled else _SETTLES_SECONDS)
            seen = await asyncio.to_thread(digest, self._path)
            settled, last = seen == last, seen
            if settled and seen is not None and seen != self._known:
                self._known = seen
                yield self._path


def digest(path: FilePath) -> str | None:
    """A hash over the names and contents of the configuration's files; None if unreadable."""
    total = hashlib.sha256()
    try:
        for name, content in contents(path):
            total.update(f"{name}\0{len(content)}\0".encode())
            total.update(content)
    except ConfigError:
        return None
    return total.hexdigest()
