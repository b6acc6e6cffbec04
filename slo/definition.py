"""An SLO: what is counted, what was promised, over which window, and when to speak."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from slo.objective import Objective
from slo.selector import Matcher, Selector
from slo.slices import NoData, Slicing
from slo.threshold import Side, Threshold
from slo.tiers import Tier
from slo.window import Window

_STALE_AFTER_INTERVALS = 3
_VANTAGE = "#vantage"  # a name that no configuration can give
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


@dataclass(frozen=True, slots=True)
class QuorumSLI:
    """Probes of the same thing from several vantages: bad is a slice in which `bad_at` of them
    failed; one event a slice. `vantages` are collectors as `service/collector`.
    """

    vantages: tuple[str, ...]
    bad_at: int
    slice: timedelta

    @property
    def parts(self) -> tuple[str, ...]:
        return self.vantages

    @property
    def names(self) -> tuple[str, ...]:
        """The vantages as they are told: without the service where they all have the same."""
        services = {vantage.partition("/")[0] for vantage in self.vantages}
        if len(services) > 1:
            return self.vantages
        return tuple(vantage.partition("/")[2] for vantage in self.vantages)


@dataclass(frozen=True, slots=True)
class Component:
    """An SLO that a composite is made of, by the id of its SLI.

    A slice of it is good from a ratio of `target` on; `no_data` says what an idle one is. `counted`
    stands for what it counts: another SLI of that name is another component.
    """

    sli_id: str
    target: Fraction
    no_data: NoData
    counted: str
    weight: int = 1


@dataclass(frozen=True, slots=True)
class CompositeSLI:
    """A journey over several SLOs, by slices of time.

    A slice is good when it is for every component, one event a slice; `weighted`, every component
    has as many events a slice as it weighs, good or bad.
    """

    components: tuple[Component, ...]
    slice: timedelta
    weighted: bool = False

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(component.sli_id for component in self.components)

    @property
    def names(self) -> tuple[str, ...]:
        """The components as they are told."""
        return self.parts


CounterSLI = EventsSLI | HistogramSLI
PageSLI = EventsSLI | HistogramSLI | GaugeSLI
DerivedSLI = QuorumSLI | CompositeSLI
SLI = ProbeSLI | PageSLI | DerivedSLI


def sources(sli: SLI) -> tuple[Selector, ...]:
    """The selectors of every series that it reads from a page, those without which there is no
    data first; none for what reads no page.
    """
    match sli:
        case ProbeSLI() | QuorumSLI() | CompositeSLI():
            return ()
        case GaugeSLI(metric=metric):
            return metric
        case EventsSLI():
            return (*sli.total, *sli.bad, *sli.good)
        case HistogramSLI():
            return (*sli.total, *sli.good, *sli.edges)


@dataclass(frozen=True, slots=True)
class SLO:
    """One promise. `interval` is how often its collector is due, or how long a slice is where its
    SLI is derived; `lag` is how long after its time such a slice may be judged.

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
    lag: timedelta = timedelta(0)

    @property
    def method(self) -> str:
        """How the budget is spent, as the configuration calls it."""
        return "occurrences" if self.slicing is None else self.slicing.method

    @property
    def step(self) -> timedelta | None:
        """How long the slices are that its SLI counts as events; None where events are others."""
        return self.sli.slice if isinstance(self.sli, DerivedSLI) else None

    @property
    def judged_after(self) -> timedelta:
        """How long after something happened it may first be judged."""
        return self.lag + (self.slicing.length if self.slicing is not None else timedelta(0))

    @property
    def stale_after(self) -> timedelta:
        """After how long without an observation it counts as stale."""
        return _STALE_AFTER_INTERVALS * self.interval + self.lag

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
    def collector_id(self) -> str | None:
        """The collector that feeds it, as `service/collector`; None where its SLI is derived."""
        if isinstance(self.sli, DerivedSLI):
            return None
        return f"{self.service}/{self.sli.collector}"


def steps(slo: SLO, by_sli: Mapping[str, SLO]) -> Iterator[SLO]:
    """The SLO and, of a composite, every SLO that it is made of, by the ids of their SLIs."""
    yield slo
    if isinstance(slo.sli, CompositeSLI):
        for component in slo.sli.components:
            if component.sli_id in by_sli:
                yield from steps(by_sli[component.sli_id], by_sli)


def vantage_id(collector_id: str) -> str:
    """What the counts of a vantage are kept under."""
    return f"{collector_id}{_VANTAGE}"


def is_vantage(slo: SLO) -> bool:
    """Whether it is what a vantage of quorums is counted as."""
    return slo.name.endswith(_VANTAGE)


def vantages(slos: Iterable[SLO]) -> dict[str, SLO]:
    """What each vantage of these quorums is counted as, by collector: SLOs that nobody promised."""
    found: dict[str, SLO] = {}
    for slo in slos:
        for collector_id in slo.sli.vantages if isinstance(slo.sli, QuorumSLI) else ():
            service, _, collector = collector_id.partition("/")
            named = replace(_unpromised(slo, f"{collector}{_VANTAGE}"), service=service)
            if collector_id not in found or named.window.reach > found[collector_id].window.reach:
                found[collector_id] = replace(named, sli=ProbeSLI(collector))
    return found


def beside(slo: SLO) -> SLO:
    """What failures of a quorum that were too few are counted as, beside its own events."""
    return _unpromised(slo, f"{slo.name}#one-vantage")


def _unpromised(slo: SLO, name: str) -> SLO:
    return replace(slo, name=name, tiers=(), slicing=None, variant="")
