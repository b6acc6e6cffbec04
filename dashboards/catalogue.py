"""What each SLO is found by in a list, made once until the configuration changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboards.glance import Glance
from dashboards.source import ServiceCard
from slo.definition import SLO


@dataclass(frozen=True, slots=True)
class Entry:
    """Of one SLO. `owner` and `labels` are its service's; without an owner it is empty."""

    slo: SLO
    service: str
    owner: str
    window: str
    labels: Mapping[str, str]
    words: str  # what a search looks into, in the fewest letters


class Catalogue:
    """The entries of whatever SLOs these services have."""

    def __init__(self, cards: Sequence[ServiceCard]) -> None:
        self.cards = cards
        self.by_name = {card.name: card for card in cards}
        self.label_keys = sorted({key for card in cards for key in card.labels})
        self._of_services: dict[str, Mapping[str, str]] = {}
        self._words: dict[str, str] = {}
        self._entries: dict[str, Entry] = {}

    def of_services(self, facet: str) -> Mapping[str, str]:
        """By service, its `owner` or its `label:key`; services without are left out."""
        if facet not in self._of_services:
            label = facet.removeprefix("label:")
            values = {
                card.name: card.owner if facet == "owner" else card.labels.get(label)
                for card in self.cards
            }
            self._of_services[facet] = {name: value for name, value in values.items() if value}
        return self._of_services[facet]

    def entry(self, one: Glance) -> Entry:
        """What this one is found by."""
        found = self._entries.get(one.id)
        if found is None or found.slo is not one.slo:
            found = self._entries[one.id] = self._made(one)
        return found

    def _made(self, one: Glance) -> Entry:
        service = one.slo.service
        card = self.by_name.get(service)
        if service not in self._words:
            self._words[service] = _words(service, card).casefold()
        return Entry(
            slo=one.slo,
            service=service,
            owner=(card.owner or "") if card else "",
            window=one.slo.window.label,
            labels=card.labels if card else {},
            words=f"{one.id.casefold()} {self._words[service]}",
        )


def _words(service: str, card: ServiceCard | None) -> str:
    """What a service's SLOs are found by, beside their own names."""
    words = [f"service:{service}"]
    if card:
        owner = [f"owner:{card.owner}"] if card.owner else []
        words += [card.title, *owner, *(f"{k}:{v}" for k, v in card.labels.items())]
    return " ".join(words)
