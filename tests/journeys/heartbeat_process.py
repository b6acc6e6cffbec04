"""`nines serve` at another time of day, killed between a ping's commit and its answer if armed."""

import os
import signal
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from collectors.job import Ping
from nines.cli.app import app
from nines.clock import SystemClock
from nines.storage.heartbeats import PingRecords


def _main() -> None:
    seconds, armed = timedelta(seconds=float(sys.argv.pop(1))), Path(sys.argv.pop(1))
    now, add = SystemClock.now, PingRecords.add

    def then(clock: SystemClock) -> datetime:
        return now(clock) + seconds

    def add_and_die(records: PingRecords, collector: str, ping: Ping) -> Ping | None:
        stored = add(records, collector, ping)
        if armed.exists():
            armed.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return stored

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SystemClock, "now", then)
        patch.setattr(PingRecords, "add", add_and_die)
        app()


if __name__ == "__main__":
    _main()
