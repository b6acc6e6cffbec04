"""What an SLO may look like in the configuration, and the SLO it becomes."""

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import product
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)

from slo.definition import (
    SLI,
    SLO,
    Component,
    CompositeSLI,
    DerivedSLI,
    EventsSLI,
    GaugeSLI,
    HistogramSLI,
    ProbeSLI,
    QuorumSLI,
)
from slo.derived import LONGEST_SLICE, slice_for, slice_misfit
from slo.exclusion_config import ExclusionConfig
from slo.objective import Objective
from slo.selector import Selector, SelectorError, parse_selector
from slo.severity import Severity
from slo.slices import NoData, Slicing
from slo.threshold import Side, Threshold, parse_threshold
from slo.tiers import DEFAULT_KEEP_FIRING_FOR, Tier, default_tiers, factor_of_share, impossible
from slo.units import (
    DURATION_PATTERN,
    PERCENT_PATTERN,
    Duration,
    Percent,
    format_duration,
    format_percent,
    parse_duration,
    parse_percent,
)
from slo.window import Calendar, Period, Rolling, Window
from slo.zone import parse_zone

NAME_PATTERN = r"[a-z0-9][a-z0-9_-]*"
_OF_DERIVED = {
    "bad_at": "`quorum`",
    "slice": "`quorum`, `all` or `weighted`",
    "slice_target": "`all` or `weighted`",
}
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_CALENDAR = re.compile(r"(day|week|month|quarter|year) +(\S+)", re.IGNORECASE)
_LIKE_CALENDAR = re.compile(
    r"(?:calendar[ -])?(dai|day|week|month|quarter|year)(?:ly)?\b", re.IGNORECASE
)
_NOT_IN_A_KEY = re.compile(r"[^A-Za-z0-9+-]+")
_SLICES_OF_A_PERIOD = timedelta(minutes=15)  # what divides every zone's offset from UTC
_SHORTEST_WINDOW = timedelta(minutes=5)
_LONGEST_WINDOW = timedelta(days=366)
LEAST_NO_DATA_AFTER = timedelta(minutes=2)
_LONGEST_TIMEOUT = timedelta(minutes=5)
_MOST_VARIANTS = 8  # objectives, and windows, of one SLO
_MOST_PARTS = 50  # that one SLI is derived from
_MOST_WEIGHT = 1_000_000
_MOST_OVERLAP = 30  # runs of one probe at the same time


def parse_objective(value: object) -> Decimal:
    """Read `99.9%` as an objective's share, strictly between 0 and 1. Raises ValueError."""
    return Objective(parse_percent(value)).share


Promised = TypeVar("Promised", Decimal, timedelta | Calendar)


def _several(value: object) -> object:
    """One is a list of one."""
    if isinstance(value, list | tuple):
        if not value:
            raise ValueError("the list is empty; write at least one")
        if len(value) > _MOST_VARIANTS:
            raise ValueError(f"{len(value)} are too many to be told apart; write at most 8")
        return value
    return (value,)


def _distinct(values: tuple[Promised, ...]) -> tuple[Promised, ...]:
    for place, value in enumerate(values):
        if value in values[:place]:
            raise ValueError(f"{_written(value)} is there twice")
    return values


def _written(value: Decimal | timedelta | Calendar) -> str:
    if isinstance(value, Calendar):
        return value.label
    return format_duration(value) if isinstance(value, timedelta) else format_percent(value)


def parse_window(value: object) -> timedelta | Calendar:
    """Read `30d` (rolling) or `month Asia/Tokyo` (the calendar). Raises ValueError."""
    if isinstance(value, Calendar):
        return value
    written = _CALENDAR.fullmatch(value.strip()) if isinstance(value, str) else None
    if written is not None:
        return Calendar(Period(written[1].lower()), parse_zone(written[2]))
    like = _LIKE_CALENDAR.match(value.strip()) if isinstance(value, str) else None
    if like is not None:
        period = like[1].lower().replace("dai", "day")
        raise ValueError(
            "a calendar window is a period and its time zone: "
            f"`{period} Europe/Berlin`, or `{period} UTC`"
        )
    length = parse_duration(value)
    if not _SHORTEST_WINDOW <= length <= _LONGEST_WINDOW:
        raise ValueError(
            f"a window of {format_duration(length)} is too "
            f"{'short' if length < _SHORTEST_WINDOW else 'long'}; write 5m to 366d"
        )
    return length


