"""Read the configuration again while everything runs: all of it, or on any problem nothing."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from alerting.delivery import Delivery
from alerting.notification import Receiver
from nines.changes import Broadcast
from nines.clock import Clock
from nines.closing import close_all
from nines.config import Config, ConfigError, load
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
from nines.watching import Watching
from web.settings import ReloadResult

log = structlog.get_logger("nines.reloading")
_WAITS = 5.0  # seconds for what a reload changed to be decided on


class Reloading:
    """Upon request, or as the files change."""

    def __init__(
        self,
        configured: Configured,
        *,
        path: Path,
        environ: Mapping[str, str],
        build: Callable[[Config], dict[str, Receiver]],
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
        """`build` makes receivers; `lock` is held by whoever changes what is watched."""
        self._configured = configured
        self._path = path
        self._environ = environ
        self._build = build
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

    async def follow_files(self) -> None:
        """Reload whenever the files change, until it is cancelled; no other mistake ends it."""
        self._files = Watch(self._path, self._clock)
        while True:
            try:
                async for _ in self._files:
                    await self.reload()
            except Exception as error:
                # An edit must not end what watches everything else; the watch waits before it
                # looks again, so this is no busy loop.
                log.exception("watching_the_files_failed")
                self._pulse.config_problem = _ours("followed the configuration's files", error)

    async def reload(self) -> ReloadResult:
        """What is wrong, where the old configuration goes on."""
        async with self._lock:
            try:
                if self._files is not None:
                    # Before it is read: a mistake that is taken back at once is a change, too.
                    self._files.know(await asyncio.to_thread(digest, self._path))
                config = await asyncio.to_thread(load, self._path, self._environ)
                fixed = needs_restart(self._configured.config, config)
            except ConfigError as error:
                return self._refused(tuple(str(problem) for problem in error.problems))
            except Exception as error:
                log.exception("reload_failed")
                return self._refused((_ours("read it", error),))
            if fixed:
                return self._refused(fixed)
            receivers: dict[str, Receiver] = {}
            try:
                receivers = self._build(config)
                await self._watching.watch(config)
            except (StorageError, ValueError) as error:  # ValueError: a TLS file that vanished
                await close_all(receivers)
                return self._refused((str(error),))
            except Exception as error:
                # Our own mistake must not end what has been running well.
                log.exception("reload_failed")
                await close_all(receivers)
                return self._refused((_ours("took it up", error),))
            try:
                await self._adopt(config, receivers)
            except Exception as error:
                log.exception("reload_failed")
                said = "The configuration was taken up in part; restart Nines"
                return self._refused((_ours("took it up", error),), said)
            # The decide task goes on for as long as storage refuses; whoever asked need not wait.
            self._settling = asyncio.create_task(self._dispatch.settle())
            await asyncio.wait({self._settling}, timeout=_WAITS)
            self._pulse.config_loaded_at = self._clock.now()
            self._pulse.config_problem = None
            self._broadcast.tell(self._engine.entries)
            log.info("reloaded", slos=len(self._engine.entries))
            return ReloadResult()

    async def _adopt(self, config: Config, receivers: dict[str, Receiver]) -> None:
        now = self._configured
        edited = edited_receivers(now.config, config)
        renamed = renamed_receivers(now.config, config)
        now.config = config
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

    def _refused(
        self,
        problems: tuple[str, ...],
        said: str = "The configuration was not reloaded, the old one goes on",
    ) -> ReloadResult:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        self._pulse.config_problem = f"{said}: {problems[0]}{more}"
        for problem in problems:
            log.error("reload_refused", problem=problem)
        return ReloadResult(problems)


def _ours(when: str, error: Exception) -> str:
    """Its kind alone: the words of an error nobody expected may hold a secret of the file."""
    return (
        f"Nines itself failed when it {when} ({type(error).__name__}). That is a mistake of Nines, "
        "its log has the details"
    )
