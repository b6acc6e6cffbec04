"""Lists that somebody gave a name: kept by the browser, shared by their addresses."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from dashboards.slo_query import ListQuery, read_query

MOST = 10
LONGEST_NAME = 40
_MOST_BYTES = 3_000  # as a cookie writes them; browsers forget one of more than 4,096


class ViewError(ValueError):
    """A view that cannot be kept; why, in words."""


@dataclass(frozen=True, slots=True)
class SavedView:
    """A list with a name. `query` is that of its address."""

    name: str
    query: str

    @property
    def url(self) -> str:
        return f"/slos?{self.query}" if self.query else "/slos"


Views = tuple[SavedView, ...]


def read_views(cookie: str) -> Views:
    """What a browser kept; whatever else it says is nothing."""
    try:
        told = json.loads(cookie or "[]")
    except (ValueError, RecursionError):
        return ()
    if not isinstance(told, list):
        return ()
    views = [
        SavedView(one[0], one[1])
        for one in told[:MOST]
        if isinstance(one, list) and len(one) == 2 and all(isinstance(part, str) for part in one)
    ]
    return tuple(SavedView(one.name[:LONGEST_NAME], one.query) for one in views if one.name)


def write_views(views: Views) -> str:
    """As the cookie keeps them."""
    return json.dumps([[one.name, one.query] for one in views], separators=(",", ":"))


def query_of(query: ListQuery) -> str:
    """What a view keeps of a list: all but the place in it and the groups that are open."""
    parts = [(key, value) for key, value in query.parts() if key not in ("after", "before", "open")]
    return urlencode(parts)


def saved(views: Views, name: str, query: str, label_keys: Sequence[str] = ()) -> Views:
    """With this one, in the place of that of the same name. Raises ViewError."""
    if not name:
        raise ViewError("Say what this list is to be called.")
    if len(name) > LONGEST_NAME:
        raise ViewError(f"The name is too long: it has at most {LONGEST_NAME} letters.")
    asked = read_query(parse_qsl(query, keep_blank_values=True), label_keys).query
    rest = forgotten(views, name)
    if len(rest) >= MOST:
        raise ViewError(f"There are {MOST} saved lists, which is the most: forget one first.")
    made = (*rest, SavedView(name, query_of(asked)))
    if len(urlencode({"": write_views(made)})) > _MOST_BYTES:
        raise ViewError("The saved lists are too long for a browser to keep: forget one first.")
    return made


def forgotten(views: Views, name: str) -> Views:
    """Without the one of this name."""
    return tuple(one for one in views if one.name != name)
