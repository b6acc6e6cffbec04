"""PromQL series selectors: `name{label op "value", ...}`. Syntax: Prometheus, "Querying basics"."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import re2

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_OPERATOR = re.compile(r"=~|!~|!=|=")
_SPACE = re.compile(r"\s*")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\'|`([^`]*)`', re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'", "a": "\a"}


class SelectorError(ValueError):
    """The text is no series selector; the message names the column (from 1)."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label; a missing label is the empty string."""

    label: str
    operator: str
    value: str
    _pattern: Any = field(default=None, compare=False, repr=False)

    def matches(self, labels: Mapping[str, str]) -> bool:
        have = labels.get(self.label, "")
        match self.operator:
            case "=":
                return have == self.value
            case "!=":
                return have != self.value
            case "=~":
                return self._pattern.fullmatch(have) is not None
            case _:
                return self._pattern.fullmatch(have) is None

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.label}{self.operator}"{escaped}"'


@dataclass(frozen=True, slots=True)
class Selector:
    """A metric name and the conditions its labels must meet; regexes are RE2 and anchored."""

    metric: str
    matchers: tuple[Matcher, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether a series of `self.metric` with these labels is selected."""
        return all(matcher.matches(labels) for matcher in self.matchers)

    def __str__(self) -> str:
        if not self.matchers:
            return self.metric
        return f"{self.metric}{{{', '.join(map(str, self.matchers))}}}"


def parse_selector(text: str) -> Selector:
    """Read a series selector. Raises SelectorError with the column."""
    at = _skip(text, 0)
    name = _NAME.match(text, at)
    metric = ""
    if name is not None:
        metric, at = name.group(), _skip(text, name.end())
    matchers: tuple[Matcher, ...] = ()
    if at < len(text) and text[at] == "{":
        matchers, at = _matchers(text, at + 1)
        at = _skip(text, at)
    if at < len(text):
        raise SelectorError(
            f"column {at + 1}: {text[at:]!r} is left over after the selector; "
            "functions, ranges and arithmetic are not part of one"
        )
    if not metric:
        named = [m for m in matchers if m.label == "__name__" and m.operator == "="]
        if len(named) != 1 or not named[0].value:
            raise SelectorError("column 1: a selector begins with a metric name")
        metric = named[0].value
        matchers = tuple(m for m in matchers if m is not named[0])
    return Selector(metric, matchers)


def parse_matchers(text: str) -> tuple[Matcher, ...]:
    """Read a bare list of matchers such as `severity="page", team=~"a|b"`. Raises SelectorError."""
    matchers, at = _matchers(text + "}", 0)
    if at != len(text) + 1:
        raise SelectorError(f"column {at}: unexpected '}}'")
    if not matchers:
        raise SelectorError("column 1: write at least one matcher")
    return matchers


def matcher(label: str, operator: str, value: str) -> Matcher:
    """A condition with its regex compiled. Raises SelectorError when the regex is no RE2."""
    if operator not in ("=~", "!~"):
        return Matcher(label, operator, value)
    options = re2.Options()
    options.log_errors = False
    try:
        return Matcher(label, operator, value, re2.compile(value, options))
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error.args[0]
        raise SelectorError(f"the regular expression {value!r} is not valid: {reason}") from error


def _matchers(text: str, at: int) -> tuple[tuple[Matcher, ...], int]:
    found: list[Matcher] = []
    while True:
        at = _skip(text, at)
        if at < len(text) and text[at] == "}":
            return tuple(found), at + 1
        label = _LABEL.match(text, at)
        if label is None:
            raise SelectorError(f"column {at + 1}: expected a label name or '}}'")
        at = _skip(text, label.end())
        operator = _OPERATOR.match(text, at)
        if operator is None:
            raise SelectorError(f"column {at + 1}: expected one of = != =~ !~")
        at = _skip(text, operator.end())
        string = _STRING.match(text, at)
        if string is None:
            raise SelectorError(f"column {at + 1}: expected a quoted value")
        try:
            found.append(matcher(label.group(), operator.group(), _unquote(string)))
        except SelectorError as error:
            raise SelectorError(f"column {at + 1}: {error}") from error
        at = _skip(text, string.end())
        if at < len(text) and text[at] == ",":
            at += 1
        elif at >= len(text) or text[at] != "}":
            raise SelectorError(f"column {at + 1}: expected ',' or '}}'")


def _unquote(string: re.Match[str]) -> str:
    double, single, raw = string.groups()
    if raw is not None:
        return str(raw)
    quoted = double if double is not None else single
    return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m.group(1), m.group()), quoted, flags=re.DOTALL)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at
