"""What incidents came to, as plain values: cost, times, medians, and which were alike."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from alerting.incident import Incident
from alerting.incident_times import IncidentTimes, Median, medians
from alerting.similar import Similar
from dashboards.plain import number, ratio, seconds
from dashboards.source import Aftermath, ServiceCard
from slo.budget_ledger import BudgetLedger


@dataclass(frozen=True, slots=True)
class CostFacts:
    """What one SLO lost while it lasted. `budget_ratio`: of its whole budget, 1 is all of it.

    It is null while the budget is still being learnt.
    """

    slo: str
    bad: int
    total: int
    cost: float
    budget_ratio: float | None
    causes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class SimilarFacts:
    """An incident that resembles it, with what they have in common; the most alike comes first."""

    incident_id: str
    service: str
    title: str
    opened_at: datetime
    lasted_seconds: float | None
    acknowledged_by: str | None
    ended_by: str
    common: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AftermathFacts:
    """What an incident came to. A time that is not known, or not yet, is null."""

    incident_id: str
    began_at: datetime | None
    detect_seconds: float | None
    acknowledge_seconds: float | None
    resolve_seconds: float | None
    costs: tuple[CostFacts, ...]
    similar: tuple[SimilarFacts, ...]


@dataclass(frozen=True, slots=True)
class MedianFacts:
    """The median over the `known` ones; null where none is known."""

    median_seconds: float | None
    known: int


@dataclass(frozen=True, slots=True)
class GroupTimes:
    """The incidents of one service, or of one owner's services."""

    name: str
    incidents: int
    detect: MedianFacts
    acknowledge: MedianFacts
    resolve: MedianFacts


@dataclass(frozen=True, slots=True)
class TimesFacts:
    """How long incidents took that were opened in [start, end). `owners` are those of today.

    `complete` is false where there were more than are looked at: then the newest are.
    """

    start: datetime
    end: datetime
    complete: bool
    all: GroupTimes
    services: tuple[GroupTimes, ...]
    owners: tuple[GroupTimes, ...]


def aftermath_facts(incident: Incident, found: Aftermath) -> AftermathFacts:
    """What one incident came to."""
    return AftermathFacts(
        incident_id=incident.id,
        began_at=found.began,
        detect_seconds=seconds(found.times.detect),
        acknowledge_seconds=seconds(found.times.acknowledge),
        resolve_seconds=seconds(found.times.resolve),
        costs=tuple(_cost(found, slo_id, ledger) for slo_id, ledger in found.costs),
        similar=tuple(map(_similar, found.similar)),
    )


def causes_of(ledger: BudgetLedger) -> dict[str, int]:
    """Why events were bad, over all that was lost (`lost`); most frequent first."""
    sums: dict[str, int] = {}
    for loss in ledger.losses:
        for cause, count in loss.causes.items():
            sums[cause] = sums.get(cause, 0) + count
    return dict(sorted(sums.items(), key=lambda one: (-one[1], one[0])))


def lost(ledger: BudgetLedger) -> int:
    """The bad events that have causes here: those of the stretches that outpaced the budget."""
    return sum(loss.bad for loss in ledger.losses)


def bad_and_total(ledger: BudgetLedger) -> tuple[int, int]:
    """All events of its stretch: bad ones, and all."""
    calm = ledger.background
    bad = calm.bad + lost(ledger)
    return bad, bad + calm.good + sum(loss.good for loss in ledger.losses)


def times_facts(
    found: Sequence[tuple[Incident, IncidentTimes]],
    services: Iterable[ServiceCard],
    *,
    start: datetime,
    end: datetime,
    complete: bool,
) -> TimesFacts:
    """Medians over all, by service and by owner; names in order, without an owner last."""
    owner_of = {card.name: card.owner for card in services}
    by_service: dict[str, list[IncidentTimes]] = {}
    by_owner: dict[str, list[IncidentTimes]] = {}
    for incident, times in found:
        by_service.setdefault(incident.service, []).append(times)
        by_owner.setdefault(owner_of.get(incident.service) or "", []).append(times)
    return TimesFacts(
        start=start,
        end=end,
        complete=complete,
        all=_group("", [times for _, times in found]),
        services=tuple(_group(name, by_service[name]) for name in sorted(by_service)),
        owners=tuple(
            _group(name, by_owner[name]) for name in sorted(by_owner, key=lambda n: (not n, n))
        ),
    )


def _group(name: str, times: Sequence[IncidentTimes]) -> GroupTimes:
    told = medians(times)
    return GroupTimes(
        name,
        told.incidents,
        _median(told.detect),
        _median(told.acknowledge),
        _median(told.resolve),
    )


def _median(one: Median) -> MedianFacts:
    return MedianFacts(seconds(one.value), one.known)


def _cost(found: Aftermath, slo_id: str, ledger: BudgetLedger) -> CostFacts:
    bad, total = bad_and_total(ledger)
    return CostFacts(
        slo=slo_id,
        bad=bad,
        total=total,
        cost=number(ledger.cost),
        budget_ratio=ratio(found.spent(slo_id, ledger)),
        causes=causes_of(ledger),
    )


def _similar(one: Similar) -> SimilarFacts:
    sketch = one.sketch
    lasted = None if sketch.resolved_at is None else sketch.resolved_at - sketch.opened_at
    return SimilarFacts(
        incident_id=sketch.incident_id,
        service=sketch.service,
        title=sketch.title,
        opened_at=sketch.opened_at,
        lasted_seconds=seconds(lasted),
        acknowledged_by=sketch.acknowledged_by,
        ended_by=sketch.ended_by,
        common=one.common,
    )
