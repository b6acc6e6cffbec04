"""What the process does upon a signal."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any


def handle_signals(
    stop: Callable[[], None], reload: Callable[[], Coroutine[Any, Any, Any]]
) -> None:
    """SIGTERM and SIGINT stop, SIGHUP reloads."""
    loop = asyncio.get_running_loop()
    reloads: set[asyncio.Task[Any]] = set()

    def start_reload() -> None:
        task = asyncio.create_task(reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGHUP, start_reload)
