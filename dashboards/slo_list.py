"""The list of SLOs: sorted, filtered and paged here, so that the table is right without scripts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from math import inf
from typing import Any

from alerting.incident import Incident
from dashboards import format as write
from dashboards import learning, links, slo_row, states
from dashboards.charts import Sparkline
from dashboards.flow import FlowOf
from dashboards.slo_row import SLORow
from dashboards.source import ServiceCard
from dashboards.states import Mark
from slo.alert_state import AlertState
from slo.status import SLOStatus
from slo.units import format_duration

PAGE_SIZE = 50
LOOKBACKS = {
    format_duration(length): length
    for length in (
        timedelta(minutes=5),
        timedelta(hours=1),
        timedelta(hours=6),
        timedelta(days=1),
        timedelta(days=3),
    )
}
WORST = "worst"


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What the reader asked for, as the address says it. Unknown values fall back."""

    text: str = ""
    state: str = ""
    service: str = ""
    sort: str = WORST
    burn: str = "1h"
    page: int = 1

    def url(self) -> str:
        """The address of this very list; what is at its default is left out."""
        return links.with_query(
            "/slos",
            q=self.text,
            state=self.state,
            service=self.service,
            sort="" if self.sort == WORST else self.sort,
            burn="" if self.burn == "1h" else self.burn,
            page="" if self.page == 1 else self.page,
        )


def read_query(parameters: Mapping[str, str]) -> ListQuery:
    """The query of an address; nonsense is ignored, as a shared link may be old."""
    page, sort = parameters.get("page", ""), parameters.get("sort", "")
    burn, state = parameters.get("burn", ""), parameters.get("state", "")
    return ListQuery(
        text=parameters.get("q", "").strip()[:200],
        state=state if states.mark(state) else "",
        service=parameters.get("service", ""),
        sort=sort if sort.removeprefix("-") in _KEYS else WORST,
        burn=burn if burn in LOOKBACKS else "1h",
        page=max(int(page), 1) if page.isascii() and page.isdigit() and len(page) < 7 else 1,
    )


@dataclass(frozen=True, slots=True)
class Header:
    """A column's header: where a click on it leads, and how it is sorted now."""

    key: str
    word: str
    url: str | None
    aria: str  # ascending, descending or none
    numeric: bool = False


