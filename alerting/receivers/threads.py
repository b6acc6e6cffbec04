"""Libraries that block, called in threads of their own and given up after a time."""

import asyncio
import contextlib
import socket
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

    A socket's timeout counts from byte to byte, so an answer that trickles would hold a thread for
    ever: the connections of a call that is given up are cut, as far as `opened` was told of them.
    What hangs elsewhere is left to itself: it is a daemon, so it never keeps the process alive.
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
        lines = _Lines()
        running: Future[object] = future  # type: ignore[assignment]  # only ever waited for
        self._running.add(running)
        future.add_done_callback(lambda _: self._running.discard(running))
        run = (work, future, lines)
        threading.Thread(target=_run, args=run, name=self._name, daemon=True).start()
        try:
            async with asyncio.timeout(self._within):
                return await asyncio.wrap_future(future)
        finally:
            lines.cut()  # the end of a call that ended changes nothing

    async def close(self, within: timedelta = timedelta(seconds=1)) -> None:
        """Wait a moment for calls under way."""
        running = [asyncio.wrap_future(future) for future in list(self._running)]
        if running:
            await asyncio.wait(running, timeout=within.total_seconds())


def opened(connection: socket.socket) -> socket.socket:
    """Note a connection that the call in this thread has made; gives it back."""
    lines: _Lines | None = getattr(_here, "lines", None)
    if lines is not None:
        lines.note(connection)
    return connection


_here = threading.local()


class _Lines:
    """The connections of one call, held by descriptors of our own: the library closes its."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._twins: list[socket.socket] = []
        self._is_cut = False

    def note(self, connection: socket.socket) -> None:
        twin = connection.dup()
        with self._lock:
            self._twins.append(twin)
            late = self._is_cut
        if late:
            self.cut()

    def cut(self) -> None:
        """Whoever reads or writes on them hears that they are closed."""
        for twin in self._taken(cut=True):
            with contextlib.suppress(OSError):
                twin.shutdown(socket.SHUT_RDWR)
            twin.close()

    def let_go(self) -> None:
        """The call is over: its library closes them, or has."""
        for twin in self._taken(cut=False):
            twin.close()

    def _taken(self, *, cut: bool) -> list[socket.socket]:
        with self._lock:
            self._is_cut = self._is_cut or cut
            twins, self._twins = self._twins, []
        return twins


def _run(work: Callable[[], T], future: Future[T], lines: _Lines) -> None:
    _here.lines = lines
    try:
        result = _worked(work, lines)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it belongs to the caller
        future.set_exception(error)
    else:
        future.set_result(result)


def _worked(work: Callable[[], T], lines: _Lines) -> T:
    try:
        return work()
    finally:
        lines.let_go()
