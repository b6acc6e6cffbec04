"""Libraries that block, called in threads of their own and given up after a time."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from typing import TypeVar

from alerting.notification import DeliveryError

T = TypeVar("T")

MOST = 4  # threads that one receiver may have


class Threads:
    """At most a few calls at a time, each within `within`.

    A socket's timeout counts from byte to byte, so an answer that trickles can hold a thread for
    long. Such a thread is left to itself: it is a daemon, so it never keeps the process alive.
    """

    def __init__(self, name: str, within: timedelta) -> None:
        self._name = name
        self._within = within.total_seconds()
        self._running: set[Future[object]] = set()

    async def call(self, work: Callable[[], T]) -> T:
        """The result of `work`. Raises TimeoutError; what the call does then is not known."""
        if len(self._running) >= MOST:
            raise DeliveryError(f"{MOST} earlier calls to {self._name} hang; none more is begun")
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        thread = threading.Thread(target=_run, args=(work, future), name=self._name, daemon=True)
        running: Future[object] = future  # type: ignore[assignment]  # only ever waited for
        self._running.add(running)
        future.add_done_callback(lambda _: self._running.discard(running))
        thread.start()
        async with asyncio.timeout(self._within):
            return await asyncio.wrap_future(future)

    async def close(self, within: timedelta = timedelta(seconds=1)) -> None:
        """Wait a moment for calls under way."""
        running = [asyncio.wrap_future(future) for future in list(self._running)]
        if running:
            await asyncio.wait(running, timeout=within.total_seconds())


def _run(work: Callable[[], T], future: Future[T]) -> None:
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to the caller
        future.set_exception(error)
    else:
        future.set_result(result)
