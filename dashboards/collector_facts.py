"""What is known of a collector, as plain values: how it is doing, and its newest runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from collectors.observation import Observation
from dashboards.plain import fields_of, seconds
from dashboards.source import CollectorHealth


@dataclass(frozen=True, slots=True)
class ObservationFacts:
    """One run of a collector. `detail` is a sentence."""

    due: datetime
    started: datetime
    lateness_seconds: float
    duration_seconds: float
    outcome: str  # passed, failed, unknown
    cause: str | None
    phase: str | None
    detail: str
    phases_seconds: Mapping[str, float]
    http_status: int | None
    http_version: str | None
    redirects: int
    body_bytes: int | None
    tls_version: str | None
    certificate_expires: datetime | None
    leaf_expires: datetime | None
    verified_chain_expires: datetime | None
    first_to_expire: str | None
    address: str | None
    warning: str | None


@dataclass(frozen=True, slots=True)
class CollectorFacts:
    """A collector; `target` bears no secrets. `runs` counts by outcome since the start."""

    id: str
    service: str
    name: str
    kind: str
    target: str
    interval_seconds: float
    lateness_seconds: float | None
    runs: Mapping[str, int]
    last: ObservationFacts | None


@dataclass(frozen=True, slots=True)
class CollectorDetail(CollectorFacts):
    """A collector with its newest runs, newest first."""

    recent: tuple[ObservationFacts, ...]


def collector_facts(collector: CollectorHealth) -> CollectorFacts:
    """How one collector is doing."""
    service, _, name = collector.id.partition("/")
    return CollectorFacts(
        id=collector.id,
        service=service,
        name=name,
        kind=collector.kind,
        target=collector.target,
        interval_seconds=collector.interval.total_seconds(),
        lateness_seconds=seconds(collector.lateness),
        runs=collector.runs,
        last=observation_facts(collector.last) if collector.last else None,
    )


def collector_detail(collector: CollectorHealth) -> CollectorDetail:
    """A collector and its newest runs."""
    return CollectorDetail(
        **fields_of(collector_facts(collector)),
        recent=tuple(observation_facts(observation) for observation in collector.recent),
    )


def observation_facts(observation: Observation) -> ObservationFacts:
    """What one run saw, without the page that it read."""
    return ObservationFacts(
        due=observation.due,
        started=observation.started,
        lateness_seconds=observation.lateness.total_seconds(),
        duration_seconds=observation.duration.total_seconds(),
        outcome=observation.outcome.value,
        cause=observation.cause.value if observation.cause else None,
        phase=observation.phase.value if observation.phase else None,
        detail=observation.detail,
        phases_seconds={
            phase.value: length.total_seconds() for phase, length in observation.phases.items()
        },
        http_status=observation.http_status,
        http_version=observation.http_version,
        redirects=observation.redirects,
        body_bytes=observation.body_bytes,
        tls_version=observation.tls_version,
        certificate_expires=observation.certificate_expires,
        leaf_expires=observation.leaf_expires,
        verified_chain_expires=observation.verified_chain_expires,
        first_to_expire=observation.first_to_expire,
        address=observation.address,
        warning=observation.warning,
    )
