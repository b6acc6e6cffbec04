"""The status page's facts: how each component does now, and did on each of ninety days. Pure.

Nothing in them names a service, an SLO, an owner or a cause: customers read what is made of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from alerting.status_incident import ComponentState, Impact, StatusIncident
from slo.counts import Counts
from slo.objective import Objective
from slo.recurrence import Interval
from slo.status import BudgetState, NowState, SLOStatus

DAYS = 90
HISTORY = timedelta(days=14)
AHEAD = timedelta(days=30)  # how far maintenance is announced
# Of the last minutes' events, from which share of bad ones on an outage is partial, or major.
PARTIAL_NOW, MAJOR_NOW = Fraction(5, 100), Fraction(50, 100)
# Of a whole day's.
PARTIAL_DAY, MAJOR_DAY = Fraction(1, 100), Fraction(10, 100)
_RECENT = (timedelta(minutes=5), timedelta(hours=1))
_HARMED = frozenset({NowState.BURNING, NowState.BURNING_FAST, NowState.FAILING})


@dataclass(frozen=True, slots=True)
class Component:
    """A part of what is offered. `slos` and `performance` are the ids of SLOs that are there."""

    key: str
    title: str
    description: str
    group: str
    group_key: str
    slos: tuple[str, ...]
    performance: tuple[str, ...]

    @property
    def every(self) -> tuple[str, ...]:
        """All the SLOs that it rests on."""
        return tuple(dict.fromkeys((*self.slos, *self.performance)))


@dataclass(frozen=True, slots=True)
class StatusPage:
    """What is shown to whom; `components` are in the file's order, those of a group together."""

    title: str
    public: bool
    zone: ZoneInfo
    components: tuple[Component, ...]
    support: str | None = None

    def component(self, key: str) -> Component | None:
        return next((one for one in self.components if one.key == key), None)


@dataclass(frozen=True, slots=True)
class SLODay:
    """What was counted of one SLO on one day: `of` events or slices, of which `cost` were lost."""

    of: int
    cost: Fraction

    @property
    def bad(self) -> Fraction | None:
        """None without data: what only we failed to see is in neither."""
        return self.cost / self.of if self.of else None


NOTHING_COUNTED = SLODay(0, Fraction(0))


@dataclass(frozen=True, slots=True)
class SLODays:
    """The last days of one SLO, oldest first; the newest is today."""

    objective: Objective
    days: tuple[SLODay, ...]


@dataclass(frozen=True, slots=True)
class Maintenance:
    """Planned work that is announced: in whose words, when, and on which components."""

    id: str
    words: str
    start: datetime
    end: datetime
    announced_at: datetime
    components: tuple[str, ...]

    def is_on(self, now: datetime) -> bool:
        return self.start <= now < self.end


@dataclass(frozen=True, slots=True)
class Day:
    """A component's day. `state` None: no data, which is neither good nor bad."""

    date: date
    state: ComponentState | None
    good: Fraction | None  # of its worst SLO


@dataclass(frozen=True, slots=True)
class ComponentFacts:
    """`state` None: we cannot tell. `good`: over all days, of its worst SLO."""

    component: Component
    state: ComponentState | None
    days: tuple[Day, ...]
    good: Fraction | None
    incidents: int


@dataclass(frozen=True, slots=True)
class StatusFacts:
    """All that the page, its feed and its JSON are made from. `incidents` are newest first."""

    page: StatusPage
    components: tuple[ComponentFacts, ...]
    incidents: tuple[StatusIncident, ...]
    maintenances: tuple[Maintenance, ...]
    made_at: datetime

    @property
    def open_incidents(self) -> tuple[StatusIncident, ...]:
        return tuple(one for one in self.incidents if not one.is_over)


def state_of_slo(status: SLOStatus, *, slow_at_worst: bool) -> ComponentState | None:
    """How a component does by one of its SLOs alone; None: it is not seen."""
    if status.excluded_now is not None:
        return ComponentState.OPERATIONAL  # what happens now does not count
    if status.now_state is NowState.STALE or status.budget_state is BudgetState.NO_DATA:
        return None
    if status.now_state not in _HARMED:
        return ComponentState.OPERATIONAL
    if slow_at_worst:
        return ComponentState.DEGRADED_PERFORMANCE
    bad = _recently_bad(status)
    if bad is None or bad < PARTIAL_NOW:
        return ComponentState.DEGRADED_PERFORMANCE
    return ComponentState.MAJOR_OUTAGE if bad >= MAJOR_NOW else ComponentState.PARTIAL_OUTAGE


def _recently_bad(status: SLOStatus) -> Fraction | None:
    for lookback in _RECENT:
        burn = status.burn(lookback)
        if burn is None:
            continue
        counts: Counts = burn.window.counts
        if counts.total:
            return Fraction(counts.bad, counts.total)
    return None


