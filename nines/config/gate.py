"""`gate:` in the configuration: when releases go, go with care, or stop."""

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from slo.gate import GatePolicy, GateState
from slo.severity import Severity
from slo.units import Percent, format_percent

Meaning = Literal["ok", "caution", "freeze"]


class BySeverity(BaseModel):
    """What it means while something of this severity is there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    page: Meaning = "freeze"
    ticket: Meaning = "caution"

    @property
    def states(self) -> Mapping[Severity, GateState]:
        return {Severity.PAGE: GateState(self.page), Severity.TICKET: GateState(self.ticket)}


class GateConfig(BaseModel):
    """The policy of releases."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    freeze_at: Percent = Field(Decimal(0), description="Budget left at which releases stop.")
    caution_below: Percent = Field(
        Decimal("0.25"), description="Budget left below which they go with care."
    )
    min_observed: Percent = Field(
        Decimal("0.5"), description="Of what was due in the window; with less, nothing is known."
    )
    burning: BySeverity = Field(BySeverity(), description="While a burn rate rule fires.")
    incidents: BySeverity = Field(BySeverity(), description="While an incident is open.")
    unknown: Literal["ok", "caution", "freeze", "unknown"] = Field(
        "caution", description="What missing data, or an illness of Nines, means."
    )
    owners: tuple[str, ...] = Field((), description="Who may override; without any, everybody.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.caution_below < self.freeze_at:
            raise ValueError(
                f"caution_below ({format_percent(self.caution_below)}) lies below freeze_at"
                f" ({format_percent(self.freeze_at)}): care comes before the stop"
            )
        if not 0 <= self.min_observed <= 1:
            raise ValueError("min_observed lies between 0% and 100%")
        return self

    @property
    def policy(self) -> GatePolicy:
        return GatePolicy(
            freeze_at=Fraction(self.freeze_at),
            caution_below=Fraction(self.caution_below),
            min_observed=Fraction(self.min_observed),
            burning=self.burning.states,
            incidents=self.incidents.states,
            unknown=GateState(self.unknown),
            owners=self.owners,
        )