def parse_selectors(value: object) -> tuple[Selector, ...]:
    """Read one series selector or a list of them. Raises ValueError."""
    texts = value if isinstance(value, list | tuple) else [value]
    if not texts:
        raise ValueError("the list of selectors is empty")
    return tuple(_selector(text) for text in texts)


def _selector(text: object) -> Selector:
    if isinstance(text, Selector):
        return text
    if not isinstance(text, str):
        raise ValueError('a selector is text, such as http_requests_total{code=~"5.."}')
    try:
        return parse_selector(text)
    except SelectorError as error:
        raise ValueError(f"{text!r} is not a selector: {error}") from error


def _label(name: str) -> str:
    if not _LABEL.fullmatch(name):
        raise ValueError(f"{name!r} is not a label name: letters, digits and _, no digit first")
    return name


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("a duration of 0 makes no sense here")
    return value


def _marks(values: tuple[Decimal, ...]) -> tuple[Decimal, ...]:
    for value in values:
        if not 0 <= value < 1:
            raise ValueError(
                f"a mark of the remaining budget is 0% or more and less than 100%, not "
                f"{format_percent(value)}"
            )
        if values.count(value) > 1:
            raise ValueError(f"{format_percent(value)} stands there twice")
    return tuple(sorted(values, reverse=True))


def _name(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(
            f"{value!r} names nothing: write a name of this service, or `service/name` of another"
        )
    return value


def _names(value: object) -> tuple[str, ...]:
    """Read a list of references. Raises ValueError."""
    names = [_name(name) for name in (value if isinstance(value, list | tuple) else [value])]
    if len(names) > _MOST_PARTS:
        raise ValueError(f"{len(names)} are too many; at most {_MOST_PARTS} may be named")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"`{twice}` is named twice")
    return tuple(names)


def _weights(value: object) -> dict[str, int]:
    """Read names with their weights. Raises ValueError."""
    if not isinstance(value, dict):
        raise ValueError(
            "weights are names with whole numbers, such as {web/login: 3, pay/charge: 1}"
        )
    for name, weight in zip(_names(list(value)), value.values(), strict=True):
        if type(weight) is not int or not 1 <= weight <= _MOST_WEIGHT:
            raise ValueError(
                f"{weight!r} is no weight for `{name}`: write a whole number, 1 to {_MOST_WEIGHT:,}"
            )
    return value