def state_now(
    component: Component,
    statuses: Mapping[str, SLOStatus],
    incidents: Iterable[StatusIncident],
    maintenances: Iterable[Maintenance],
    now: datetime,
) -> ComponentState | None:
    """The worst of what its SLOs say and what people say; announced maintenance covers the former.

    What is not seen says nothing, and without anything that is seen the state is not known.
    """
    said = [
        state
        for incident in incidents
        if not incident.is_over and (state := incident.components.get(component.key)) is not None
    ]
    if any(component.key in one.components and one.is_on(now) for one in maintenances):
        said.append(ComponentState.UNDER_MAINTENANCE)
    else:
        for slo_id in component.every:
            status = statuses.get(slo_id)
            if status is not None:
                seen = state_of_slo(status, slow_at_worst=slo_id not in component.slos)
                said += [] if seen is None else [seen]
    return max(said, key=lambda state: state.rank, default=None)


def component_days(
    component: Component,
    counted: Mapping[str, SLODays],
    dates: Sequence[date],
    edges: Sequence[datetime],
    maintenances: Sequence[Interval],
) -> tuple[Day, ...]:
    """Its days, each by its worst SLO; day n is [edges[n], edges[n + 1])."""
    found = []
    for number, one in enumerate(dates):
        told = [
            (bad, _state_of_day(bad, days.objective, slow=slo_id not in component.slos))
            for slo_id in component.every
            if (days := counted.get(slo_id)) is not None
            and (bad := days.days[number].bad) is not None
        ]
        states = [state for _, state in told]
        start, end = edges[number], edges[number + 1]
        if any(each.start < end and each.end > start for each in maintenances):
            states.append(ComponentState.UNDER_MAINTENANCE)
        worst = max((bad for bad, _ in told), default=None)
        found.append(
            Day(
                one,
                max(states, key=lambda state: state.rank, default=None),
                None if worst is None else 1 - worst,
            )
        )
    return tuple(found)


def _state_of_day(bad: Fraction, objective: Objective, *, slow: bool) -> ComponentState:
    if bad <= objective.budget_share:
        return ComponentState.OPERATIONAL
    if slow or bad < PARTIAL_DAY:
        return ComponentState.DEGRADED_PERFORMANCE
    return ComponentState.MAJOR_OUTAGE if bad >= MAJOR_DAY else ComponentState.PARTIAL_OUTAGE


def good_over(component: Component, counted: Mapping[str, SLODays]) -> Fraction | None:
    """The share of its worst SLO that was good over all days; None without data."""
    found = []
    for slo_id in component.every:
        days = counted.get(slo_id)
        of = 0 if days is None else sum(day.of for day in days.days)
        if days is not None and of:
            found.append(1 - sum((day.cost for day in days.days), Fraction(0)) / of)
    return min(found, default=None)


# --- the whole in a sentence ---------------------------------------------------------------------

_SENTENCES = (
    (ComponentState.MAJOR_OUTAGE, "Major outage", Impact.CRITICAL),
    (ComponentState.PARTIAL_OUTAGE, "Partial outage", Impact.MAJOR),
    (ComponentState.DEGRADED_PERFORMANCE, "Degraded performance", Impact.MINOR),
)
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Overall:
    """`indicator` as Statuspage has it: none, minor, major, critical or maintenance; `tone` is for
    the page: good, and unknown beside those.
    """

    indicator: str
    tone: str
    sentence: str


def overall(facts: StatusFacts) -> Overall:
    """How the whole does, by the worst that is known of any part of it."""
    by_state: dict[ComponentState | None, list[str]] = {}
    for one in facts.components:
        by_state.setdefault(one.state, []).append(one.component.title)
    for state, words, impact in _SENTENCES:
        if titles := by_state.get(state):
            return Overall(impact, impact, f"{words}: {_listed(titles)}")
    if opened := facts.open_incidents:
        worst = max(opened, key=lambda one: list(Impact).index(one.impact)).impact
        number = "An incident is" if len(opened) == 1 else f"{len(opened)} incidents are"
        return Overall(worst, worst if worst is not Impact.NONE else "minor", f"{number} open")
    if titles := by_state.get(ComponentState.UNDER_MAINTENANCE):
        return Overall("maintenance", "maintenance", f"Maintenance: {_listed(titles)}")
    unseen = by_state.get(None, [])
    if len(unseen) == len(facts.components):
        return Overall("none", "unknown", "No data at the moment")
    if unseen:
        return Overall(
            "none", "unknown", f"Operational, as far as is known; no data of {_listed(unseen)}"
        )
    return Overall("none", "good", "All systems operational")


def _listed(titles: Sequence[str]) -> str:
    more = len(titles) - _NAMED
    return ", ".join(titles[:_NAMED]) + (f" and {more} more" if more > 0 else "")
