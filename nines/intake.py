"""Take in the alerts that others send: stored, with all that follows from them, before the yes."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog

from alerting.alert import Facts
from alerting.outside.book import (
    MOST,
    RULE,
    Outside,
    Terms,
    changes_of,
    expire,
    loudest_first,
    settled,
    take,
    turned,
)
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
_AT_ONCE = 500  # alerts that are decided on in one transaction: others wait for it
_MOST_REST = 1.0  # seconds between two rounds of decisions
_RETRY_AFTER = 1.0  # seconds, when storage refused a decision
_LARGE = 128 * 1024  # bytes of a body that are read beside the event loop

log = structlog.get_logger("nines.intake")


@dataclass(frozen=True, slots=True)
class _Turn:
    """A posting whose sender waits for it."""

    alerts: tuple[Posted, ...]
    done: asyncio.Future[int]


class Intake:
    """The alerts from outside that fire. What is posted at the same time is written together.

    On what comes alone is decided as it is stored. In a storm alerts are stored and the yes is said
    at once; who hears of them is decided in rounds, loudest first, with a rest after each of as
    long as it took: a service of which twenty alerts come is thought about twice, not twenty times.
    """

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
        self._undecided: set[str] = set()
        self._gathered = Bell()
        self._rests_until = clock.monotonic()
        self.book: dict[str, Outside] = {}

    async def load(self) -> None:
        """Take up what is stored. That we were away is the end of no alert."""
        self._turn(await self._threads.read(self._records.load))
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

    async def decide(self) -> None:
        """Decide on what was only stored, until it is cancelled."""
        while True:
            await self._gathered.heard()
            while self._undecided:
                await self._clock.sleep(max(self._rests_until - self._clock.monotonic(), 0))
                await self._decide_round()

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
                    await self._write(page.entries)
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
                    await self._write(page.entries)
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

    async def _write(self, entries: Mapping[str, Outside]) -> None:
        """Store these, and decide on them in the same transaction when nothing else is going on."""
        waiting = [one for one in entries.values() if one.waits]
        resting = self._clock.monotonic() < self._rests_until
        if not waiting or self._undecided or resting or len(waiting) > _AT_ONCE:
            await self._dispatch.store(Decision(outside=entries))
            self._turn(entries)
        else:
            began = self._clock.monotonic()
            await self._decide(waiting, entries)
            self._rest(began)
        self._taken.ring()

    async def _decide_round(self) -> None:
        """Decide on as many as wait now; those that others post meanwhile are stored in between."""
        began, left = self._clock.monotonic(), len(self._undecided)
        while left > 0 and self._undecided:
            async with self._writing:
                waiting = loudest_first(self.book[mark] for mark in self._undecided)[:_AT_ONCE]
                try:
                    await self._decide(waiting, {})
                except StorageError:  # whoever writes reports it
                    self._rests_until = self._clock.monotonic() + _RETRY_AFTER
                    return
            left -= len(waiting)
        self._rest(began)

    async def _decide(self, waiting: Sequence[Outside], others: Mapping[str, Outside]) -> None:
        entries = {**others, **{one.fingerprint: settled(one) for one in waiting}}
        changes = changes_of(waiting, self._clock.now())
        await self._dispatch.take(changes, Decision(outside=entries))
        self._turn(entries)

    def _rest(self, began: float) -> None:
        now = self._clock.monotonic()
        self._rests_until = now + min(now - began, _MOST_REST)

    def _turn(self, entries: Mapping[str, Outside | None]) -> None:
        turned(self.book, entries)
        for mark, entry in entries.items():
            if entry is not None and entry.waits:
                self._undecided.add(mark)
            else:
                self._undecided.discard(mark)
        if self._undecided:
            self._gathered.ring()


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
