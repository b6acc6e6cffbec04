"""What an exclusion may look like in the configuration."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from slo.exclusion import Plan, Scope
from slo.planning import read_schedule
from slo.recurrence import Schedule
from slo.units import DURATION_PATTERN

_STRICT = ConfigDict(frozen=True, extra="forbid")
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class ExclusionConfig(BaseModel):
    """A stretch of time whose events do not count; with `rrule`, again and again."""

    model_config = _STRICT

    reason: Reason = Field(description="Why, for whoever reads it later.")
    start: str = Field(
        description="When it (first) begins: 2026-11-21T22:00 in `zone`, or with an offset.",
        examples=["2026-11-21T22:00", "2026-11-21T22:00Z"],
    )
    end: str | None = Field(None, description="When it ends (or give `duration`).")
    duration: str | None = Field(
        None,
        description="How long it lasts; of a rule, each time.",
        pattern=DURATION_PATTERN,
        examples=["2h"],
    )
    rrule: str | None = Field(
        None, description="How it recurs (RFC 5545).", examples=["FREQ=WEEKLY;BYDAY=SU"]
    )
    zone: str | None = Field(
        None, description="The IANA time zone of `start`, `end` and `rrule`.", examples=["UTC"]
    )
    public: Reason | None = Field(
        None,
        description="The words by which the status page announces it; without, it does not.",
        examples=["We move to a larger database; bookings may fail for a minute."],
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        self.schedule()
        return self

    def schedule(self) -> Schedule:
        """When it holds."""
        return read_schedule(
            start=self.start,
            end=self.end,
            duration=self.duration,
            rrule=self.rrule,
            zone=self.zone,
        )

    def plan(self, scope: Scope, author: str) -> Plan:
        """What is to be excluded of `scope`."""
        return Plan(scope, self.schedule(), self.reason, author, self.public)


class MaintenanceConfig(ExclusionConfig):
    """The same for every service that bears all of these labels."""

    labels: dict[str, str] = Field(min_length=1, description="Labels of services.")

    @property
    def scope(self) -> Scope:
        """The services that it is for."""
        return Scope(labels=tuple(sorted(self.labels.items())))
