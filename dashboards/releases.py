"""Releases as pages show them: each with what its first hour cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dashboards import format as write
from dashboards import links
from dashboards.format import Moment
from dashboards.release_cost import HourCost, ReleaseCost
from slo.deployment import Deployment


@dataclass(frozen=True, slots=True)
class CostCell:
    """What a release cost one SLO."""

    slo: str
    url: str
    first: str
    before: str
    worse: bool  # its first hour spent more than the hour before


@dataclass(frozen=True, slots=True)
class ReleaseRow:
    """One release in a line."""

    anchor: str
    version: str
    url: str | None
    where: str
    at: Moment
    when: str
    by: str
    costs: tuple[CostCell, ...]


def release_rows(
    found: Sequence[tuple[Deployment, Sequence[ReleaseCost]]], now: datetime
) -> tuple[ReleaseRow, ...]:
    """A line about each, in this order."""
    return tuple(
        ReleaseRow(
            anchor=f"release-{deployment.id}",
            version=deployment.rollout.version,
            url=links.safe_external(deployment.rollout.url),
            where=deployment.rollout.environment,
            at=write.moment(deployment.at, now),
            when=write.stamp(deployment.at, now),
            by=deployment.rollout.by,
            costs=tuple(_cell(one) for one in costs),
        )
        for deployment, costs in found
    )


def _cell(one: ReleaseCost) -> CostCell:
    first = _words(one.first)
    return CostCell(
        slo=one.slo_id.partition("/")[2],
        url=links.slo_url(one.slo_id),
        first=first if one.over or one.first is None else f"{first} so far",
        before=_words(one.before),
        worse=_spent(one.first) > _spent(one.before),
    )


def _words(hour: HourCost | None) -> str:
    if hour is None:
        return write.NO_DATA
    counts = f"{write.count(hour.bad)} of {write.count(hour.good + hour.bad)} bad"
    return counts if hour.spent is None else f"{write.share(hour.spent)}, {counts}"


def _spent(hour: HourCost | None) -> float:
    """To compare with: bad events, where there is no share to tell."""
    if hour is None:
        return 0.0
    return float(hour.spent if hour.spent is not None else hour.bad)
