"""`nines demo`: simulated platforms, thirty days behind them, a live outage every few minutes."""

import asyncio
import os
import random
import shutil
import socket
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from alerting.alert import AlertChange
from nines.clock import SystemClock
from nines.demo.clock import PastClock
from nines.demo.customers import tell_customers
from nines.demo.history import History
from nines.demo.inbox import Inbox
from nines.demo.inbox_webhooks import Home
from nines.demo.simulation import DRILLS, Drill, Simulation
from nines.service import Service
from nines.signals import handle_signals

DASHBOARD_PORT = 9919
INBOX_PORT = 9920
_CONFIG = Path(__file__).with_name("config.yaml")
_SEED = 99_99


class DemoClock(SystemClock):
    """The machine's clock, once the past has been written; until then it is set by hand."""

    def __init__(self) -> None:
        self._set: datetime | None = None

    def now(self) -> datetime:
        return self._set or super().now()

    def set(self, at: datetime | None) -> None:
        """Stand at `at`; with None, run."""
        self._set = at


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """Ports of 0 are chosen by the machine. `days` of history, 0 for none."""

    port: int = DASHBOARD_PORT
    inbox_port: int = INBOX_PORT
    days: int = 30
    drills: tuple[Drill, ...] = DRILLS


class Demo:
    """Everything the demo runs, on loopback and in a folder that goes when it ends."""

    def __init__(self, options: DemoOptions, tell: Callable[[str], None]) -> None:
        self._options = options
        self._tell = tell
        self._rng = random.Random(_SEED)  # noqa: S311 - a simulation, repeatable
        self.clock = DemoClock()
        self.simulation = Simulation(SystemClock().now, self._rng)
        self.service: Service | None = None
        self.inbox: Inbox | None = None

    async def run(self, started: Callable[["Demo"], None] | None = None) -> None:
        """Run until a signal comes; `started` is called when the pages can be opened."""
        folder = Path(tempfile.mkdtemp(prefix="nines-demo-"))
        try:
            inbox_port = _free(self._options.inbox_port)
            async with Inbox.start(http_port=inbox_port, smtp_port=0) as inbox:
                self.inbox = inbox
                await self.simulation.start(self._options.drills, self._tell)
                try:
                    await self._run_service(folder, inbox, started)
                finally:
                    await self.simulation.stop()
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def _run_service(
        self, folder: Path, inbox: Inbox, started: Callable[["Demo"], None] | None
    ) -> None:
        port = _free(self._options.port)
        home = f"http://127.0.0.1:{port}"
        secrets = {"signing_secret": "demo-signing-secret", "webhook_secret": "demo-webhook-secret"}
        config = folder / "config.yaml"
        config.write_bytes(_CONFIG.read_bytes())
        environ = {**os.environ, **self._environ(folder, inbox, port)}
        self.service = service = await Service.open(config, environ, self.clock)
        try:
            if self._options.days:
                self._tell(f"Writing {self._options.days} days of history ...")
                await write_history(service, self.clock, self._rng, self._options.days)
                await tell_customers(service.board, self.clock, self._options.days)
            handle_signals(service.stop_for_good, service.reloading.reload)
            running = asyncio.create_task(service.run())
            # From now on: what the past was told is answered by nobody.
            inbox.call_back(Home(home, slack="sre", pagerduty="oncall", **secrets))
            self._tell(f"Dashboard  {home}/")
            self._tell(f"Customers  {home}/status")
            self._tell(f"Inbox      {inbox.url}/   (what PagerDuty, Slack and mail received)")
            self._tell("Acknowledge in the inbox: its buttons call back as the vendors do.")
            self._tell("Something breaks every few minutes. Ctrl-C ends the demo.")
            if started is not None:
                started(self)
            await running
        finally:
            await service.close()

    def _environ(self, folder: Path, inbox: Inbox, port: int) -> Mapping[str, str]:
        return {
            "DEMO_PORT": str(port),
            "DEMO_DATABASE": f"sqlite:///{folder}/nines.db",
            **self.simulation.environ,
            "DEMO_INBOX": inbox.url,
            "DEMO_SMTP": inbox.smtp_url,
        }


async def write_history(service: Service, clock: PastClock, rng: random.Random, days: int) -> int:
    """Put `days` behind the service through its own engine, storage and receivers."""
    now = clock.now()
    service.engine.awake_since = now - timedelta(days=days)
    delivering = asyncio.create_task(service.delivery.run())

    async def settle(changes: Sequence[AlertChange]) -> None:
        service.dispatch.submit(changes)
        await service.dispatch.settle()
        await _delivered(service)

    async def acknowledge(name: str, by: str) -> None:
        for file in await service.threads.read(lambda: service.records.open_incidents(name)):
            await service.dispatch.acknowledge(file.incident.id, by)
        await _delivered(service)

    history = History(
        service.engine, rng=rng, set_clock=clock.set, settle=settle, acknowledge=acknowledge
    )
    try:
        written = await history.write(now, days)
        await service.dispatch.flush()
    finally:
        clock.set(None)
        service.engine.awake_since = clock.now()
        delivering.cancel()
        await asyncio.gather(delivering, return_exceptions=True)
    return written


async def _delivered(service: Service) -> None:
    """Wait until the inbox has all of it: the past is told in its order."""
    for _ in range(400):
        service.delivery.notify()
        waiting, _oldest = await service.threads.read(service.records.outbox_pending)
        if not waiting:
            return
        await asyncio.sleep(0.01)


def _free(port: int) -> int:
    """The port if nobody listens there, else 0 as a plea for another."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        chosen: int = probe.getsockname()[1]
        return chosen


def demo(options: DemoOptions, tell: Callable[[str], None]) -> None:
    """Run the demo until it is interrupted."""
    asyncio.run(Demo(options, tell).run())
