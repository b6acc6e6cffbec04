"""The list of SLOs: sorted, filtered and paged here, so that the table is right without scripts."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from alerting.incident import Incident
from dashboards import format as write
from dashboards import links, slo_row, states
from dashboards.charts import Sparkline
from dashboards.flow import FlowOf
from dashboards.glance import Glance, Roll, census
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
_KEYS: Mapping[str, Callable[[Glance, timedelta], Value | None]] = {
    "slo": lambda one, _: one.slo.name.casefold(),
    "target": lambda one, _: Fraction(one.slo.objective.share),
    "sli": lambda one, _: one.sli,
    "budget": lambda one, _: None if one.learns else one.remaining,
    "burn": lambda one, lookback: one.rate(lookback),
    "forecast": lambda one, _: None if one.learns else one.ends,
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


@dataclass(frozen=True, slots=True)
class Found:
    """What a query finds: how many SLOs in all, those of the wanted page in order, and how many it
    would find in each state.
    """

    total: int
    page: tuple[Glance, ...]
    by_mark: Counter[Mark]


def find(roll: Roll, query: ListQuery, cards: Mapping[str, ServiceCard]) -> Found:
    """What the query finds among these."""
    in_any = _matching(roll, query, cards)
    by_mark = roll.census if len(in_any) == len(roll) else census(in_any)
    ordered = _ordered([one for one in in_any if query.state in ("", one.marks[0].key)], query)
    last = max((len(ordered) - 1) // PAGE_SIZE, 0)
    first = min(query.page - 1, last) * PAGE_SIZE
    return Found(len(ordered), tuple(ordered[first : first + PAGE_SIZE]), by_mark)


def slo_list(
    *,
    query: ListQuery,
    found: Found,
    of: int,
    statuses: Sequence[SLOStatus],
    services: Sequence[ServiceCard],
    alert_states: Mapping[str, Mapping[str, AlertState]],
    incidents: Sequence[Incident],
    slos: Mapping[str, Sequence[str]],
    sparks: Mapping[str, Sparkline],
    now: datetime,
    flows: FlowOf | None = None,
) -> SLOListView:
    """The list for one query, which found this `of` so many SLOs; `statuses` are its page's.

    `sparks` and `alert_states` are wanted for these alone. `slos` are the names of those that stand
    in an incident, by its id.
    """
    cards = {card.name: card for card in services}
    open_ = slo_row.open_incidents(incidents, slos)
    lookback = LOOKBACKS[query.burn]
    pages = max(-(-found.total // PAGE_SIZE), 1)
    page = min(query.page, pages)
    narrowed = bool(query.text or query.state or query.service)
    return SLOListView(
        query=query,
        shown=_shown(found.total, of),
        facets=_facets(found.by_mark, query),
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
            for status in statuses
        ),
        clear_url="/slos" if narrowed else None,
        empty=_empty(query, of),
        page_words=f"Page {page} of {pages}" if pages > 1 else None,
        previous_url=replace(query, page=page - 1).url() if page > 1 else None,
        next_url=replace(query, page=page + 1).url() if page < pages else None,
    )


def _shown(found: int, total: int) -> str:
    if found == total:
        return write.plural(total, "SLO")
    return f"{write.count(found)} of {write.plural(total, 'SLO')}"


def _matching(roll: Roll, query: ListQuery, cards: Mapping[str, ServiceCard]) -> Sequence[Glance]:
    """Those of the service and with the words that are asked for, in any state; worst first."""
    ordered = roll.by_service.get(query.service, ()) if query.service else roll.worst_first
    if not query.text:
        return ordered
    wanted = query.text.casefold().split()
    of_service = {name: _words(name, cards.get(name)).casefold() for name in roll.by_service}
    found = []
    for one in ordered:
        hay = f"{one.id.casefold()} {of_service[one.slo.service]}"
        if all(word in hay for word in wanted):
            found.append(one)
    return found


def _words(service: str, card: ServiceCard | None) -> str:
    """What a service's SLOs are found by, beside their own names."""
    words = [f"service:{service}"]
    if card:
        owner = [f"owner:{card.owner}"] if card.owner else []
        words += [card.title, *owner, *(f"{k}:{v}" for k, v in card.labels.items())]
    return " ".join(words)


def _ordered(found: list[Glance], query: ListQuery) -> list[Glance]:
    """As asked for; `found` are in the order of the worst first."""
    if query.sort == WORST:
        return found
    key, lookback = _KEYS[query.sort.removeprefix("-")], LOOKBACKS[query.burn]
    by_id = sorted(found, key=lambda one: one.id)
    known = [(value, each) for each in by_id if (value := key(each, lookback)) is not None]
    # Sorting is stable, also backwards: ties stay in the order of their ids.
    known.sort(key=_value, reverse=query.sort.startswith("-"))
    return [
        *(one for _, one in known),
        *(one for one in by_id if key(one, lookback) is None),
    ]


def _value(pair: tuple[Value, Glance]) -> Any:  # noqa: ANN401 one column's values compare
    return pair[0]


def _facets(by_mark: Counter[Mark], query: ListQuery) -> tuple[Facet, ...]:
    others = replace(query, state="", page=1)
    return tuple(
        Facet(
            mark,
            by_mark[mark],
            replace(others, state="" if query.state == mark.key else mark.key).url(),
            query.state == mark.key,
        )
        for mark in states.MARKS
        if by_mark[mark] or query.state == mark.key
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
