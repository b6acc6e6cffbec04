"""Is what came after a release worse than what came before? An exact test of two rates. Pure.

The test: given how many bad events there were in all, as many as came after (or more) would have
come by chance with a binomial probability, were both rates the same. (Przyborowski and Wilenski,
"Homogeneity of results in testing samples from Poisson series", 1940.) It errs to the side of
chance, the more so the larger the share of bad events is.
"""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from slo.evidence import tail

WORSE, MAYBE = 1e-3, 5e-2  # the probabilities below which chance is ruled out, or doubted


class Finding(StrEnum):
    """What can be said of two stretches of time."""

    NO_WORSE = "no_worse"
    MAYBE_WORSE = "maybe_worse"
    WORSE = "worse"
    UNKNOWN = "unknown"  # too few events to say anything


@dataclass(frozen=True, slots=True)
class Sample:
    """Events of one stretch of time."""

    good: int
    bad: int

    @property
    def total(self) -> int:
        return self.good + self.bad

    @property
    def ratio(self) -> Fraction | None:
        """The share that was bad; None without events."""
        return Fraction(self.bad, self.total) if self.total else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """`chance`: the probability of so many bad events after, were nothing worse; None: unknown."""

    before: Sample
    after: Sample
    finding: Finding
    chance: float | None = None


def compare(before: Sample, after: Sample, budget_share: Fraction) -> Comparison:
    """Whether `after` is worse than `before`.

    A difference within the budget's own pace (a burn rate of at most 1) is none to act on. Where
    even nothing but bad events would have been no evidence, nothing can be said.
    """
    if not before.total or not after.total:
        return Comparison(before, after, Finding.UNKNOWN)
    share = Fraction(after.total, before.total + after.total)
    if tail(after.total, after.total + before.bad, share) >= WORSE:
        return Comparison(before, after, Finding.UNKNOWN)
    chance = tail(after.bad, after.bad + before.bad, share)
    ratio = Fraction(after.bad, after.total)
    finding = Finding.NO_WORSE
    if ratio > budget_share and chance < MAYBE:
        finding = Finding.WORSE if chance < WORSE else Finding.MAYBE_WORSE
    return Comparison(before, after, finding, chance)
