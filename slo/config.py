"""What an SLO may look like in the configuration, and the SLO it becomes."""

import re
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from itertools import product
from typing import Literal, Self

from pydantic import BaseModel, Field, model_validator

from slo.definition import SLO, DerivedSLI
from slo.exclusion_config import ExclusionConfig
from slo.fields import FROZEN, BudgetMarks, Factor, Objectives, PositiveDuration, Windows
from slo.objective import Objective
from slo.severity import Severity
from slo.sli_config import SLIConfig
from slo.slices import NoData, Slicing
from slo.surroundings import Surroundings
from slo.tiers import DEFAULT_KEEP_FIRING_FOR, Tier, default_tiers, factor_of_share
from slo.units import Duration, Percent
from slo.window import Calendar, Rolling, Window

_NOT_IN_A_KEY = re.compile(r"[^A-Za-z0-9+-]+")
LEAST_NO_DATA_AFTER = timedelta(minutes=2)


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
