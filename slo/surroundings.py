"""What an SLO takes from the rest of the configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from slo.definition import SLO
from slo.window import Calendar


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an SLO takes from the rest of the configuration."""

    service: str
    interval: timedelta  # of its collector; the longest of what it is derived from
    window: timedelta | Calendar  # when it names none
    bucket: timedelta
    notices: tuple[Decimal, ...] = ()  # when it names none
    # Of a derived SLI: the SLOs it is made of by the ids of their SLIs, and how long after its end
    # the last observation of a slice may come.
    components: Mapping[str, SLO] = field(default_factory=dict)
    lag: timedelta = timedelta(0)
