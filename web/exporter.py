"""Serve `/metrics`: the same facts as every page, in Prometheus' words."""

import asyncio
import gzip
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, exposition
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from dashboards.facts import (
    STATES,
    CollectorFacts,
    HealthFacts,
    SLOFacts,
    collector_facts,
    health_facts,
    slo_facts,
)
from dashboards.source import CollectorHealth, ServiceCard, Source, SystemHealth
from slo.alert_state import AlertState, Phase
from slo.status import SLOStatus
from slo.units import format_duration
from web.settings import WebSettings

_OLDEST_RENDERING_SECONDS = 5.0
_GZIP_LEVEL = 1  # 40 ms where the usual 9 takes a second, for a quarter of the size
_ID = ("service", "slo")
_PROMISE = (*_ID, "objective", "window")
_STATES = tuple(state.value for state in STATES)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that one rendering prints, taken at one moment."""

    statuses: tuple[SLOStatus, ...]
    rules: Mapping[str, Mapping[str, AlertState]]
    cards: Mapping[str, ServiceCard]
    collectors: tuple[CollectorHealth, ...]
    health: SystemHealth
    notifications: Mapping[tuple[str, str], int]
    now: datetime


def take_snapshot(source: Source, now: datetime) -> Snapshot:
    """Ask for everything; values are immutable, so that a thread may print them."""
    statuses = tuple(source.statuses())
    return Snapshot(
        statuses=statuses,
        rules={status.slo.id: dict(source.tier_states(status.slo.id)) for status in statuses},
        cards={card.name: card for card in source.services()},
        collectors=tuple(source.collectors()),
        health=source.health(),
        notifications=dict(source.notifications_total()),
        now=now,
    )


class Facts(Collector):
    """One snapshot as metric families. A fact that is not known is left out, never 0."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        snapshot = self._snapshot
        slos = [
            _SLO(
                status,
                slo_facts(status, snapshot.cards.get(status.slo.service)),
                snapshot.rules[status.slo.id],
            )
            for status in snapshot.statuses
        ]
        collectors = [collector_facts(collector) for collector in snapshot.collectors]
        yield from _slo_families(slos)
        yield from _probe_families(collectors)
        yield from _own_families(health_facts(snapshot.health, snapshot.now))
        yield from _collector_families(collectors)
        yield _counter(
            "nines_notifications",
            "Attempts to deliver a notification, by how they ended.",
            ("receiver", "outcome"),
            ((key, count) for key, count in sorted(snapshot.notifications.items())),
        )


