"""Start many processes quickly: everything is imported once, and each process is a fork.

Reads one JSON object a line from standard input, and writes what became of processes: {"start":
{"config": ..., "log": ..., "trace": ..., "armed": ..., "trouble": ...}} is a `nines serve`; with
"worker" (a name) and "ahead" (a file) it is a worker alone -> {"started": pid}, and later
{"ended": pid, "status": code}. When its input ends, everything that it started ends.
"""

import ctypes
import gc
import json
import os
import select
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

import nines.cli
import nines.service  # what takes long to import is imported before the first fork
from tests.chaos import failpoints, trouble, worker

_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


def main() -> None:
    """Fork until the input ends."""
    ended_read, ended_write = os.pipe()
    os.set_blocking(ended_write, False)
    signal.set_wakeup_fd(ended_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    running: set[int] = set()
    waiting = b""
    gc.freeze()  # what was imported is not looked through, and so not copied, in each fork
    _tell(ready=True)
    while True:
        able, _, _ = select.select([0, ended_read], [], [])
        if ended_read in able:
            os.read(ended_read, 4096)
            _reap(running)
        if 0 not in able:
            continue
        read = os.read(0, 65536)
        if not read:
            break
        *lines, waiting = (waiting + read).split(b"\n")
        for line in lines:
            pid = _start(json.loads(line)["start"])
            running.add(pid)
            _tell(started=pid)
    for pid in running:
        os.kill(pid, signal.SIGKILL)


def _reap(running: set[int]) -> None:
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        running.discard(pid)
        _tell(ended=pid, status=os.waitstatus_to_exitcode(status))


def _start(asked: dict[str, Any]) -> int:
    pid = os.fork()
    if not pid:
        _be_nines(asked)
    return pid


def _be_nines(asked: dict[str, Any]) -> NoReturn:
    status = 70
    try:
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        if "worker" in asked:
            worker.main(asked["config"], asked["worker"], asked["ahead"])
            os._exit(0)
        trouble.install(Path(asked["trouble"]), names=bool(asked["names"]))
        failpoints.install(Path(asked["armed"]), Path(asked["trace"]))
        sys.argv = ["nines", "serve", "--config", asked["config"], "--log-format", "json"]
        nines.cli.main()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    finally:
        os._exit(status)


def _tell(**what: object) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    main()
