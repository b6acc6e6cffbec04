"""Take in the events that others post: counted in storage before the yes, each key once."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from collectors.pushed.collector import PushConfig
from nines.clock import Clock
from nines.config import Config
from nines.selection import Selection, selections
from nines.senders import admitted
from nines.storage.counts import CountStore
from nines.storage.errors import StorageError
from nines.storage.pushed_events import PushedEventRecords
from nines.threads import StorageThreads
from slo.exposition import OWN_COUNT, Page, Sample, Series
from web.events import NewEvents, UnwantedError
from web.senders import NotKeptError

_AT_ONCE = 100  # requests that wait their turn
MOST_SERIES = 20_000  # of a collector


class PushedEvents:
    """Implements web.events.EventsTaken. Requests are stored one after the other."""

    def __init__(
        self,
        *,
        records: PushedEventRecords,
        counts: CountStore,
        threads: StorageThreads,
        config: Callable[[], Config],
        on_loopback: Callable[[], bool],
        clock: Clock,
    ) -> None:
        self._records = records
        self._counts = counts
        self._threads = threads
        self._config = config
        self._on_loopback = on_loopback
        self._clock = clock
        self._totals: dict[str, dict[Series, int]] = {}
        self._looked: set[str] = set()  # of which a look is in storage
        self._of: tuple[Config, Mapping[str, tuple[PushConfig, Selection]]] | None = None
        self._turn = asyncio.Lock()
        self._inside = 0
        self._is_sure = True  # what storage has is what is here

    async def load(self) -> None:
        """Take up what is stored."""
        self._totals = await self._threads.read(self._records.load)
        self._is_sure = True

    def admit(self, authorization: str | None) -> frozenset[str]:
        """By what each collector asks for. Raises RefusedSenderError."""
        settings = {name: one for name, (one, _) in self._now().items()}
        return admitted("push", settings, authorization, on_loopback=self._on_loopback())

    async def count(
        self, events: Sequence[NewEvents], collectors: frozenset[str], *, key: str, digest: str
    ) -> bool:
        """Count them all, or none; False when they came before under this key."""
        wanted = self._wanted(events, collectors)
        if self._inside >= _AT_ONCE:
            raise NotKeptError("Too many send at once: send it again.")
        self._inside += 1
        try:
            async with self._turn:
                return await self._count(wanted, key, digest)
        except StorageError as error:
            # Whether it was kept or not may be unknown: the key makes asking again safe.
            self._is_sure = False
            raise NotKeptError(f"It may not be kept, send it again: {error}") from error
        finally:
            self._inside -= 1

    def page(self, collector_id: str) -> Page:
        """What was ever counted. No event is no news: nothing is absent and nothing grows."""
        totals = self._totals.get(collector_id, {})
        samples = {series: Sample(total) for series, total in totals.items()}
        return Page(samples=samples, process_start=OWN_COUNT)

    async def _count(
        self, wanted: Mapping[str, Mapping[Series, int]], key: str, digest: str
    ) -> bool:
        if not self._is_sure:
            await self.load()
        await self._wait_for_a_look(wanted)
        for name, counted in wanted.items():
            have = self._totals.get(name, {})
            if len(have.keys() | counted.keys()) > MOST_SERIES:
                raise UnwantedError(
                    "events", f"{name} has {MOST_SERIES:,} series already: use fewer label values"
                )
        now = self._clock.now()
        is_new, totals = await self._threads.write(
            lambda: self._records.count(wanted, key=key, digest=digest, at=now)
        )
        for name, of_it in totals.items():
            self._totals.setdefault(name, {}).update(of_it)
        return is_new

    async def _wait_for_a_look(self, collectors: Mapping[str, object]) -> None:
        """What grows is counted from look to look: nothing is taken before the first is stored."""
        if collectors.keys() <= self._looked:
            return
        self._looked |= (await self._threads.read(self._counts.collector_states)).keys()
        if waits := sorted(collectors.keys() - self._looked):
            raise NotKeptError(
                f"{waits[0]} is new, and begins to count with its first look: send it again in a"
                " few seconds."
            )

    def _wanted(
        self, events: Sequence[NewEvents], collectors: frozenset[str]
    ) -> dict[str, dict[Series, int]]:
        """By collector. Raises UnwantedError for what nobody reads: it would be lost silently."""
        found: dict[str, dict[Series, int]] = {}
        for place, one in enumerate(events):
            readers = [
                name
                for name, (_, selection) in self._now().items()
                if name in collectors and selection.wants(one.series)
            ]
            if not readers:
                raise UnwantedError(
                    f"events.{place}",
                    f"no SLI or rule of {', '.join(sorted(collectors))} reads"
                    f" {str(one.series)[:200]}",
                )
            for name in readers:
                counted = found.setdefault(name, {})
                counted[one.series] = counted.get(one.series, 0) + one.count
        return found

    def _now(self) -> Mapping[str, tuple[PushConfig, Selection]]:
        config = self._config()
        if self._of is None or self._of[0] is not config:
            self._of = config, selections(config, PushConfig)
        return self._of[1]
