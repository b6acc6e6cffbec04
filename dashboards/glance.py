"""What lists sort, filter and count SLOs by: a row for each, made once for all who look."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction
from functools import cached_property
from math import inf
from typing import TypeVar, cast

from dashboards import states
from dashboards.states import Mark, Weight
from slo.definition import SLO
from slo.digest import Sheet
from slo.evaluate import lookbacks
from slo.status import BudgetState, NowState, SLOStatus

Result = TypeVar("Result")
_MOST_KEPT = 100  # lists of at most all SLOs


@dataclass(frozen=True, slots=True)
class Glance:
    """One SLO as lists know it. Ratios are the nearest floats, so that they sort as the exact ones.

    `remaining` is of the budget, `rates` and `costs` (shares of it) are by `lookbacks`; `ends` is
    when the budget runs out in seconds since the epoch, infinity where it lasts. None: not known.
    `heard`: an observation came, at some time.
    """

    id: str
    slo: SLO
    now_state: NowState
    budget_state: BudgetState
    sli: float | None
    remaining: float | None
    lookbacks: tuple[timedelta, ...]
    rates: tuple[float | None, ...]
    costs: tuple[float | None, ...]
    ends: float | None
    heard: bool
    marks: tuple[Mark, ...]  # worst first, never empty
    weight: Weight

    @property
    def learns(self) -> bool:
        return self.budget_state is BudgetState.LEARNING

    def rate(self, lookback: timedelta) -> float | None:
        """The burn rate over one of its lookbacks."""
        return self._of(self.rates, lookback)

    def cost(self, lookback: timedelta) -> float | None:
        """The share of its budget that was spent within one of its lookbacks."""
        return self._of(self.costs, lookback)

    def _of(self, column: tuple[float | None, ...], lookback: timedelta) -> float | None:
        return column[self.lookbacks.index(lookback)] if lookback in self.lookbacks else None


def glance(status: SLOStatus) -> Glance:
    """What lists know of it."""
    slo, budget, forecast = status.slo, status.budget, status.forecast
    ends = forecast.at.timestamp() if forecast.at else inf
    return Glance(
        id=slo.id,
        slo=slo,
        now_state=status.now_state,
        budget_state=status.budget_state,
        sli=_float(status.sli),
        remaining=None if budget is None else states.left(budget),
        lookbacks=tuple(burn.lookback for burn in status.burns),
        rates=tuple(_float(burn.rate) for burn in status.burns),
        costs=tuple(
            None if budget is None else float(burn.cost / budget.allowed) for burn in status.burns
        ),
        ends=ends if forecast.known else None,
        heard=status.last_observation is not None,
        marks=states.marks(status),
        weight=states.weight(status),
    )


def glances(sheet: Sheet) -> Iterator[Glance]:
    """Those of SLOs at rest, but for whose budget runs low: when it ends a status has to say."""
    kept: tuple[timedelta, ...] | None = None
    for slo_id, row in zip(sheet.ids, sheet.rows(), strict=True):
        if row.budget_state is BudgetState.AT_RISK:
            continue
        kept = kept or tuple(lookbacks(row.slo))  # all of a sheet look at the same
        marks = states.AT_REST[row.budget_state]
        ends: float | None = inf if row.paced else None
        if row.budget_state is BudgetState.EXHAUSTED:
            ends = row.at.timestamp()
        yield Glance(
            id=slo_id,
            slo=row.slo,
            now_state=NowState.OK,
            budget_state=row.budget_state,
            sli=row.sli,
            remaining=row.remaining,
            lookbacks=kept,
            rates=tuple(row.rates),
            costs=tuple(row.costs),
            ends=ends,
            heard=True,
            marks=marks,
            weight=states.weigh(marks, row.remaining, row.slo.name, slo_id),
        )


@dataclass(frozen=True, eq=False)
class Roll:
    """Every SLO at a glance, in the configuration's order. What pages ask of it is kept."""

    glances: tuple[Glance, ...] = ()

    def __len__(self) -> int:
        return len(self.glances)

    def __iter__(self) -> Iterator[Glance]:
        return iter(self.glances)

    @cached_property
    def by_id(self) -> Mapping[str, Glance]:
        return {one.id: one for one in self.glances}

    @cached_property
    def worst_first(self) -> tuple[Glance, ...]:
        """The order in which a person should look."""
        return tuple(sorted(self.glances, key=lambda one: one.weight))

    @cached_property
    def census(self) -> Counter[Mark]:
        """How many bear each mark as their worse one."""
        return census(self.glances)

    @cached_property
    def needing(self) -> tuple[Glance, ...]:
        """Those that ask a person to look, worst first."""
        return tuple(one for one in self.worst_first if not states.ATTENTION.isdisjoint(one.marks))

    @cached_property
    def _worked_out(self) -> dict[Hashable, object]:
        return {}

    def worked_out(self, what: Hashable, make: Callable[[], Result]) -> Result:
        """What `make` gives, once for all who ask for it by this name; the last few are kept."""
        known = self._worked_out
        if what not in known:
            known[what] = make()
            if len(known) > _MOST_KEPT:
                del known[next(iter(known))]
        return cast("Result", known[what])

    @cached_property
    def by_service(self) -> Mapping[str, tuple[Glance, ...]]:
        """The SLOs of each service, worst first."""
        found: dict[str, list[Glance]] = {}
        for one in self.worst_first:
            found.setdefault(one.slo.service, []).append(one)
        return {service: tuple(own) for service, own in found.items()}


def roll_of(statuses: Iterable[SLOStatus]) -> Roll:
    """The roll of these."""
    return Roll(tuple(map(glance, statuses)))


def census(found: Iterable[Glance]) -> Counter[Mark]:
    """How many bear each mark as their worse one: every SLO counts once."""
    return states.census(one.marks for one in found)


def _float(ratio: Fraction | None) -> float | None:
    return None if ratio is None else float(ratio)
