"""What a release cost: the budget that its first hour spent, beside the hour before it.

Both hours are told as shares of the budget of now, so that they can be compared.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from dashboards import learning
from dashboards.source import Source
from slo.epoch import floor
from slo.status import SLOStatus

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class HourCost:
    """Events of one hour, and the share of the whole budget that they spent.

    `spent` None: there is no budget to tell a share of, or it is still being learnt.
    """

    good: int
    bad: int
    spent: Fraction | None


@dataclass(frozen=True, slots=True)
class ReleaseCost:
    """What a release cost one SLO. None of an hour: no data. `over`: the first hour is over.

    Until then `first` is what it came to so far.
    """

    slo_id: str
    before: HourCost | None
    first: HourCost | None
    over: bool


async def release_costs(
    source: Source, statuses: Sequence[SLOStatus], at: datetime, now: datetime
) -> tuple[ReleaseCost, ...]:
    """What a release at `at` cost each of these SLOs. The hours are cut where `at`'s bucket begins,
    so that no event is in both.
    """
    return tuple(await asyncio.gather(*(_cost(source, one, at, now) for one in statuses)))


async def _cost(source: Source, status: SLOStatus, at: datetime, now: datetime) -> ReleaseCost:
    began = floor(at, source.bucket())
    before = await _hour(source, status, began - HOUR, min(began, now))
    first = await _hour(source, status, began, min(began + HOUR, now))
    return ReleaseCost(status.slo.id, before, first, began + HOUR <= now)


async def _hour(
    source: Source, status: SLOStatus, start: datetime, end: datetime
) -> HourCost | None:
    if start >= end:
        return None
    slo = status.slo
    steps = await source.steps(slo.id, start, end, source.bucket())
    good, bad = sum(one.good for one in steps), sum(one.bad for one in steps)
    if not good + bad:
        return None
    budget, cost = status.budget, Fraction(bad)
    if slo.slicing is not None:
        slices = await source.slices(slo.id, start - slo.slicing.length, end)
        cost = Fraction(slices.closed(start, end).cost) if slices is not None else Fraction(0)
    if budget is None or not budget.allowed or learning.learns(status):
        return HourCost(good, bad, None)
    return HourCost(good, bad, cost / budget.allowed)
