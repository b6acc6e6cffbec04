"""The routing tree: which receivers an alert is for, and why them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from slo.selector import Matcher


@dataclass(frozen=True, slots=True)
class Route:
    """A node: takes the alerts whose labels meet every matcher. `receivers` None: its parent's.

    `go_on`: when it took an alert, its later siblings may take it too ("continue" as configured).
    """

    matchers: tuple[Matcher, ...] = ()
    receivers: tuple[str, ...] | None = None
    routes: tuple["Route", ...] = ()
    go_on: bool = False

    def explain(self, labels: Mapping[str, str]) -> "Routed":
        """Route one alert from here as the root, which takes everything."""
        receivers: dict[str, None] = {}
        path = []
        for hit in _hits(self, labels, self.receivers or (), ()):
            receivers.update(dict.fromkeys(hit.receivers))
            path.append(_words(hit))
        return Routed(tuple(receivers), tuple(path))


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
class _Step:
    number: str  # "1.2": the second child of the root's first
    matchers: tuple[Matcher, ...]


@dataclass(frozen=True, slots=True)
class _Hit:
    receivers: tuple[str, ...]
    steps: tuple[_Step, ...]


def _hits(
    route: Route, labels: Mapping[str, str], inherited: tuple[str, ...], steps: tuple[_Step, ...]
) -> Iterator[_Hit]:
    """Depth first; the first child that matches ends the search, unless it says to go on."""
    receivers = inherited if route.receivers is None else route.receivers
    taken = False
    for position, child in enumerate(route.routes, start=1):
        if not all(matcher.matches(labels) for matcher in child.matchers):
            continue
        taken = True
        number = f"{steps[-1].number}.{position}" if steps else str(position)
        yield from _hits(child, labels, receivers, (*steps, _Step(number, child.matchers)))
        if not child.go_on:
            return
    if not taken:
        yield _Hit(receivers, steps)


def _words(hit: _Hit) -> str:
    if not hit.steps:
        return "no route matched, so the root's receivers"
    return ", ".join(
        f"{', '.join(map(str, step.matchers)) or 'everything'} matched route {step.number}"
        for step in hit.steps
    )
