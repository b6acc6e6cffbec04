"""Ask for what a page can do without: storage that is away, or slow, takes no page along."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from dashboards.frame import Missing
from dashboards.source import NotAnsweringError

PATIENCE_SECONDS = 3
T = TypeVar("T")


class Spared:
    """What one page leaves out.

    Once something did not come, nothing more is waited for: it all rests on the same storage.
    """

    def __init__(self, *, past: bool) -> None:
        """A page about the past can do without nothing: all of it comes from storage."""
        self._past = past
        self._left_out: list[str] = []
        self._why = ""

    async def ask(self, what: str, fact: Callable[[], Awaitable[T]], instead: T) -> T:
        """The fact, or `instead` where it does not come. `what` names it in the plural."""
        if self._past:
            return await fact()
        if not self._why:
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    return await fact()
            except NotAnsweringError as error:
                if not error.passing:
                    raise
                self._why = str(error)
            except TimeoutError:
                self._why = f"Storage did not answer within {PATIENCE_SECONDS} s."
        self._left_out.append(what)
        return instead

    @property
    def missing(self) -> Missing | None:
        """What did not come; None while all of it did."""
        return Missing(tuple(self._left_out), self._why) if self._left_out else None
