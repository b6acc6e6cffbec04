"""A threshold rule: what is no SLO, but must not stay beyond a limit for long."""

from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction

from slo.definition import CounterSLI, EventsSLI, HistogramSLI, sources
from slo.limit import Limit
from slo.selector import Selector
from slo.severity import Severity
from slo.threshold import Side

RULE = "alert"  # as in a rule's id `service#alert:cpu`; an SLO's rules are `service/slo#...`
NO_DATA = ":no_data"  # after the id: the rule that nothing is seen for it any more
CLEAR = ":clear"  # after the id: the counts at a quantile's clearing limit


def is_of_rule(key: str) -> bool:
    """Whether what goes by this key is a threshold rule's, and not an SLO's."""
    return f"#{RULE}:" in key


@dataclass(frozen=True, slots=True)
class Bounds:
    """The side of `limit` on which the rule is true. Once it fires, only crossing `clear` ends it.

    `clear` lies on the other side of the limit, or is None where the limit itself ends it.
    """

    side: Side
    limit: Limit
    clear: Limit | None = None

    def beyond(self, value: int | float | Fraction, *, firing: bool) -> bool:
        """Whether a value makes the rule true, or keeps true one that fires."""
        if self.side.holds(value, self.limit.value):
            return True
        if not firing or self.clear is None:
            return False
        back = Side.BELOW if self.side is Side.ABOVE else Side.ABOVE
        return not back.holds(value, self.clear.value)

    def __str__(self) -> str:
        return f"{self.side} {self.limit}"


@dataclass(frozen=True, slots=True)
class GaugeCheck:
    """The values that series have now; the worst of them decides. `by` are labels to name it by."""

    metric: tuple[Selector, ...]
    bounds: Bounds
    by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RateCheck:
    """How often something was counted over the last `over`, in the limit's unit."""

    counter: tuple[Selector, ...]
    over: timedelta
    bounds: Bounds


@dataclass(frozen=True, slots=True)
class RatioCheck:
    """The share of events that was bad (or good) over the last `over`.

    With fewer than `least` events it says nothing. Exactly one of `bad` and `good` is not empty.
    """

    total: tuple[Selector, ...]
    over: timedelta
    bounds: Bounds
    bad: tuple[Selector, ...] = ()
    good: tuple[Selector, ...] = ()
    least: int = 1


@dataclass(frozen=True, slots=True)
class QuantileCheck:
    """Whether a quantile of what histograms measured over the last `over` was above a limit.

    It is when more than 1 - `quantile` of the events were: counted at an edge, not interpolated.
    """

    histogram: tuple[Selector, ...]
    quantile: Fraction
    over: timedelta
    bounds: Bounds  # in the histogram's own unit; always above
    least: int = 1

    @property
    def allowed(self) -> Fraction:
        """The share of events that may be above the limit."""
        return 1 - self.quantile


@dataclass(frozen=True, slots=True)
class DownCheck:
    """Every run of a probe failed for `down_for`, and one more look `recheck` later did.

    Once it fires, it is over when `recovery` runs in a row passed.
    """

    down_for: timedelta
    recheck: timedelta
    recovery: int = 1


@dataclass(frozen=True, slots=True)
class FailuresCheck:
    """At least `least` of the last `of` runs of a probe failed; over when `recovery` passed."""

    least: int
    of: int
    recovery: int = 1


RunCheck = DownCheck | FailuresCheck  # told by a probe's runs, one by one
WindowCheck = RateCheck | RatioCheck | QuantileCheck
Check = GaugeCheck | WindowCheck | RunCheck


@dataclass(frozen=True, slots=True)
class Rule:
    """One threshold rule. `interval` is how often its collector is due."""

    service: str
    name: str
    collector: str
    check: Check
    severity: Severity
    for_: timedelta
    keep_firing_for: timedelta
    interval: timedelta
    no_data_after: timedelta
    shadow: bool = False  # everything is computed and recorded, nobody is told

    @property
    def id(self) -> str:
        """What names it over its episodes: `service#alert:cpu`."""
        return f"{self.service}#{RULE}:{self.name}"

    @property
    def collector_id(self) -> str:
        """The collector that feeds it, as `service/collector`."""
        return f"{self.service}/{self.collector}"

    def counters(self) -> dict[str, CounterSLI]:
        """What is counted for it, by the ids that the counts go by; empty where nothing is."""
        match self.check:
            case RateCheck(counter=counter):
                return {self.id: EventsSLI(self.collector, total=counter, bad=counter)}
            case RatioCheck(total=total, bad=bad, good=good):
                return {self.id: EventsSLI(self.collector, total=total, bad=bad, good=good)}
            case QuantileCheck(bounds=bounds):
                edges = {self.id: bounds.limit, self.id + CLEAR: bounds.clear}
                return {
                    key: HistogramSLI(self.collector, self.check.histogram, edge.threshold)
                    for key, edge in edges.items()
                    if edge is not None
                }
            case GaugeCheck() | DownCheck() | FailuresCheck():
                return {}

    def sources(self) -> tuple[Selector, ...]:
        """The selectors of every series that it reads from a page."""
        if isinstance(self.check, GaugeCheck):
            return self.check.metric
        return tuple(selector for sli in self.counters().values() for selector in sources(sli))
