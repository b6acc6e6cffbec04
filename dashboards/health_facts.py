"""What is known of Nines itself, as plain values."""

from dataclasses import dataclass
from datetime import datetime

from alerting.heartbeat import Heartbeat
from dashboards.source import SystemHealth


@dataclass(frozen=True, slots=True)
class OverdueFacts:
    """Something of our own work that should have happened by now."""

    what: str
    sentence: str


@dataclass(frozen=True, slots=True)
class HeartbeatFacts:
    """How the outgoing heartbeat stands; `problem`: why the last one could not be sent."""

    last_success: datetime | None
    sent: int
    failed: int
    problem: str
    withheld_since: datetime | None


@dataclass(frozen=True, slots=True)
class HealthFacts:
    """How Nines itself is doing; `problems` are sentences."""

    version: str
    started_at: datetime
    last_evaluation: datetime | None
    evaluation_seconds: float
    outbox_pending: int
    outbox_oldest_seconds: float
    config_loaded_at: datetime
    config_ok: bool
    problems: tuple[str, ...]
    storage_bytes: int | None
    storage_rows: dict[str, int]  # by table
    template_errors: dict[str, int]  # by receiver
    discovered: dict[str, int]  # services, by group
    overdue: tuple[OverdueFacts, ...]
    heartbeat: HeartbeatFacts | None
    backfilling: dict[str, float]  # by collector: how much of its past was read


def health_facts(health: SystemHealth, now: datetime) -> HealthFacts:
    """How Nines itself is doing at `now`."""
    oldest = health.outbox_oldest
    return HealthFacts(
        version=health.version,
        started_at=health.started_at,
        last_evaluation=health.last_evaluation,
        evaluation_seconds=health.evaluation_seconds,
        outbox_pending=health.outbox_pending,
        outbox_oldest_seconds=max((now - oldest).total_seconds(), 0.0) if oldest else 0.0,
        config_loaded_at=health.config_loaded_at,
        config_ok=health.config_ok,
        problems=health.problems,
        storage_bytes=health.storage_bytes,
        storage_rows=dict(health.storage_rows),
        template_errors=dict(health.template_errors),
        discovered=dict(health.discovered),
        overdue=tuple(OverdueFacts(str(one.what), one.sentence) for one in health.overdue),
        heartbeat=None if health.heartbeat is None else _heartbeat(health.heartbeat),
        backfilling={one: float(done) for one, done in health.backfilling.items()},
    )


def _heartbeat(one: Heartbeat) -> HeartbeatFacts:
    return HeartbeatFacts(
        last_success=one.last_success,
        sent=one.sent,
        failed=one.failed,
        problem=one.problem,
        withheld_since=one.withheld_since,
    )
