"""The real `nines serve` as a process of its own: started, watched, ended."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_SCHEDULED = 2  # CPUCLOCK_SCHED
_READY_WITHIN = 120.0  # seconds


@dataclass(frozen=True, slots=True)
class Process:
    """One process under measurement."""

    pid: int
    url: str
    ready_after: float  # seconds of wall time
    ready_cpu: float = 0.0  # seconds of its own

    def cpu(self) -> float:
        """Seconds of CPU that it has used, all threads, to the nanosecond."""
        return time.clock_gettime(~self.pid << 3 | _SCHEDULED)  # as clock_getcpuclockid(3) has it

    def resident(self) -> int:
        """Bytes of memory that are its own."""
        for line in Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Rss:"):
                return int(line.split()[1]) * 1024
        raise ValueError("The kernel does not say.")


@contextmanager
def serving(
    arguments: list[str], url: str, ready: str, *, core: int, log: Path
) -> Iterator[Process]:
    """Run a command on one core until the block ends; it is ready once `ready` answers 200."""
    began = time.perf_counter()
    with log.open("w") as output:
        child = subprocess.Popen(
            arguments,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
    try:
        while not _answers(url + ready):
            if child.poll() is not None or time.perf_counter() - began > _READY_WITHIN:
                raise RuntimeError(f"It did not start: {log.read_text()[-2000:]}")
            time.sleep(0.01)
        took = time.perf_counter() - began
        yield Process(child.pid, url, took, Process(child.pid, url, took).cpu())
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(30)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextmanager
def nines(config: Path, port: int, *, core: int) -> Iterator[Process]:
    """`nines serve` with this configuration, on one core."""
    arguments = [sys.executable, "-m", "nines", "serve", "--config", str(config)]
    url = f"http://127.0.0.1:{port}"
    with serving(arguments, url, "/-/ready", core=core, log=config.with_suffix(".log")) as process:
        yield process


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def first_core() -> int:
    """The core that targets have, and who asks."""
    return min(os.sched_getaffinity(0))


def last_core() -> int:
    """The core that what is measured runs on; the load has the others."""
    return max(os.sched_getaffinity(0))


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