def _factor(value: object) -> Fraction:
    """Read a burn rate; a float stands for the decimal it is written as."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal | Fraction):
        raise ValueError("a factor is a number, such as 14.4")
    try:
        factor = value if isinstance(value, Fraction) else Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"{value!r} is not a factor: write a number, such as 14.4") from None
    if factor <= 0:
        raise ValueError("a factor must be more than 0")
    return factor


_WINDOW_SCHEMA: dict[str, Any] = {
    "type": "string",
    "pattern": rf"{DURATION_PATTERN}|^(day|week|month|quarter|year) \S+$",
    "examples": ["30d", "28d", "7d", "month Asia/Tokyo"],
}
_OBJECTIVE_SCHEMA: dict[str, Any] = {
    "type": "string",
    "pattern": PERCENT_PATTERN,
    "examples": ["99.9%"],
}
_SELECTOR_SCHEMA: dict[str, Any] = {"type": "string", "minLength": 1}


def _one_or_several(schema: dict[str, Any]) -> dict[str, Any]:
    several = {"type": "array", "items": schema, "minItems": 1, "maxItems": _MOST_VARIANTS}
    return {"anyOf": [schema, several]}


ObjectiveShare = Annotated[
    Decimal,
    BeforeValidator(parse_objective),
    PlainSerializer(format_percent),
    WithJsonSchema(_OBJECTIVE_SCHEMA),
]
WindowValue = Annotated[
    timedelta | Calendar,
    PlainValidator(parse_window),
    PlainSerializer(
        lambda value: value.label if isinstance(value, Calendar) else format_duration(value)
    ),
    WithJsonSchema(_WINDOW_SCHEMA),
]
Objectives = Annotated[
    tuple[ObjectiveShare, ...],
    BeforeValidator(_several),
    AfterValidator(_distinct),
    WithJsonSchema(_one_or_several(_OBJECTIVE_SCHEMA)),
]
Windows = Annotated[
    tuple[WindowValue, ...],
    BeforeValidator(_several),
    AfterValidator(_distinct),
    WithJsonSchema(_one_or_several(_WINDOW_SCHEMA)),
]
Selectors = Annotated[
    tuple[Selector, ...],
    BeforeValidator(parse_selectors),
    PlainSerializer(lambda selectors: [str(selector) for selector in selectors]),
    WithJsonSchema(
        {"anyOf": [_SELECTOR_SCHEMA, {"type": "array", "items": _SELECTOR_SCHEMA, "minItems": 1}]}
    ),
]
Factor = Annotated[
    Fraction,
    BeforeValidator(_factor),
    PlainSerializer(float),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0}),
]
ThresholdValue = Annotated[
    Threshold,
    BeforeValidator(parse_threshold),
    PlainSerializer(str),
    WithJsonSchema(
        {"anyOf": [{"type": "number"}, {"type": "string"}], "examples": ["200ms", "70%", 1000]}
    ),
]
_REFERENCE_SCHEMA: dict[str, Any] = {
    "type": "string",
    "pattern": f"^({NAME_PATTERN}/)?{NAME_PATTERN}$",
}
References = Annotated[
    tuple[str, ...],
    BeforeValidator(_names),
    WithJsonSchema({"type": "array", "items": _REFERENCE_SCHEMA, "minItems": 2}),
]
Weights = Annotated[
    dict[str, int],
    BeforeValidator(_weights),
    WithJsonSchema(
        {
            "type": "object",
            "additionalProperties": {"type": "integer", "minimum": 1, "maximum": _MOST_WEIGHT},
            "minProperties": 2,
        }
    ),
]
PositiveDuration = Annotated[Duration, AfterValidator(_positive)]
LabelName = Annotated[str, AfterValidator(_label)]

BudgetMarks = Annotated[
    tuple[Percent, ...],
    AfterValidator(_marks),
    Field(max_length=20, examples=[["50%", "25%", "0%"]]),
]

FROZEN = ConfigDict(
    frozen=True, extra="forbid", arbitrary_types_allowed=True, populate_by_name=True
)


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

    def build(self, around: "Surroundings") -> SLI:
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

    def _components(self, around: "Surroundings") -> tuple[Component, ...]:
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


class TierConfig(BaseModel):
    """One burn-rate tier: a long and a short window, and how fast is too fast."""

    model_config = FROZEN

    severity: Severity
    spent: Percent | None = Field(
        None, description="Share of the budget spent within the long window (or give `factor`)."
    )
    factor: Factor | None = Field(None, description="Burn rate (or give `spent`).")
    long: PositiveDuration
    short: PositiveDuration
    for_: Duration = Field(
        timedelta(0), alias="for", description="How long it must hold before it fires."
    )
    keep_firing_for: Duration = Field(
        DEFAULT_KEEP_FIRING_FOR, description="How long it goes on after it no longer holds."
    )

    @model_validator(mode="after")
    def _is_one_threshold(self) -> Self:
        if (self.spent is None) == (self.factor is None):
            raise ValueError(
                "write exactly one of `spent` (such as 2%) and `factor` (such as 14.4)"
            )
        if self.spent is not None and not 0 < self.spent <= 1:
            raise ValueError(f"`spent` must be more than 0% and at most 100%, not {self.spent:%}")
        return self

    def build(self, period: timedelta) -> Tier:
        """The tier for an SLO whose window is `period`."""
        factor = self.factor
        if factor is None:
            factor = factor_of_share(Fraction(self.spent or 0), period, self.long)
        return Tier(self.severity, factor, self.long, self.short, self.for_, self.keep_firing_for)


class SLOConfig(BaseModel):
    """One promise: an objective for an SLI over a window."""

    model_config = FROZEN

    objective: Objectives = Field(description="The promised share of good events; or several.")
    window: Windows | None = Field(None, description="Or several. Default: `defaults.window`.")
    sli: SLIConfig
    tiers: tuple[TierConfig, ...] | None = Field(
        None, min_length=1, description="When to speak. Default: the SRE Workbook's four tiers."
    )
    method: Literal["occurrences", "timeslices", "ratio_timeslices"] = Field(
        "occurrences", description="What the budget is counted in: events, or slices of time."
    )
    slice: PositiveDuration | None = Field(None, description="How long a slice is.")
    slice_target: Percent | None = Field(
        None, description="The share of good events from which on a slice is good."
    )
    no_data: NoData = Field(
        NoData.IGNORE, description="What a slice counts as that was observed, and had no event."
    )
    no_data_after: PositiveDuration | None = Field(
        None, description="How long without data is an alert. Default: 5 intervals, at least 2m."
    )
    shadow: bool = Field(False, description="Compute and record everything, and tell nobody.")
    notices: BudgetMarks | None = Field(
        None,
        description="Marks of the remaining budget to be told of. Default: `defaults.notices`.",
    )
    exclude: tuple[ExclusionConfig, ...] = Field(
        (), description="Time that does not count: maintenance, corrections."
    )

    @model_validator(mode="after")
    def _says_what_a_slice_is(self) -> Self:
        of_slices = {"slice", "slice_target", "no_data"} & self.model_fields_set
        if self.method == "occurrences":
            if of_slices:
                raise ValueError(
                    f"`{min(of_slices)}` goes with `method: timeslices` or `ratio_timeslices`; "
                    "occurrences have no slices"
                )
            return self
        if self.slice is None:
            raise ValueError(f"`slice` is missing: how long a slice of `{self.method}` is")
        if self.method == "ratio_timeslices":
            if self.slice_target is not None:
                raise ValueError(
                    "`slice_target` goes with `timeslices`; ratio timeslices have no threshold"
                )
            return self
        if self.slice_target is None:
            raise ValueError(
                "`slice_target` is missing: the share of good events from which on a slice is good"
            )
        if not 0 < self.slice_target <= 1:
            raise ValueError("`slice_target` must be more than 0% and at most 100%")
        return self

    def slicing(self) -> Slicing | None:
        """How time is sliced; None where events are counted."""
        if self.slice is None:
            return None
        target = None if self.slice_target is None else Fraction(self.slice_target)
        return Slicing(self.slice, target, self.no_data)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an SLO that is well formed; `where` is the way to it inside the SLO."""

    where: tuple[str | int, ...]
    sentence: str


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


