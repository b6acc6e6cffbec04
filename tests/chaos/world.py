"""A world in which Nines can be killed at will: a target, every kind of receiver, a process."""

import asyncio
import contextlib
import json
import os
import signal
import textwrap
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from sqlalchemy import NullPool, create_engine

from nines.demo.http_server import HttpServer, Request, Response
from tests.chaos.forks import Forks, Process
from tests.chaos.judge import Broke, Event, Healed, Heard, Killed, Said
from tests.chaos.trouble import NAMES
from tests.chaos.vendors import KINDS, Fault, Step, vendor
from tests.web.ports import free_port

STRANGER = "webhook-stranger"  # configured, and named by no route
CONFIG = """
server: {{listen: "127.0.0.1:{port}", external_url: "http://127.0.0.1:{port}", bucket: 1s,
         database: "{database}"}}
services:
  shop:
    collectors:
      metrics: {{prometheus: "{target}/metrics", interval: 1s, timeout: 1s}}
    alerts:
{rules}
alerting:
  receivers:
    pagerduty: {{pagerduty: {{routing_key: 0123456789abcdef0123456789abcdef, url: "{pagerduty}"}},
                rate: 600/1m}}
    slack: {{slack: {{token: xoxb-1, channel: "#sre", url: "{slack}"}}, rate: 600/1m}}
    email: {{email: {{smtp: "{email}", from: nines@example.com, to: [ann@example.com],
                    starttls: never}}, rate: 600/1m}}
    webhook: {{webhook: {{url: "{webhook}/hook"}}}}
    teams: {{teams: {{url: "{teams}/hook"}}, rate: 600/1m}}
    discord: {{discord: {{url: "{discord}/api/webhooks/1/t"}}, rate: 600/1m}}
    alertmanager: {{alertmanager: {{url: "{alertmanager}"}}}}
    template:
      template:
        url: "{template}/alerts"
        json: {{incident: "{{{{ incident_id }}}}", kind: "{{{{ kind }}}}",
               revision: "{{{{ revision }}}}", id: "{{{{ notification_id }}}}"}}
    stranger: {{webhook: {{url: "{stranger}/hook"}}}}
  route:
{route}
"""
RULE = (
    "      hot{0}: {{collector: metrics, metric: temperature_{0}, above: 50, for: 0s,"
    " keep_firing_for: 0s, severity: page}}"
)
ROOMS = 60  # a rule each; one that fires again and again would be held back as flapping
EVERYBODY = "receivers: [pagerduty, slack, email, webhook, teams, discord, alertmanager, template]"


