"""What pages and the API may ask of what people and pipelines wrote down beside the counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from slo.deployment import Deployment, Rollout

Before = tuple[datetime, str]  # the moment and the id of the last one of a page


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which deployments: None is any. `start` is in it, `end` is not."""

    service: str | None = None
    environment: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    before: Before | None = None


class Logbook(Protocol):
    """Deployments, written once and never changed."""

    async def deploy(self, rollout: Rollout) -> tuple[Deployment, bool]:
        """Put it on record; False beside it: it was there already, under its key.

        Raises PlanError, and KeyReusedError.
        """

    async def deployments(self, wanted: Wanted, limit: int) -> Sequence[Deployment]:
        """The newest of them, by the moment that they took effect."""

    async def deployment(self, deployment_id: str) -> Deployment | None: ...
