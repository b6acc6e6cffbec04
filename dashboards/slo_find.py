"""What a query finds among all SLOs: which, in what order, and how many each facet would show."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from operator import attrgetter

from dashboards.catalogue import Catalogue
from dashboards.glance import Glance, Roll, census
from dashboards.place import Key, PlaceError, read_place, write_place
from dashboards.search_words import FACETS, Term, Terms, write_words
from dashboards.slo_query import LOOKBACKS, WORST, ListQuery
from dashboards.states import Mark

Value = float | str
# What a column sorts by; None (no data) comes last in either direction.
_KEYS: Mapping[str, Callable[[Glance, timedelta], Value | None]] = {
    "slo": lambda one, _: one.slo.name.casefold(),
    "objective": lambda one, _: float(one.slo.objective.share),
    "sli": lambda one, _: one.sli,
    "budget": lambda one, _: None if one.learns else one.remaining,
    "burn": lambda one, lookback: one.rate(lookback),
    "forecast": lambda one, _: None if one.learns else one.ends,
}


@dataclass(frozen=True, slots=True)
class Group:
    """SLOs that have something in common: how they stand, and the first of them, worst first."""

    value: str
    count: int
    census: Mapping[Mark, int]
    worst: Glance
    shown: tuple[Glance, ...]  # where it is open, as many as a page holds of one


@dataclass(frozen=True, slots=True)
class Found:
    """What was found. Of the wanted page either SLOs or, grouped, groups; `first` counts from 0."""

    of: int
    total: int
    counts: Mapping[str, Counter[str]]  # by facet: how many each of its values would show
    without: tuple[tuple[str, int], ...]  # how many there were without each filter
    items: int = 0  # SLOs or groups in all
    first: int = 0
    page: tuple[Glance, ...] = ()
    groups: tuple[Group, ...] = ()
    previous: str | None = None  # the places from which the pages beside it go on
    next: str | None = None
    mistakes: tuple[str, ...] = ()


Filtered = tuple[Sequence[Glance], Mapping[str, Counter[str]]]
_SERVICE = attrgetter("slo.service")
_WINDOW = attrgetter("slo.window.label")
IN_GROUP = 25  # SLOs of an open group; the rest is one click away


def find(roll: Roll, query: ListQuery, catalogue: Catalogue) -> Found:
    """What the query finds among these."""
    found, counts = _filtered(roll, query.terms, catalogue)
    without = () if found or not query.terms else _without(roll, query.terms, catalogue)
    bare = Found(len(roll), len(found), counts, without)
    if query.group:
        return _grouped(bare, found, query, catalogue)
    return _paged(bare, every(roll, query, catalogue), query)


def every(roll: Roll, query: ListQuery, catalogue: Catalogue) -> Sequence[Glance]:
    """All that it finds, on whatever page, in its order."""
    found = _filtered(roll, query.terms, catalogue)[0]
    if query.sort == WORST:
        return found
    what = ("ordered", catalogue, query.terms, query.sort, query.burn)
    return roll.worked_out(what, lambda: _ordered(found, query))


def values_of(facet: str, some: Sequence[Glance], catalogue: Catalogue) -> list[str]:
    """What each has of a facet, or of a `label:key`; empty where it has none."""
    if facet == "state":
        return [one.marks[0].key for one in some]
    if facet == "window":
        return list(map(_WINDOW, some))
    if facet == "service":
        return list(map(_SERVICE, some))
    of_service = catalogue.of_services(facet)
    return [of_service.get(service, "") for service in map(_SERVICE, some)]


def _filtered(roll: Roll, terms: Terms, catalogue: Catalogue) -> Filtered:
    """Those that fit, worst first, and how many of each value the facets would show.

    Terms of one key are alternatives, words must all be there, and all keys must fit. A facet is
    counted among what all the others let through.
    """
    what = ("filtered", catalogue, terms)
    return roll.worked_out(what, lambda: _filter(roll, terms, catalogue))


def _filter(roll: Roll, terms: Terms, catalogue: Catalogue) -> Filtered:
    by_key: dict[str, list[Term]] = {}
    for term in terms:
        by_key.setdefault(term.key, []).append(term)
    among = _with_words(roll, by_key.pop("", []), catalogue)
    for key in by_key.keys() - set(FACETS):
        among = _narrowed(among, key, by_key.pop(key), catalogue)
    found = among
    for key, own in by_key.items():
        found = _narrowed(found, key, own, catalogue)
    counts = {}
    for facet in FACETS:
        counted = found
        if facet in by_key:
            counted = among
            for key, own in by_key.items():
                counted = counted if key == facet else _narrowed(counted, key, own, catalogue)
        counts[facet] = Counter(values_of(facet, counted, catalogue))
    return found, counts


def _with_words(roll: Roll, terms: Sequence[Term], catalogue: Catalogue) -> Sequence[Glance]:
    """Those that have all of these words somewhere."""
    if not terms:
        return roll.worst_first
    entry = catalogue.entry
    found = roll.worked_out(
        ("words", catalogue), lambda: [(entry(one).words, one) for one in roll.worst_first]
    )
    for word in (term.value.casefold() for term in terms):
        found = [pair for pair in found if word in pair[0]]
    return [one for _, one in found]


def _narrowed(
    some: Sequence[Glance], key: str, terms: Sequence[Term], catalogue: Catalogue
) -> Sequence[Glance]:
    values = values_of(key if key in FACETS else f"label:{key}", some, catalogue)
    fits = {value for value in set(values) if any(term.fits(value) for term in terms)}
    return [one for one, value in zip(some, values, strict=True) if value in fits]


def _without(roll: Roll, terms: Terms, catalogue: Catalogue) -> tuple[tuple[str, int], ...]:
    """How many there would be without the terms of each key."""
    told = []
    for key in dict.fromkeys(term.key for term in terms):
        rest = tuple(term for term in terms if term.key != key)
        own = write_words(term for term in terms if term.key == key)
        told.append((own, len(_filtered(roll, rest, catalogue)[0])))
    return tuple(told)


# --- order ---------------------------------------------------------------------------------------


class _Down:
    """A text that sorts backwards."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __lt__(self, other: "_Down") -> bool:
        return other.text < self.text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Down) and other.text == self.text

    __hash__ = None  # type: ignore[assignment]


