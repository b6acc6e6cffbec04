"""The marks of an error budget: which are passed, and whether passing one is worth a word. Pure."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

REARM = Fraction(5, 100)  # so far above a mark it may be told again
DEFAULT_MARKS = (Decimal("0.5"), Decimal("0.25"), Decimal(0))


@dataclass(frozen=True, slots=True)
class Band:
    """What may remain of a budget, `lower` <= it < `upper`, with nothing to say; None: no end."""

    lower: Fraction | None
    upper: Fraction | None

    def holds(self, remaining: Fraction) -> bool:
        return (self.lower is None or remaining >= self.lower) and (
            self.upper is None or remaining < self.upper
        )


@dataclass(frozen=True, slots=True)
class Marks:
    """Which marks of one budget are known, and which of them are passed.

    `budget` names whose budget it is: an edited promise has another. `period` is the start of the
    calendar's period, None for a rolling window.
    """

    budget: str
    period: datetime | None = None
    known: frozenset[Decimal] = frozenset()
    passed: frozenset[Decimal] = frozenset()

    def band(self, wanted: Collection[Decimal]) -> Band | None:
        """Within what a look would change nothing, whether or not the budget is still being learnt,
        while it stays the same budget and period; None while a wanted mark is not known.
        """
        if frozenset(wanted) != self.known:
            return None
        ahead = max(self.known - self.passed, default=None)
        behind = min(self.passed, default=None)
        return Band(
            None if ahead is None else Fraction(ahead),
            None if behind is None else Fraction(behind) + REARM,
        )

    def is_quiet(
        self,
        wanted: Collection[Decimal],
        budget: str,
        period: datetime | None,
        remaining: Fraction | None,
    ) -> bool:
        """Whether a look would change nothing, found out at less cost than by looking."""
        band = self.band(wanted) if (self.budget, self.period) == (budget, period) else None
        return band is not None and (remaining is None or band.holds(remaining))


def look(
    before: Marks | None,
    wanted: Collection[Decimal],
    *,
    budget: str,
    period: datetime | None,
    remaining: Fraction | None,
    learning: bool,
) -> tuple[Marks, Decimal | None]:
    """The marks after one look at what remains, and the lowest that was passed just now, if any.

    A mark is passed below it, and armed again `REARM` above it. One whose passing we did not see is
    taken as it stands and told to nobody: a fresh database, an edited promise, a new mark. While a
    budget is still being learnt nothing is passed, so that it is told once it means something.
    """
    if before is None or before.budget != budget:
        before = Marks(budget, period)
    elif before.period != period:
        before = replace(before, period=period, passed=frozenset())
    marks = frozenset(wanted)
    known, passed = before.known & marks, before.passed & marks
    if remaining is not None:
        passed = frozenset(mark for mark in passed if remaining < Fraction(mark) + REARM)
    if remaining is None or learning:
        return replace(before, known=marks, passed=passed), None
    below = frozenset(mark for mark in marks if remaining < mark)
    told = (below & known) - passed
    return replace(before, known=marks, passed=passed | below), min(told, default=None)
