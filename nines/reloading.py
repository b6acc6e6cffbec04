"""Read the configuration again while everything runs: all of it, or on any problem nothing."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import structlog

from alerting.delivery import Delivery
from alerting.notification import Receiver
from dashboards.own_settings import ReloadFacts
from nines.changes import Broadcast
from nines.clock import Clock
from nines.closing import close_all
from nines.config import Config, ConfigError, load
from nines.config.found import Found
from nines.config.restart import needs_restart
from nines.config.watch import Watch, digest
from nines.configured import Configured
from nines.dispatch import Dispatch
from nines.engine import Engine
from nines.live import Pulse
from nines.receivers import (
    edited_receivers,
    receiver_rates,
    receiver_shares,
    renamed_receivers,
)
from nines.rounds import Rounds
from nines.storage.errors import StorageError
from nines.tasks import our_fault
from nines.watching import Watching
from web.settings import ReloadResult

log = structlog.get_logger("nines.reloading")
_WAITS = 5.0  # seconds for what a reload changed to be decided on
_STANDS = "The configuration was not reloaded, the old one goes on"
_IN_PART = "The configuration was taken up in part; restart Nines"


class Reloading:
    """Upon request, or as the files change."""

    def __init__(
        self,
        configured: Configured,
        *,
        path: Path,
        environ: Mapping[str, str],
        found: Callable[[], Mapping[str, Found]],
        build: Callable[[Config], dict[str, Receiver]],
        fill: Callable[[Config], Awaitable[None]],
        lock: asyncio.Lock,
        watching: Watching,
        rounds: Rounds,
        dispatch: Dispatch,
        delivery: Delivery,
        engine: Engine,
        broadcast: Broadcast,
        pulse: Pulse,
        clock: Clock,
    ) -> None:
        """`found` are the targets of discovery, `build` makes receivers, `fill` reads the past.

        `lock` is held by whoever changes what is watched.
        """
        self._configured = configured
        self._path = path
        self._environ = environ
        self._found = found
        self._build = build
        self._fill = fill
        self._lock = lock
        self._watching = watching
        self._rounds = rounds
        self._dispatch = dispatch
        self._delivery = delivery
        self._engine = engine
        self._broadcast = broadcast
        self._pulse = pulse
        self._clock = clock
        self._files: Watch | None = None
        self._settling: asyncio.Task[None] | None = None
        self.last: ReloadFacts | None = None  # how the last one ended

    async def follow_files(self) -> None:
        """Reload whenever the files change, until it is cancelled."""
        # Begun again, it still knows what was read last: no edit in between is lost.
        self._files = self._files or Watch(self._path, self._clock)
        async for _ in self._files:
            await self.reload()

    async def reload(self) -> ReloadResult:
        """What is wrong, where the old configuration goes on."""
        async with self._lock:
            before = self._configured.config
            try:
                problems = await self._take_up()
            except Exception as error:
                # Our own mistake must not end what has been running well.
                log.exception("reload_failed")
                said = _STANDS if self._configured.config is before else _IN_PART
                return self._refused((our_fault("take it up", error),), said)
            if problems:
                return self._refused(problems)
            # The decide task goes on for as long as storage refuses; whoever asked need not wait.
            self._settling = asyncio.create_task(self._dispatch.settle())
            await asyncio.wait({self._settling}, timeout=_WAITS)
            self._pulse.config_loaded_at = self._clock.now()
            self._pulse.config_problem = None
            self.last = ReloadFacts(self._clock.now(), ok=True, problems=())
            self._broadcast.tell(self._engine.entries)
            log.info("reloaded", slos=len(self._engine.entries))
            return ReloadResult()

    async def _take_up(self) -> tuple[str, ...]:
        """Go by what the files say now; or what is wrong with them, and nothing has changed."""
        try:
            seen = await asyncio.to_thread(digest, self._path)
            if self._files is not None:
                # Before it is read: a mistake that is taken back at once is a change, too.
                self._files.know(seen)
            config = await asyncio.to_thread(load, self._path, self._environ, self._found())
        except ConfigError as error:
            return tuple(str(problem) for problem in error.problems)
        if fixed := needs_restart(self._configured.config, config):
            return fixed
        receivers: dict[str, Receiver] = {}
        try:
            receivers = self._build(config)
            await self._fill(config)
            await self._watching.watch(config)
        except Exception as error:
            await close_all(receivers)
            if isinstance(error, StorageError | ValueError):  # ValueError: a TLS file that vanished
                return (str(error),)
            raise
        await self._adopt(config, receivers)
        self._configured.digest = seen
        return ()

    async def _adopt(self, config: Config, receivers: dict[str, Receiver]) -> None:
        now = self._configured
        former, now.config = now.config, config
        edited = edited_receivers(former, config)
        renamed = renamed_receivers(former, config)
        # Before anything else is decided: an edit is told at most once.
        self._rounds.take_up(renamed)
        before, now.receivers = {**now.leaving, **now.receivers}, receivers
        # Whoever was told that something fires is owed its end, configured or not.
        now.leaving = {
            name: one
            for name, one in before.items()
            if name not in receivers and name not in renamed
        }
        rates = receiver_rates(config)
        shares = receiver_shares(config)
        await self._delivery.replace(receivers, edited, rates, now.leaving, shares)
        await close_all({name: one for name, one in before.items() if name not in now.leaving})

    def _refused(self, problems: tuple[str, ...], said: str = _STANDS) -> ReloadResult:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        self._pulse.config_problem = f"{said}: {problems[0]}{more}"
        self.last = ReloadFacts(self._clock.now(), ok=False, problems=problems)
        for problem in problems:
            log.error("reload_refused", problem=problem)
        return ReloadResult(problems)