def _key(one: Glance, query: ListQuery) -> Key:
    """What it stands in the order by: no other SLO has the same."""
    if query.sort == WORST:
        return one.weight
    value = _KEYS[query.sort.removeprefix("-")](one, LOOKBACKS[query.burn])
    if value is None:
        text = query.sort.removeprefix("-") == "slo"
        return 1, "" if text else 0.0, one.id
    return 0, value, one.id


def _rank(key: Key, sort: str) -> tuple[object, ...]:
    """Sorts as the query wants its keys."""
    if sort == WORST or not sort.startswith("-"):
        return key
    unknown, value, slo_id = key
    return unknown, _Down(value) if isinstance(value, str) else -value, slo_id


def _ordered(found: Sequence[Glance], query: ListQuery) -> list[Glance]:
    """As asked for; `found` are in the order of the worst first."""
    if query.sort == WORST:
        return list(found)
    return sorted(found, key=lambda one: _rank(_key(one, query), query.sort))


def _stretch(
    keys: Callable[[int], Key], number: int, size: int, query: ListQuery, order: str
) -> tuple[int, int, str | None]:
    """From where to where the wanted page goes, and what was wrong with its place."""
    place, cut = (query.after, bisect_right) if query.after else (query.before, bisect_left)
    if not place or not number:
        return 0, min(size, number), None
    try:
        key = read_place(place, order, keys(0))
    except PlaceError as error:
        return 0, min(size, number), f"The list begins at its top: {error}."
    at = cut(range(number), _rank(key, query.sort), key=lambda i: _rank(keys(i), query.sort))
    if query.after:
        return (at, min(at + size, number), None) if at < number else (*_end(number, size), None)
    return max(0, at - size), max(0, at - size) + min(size, number), None


def _end(number: int, size: int) -> tuple[int, int]:
    return max(0, number - size), number


def _paged(bare: Found, ordered: Sequence[Glance], query: ListQuery) -> Found:
    order = query.sort if query.sort.removeprefix("-") != "burn" else f"{query.sort} {query.burn}"

    def key(number: int) -> Key:
        return _key(ordered[number], query)

    number = len(ordered)
    first, last, mistake = _stretch(key, number, query.layout.rows, query, order)
    return Found(
        bare.of,
        bare.total,
        bare.counts,
        bare.without,
        items=number,
        first=first,
        page=tuple(ordered[first:last]),
        previous=write_place(order, key(first)) if first else None,
        next=write_place(order, key(last - 1)) if last < number else None,
        mistakes=(mistake,) if mistake else (),
    )


# --- groups --------------------------------------------------------------------------------------


def _grouped(bare: Found, found: Sequence[Glance], query: ListQuery, catalogue: Catalogue) -> Found:
    """The groups, the one with the worst SLO first; children come only where they are asked for."""
    members: dict[str, list[Glance]] = {}
    for one, value in zip(found, values_of(query.group, found, catalogue), strict=True):
        members.setdefault(value, []).append(one)
    values = list(members)  # as their worst come, so in the order of their weights

    def key(number: int) -> Key:
        return members[values[number]][0].weight

    worst_first = ListQuery(after=query.after, before=query.before)
    order, number = f"group {query.group}", len(values)
    first, last, mistake = _stretch(key, number, query.layout.rows, worst_first, order)
    shown = values[first:last]
    mistakes = [mistake] if mistake else []
    return Found(
        bare.of,
        bare.total,
        bare.counts,
        bare.without,
        items=number,
        first=first,
        groups=tuple(_group(value, members[value], query) for value in shown),
        previous=write_place(order, key(first)) if first else None,
        next=write_place(order, key(last - 1)) if last < number else None,
        mistakes=tuple(mistakes),
    )


def _group(value: str, members: list[Glance], query: ListQuery) -> Group:
    shown: Iterable[Glance] = ()
    if value in query.opened:
        shown = _ordered(members, query)[:IN_GROUP]
    return Group(value, len(members), census(members), members[0], tuple(shown))
