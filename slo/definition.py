"""An SLO: what is counted, what was promised, over which window, and when to speak."""

from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from slo.objective import Objective
from slo.selector import Matcher, Selector
from slo.slices import Slicing
from slo.threshold import Side, Threshold
from slo.tiers import Tier
from slo.window import Window

BUCKET = "_bucket"  # what a classic histogram's samples are called


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
class HistogramSLI:
    """Events measured by histograms on one page: good are those at or below a bucket's edge.

    `histograms` name them without `_bucket`; their series are summed. `total` are the buckets
    `+Inf` and `good` those at `below`, both cumulative counters. `edges` are those of native
    histograms, as `slo.native_edges` adds them to a page.
    """

    collector: str
    histograms: tuple[Selector, ...]
    below: Threshold
    by: tuple[str, ...] = ()
    total: tuple[Selector, ...] = field(init=False)
    good: tuple[Selector, ...] = field(init=False)
    bad: tuple[Selector, ...] = field(init=False, default=())
    edges: tuple[Selector, ...] = field(init=False)

    def __post_init__(self) -> None:
        edges = tuple(
            Selector(one.metric, (Matcher("le", "!=", ""), *one.matchers))
            for one in self.histograms
        )
        object.__setattr__(self, "total", self._buckets("+Inf"))
        object.__setattr__(self, "good", self._buckets(f"{self.below.value:f}"))
        object.__setattr__(self, "edges", edges)

    def _buckets(self, edge: str) -> tuple[Selector, ...]:
        return tuple(
            Selector(one.metric + BUCKET, (Matcher("le", "=", edge), *one.matchers))
            for one in self.histograms
        )


@dataclass(frozen=True, slots=True)
class GaugeSLI:
    """Each sample of each selected series is one event, good on the right side of a threshold."""

    collector: str
    metric: tuple[Selector, ...]
    side: Side
    threshold: Threshold
    by: tuple[str, ...] = ()


CounterSLI = EventsSLI | HistogramSLI
PageSLI = EventsSLI | HistogramSLI | GaugeSLI
SLI = ProbeSLI | EventsSLI | HistogramSLI | GaugeSLI


def sources(sli: SLI) -> tuple[Selector, ...]:
    """The selectors of every series that it reads from a page, those without which there is no
    data first; none for a probe.
    """
    match sli:
        case ProbeSLI():
            return ()
        case GaugeSLI(metric=metric):
            return metric
        case EventsSLI():
            return (*sli.total, *sli.bad, *sli.good)
        case HistogramSLI():
            return (*sli.total, *sli.good, *sli.edges)


@dataclass(frozen=True, slots=True)
class SLO:
    """One promise. `interval` is how often its collector is due.

    Without `slicing` every event counts for itself (the method "occurrences"). An SLI with several
    objectives or windows has an SLO for each; `variant` tells those after the first apart.
    """

    service: str
    name: str
    objective: Objective
    window: Window
    sli: SLI
    tiers: tuple[Tier, ...]
    interval: timedelta
    no_data_after: timedelta
    slicing: Slicing | None = None
    shadow: bool = False  # everything is computed and recorded, nobody is told
    notices: tuple[Decimal, ...] = ()  # marks of the remaining budget that are told when passed
    variant: str = ""  # "99.99", "month-Asia-Tokyo", "99.99-90d"

    @property
    def method(self) -> str:
        """How the budget is spent, as the configuration calls it."""
        return "occurrences" if self.slicing is None else self.slicing.method

    @property
    def key(self) -> str:
        """What tells it from the service's others: its name, and which variant it is."""
        return f"{self.name}@{self.variant}" if self.variant else self.name

    @property
    def id(self) -> str:
        return f"{self.service}/{self.key}"

    @property
    def sli_id(self) -> str:
        """What its counts are kept under, shared by the variants."""
        return f"{self.service}/{self.name}"

    @property
    def collector_id(self) -> str:
        """The collector that feeds it, as `service/collector`."""
        return f"{self.service}/{self.sli.collector}"
