"""Deployments, as plain values."""

from dataclasses import dataclass
from datetime import datetime

from dashboards.release_cost import HourCost, ReleaseCost
from slo.deployment import Deployment


@dataclass(frozen=True, slots=True)
class DeploymentFacts:
    """A release; texts are empty where nothing was said. `origin`: api, github or gitlab."""

    id: str
    service: str
    version: str
    environment: str
    at: datetime
    commit: str
    url: str
    by: str
    origin: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class HourFacts:
    """One hour; `spent` is a share of the whole budget of now, null where none can be told."""

    good: int
    bad: int
    spent: float | None


@dataclass(frozen=True, slots=True)
class ReleaseCostFacts:
    """What it cost one SLO. `first_hour` is null until that is over, and without data.

    Until then `so_far` tells.
    """

    slo: str
    before: HourFacts | None
    first_hour: HourFacts | None
    so_far: HourFacts | None


def cost_facts(one: ReleaseCost) -> ReleaseCostFacts:
    """A cost as it is told."""
    first = _hour(one.first)
    return ReleaseCostFacts(
        slo=one.slo_id,
        before=_hour(one.before),
        first_hour=first if one.over else None,
        so_far=None if one.over else first,
    )


def _hour(hour: HourCost | None) -> HourFacts | None:
    if hour is None:
        return None
    return HourFacts(hour.good, hour.bad, None if hour.spent is None else float(hour.spent))


def deployment_facts(deployment: Deployment) -> DeploymentFacts:
    """A deployment as it is told."""
    rollout = deployment.rollout
    return DeploymentFacts(
        id=deployment.id,
        service=rollout.service,
        version=rollout.version,
        environment=rollout.environment,
        at=rollout.at,
        commit=rollout.commit,
        url=rollout.url,
        by=rollout.by,
        origin=rollout.origin,
        created_at=deployment.created_at,
    )
