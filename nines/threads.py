"""Threads for storage: one that writes, in order, and a few that read."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import TypeVar

T = TypeVar("T")


class StorageThreads:
    """Keeps blocking database calls off the event loop. One writer: SQLite has no more."""

    def __init__(self, readers: int = 3) -> None:
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="storage-write")
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="storage-read")

    async def write(self, call: Callable[[], T]) -> T:
        """Run after every write that was asked for before, in the asker's context."""
        run = partial(copy_context().run, call)
        return await asyncio.get_running_loop().run_in_executor(self._writer, run)

    async def read(self, call: Callable[[], T]) -> T:
        """Run beside the writer."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, call)

    def close(self) -> None:
        """Finish what was asked for, then end the threads."""
        self._writer.shutdown(wait=True)
        self._readers.shutdown(wait=True)
