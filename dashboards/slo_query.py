"""What the address of the list asks for, and what in it makes no sense, in words."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeVar

from dashboards import links, states
from dashboards.search_words import FACETS, LONGEST, Term, Terms, read_words, write_words
from slo.units import format_duration

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
SORTS = ("slo", "objective", "sli", "budget", "burn", "forecast")
ALWAYS = ("state", "slo")  # columns without which a row says nothing
OPTIONAL = ("owner", "objective", "sli", "budget", "burn", "week", "forecast", "incident")
SIZES = (25, 50, 100, 250)
DENSITIES = ("roomy", "compact")
# How addresses and cookies that are about call what has its present name since.
_FORMER = {"target": "objective", "-target": "-objective"}
MOST_OPEN = 10  # groups at once
_NONE = "none"  # of the optional columns
Pairs = Iterable[tuple[str, str]]
Kind = TypeVar("Kind", str, int)


@dataclass(frozen=True, slots=True)
class Layout:
    """How a list looks, whatever it tells."""

    columns: tuple[str, ...] = OPTIONAL  # in their order, without those that always stand there
    density: str = DENSITIES[0]
    rows: int = 50

    def told(self) -> dict[str, str]:
        """Whole, as an address or a cookie says it."""
        columns = ",".join(self.columns) or _NONE
        return {"columns": columns, "density": self.density, "rows": str(self.rows)}


PLAIN = Layout()


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What the reader asked for. `usual` is the layout that an address need not tell."""

    terms: Terms = ()
    sort: str = WORST
    burn: str = "1h"
    group: str = ""  # a facet, or label:key
    opened: tuple[str, ...] = ()  # groups that show their SLOs
    after: str = ""  # places in the list; the first of them that is there counts
    before: str = ""
    layout: Layout = PLAIN
    usual: Layout = field(default=PLAIN, compare=False)

    @property
    def text(self) -> str:
        """What the search box says."""
        return write_words(self.terms)

    def parts(self) -> list[tuple[str, str]]:
        """The query of its address; what is as usual is left out."""
        told, usual = self.layout.told(), self.usual.told()
        parts = [
            ("q", self.text),
            ("sort", "" if self.sort == WORST else self.sort),
            ("burn", "" if self.burn == "1h" else self.burn),
            ("group", self.group),
            *(("open", one) for one in self.opened),
            ("after", self.after),
            ("before", self.before),
            *((key, "" if value == usual[key] else value) for key, value in told.items()),
        ]
        return [(key, value) for key, value in parts if value or key == "open"]

    def url(self, path: str = "/slos") -> str:
        """The address of this very list."""
        return links.with_pairs(path, self.parts())


@dataclass(frozen=True, slots=True)
class Asked:
    """A query, and sentences about what of the address was not understood."""

    query: ListQuery
    mistakes: tuple[str, ...]


def read_query(pairs: Pairs, label_keys: Collection[str] = (), usual: Layout = PLAIN) -> Asked:
    """The query of an address. What makes no sense is as if it was not there, and is told."""
    told: dict[str, list[str]] = {}
    for key, value in pairs:
        told.setdefault(key, []).append(_FORMER.get(value, value) if key == "sort" else value)
    mistakes: list[str] = []
    groups = (*FACETS, *(f"label:{key}" for key in label_keys))
    sorts = (WORST, *(f"{sign}{key}" for key in SORTS for sign in ("", "-")))
    opened = tuple(dict.fromkeys(told.get("open", ())))
    if len(opened) > MOST_OPEN:
        mistakes.append(f"At most {MOST_OPEN} groups are open at once: the last ones are.")
    if told.get("page"):
        mistakes.append("Pages have no numbers any more: this is the beginning of the list.")
    query = ListQuery(
        terms=_terms(told, label_keys, mistakes),
        sort=_one("sort", told, sorts, WORST, mistakes),
        burn=_one("burn", told, tuple(LOOKBACKS), "1h", mistakes),
        group=_one("group", told, groups, "", mistakes),
        opened=opened[-MOST_OPEN:],
        after=_last(told, "after")[:1000],
        before=_last(told, "before")[:1000],
        layout=_layout(told, usual, mistakes),
        usual=usual,
    )
    return Asked(query, tuple(mistakes))


