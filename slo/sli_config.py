"""What an SLI may look like in the configuration, and the SLI it becomes."""

from fractions import Fraction
from typing import Self

from pydantic import BaseModel, Field, model_validator

from slo.definition import (
    SLI,
    SLO,
    Component,
    CompositeSLI,
    EventsSLI,
    GaugeSLI,
    HistogramSLI,
    ProbeSLI,
    QuorumSLI,
)
from slo.derived import slice_for
from slo.fields import (
    FROZEN,
    LabelName,
    PositiveDuration,
    References,
    Selectors,
    ThresholdValue,
    Weights,
)
from slo.fingerprint import fingerprint
from slo.selector import Selector
from slo.slices import NoData
from slo.surroundings import Surroundings
from slo.threshold import Side
from slo.units import Percent

_OF_DERIVED = {
    "bad_at": "`quorum`",
    "slice": "`quorum`, `all` or `weighted`",
    "slice_target": "`all` or `weighted`",
}


def named_as_histogram(selectors: tuple[Selector, ...], edge: str) -> None:
    """Refuse, by ValueError, what selects parts of histograms; `edge` is the key that does."""
    for one in selectors:
        for suffix in ("_bucket", "_count", "_sum"):
            if one.metric.endswith(suffix):
                raise ValueError(
                    f"write the histogram without `{suffix}`: {one.metric.removesuffix(suffix)}"
                )
        if any(matcher.label == "le" for matcher in one.matchers):
            raise ValueError(f"the edge of a histogram is chosen by `{edge}`, not by `le`")


