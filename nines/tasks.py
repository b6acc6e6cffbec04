"""Tasks that run for as long as the service does."""

import asyncio
from collections.abc import Iterable, Sequence

import structlog

from web.serve import ListenError

log = structlog.get_logger("nines.tasks")


async def until_stopped(stop: asyncio.Event, steady: Sequence[asyncio.Task[None]]) -> None:
    """Wait for `stop`; a task that ends before it has failed, and its error is raised.

    Better stop, and be started again, than go on half dead.
    """
    stopping = asyncio.create_task(stop.wait(), name="stop")
    await asyncio.wait({stopping, *steady}, return_when=asyncio.FIRST_COMPLETED)
    failed = [task for task in steady if task.done() and not stop.is_set()]
    stop.set()
    await stopping
    for task in failed:
        error = task.exception()
        if error is not None and not isinstance(error, ListenError):  # that is a sentence
            log.error("task_failed", task=task.get_name(), exc_info=error)
        task.result()


async def end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel them, and wait until they are over."""
    ending = list(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)
