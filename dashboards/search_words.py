"""The words of the list's search: `owner:pets state:burning window:30d "some text"`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

FACETS = ("state", "owner", "service", "window")
LONGEST = 500  # letters; names have up to 200
_WORD = re.compile(
    r"""(?:(?P<key>[^\s":]+):)?(?:"(?P<quoted>(?:\\.|[^"\\])*)"?|(?P<plain>\S+))|(?P<bare>\S+)"""
)


@dataclass(frozen=True, slots=True)
class Term:
    """One word. Without a key it is text; `exact` bears a facet's or a label's key."""

    key: str
    value: str

    def written(self) -> str:
        """As the search box says it."""
        value = self.value
        plain = value and not re.search(r'[\s"\\]', value) and (self.key or ":" not in value)
        if not plain:
            value = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return f"{self.key}:{value}" if self.key else value

    def fits(self, found: str) -> bool:
        """Is it this value? A `*` at its end stands for any letters, case for nothing."""
        wanted, found = self.value.casefold(), found.casefold()
        return found.startswith(wanted[:-1]) if wanted.endswith("*") else found == wanted


Terms = tuple[Term, ...]


def read_words(text: str, label_keys: Iterable[str] = ()) -> Terms:
    """What is searched for; each term once. A key that is no facet's or label's is mere text."""
    keys = {*FACETS, *label_keys}
    found: dict[Term, None] = {}
    for match in _WORD.finditer(text):
        key = match["key"] or ""
        value = match["bare"] or match["plain"] or ""
        if match["quoted"] is not None:
            value = re.sub(r"\\(.)", r"\1", match["quoted"])
        term = Term(key, value) if key in keys else Term("", f"{key}:{value}" if key else value)
        if term.key or term.value:
            found[term] = None
    return tuple(found)


def write_words(terms: Iterable[Term]) -> str:
    """The search that means these."""
    return " ".join(term.written() for term in terms)


def toggled(terms: Terms, term: Term) -> Terms:
    """With that term, or without it where it is there."""
    rest = tuple(one for one in terms if one != term)
    return rest if len(rest) < len(terms) else (*terms, term)
