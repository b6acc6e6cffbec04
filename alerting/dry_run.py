"""What other routes would have said of recorded alerts: who would have been told, and when. Pure.

Each alert is looked at alone, from its beginning to its end: the first moment at which a route is
not held back by a time interval, an inhibition or what it depends on, and after that its
`group_wait`, unless it is a page. Silences, acknowledgements, escalations and failed deliveries are
not replayed, as they were what people did about what they were told; nor is `dependency_wait`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from alerting.alert import Alert, AlertKind
from alerting.dependency import NOTHING, Dependencies, Parents
from alerting.inhibition import Inhibition, Source, inhibitors
from alerting.routes import NO_TIME, Hit, Route
from alerting.service import Service, labels_of
from slo.severity import Severity

_MOMENT = timedelta(microseconds=1)
_MOST_STEPS = 200  # edges of intervals within one alert: a month of nights has 60


@dataclass(frozen=True, slots=True)
class Plan:
    """A configuration, as far as it decides who is told."""

    tree: Route
    inhibitions: tuple[Inhibition, ...]
    services: Mapping[str, Service]
    dependencies: Dependencies = NOTHING

    @property
    def looks_beyond(self) -> bool:
        """Whether one alert may hold back another."""
        return bool(self.inhibitions or self.dependencies)

    def holds_back(self, labels: Mapping[str, str], firing: Sequence[Source]) -> bool:
        """Whether any of what fires keeps an alert with these labels quiet."""
        if inhibitors(self.inhibitions, labels, firing):
            return True
        return bool(Parents(self.dependencies, firing).suppressors(labels))

    def labels(self, alert: Alert) -> dict[str, str]:
        return labels_of(alert, self.services.get(alert.service) or Service(alert.service, ""))


@dataclass(frozen=True, slots=True)
class Difference:
    """One alert that somebody would have been told of, or not; `gained` and `lost` by name."""

    alert: Alert
    gained: tuple[str, ...]
    lost: tuple[str, ...]

    @property
    def is_page(self) -> bool:
        return self.alert.severity is Severity.PAGE


def differences(
    alerts: Sequence[Alert], before: Plan, after: Plan, now: datetime
) -> list[Difference]:
    """What the change of plans would have meant for these alerts, oldest first."""
    by_age = sorted(alerts, key=lambda alert: (alert.started_at, alert.id))
    found = []
    for alert in by_age:
        beside = [one for one in by_age if _overlap(one, alert, now)]
        was, would = (told(alert, plan, beside, now) for plan in (before, after))
        gained = tuple(name for name in would if name not in was)
        lost = tuple(name for name in was if name not in would)
        if gained or lost:
            found.append(Difference(alert, gained, lost))
    return found


def told(alert: Alert, plan: Plan, beside: Iterable[Alert], now: datetime) -> dict[str, datetime]:
    """Who would have been told of it, in the order of the routes, and when at the earliest."""
    labels = plan.labels(alert)
    others = [
        (one, Source(one.id, one.rule, plan.labels(one)))
        for one in beside
        if one.id != alert.id and one.kind is not AlertKind.BUDGET and plan.looks_beyond
    ]
    found: dict[str, datetime] = {}
    for hit in plan.tree.hits(labels):
        at = _heard(alert, hit, labels, plan, others, now)
        if at is not None:
            found.update((name, min(at, found.get(name, at))) for name in hit.receivers)
    return found


def _heard(
    alert: Alert,
    hit: Hit,
    labels: Mapping[str, str],
    plan: Plan,
    others: Sequence[tuple[Alert, Source]],
    now: datetime,
) -> datetime | None:
    """When this route would have spoken of it; None: it was over before."""
    end = alert.ended_at or now
    edges = {alert.started_at, *(one.started_at for one, _ in others)}
    edges |= {one.ended_at for one, _ in others if one.ended_at is not None}
    moments = sorted(edge for edge in edges if alert.started_at <= edge <= end)
    if alert.kind is AlertKind.BUDGET:  # said at once or never
        ready, moments, end = alert.started_at, [alert.started_at], alert.started_at + _MOMENT
    else:
        ready = alert.started_at + (NO_TIME if alert.severity is Severity.PAGE else hit.wait)
    for start, until in pairwise([*moments, end]):
        begin = max(start, ready)
        firing = [source for one, source in others if one.fired_at(start)]
        if begin >= until or plan.holds_back(labels, firing):
            continue
        at = _spoken(hit, begin, until)
        if at is not None:
            return at
    return None


def _spoken(hit: Hit, start: datetime, until: datetime) -> datetime | None:
    """The first moment from `start` and before `until` that is outside its quiet times."""
    at = start
    for _ in range(_MOST_STEPS):
        quiet = hit.suppressors(at)
        if not quiet:
            return at
        edges = [one.until for one in quiet if one.until is not None]
        if not edges or min(edges) >= until:
            return None
        at = min(edges)
    return None


def _overlap(one: Alert, other: Alert, now: datetime) -> bool:
    begins_before = one.started_at <= (other.ended_at or now)
    return begins_before and (one.ended_at is None or one.ended_at > other.started_at)
