"""A logbook in memory, as a part of the fake source; decided on by the real rules."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from dashboards.logbook import Wanted
from dashboards.source import ServiceCard
from nines.annotations import Annotations
from nines.gatekeeping import Gatekeeping
from nines.logbook import Logbook
from slo.annotation import Annotation
from slo.audit import AuditEntry
from slo.deployment import Deployment
from slo.gate import GatePolicy, Override
from slo.key import KeyReusedError

T = TypeVar("T")


@dataclass
class FakeRecords:
    """Deployments in a list."""

    kept: list[Deployment] = field(default_factory=list)

    def deploy(self, deployment: Deployment) -> tuple[Deployment, bool]:
        key = deployment.rollout.key
        for one in self.kept:
            if key is not None and one.rollout.key == key:
                if one.rollout.told != deployment.rollout.told:
                    raise KeyReusedError(key)
                return one, False
        self.kept.append(deployment)
        return deployment, True

    def deployments(self, wanted: Wanted, limit: int) -> Sequence[Deployment]:
        found = [
            one
            for one in sorted(self.kept, key=lambda one: (one.at, one.id), reverse=True)
            if wanted.service in (None, one.rollout.service)
            and wanted.environment in (None, one.rollout.environment)
            and (wanted.start is None or one.at >= wanted.start)
            and (wanted.end is None or one.at < wanted.end)
            and (wanted.before is None or (one.at, one.id) < wanted.before)
        ]
        return found[:limit]

    def deployment(self, deployment_id: str) -> Deployment | None:
        return next((one for one in self.kept if one.id == deployment_id), None)


@dataclass
class FakeOverrides:
    """Overrides and their trail in lists."""

    kept: dict[str, Override] = field(default_factory=dict)
    trails: list[AuditEntry] = field(default_factory=list)

    def all(self) -> list[Override]:
        return list(self.kept.values())

    def trail(self, subject_id: str) -> list[AuditEntry]:
        return [one for one in self.trails if one.subject_id == subject_id]

    def write(self, changes: Sequence[tuple[Override, AuditEntry]]) -> None:
        for one, entry in changes:
            self.kept[one.id] = one
            self.trails.append(entry)


@dataclass
class FakeRemarks:
    """Annotations and their trail in lists."""

    kept: dict[str, Annotation] = field(default_factory=dict)
    trails: list[AuditEntry] = field(default_factory=list)

    def all(self) -> list[Annotation]:
        return list(self.kept.values())

    def trail(self, subject_id: str) -> list[AuditEntry]:
        return [one for one in self.trails if one.subject_id == subject_id]

    def write(self, changes: Sequence[tuple[Annotation, AuditEntry]]) -> None:
        for one, entry in changes:
            self.kept[one.id] = one
            self.trails.append(entry)


@dataclass
class FakeLogbook:
    """Keeps what it is told."""

    annotated: FakeRemarks = field(default_factory=FakeRemarks)
    overridden: FakeOverrides = field(default_factory=FakeOverrides)
    gate_policy: GatePolicy = field(default_factory=GatePolicy)
    deployed: FakeRecords = field(default_factory=FakeRecords)
    logged_at: datetime = field(kw_only=True)

    def services(self) -> Sequence[ServiceCard]:
        raise NotImplementedError

    def logbook(self) -> Logbook:
        return Logbook(
            self.deployed,
            read=_at_once,
            write=_at_once,
            now=lambda: self.logged_at,
            new_id=lambda: f"deployment-{len(self.deployed.kept) + 1}",
            services=lambda: [card.name for card in self.services()],
            changed=lambda _: None,
        )

    def gatekeeping(self) -> Gatekeeping:
        return Gatekeeping(
            self.overridden,
            read=_at_once,
            write=_at_once,
            now=lambda: self.logged_at,
            new_id=lambda: f"override-{len(self.overridden.kept) + 1}",
            policy=lambda: self.gate_policy,
            slos=lambda: {
                card.name: [one.partition("/")[2] for one in card.slo_ids]
                for card in self.services()
            },
        )

    def annotations(self) -> Annotations:
        return Annotations(
            self.annotated,
            read=_at_once,
            write=_at_once,
            now=lambda: self.logged_at,
            new_id=lambda: f"annotation-{len(self.annotated.kept) + 1}",
            slos=lambda: {
                card.name: [one.partition("/")[2] for one in card.slo_ids]
                for card in self.services()
            },
            changed=lambda _: None,
        )


async def _at_once(call: Callable[[], T]) -> T:
    return call()
