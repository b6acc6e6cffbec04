"""Serve `/metrics`: the same facts as every page, in Prometheus' words."""

import asyncio
import time
import zlib
from collections.abc import (
    AsyncIterator,
    Callable,
    Container,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from operator import itemgetter
from typing import TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from prometheus_client import CollectorRegistry, exposition
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from alerting.destination import DestinationState
from alerting.notification import NotificationState
from alerting.shadow import ShadowSummary
from alerting.wording import NoDataCause
from dashboards.flow import flow_state, is_silent
from dashboards.health_facts import HealthFacts, health_facts
from dashboards.receivers_page import ReceiverStanding
from dashboards.source import CollectorHealth, ServiceCard, Source, SystemHealth
from slo.alert_state import AlertState
from slo.definition import SLO
from slo.digest import Sheet
from slo.rule_status import RuleStatus
from slo.status import SLOStatus
from web import collector_samples, slo_samples
from web.access.guard import GuardedRoute
from web.collector_samples import CollectorSamples
from web.exposition import Family, counter, gauge, info
from web.lateness_samples import lateness_lines
from web.rule_samples import rule_lines
from web.settings import WebSettings
from web.sheet_samples import SheetSamples
from web.slo_samples import SLOSamples, promise_of
from web.watching_samples import watching_lines

_OLDEST_PRINT_SECONDS = 5.0
_GZIP_LEVEL = 1  # 40 ms where the usual 9 takes a second, for a quarter of the size
_GZIP_FORMAT = 16 + zlib.MAX_WBITS
# So many are printed, or joined, before the loop may do something else: some milliseconds at most.
_ROWS_TOGETHER = 20
_BYTES_TOGETHER = 1 << 18
_MADE_TOGETHER = 5  # statuses; a few milliseconds

_BUILD = info("nines_build", "Which Nines this is; always 1.")
_ROWS = gauge(
    "nines_storage_rows",
    "How many rows each table of the database has, looked at every five minutes.",
)
_SHADOW = gauge(
    "slo_shadow_incidents",
    "Incidents of the last 30 days that nobody was told of, as the SLO is in shadow, by whether "
    "somebody would have been paged.",
)
_EXCLUDED = gauge(
    "slo_excluded_events", "Events of the window that do not count, as they were excluded."
)
_RECEIVER = gauge(
    "nines_receiver_state", "How a receiver's other side stands: 1 at its state, 0 at the others."
)
_TOLD = gauge(
    "nines_receiver_last_success_timestamp_seconds", "When a receiver last took a notification."
)
_CANARY = gauge(
    "nines_receiver_canary_success", "1 where the newest canary arrived, 0 where it failed."
)
_CANARY_AT = gauge(
    "nines_receiver_canary_last_success_timestamp_seconds", "When a canary last arrived."
)
_SILENCES = gauge("nines_silences_active", "How many silences mute now.")
_MUTED = gauge("nines_alerts_muted", "How many of the alerts that fire are muted by a silence.")
_NOTIFICATIONS = counter(
    "nines_notifications", "Attempts to deliver a notification, by how they ended."
)
_DISCOVERED = gauge(
    "nines_discovered_services", "How many services a group of discovery is at the moment."
)
_TEMPLATE_ERRORS = counter(
    "nines_template_errors", "Messages that went out in other words, as the template failed."
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that one page prints, taken at one moment."""

    statuses: Sequence[SLOStatus]
    digests: Sequence[Sheet]  # of SLOs at rest, of whom no status was made
    rules: Mapping[str, Mapping[str, AlertState]]
    causes: Mapping[str, NoDataCause]  # why nothing comes, of those that are silent
    cards: Mapping[str, ServiceCard]
    collectors: Sequence[CollectorHealth]
    health: SystemHealth
    notifications: Mapping[tuple[str, str], int]
    now: datetime
    shadows: Mapping[SLO, ShadowSummary] = field(default_factory=dict)  # of those in shadow
    thresholds: Sequence[RuleStatus] = ()
    silences: int = 0  # that mute now
    receivers: tuple[ReceiverStanding, ...] = ()
    muted: int = 0  # alerts


def take_snapshot(
    source: Source,
    statuses: Sequence[SLOStatus],
    now: datetime,
    digests: Sequence[Sheet] = (),
) -> Snapshot:
    """Ask for all the rest; values are immutable, so that they may be printed bit by bit."""
    return Snapshot(
        statuses=statuses,
        digests=digests,
        rules={status.slo.id: source.tier_states(status.slo.id) for status in statuses},
        causes={
            status.slo.id: silence[0]
            for status in statuses
            if is_silent(status) and (silence := source.why_silent(status.slo.id))
        },
        cards={card.name: card for card in source.services()},
        collectors=tuple(source.collectors()),
        health=source.health(),
        notifications=source.notifications_total(),
        now=now,
        shadows=dict(
            _shadows(
                source, chain((one.slo for one in statuses), *(sheet.slos for sheet in digests))
            )
        ),
        thresholds=tuple(source.rules()),
        silences=source.active_silences(),
        receivers=tuple(source.receivers()),
        muted=source.muted_alerts(),
    )


def _shadows(source: Source, slos: Iterable[SLO]) -> Iterator[tuple[SLO, ShadowSummary]]:
    for slo in slos:
        summary = source.shadow(slo.id) if slo.shadow else None
        if summary is not None:
            yield slo, summary


Rows = Sequence[tuple[bytes, ...]]  # for each SLO (or sheet) or collector, its lines by family


@dataclass(frozen=True, slots=True)
class Samples:
    """The lines of one snapshot."""

    slos: Rows
    collectors: Rows
    own: Sequence[tuple[Family, bytes]]


class Printer:
    """Prints snapshots, of each only what has changed since the one before.

    What takes long is done in steps, between which the loop may do something else.
    """

    def __init__(self) -> None:
        self._slos: dict[str, SLOSamples] = {}
        self._sheets: dict[str, SheetSamples] = {}  # by the id of the first SLO
        self._collectors: dict[str, CollectorSamples] = {}

    def samples(self, snapshot: Snapshot) -> Generator[None, None, Samples]:
        """The snapshot's lines."""
        rows = []
        for number, status in enumerate(snapshot.statuses, 1):
            slo_id = status.slo.id
            known = self._slo(slo_id, status.slo, snapshot.cards)
            flow = flow_state(status, snapshot.causes.get(slo_id))
            known.tell(status, snapshot.rules[slo_id], flow)
            rows.append(known.texts)
            if number % _ROWS_TOGETHER == 0:
                yield
        sheets = {}
        for sheet in snapshot.digests:
            of_sheet = self._sheet(sheet, snapshot.cards)
            sheets[sheet.ids[0]] = of_sheet
            rows.append(of_sheet.texts(sheet))
            yield
        self._sheets = sheets
        self._forget_others(snapshot)
        collectors = {}
        for number, collector in enumerate(snapshot.collectors, 1):
            of_collector = self._collectors.get(collector.id) or CollectorSamples(collector.id)
            of_collector.tell(collector)
            collectors[collector.id] = of_collector
            if number % _ROWS_TOGETHER == 0:
                yield
        self._collectors = collectors
        health = health_facts(snapshot.health, snapshot.now)
        return Samples(
            rows,
            [one.texts for one in collectors.values()],
            [
                (_SHADOW, _shadow_lines(snapshot.shadows)),
                (_EXCLUDED, _excluded_lines(snapshot.statuses)),
                *rule_lines(snapshot.thresholds),
                *_receivers(snapshot.receivers),
                *_canaries(snapshot.receivers),
                (_SILENCES, _SILENCES.line((), snapshot.silences)),
                (_MUTED, _MUTED.line((), snapshot.muted)),
                *_own(health, snapshot.notifications),
                *watching_lines(health),
                *lateness_lines(snapshot.health.lateness),
            ],
        )

    def _slo(self, slo_id: str, slo: SLO, cards: Mapping[str, ServiceCard]) -> SLOSamples:
        known, card = self._slos.get(slo_id), cards.get(slo.service)
        if known is None or known.slo is not slo or known.card is not card:
            known = self._slos[slo_id] = SLOSamples(slo, card)
        return known

    def _sheet(self, sheet: Sheet, cards: Mapping[str, ServiceCard]) -> SheetSamples:
        known = self._sheets.get(sheet.ids[0])
        if known is None or not known.is_of(sheet, cards):
            pairs = zip(sheet.ids, sheet.slos, strict=True)
            known = SheetSamples(sheet.slos, [self._slo(*pair, cards) for pair in pairs])
        return known

    def _forget_others(self, snapshot: Snapshot) -> None:
        """Drop the lines of SLOs that are gone."""
        shown = len(snapshot.statuses) + sum(len(sheet.ids) for sheet in snapshot.digests)
        if len(self._slos) > shown:
            ids = {one.slo.id for one in snapshot.statuses}.union(
                *(sheet.ids for sheet in snapshot.digests)
            )
            self._slos = {one: self._slos[one] for one in ids}


def page(
    samples: Samples, process: Collector | None, *, as_openmetrics: bool
) -> Generator[None, None, tuple[bytes, ...]]:
    """The page in parts, to be sent one after the other.

    `process` adds this process's own CPU, memory and file descriptors.
    """
    columns = [
        *_columns(slo_samples.FAMILIES, samples.slos),
        *_columns(collector_samples.FAMILIES, samples.collectors),
        *((family, [lines]) for family, lines in samples.own),
    ]
    pieces = chain(
        chain.from_iterable(
            chain([family.head(as_openmetrics=as_openmetrics)], lines) for family, lines in columns
        ),
        [_process_lines(process, as_openmetrics=as_openmetrics)],
    )
    parts: list[bytes] = []
    together: list[bytes] = []
    size = 0
    for piece in pieces:
        together.append(piece)
        size += len(piece)
        if size >= _BYTES_TOGETHER:
            parts.append(b"".join(together))
            together, size = [], 0
            yield
    parts.append(b"".join(together))
    return tuple(parts)


def _columns(families: Sequence[Family], rows: Rows) -> Iterator[tuple[Family, Iterable[bytes]]]:
    for index, family in enumerate(families):
        yield family, map(itemgetter(index), rows)


def _process_lines(process: Collector | None, *, as_openmetrics: bool) -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    if process is not None:
        registry.register(process)
    if as_openmetrics:
        # The library leaves this one function without types.
        return bytes(openmetrics.generate_latest(registry))  # type: ignore[no-untyped-call]
    return exposition.generate_latest(registry)


def _excluded_lines(statuses: Iterable[SLOStatus]) -> bytes:
    """Of those that an exclusion is for: zero says that none is missing."""
    return _EXCLUDED.lines(
        ((*promise_of(status.slo), ("result", result)), number)
        for status in statuses
        if status.raw is not None
        for result, number in (
            ("good", status.excluded.good),
            ("bad", status.excluded.bad),
            ("unknown", status.excluded.unknown),
        )
    )


def _shadow_lines(shadows: Mapping[SLO, ShadowSummary]) -> bytes:
    return _SHADOW.lines(
        ((*promise_of(slo), ("paged", paged)), number)
        for slo, summary in shadows.items()
        for paged, number in (
            ("true", summary.pages),
            ("false", summary.incidents - summary.pages),
        )
    )


def _receivers(receivers: Sequence[ReceiverStanding]) -> Iterator[tuple[Family, bytes]]:
    yield (
        _RECEIVER,
        b"".join(
            _RECEIVER.line(
                (("receiver", one.name), ("state", str(state))),
                int(state is one.destination.state),
            )
            for one in receivers
            for state in DestinationState
        ),
    )
    told = ((one.name, one.destination.last_success) for one in receivers)
    yield (
        _TOLD,
        b"".join(
            _TOLD.line((("receiver", name),), at.timestamp()) for name, at in told if at is not None
        ),
    )


def _canaries(receivers: Sequence[ReceiverStanding]) -> Iterator[tuple[Family, bytes]]:
    sent = [one.canary for one in receivers if one.canary is not None]
    arrived = NotificationState.DELIVERED
    yield (
        _CANARY,
        _CANARY.lines(
            ((("receiver", one.receiver),), int(one.state is arrived))
            for one in sent
            if not one.waits
        ),
    )
    yield (
        _CANARY_AT,
        _CANARY_AT.lines(
            ((("receiver", one.receiver),), one.last_success.timestamp())
            for one in sent
            if one.last_success is not None
        ),
    )


def _own(
    health: HealthFacts, notifications: Mapping[tuple[str, str], int]
) -> Iterator[tuple[Family, bytes]]:
    yield _BUILD, _BUILD.line((("version", health.version),), 1)
    for name, help_, value in (
        (
            "nines_evaluation_duration_seconds",
            "How long the last evaluation took.",
            health.evaluation_seconds,
        ),
        ("nines_outbox_pending", "Notifications that wait to be sent.", health.outbox_pending),
        (
            "nines_outbox_oldest_seconds",
            "How long the oldest of them has waited; 0 when none does.",
            health.outbox_oldest_seconds,
        ),
        (
            "nines_config_last_reload_successful",
            "Whether the newest configuration was valid: 1 or 0.",
            int(health.config_ok),
        ),
        (
            "nines_storage_bytes",
            "What the database takes on disk, looked at every five minutes.",
            health.storage_bytes,
        ),
    ):
        family = gauge(name, help_)
        yield family, family.line((), value)
    yield (
        _ROWS,
        _ROWS.lines(((("table", table),), rows) for table, rows in health.storage_rows.items()),
    )
    yield (
        _DISCOVERED,
        _DISCOVERED.lines(
            ((("group", group),), count) for group, count in sorted(health.discovered.items())
        ),
    )
    yield (
        _TEMPLATE_ERRORS,
        _TEMPLATE_ERRORS.lines(
            ((("receiver", receiver),), count)
            for receiver, count in sorted(health.template_errors.items())
        ),
    )
    yield (
        _NOTIFICATIONS,
        _NOTIFICATIONS.lines(
            ((("receiver", receiver), ("outcome", outcome)), count)
            for (receiver, outcome), count in sorted(notifications.items())
        ),
    )


@dataclass(slots=True)
class _Print:
    """What was printed of one evaluation: pages in parts, by (OpenMetrics?, gzip?)."""

    evaluation: datetime | None
    monotonic: float
    samples: Samples
    pages: dict[tuple[bool, bool], tuple[bytes, ...]] = field(default_factory=dict)


class Exporter:
    """Prints each evaluation once, however many servers scrape, and never holds the loop."""

    def __init__(
        self,
        source: Source,
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._now = now
        self._monotonic = monotonic
        self._process = ProcessCollector(registry=None)
        self._printer = Printer()
        self._print: _Print | None = None
        self._lock = asyncio.Lock()

    async def metrics(self, request: Request) -> Response:
        """Every SLO, collector and vital sign, as Prometheus text or OpenMetrics."""
        as_openmetrics = wants_openmetrics(request.headers.get("accept", ""))
        zipped = exposition.gzip_accepted(request.headers.get("accept-encoding", ""))
        parts = await self.page(as_openmetrics, zipped)
        media_type = (
            openmetrics.CONTENT_TYPE_LATEST
            if as_openmetrics
            else exposition.CONTENT_TYPE_PLAIN_0_0_4
        )
        headers = {
            "Vary": "Accept, Accept-Encoding",
            "Content-Type": media_type,
            "Content-Length": str(sum(map(len, parts))),
        }
        if zipped:
            headers["Content-Encoding"] = "gzip"
        return StreamingResponse(_one_by_one(parts), headers=headers)

    async def page(self, as_openmetrics: bool, zipped: bool) -> tuple[bytes, ...]:
        """The newest evaluation's page, in parts."""
        async with self._lock:
            fresh = await self._fresh()
            plain = fresh.pages.get((as_openmetrics, False))
            if plain is None:
                plain = await _by_turns(
                    page(fresh.samples, self._process, as_openmetrics=as_openmetrics)
                )
                fresh.pages[as_openmetrics, False] = plain
            if not zipped:
                return plain
            small = fresh.pages.get((as_openmetrics, True))
            if small is None:
                small = await asyncio.to_thread(_zip, plain)
                fresh.pages[as_openmetrics, True] = small
            return small

    async def _fresh(self) -> _Print:
        """The newest evaluation, printed; a stalled one is looked at again all the same."""
        kept, now = self._print, self._monotonic()
        if (
            kept is None
            or now - kept.monotonic >= _OLDEST_PRINT_SECONDS
            or kept.evaluation != self._source.health().last_evaluation
        ):
            digests = self._source.digests()
            at_rest = frozenset(chain.from_iterable(sheet.ids for sheet in digests))
            statuses = await _newest(self._source, besides=at_rest)
            snapshot = take_snapshot(self._source, statuses, self._now(), digests)
            samples = await _by_turns(self._printer.samples(snapshot))
            kept = self._print = _Print(snapshot.health.last_evaluation, now, samples)
        return kept


async def _newest(source: Source, besides: Container[str]) -> list[SLOStatus]:
    """The newest status of every SLO `besides` these. Making them takes long, so others have their
    turn meanwhile.
    """
    found = []
    wanted = [slo_id for slo_id in source.slo_ids() if slo_id not in besides]
    for number, slo_id in enumerate(wanted, 1):
        status = source.status(slo_id)
        if status is not None:
            found.append(status)
        if number % _MADE_TOGETHER == 0:
            await asyncio.sleep(0)
    return found


Done = TypeVar("Done")


async def _by_turns(steps: Generator[None, None, Done]) -> Done:
    """Take step after step; whatever else the loop has to do gets its turn after each."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            done: Done = end.value
            return done
        await asyncio.sleep(0)


async def _one_by_one(parts: Sequence[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def _zip(parts: Sequence[bytes]) -> tuple[bytes, ...]:
    packer = zlib.compressobj(_GZIP_LEVEL, wbits=_GZIP_FORMAT)
    return (*(packer.compress(part) for part in parts), packer.flush())


def exporter_router(source: Source, settings: WebSettings) -> APIRouter:
    """`/metrics`."""
    router = APIRouter(include_in_schema=False, route_class=GuardedRoute)
    exporter = Exporter(source, settings.now)
    router.add_api_route("/metrics", exporter.metrics, methods=["GET", "HEAD"])
    return router


def wants_openmetrics(accept: str) -> bool:
    """Whether the client takes OpenMetrics 1.0; everybody reads the text format."""
    for offer in accept.lower().split(","):
        media_type, *parameters = (part.strip() for part in offer.split(";"))
        if media_type == "application/openmetrics-text":
            said = dict(part.partition("=")[::2] for part in parameters)
            return said.get("version", "1.0.0") in ("1.0.0", "0.0.1") and not _is_zero(
                said.get("q", "1")
            )
    return False


def _is_zero(quality: str) -> bool:
    return quality.strip("0.") == "" and quality != ""
