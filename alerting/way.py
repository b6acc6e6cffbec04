"""The way of one set of labels through the routes: for "who would be told of this, and why?"."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from alerting.dependency import NOTHING, Dependencies, Parents
from alerting.inhibition import Inhibition, Source, inhibitors
from alerting.routes import Hit, Route
from alerting.suppressor import Suppressor
from slo.units import format_duration


@dataclass(frozen=True, slots=True)
class Way:
    """One route that takes them, on its terms, and who would hold an alert back there now."""

    hit: Hit
    group: Mapping[str, str]
    held_by: tuple[Suppressor, ...]

    def lines(self) -> list[str]:
        """It in words: first who, then what holds there."""
        hit = self.hit
        found = [f"{', '.join(hit.receivers) or 'nobody'}: {hit}"]
        if hit.failover:
            found.append(f"  failover: {', then '.join(hit.failover)}")
        found += [
            f"  not acknowledged in {format_duration(step.after)}: {', '.join(step.receivers)}"
            for step in hit.escalate
        ]
        repeat = f", repeat_interval {format_duration(hit.repeat)}" if hit.repeat else ""
        wait, interval = format_duration(hit.wait), format_duration(hit.interval)
        found.append(f"  group_wait {wait} (no page waits), group_interval {interval}{repeat}")
        if self.group:
            said = ", ".join(f"{name}={value}" for name, value in self.group.items())
            found.append(f"  group of alerts from outside: {said}")
        found += [f"  held back now: {one}{_until(one)}" for one in self.held_by]
        return found


def ways(
    tree: Route,
    labels: Mapping[str, str],
    now: datetime,
    *,
    inhibitions: Sequence[Inhibition] = (),
    dependencies: Dependencies = NOTHING,
    firing: Sequence[Source] = (),
    silences: Callable[[Mapping[str, str]], tuple[Suppressor, ...]] = lambda _: (),
) -> list[Way]:
    """Every route that takes an alert with these labels; `firing` is what may hold it back."""
    everywhere = (
        *silences(labels),
        *inhibitors(inhibitions, labels, firing),
        *Parents(dependencies, firing).suppressors(labels),
    )
    return [
        Way(hit, hit.group(labels), (*everywhere, *hit.suppressors(now)))
        for hit in tree.hits(labels)
    ]


def _until(one: Suppressor) -> str:
    return f", until {one.until:%Y-%m-%d %H:%M} UTC" if one.until else ""
