"""How Nines is watched itself, as config.yaml says it: by a heartbeat and by canaries."""

from datetime import timedelta
from decimal import Decimal
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from alerting.receivers.door import AddressConfig
from slo.fields import ObjectiveShare, PositiveDuration, WindowLength
from slo.units import format_duration

_LONGEST_TIMEOUT = timedelta(minutes=1)
_TIMEOUT = timedelta(seconds=10)
_LEAST = timedelta(seconds=1)
_LEAST_BETWEEN_CANARIES = timedelta(minutes=15)  # longer than one may take
_MOST_BETWEEN_CANARIES = timedelta(days=14)  # two missed ones are within what is remembered of them


class HeartbeatConfig(AddressConfig):
    """`heartbeat:` a dead man's switch, which is told that we live while nothing is overdue."""

    method: Literal["GET", "POST"] = Field("GET", description="How the address is asked.")
    interval: PositiveDuration = Field(timedelta(minutes=1), description="How often it is told.")
    timeout: PositiveDuration = Field(
        default_factory=lambda written: min(_TIMEOUT, written.get("interval", _TIMEOUT)),
        description="Of one request; default: 10s, or the interval where that is shorter.",
    )
    overdue_after: PositiveDuration = Field(
        timedelta(minutes=2),
        description="How long after its decision a page without a receipt is overdue.",
    )

    @model_validator(mode="after")
    def _is_told_in_time(self) -> Self:
        if self.interval < _LEAST:
            raise ValueError("an interval of a heartbeat is at least 1s")
        if self.timeout > min(self.interval, _LONGEST_TIMEOUT):
            raise ValueError(
                f"a timeout of {format_duration(self.timeout)} is too long: it is at most the "
                f"interval, {format_duration(self.interval)}, and at most 1m"
            )
        return self


class CanaryConfig(BaseModel):
    """`canary:` a message to each receiver now and then, so that a broken one is found by day."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    every: PositiveDuration = Field(description="How often each receiver is sent one.")
    receivers: tuple[str, ...] | None = Field(
        None, min_length=1, description="Which receivers are sent one; default: all."
    )
    active_time_intervals: tuple[str, ...] = Field(
        (), description="Sent in these alone; default: at any time."
    )

    @model_validator(mode="after")
    def _has_time_to_arrive(self) -> Self:
        if self.every < _LEAST_BETWEEN_CANARIES:
            raise ValueError("a canary may take 10m to arrive, so write at least 15m")
        if self.every > _MOST_BETWEEN_CANARIES:
            raise ValueError(
                f"{format_duration(self.every)} is too long, a broken receiver would be found by "
                "the first page, so write at most 14d"
            )
        return self


class DeliverySLOConfig(BaseModel):
    """`delivery_slo:` from decision to receipt as an SLO of Nines itself, `nines/delivery`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    within: PositiveDuration = Field(
        timedelta(minutes=1), description="How soon after its decision a delivery is good."
    )
    objective: ObjectiveShare = Field(
        Decimal("0.99"), description="The promised share of good deliveries."
    )
    window: WindowLength = Field(timedelta(days=30), description="A rolling window.")
    receivers: tuple[str, ...] | None = Field(
        None, min_length=1, description="Who is told when it burns; default: as routes say."
    )
