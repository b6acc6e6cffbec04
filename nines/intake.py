"""Take in the alerts that others send: stored, with all that follows from them, before the yes."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog

from alerting.alert import Facts
from alerting.outside.book import MOST, RULE, Outside, Page, Terms, expire, take, turned
from alerting.outside.config import AlertmanagerApiConfig
from alerting.outside.posting import Posted, Posting, read_posting
from alerting.routes import Route
from alerting.store import Decision
from nines.bell import Bell
from nines.clock import Clock
from nines.dispatch import Dispatch
from nines.storage.errors import StorageError
from nines.storage.outside import OutsideRecords
from nines.threads import StorageThreads

LOOK_EVERY = timedelta(seconds=1)
_LATE = 5.0  # seconds by which a look may be late, or a clock set, without anybody noticing
_TOGETHER = 2_000  # alerts of several postings that are written at once
_LARGE = 128 * 1024  # bytes of a body that are read beside the event loop

log = structlog.get_logger("nines.intake")


@dataclass(slots=True)
class _Turn:
    """A posting whose sender waits for it."""

    alerts: tuple[Posted, ...]
    done: asyncio.Future[int]


class Intake:
    """The alerts from outside that fire. What is posted at the same time is written together."""

    def __init__(
        self,
        *,
        records: OutsideRecords,
        dispatch: Dispatch,
        threads: StorageThreads,
        config: Callable[[], AlertmanagerApiConfig],
        tree: Callable[[], Route],
        clock: Clock,
    ) -> None:
        self._records = records
        self._dispatch = dispatch
        self._threads = threads
        self._config = config
        self._tree = tree
        self._clock = clock
        self._waiting: list[_Turn] = []
        self._pump: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()
        self._granted = clock.now()
        self._taken = Bell()
        self.book: dict[str, Outside] = {}

    async def load(self) -> None:
        """Take up what is stored. That we were away is the end of no alert."""
        self.book.update(await self._threads.read(self._records.load))
        self._grant()

    def present(self, own: Mapping[str, Facts]) -> Mapping[str, Facts]:
        """The facts of all that fires now, by rule; `own` are those of our rules."""
        return _Present(self.book, own)

    async def post(self, body: bytes) -> tuple[str, ...]:
        """Take the alerts of a body; returns when they are stored. Gives what is wrong with others.

        Raises RefusedBodyError when nothing of it can be read, StorageError when nothing is stored.
        """
        config, now = self._config(), self._clock.now()
        read = partial(read_posting, body, now, config.resolve_timeout)
        posting: Posting = await asyncio.to_thread(read) if len(body) > _LARGE else read()
        if not posting.alerts:
            return posting.problems
        turn = _Turn(posting.alerts, asyncio.get_running_loop().create_future())
        self._waiting.append(turn)
        if self._pump is None:
            self._pump = asyncio.create_task(self._take_turns(), name="take in alerts")
        refused = await turn.done
        if not refused:
            return posting.problems
        full = f"{MOST:,} alerts fire already: {refused} of these were not taken"
        return (*posting.problems, full)

    async def run(self) -> None:
        """End what is no longer sent, until it is cancelled."""
        wall, monotonic = self._clock.now(), self._clock.monotonic()
        while True:
            if not self.book:
                await self._taken.heard()
                wall, monotonic = self._clock.now(), self._clock.monotonic()
            await self._clock.sleep(LOOK_EVERY.total_seconds())
            now, ticks = self._clock.now(), self._clock.monotonic()
            slept, passed = ticks - monotonic, (now - wall).total_seconds()
            # While we slept, could not store, or the clock was set, nobody could be heard.
            late = slept - LOOK_EVERY.total_seconds()
            if late > _LATE or abs(passed - slept) > _LATE or self._dispatch.problem is not None:
                self._grant()
            wall, monotonic = now, ticks
            await self.look()

    async def look(self) -> None:
        """End what is over by now."""
        async with self._writing:
            page = expire(self.book, self._granted, self._terms())
            if page.entries:
                try:
                    await self._write(page)
                except StorageError:  # whoever writes reports it, and the next look is soon
                    self._grant()

    def _grant(self) -> None:
        """Nothing is over before its sender had the time to say that it is not."""
        self._granted = self._clock.now() + self._config().resolve_timeout

    async def _take_turns(self) -> None:
        try:
            while self._waiting:
                await self._take_together()
        finally:
            self._pump = None

    async def _take_together(self) -> None:
        turns = [self._waiting.pop(0)]
        size = len(turns[0].alerts)
        while self._waiting and size + len(self._waiting[0].alerts) <= _TOGETHER:
            turns.append(self._waiting.pop(0))
            size += len(turns[-1].alerts)
        alerts = [alert for turn in turns for alert in turn.alerts]
        try:
            async with self._writing:
                page = take(self.book, alerts, self._terms())
                if page.entries:
                    await self._write(page)
        except BaseException as error:
            for turn in turns:
                if not turn.done.done():
                    turn.done.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return
        for turn in turns:
            if not turn.done.done():
                refused = sum(alert.fingerprint in page.refused for alert in turn.alerts)
                turn.done.set_result(refused)

    def _terms(self) -> Terms:
        return Terms(self._clock.now(), self._config().meaning, self._tree())

    async def _write(self, page: Page) -> None:
        await self._dispatch.take(page.changes, Decision(outside=page.entries))
        turned(self.book, page)
        self._taken.ring()


class _Present(Mapping[str, Facts]):
    """What fires says of itself now, by rule: what is asked for, read when it is."""

    def __init__(self, book: Mapping[str, Outside], own: Mapping[str, Facts]) -> None:
        self._book = book
        self._own = own

    def __getitem__(self, rule: str) -> Facts:
        if not rule.startswith(RULE):
            return self._own[rule]
        return self._book[rule.removeprefix(RULE)].facts

    def __iter__(self) -> Iterator[str]:
        yield from self._own
        yield from (one.rule for one in list(self._book.values()))

    def __len__(self) -> int:
        return len(self._own) + len(self._book)
