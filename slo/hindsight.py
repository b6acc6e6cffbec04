"""What past weeks would have made of an objective: counted by the engine, compared exactly."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from slo.counter import advance, smear
from slo.counter_state import TargetState
from slo.counts import Counts
from slo.definition import EventsSLI, GaugeSLI
from slo.epoch import EPOCH
from slo.exposition import MANY_PROCESSES, Page
from slo.gauge import read_gauges
from slo.increment import Increment
from slo.objective import Objective

WEEK = timedelta(days=7)
WEEKS = 10
# From the strictest on: the first that nearly every week met is one that can be promised.
LADDER = tuple(
    Objective(Decimal(share))
    for share in (
        "0.9999", "0.9995", "0.999", "0.998", "0.995", "0.99", "0.98", "0.95", "0.9", "0.8"
    )
)  # fmt: skip
_NOTHING = Page({}, MANY_PROCESSES)
_ID = "first/look"


@dataclass(frozen=True, slots=True)
class Week:
    """What was counted in [start, end). `seen` of `due` looks found something."""

    start: datetime
    end: datetime
    counts: Counts = field(default_factory=Counts)
    seen: int = 0
    due: int = 0

    @property
    def is_known(self) -> bool:
        """Whether it says anything: there were events, and at least half of it is kept."""
        return self.counts.total > 0 and 2 * self.seen >= self.due

    def meets(self, objective: Objective) -> bool:
        """Whether it would have met the objective; without rounding."""
        ratio = self.counts.bad_ratio
        return ratio is not None and ratio <= objective.budget_share


def weeks_before(end: datetime, number: int = WEEKS) -> tuple[Week, ...]:
    """Nothing counted yet in the weeks before `end`, oldest first."""
    starts = [end - at * WEEK for at in range(number, 0, -1)]
    return tuple(Week(start, start + WEEK) for start in starts)


def look_back(
    sli: EventsSLI | GaugeSLI,
    pages: Mapping[datetime, Page],
    weeks: Sequence[Week],
    step: timedelta,
) -> tuple[Week, ...]:
    """The weeks with what these pages, `step` apart, make known. A page on a week's first moment
    tells of the time before it.
    """
    found = list(weeks)
    state = TargetState()
    at, begun = weeks[0].start, False
    while at <= weeks[-1].end:
        page = pages.get(at)
        begun = begun or page is not None
        if begun:
            if isinstance(sli, GaugeSLI):
                increment = read_gauges(sli, page or _NOTHING)
            else:
                state, told = advance(state, page or _NOTHING, at, {_ID: sli}, step)
                increment = told[_ID]
            _book(found, increment, at, step)
        if (place := _place(found, at - timedelta.resolution)) is not None:
            found[place] = replace(found[place], due=found[place].due + 1)
        at += step
    return tuple(found)


def _book(weeks: list[Week], increment: Increment, at: datetime, step: timedelta) -> None:
    if increment.data and (place := _place(weeks, at - timedelta.resolution)) is not None:
        weeks[place] = replace(weeks[place], seen=weeks[place].seen + 1)
    spread = [(at - timedelta.resolution, increment.good, increment.bad)]
    if increment.gap_since is not None:  # what was counted meanwhile happened meanwhile
        seconds = int(step.total_seconds())
        spread = [
            (EPOCH + timedelta(seconds=bucket), good, bad)
            for bucket, good, bad in smear(increment, increment.gap_since, at, seconds)
        ]
    for moment, good, bad in spread:
        if (place := _place(weeks, moment)) is not None:
            one = weeks[place]
            weeks[place] = replace(one, counts=one.counts + Counts(good, bad))


def _place(weeks: Sequence[Week], at: datetime) -> int | None:
    number = (at - weeks[0].start) // WEEK
    return number if 0 <= number < len(weeks) else None


def weeks_met(weeks: Sequence[Week], objective: Objective) -> tuple[int, int]:
    """How many weeks would have met it, of how many that say anything."""
    known = [week for week in weeks if week.is_known]
    return sum(week.meets(objective) for week in known), len(known)


def suggest(weeks: Sequence[Week]) -> Objective | None:
    """The strictest objective that nine weeks of ten would have met; None where nothing is known,
    or none of those that make sense was met.
    """
    for objective in LADDER:
        met, known = weeks_met(weeks, objective)
        if known and 10 * met >= 9 * known:
            return objective
    return None
