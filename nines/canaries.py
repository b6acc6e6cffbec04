"""Send canaries, when somebody asks or the schedule says so, and know how the last ones fared."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import structlog

from alerting.canary import BY_SCHEDULE, Canary, canary, is_due, too_old
from alerting.config import AlertingConfig
from nines.bell import Bell
from nines.clock import Clock
from nines.dispatch import Dispatch
from nines.storage.errors import StorageError
from nines.threads import StorageThreads

LOOK_EVERY, WHILE_ONE_WAITS = timedelta(seconds=5), timedelta(seconds=1)
REMEMBERED = timedelta(days=35)  # longer than twice the longest schedule
_READ_AT_LEAST = timedelta(minutes=1)  # another process may have sent one

log = structlog.get_logger("nines.canaries")


class Canaries:
    """`read` gives the newest of each receiver since a moment, and blocks on storage."""

    def __init__(
        self,
        *,
        config: Callable[[], AlertingConfig],
        dispatch: Dispatch,
        read: Callable[[datetime], Mapping[str, Canary]],
        threads: StorageThreads,
        clock: Clock,
        moved: Callable[[], None] = lambda: None,
    ) -> None:
        """`moved` is called when what is known of them has changed."""
        self._config = config
        self._dispatch = dispatch
        self._read = read
        self._threads = threads
        self._clock = clock
        self._moved = moved
        self._sending = asyncio.Lock()  # two at once would both find that none is on its way
        self._bell = Bell()  # one is on its way
        self._read_at: float | None = None  # None: what is known may be old
        self.last: Mapping[str, Canary] = {}

    async def run(self) -> None:
        """Look until it is cancelled."""
        while True:
            try:
                await self.look()
            except StorageError as error:
                log.warning("canaries_put_off", error=str(error))
            waits = any(one.waits for one in self.last.values())
            every = WHILE_ONE_WAITS if waits else LOOK_EVERY
            await self._bell.heard_within(every.total_seconds(), self._clock)

    async def look(self) -> None:
        """See how those under way fare, and send those that are due. Raises StorageError."""
        await self._refresh()
        config, now = self._config(), self._clock.now()
        every = config.canary.every if config.canary else None
        for name in config.sends_canaries(now):
            if every is not None and is_due(self.last.get(name), every, now):
                await self.send(name, BY_SCHEDULE)

    async def send(self, receiver: str, by: str) -> bool:
        """One to this receiver; False when one is on its way already. Raises StorageError."""
        async with self._sending:
            await self._refresh(afresh=True)
            last = self.last.get(receiver)
            if last is not None and last.waits:
                return False
            await self._dispatch.put(lambda context: canary(receiver, by, context))
            await self._refresh(afresh=True)
        self._bell.ring()
        log.info("canary", receiver=receiver, by=by)
        return True

    def problems(self) -> list[str]:
        """Receivers that none gets through to, in sentences."""
        config, now = self._config(), self._clock.now()
        if config.canary is None:
            return []
        every, always = config.canary.every, not config.canary.active_time_intervals
        wanted = config.canary_receivers
        said = (too_old(self.last.get(name), every, now, always=always) for name in wanted)
        return [f"{one}." for one in said if one is not None]

    async def _refresh(self, *, afresh: bool = False) -> None:
        now = self._clock.monotonic()
        known = self._read_at is not None and now - self._read_at < _READ_AT_LEAST.total_seconds()
        if known and not afresh and not any(one.waits for one in self.last.values()):
            return
        since = self._clock.now() - REMEMBERED
        before, self.last = self.last, await self._threads.read(lambda: self._read(since))
        self._read_at = now
        if self.last != before:
            self._moved()
