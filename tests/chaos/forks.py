"""Processes that start at once: forks of one that has imported everything already."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Process:
    """One that was started."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.ended = asyncio.Event()
        self.status: int | None = None


class Forks:
    """What starts processes, within one event loop."""

    def __init__(self, zygote: "subprocess.Popen[bytes]") -> None:
        self._zygote = zygote
        self._running: dict[int, Process] = {}
        self._started: asyncio.Queue[Process] = asyncio.Queue()

    async def start(self, **asked: str) -> Process:
        """One more `nines serve`: see `zygote`."""
        assert self._zygote.stdin is not None
        self._zygote.stdin.write(json.dumps({"start": asked}).encode() + b"\n")
        self._zygote.stdin.flush()
        return await self._started.get()

    async def listen(self) -> None:
        """Hear what becomes of them, until it is cancelled."""
        assert self._zygote.stdout is not None
        reader = asyncio.StreamReader()
        pipe = os.fdopen(os.dup(self._zygote.stdout.fileno()), "rb")
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        try:
            while line := await reader.readline():
                self._hear(json.loads(line))
        finally:
            transport.close()

    def _hear(self, said: dict[str, int]) -> None:
        if "started" in said:
            process = self._running[said["started"]] = Process(said["started"])
            self._started.put_nowait(process)
        else:
            process = self._running.pop(said["ended"])
            process.status = said["status"]
            process.ended.set()


@contextmanager
def zygote() -> Iterator["subprocess.Popen[bytes]"]:
    """It ends, and whatever it started, with the context."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.chaos.zygote"],
        cwd=ROOT,
        # The system's authorities take long to read, and nobody here has one.
        env={**os.environ, "PYTHONPATH": str(ROOT), "SSL_CERT_FILE": os.devnull},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    )
    with process:
        assert process.stdout is not None
        process.stdout.readline()  # it is ready
        yield process


@asynccontextmanager
async def forks(process: "subprocess.Popen[bytes]") -> AsyncIterator[Forks]:
    """Use it in this loop; every process that was started has to end before."""
    made = Forks(process)
    listening = asyncio.create_task(made.listen())
    try:
        yield made
    finally:
        listening.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await listening
