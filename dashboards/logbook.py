"""What pages and the API may ask of what people and pipelines wrote down beside the counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from slo.annotation import Annotation, AnnotationPlan
from slo.audit import AuditEntry
from slo.deployment import Deployment, Rollout
from slo.gate import GatePolicy, GateState, Override

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


@dataclass(frozen=True, slots=True)
class OverridePlan:
    """What somebody wants to say in the policy's place."""

    service: str
    slo: str | None
    state: GateState
    reason: str
    author: str
    until: datetime


@dataclass(frozen=True, slots=True)
class OverrideFile:
    """An override with what was done to it, oldest first."""

    override: Override
    trail: tuple[AuditEntry, ...]


class Gatekeeping(Protocol):
    """The policy of releases, and who overrides it."""

    def policy(self) -> GatePolicy: ...

    async def overrides(self) -> Sequence[Override]:
        """All that are remembered, newest first."""

    async def override(self, override_id: str) -> OverrideFile | None: ...

    async def make(self, plan: OverridePlan) -> Override:
        """Have it hold from now on. Raises PlanError."""

    async def end(self, override_id: str, by: str) -> Override | None:
        """It is over now. None: there is none. Raises PlanError where it is over already."""


@dataclass(frozen=True, slots=True)
class AnnotationFile:
    """An annotation with what was done to it, oldest first."""

    annotation: Annotation
    trail: tuple[AuditEntry, ...]


class Annotations(Protocol):
    """What people remark on services and SLOs."""

    async def every(self) -> Sequence[Annotation]:
        """All that are remembered, undone or not, newest first."""

    async def one(self, annotation_id: str) -> AnnotationFile | None: ...

    async def make(self, plan: AnnotationPlan) -> Annotation:
        """Put it on record. Raises PlanError."""

    async def edit(self, annotation_id: str, text: str, by: str) -> Annotation | None:
        """Say it in other words. None: there is none. Raises PlanError where it was undone."""

    async def undo(self, annotation_id: str, by: str) -> Annotation | None:
        """Take it back. None: there is none. Raises PlanError where it was undone."""
