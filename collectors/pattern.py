"""What an answer is searched with: regular expressions in linear time, RFC 9535 paths."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import jsonpath
import re2
from pydantic import JsonValue, PlainSerializer, PlainValidator, WithJsonSchema

# strict: RFC 9535 and nothing beyond it.
_RFC_9535 = jsonpath.JSONPathEnvironment(strict=True)


@dataclass(frozen=True, slots=True)
class Regex:
    """An RE2 expression; it is searched for, not anchored."""

    text: str
    _compiled: Any = field(compare=False, repr=False)  # google-re2 has no types

    def found_in(self, text: str) -> bool:
        return self._compiled.search(text) is not None

    def first(self, text: str) -> str | None:
        """Its first group where it is first found, the whole match without one."""
        match = self._compiled.search(text)
        if match is None:
            return None
        found: str | None = match.group(1 if match.groups() else 0)
        return found

    def groups(self, text: str) -> Sequence[str] | None:
        """The whole match where it is first found and its groups; None if nowhere."""
        match = self._compiled.search(text)
        if match is None:
            return None
        return [match.group(0), *(value or "" for value in match.groups())]

    @property
    def names(self) -> Collection[str]:
        """Its named groups, (?P<name>...)."""
        names: Collection[str] = self._compiled.groupindex
        return names

    def named(self, text: str) -> Mapping[str, str] | None:
        """Its named groups where it is first found, "" where one took no part; None if nowhere."""
        match = self._compiled.search(text)
        if match is None:
            return None
        return {name: value or "" for name, value in match.groupdict().items()}

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A path into a JSON document."""

    text: str
    _compiled: jsonpath.JSONPath | jsonpath.CompoundJSONPath = field(compare=False, repr=False)

    def values(self, document: JsonValue) -> list[object]:
        """What the path selects; empty when nothing is there. Raises ValueError in words."""
        try:
            return [match.obj for match in self._compiled.finditer(document)]
        except (jsonpath.JSONPathError, RecursionError) as error:
            raise ValueError(f"the document is nested too deeply for {self.text}") from error

    def nodes(self, document: JsonValue) -> list[tuple[str, JsonValue]]:
        """What it selects, each with its key or index. Raises ValueError in words."""
        try:
            return [
                (str(match.parts[-1]) if match.parts else "", match.obj)  # type: ignore[misc] # JSON
                for match in self._compiled.finditer(document)
            ]
        except (jsonpath.JSONPathError, RecursionError) as error:
            raise ValueError(f"the document is nested too deeply for {self.text}") from error

    def __str__(self) -> str:
        return self.text


def compile_regex(text: object) -> Regex:
    """Read an RE2 expression. Raises ValueError."""
    if isinstance(text, Regex):
        return text
    if not isinstance(text, str) or not text:
        raise ValueError("a regular expression is text; quote it")
    options = re2.Options()
    options.log_errors = False
    try:
        return Regex(text, re2.compile(text, options))
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error.args[0]
        raise ValueError(f"the regular expression {text!r} is not valid: {reason}") from error


def compile_json_path(text: object) -> JsonPath:
    """Read an RFC 9535 path. Raises ValueError with the column."""
    if isinstance(text, JsonPath):
        return text
    if not isinstance(text, str) or not text.startswith("$"):
        raise ValueError(f"{text!r} is no JSON path: it begins with $, such as $.database")
    try:
        return JsonPath(text, _RFC_9535.compile(text))
    except jsonpath.JSONPathError as error:
        # Its str() fails on some positions, so the sentence is made from the parts.
        index = error.token.index if error.token is not None else -1
        at = f" at column {index + 1}" if index >= 0 else " at its end"
        said = error.args[0] if error.args else "it cannot be read"
        raise ValueError(f"the JSON path {text!r} is not valid{at}: {said}") from None


RegexText = Annotated[
    Regex, PlainValidator(compile_regex), PlainSerializer(str), WithJsonSchema({"type": "string"})
]
JsonPathText = Annotated[
    JsonPath,
    PlainValidator(compile_json_path),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": r"^\$"}),
]
