"""Start a real server as a process of our own, on the loopback, and end it by its id."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

# Seconds; a machine that is busy is slow, and no test waits longer than it must.
READY_WITHIN = 60.0


@contextmanager
def daemon(
    arguments: Sequence[str],
    ready: Callable[[], bool],
    log: Path,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """The process, once `ready`; it and all that it started are gone at the end."""
    with log.open("wb") as output:
        child = subprocess.Popen(
            list(arguments),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environ or {})},
            cwd=cwd,
            start_new_session=True,
        )
    try:
        give_up = time.monotonic() + READY_WITHIN
        while not ready():
            if child.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"it did not start: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)
        yield child
    finally:
        _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is not None:
        return
    os.killpg(child.pid, signal.SIGTERM)
    try:
        child.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def listens(port: int) -> bool:
    """Whether somebody answers there."""
    with socket.socket() as sock:
        sock.settimeout(1)
        return sock.connect_ex(("127.0.0.1", port)) == 0