def build_slos(name: str, config: SLOConfig, around: Surroundings) -> tuple[SLO, ...]:
    """The SLO as configured, once for each objective over each window.

    The first is the one that the name alone means. `faults` says whether they make sense.
    """
    objectives = [Objective(share) for share in config.objective]
    windows = [
        written if isinstance(written, Calendar) else Rolling(written)
        for written in config.window or (around.window,)
    ]
    found: list[SLO] = []
    for objective, window in product(objectives, windows):
        parts = [objective.label] if len(objectives) > 1 else []
        parts += [_NOT_IN_A_KEY.sub("-", window.label)] if len(windows) > 1 else []
        slo = _build_slo(name, config, around, objective, window)
        found.append(replace(slo, variant="-".join(parts)) if found else slo)
    return tuple(found)


def _build_slo(
    name: str, config: SLOConfig, around: Surroundings, objective: Objective, window: Window
) -> SLO:
    tiers = (
        default_tiers(objective, window.length)
        if config.tiers is None
        else tuple(tier.build(window.length) for tier in config.tiers)
    )
    sli = config.sli.build(around)
    interval = sli.slice if isinstance(sli, DerivedSLI) else around.interval
    silence = max(5 * interval, LEAST_NO_DATA_AFTER) + around.lag
    return SLO(
        service=around.service,
        name=name,
        objective=objective,
        window=window,
        sli=sli,
        tiers=tiers,
        interval=interval,
        no_data_after=config.no_data_after or silence,
        slicing=config.slicing(),
        shadow=config.shadow,
        notices=around.notices if config.notices is None else config.notices,
        lag=around.lag,
    )


