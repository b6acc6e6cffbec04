"""Say what pydantic found in our own words: what is wrong, and what to write."""

from collections.abc import Callable, Mapping
from typing import Any, get_args

from pydantic_core import ErrorDetails, core_schema

from slo.selector import SelectorError

_Words = Callable[[Mapping[str, Any]], str]


def sentence(error: ErrorDetails, name: str) -> str:
    """One sentence for one error of pydantic's; `name` is the key or value that it speaks of."""
    kind, context = error["type"], error.get("ctx", {})
    if error.get("input") is None and kind not in _PRESENCE:
        return f"`{name}` is empty; give it a value, or remove the key"
    if kind in ("value_error", "assertion_error"):
        said = context["error"]
        # Of a selector's error the column alone is known, so what it is a column of is added.
        return f"`{name}` cannot be read: {said}" if isinstance(said, SelectorError) else str(said)
    if kind in _SENTENCES:
        return f"`{name}` {_SENTENCES[kind](context)}"
    if kind in _STANDARD:
        return f"`{name}` is not of a kind that is expected here"
    return error["msg"]  # made by a model of ours, so a sentence already


def _be(what: str) -> _Words:
    return lambda _: f"must be {what}"


def _entries(context: Mapping[str, Any]) -> str:
    least = context.get("min_length", 1)
    return "must not be empty" if least == 1 else f"needs at least {least} entries"


def _characters(context: Mapping[str, Any]) -> str:
    least = context.get("min_length", 1)
    return "must not be empty" if least == 1 else f"needs at least {least} characters"


def _url(context: Mapping[str, Any]) -> str:
    return f"is not an address (URL): {context.get('error', 'it cannot be read')}"


_STANDARD = frozenset(get_args(core_schema.ErrorType))
_PRESENCE = frozenset({"missing", "extra_forbidden"})
_TEXT = _be("text; if it looks like a number or true/false, put it in quotes")
_MAPPING = _be("a mapping of keys and values")
_LIST = _be("a list")
_WHOLE = _be("a whole number")
_NUMBER = _be("a number")
_BOOL = _be("true or false")
_SENTENCES: Mapping[str, _Words] = {
    "missing": lambda _: "is missing",
    "extra_forbidden": lambda _: "is not a key that is known here",
    "string_type": _TEXT,
    "string_sub_type": _TEXT,
    "string_unicode": _TEXT,
    "string_too_short": _characters,
    "string_too_long": lambda c: f"must be at most {c.get('max_length')} characters long",
    "string_pattern_mismatch": lambda c: f"must look like {c.get('pattern')}",
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _be("a smaller number"),
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "decimal_type": _NUMBER,
    "decimal_parsing": _NUMBER,
    "finite_number": _be("a finite number"),
    "bool_type": _BOOL,
    "bool_parsing": _BOOL,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
    "iterable_type": _LIST,
    "dict_type": _MAPPING,
    "mapping_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "dataclass_type": _MAPPING,
    "literal_error": lambda c: f"must be {c.get('expected')}",
    "enum": lambda c: f"must be {c.get('expected')}",
    "greater_than": lambda c: f"must be more than {c.get('gt')}",
    "greater_than_equal": lambda c: f"must be at least {c.get('ge')}",
    "less_than": lambda c: f"must be less than {c.get('lt')}",
    "less_than_equal": lambda c: f"must be at most {c.get('le')}",
    "multiple_of": lambda c: f"must be a multiple of {c.get('multiple_of')}",
    "too_short": _entries,
    "too_long": lambda c: f"may have at most {c.get('max_length')} entries",
    "url_type": _be("an address (URL)"),
    "url_parsing": _url,
    "url_syntax_violation": _url,
    "url_too_long": lambda c: f"must be at most {c.get('max_length')} characters long",
    "url_scheme": lambda c: f"must begin with {c.get('expected_schemes')}",
    "path_type": _be("a file's path"),
    "union_tag_invalid": lambda c: f"must be one of {c.get('expected_tags')}",
    "union_tag_not_found": lambda _: "does not say of which kind it is",
    "invalid_key": lambda _: "must be a key made of text",
    "none_required": _be("empty"),
}


_ROOT = ("alerting", "route")
_BELOW_THE_ROOT = ("match", "continue", "active_time_intervals", "mute_time_intervals")


def not_at_the_root(path: tuple[int | str, ...]) -> str | None:
    """What to say of a key that only the routes below the root may have; None of any other."""
    if path[:-1] != _ROOT or path[-1] not in _BELOW_THE_ROOT:
        return None
    return (
        f"`{path[-1]}` has no place here: the root takes every alert at every time; "
        "write it at a route below"
    )
