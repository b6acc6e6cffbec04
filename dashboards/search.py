"""One search over everything that has a page: SLOs, services and incidents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from alerting.incident import Incident
from dashboards import format as write
from dashboards import links
from dashboards.glance import Roll
from dashboards.incident_page import IncidentRow, incident_rows
from dashboards.source import ServiceCard
from dashboards.states import Mark

LONGEST = 200
MOST = 20  # of each kind
LOOKED_AT = 200  # the newest incidents


@dataclass(frozen=True, slots=True)
class FoundSLO:
    """An SLO in a line."""

    name: str
    url: str
    service: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class FoundService:
    """A service in a line; `mark` is the worst of its SLOs, None without any."""

    name: str
    title: str
    url: str
    owner: str | None
    mark: Mark | None


@dataclass(frozen=True, slots=True)
class SearchView:
    """What was found. `sentence` counts it; empty while nothing was asked."""

    text: str
    sentence: str
    slos: tuple[FoundSLO, ...]
    services: tuple[FoundService, ...]
    incidents: tuple[IncidentRow, ...]
    more_slos_url: str | None  # the list of all that fit


def search(
    text: str,
    *,
    roll: Roll,
    services: Sequence[ServiceCard],
    incidents: Sequence[Incident],
    slos: Mapping[str, Sequence[str]],
    now: datetime,
) -> SearchView:
    """Everything that has all the words. `incidents`: newest first; `slos` are theirs, by id."""
    words = text.casefold().split()
    if not words:
        return SearchView(text, "", (), (), (), None)
    cards = {card.name: card for card in services}
    found_slos = [one for one in roll if _has(words, one.id, _of_card(cards.get(one.slo.service)))]
    found_slos.sort(key=lambda one: not _has(words, one.id))  # what is called so comes first
    found_services = [card for card in services if _has(words, _of_card(card))]
    found_incidents = [
        one
        for one in incidents
        if _has(words, one.id, one.title, one.service, " ".join(slos.get(one.id, ())))
    ]
    return SearchView(
        text=text,
        sentence=_sentence(len(found_slos), len(found_services), len(found_incidents)),
        slos=tuple(
            FoundSLO(one.slo.name, links.slo_url(one.id), one.slo.service, one.marks[0])
            for one in found_slos[:MOST]
        ),
        services=tuple(_service(card, roll) for card in found_services[:MOST]),
        incidents=incident_rows(found_incidents[:MOST], slos, now),
        more_slos_url=links.with_query("/slos", q=text) if len(found_slos) > MOST else None,
    )


def _has(words: Sequence[str], *texts: str) -> bool:
    text = "\n".join(texts).casefold()
    return all(word in text for word in words)


def _of_card(card: ServiceCard | None) -> str:
    if card is None:
        return ""
    labels = (f"{key}:{value}" for key, value in card.labels.items())
    return "\n".join((card.name, card.title, card.owner or "", *labels))


def _service(card: ServiceCard, roll: Roll) -> FoundService:
    own = roll.by_service.get(card.name, ())
    return FoundService(
        card.name,
        card.title,
        links.service_url(card.name),
        card.owner,
        own[0].marks[0] if own else None,
    )


def _sentence(slos: int, services: int, incidents: int) -> str:
    found = [
        write.plural(number, what)
        for number, what in ((slos, "SLO"), (services, "service"), (incidents, "incident"))
        if number
    ]
    return f"Found: {', '.join(found)}." if found else "Nothing has all these words."
