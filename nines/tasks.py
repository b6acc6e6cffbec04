"""Tasks that run for as long as the service does: no page without some, others are begun again."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta

import structlog

from nines.clock import Clock
from web.serve import ListenError

AGAIN_AFTER = timedelta(seconds=5)
_SAID_FOR = timedelta(minutes=5)  # some fail only when they next have something to do

log = structlog.get_logger("nines.tasks")


class SideTasks:
    """What no page waits for. A mistake in one ends nothing else: it is said, and tried again.

    Were it to end the process, one that comes back at every start would hold up every page.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failed: dict[str, tuple[datetime, str]] = {}

    async def keep(self, what: str, run: Callable[[], Awaitable[None]]) -> None:
        """Have it `run` until it is cancelled; `what` it does goes on from "failed to"."""
        while True:
            try:
                await run()
            except Exception as error:
                log.exception("side_task_failed", task=what)
                self._failed[what] = self._clock.now(), our_fault(what, error)
            await self._clock.sleep(AGAIN_AFTER.total_seconds())

    def problems(self) -> list[str]:
        """What failed of late, in sentences."""
        since = self._clock.now() - _SAID_FOR
        return [said for at, said in self._failed.values() if at > since]


def our_fault(what: str, error: Exception) -> str:
    """A sentence on a mistake of our own; `what` goes on from "failed to".

    With the error's kind alone: the words of one that nobody expected may hold a secret.
    """
    return (
        f"Nines itself failed to {what} ({type(error).__name__}). That is a mistake of Nines, "
        "its log has the details."
    )


async def until_stopped(stop: asyncio.Event, steady: Sequence[asyncio.Task[None]]) -> None:
    """Wait for `stop`; a task that ends before it has failed, and its error is raised.

    Of what pages depend on: better stop, and be started again, than go on half dead.
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