def read_layout(pairs: Pairs, usual: Layout = PLAIN) -> Layout:
    """The layout that a cookie or a form says; what makes no sense is as usual."""
    told: dict[str, list[str]] = {}
    for key, value in pairs:
        told.setdefault(key, []).append(value)
    return _layout(told, usual, [])


def _terms(told: dict[str, list[str]], label_keys: Collection[str], mistakes: list[str]) -> Terms:
    """Those of the search, and of filters that stand in the address by themselves."""
    text = " ".join(told.get("q", ())).strip()
    if len(text) > LONGEST:
        text = text[:LONGEST]
        mistakes.append(
            f"The search is too long: only its first {LONGEST} letters were looked for."
        )
    found = dict.fromkeys(read_words(text, label_keys))
    for key in FACETS:
        found |= dict.fromkeys(Term(key, one[:LONGEST]) for one in told.get(key, ()) if one)
    terms: list[Term] = []
    for one in found:
        mark = _mark(one.value) if one.key == "state" else None
        if one.key == "state" and mark is None:
            known = ", ".join(mark.key for mark in states.MARKS)
            mistakes.append(f"{quoted(one.value)} is no state. States are: {known}.")
        elif mark is not None:
            terms.append(Term("state", mark))
        else:
            terms.append(one)
    return tuple(dict.fromkeys(terms))


def _mark(value: str) -> str | None:
    """The key of a state, by its key or its word."""
    wanted = value.casefold().replace(" ", "_")
    return wanted if states.mark(wanted) else None


def _one(
    name: str,
    told: dict[str, list[str]],
    known: Sequence[str],
    usual: str,
    mistakes: list[str],
) -> str:
    value = _last(told, name)
    if not value or value in known:
        return value or usual
    mistakes.append(f"{quoted(value)} is no {_NAMES[name]}. Known are: {', '.join(known)}.")
    return usual


_NAMES = {"sort": "order", "burn": "stretch of time for the burn rate", "group": "way to group"}


def _layout(told: dict[str, list[str]], usual: Layout, mistakes: list[str]) -> Layout:
    columns, density, rows = usual.columns, _last(told, "density"), _last(told, "rows")
    said = [one for part in told.get("columns", ()) for one in part.split(",") if one]
    if asked := [_FORMER.get(one, one) for one in said]:
        for one in asked:
            if one not in (*OPTIONAL, *ALWAYS, _NONE):
                known = ", ".join(OPTIONAL)
                mistakes.append(f"{quoted(one)} is no column. Columns are: {known}; or {_NONE}.")
        if any(one in (*OPTIONAL, *ALWAYS, _NONE) for one in asked):
            columns = tuple(one for one in OPTIONAL if one in asked)
    if density and density not in DENSITIES:
        mistakes.append(f"{quoted(density)} is no density. Known are: {', '.join(DENSITIES)}.")
    sizes = {str(size): size for size in SIZES}
    if rows and rows not in sizes:
        mistakes.append(f"{quoted(rows)} rows are not to be had: {', '.join(sizes)} are.")
    return Layout(
        columns,
        density if density in DENSITIES else usual.density,
        sizes.get(rows, usual.rows),
    )


def quoted(value: str) -> str:
    """What somebody wrote, inside a sentence of ours, whatever its direction."""
    short = value if len(value) <= 60 else f"{value[:60]}…"
    printable = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in short
    )
    return f"“\N{FIRST STRONG ISOLATE}{printable}\N{POP DIRECTIONAL ISOLATE}”"


def _last(told: dict[str, list[str]], name: str) -> str:
    return told[name][-1].strip() if name in told else ""
