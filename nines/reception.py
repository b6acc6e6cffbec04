"""Take in the metrics that others send: stored before the yes, and shown to the next look."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from collectors.pushed.book import Book, Changes, Terms, Told
from collectors.pushed.collector import OtlpConfig, PushedSettings
from collectors.pushed.otlp import Exported, read_export
from collectors.pushed.remote_write import RefusedPushError, read_write
from nines.clock import Clock
from nines.config import Config
from nines.selection import Selection, selections
from nines.senders import admitted
from nines.storage.errors import StorageError
from nines.storage.pushed import PushedRecords
from nines.threads import StorageThreads
from slo.exposition import Page
from web.pushes import BadPushError, Kept
from web.senders import NotKeptError

_AT_ONCE = 32  # bodies that wait or are read: each may be large
_LARGE = 32 * 1024  # bytes of a body that are read beside the event loop
_PROBLEM_SECONDS = 300.0  # for so long the newest problem is shown


class Reading:
    """What SLIs and rules read of one collector; and how it is sent to."""

    def __init__(self, settings: PushedSettings, selection: Selection) -> None:
        self.settings = settings
        self.gauges = selection.gauges
        self.terms = Terms(
            selection.wants,
            frozenset(selection.metrics),
            *settings.replicas,
            settings.staleness.total_seconds(),
        )

    @property
    def metrics(self) -> Collection[str]:
        """The names of all that is read."""
        return self.terms.metrics


@dataclass(frozen=True, slots=True)
class _Readings:
    """Those of one configuration."""

    config: Config
    of: Mapping[str, Reading]


@dataclass(frozen=True, slots=True)
class _Read:
    """What of a body is wanted, and what is to be said of it."""

    told: Sequence[Told]
    problems: tuple[str, ...] = ()
    advice: str = ""
    samples: int = 0
    rejected: int = 0


class Reception:
    """Implements web.pushes.Pushes. Bodies are stored one after the other."""

    def __init__(
        self,
        *,
        records: PushedRecords,
        threads: StorageThreads,
        config: Callable[[], Config],
        on_loopback: Callable[[], bool],
        clock: Clock,
    ) -> None:
        self._records = records
        self._threads = threads
        self._config = config
        self._on_loopback = on_loopback
        self._clock = clock
        self._books: dict[str, Book] = {}
        self._readings: _Readings | None = None
        self._turn = asyncio.Lock()
        self._inside = 0

    async def load(self) -> None:
        """Take up what is stored."""
        ticks = self._clock.monotonic()
        self._books = {
            collector: Book(kept, replicas, ticks)
            for collector, (kept, replicas) in (
                await self._threads.read(self._records.load)
            ).items()
        }

    def admit(self, kind: str, authorization: str | None) -> frozenset[str]:
        """By what each collector asks for; one that asks for nothing, on a loopback address."""
        settings = {
            name: one.settings
            for name, one in self._now().items()
            if kind in type(one.settings).model_fields
        }
        return admitted(kind, settings, authorization, on_loopback=self._on_loopback())

    async def write(self, body: bytes, collectors: frozenset[str], *, second: bool) -> Kept:
        """Keep what of a body of remote_write is wanted."""

        def read(wanted: Collection[str], _: Collection[str]) -> _Read:
            written = read_write(body, wanted, second=second)
            return _Read(written.told, written.problems, written.advice, samples=written.samples)

        return await self._take(read, len(body), collectors)

    async def export(
        self, body: bytes, collectors: frozenset[str], *, as_json: bool, encoding: str
    ) -> Kept:
        """Keep what of a body of OpenTelemetry is wanted."""

        def read(wanted: Collection[str], promoted: Collection[str]) -> _Read:
            found: Exported = read_export(
                body, wanted, promoted, as_json=as_json, encoding=encoding
            )
            return _Read(found.told, found.problems, rejected=found.rejected)

        return await self._take(read, len(body), collectors)

    def page(self, collector_id: str) -> Page:
        """What came for a collector so far, and why nothing did."""
        reading, ticks = self._now().get(collector_id), self._clock.monotonic()
        if reading is None:
            return Page({})
        book = self._book(collector_id)
        lasts = reading.settings.staleness.total_seconds()
        page = book.page(reading.gauges, ticks, lasts)
        advice = []
        if book.problem is not None and ticks - book.problem[0] <= _PROBLEM_SECONDS:
            advice.append(book.problem[1])
        if page.samples or not reading.metrics:
            return replace(page, advice=tuple(advice))
        silent = book.heard_at is None or ticks - book.heard_at > lasts
        if silent:
            why = _silence(reading.settings.sender, book.heard_at, ticks)
            advice.insert(0, why)
            return replace(page, advice=tuple(advice), absent=dict.fromkeys(reading.metrics, why))
        return replace(page, advice=tuple(advice))

    async def _take(
        self,
        read: Callable[[Collection[str], Collection[str]], _Read],
        size: int,
        collectors: frozenset[str],
    ) -> Kept:
        if self._inside >= _AT_ONCE:
            raise NotKeptError("Too many send at once: send it again.")
        self._inside += 1
        problems: list[str] = []
        samples = rejected = 0
        try:
            for promoted, readings in self._alike(collectors):
                wanted = {metric for one in readings.values() for metric in one.metrics}
                reading = partial(read, wanted, promoted)
                found = await asyncio.to_thread(reading) if size > _LARGE else reading()
                async with self._turn:
                    said, left_out = await self._keep(readings, found.told)
                problems += said
                problems += found.problems
                samples = max(samples, found.samples)
                rejected = max(rejected, found.rejected + left_out)
                self._tell(readings, "; ".join(filter(None, (*found.problems, found.advice))))
        except RefusedPushError as error:
            self._tell(collectors, str(error))
            raise BadPushError(str(error)) from error
        except StorageError as error:
            raise NotKeptError(f"Nothing of it is kept: {error}") from error
        finally:
            self._inside -= 1
        return Kept(tuple(dict.fromkeys(problems)), samples, rejected)

    def _alike(
        self, collectors: frozenset[str]
    ) -> list[tuple[tuple[str, ...], dict[str, Reading]]]:
        """The readings of these collectors, by what of a resource they take for labels."""
        alike: dict[tuple[str, ...], dict[str, Reading]] = {}
        for name, one in self._now().items():
            if name in collectors:
                settings = one.settings
                promoted = settings.resource_attributes if isinstance(settings, OtlpConfig) else ()
                alike.setdefault(promoted, {})[name] = one
        return list(alike.items())

    async def _keep(
        self, readings: Mapping[str, Reading], told: Sequence[Told]
    ) -> tuple[Sequence[str], int]:
        """Store it, then turn to it; gives what was left out, and how much. One at a time."""
        now_ms, ticks = int(self._clock.now().timestamp() * 1000), self._clock.monotonic()
        changes: dict[str, Changes] = {
            name: self._book(name).plan(told, one.terms, now_ms, ticks)
            for name, one in readings.items()
        }
        changed = {name: one for name, one in changes.items() if not one.is_empty}
        if changed:
            await self._threads.write(lambda: self._records.save(changed))
        for name, one in changes.items():
            self._book(name).turn(one, self._clock.monotonic(), readings[name].terms)
        said = dict.fromkeys(said for one in changes.values() for said in one.problems)
        return list(said), max((one.left_out for one in changes.values()), default=0)

    def _tell(self, collectors: Collection[str], problem: str) -> None:
        """Show it with the next looks."""
        if problem:
            for name in collectors:
                self._book(name).problem = self._clock.monotonic(), problem

    def _book(self, collector_id: str) -> Book:
        book = self._books.get(collector_id)
        if book is None:
            book = self._books[collector_id] = Book({}, {}, self._clock.monotonic())
        return book

    def _now(self) -> Mapping[str, Reading]:
        """What is read of each collector that is sent to, by the configuration of now."""
        config = self._config()
        if self._readings is None or self._readings.config is not config:
            self._readings = _Readings(config, readings(config))
        return self._readings.of


def readings(config: Config) -> dict[str, Reading]:
    """What is read of each collector that is sent to, sample by sample."""
    return {
        name: Reading(settings, selection)
        for name, (settings, selection) in selections(config, PushedSettings).items()
    }


def _silence(sender: str, heard_at: float | None, ticks: float) -> str:
    if heard_at is None:
        return f"{sender} has sent nothing of it since Nines started"
    return f"{sender} has sent nothing of it for {ticks - heard_at:.0f} s"
