"""Follow references in the data as it was written."""

import difflib
from collections.abc import Mapping
from typing import Any


def unknown(what: str, name: str, known: list[str]) -> str:
    """That there is no such thing, and which was perhaps meant."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f"there is no {what} `{name}`; did you mean `{close[0]}`?"
    if not known:
        return f"there is no {what} `{name}`, nor any other"
    return f"there is no {what} `{name}`; there is {', '.join(sorted(known))}"


def below(data: object, *path: str) -> Mapping[str, Any]:
    """The mapping at the path; empty when nothing, or something else, is there."""
    for step in path:
        data = data.get(step) if isinstance(data, Mapping) else None
    return data if isinstance(data, Mapping) else {}
