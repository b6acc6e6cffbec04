"""Inhibition: an alert that fires holds others back, as it says already what they would. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from alerting.suppressor import Suppressor, SuppressorKind
from slo.selector import Matcher


@dataclass(frozen=True, slots=True)
class Source:
    """An alert that fires, whoever is told of it. `id` is None while it has none yet."""

    id: str | None
    rule: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Inhibition:
    """While a source fires, targets are held back whose `equal` labels are the same as its own.

    A label that is missing is the empty string, so labels that both lack are equal.
    """

    name: str
    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()

    def holds_back(self, labels: Mapping[str, str], source: Mapping[str, str]) -> bool:
        """Whether this source keeps an alert with these labels quiet.

        Two alerts that are both on both sides do not: else each would wait for the other.
        """
        return (
            _meets(self.target, labels)
            and _meets(self.source, source)
            and all(labels.get(name, "") == source.get(name, "") for name in self.equal)
            and not (_meets(self.source, labels) and _meets(self.target, source))
        )


class Inhibitors:
    """All that may hold others back at one moment, found by the labels that must be equal."""

    def __init__(self, rules: Sequence[Inhibition], firing: Iterable[Source]) -> None:
        by_rule = sorted(firing, key=lambda source: source.rule) if rules else []
        self._rules = [(rule, _by_equal(rule, by_rule)) for rule in rules]

    def sources(self, labels: Mapping[str, str]) -> Iterator[tuple[Inhibition, Source]]:
        """By rule, who holds an alert with these labels back; of several sources, the first."""
        for rule, by_equal in self._rules:
            if not by_equal or not _meets(rule.target, labels):
                continue
            for source in by_equal.get(_equal(rule, labels), ()):
                if rule.holds_back(labels, source.labels):
                    yield rule, source
                    break

    def suppressors(self, labels: Mapping[str, str]) -> tuple[Suppressor, ...]:
        """The same as reasons for people."""
        return tuple(
            Suppressor(
                SuppressorKind.INHIBITED, f"by {source.rule}", f"{rule.name}, while that fires"
            )
            for rule, source in self.sources(labels)
        )


def inhibitors(
    rules: Sequence[Inhibition], labels: Mapping[str, str], firing: Iterable[Source]
) -> tuple[Suppressor, ...]:
    """Who holds an alert with these labels back; of several sources of one rule, the first."""
    return Inhibitors(rules, firing).suppressors(labels)


def _by_equal(
    rule: Inhibition, firing: Iterable[Source]
) -> Mapping[tuple[str, ...], Sequence[Source]]:
    found: dict[tuple[str, ...], list[Source]] = {}
    for source in firing:
        if _meets(rule.source, source.labels):
            found.setdefault(_equal(rule, source.labels), []).append(source)
    return found


def _equal(rule: Inhibition, labels: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(labels.get(name, "") for name in rule.equal)


def _meets(matchers: tuple[Matcher, ...], labels: Mapping[str, str]) -> bool:
    return all(matcher.matches(labels) for matcher in matchers)
