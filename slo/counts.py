"""What was counted: good, bad and unknown events, and how much of what was due was observed."""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Counts:
    """Events. `total` is good + bad; unknown events are neither and move no ratio."""

    good: int = 0
    bad: int = 0
    unknown: int = 0

    @property
    def total(self) -> int:
        return self.good + self.bad

    @property
    def bad_ratio(self) -> Fraction | None:
        """The share of bad events; None without events."""
        return Fraction(self.bad, self.total) if self.total else None

    @property
    def good_ratio(self) -> Fraction | None:
        """The SLI; None without events: no data is neither 0 nor 1."""
        return Fraction(self.good, self.total) if self.total else None

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.good + other.good, self.bad + other.bad, self.unknown + other.unknown)


@dataclass(frozen=True, slots=True)
class WindowCounts:
    """The sums of one window over the ledger's buckets.

    `counts`: every event booked in the window, smeared ones included.
    `observed`: only events seen in their own bucket (short windows look at these alone).
    `seen`: observations that came (a probe run with a verdict, a good scrape).
    `due`: observations that should have come while the SLI was being watched (seen + missed).
    """

    counts: Counts
    observed: Counts
    seen: int
    due: int

    @property
    def coverage(self) -> Fraction | None:
        """seen / due; None when nothing was due."""
        return Fraction(self.seen, self.due) if self.due else None