def render(snapshot: Snapshot, process: Collector | None, *, as_openmetrics: bool) -> bytes:
    """The page's text. `process` adds this process's own CPU, memory and file descriptors."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Facts(snapshot))
    if process is not None:
        registry.register(process)
    if as_openmetrics:
        # The library leaves this one function without types.
        return bytes(openmetrics.generate_latest(registry))  # type: ignore[no-untyped-call]
    return exposition.generate_latest(registry)


@dataclass(slots=True)
class _Rendering:
    """What was printed of one evaluation, by (OpenMetrics?, gzip?)."""

    snapshot: Snapshot
    monotonic: float
    bodies: dict[tuple[bool, bool], bytes] = field(default_factory=dict)


class Exporter:
    """Prints each evaluation once and in a thread, however many servers scrape."""

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
        self._rendering: _Rendering | None = None
        self._lock = asyncio.Lock()

    async def metrics(self, request: Request) -> Response:
        """Every SLO, collector and vital sign, as Prometheus text or OpenMetrics."""
        as_openmetrics = wants_openmetrics(request.headers.get("accept", ""))
        zipped = exposition.gzip_accepted(request.headers.get("accept-encoding", ""))
        body = await self._body(as_openmetrics, zipped)
        headers = {"Vary": "Accept, Accept-Encoding"}
        if zipped:
            headers["Content-Encoding"] = "gzip"
        media_type = (
            openmetrics.CONTENT_TYPE_LATEST
            if as_openmetrics
            else exposition.CONTENT_TYPE_PLAIN_0_0_4
        )
        return Response(body, headers=headers | {"Content-Type": media_type})

    async def _body(self, as_openmetrics: bool, zipped: bool) -> bytes:
        async with self._lock:
            rendering = self._fresh()
            plain = rendering.bodies.get((as_openmetrics, False))
            if plain is None:
                plain = await asyncio.to_thread(
                    render, rendering.snapshot, self._process, as_openmetrics=as_openmetrics
                )
                rendering.bodies[as_openmetrics, False] = plain
            if not zipped:
                return plain
            small = rendering.bodies.get((as_openmetrics, True))
            if small is None:
                small = await asyncio.to_thread(gzip.compress, plain, _GZIP_LEVEL)
                rendering.bodies[as_openmetrics, True] = small
            return small

    def _fresh(self) -> _Rendering:
        """The rendering of the newest evaluation; a stalled one is looked at again all the same."""
        kept, now = self._rendering, self._monotonic()
        if (
            kept is None
            or now - kept.monotonic >= _OLDEST_RENDERING_SECONDS
            or kept.snapshot.health.last_evaluation != self._source.health().last_evaluation
        ):
            kept = self._rendering = _Rendering(take_snapshot(self._source, self._now()), now)
        return kept


def exporter_router(source: Source, settings: WebSettings) -> APIRouter:
    """`/metrics`."""
    router = APIRouter(include_in_schema=False)
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


class _SLO:
    """One SLO as its samples need it: `id` and `promise` are label values."""

    __slots__ = ("facts", "id", "promise", "rules", "status")

    def __init__(self, status: SLOStatus, facts: SLOFacts, rules: Mapping[str, AlertState]) -> None:
        self.status, self.facts, self.rules = status, facts, rules
        self.id = (facts.service, facts.name)
        self.promise = (*self.id, facts.objective, facts.window)


def _slo_families(slos: list[_SLO]) -> Iterator[Metric]:
    yield _slo_info(slos)
    yield _gauge(
        "slo_objective_ratio",
        "The promised share of good events.",
        _PROMISE,
        ((slo.promise, slo.facts.objective_ratio) for slo in slos),
    )
    yield _gauge(
        "slo_window_seconds",
        "The stretch of time that the SLO is judged over.",
        _PROMISE,
        ((slo.promise, slo.facts.window_seconds) for slo in slos),
    )
    yield _gauge(
        "slo_sli_ratio",
        "The share of good events over the window; absent without events.",
        _PROMISE,
        ((slo.promise, slo.facts.sli_ratio) for slo in slos),
    )
    yield _counter(
        "slo_events",
        "Events since the SLO was first watched; unknown ones are neither good nor bad.",
        (*_ID, "result"),
        (
            ((*slo.id, result), count)
            for slo in slos
            if not slo.facts.variant  # one SLI, counted once
            for result, count in (
                ("good", slo.status.lifetime.good),
                ("bad", slo.status.lifetime.bad),
                ("unknown", slo.status.lifetime.unknown),
            )
        ),
    )
    yield _gauge(
        "slo_error_budget_remaining_ratio",
        "What is left of the window's error budget; negative once overspent, absent without "
        "events.",
        _PROMISE,
        (
            (slo.promise, slo.facts.budget.remaining_ratio if slo.facts.budget else None)
            for slo in slos
        ),
    )
    yield _gauge(
        "slo_burn_rate",
        "How fast the budget is spent over the lookback: 1, held, spends exactly the budget.",
        (*_PROMISE, "lookback"),
        (((*slo.promise, burn.lookback), burn.rate) for slo in slos for burn in slo.facts.burns),
    )
    yield _gauge(
        "slo_coverage_ratio",
        "The share of the observations due over the window that came.",
        _PROMISE,
        ((slo.promise, slo.facts.coverage_ratio) for slo in slos),
    )
    yield _gauge(
        "slo_alert_firing",
        "Whether a burn-rate tier fires: 1 or 0.",
        (*_PROMISE, "severity", "long_window"),
        (item for slo in slos for item in _alerts(slo)),
    )
    yield _gauge(
        "slo_status",
        "1 for the state that the budget is in and for the one that the SLO is in now, else 0.",
        (*_PROMISE, "state"),
        (
            ((*slo.promise, state), state in (slo.facts.budget_state, slo.facts.now_state))
            for slo in slos
            for state in _STATES
        ),
    )
    yield _gauge(
        "slo_last_evaluation_timestamp_seconds",
        "When the SLO was last evaluated.",
        _ID,
        ((slo.id, slo.facts.at.timestamp()) for slo in slos if not slo.facts.variant),
    )


def _slo_info(slos: list[_SLO]) -> Metric:
    info = InfoMetricFamily("slo", "What the SLO is and whose; always 1.", labels=_PROMISE)
    for slo in slos:
        told = {
            "owner": slo.facts.owner or "",
            "service_title": slo.facts.service_title or "",
            "collector": slo.status.slo.sli.collector,
        }
        info.add_metric(slo.promise, told)
    return info


def _alerts(slo: _SLO) -> Iterator[tuple[tuple[str, ...], bool]]:
    # Tiers that differ in their short window alone share their labels: any of them counts.
    firing: dict[tuple[str, str], bool] = {}
    for tier in slo.status.slo.tiers:
        key = (tier.severity.value, format_duration(tier.long))
        state = slo.rules.get(tier.key)
        now = state is not None and state.phase is Phase.FIRING
        firing[key] = firing.get(key, False) or now
    for key, value in firing.items():
        yield (*slo.promise, *key), value


def _probe_families(collectors: list[CollectorFacts]) -> Iterator[Metric]:
    labels = ("service", "collector")
    ran = [((one.service, one.name), one.last) for one in collectors if one.last is not None]
    yield _gauge(
        "probe_success",
        "Whether the target passed its last run; absent when we failed to look.",
        labels,
        ((key, last.outcome == "passed") for key, last in ran if last.outcome != "unknown"),
    )
    yield _gauge(
        "probe_duration_seconds",
        "How long the last run took.",
        labels,
        ((key, last.duration_seconds) for key, last in ran),
    )
    yield _gauge(
        "probe_http_duration_seconds",
        "How long each phase of the last HTTP request took.",
        (*labels, "phase"),
        (
            ((one.service, one.name, phase), length)
            for one in collectors
            if one.last is not None and (one.kind == "http" or one.last.http_status is not None)
            for phase, length in one.last.phases_seconds.items()
        ),
    )
    yield _gauge(
        "probe_ssl_earliest_cert_expiry",
        "When the first certificate of the chain expires, as a Unix time.",
        labels,
        (
            (key, last.certificate_expires.timestamp() if last.certificate_expires else None)
            for key, last in ran
        ),
    )


def _collector_families(collectors: list[CollectorFacts]) -> Iterator[Metric]:
    labels = ("service", "collector")
    yield _counter(
        "nines_collector_runs",
        "Runs of the collector, by outcome; unknown ones are our own failures.",
        (*labels, "result"),
        (
            ((one.service, one.name, result), count)
            for one in collectors
            for result, count in one.runs.items()
        ),
    )
    yield _gauge(
        "nines_collector_lag_seconds",
        "How late the collector's last run started.",
        labels,
        (((one.service, one.name), one.lateness_seconds) for one in collectors),
    )


def _own_families(health: HealthFacts) -> Iterator[Metric]:
    build = InfoMetricFamily("nines_build", "Which Nines this is; always 1.", labels=())
    build.add_metric((), {"version": health.version})
    yield build
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
            health.config_ok,
        ),
        (
            "nines_storage_bytes",
            "What the database takes on disk, looked at every five minutes.",
            health.storage_bytes,
        ),
    ):
        yield _gauge(name, help_, (), [((), value)])
    yield _gauge(
        "nines_storage_rows",
        "How many rows each table of the database has, looked at every five minutes.",
        ("table",),
        (((table,), rows) for table, rows in health.storage_rows.items()),
    )


Samples = Iterable[tuple[tuple[str, ...], float | None]]


def _gauge(name: str, help_: str, labels: tuple[str, ...], samples: Samples) -> Metric:
    family = GaugeMetricFamily(name, help_, labels=labels)
    for values, value in samples:
        if value is not None:
            family.add_metric(values, float(value))
    return family


def _counter(name: str, help_: str, labels: tuple[str, ...], samples: Samples) -> Metric:
    family = CounterMetricFamily(name, help_, labels=labels)
    for values, value in samples:
        if value is not None:
            family.add_metric(values, float(value))
    return family
