"""The stretch of time that an SLO is judged over."""

from dataclasses import dataclass
from datetime import timedelta

from slo.units import format_duration


@dataclass(frozen=True, slots=True)
class Rolling:
    """The last `length` of time, always moving."""

    length: timedelta

    @property
    def label(self) -> str:
        """As it is written in the configuration and in metrics: `30d`."""
        return format_duration(self.length)

    @property
    def seconds(self) -> int:
        return int(self.length.total_seconds())
