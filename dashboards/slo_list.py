"""The list of SLOs as it is printed: sorted, filtered and paged by its address alone."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from alerting.wording import capital
from dashboards import format as write
from dashboards import links, states
from dashboards.catalogue import Catalogue
from dashboards.saved_views import Views, query_of
from dashboards.search_words import FACETS, Term, toggled, write_words
from dashboards.slo_find import Found, Group
from dashboards.slo_query import (
    ALWAYS,
    DENSITIES,
    LOOKBACKS,
    OPTIONAL,
    PLAIN,
    SIZES,
    SORTS,
    WORST,
    Asked,
    ListQuery,
    quoted,
)
from dashboards.states import Mark

Row = TypeVar("Row")
_MOST_VALUES = 8  # of a facet; more of them are searched for
_WORDS = {
    "state": "State",
    "slo": "SLO",
    "owner": "Owner",
    "objective": "Objective",
    "sli": "SLI",
    "budget": "Budget left",
    "burn": "Burn",
    "week": "7 days",
    "forecast": "Forecast",
    "incident": "Incident",
}
_NUMERIC = ("objective", "sli", "budget", "burn")
_FACET_WORDS = {"state": "State", "owner": "Owner", "service": "Service", "window": "Window"}


@dataclass(frozen=True, slots=True)
class Header:
    """A column's header: where a click on it leads, and how it is sorted now."""

    key: str
    word: str
    url: str | None
    aria: str  # ascending, descending or none
    numeric: bool = False


@dataclass(frozen=True, slots=True)
class FacetValue:
    """A filter: how many SLOs it would show, and the address that puts it on or takes it off."""

    word: str
    count: int
    url: str
    chosen: bool
    mark: Mark | None = None  # of a state


@dataclass(frozen=True, slots=True)
class Facet:
    """The filters of one kind; `more` says how to come by those that have no place here."""

    key: str
    word: str
    values: tuple[FacetValue, ...]
    more: str | None


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry of a selection, or a link that chooses it."""

    value: str
    word: str
    chosen: bool
    url: str = ""


@dataclass(frozen=True, slots=True)
class MarkCount:
    """How many SLOs of a group stand so, and the list of these."""

    mark: Mark
    count: int
    url: str


@dataclass(frozen=True, slots=True)
class GroupRow(Generic[Row]):
    """A group's line and, where it is open, its SLOs. `url` opens or closes it."""

    anchor: str
    word: str
    count: str
    is_open: bool
    url: str
    counts: tuple[MarkCount, ...]
    worst: str
    worst_url: str
    rows: tuple[Row, ...]
    all_url: str
    more: str | None  # where not all of its SLOs are shown


@dataclass(frozen=True, slots=True)
class SLOListView(Generic[Row]):
    """Everything the list prints; its rows in whatever form they go into the page."""

    query: ListQuery
    mistakes: tuple[str, ...]
    shown: str  # 1 to 50 of 214 SLOs
    facets: tuple[Facet, ...]
    facets_open: bool
    groupings: tuple[Choice, ...]
    lookbacks: tuple[Choice, ...]
    columns: tuple[Choice, ...]
    densities: tuple[Choice, ...]
    sizes: tuple[Choice, ...]
    headers: tuple[Header, ...]
    headed: bool  # closed groups have no cells that a header could stand over
    rows: tuple[Row, ...]
    groups: tuple[GroupRow[Row], ...]
    kept: tuple[tuple[str, str], ...]  # what the search's form sends on
    laid_out: tuple[tuple[str, str], ...]  # what the layout's form sends on
    views: tuple[Choice, ...]  # lists that have names
    own_query: str  # what one of them would keep of this
    whole_url: str  # this list as it looks here, for others
    csv_url: str
    clear_url: str | None
    empty: str
    is_blind: bool  # it is empty because nothing is known, not because nothing is there
    page_words: str | None
    first_url: str | None
    previous_url: str | None
    next_url: str | None

    @property
    def states(self) -> Facet:
        """The facet of states, which has a place of its own."""
        return self.facets[0]