def faults(slo: SLO, config: SLOConfig, around: Surroundings) -> list[Fault]:
    """Everything that contradicts itself in a well-formed SLO."""
    window = slo.window.length
    at_window = place_of_window(slo, config)
    found = []
    if not _fits(window, around.bucket):
        found.append(Fault(at_window, _misfit("window", window, around.bucket)))
    if slo.interval > window:
        found.append(
            Fault(
                at_window,
                f"the window of {slo.window.label} is shorter than {_interval_of(slo)}, "
                f"{format_duration(slo.interval)}",
            )
        )
    if config.no_data_after is not None and config.no_data_after < 2 * slo.interval:
        found.append(
            Fault(
                ("no_data_after",),
                f"{format_duration(config.no_data_after)} without data is normal for "
                f"{_what_runs(slo)} every {format_duration(slo.interval)}; write at least "
                f"{format_duration(2 * slo.interval)}",
            )
        )
    if isinstance(slo.sli, DerivedSLI):
        found += _derived_faults(slo.sli, around)
    if slo.slicing is not None:
        found += _slice_faults(slo, slo.slicing, around)
    if config.tiers is not None:
        found += _tier_faults(slo, around.bucket)
    return found


def _interval_of(slo: SLO) -> str:
    return "its slice" if slo.collector_id is None else "the interval of its collector"


def _what_runs(slo: SLO) -> str:
    return "a slice" if slo.collector_id is None else "a collector that runs"


def place_of_window(slo: SLO, config: SLOConfig) -> tuple[str | int, ...]:
    """Where, inside the SLO, its window is written; the SLO itself where it names none."""
    if config.window is None:
        return ()
    own = slo.window if isinstance(slo.window, Calendar) else slo.window.length
    return ("window",) if len(config.window) == 1 else ("window", config.window.index(own))


def _derived_faults(sli: DerivedSLI, around: Surroundings) -> list[Fault]:
    """Slices that cannot be cut, or that what they are made of does not fill."""
    length = format_duration(sli.slice)
    if around.interval > LONGEST_SLICE:
        words = (
            f"it is made of what is observed every {format_duration(around.interval)}, and a slice "
            f"is at most {format_duration(LONGEST_SLICE)}"
        )
        return [Fault(("sli",), words)]
    said = slice_misfit(sli.slice, around.bucket)
    if said is None and sli.slice < around.interval:
        said = (
            "must be no shorter than the longest interval of what it is made of, "
            f"{format_duration(around.interval)}"
        )
    if said is None:
        odd = next(
            (
                slo
                for slo in around.components.values()
                if isinstance(slo.sli, DerivedSLI) and sli.slice % slo.sli.slice
            ),
            None,
        )
        if odd is not None:
            said = f"must hold whole slices of {odd.id}, which are {format_duration(odd.interval)}"
    return [] if said is None else [Fault(("sli", "slice"), f"a slice of {length} {said}")]


def _slice_faults(slo: SLO, slicing: Slicing, around: Surroundings) -> list[Fault]:
    """Slices that no window can be made of; one sentence is enough to mend them."""
    length, where = slicing.length, ("slice",)
    said = None
    if length % around.bucket:
        said = f"must be a multiple of the bucket, {format_duration(around.bucket)}"
    elif isinstance(slo.window, Calendar) and _SLICES_OF_A_PERIOD % length:
        said = "must divide 15m, as periods of the calendar begin by the quarter of an hour"
    elif slo.window.length % length:
        said = f"must divide the window, {slo.window.label}"
    elif isinstance(slo.sli, DerivedSLI) and length % slo.interval:
        said = f"must hold whole slices of its `sli`, which are {format_duration(slo.interval)}"
    elif length < slo.interval:
        interval = format_duration(slo.interval)
        said = f"must be no shorter than the interval of its collector, {interval}"
    else:
        windows = sorted({window for tier in slo.tiers for window in (tier.short, tier.long)})
        odd = next((window for window in windows if window % length), None)
        if odd is not None:
            said = (
                f"must divide every window of the tiers, and does not divide {format_duration(odd)}"
            )
    return [] if said is None else [Fault(where, f"a slice of {slicing.label} {said}")]


def timing_fault(interval: timedelta, timeout: timedelta) -> str | None:
    """Why a collector cannot run every `interval` with this `timeout`; None when it can."""
    if interval < timedelta(seconds=1):
        return f"an interval of {format_duration(interval)} is too short; write at least 1s"
    if interval > timedelta(days=1):
        return f"an interval of {format_duration(interval)} is too long; write at most 1d"
    if timeout <= timedelta(0):
        return "a timeout of 0 leaves no time for an answer"
    if timeout > _LONGEST_TIMEOUT:
        return f"a timeout of {format_duration(timeout)} is too long; write at most 5m"
    runs = math.ceil(timeout / interval)
    if runs > _MOST_OVERLAP:
        return (
            f"a timeout of {format_duration(timeout)} with an interval of "
            f"{format_duration(interval)} lets {runs} runs wait at once; "
            f"at most {_MOST_OVERLAP} may"
        )
    return None


