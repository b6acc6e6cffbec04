"""An incident as customers are told of it: written by people, never made by a rule."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from slo.planning import PlanError


class Stage(StrEnum):
    """How far it is, in the words of Atlassian's Statuspage."""

    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"
    POSTMORTEM = "postmortem"


class Impact(StrEnum):
    """How much it harms; each is worse than those before it."""

    NONE = "none"
    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"


class ComponentState(StrEnum):
    """How a part of what is offered does; each is worse than those before it."""

    OPERATIONAL = "operational"
    UNDER_MAINTENANCE = "under_maintenance"
    DEGRADED_PERFORMANCE = "degraded_performance"
    PARTIAL_OUTAGE = "partial_outage"
    MAJOR_OUTAGE = "major_outage"

    @property
    def rank(self) -> int:
        return _RANKS[self]


_RANKS = {state: rank for rank, state in enumerate(ComponentState)}
OVER = frozenset({Stage.RESOLVED, Stage.POSTMORTEM})
# The keys of components, each with the state that people say it is in; None leaves it to the rule.
Touched = Mapping[str, ComponentState | None]


@dataclass(frozen=True, slots=True)
class StatusUpdate:
    """What was told at one moment. `components`: those that this update says something of."""

    id: str
    stage: Stage
    text: str
    by: str
    at: datetime
    components: Touched = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StatusIncident:
    """`updates` are oldest first, and never none."""

    id: str
    title: str
    impact: Impact
    created_at: datetime
    updates: tuple[StatusUpdate, ...]

    @property
    def stage(self) -> Stage:
        return self.updates[-1].stage

    @property
    def is_over(self) -> bool:
        return self.stage in OVER

    @property
    def updated_at(self) -> datetime:
        return self.updates[-1].at

    @property
    def monitoring_at(self) -> datetime | None:
        """When it was last said to be watched only."""
        told = [one.at for one in self.updates if one.stage is Stage.MONITORING]
        return told[-1] if told else None

    @property
    def resolved_at(self) -> datetime | None:
        """Since when it is over; None while it is not."""
        resolved = None
        for one in self.updates:
            if one.stage not in OVER:
                resolved = None
            elif resolved is None:
                resolved = one.at
        return resolved

    @property
    def components(self) -> Touched:
        """Every component that was named, by what was said of it last."""
        found: dict[str, ComponentState | None] = {}
        for one in self.updates:
            found |= one.components
        return found


@dataclass(frozen=True, slots=True)
class StatusPlan:
    """A new incident, as somebody wants it told."""

    title: str
    impact: Impact
    stage: Stage
    text: str
    by: str
    components: Touched = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UpdatePlan:
    """What somebody wants to say next. `impact` None: as it was."""

    incident_id: str
    stage: Stage
    text: str
    by: str
    impact: Impact | None = None
    components: Touched = field(default_factory=dict)


def begun(plan: StatusPlan, at: datetime, incident_id: str, update_id: str) -> StatusIncident:
    """The incident that was asked for. Raises PlanError."""
    if plan.stage is Stage.POSTMORTEM:
        raise PlanError("stage", "a post-mortem follows what was resolved")
    first = StatusUpdate(update_id, plan.stage, plan.text, plan.by, at, plan.components)
    return StatusIncident(incident_id, plan.title, plan.impact, at, (first,))


def gone_on(
    incident: StatusIncident, plan: UpdatePlan, at: datetime, update_id: str
) -> StatusIncident:
    """The incident with one more update. Raises PlanError."""
    if plan.stage is Stage.POSTMORTEM and not incident.is_over:
        raise PlanError("stage", "a post-mortem follows what was resolved: say that first")
    # Clocks may be set back; what was told later is told later.
    update = StatusUpdate(
        update_id, plan.stage, plan.text, plan.by, max(at, incident.updated_at), plan.components
    )
    return replace(
        incident, impact=plan.impact or incident.impact, updates=(*incident.updates, update)
    )
