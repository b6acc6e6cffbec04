"""Inhibition: an alert that fires holds others back, as it says already what they would. Pure."""

from collections.abc import Iterable, Mapping, Sequence
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


def inhibitors(
    rules: Sequence[Inhibition], labels: Mapping[str, str], firing: Iterable[Source]
) -> tuple[Suppressor, ...]:
    """Who holds an alert with these labels back; of several sources of one rule, the first."""
    sources = sorted(firing, key=lambda source: source.rule)
    found = []
    for rule in rules:
        source = next((one for one in sources if rule.holds_back(labels, one.labels)), None)
        if source is not None:
            words = f"{rule.name}, while that fires"
            found.append(Suppressor(SuppressorKind.INHIBITED, f"by {source.rule}", words))
    return tuple(found)


def _meets(matchers: tuple[Matcher, ...], labels: Mapping[str, str]) -> bool:
    return all(matcher.matches(labels) for matcher in matchers)
