"""What people and pipelines changed lately, and what maintenance comes next."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerting.silence import Silence
from dashboards import format as write
from dashboards import links
from dashboards.exclusion_facts import next_of
from dashboards.format import Moment
from dashboards.source import SystemHealth
from slo.deployment import Deployment
from slo.exclusion import Exclusion
from slo.recurrence import Interval

MOST = 6
LATELY = timedelta(days=7)
_READ_AT_START = timedelta(minutes=1)  # a configuration that was read then is no change


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One change in a line."""

    at: Moment
    word: str
    what: str
    detail: str
    url: str


@dataclass(frozen=True, slots=True)
class NextWork:
    """The maintenance that runs, or comes next."""

    what: str
    reason: str
    words: str
    url: str


@dataclass(frozen=True, slots=True)
class RecentView:
    """`work` is None where none is planned."""

    changes: tuple[ChangeRow, ...]
    work: NextWork | None


def recent_view(
    *,
    deployments: Sequence[Deployment],
    silences: Iterable[Silence],
    exclusions: Sequence[Exclusion],
    health: SystemHealth,
    now: datetime,
) -> RecentView:
    """The newest changes of the last days before `now`, newest first."""
    found = [
        *_released(deployments),
        *_silenced(silences),
        *_excluded(exclusions),
        *_loaded(health),
    ]
    lately = [one for one in found if now - LATELY <= one[0] <= now]
    lately.sort(key=lambda one: one[0], reverse=True)
    rows = tuple(ChangeRow(write.moment(at, now), *words) for at, *words in lately[:MOST])
    return RecentView(rows, next_work(exclusions, now))


_Change = tuple[datetime, str, str, str, str]


def _released(found: Iterable[Deployment]) -> Iterator[_Change]:
    for one in found:
        told = one.rollout
        where = f" ({told.environment})" if told.environment else ""
        what = f"{told.service} {told.version}{where}"
        yield one.at, "Released", what, f"by {told.by}", links.service_url(told.service)


def _silenced(found: Iterable[Silence]) -> Iterator[_Change]:
    for one in found:
        url = links.planned_url("silence", one.id)
        yield one.created_at, "Silenced", one.label, f"by {one.author}: {one.reason}", url


def _excluded(found: Iterable[Exclusion]) -> Iterator[_Change]:
    for one in found:
        url = links.planned_url("exclusion", one.id)
        yield one.created_at, "Excluded", one.scope.label, f"by {one.author}: {one.reason}", url


def _loaded(health: SystemHealth) -> Iterator[_Change]:
    at = health.config_loaded_at
    if at - health.started_at > _READ_AT_START:
        yield at, "Configuration", "read anew", "", "/settings"


def next_work(exclusions: Iterable[Exclusion], now: datetime) -> NextWork | None:
    """What runs now or comes first; of corrections, which lie in the past, nothing."""
    coming: list[tuple[Interval, Exclusion]] = []
    for one in exclusions:
        over = one.over_by
        if over is not None and over <= now:
            continue
        coming += [(time, one) for time in next_of(one, now)[:1]]
    if not coming:
        return None
    time, one = min(coming, key=lambda pair: (pair[0].start, pair[1].id))
    runs = time.start <= now
    words = (
        f"runs until {write.stamp(time.end, now)}"
        if runs
        else f"{write.between(time.start, time.end, now)}, {write.ago(time.start, now)}"
    )
    return NextWork(one.scope.label, one.reason, words, links.planned_url("exclusion", one.id))