class SLIConfig(BaseModel):
    """What is counted: runs of a probe, events of a page, or slices of what others count."""

    model_config = FROZEN

    probe: str | None = Field(None, description="The http, tcp or tls collector whose runs count.")
    collector: str | None = Field(None, description="The prometheus collector with the counters.")
    bad: Selectors | None = Field(None, description="Counters of bad events (or give `good`).")
    good: Selectors | None = Field(None, description="Counters of good events (or give `bad`).")
    total: Selectors | None = Field(None, description="Counters of all events.")
    histogram: Selectors | None = Field(
        None, description="Histograms of events, named without `_bucket`; goes with `below`."
    )
    metric: Selectors | None = Field(
        None, description="Gauges whose every sample is an event; goes with `below` or `above`."
    )
    below: ThresholdValue | None = Field(
        None, description="Good is at or below this edge of a histogram, or below it for a gauge."
    )
    above: ThresholdValue | None = Field(None, description="Good is a gauge above this.")
    by: tuple[LabelName, ...] = Field(
        (), description="Labels whose values with the most bad events are shown."
    )
    quorum: References | None = Field(
        None, description="Probes of the same thing: bad is only what several of them see."
    )
    bad_at: int | None = Field(
        None, description="How many probes of a quorum must fail at once. Default: more than half."
    )
    all_: References | None = Field(
        None, alias="all", description="SLOs that must all be good, slice by slice."
    )
    weighted: Weights | None = Field(
        None, description="SLOs that each count, slice by slice, as much as they weigh."
    )
    slice: PositiveDuration | None = Field(
        None, description="How long a slice of a quorum, of `all` or of `weighted` is."
    )
    slice_target: Percent | None = Field(
        None,
        description="The share of good events from which on a component's slice is good. Default: "
        "its own slice_target, or its objective.",
    )

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        if self.is_derived:
            return self._is_derived()
        for key, kinds in _OF_DERIVED.items():
            if getattr(self, key) is not None:
                raise ValueError(f"`{key}` goes with {kinds}")
        of_events = self.model_fields_set - {"probe"}
        if self.probe is not None:
            if of_events:
                raise ValueError(
                    f"`probe` and `{min(of_events)}` exclude each other: an SLI counts "
                    "the runs of a probe, or events of a prometheus collector"
                )
            return self
        if self.collector is None:
            raise ValueError(
                "an SLI says what it counts: `probe: <collector>`, or `collector` and with it "
                "`total` and one of `bad` and `good`, or `histogram` and `below`, or `metric` and "
                "one of `below` and `above`; or `quorum: [<collector>, ...]`; or "
                "`all: [<slo>, ...]` or `weighted`, and with it `slice`"
            )
        return self._is_of_a_page()

    def _is_of_a_page(self) -> Self:
        if self.histogram is not None:
            self._only("histogram", "below")
            return self._is_histogram()
        if self.metric is not None:
            self._only("metric", "below", "above")
            if (self.below is None) == (self.above is None):
                raise ValueError("write exactly one of `below` and `above`: the side that is good")
            return self
        for key in ("below", "above"):
            if getattr(self, key) is not None:
                raise ValueError(f"`{key}` goes with `histogram` or `metric`, and neither is there")
        if self.total is None:
            raise ValueError("`total` is missing: the counters of all events")
        if (self.bad is None) == (self.good is None):
            raise ValueError("write exactly one of `bad` and `good`")
        return self

    @property
    def is_derived(self) -> bool:
        """Whether it counts what others have counted."""
        return not (self.quorum is None and self.all_ is None and self.weighted is None)

    def _is_derived(self) -> Self:
        if self.quorum is not None:
            self._only("quorum", "bad_at", "slice", common=())
            return self._is_quorum(len(self.quorum))
        kind = "all" if self.all_ is not None else "weighted"
        if len(self.components) < 2:
            raise ValueError(f"`{kind}` is made of at least two SLOs")
        self._only(kind, "slice", "slice_target", common=())
        if self.slice is None:
            raise ValueError(f"`slice` is missing: how long a slice of `{kind}` is, such as 1m")
        if self.slice_target is not None and not 0 < self.slice_target <= 1:
            raise ValueError("`slice_target` must be more than 0% and at most 100%")
        return self

    def _is_quorum(self, vantages: int) -> Self:
        if vantages < 2:
            raise ValueError("a quorum is one of at least two probes; of one write `probe`")
        if self.bad_at is not None and not 1 <= self.bad_at <= vantages:
            raise ValueError(
                f"`bad_at` of {self.bad_at} makes no sense: 1 to {vantages} of {vantages} probes "
                "can fail at once"
            )
        return self

    def _only(self, kind: str, *keys: str, common: tuple[str, ...] = ("collector", "by")) -> None:
        """Refuse what does not go with this kind of SLI."""
        given = {"all" if key == "all_" else key for key in self.model_fields_set}
        for key in sorted(given - {*common, kind, *keys}):
            raise ValueError(f"`{kind}` and `{key}` exclude each other: an SLI counts one thing")

    def _is_histogram(self) -> Self:
        if self.below is None:
            raise ValueError("`below` is missing: the edge of the histogram up to which is good")
        named_as_histogram(self.histogram or (), "below")
        return self

    @property
    def collector_name(self) -> str:
        """The collector that feeds it, whatever the kind; none where it is derived."""
        return self.probe or self.collector or ""

    @property
    def components(self) -> tuple[str, ...]:
        """The SLOs that it is made of, as written."""
        return self.all_ or tuple(self.weighted or ())

    def build(self, around: Surroundings) -> SLI:
        """The SLI as the arithmetic knows it."""
        if self.quorum is not None:
            fitting = slice_for(around.interval, around.bucket) or around.interval
            return QuorumSLI(
                tuple(full_name(name, around.service) for name in self.quorum),
                self.bad_at or len(self.quorum) // 2 + 1,
                self.slice or fitting,
            )
        if self.slice is not None:
            return CompositeSLI(self._components(around), self.slice, self.weighted is not None)
        if self.probe is not None:
            return ProbeSLI(self.probe)
        if self.histogram is not None and self.below is not None:
            return HistogramSLI(self.collector_name, self.histogram, self.below, self.by)
        threshold = self.below or self.above
        if self.metric is not None and threshold is not None:
            side = Side.ABOVE if self.below is None else Side.BELOW
            return GaugeSLI(self.collector_name, self.metric, side, threshold, self.by)
        return EventsSLI(
            collector=self.collector_name,
            total=self.total or (),
            bad=self.bad or (),
            good=self.good or (),
            by=self.by,
        )

    def _components(self, around: Surroundings) -> tuple[Component, ...]:
        target = None if self.slice_target is None else Fraction(self.slice_target)
        return tuple(
            Component(
                sli_id=slo.sli_id,
                target=_slice_target(slo) if target is None else target,
                no_data=NoData.IGNORE if slo.slicing is None else slo.slicing.no_data,
                counted=fingerprint(slo),
                weight=(self.weighted or {}).get(name, 1),
            )
            for name in self.components
            if (slo := around.components.get(full_name(name, around.service))) is not None
        )


def full_name(reference: str, service: str) -> str:
    """`service/name` of what is referred to from within a service."""
    return reference if "/" in reference else f"{service}/{reference}"


def _slice_target(slo: SLO) -> Fraction:
    """From which ratio on a slice of this SLO is good."""
    if slo.slicing is not None and slo.slicing.target is not None:
        return slo.slicing.target
    return Fraction(slo.objective.share)
