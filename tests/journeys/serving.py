"""A real `nines serve` in its own process, for journeys from a socket to a pager."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from nines.demo.http_server import Request, Response


class Target:
    """A health endpoint whose answer the test decides."""

    def __init__(self) -> None:
        self.status = 200

    def answer(self, _request: Request) -> Response:
        return Response(self.status, b"{}")


class Nines:
    """One process. `kill` it as hard as possible, `start` it again on the same database."""

    def __init__(self, config: Path, port: int, *arguments: str) -> None:
        self.config = config
        self._arguments = arguments
        self.url = f"http://127.0.0.1:{port}"
        self.client = httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=60)
        self._process: asyncio.subprocess.Process | None = None
        self._log = config.with_suffix(".log")

    async def start(self) -> None:
        """Start and wait until it says that it is ready."""
        await self.launch()
        await eventually(self._ready, "nines serve to be ready", self.log)

    async def launch(self) -> None:
        """Start without waiting."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "nines", "serve", "--config", str(self.config)),
                *self._arguments,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            )

    async def kill(self) -> None:
        """SIGKILL: nothing is flushed, nobody is told."""
        await self._end(signal.SIGKILL)

    async def terminate(self) -> int:
        """SIGTERM, and the exit code."""
        return await self._end(signal.SIGTERM)

    async def close(self) -> None:
        await self.client.aclose()
        if self._process is not None:
            await self.kill()

    def log(self) -> str:
        """What it said so far."""
        return self._log.read_text() if self._log.exists() else ""

    async def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        answer = await self.client.get(path)
        answer.raise_for_status()
        return answer.json()

    @property
    def pid(self) -> int:
        if self._process is None:
            raise AssertionError("not started")
        return self._process.pid

    async def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            raise AssertionError("not started")
        process, self._process = self._process, None
        if process.returncode is None:
            process.send_signal(number)
        return await process.wait()

    async def _ready(self) -> bool:
        try:
            return (await self.client.get("/-/ready")).status_code == 200
        except httpx.TransportError:
            if self._process is not None and self._process.returncode is not None:
                raise AssertionError(f"nines serve ended:\n{self.log()}") from None
            return False


@asynccontextmanager
async def nines(config: Path, port: int) -> AsyncIterator[Nines]:
    """A started Nines that is gone afterwards, whatever happened."""
    process = Nines(config, port)
    try:
        await process.start()
        yield process
    finally:
        await process.close()


async def eventually(
    true: Callable[[], Any], what: str, log: Callable[[], str] = str, within: float = 120.0
) -> None:
    """Wait until `true()` is; fail with what was waited for, and the log."""
    for _ in range(int(within / 0.05)):
        found = true()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"waited {within:.0f} s for {what}\n{log()}")
