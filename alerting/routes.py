"""The routing tree: which receivers an alert is for, on which terms, and why them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alerting.suppressor import Suppressor, SuppressorKind
from alerting.time_interval import TimeInterval
from slo.selector import Matcher

NO_TIME = timedelta(0)
EVERY_LABEL = "..."  # in `group_by`: each alert is a group of its own


@dataclass(frozen=True, slots=True)
class Escalation:
    """Who is told too, when nobody has acknowledged within `after`."""

    after: timedelta
    receivers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms a route speaks. None: as the route above it; at the root, see `Hit`."""

    failover: tuple[str, ...] | None = None
    escalate: tuple[Escalation, ...] | None = None
    group_by: tuple[str, ...] | None = None
    group_wait: timedelta | None = None
    group_interval: timedelta | None = None
    repeat_interval: timedelta | None = None

    def below(self, above: "Terms") -> "Terms":
        """These, and the others from above."""
        return Terms(
            above.failover if self.failover is None else self.failover,
            above.escalate if self.escalate is None else self.escalate,
            above.group_by if self.group_by is None else self.group_by,
            above.group_wait if self.group_wait is None else self.group_wait,
            above.group_interval if self.group_interval is None else self.group_interval,
            above.repeat_interval if self.repeat_interval is None else self.repeat_interval,
        )


_REMEMBERED = 2_000  # sets of labels
_LONGEST = 4_096  # characters in one of them


@dataclass(frozen=True, slots=True)
class Route:
    """A node: takes the alerts whose labels meet every matcher. `receivers` None: its parent's.

    `go_on`: when it took an alert, its later siblings may take it too ("continue" as configured).
    With `active` intervals it speaks only in one of them, and in `mute` ones it is quiet; neither
    is its children's.
    """

    matchers: tuple[Matcher, ...] = ()
    receivers: tuple[str, ...] | None = None
    routes: tuple["Route", ...] = ()
    go_on: bool = False
    terms: Terms = Terms()
    active: tuple[TimeInterval, ...] = ()
    mute: tuple[TimeInterval, ...] = ()
    own: bool = False  # for alerts of Nines about itself: none of the file's, which are numbered
    _found: dict[tuple[tuple[str, str], ...], tuple["Hit", ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )  # what was asked before: each decision asks about the same labels four times

    def hits(self, labels: Mapping[str, str]) -> tuple["Hit", ...]:
        """The routes that take an alert, from here as the root, which takes everything."""
        asked = tuple(labels.items())
        known = self._found.get(asked)
        if known is None:
            known = tuple(_hits(self, labels, _Above(), ()))
            if sum(map(len, labels.values())) <= _LONGEST:
                if len(self._found) >= _REMEMBERED:
                    self._found.clear()
                self._found[asked] = known
        return known

    def explain(self, labels: Mapping[str, str]) -> "Routed":
        """Who is told of an alert, and why them."""
        hits = self.hits(labels)
        receivers = dict.fromkeys(name for hit in hits for name in hit.receivers)
        return Routed(tuple(receivers), tuple(map(str, hits)))


@dataclass(frozen=True, slots=True)
class Routed:
    """Who is to be told, and one clause for each route that took the alert."""

    receivers: tuple[str, ...]
    path: tuple[str, ...]

    def __str__(self) -> str:
        why = "; ".join(self.path)
        if not self.receivers:
            return f"Nobody is told: {why}, and no receivers stand there"
        return f"Routed to {join(self.receivers)}: {why}"


def join(names: tuple[str, ...] | list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


@dataclass(frozen=True, slots=True)
class Step:
    """One route on the way to a hit. `number` is "1.2" for the second child of the root's first."""

    number: str
    matchers: tuple[Matcher, ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """A route that took an alert, and the terms that hold there, its own or from above."""

    receivers: tuple[str, ...]
    steps: tuple[Step, ...]
    terms: Terms = Terms()
    active: tuple[TimeInterval, ...] = ()
    mute: tuple[TimeInterval, ...] = ()

    def suppressors(self, now: datetime) -> tuple[Suppressor, ...]:
        """The time intervals that keep it quiet now; a mute one wins over an active one."""
        where = f"route {self.steps[-1].number}" if self.steps else "the root route"
        found = [
            Suppressor(SuppressorKind.MUTE, one.name, f"{where} is quiet then", one.changes(now))
            for one in self.mute
            if one.holds(now)
        ]
        if self.active and not any(one.holds(now) for one in self.active):
            names = " and ".join(one.name for one in self.active)
            begins = [at for one in self.active if (at := one.changes(now)) is not None]
            words = f"{where} speaks only then"
            until = min(begins, default=None)
            found.append(Suppressor(SuppressorKind.INACTIVE, f"outside {names}", words, until))
        return tuple(found)

    @property
    def failover(self) -> tuple[str, ...]:
        """Who is tried, in this order, when a receiver cannot be told."""
        return self.terms.failover or ()

    @property
    def escalate(self) -> tuple[Escalation, ...]:
        return self.terms.escalate or ()

    @property
    def wait(self) -> timedelta:
        """How long a first message that is no page waits for others to join it."""
        return NO_TIME if self.terms.group_wait is None else self.terms.group_wait

    @property
    def interval(self) -> timedelta:
        """The shortest time between a message and an update of it that is no page."""
        return NO_TIME if self.terms.group_interval is None else self.terms.group_interval

    @property
    def repeat(self) -> timedelta | None:
        """After which time it is said again; None: never."""
        return self.terms.repeat_interval

    def group(self, labels: Mapping[str, str]) -> dict[str, str]:
        """The labels that alerts of one group share here; a missing one is left out."""
        by = self.terms.group_by or ()
        if by == (EVERY_LABEL,):
            return {name: value for name, value in labels.items() if value}
        return {name: labels[name] for name in by if labels.get(name)}

    def __str__(self) -> str:
        if not self.steps:
            return "no route matched, so the root's receivers"
        return ", ".join(
            f"{', '.join(map(str, step.matchers)) or 'everything'} matched route {step.number}"
            for step in self.steps
        )


_OWN = "own"


@dataclass(frozen=True, slots=True)
class _Above:
    """What a route may leave to those above it. Time intervals are not among it."""

    receivers: tuple[str, ...] = ()
    terms: Terms = Terms()


def _hits(
    route: Route, labels: Mapping[str, str], above: _Above, steps: tuple[Step, ...]
) -> Iterator[Hit]:
    """Depth first; the first child that matches ends the search, unless it says to go on."""
    receivers = above.receivers if route.receivers is None else route.receivers
    here = _Above(receivers, route.terms.below(above.terms))
    taken, position = False, 0
    for child in route.routes:
        position += not child.own
        if not all(matcher.matches(labels) for matcher in child.matchers):
            continue
        taken = True
        here_called = _OWN if child.own else str(position)
        number = f"{steps[-1].number}.{here_called}" if steps else here_called
        yield from _hits(child, labels, here, (*steps, Step(number, child.matchers)))
        if not child.go_on:
            return
    if not taken:
        yield Hit(here.receivers, steps, here.terms, route.active, route.mute)