class World:
    """Everything around one database. Its `events` are what the judge is given."""

    def __init__(self, folder: Path, database: str, forks: Forks) -> None:
        self.events: list[Event] = []
        self.hot, self._room = False, -1
        self.faults: Callable[[str], Fault | None] = lambda _: None
        self._hold: Step | None = None
        self._held: dict[str, asyncio.Event] = {}
        self._everybody: frozenset[str] = frozenset()
        self._forks = forks
        self._database = database
        self._outside = create_engine(database, poolclass=NullPool)
        self._config = folder / "config.yaml"
        self._trace, self._armed = folder / "trace", folder / "armed"
        self._ahead, self._trouble = folder / "ahead", folder / "trouble"
        self._log = folder / "log"
        self._port = free_port()
        self._by_name = False
        self._target = HttpServer(self._page)
        self.vendors = {kind: vendor(kind, self) for kind in (*KINDS, STRANGER)}
        self.all_held = asyncio.Event()
        self.changed = asyncio.Event()
        self.process: Process | None = None

    async def open(self) -> None:
        """Let everybody listen, and write the configuration."""
        await self._target.start()
        for one in self.vendors.values():
            await one.start()
        self.configure()

    def configure(
        self, route: str = EVERYBODY, *, without: Sequence[str] = (), by_name: bool = False
    ) -> None:
        """Write the configuration with this route; `by_name`: vendors have names, not numbers."""
        self._by_name = by_name
        urls = {one.partition("-")[2] or one: found.url for one, found in self.vendors.items()}
        if by_name:
            urls = {name: url.replace("127.0.0.1", f"{name}{NAMES}") for name, url in urls.items()}
        lines = CONFIG.format(
            port=self._port,
            database=self._database,
            target=self._target.url,
            rules="\n".join(map(RULE.format, range(ROOMS))),
            route=textwrap.indent(route, "    "),
            **urls,
        ).splitlines()
        for name in without:
            first = next(n for n, line in enumerate(lines) if line.startswith(f"    {name}: "))
            last = next(n for n in range(first + 1, len(lines)) if not lines[n].startswith("     "))
            del lines[first:last]
        fresh = self._config.with_suffix(".new")
        fresh.write_text("\n".join(lines))
        fresh.rename(self._config)

    async def ask(self, method: str, path: str, json: object = None) -> httpx.Response:
        """A request to Nines; waits until it listens."""
        url = f"http://127.0.0.1:{self._port}{path}"
        async with asyncio.timeout(30), httpx.AsyncClient(trust_env=False, timeout=20) as client:
            while True:
                try:
                    return await client.request(method, url, json=json)
                except httpx.ConnectError:
                    await asyncio.sleep(0.05)

    def trouble(self, **wrong: object) -> None:
        """What is wrong around the process from now on: see `trouble`."""
        fresh = self._trouble.with_suffix(".now")
        fresh.write_text(json.dumps(wrong))
        fresh.rename(self._trouble)

    async def says(self, text: str, within: float = 30.0) -> None:
        """Wait until its log has this."""
        async with asyncio.timeout(within):
            while text not in self.log():  # noqa: ASYNC110 - another process's file
                await asyncio.sleep(0.05)

    async def close(self) -> None:
        """Nothing is left."""
        await self.kill()
        await self._target.refuse()
        for one in self.vendors.values():
            await one.stop()

    @property
    def passed(self) -> list[str]:
        """The commits that processes went through."""
        return self._trace.read_text().splitlines() if self._trace.exists() else []

    @property
    def outages(self) -> int:
        """How many there were."""
        return sum(isinstance(event, Broke) for event in self.events)

    def heard(self, receiver: str) -> list[Said]:
        """What it was told, in order."""
        heard = [one for one in self.events if isinstance(one, Heard)]
        return [one.said for one in heard if one.receiver == receiver]

    def log(self) -> str:
        """The end of what processes said."""
        return self._log.read_text()[-8000:] if self._log.exists() else ""

    async def start(self) -> None:
        """Start a process."""
        self.process = await self._forks.start(
            config=str(self._config),
            log=str(self._log),
            trace=str(self._trace),
            armed=str(self._armed),
            trouble=str(self._trouble),
            names="yes" if self._by_name else "",
        )

    async def start_worker(self, name: str) -> Process:
        """Start one that does nothing but deliver; `ahead` says how far its clock is."""
        if not self._ahead.exists():
            self.set_clocks(0)
        return await self._forks.start(
            config=str(self._config), log=str(self._log), worker=name, ahead=str(self._ahead)
        )

    def set_clocks(self, ahead: float) -> None:
        """All workers' clocks are so many seconds ahead from now on."""
        fresh = self._ahead.with_suffix(".new")
        fresh.write_text(str(ahead))
        fresh.rename(self._ahead)

    def arm(self, point: str) -> None:
        """From now on the process dies at this failpoint, by itself, once."""
        fresh = self._armed.with_suffix(".new")
        fresh.write_text(point)
        fresh.rename(self._armed)

    def let_go(self) -> None:
        """Calls that are held go on."""
        self._hold = None
        for held in self._held.values():
            held.set()

    async def kill(self) -> None:
        """SIGKILL, and everything that it held is let go."""
        if self.process is not None and not self.process.ended.is_set():
            os.kill(self.process.pid, signal.SIGKILL)
        await self.died()

    async def died(self) -> None:
        """Wait for its end, and note it."""
        if self.process is None:
            return
        async with asyncio.timeout(30):
            await self.process.ended.wait()
        if self.process.status != -signal.SIGKILL:
            raise AssertionError(f"it ended by itself, with {self.process.status}: {self.log()}")
        self.process = None
        self._hold = None
        for one in self.vendors.values():
            await one.hang_up()
        self.events.append(Killed())

    def breaks(self, *, sure: bool = True) -> None:
        self._room += 1
        self.hot = True
        self.events.append(Broke(sure))

    def heals(self) -> None:
        self.hot = False
        self.events.append(Healed())

    def hold_at(self, step: Step, receivers: Iterable[str]) -> None:
        """Hold each call at this step; `all_held` is set once all of these stand there."""
        self._hold, self._everybody = step, frozenset(receivers)
        self._held.clear()
        self.all_held.clear()

    async def told(
        self, said: Said, since: int, within: float = 30.0, names: Sequence[str] = KINDS
    ) -> None:
        """Wait until these receivers were told this, after the event number `since`."""
        async with asyncio.timeout(within):
            while True:
                self.changed.clear()
                heard = [one for one in self.events[since:] if isinstance(one, Heard)]
                if {one.receiver for one in heard if one.said is said} >= set(names):
                    return
                await self.changed.wait()

    async def settled(self, within: float = 30.0, *, incidents: bool | None = None) -> None:
        """Wait until nothing waits in the outbox, and an incident is open or none, as asked.

        It is read from the database: another process has no event for us.
        """
        async with asyncio.timeout(within):
            while True:
                waiting, is_open = await asyncio.to_thread(self._standing)
                if not waiting and incidents in (None, is_open):
                    return
                await asyncio.sleep(0.05)

    async def tried_again(self, within: float = 30.0, names: Sequence[str] = KINDS) -> None:
        """Wait until a try to each of these receivers ended after this was called."""
        before = await asyncio.to_thread(self._tries)
        async with asyncio.timeout(within):
            while True:
                tries = await asyncio.to_thread(self._tries)
                if all(tries.get(name, 0) > before.get(name, 0) for name in names):
                    return
                await asyncio.sleep(0.05)

    async def states(self) -> dict[str, int]:
        """How many notifications there are in each state."""
        count = "SELECT state, count(*) FROM notifications GROUP BY state"
        return await asyncio.to_thread(self._counts, count)

    async def settled_by(self, clocks: Iterable[float]) -> None:
        """Set workers' clocks to these, one after the other, until nothing waits any more."""
        for ahead in clocks:
            self.set_clocks(ahead)
            with contextlib.suppress(TimeoutError):  # nothing is under way by then
                return await self.settled(within=1.0)
        return await self.settled()

    def _standing(self) -> tuple[bool, bool]:
        both = (  # in one statement, so of one moment
            "SELECT (SELECT count(*) FROM notifications WHERE state = 'pending'),"
            " (SELECT count(*) FROM incidents WHERE state <> 'resolved')"
        )
        with self._outside.connect() as connection:
            waiting, is_open = connection.exec_driver_sql(both).one()
        return bool(waiting), bool(is_open)

    def _tries(self) -> dict[str, int]:
        return self._counts(
            "SELECT receiver, count(*) FROM attempts JOIN notifications ON notification_id = id"
            " WHERE ended_at IS NOT NULL GROUP BY receiver"
        )

    def _counts(self, query: str) -> dict[str, int]:
        with self._outside.connect() as connection:
            return {str(name): int(n) for name, n in connection.exec_driver_sql(query)}

    async def reach(self, receiver: str, step: Step) -> None:
        """Called by vendors."""
        if step is not self._hold:
            return
        never = self._held.setdefault(receiver, asyncio.Event())
        if self._held.keys() >= self._everybody:
            self.all_held.set()
        await never.wait()

    def hear(self, heard: Heard) -> None:
        """Called by vendors."""
        self.events.append(heard)
        self.changed.set()

    def fault(self, receiver: str) -> Fault | None:
        """Called by vendors."""
        return self.faults(receiver)

    def _page(self, _: Request) -> Response:
        hot = self._room % ROOMS if self.hot else None
        lines = [f"temperature_{room} {90 if room == hot else 10}\n" for room in range(ROOMS)]
        return Response(200, "".join(lines).encode(), "text/plain")


@asynccontextmanager
async def world(folder: Path, database: str, forks: Forks) -> AsyncIterator[World]:
    """Open; nothing of it is left afterwards."""
    made = World(folder, database, forks)
    try:
        await made.open()
        yield made
    finally:
        await made.close()
