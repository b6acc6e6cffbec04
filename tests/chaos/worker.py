"""A worker of the outbox as a process of its own, whose clock the test can set forward."""

import asyncio
import random
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alerting.delivery import Delivery
from nines.cli.serve import set_up_logs
from nines.config import load
from nines.receivers import build_receivers, receiver_rates
from nines.storage.alerts import AlertRecords
from nines.storage.database import open_database
from nines.threads import StorageThreads


class Clock:
    """The real one, so many seconds ahead as a file says."""

    def __init__(self, ahead: Path) -> None:
        self._ahead = ahead

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(self._ahead.read_text()))

    async def sleep(self, seconds: float) -> None:
        """By this clock: a jump ends it."""
        until = self.now() + timedelta(seconds=seconds)
        while self.now() < until:  # noqa: ASYNC110 - nobody tells of a jump
            await asyncio.sleep(min(0.05, seconds))


def main(config: str, name: str, ahead: str) -> None:
    """Deliver until SIGTERM."""
    set_up_logs("json")
    asyncio.run(_deliver(Path(config), name, Clock(Path(ahead))))


async def _deliver(path: Path, name: str, clock: Clock) -> None:
    config = load(path, {})
    database = open_database(config.server.database.value)
    threads = StorageThreads()
    receivers = build_receivers(config)
    delivery = Delivery(
        AlertRecords(database),
        threads.write,
        receivers,
        clock,
        random.Random(name),  # noqa: S311 - jitter
        lambda *_: None,
        name=name,
        rates=receiver_rates(config),
        sleep=clock.sleep,
    )
    running = asyncio.create_task(delivery.run())
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    await told.wait()
    await delivery.stop()
    await running
    for receiver in receivers.values():
        await receiver.close()
    threads.close()
    database.close()