@dataclass(frozen=True, slots=True)
class Facet:
    """A filter: how many SLOs it would show, and the address that does."""

    mark: Mark
    count: int
    url: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry of a selection."""

    value: str
    word: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class SLOListView:
    """Everything the list prints."""

    query: ListQuery
    shown: str  # 11 of 214 SLOs
    facets: tuple[Facet, ...]
    services: tuple[Choice, ...]
    lookbacks: tuple[Choice, ...]
    headers: tuple[Header, ...]
    rows: tuple[SLORow, ...]
    clear_url: str | None
    empty: str
    page_words: str | None
    previous_url: str | None
    next_url: str | None


Value = Fraction | float | str
# What a column sorts by; None (no data) comes last in either direction.
_KEYS: Mapping[str, Callable[[SLOStatus, timedelta], Value | None]] = {
    "slo": lambda status, _: status.slo.name.casefold(),
    "target": lambda status, _: Fraction(status.slo.objective.share),
    "sli": lambda status, _: status.sli,
    "budget": lambda status, _: (
        status.budget.remaining if status.budget and not learning.learns(status) else None
    ),
    "burn": lambda status, lookback: _burn_rate(status, lookback),
    "forecast": lambda status, _: _runs_out(status),
}
_COLUMNS = (
    ("state", "State", False),
    ("slo", "SLO", False),
    ("owner", "Owner", False),
    ("target", "Target", True),
    ("sli", "SLI", True),
    ("budget", "Budget left", True),
    ("burn", "Burn", True),
    ("week", "7 days", False),
    ("forecast", "Forecast", False),
    ("incident", "Incident", False),
)


def page_of(
    statuses: Sequence[SLOStatus], query: ListQuery, cards: Mapping[str, ServiceCard]
) -> tuple[list[SLOStatus], list[SLOStatus]]:
    """All that match, in order; and those of the wanted page."""
    found = [status for status in statuses if _matches(status, query, cards)]
    ordered = _ordered(found, query)
    last = max((len(ordered) - 1) // PAGE_SIZE, 0)
    first = min(query.page - 1, last) * PAGE_SIZE
    return ordered, ordered[first : first + PAGE_SIZE]


def slo_list(
    *,
    query: ListQuery,
    statuses: Sequence[SLOStatus],
    services: Sequence[ServiceCard],
    alert_states: Mapping[str, Mapping[str, AlertState]],
    incidents: Sequence[Incident],
    slos: Mapping[str, Sequence[str]],
    sparks: Mapping[str, Sparkline],
    now: datetime,
    flows: FlowOf | None = None,
) -> SLOListView:
    """The list for one query. `sparks` and `alert_states` are wanted for the shown page only.

    `slos` are the names of those that stand in an incident, by its id.
    """
    cards = {card.name: card for card in services}
    found, shown = page_of(statuses, query, cards)
    open_ = slo_row.open_incidents(incidents, slos)
    lookback = LOOKBACKS[query.burn]
    pages = max(-(-len(found) // PAGE_SIZE), 1)
    page = min(query.page, pages)
    narrowed = bool(query.text or query.state or query.service)
    return SLOListView(
        query=query,
        shown=_shown(len(found), len(statuses)),
        facets=_facets(statuses, query, cards),
        services=(
            Choice("", "All services", not query.service),
            *(Choice(card.name, card.title, card.name == query.service) for card in services),
        ),
        lookbacks=tuple(Choice(key, key, key == query.burn) for key in LOOKBACKS),
        headers=tuple(_header(*column, query) for column in _COLUMNS),
        rows=tuple(
            slo_row.slo_row(
                status,
                card=cards.get(status.slo.service),
                alert_states=alert_states.get(status.slo.id, {}),
                incident=open_.get(status.slo.id),
                now=now,
                lookback=lookback,
                spark=sparks.get(status.slo.id),
                flow=flows(status) if flows else None,
            )
            for status in shown
        ),
        clear_url="/slos" if narrowed else None,
        empty=_empty(query, len(statuses)),
        page_words=f"Page {page} of {pages}" if pages > 1 else None,
        previous_url=replace(query, page=page - 1).url() if page > 1 else None,
        next_url=replace(query, page=page + 1).url() if page < pages else None,
    )


def _shown(found: int, total: int) -> str:
    if found == total:
        return write.plural(total, "SLO")
    return f"{write.count(found)} of {write.plural(total, 'SLO')}"


def _matches(status: SLOStatus, query: ListQuery, cards: Mapping[str, ServiceCard]) -> bool:
    slo = status.slo
    if query.service and slo.service != query.service:
        return False
    if query.state and query.state != states.marks(status)[0].key:
        return False
    if not query.text:
        return True
    card = cards.get(slo.service)
    words = [slo.id, f"service:{slo.service}"]
    if card:
        owner = [f"owner:{card.owner}"] if card.owner else []
        words += [card.title, *owner, *(f"{k}:{v}" for k, v in card.labels.items())]
    hay = " ".join(words).casefold()
    return all(word in hay for word in query.text.casefold().split())


def _ordered(found: list[SLOStatus], query: ListQuery) -> list[SLOStatus]:
    if query.sort == WORST:
        return states.worst_first(found)
    key, lookback = _KEYS[query.sort.removeprefix("-")], LOOKBACKS[query.burn]
    by_id = sorted(found, key=lambda status: status.slo.id)
    known = [(value, each) for each in by_id if (value := key(each, lookback)) is not None]
    # Sorting is stable, also backwards: ties stay in the order of their ids.
    known.sort(key=_value, reverse=query.sort.startswith("-"))
    return [
        *(status for _, status in known),
        *(status for status in by_id if key(status, lookback) is None),
    ]


def _value(pair: tuple[Value, SLOStatus]) -> Any:  # noqa: ANN401 one column's values compare
    return pair[0]


def _burn_rate(status: SLOStatus, lookback: timedelta) -> Fraction | None:
    burn = status.burn(lookback)
    return burn.rate if burn else None


def _runs_out(status: SLOStatus) -> float | None:
    if not status.forecast.known:
        return None
    return status.forecast.at.timestamp() if status.forecast.at else inf


def _facets(
    statuses: Sequence[SLOStatus], query: ListQuery, cards: Mapping[str, ServiceCard]
) -> tuple[Facet, ...]:
    others = replace(query, state="", page=1)
    census = states.census(status for status in statuses if _matches(status, others, cards))
    return tuple(
        Facet(
            mark,
            census[mark],
            replace(others, state="" if query.state == mark.key else mark.key).url(),
            query.state == mark.key,
        )
        for mark in states.MARKS
        if census[mark] or query.state == mark.key
    )


def _header(key: str, word: str, numeric: bool, query: ListQuery) -> Header:
    if key == "state":
        aria = "descending" if query.sort == WORST else "none"
        return Header(key, word, replace(query, sort=WORST, page=1).url(), aria)
    if key not in _KEYS:
        return Header(key, word, None, "none", numeric)
    # First click: the end that worries; second: the other; third: back to worst first.
    first, second = (f"-{key}", key) if key in ("burn", "target") else (key, f"-{key}")
    following = {first: second, second: WORST}.get(query.sort, first)
    aria = {key: "ascending", f"-{key}": "descending"}.get(query.sort, "none")
    return Header(key, word, replace(query, sort=following, page=1).url(), aria, numeric)


def _empty(query: ListQuery, total: int) -> str:
    if not total:
        return "No SLO is configured yet."
    hidden = write.plural(total, "SLO is hidden", "SLOs are hidden")
    parts = []
    if query.text:
        parts.append(f"the search for “{query.text}”")
    if mark := states.mark(query.state):
        parts.append(f"the state {mark.word.lower()}")
    if query.service:
        parts.append(f"the service {query.service}")
    return f"Nothing matches {' and '.join(parts)}: {hidden}."
