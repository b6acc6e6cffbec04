"""Read the past from a source that keeps it, so that an SLO begins with what really was.

Every page of the past is booked as if it had come when it was due. What is booked and where the
collector goes on are written together: killed in the middle it goes on there, and the first live
look counts on from the last page of the past.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction

import structlog

from collectors.grid import Grid, from_us, to_us
from collectors.kinds import build
from collectors.observation import Observation, Outcome
from collectors.promql import Promql, PromqlConfig, Stretch
from collectors.runnable import Clock
from nines.booking import Booking
from nines.config import Config
from nines.resume import resume_entries, resume_target
from nines.storage.batches import CollectorRecord, CountBatch
from nines.storage.counts import CountStore
from nines.target import Target
from nines.threads import StorageThreads
from nines.threshold_memory import pack
from slo.exposition import MANY_PROCESSES, Page

_STEPS = 500  # looks that are asked for, booked and written at once
_TOLD_EVERY = 20  # of these

log = structlog.get_logger("nines.backfill")


async def backfill(
    config: Config,
    *,
    counts: CountStore,
    threads: StorageThreads,
    clock: Clock,
    new_id: Callable[[], str],
    running: Collection[str] = (),
    progress: dict[str, Fraction] | None = None,
) -> None:
    """Fill the history of every collector that asks for it, up to its next look.

    Those `running` count for themselves already. `progress` says of those under way how much of
    it was read.
    """
    asking = [
        (f"{service}/{name}", settings)
        for service, one in config.services.items()
        for name, settings in one.collectors.items()
        if isinstance(settings, PromqlConfig) and settings.backfill
        if f"{service}/{name}" not in running
    ]
    for collector_id, settings in asking:
        under_way = {} if progress is None else progress
        filling = _Filling(config, collector_id, counts, threads, clock, new_id, under_way)
        try:
            await filling.run(settings)
        finally:
            under_way.pop(collector_id, None)


class _Filling:
    """One collector's history."""

    def __init__(
        self,
        config: Config,
        collector_id: str,
        counts: CountStore,
        threads: StorageThreads,
        clock: Clock,
        new_id: Callable[[], str],
        progress: dict[str, Fraction],
    ) -> None:
        self._progress = progress
        self._slos = {slo.id: slo for slo in config.slos if slo.collector_id == collector_id}
        self._bucket = int(config.server.bucket.total_seconds())
        self._id = collector_id
        self._counts, self._threads, self._clock, self._new_id = counts, threads, clock, new_id

    async def run(self, settings: PromqlConfig) -> None:
        """Book what lies between where the collector was left, or the beginning, and now."""
        collector = build(self._id, settings)
        assert isinstance(collector, Promql)  # noqa: S101 - of its settings
        if not self._slos:
            return
        now, interval = self._clock.now(), collector.interval
        stored = await self._threads.read(self._counts.collector_states)
        booking, target = await self._threads.write(
            lambda: self._take_up(stored.get(self._id), interval, now)
        )
        grid = Grid.of(self._id, interval)
        due = from_us(grid.after(to_us(now - settings.backfill)))
        if target.last_due is not None:
            due = max(due, target.last_due + interval)
        last = from_us(grid.after(to_us(now))) - interval
        steps = (last - due) // interval + 1
        if steps <= 0:
            return
        log.info("backfill", collector=self._id, since=due.isoformat(), looks=steps)
        booked = 0
        for number, start in enumerate(range(0, steps, _STEPS)):
            dues = [due + at * interval for at in range(start, min(start + _STEPS, steps))]
            self._progress[self._id] = Fraction(start, steps)
            stretch = Stretch(dues[0], dues[-1], interval)
            seen, pages = await collector.history(stretch, self._clock)
            if seen.outcome is not Outcome.PASSED:
                log.warning("backfill_ended_early", collector=self._id, reason=seen.detail)
                return
            batch = await asyncio.to_thread(self._book, booking, target, dues, pages, seen)
            if batch is not None:
                booked += len(dues)
                await self._threads.write(lambda one=batch: self._counts.flush(one))  # type: ignore[misc] # bound now
            if number % _TOLD_EVERY == _TOLD_EVERY - 1:
                log.info("backfilling", collector=self._id, looks=start + len(dues), of=steps)
        log.info("backfilled", collector=self._id, looks=booked)

    def _take_up(
        self, record: CollectorRecord | None, interval: timedelta, now: datetime
    ) -> tuple[Booking, Target]:
        entries = resume_entries(
            self._slos,
            counts=self._counts,
            bucket_seconds=self._bucket,
            states={},
            now=now,
            running={},
        )
        booking = Booking(self._bucket, lambda _: {})
        target = booking.targets[self._id] = resume_target(interval, record, None, now)
        booking.watch(entries)
        return booking, target

    def _book(
        self,
        booking: Booking,
        target: Target,
        dues: Sequence[datetime],
        pages: Mapping[datetime, Page],
        seen: Observation,
    ) -> CountBatch | None:
        for due in dues:
            page = pages.get(due)
            if page is None and target.last_due is None:
                continue  # nothing was kept of that time, or nothing was there
            if target.last_due is not None:
                booking.book_absence(self._id, due)  # more than `backfill` ago
            booking.book(target, _at(seen, due, page))
        return booking.take_batch(self._new_id(), _record)


def _at(seen: Observation, due: datetime, page: Page | None) -> Observation:
    """One look of the past. Where nothing is kept, there is a page with nothing on it."""
    return Observation(
        collector_id=seen.collector_id,
        due=due,
        started=due,
        lateness=timedelta(0),
        duration=timedelta(0),
        outcome=Outcome.PASSED,
        page=page if page is not None else Page({}, MANY_PROCESSES),
    )


def _record(_: str, target: Target) -> CollectorRecord:
    assert target.last_due is not None  # noqa: S101 - only such targets are asked for
    return CollectorRecord(target.last_due, pack(target.counters, ()))
