"""How Nines is watched itself, as config.yaml says it: the heartbeat that others listen for."""

from datetime import timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from alerting.receivers.door import AddressConfig
from slo.fields import PositiveDuration
from slo.units import format_duration

_LONGEST_TIMEOUT = timedelta(minutes=1)
_LEAST = timedelta(seconds=1)


class HeartbeatConfig(AddressConfig):
    """`heartbeat:` a dead man's switch, which is told that we live while nothing is overdue."""

    method: Literal["GET", "POST"] = Field("GET", description="How the address is asked.")
    interval: PositiveDuration = Field(timedelta(minutes=1), description="How often it is told.")
    timeout: PositiveDuration = Field(timedelta(seconds=10), description="Of one request.")
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
