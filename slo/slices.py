"""Time cut into slices, each of which is good or bad as a whole, or as good as its ratio."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from fractions import Fraction

from slo.units import format_duration

# A slice's ratio is kept in these parts of 1, rounded down: exact for up to 30 events (the least
# common multiple of 1 to 30), to 4e-13 beyond. Sums of them are integers, so that a window is the
# same number in whatever order its events came, at the price of one addition a slice.
RATIO_PARTS = 2_329_089_562_800


class NoData(StrEnum):
    """What an observed slice in which nothing happened counts as."""

    IGNORE = "ignore"
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Slicing:
    """How time is sliced. `target` is the ratio of a good slice; None: a slice counts its ratio."""

    length: timedelta
    target: Fraction | None
    no_data: NoData = NoData.IGNORE

    @property
    def seconds(self) -> int:
        return int(self.length.total_seconds())

    @property
    def is_fine(self) -> bool:
        """Whether five-minute sums cannot tell these slices."""
        return self.length % timedelta(minutes=5) != timedelta(0)

    @property
    def method(self) -> str:
        """As the configuration calls it."""
        return "ratio_timeslices" if self.target is None else "timeslices"

    @property
    def label(self) -> str:
        return format_duration(self.length)

    @property
    def parts(self) -> int:
        """What a wholly bad slice costs."""
        return RATIO_PARTS if self.target is None else 1

    def judge(self, good: int, bad: int, unknown: int, seen: int) -> int | None:
        """What a closed slice costs, in `parts`; None when it does not count.

        `seen` observations came in it. Unknown events alone say nothing about it.
        """
        total = good + bad
        if total:
            if self.target is None:
                return bad * RATIO_PARTS // total
            target = self.target
            return 0 if good * target.denominator >= target.numerator * total else 1
        if not seen or unknown or self.no_data is NoData.IGNORE:
            return None
        return self.parts if self.no_data is NoData.BAD else 0

    def doubt(self, good: int, bad: int, unknown: int, seen: int) -> tuple[int, int, int]:
        """What its unknown events leave open about a closed slice: does it count for them alone
        (1 or 0), how much less it may have cost, and how much more, in `parts`.
        """
        if not unknown:
            return 0, 0, 0
        best = self.judge(good + unknown, bad, 0, seen) or 0
        worst = self.judge(good, bad + unknown, 0, seen) or 0
        cost = self.judge(good, bad, unknown, seen)
        return (1, 0, worst) if cost is None else (0, cost - best, worst - cost)


@dataclass(frozen=True, slots=True)
class SliceCounts:
    """The closed slices of one window that count: how many, and what they cost in bad slices.

    Unknown events may have been good or bad. With them `unsure` slices more would count, and all
    would cost `better` less at the best and `worse` more at the worst.
    """

    observed: int
    cost: Fraction
    unsure: int = 0
    better: Fraction = Fraction(0)
    worse: Fraction = Fraction(0)

    @property
    def bounds(self) -> tuple[Fraction, Fraction] | None:
        """The SLI were all unknown events bad, and were all good; None without any slice."""
        slices = self.observed + self.unsure
        if not slices:
            return None
        return 1 - (self.cost + self.worse) / slices, 1 - (self.cost - self.better) / slices

    @property
    def bad_ratio(self) -> Fraction | None:
        """The share of bad slices; None without one that counts."""
        return self.cost / self.observed if self.observed else None
