"""The marks of an error budget: which are passed, and whether passing one is worth a word. Pure."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

REARM = Fraction(5, 100)  # so far above a mark it may be told again
DEFAULT_MARKS = (Decimal("0.5"), Decimal("0.25"), Decimal(0))


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

    def is_quiet(
        self,
        wanted: Collection[Decimal],
        budget: str,
        period: datetime | None,
        remaining: Fraction | None,
    ) -> bool:
        """Whether a look would change nothing, found out at less cost than by looking."""
        if (self.budget, self.period) != (budget, period) or len(wanted) != len(self.known):
            return False
        if remaining is None:
            return self.known.issuperset(wanted)
        return not self.passed and self.known.issuperset(wanted) and remaining >= max(wanted)


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