def slo_list(
    *,
    asked: Asked,
    found: Found,
    catalogue: Catalogue,
    rows: Mapping[str, Row],
    views: Views = (),
) -> SLOListView[Row]:
    """The list for one query; `rows` are those of the SLOs that it shows, by their ids: one that
    is found and has no row could not be told of. `views` are lists that have names.
    """
    query = asked.query
    narrowed = bool(query.terms)
    missing = sum(one.id not in rows for one in found.page)
    mistakes = [*asked.mistakes, *_unknown(query, found, catalogue), *found.mistakes]
    if missing:
        mistakes.append(f"Of {write.plural(missing, 'SLO')} nothing could be told just now.")
    top = replace(query, after="", before="")
    groups = tuple(_group_row(one, top, rows) for one in found.groups)
    headed = not groups or any(one.rows for one in groups)
    return SLOListView(
        query=query,
        mistakes=tuple(mistakes),
        shown=_shown(found, query),
        facets=tuple(_facet(key, found, top, catalogue) for key in FACETS),
        facets_open=any(term.key in FACETS and term.key != "state" for term in query.terms),
        groupings=_groupings(top, catalogue),
        lookbacks=_choices("burn", LOOKBACKS, query.burn, top),
        columns=tuple(Choice(key, _WORDS[key], key in query.layout.columns) for key in OPTIONAL),
        densities=tuple(Choice(one, one, one == query.layout.density) for one in DENSITIES),
        sizes=tuple(Choice(str(one), str(one), one == query.layout.rows) for one in SIZES),
        headers=tuple(_header(key, top) for key in shown_columns(query)),
        headed=headed,
        rows=tuple(rows[one.id] for one in found.page if one.id in rows),
        groups=groups,
        # The burn rate's stretch is chosen in its column's header, where there is one.
        kept=_without(
            top, "q", "burn" if found.total and headed and "burn" in shown_columns(query) else ""
        ),
        laid_out=_without(top, "columns", "density", "rows"),
        views=tuple(
            Choice(one.name, one.name, one.query == query_of(query), one.url) for one in views
        ),
        own_query=query_of(query),
        whole_url=links.with_pairs("/slos", _whole(query)),
        csv_url=replace(top, opened=(), group="").url("/slos.csv"),
        clear_url=replace(top, terms=()).url() if narrowed else None,
        empty=_empty(found, catalogue, query),
        is_blind=not found.of and any(card.slo_ids for card in catalogue.cards),
        page_words=_page_words(found, query),
        first_url=top.url() if found.previous else None,
        previous_url=replace(top, before=found.previous).url() if found.previous else None,
        next_url=replace(top, after=found.next).url() if found.next else None,
    )


def shown_columns(query: ListQuery) -> tuple[str, ...]:
    """The columns that a row has, in their order."""
    return (*ALWAYS, *query.layout.columns)


# --- what stands above it ------------------------------------------------------------------------


def _shown(found: Found, query: ListQuery) -> str:
    if query.group:
        return f"{_of(found)} in {write.plural(found.items, 'group')}"
    if len(found.page) < found.items:
        last = found.first + len(found.page)
        return f"{found.first + 1:,} to {last:,} of {write.plural(found.total, 'SLO')}"
    return _of(found)


def _of(found: Found) -> str:
    if found.total == found.of:
        return write.plural(found.of, "SLO")
    return f"{write.count(found.total)} of {write.plural(found.of, 'SLO')}"


def _page_words(found: Found, query: ListQuery) -> str | None:
    if not (found.previous or found.next):
        return None
    last = found.first + len(found.groups if query.group else found.page)
    word = "group" if query.group else "SLO"
    return f"{found.first + 1:,} to {last:,} of {write.plural(found.items, word)}"


def _unknown(query: ListQuery, found: Found, catalogue: Catalogue) -> list[str]:
    """Terms that name what nobody has."""
    told = []
    known = {
        "owner": {card.owner for card in catalogue.cards if card.owner},
        "service": set(catalogue.by_name),
        "window": set(found.counts["window"]),
    }
    for term in query.terms:
        values = known.get(term.key)
        if not values or not term.value or any(term.fits(one) for one in values):
            continue
        some = ", ".join(quoted(one) for one in sorted(values)[:5])
        more = f" and {write.count(len(values) - 5)} more" if len(values) > 5 else ""
        told.append(
            f"There is no {term.key} {quoted(term.value)}. There is {some}{more}; "
            f"a * at the end stands for any letters."
        )
    return told


def _facet(key: str, found: Found, query: ListQuery, catalogue: Catalogue) -> Facet:
    counts = found.counts[key]
    chosen = [term.value for term in query.terms if term.key == key]
    if key == "state":
        values = [one.key for one in states.MARKS if counts[one.key] or one.key in chosen]
    else:
        values = list(dict.fromkeys([*chosen, *counts]))
    most = len(values) if key == "state" else max(_MOST_VALUES, len(chosen))
    left = len(values) - most
    return Facet(
        key=key,
        word=_FACET_WORDS[key],
        values=tuple(
            FacetValue(
                word=_word(key, value, catalogue),
                count=counts[value],
                url=replace(query, terms=toggled(query.terms, Term(key, value))).url(),
                chosen=value in chosen,
                mark=states.mark(value) if key == "state" else None,
            )
            for value in values[:most]
        ),
        more=f"{write.count(left)} more: search for {key}:name" if left > 0 else None,
    )


