"""What is true of an SLO at one moment: the one place that every page, API and metric reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction

from slo.counts import Counts, WindowCounts
from slo.definition import SLO
from slo.slices import SliceCounts
from slo.tiers import Tier


class BudgetState(StrEnum):
    """The slow fact: how the error budget stands."""

    HEALTHY = "healthy"
    AT_RISK = "at_risk"
    EXHAUSTED = "exhausted"
    LEARNING = "learning"
    NO_DATA = "no_data"


class NowState(StrEnum):
    """The fast fact: what is happening."""

    OK = "ok"
    BURNING = "burning"
    BURNING_FAST = "burning_fast"
    FAILING = "failing"  # mostly bad, but no rule fires yet: too early to judge
    RECOVERING = "recovering"
    STALE = "stale"


class Verdict(StrEnum):
    """What a tier says at one moment, before `for` and `keep_firing_for`."""

    TRUE = "true"
    FALSE = "false"
    FROZEN = "frozen"  # too little of the short window was observed to say anything


@dataclass(frozen=True, slots=True)
class Burn:
    """How fast one window spends the budget: exact, None without events.

    `slices` are what is counted instead of events, where the budget is one of slices.
    """

    lookback: timedelta
    window: WindowCounts
    rate: Fraction | None
    slices: SliceCounts | None = None

    @property
    def cost(self) -> Fraction | int:
        """What it spent, in the budget's own unit."""
        return self.window.counts.bad if self.slices is None else self.slices.cost


@dataclass(frozen=True, slots=True)
class TierReading:
    """One tier at one moment, and in words why it says what it says.

    `likelihood`: probability of at least this many bad events in the long window, were the
    service exactly on its objective. `enough_bad`: how many bad events would be evidence enough.
    """

    tier: Tier
    long: Burn
    short: Burn
    verdict: Verdict
    reason: str
    likelihood: float | None = None
    enough_bad: int | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """The error budget over the window, in events or slices; exact. `remaining` may be negative.

    Of ratio slices, parts of one are spent.
    """

    allowed: Fraction
    spent_events: Fraction | int

    @property
    def spent(self) -> Fraction:
        """The share that is spent; 1 is all of it."""
        return Fraction(self.spent_events) / self.allowed

    @property
    def remaining(self) -> Fraction:
        return 1 - self.spent

    def remaining_time(self, slo: SLO) -> timedelta:
        """What is left, as time of a full outage: remaining * (1 - T) * window."""
        share = self.remaining * slo.objective.budget_share
        return timedelta(seconds=float(share * slo.window.seconds))


@dataclass(frozen=True, slots=True)
class Forecast:
    """When the budget is gone at the last hour's pace: `at`, or None when it lasts.

    `known` is False when the last hour has no events to go on from.
    """

    known: bool
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Raw:
    """What an SLO's window would say if nothing were excluded."""

    window: WindowCounts
    sli: Fraction | None
    budget: Budget | None
    slices: SliceCounts | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """What a derived SLI is made of: a vantage's collector, or the SLI of an SLO, by `id`.

    `bad`: events of the SLO's window that it made bad, by itself or with others; `alone`: slices
    in which it failed and too few others did. `hour` is what it counted itself; `window` as well,
    over the SLO's window, of a vantage: a component has a window of its own.
    """

    id: str
    name: str
    hour: Counts
    bad: int
    alone: int = 0
    window: Counts | None = None


@dataclass(frozen=True, slots=True)
class SLOStatus:
    """Everything there is to say about one SLO at `at`. Ratios are exact, None without data."""

    slo: SLO
    at: datetime
    window: WindowCounts
    sli: Fraction | None
    sli_bounds: tuple[Fraction, Fraction] | None  # all unknown bad .. all unknown good
    budget: Budget | None
    burns: tuple[Burn, ...]  # by lookback, shortest first; the lookbacks of the tiers and 5m, 1h
    tiers: tuple[TierReading, ...]
    forecast: Forecast
    budget_state: BudgetState
    now_state: NowState
    lifetime: Counts  # raw, only ever rises
    last_observation: datetime | None
    watched_since: datetime | None
    causes: Mapping[str, int] = field(default_factory=dict)  # bad events of the window, by cause
    slices: SliceCounts | None = None  # of the window, where the budget is one of slices
    # What could not be counted as it came, and how often since the process began.
    anomalies: Mapping[str, int] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()  # of a derived SLI, as configured; none of a moment in the past
    beside: int = 0  # slices of the window in which a quorum had failures, and too few

    # None: nothing is excluded, so that the numbers are the raw ones.
    raw: Raw | None = None
    excluded_now: tuple[datetime, datetime] | None = None  # the excluded stretch that `at` is in

    @property
    def excluded(self) -> Counts:
        """The window's events that are excluded."""
        if self.raw is None:
            return Counts()
        raw, left = self.raw.window.counts, self.window.counts
        return Counts(raw.good - left.good, raw.bad - left.bad, raw.unknown - left.unknown)

    def burn(self, lookback: timedelta) -> Burn | None:
        """The burn rate over one of the lookbacks that are kept."""
        return next((burn for burn in self.burns if burn.lookback == lookback), None)
