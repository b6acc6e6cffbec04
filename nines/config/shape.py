"""What the configuration may hold at a place, read from its JSON Schema."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from nines.config.document import Path

Schema = Mapping[str, Any]


class Shape:
    """Answers which keys are known at a path, and whether a secret stands there."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    def known_keys(self, path: Path, data: object) -> list[str]:
        """The keys that the mapping at `path` may hold; empty when any may."""
        found: dict[str, None] = {}
        for option in self._at(path, data):
            found.update(dict.fromkeys(option.get("properties", {})))
        return list(found)

    def is_secret(self, path: Path, data: object) -> bool:
        """Whether the value at `path` may be a secret, and so `{file: path}`."""
        return any(
            list(option.get("properties", {})) == ["file"] and option.get("required") == ["file"]
            for option in self._at(path, data)
        )

    def _at(self, path: Path, data: object) -> list[Schema]:
        options = self._options(self._schema)
        for step in path:
            options = [
                below
                for option in _likely(options, data)
                for child in _children(option, step)
                for below in self._options(child)
            ]
            data = _get(data, step)
        return list(_likely(options, data))

    def _options(self, schema: Schema) -> list[Schema]:
        """The schema with its references followed and its alternatives side by side."""
        if "$ref" in schema:
            name = schema["$ref"].removeprefix("#/$defs/")
            return self._options(self._schema["$defs"][name])
        alternatives = [
            *schema.get("anyOf", []),
            *schema.get("oneOf", []),
            *schema.get("allOf", []),
        ]
        if not alternatives:
            return [schema]
        return [option for each in alternatives for option in self._options(each)]


def unknown_key(key: str, known: list[str]) -> str:
    """The sentence for a key that nobody knows, with the one that was probably meant."""
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    if close:
        return f"unknown key `{key}`; did you mean `{close[0]}`?"
    if not known:
        return f"unknown key `{key}`"
    return f"unknown key `{key}`; the keys here are {', '.join(sorted(known))}"


def _children(option: Schema, step: str | int) -> Iterator[Schema]:
    if isinstance(step, int):
        below = option.get("items")
    elif step in option.get("properties", {}):
        below = option["properties"][step]
    else:
        below = option.get("additionalProperties")
    if isinstance(below, Mapping):
        yield below
    if isinstance(step, str):
        yield from option.get("patternProperties", {}).values()


def _likely(options: list[Schema], data: object) -> list[Schema]:
    """Of several alternatives, those whose required keys are all there; all if there is none."""
    if not isinstance(data, Mapping):
        return options
    fitting = [
        option
        for option in options
        if "properties" in option and all(key in data for key in option.get("required", []))
    ]
    return fitting or options


def _get(data: object, step: str | int) -> object:
    if isinstance(data, Mapping):
        return data.get(step)
    if isinstance(data, list) and isinstance(step, int) and step < len(data):
        return data[step]
    return None