def _word(key: str, value: str, catalogue: Catalogue) -> str:
    if key == "state" and (mark := states.mark(value)):
        return mark.word
    if key == "service" and value in catalogue.by_name:
        return catalogue.by_name[value].title
    return value or ("Nobody" if key == "owner" else "None")


def _groupings(query: ListQuery, catalogue: Catalogue) -> tuple[Choice, ...]:
    ways = {"": "nothing", "service": "service", "owner": "owner", "state": "state"}
    ways |= {"window": "window"} | {f"label:{key}": key for key in catalogue.label_keys}
    bare = replace(query, opened=())
    return tuple(
        Choice(way, word, way == query.group, replace(bare, group=way).url())
        for way, word in ways.items()
    )


def _choices(
    name: str, values: Mapping[str, object], chosen: str, query: ListQuery
) -> tuple[Choice, ...]:
    return tuple(
        Choice(one, one, one == chosen, replace(query, **{name: one}).url())  # type: ignore[arg-type]
        for one in values
    )


def _without(query: ListQuery, *names: str) -> tuple[tuple[str, str], ...]:
    return tuple((key, value) for key, value in query.parts() if key not in names)


def _whole(query: ListQuery) -> list[tuple[str, str]]:
    """All that makes this list look as it does, whatever its reader is used to."""
    told = [(key, value) for key, value in query.parts() if key not in PLAIN.told()]
    return [*told, *query.layout.told().items()]


def _header(key: str, query: ListQuery) -> Header:
    word, numeric = _WORDS[key], key in _NUMERIC
    if key == "state":
        aria = "descending" if query.sort == WORST else "none"
        return Header(key, word, replace(query, sort=WORST).url(), aria)
    if key not in SORTS:
        return Header(key, word, None, "none", numeric)
    # First click: the end that worries; second: the other; third: back to worst first.
    first, second = (f"-{key}", key) if key in ("burn", "objective") else (key, f"-{key}")
    following = {first: second, second: WORST}.get(query.sort, first)
    aria = {key: "ascending", f"-{key}": "descending"}.get(query.sort, "none")
    return Header(key, word, replace(query, sort=following).url(), aria, numeric)


# --- groups --------------------------------------------------------------------------------------


def _group_row(one: Group, query: ListQuery, rows: Mapping[str, Row]) -> GroupRow[Row]:
    facet = query.group
    term = Term(facet.removeprefix("label:"), one.value)
    inside = replace(query, group="", opened=(), terms=(*_others(query, term), term))
    is_open = one.value in query.opened
    opened = [value for value in query.opened if value != one.value]
    anchor = f"group-{links.quoted(one.value)}"
    left = one.count - len(one.shown)
    return GroupRow(
        anchor=anchor,
        word=_group_word(facet, one.value),
        count=write.plural(one.count, "SLO"),
        is_open=is_open,
        url=replace(query, opened=(*opened, *(() if is_open else (one.value,)))).url()
        + f"#{anchor}",
        counts=tuple(
            MarkCount(mark, one.census[mark], _with_state(inside, mark))
            for mark in states.MARKS
            if one.census.get(mark)
        ),
        worst=one.worst.slo.name,
        worst_url=links.slo_url(one.worst.id),
        rows=tuple(rows[each.id] for each in one.shown if each.id in rows),
        all_url=inside.url(),
        more=f"All {write.plural(one.count, 'SLO')}" if is_open and left > 0 else None,
    )


def _others(query: ListQuery, term: Term) -> tuple[Term, ...]:
    """The terms beside the group's own: alternatives to it would show more than the group."""
    return tuple(one for one in query.terms if one.key != term.key)


def _with_state(query: ListQuery, mark: Mark) -> str:
    rest = tuple(term for term in query.terms if term.key != "state")
    return replace(query, terms=(*rest, Term("state", mark.key))).url()


def _group_word(facet: str, value: str) -> str:
    if facet == "state" and (mark := states.mark(value)):
        return mark.word
    if value:
        return value
    key = facet.removeprefix("label:")
    return "No owner" if facet == "owner" else f"Without the label {key}"


# --- nothing to show -----------------------------------------------------------------------------


def _empty(found: Found, catalogue: Catalogue, query: ListQuery) -> str:
    configured = sum(len(card.slo_ids) for card in catalogue.cards)
    if not found.of and configured:
        number = write.plural(configured, "SLO is", "SLOs are")
        return f"{number} configured, and nothing is known of any yet."
    if not found.of:
        return "No SLO is configured yet."
    hidden = write.plural(found.of, "SLO is hidden", "SLOs are hidden")
    whole = f"Nothing matches {quoted(write_words(query.terms))}: {hidden}."
    if len(found.without) < 2:
        return whole
    each = "; ".join(
        f"without {quoted(own)} {write.count(number)} would show" for own, number in found.without
    )
    return f"{whole} {capital(each)}."
