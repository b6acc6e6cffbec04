"""Deployments, as plain values."""

from dataclasses import dataclass
from datetime import datetime

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