def fingerprint(slo: SLO) -> str:
    """What is counted, as a short stable hash; objective, window and tiers do not matter.

    Counts belong to a fingerprint: an SLO whose SLI was edited starts empty.
    """
    match slo.sli:
        case ProbeSLI(collector=collector):
            parts = ["probe", collector]
        case EventsSLI() as events:
            sides = [
                sorted(map(_canonical, selectors))
                for selectors in (events.total, events.bad, events.good)
            ]
            parts = ["events", events.collector, *("\x1e".join(selectors) for selectors in sides)]
        case HistogramSLI(collector=collector, histograms=histograms, below=below):
            names = sorted(map(_canonical, histograms))
            parts = ["histogram", collector, "\x1e".join(names), _plain(below)]
        case GaugeSLI(collector=collector, metric=metric, side=side, threshold=threshold):
            names = sorted(map(_canonical, metric))
            parts = ["gauge", collector, "\x1e".join(names), side.value, _plain(threshold)]
        case QuorumSLI(vantages=vantages, bad_at=bad_at, slice=length):
            parts = ["quorum", *sorted(vantages), str(bad_at), format_duration(length)]
        case CompositeSLI(components=components, slice=length, weighted=weighted):
            kind = "weighted" if weighted else "all"
            parts = [kind, format_duration(length), *sorted(map(_component, components))]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]


def _component(component: Component) -> str:
    target, no_data = str(component.target), component.no_data.value
    weight = str(component.weight)
    return "\x1e".join((component.sli_id, target, no_data, component.counted, weight))


def _plain(threshold: Threshold) -> str:
    """The same text for the same number, however it was written."""
    return f"{threshold.value.normalize():f}"


def _canonical(selector: Selector) -> str:
    return str(Selector(selector.metric, tuple(sorted(selector.matchers, key=str))))


def _tier_faults(slo: SLO, bucket: timedelta) -> list[Fault]:
    found: list[Fault] = []
    can_never_fire = impossible(slo.tiers, slo.objective)
    keys: dict[str, int] = {}
    for at, tier in enumerate(slo.tiers):
        where = ("tiers", at)
        if tier.key in keys:
            found.append(
                Fault(where, f"tier {keys[tier.key] + 1} has this severity and these windows too")
            )
        keys.setdefault(tier.key, at)
        if tier.short >= tier.long:
            found.append(
                Fault(
                    (*where, "short"),
                    f"the short window, {format_duration(tier.short)}, must be shorter than the "
                    f"long one, {format_duration(tier.long)}",
                )
            )
        if tier.long > slo.window.length:
            found.append(
                Fault(
                    (*where, "long"),
                    f"a tier over {format_duration(tier.long)} is longer than the SLO's window, "
                    f"{slo.window.label}",
                )
            )
        for key, length in (("long", tier.long), ("short", tier.short)):
            if not _fits(length, bucket):
                found.append(Fault((*where, key), _misfit(key, length, bucket)))
        if tier in can_never_fire:
            found.append(
                Fault(
                    where,
                    f"this tier can never fire: a full outage of a {slo.objective.label}% "
                    f"objective burns {float(slo.objective.max_burn):g}x, and the tier waits for "
                    f"more than {float(tier.factor):g}x",
                )
            )
    return found


def unit_of(window: timedelta, bucket: timedelta) -> timedelta:
    """The step that the edges of a window move in; see semantics, "Windows"."""
    if window <= timedelta(hours=6):
        return bucket
    return timedelta(minutes=1) if window <= timedelta(days=3) else timedelta(minutes=5)


def _fits(window: timedelta, bucket: timedelta) -> bool:
    return window % unit_of(window, bucket) == timedelta(0)


def _misfit(key: str, window: timedelta, bucket: timedelta) -> str:
    unit = format_duration(unit_of(window, bucket))
    return (
        f"`{key}` must be a multiple of {unit}, the step in which windows of this length move; "
        f"{format_duration(window)} is none"
    )
