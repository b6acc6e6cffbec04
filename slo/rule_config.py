"""What a threshold rule may look like in the configuration, and the rule it becomes."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from typing import Annotated, ClassVar, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)

from slo.config import LEAST_NO_DATA_AFTER
from slo.faults import Fault
from slo.fields import FROZEN, LabelName, PositiveDuration, Selectors
from slo.limit import Limit, Unit, parse_limit
from slo.rule import (
    Bounds,
    Check,
    DownCheck,
    FailuresCheck,
    GaugeCheck,
    QuantileCheck,
    RateCheck,
    RatioCheck,
    Rule,
)
from slo.severity import Severity
from slo.sli_config import named_as_histogram
from slo.threshold import Side
from slo.tiers import DEFAULT_KEEP_FIRING_FOR
from slo.units import Duration, Percent, format_duration

_RECHECK = timedelta(seconds=1)
_LONGEST_RECHECK = timedelta(minutes=1)
_LONGEST_OVER = timedelta(days=7)
_LONGEST_FOR = timedelta(days=7)
_MOST_RUNS = 100
_FAILURES = re.compile(r"([0-9]{1,3}) +of +([0-9]{1,3})")

LimitValue = Annotated[
    Limit,
    BeforeValidator(parse_limit),
    PlainSerializer(str),
    WithJsonSchema(
        {
            "anyOf": [{"type": "number"}, {"type": "string"}],
            "examples": ["70%", "2s", "12/m", 1000],
        }
    ),
]


@dataclass(frozen=True, slots=True)
class Failures:
    """So many of the last `of` runs, as it is written: `3 of 5`."""

    least: int
    of: int

    def __str__(self) -> str:
        return f"{self.least} of {self.of}"


def parse_failures(value: object) -> Failures:
    """Read `3 of 5`. Raises ValueError."""
    if isinstance(value, Failures):
        return value
    match = _FAILURES.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None or not 1 <= int(match[1]) <= int(match[2]) <= _MOST_RUNS:
        raise ValueError(
            f"{value!r} is not so many of the last runs: write it such as 3 of 5, at most "
            f"{_MOST_RUNS} of {_MOST_RUNS}"
        )
    return Failures(int(match[1]), int(match[2]))


FailuresValue = Annotated[
    Failures,
    BeforeValidator(parse_failures),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": _FAILURES.pattern, "examples": ["3 of 5"]}),
]


class RuleConfig(BaseModel):
    """A threshold that must not be crossed for long: of a gauge, a rate, a ratio, a quantile, or
    how long a probe may fail.
    """

    model_config = FROZEN

    collector: str | None = Field(None, description="The prometheus collector that is read.")
    metric: Selectors | None = Field(None, description="Gauges; the worst series decides.")
    counter: Selectors | None = Field(
        None, description="Counters whose rate `over` a time is limited."
    )
    bad: Selectors | None = Field(None, description="Counters of bad events; goes with `total`.")
    good: Selectors | None = Field(None, description="Counters of good events; goes with `total`.")
    total: Selectors | None = Field(None, description="Counters of all events.")
    histogram: Selectors | None = Field(
        None, description="Histograms, named without `_bucket`; goes with `quantile`."
    )
    quantile: Percent | None = Field(None, description="Which one, such as 99%.")
    probe: str | None = Field(
        None,
        description="The collector that must not fail, of a kind whose runs pass or fail; goes "
        "with `down_for` or `failures`.",
    )
    down_for: Duration | None = Field(
        None,
        description="How long every run has to fail before it fires; 0s is the first failure.",
    )
    recheck: PositiveDuration | None = Field(
        None, description="How soon after that one more look has to fail too. Default: 1s."
    )
    failures: FailuresValue | None = Field(
        None, description="How many of the last runs have to fail, such as `3 of 5`."
    )
    recovery: int | None = Field(
        None,
        ge=1,
        le=_MOST_RUNS,
        description="How many runs in a row have to pass before it is over. Default: 1.",
    )
    over: PositiveDuration | None = Field(
        None, description="The last stretch of time that is counted."
    )
    at_least: int | None = Field(
        None, ge=1, description="How many events it takes before a share of them says anything."
    )
    above: LimitValue | None = Field(None, description="It fires above this (or give `below`).")
    below: LimitValue | None = Field(None, description="It fires below this (or give `above`).")
    clear_below: LimitValue | None = Field(
        None, description="Once it fires, it goes on until it is below this. Goes with `above`."
    )
    clear_above: LimitValue | None = Field(
        None, description="Once it fires, it goes on until it is above this. Goes with `below`."
    )
    by: tuple[LabelName, ...] = Field(
        (), description="Labels that tell the series of a gauge apart. Default: all of them."
    )
    for_: Duration = Field(
        timedelta(0), alias="for", description="How long it must hold before it fires."
    )
    keep_firing_for: Duration = Field(
        DEFAULT_KEEP_FIRING_FOR, description="How long it goes on after it no longer holds."
    )
    severity: Severity
    no_data_after: PositiveDuration | None = Field(
        None, description="How long without data is an alert. Default: 5 intervals, at least 2m."
    )

    shadow: bool = Field(False, description="Compute and record everything, and tell nobody.")

    _ALWAYS: ClassVar[frozenset[str]] = frozenset(
        {"severity", "keep_firing_for", "no_data_after", "shadow"}
    )
    _OF_LIMITS: ClassVar[frozenset[str]] = frozenset(
        {"collector", "for_", "above", "below", "clear_below", "clear_above"}
    )
    _KINDS: ClassVar[dict[str, frozenset[str]]] = {
        "metric": _OF_LIMITS | {"by"},
        "counter": _OF_LIMITS | {"over"},
        "total": _OF_LIMITS | {"bad", "good", "over", "at_least"},
        "histogram": (_OF_LIMITS - {"below", "clear_above"}) | {"quantile", "over", "at_least"},
        "probe": frozenset({"down_for", "recheck", "failures", "recovery"}),
    }

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        kinds = [kind for kind in self._KINDS if getattr(self, kind) is not None]
        if not kinds:
            raise ValueError(
                "an alert says what it watches: `metric` (a gauge), `counter` (a rate), `total` "
                "with one of `bad` and `good` (a ratio), `histogram` with `quantile`, or `probe` "
                "with `down_for` or `failures`"
            )
        kind, *others = kinds
        if others:
            raise ValueError(
                f"`{kind}` and `{others[0]}` exclude each other: an alert watches one thing"
            )
        for key in sorted(self.model_fields_set - self._ALWAYS - self._KINDS[kind] - {kind}):
            raise ValueError(f"`{'for' if key == 'for_' else key}` does not go with `{kind}`")
        if kind == "probe":
            return self._is_down()
        if self.collector is None:
            raise ValueError("`collector` is missing: the prometheus collector that is read")
        self._has_bounds()
        if kind != "metric" and self.over is None:
            raise ValueError(
                f"`over` is missing: the time that `{kind}` is counted over, such as 5m"
            )
        match kind:
            case "metric":
                self._is_gauge()
            case "counter":
                self._is_rate()
            case "total":
                self._is_ratio()
            case "histogram":
                self._is_quantile()
        return self

    def _is_down(self) -> Self:
        if self.failures is not None:
            for key in ("down_for", "recheck"):
                if getattr(self, key) is not None:
                    raise ValueError(
                        f"`failures` and `{key}` exclude each other: so many of the last runs, or "
                        "every run for so long and one more look"
                    )
            return self
        if self.down_for is None:
            raise ValueError(
                "`down_for` is missing: how long every run has to fail, such as 1m (or write "
                "`failures`, such as 3 of 5)"
            )
        if self.recheck is not None and self.recheck > _LONGEST_RECHECK:
            raise ValueError("`recheck` is how soon one more look follows: write at most 1m")
        return self

    def _has_bounds(self) -> None:
        if (self.above is None) == (self.below is None):
            raise ValueError("write exactly one of `above` and `below`: where it fires")
        side, clearing = ("above", "clear_below") if self.above else ("below", "clear_above")
        wrong = "clear_above" if self.above else "clear_below"
        if getattr(self, wrong) is not None:
            raise ValueError(f"`{wrong}` does not go with `{side}`; write `{clearing}`")
        limit, clear = getattr(self, side), getattr(self, clearing)
        if clear is None:
            return
        if clear.unit is not limit.unit:
            raise ValueError(f"`{clearing}` and `{side}` must be written in the same unit")
        if not (clear.value < limit.value if self.above else clear.value > limit.value):
            raise ValueError(
                f"`{clearing}: {clear}` must be {'less' if self.above else 'more'} than "
                f"`{side}: {limit}`, or it would end before it begins"
            )

    @property
    def _limits(self) -> Iterable[tuple[str, Limit]]:
        for key in ("above", "below", "clear_below", "clear_above"):
            limit = getattr(self, key)
            if limit is not None:
                yield key, limit

    def _is_rate(self) -> None:
        for key, limit in self._limits:
            if limit.unit.period is None:
                raise ValueError(f"`{key}` is a rate here: write it such as 12/m, 0.5/s or 100/d")

    def _is_gauge(self) -> None:
        for key, limit in self._limits:
            if limit.unit.period is not None:
                raise ValueError(f"`{key}: {limit}` is a rate, and a gauge has none")

    def _is_ratio(self) -> None:
        if (self.bad is None) == (self.good is None):
            raise ValueError("write exactly one of `bad` and `good`: the events that are a share")
        for key, limit in self._limits:
            if limit.unit is not Unit.SHARE or not 0 <= limit.value < 1:
                raise ValueError(f"`{key}` is a share here: write it such as 1%, below 100%")

    def _is_quantile(self) -> None:
        if self.quantile is None:
            raise ValueError("`quantile` is missing: which one is limited, such as 99%")
        if not 0 < self.quantile < 1:
            raise ValueError("`quantile` must lie between 0% and 100%, both excluded")
        named_as_histogram(self.histogram or (), "above")
        for key, limit in self._limits:
            if limit.unit.period is not None:
                raise ValueError(f"`{key}: {limit}` is a rate, and no edge of a histogram")

    @property
    def collector_name(self) -> str:
        """The collector that feeds it, whatever the kind."""
        return self.probe or self.collector or ""

    def check(self) -> Check:
        """What it looks at."""
        if self.probe is not None:
            recovery = self.recovery or 1
            if self.failures is not None:
                return FailuresCheck(self.failures.least, self.failures.of, recovery)
            return DownCheck(self.down_for or timedelta(0), self.recheck or _RECHECK, recovery)
        bounds, over = self._bounds(), self.over or timedelta(0)
        if self.metric is not None:
            return GaugeCheck(self.metric, bounds, self.by)
        if self.counter is not None:
            return RateCheck(self.counter, over, bounds)
        if self.histogram is not None:
            share = Fraction(self.quantile or 0)
            return QuantileCheck(self.histogram, share, over, bounds, self.at_least or 1)
        return RatioCheck(
            self.total or (), over, bounds, self.bad or (), self.good or (), self.at_least or 1
        )

    def _bounds(self) -> Bounds:
        if self.above is not None:
            return Bounds(Side.ABOVE, self.above, self.clear_below)
        assert self.below is not None  # noqa: S101 - the validator saw to it
        return Bounds(Side.BELOW, self.below, self.clear_above)


@dataclass(frozen=True, slots=True)
class RuleSurroundings:
    """What a rule takes from the rest of the configuration."""

    service: str
    interval: timedelta  # of its collector


def build_rule(name: str, config: RuleConfig, around: RuleSurroundings) -> Rule:
    """The rule as configured; `rule_faults` says whether it makes sense."""
    return Rule(
        service=around.service,
        name=name,
        collector=config.collector_name,
        check=config.check(),
        severity=config.severity,
        for_=config.for_,
        keep_firing_for=config.keep_firing_for,
        interval=around.interval,
        no_data_after=config.no_data_after or max(5 * around.interval, LEAST_NO_DATA_AFTER),
        shadow=config.shadow,
    )


def rule_faults(rule: Rule, config: RuleConfig) -> list[Fault]:
    """Everything that contradicts itself, or its collector, in a well-formed rule."""
    every = format_duration(rule.interval)
    found = []
    if config.over is not None and config.over < 4 * rule.interval:
        found.append(
            Fault(
                ("over",),
                f"{format_duration(config.over)} is too short for a collector that runs every "
                f"{every}; write at least {format_duration(4 * rule.interval)}",
            )
        )
    if config.over is not None and config.over > _LONGEST_OVER:
        found.append(
            Fault(
                ("over",),
                f"{format_duration(config.over)} is too long for an alert, which counts at most "
                "7d; what is promised for longer is an SLO",
            )
        )
    if config.for_ > _LONGEST_FOR:
        found.append(Fault(("for",), f"`for: {format_duration(config.for_)}` is longer than 7d"))
    if config.recheck is not None and config.recheck >= rule.interval:
        found.append(
            Fault(
                ("recheck",),
                f"a recheck after {format_duration(config.recheck)} confirms nothing: the probe "
                f"itself runs every {every}; write less",
            )
        )
    if config.no_data_after is not None and config.no_data_after < 2 * rule.interval:
        found.append(
            Fault(
                ("no_data_after",),
                f"{format_duration(config.no_data_after)} without data is normal for a collector "
                f"that runs every {every}; write at least {format_duration(2 * rule.interval)}",
            )
        )
    return found
