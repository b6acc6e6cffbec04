"""Look host names up without holding up the event loop."""

import asyncio
import contextlib
import functools
import socket
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

LOOKUPS_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Address:
    """One socket address of a host."""

    family: socket.AddressFamily
    sockaddr: tuple[str | int | bytes, ...]  # as connect() takes it; the IP address comes first

    def __str__(self) -> str:
        return str(self.sockaddr[0])

    @property
    def endpoint(self) -> str:
        """Address and port: `127.0.0.1:81`, `[::1]:81`."""
        host = f"[{self}]" if self.family is socket.AF_INET6 else str(self)
        return f"{host}:{int(self.sockaddr[1])}"


Lookup = Callable[[str, int], Sequence[Address]]


class Resolver:
    """The system's resolver, asked by a bounded crew of threads that go home when work is done.

    They are daemons: getaddrinfo cannot be interrupted, and a hanging one must not hold up exit.
    """

    def __init__(
        self, lookup: Lookup | None = None, lookups_at_once: int = LOOKUPS_AT_ONCE
    ) -> None:
        self._lookup = lookup or system_lookup
        self._lookups_at_once = lookups_at_once
        self._lock = threading.Lock()
        self._waiting: deque[_Question] = deque()
        self._threads = 0

    async def resolve(self, host: str, port: int) -> Sequence[Address]:
        """Every address of the host, in the system's order. Raises socket.gaierror."""
        if (given := _given(host, port)) is not None:
            return given
        loop = asyncio.get_running_loop()
        question = _Question(host, port, loop, loop.create_future())
        self._ask(question)
        try:
            return await question.answer
        finally:
            with self._lock, contextlib.suppress(ValueError):
                self._waiting.remove(question)

    def _ask(self, question: "_Question") -> None:
        with self._lock:
            self._waiting.append(question)
            if self._threads >= self._lookups_at_once:
                return
            self._threads += 1
        try:
            threading.Thread(target=self._work, name="resolve", daemon=True).start()
        except RuntimeError:
            with self._lock:
                self._threads -= 1
                self._waiting.remove(question)
            raise

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._threads -= 1
                    return
                question = self._waiting.popleft()
            question.put_to(self._lookup)


@dataclass(frozen=True, slots=True, eq=False)
class _Question:
    host: str
    port: int
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Sequence[Address]]

    def put_to(self, lookup: Lookup) -> None:
        addresses: Sequence[Address] = ()
        trouble: Exception | None = None
        try:
            addresses = lookup(self.host, self.port)
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to who asked
            trouble = error
        # A closed loop has nobody left who waits.
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self._tell, addresses, trouble)

    def _tell(self, addresses: Sequence[Address], trouble: Exception | None) -> None:
        if self.answer.done():
            return
        if trouble is not None:
            self.answer.set_exception(trouble)
        else:
            self.answer.set_result(addresses)


def system_lookup(host: str, port: int) -> Sequence[Address]:
    """Ask getaddrinfo, and block for as long as it likes. Raises socket.gaierror."""
    try:
        return _addresses(host, port, 0)
    except socket.gaierror:
        raise
    except OSError as error:
        # EAI_SYSTEM, as where no file descriptor is left: the errno that comes with it may be of
        # anything that went before (glibc: EBUSY, EINVAL), and says nothing of the name.
        raise socket.gaierror(socket.EAI_SYSTEM, error.strerror) from error


def _given(host: str, port: int) -> Sequence[Address] | None:
    """The address that the host is already; None for a name."""
    # The number behind a scope (fe80::1%eth0) may change with the network.
    return _numeric.__wrapped__(host, port) if "%" in host else _numeric(host, port)


@functools.lru_cache(maxsize=4096)
def _numeric(host: str, port: int) -> Sequence[Address] | None:
    try:
        return _addresses(host, port, socket.AI_NUMERICHOST)
    except socket.gaierror:
        return None


def _addresses(host: str, port: int, flags: int) -> Sequence[Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return tuple(Address(family, sockaddr) for family, _, _, _, sockaddr in found)
