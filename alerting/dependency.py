"""Dependencies: who fails because another does is not told beside it. Pure.

While something that a service depends on fires, at least as loud, the service's own alerts are held
back: one cause is one message. Three rules keep that honest.

* A page waits for no group, so the service may be first by some seconds. Until `wait` after it
  began it is held while what it depends on may still speak; as soon as all of that was seen well
  after the failure began, or the time is over, it is told by itself.
* What it depended on recovers: the service has `wait` to follow. What fires then is told, unless
  its own probes pass by then: its windows only remember.
* Who was told something is told its end, as ever: only news is held back.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alerting.alert import Alert, AlertKind, sli_of
from alerting.inhibition import Source
from alerting.suppressor import Suppressor, SuppressorKind
from slo.severity import Severity

WAIT = timedelta(minutes=1)  # the default
LONGEST_WAIT = timedelta(minutes=5)
_FIRES = "this depends on it, and it fires"  # found again in what held an alert back
_RECOVERED = "what this depends on recovered"
_LOOK_EVERY = timedelta(seconds=2)  # while we wait: what is waited for may be seen well at any time


@dataclass(frozen=True, slots=True)
class Dependency:
    """A service, or one collector of it: then `watches` are what the collector feeds, by id.

    `speaks`: whether any rule of it could tell that it fails; who has none is not waited for.
    """

    name: str  # `gateway`, or `gateway/front`
    service: str
    watches: frozenset[str] | None = None
    speaks: bool = True

    def is_source(self, source: Source) -> bool:
        """Whether an alert is about it."""
        if source.labels.get("service") != self.service:
            return False
        return self.watches is None or watched_by(source.rule) in self.watches


def watched_by(rule: str) -> str:
    """What a rule judges: `shop/up` of `shop/up@99.9#page:1h:5m`, `shop#alert:cpu` of itself."""
    place, _, key = rule.partition("#")
    if "/" in place:
        return sli_of(place)
    return f"{place}#{':'.join(key.split(':')[:2])}"


@dataclass(frozen=True, slots=True)
class Dependencies:
    """By service, all that it depends on, nearest first: also by way of others."""

    of: Mapping[str, tuple[Dependency, ...]] = field(default_factory=dict)
    wait: timedelta = WAIT

    def __bool__(self) -> bool:
        return bool(self.of)


NOTHING = Dependencies()


@dataclass(frozen=True, slots=True)
class Looks:
    """What the probes of a service, or one of them, saw last.

    `passed_at`: when the oldest of their newest runs began, where all of them passed; else None.
    `burns`: a budget of it burns in a short window, though its rule may not fire yet.
    `failing_since`: when the first of the failures that go on was due; None where none fails.
    """

    passed_at: datetime | None
    burns: bool = False
    failing_since: datetime | None = None

    def well_since(self, at: datetime) -> bool:
        """Whether it was seen well, by looks that began after this."""
        return self.passed_at is not None and self.passed_at >= at and not self.burns


@dataclass(frozen=True, slots=True)
class Ended:
    """An alert that fired until then."""

    source: Source
    at: datetime


class Parents:
    """All that may speak for others at one moment. `looks` are by the dependency's name."""

    def __init__(
        self,
        dependencies: Dependencies,
        firing: Iterable[Source],
        ended: Sequence[Ended] = (),
        looks: Callable[[str], Looks | None] = lambda _: None,
    ) -> None:
        self._dependencies = dependencies
        self._looks = looks
        self._firing: dict[str, list[Source]] = {}
        self._ended: dict[str, list[Ended]] = {}
        if dependencies:
            for source in firing:
                self._firing.setdefault(source.labels.get("service", ""), []).append(source)
            for one in ended:
                self._ended.setdefault(one.source.labels.get("service", ""), []).append(one)

    def sources(self, labels: Mapping[str, str]) -> Iterator[tuple[Dependency, Source]]:
        """Who speaks for an alert with these labels: those that nobody else speaks for."""
        found = [
            (parent, source)
            for parent in self._of(labels)
            for source in self._loudest(self._firing.get(parent.service, ()), parent, labels)
        ]
        spoken_for = {parent.service for parent, _ in found}
        for parent, source in found:
            above = {one.service for one in self._dependencies.of.get(parent.service, ())}
            if not above & (spoken_for - {parent.service}):
                yield parent, source

    def suppressors(self, labels: Mapping[str, str]) -> tuple[Suppressor, ...]:
        """The same as reasons for people."""
        return tuple(
            Suppressor(SuppressorKind.DEPENDENCY, parent.name, _FIRES)
            for parent, _ in self.sources(labels)
        )

    def holding(
        self, alert: Alert, labels: Mapping[str, str], now: datetime
    ) -> tuple[Suppressor, ...]:
        """Who holds this alert back now: what fires, may come to, or did until a moment ago."""
        if not (parents := self._of(labels)):
            return ()
        if firing := self.suppressors(labels):
            return firing
        if not alert.firing or alert.kind is AlertKind.BUDGET:
            return ()
        return self._over(alert, labels, parents, now) or self._awaited(alert, labels, parents, now)

    def _awaited(
        self,
        alert: Alert,
        labels: Mapping[str, str],
        parents: Sequence[Dependency],
        now: datetime,
    ) -> tuple[Suppressor, ...]:
        """It began just now, and what it depends on was not seen well since."""
        until = alert.started_at + self._dependencies.wait
        if now >= until or alert.kind is AlertKind.NO_DATA or _rank(labels) is None:
            return ()
        own = self._looks(alert.service)
        began = own.failing_since if own is not None else None
        since = min(alert.facts.since or alert.started_at, began or alert.started_at)
        said = f"this depends on it, and it may speak first until {until:%H:%M:%S} UTC"
        return tuple(
            Suppressor(SuppressorKind.DEPENDENCY, parent.name, said, min(until, now + _LOOK_EVERY))
            for parent in parents
            if parent.speaks and not self._is_well(parent, since)
        )

    def _over(
        self,
        alert: Alert,
        labels: Mapping[str, str],
        parents: Sequence[Dependency],
        now: datetime,
    ) -> tuple[Suppressor, ...]:
        """What it depends on fired until a moment ago, or it is seen well again itself."""
        for parent in parents:
            ends = [
                one.at
                for one in self._ended.get(parent.service, ())
                if one.at >= alert.started_at
                and parent.is_source(one.source)
                and _speaks_for(one.source.labels, labels)
            ]
            until = max(ends, default=alert.started_at) + self._dependencies.wait
            if ends and now < until:
                said = f"{_RECOVERED}, and this has until {until:%H:%M:%S} UTC to follow"
                return (Suppressor(SuppressorKind.DEPENDENCY, parent.name, said, until),)
        was_spoken_for = any(_FIRES in one or _RECOVERED in one for one in alert.held_by)
        own = self._looks(alert.service)
        if was_spoken_for and own is not None and own.passed_at is not None:
            said = f"{_RECOVERED}, and the probes of this pass again"
            return (Suppressor(SuppressorKind.DEPENDENCY, parents[0].name, said),)
        return ()

    def _of(self, labels: Mapping[str, str]) -> tuple[Dependency, ...]:
        return self._dependencies.of.get(labels.get("service", ""), ())

    def _is_well(self, parent: Dependency, since: datetime) -> bool:
        looks = self._looks(parent.name)
        return looks is not None and looks.well_since(since)

    def _loudest(
        self, sources: Iterable[Source], parent: Dependency, labels: Mapping[str, str]
    ) -> Iterator[Source]:
        fitting = (one for one in sources if parent.is_source(one))
        loud = [one for one in fitting if _speaks_for(one.labels, labels)]
        if loud:
            yield min(loud, key=lambda one: (_rank(one.labels) or 0, one.rule))


def _speaks_for(parent: Mapping[str, str], child: Mapping[str, str]) -> bool:
    """Whether whoever is told of the one need not be told of the other.

    A ticket does not quieten a page. That nothing is known of what one depends on explains only
    that nothing is known of oneself: our own blindness is nobody's failure.
    """
    loud, wanted = _rank(parent), _rank(child)
    if loud is None or wanted is None or loud > wanted:
        return False
    blind = str(AlertKind.NO_DATA)
    return parent.get("kind") != blind or child.get("kind") == blind


def _rank(labels: Mapping[str, str]) -> int | None:
    """How loud; None for a word from outside that is not ours."""
    try:
        return Severity(labels.get("severity", "")).rank
    except ValueError:
        return None
