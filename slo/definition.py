"""An SLO: what is counted, what was promised, over which window, and when to speak."""

from dataclasses import dataclass
from datetime import timedelta

from slo.objective import Objective
from slo.selector import Selector
from slo.tiers import Tier
from slo.window import Rolling


@dataclass(frozen=True, slots=True)
class ProbeSLI:
    """One run of the service's collector `collector` is one event."""

    collector: str


@dataclass(frozen=True, slots=True)
class EventsSLI:
    """Events counted by counters on one page: bad (or good) among total, as exact increments.

    Each side is a tuple of selectors whose series are summed. Exactly one of `bad` and `good`
    is not empty. `by` names labels whose values with the most bad events are kept beside.
    """

    collector: str
    total: tuple[Selector, ...]
    bad: tuple[Selector, ...] = ()
    good: tuple[Selector, ...] = ()
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SLO:
    """One promise. `interval` is how often its collector is due."""

    service: str
    name: str
    objective: Objective
    window: Rolling
    sli: ProbeSLI | EventsSLI
    tiers: tuple[Tier, ...]
    interval: timedelta
    no_data_after: timedelta

    @property
    def id(self) -> str:
        return f"{self.service}/{self.name}"

    @property
    def collector_id(self) -> str:
        """The collector that feeds it, as `service/collector`."""
        return f"{self.service}/{self.sli.collector}"
