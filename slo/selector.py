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
# As in PromQL, that is as in Go: what is not listed is an error, not a backslash.
_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\\"'])|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.?))",
    re.DOTALL,
)
_ESCAPES = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", '"': '"', "'": "'",
}  # fmt: skip


class SelectorError(ValueError):
    """The text is no series selector; the message names the column (from 1)."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label; a missing label is the empty string. `le` is a number."""

    label: str
    operator: str
    value: str
    _pattern: Any = field(default=None, compare=False, repr=False)

    def matches(self, labels: Mapping[str, str]) -> bool:
        have = labels.get(self.label, "")
        match self.operator:
            case "=":
                return have == self.value or self._is_same_edge(have)
            case "!=":
                return have != self.value and not self._is_same_edge(have)
            case "=~":
                return self._pattern.fullmatch(have) is not None
            case _:
                return self._pattern.fullmatch(have) is None

    def _is_same_edge(self, have: str) -> bool:
        """A bucket's edge is a number, which one client writes `1` and another `1.0`."""
        if self.label != "le":
            return False
        try:
            return float(have) == float(self.value)
        except ValueError:
            return False

    def __str__(self) -> str:
        plain = _LABEL.fullmatch(self.label) is not None
        label = self.label if plain else _quote(self.label)
        return f"{label}{self.operator}{_quote(self.value)}"


@dataclass(frozen=True, slots=True)
class Selector:
    """A metric name and the conditions its labels must meet; regexes are RE2 and anchored."""

    metric: str
    matchers: tuple[Matcher, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether a series of `self.metric` with these labels is selected."""
        return all(matcher.matches(labels) for matcher in self.matchers)

    def __str__(self) -> str:
        plain = _NAME.fullmatch(self.metric) is not None
        inside = [str(matcher) for matcher in self.matchers]
        if not plain:
            inside.insert(0, _quote(self.metric))
        name = self.metric if plain else ""
        return f"{name}{{{', '.join(inside)}}}" if inside else name


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
    named = [m for m in matchers if m.label == "__name__"]
    if metric and named:
        raise SelectorError("column 1: the metric name is given twice")
    if not metric:
        if len(named) != 1 or named[0].operator != "=" or not named[0].value:
            raise SelectorError("column 1: a selector begins with a metric name")
        metric = named[0].value
    return Selector(metric, tuple(m for m in matchers if m.label != "__name__"))


def parse_matchers(text: str) -> tuple[Matcher, ...]:
    """Read a bare list of matchers such as `severity="page", team=~"a|b"`. Raises SelectorError."""
    matchers, at = _matchers(text + "}", 0)
    if at != len(text) + 1:
        raise SelectorError(f"column {at}: unexpected '}}'")
    if not matchers:
        raise SelectorError("column 1: write at least one matcher")
    if any(matcher.label == "__name__" for matcher in matchers):
        raise SelectorError("column 1: a metric name has no place among bare matchers")
    return matchers


def matcher(label: str, operator: str, value: str) -> Matcher:
    """A condition with its regex compiled. Raises SelectorError when the regex is no RE2."""
    if operator not in ("=~", "!~"):
        return Matcher(label, operator, value)
    options = re2.Options()
    options.log_errors = False
    options.dot_nl = True  # as in Prometheus 3
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
        label, at = _label(text, at)
        if label.quoted and at < len(text) and text[at] in ",}":
            found.append(Matcher("__name__", "=", label.name))
            at += text[at] == ","
            continue
        operator = _OPERATOR.match(text, at)
        if operator is None:
            raise SelectorError(f"column {at + 1}: expected one of = != =~ !~")
        at = _skip(text, operator.end())
        string = _STRING.match(text, at)
        if string is None:
            raise SelectorError(f"column {at + 1}: expected a quoted value")
        try:
            found.append(matcher(label.name, operator.group(), _unquote(string)))
        except SelectorError as error:
            raise SelectorError(f"column {at + 1}: {error}") from error
        at = _skip(text, string.end())
        if at < len(text) and text[at] == ",":
            at += 1
        elif at >= len(text) or text[at] != "}":
            raise SelectorError(f"column {at + 1}: expected ',' or '}}'")


@dataclass(frozen=True, slots=True)
class _Label:
    """The left side of a matcher; quoted alone it is a metric name."""

    name: str
    quoted: bool


def _label(text: str, at: int) -> tuple[_Label, int]:
    """The label name at `at`, and where the text goes on after it."""
    plain = _LABEL.match(text, at)
    if plain is not None:
        return _Label(plain.group(), quoted=False), _skip(text, plain.end())
    string = _STRING.match(text, at)
    if string is None:
        raise SelectorError(f"column {at + 1}: expected a label name or '}}'")
    try:
        name = _unquote(string)
    except SelectorError as error:
        raise SelectorError(f"column {at + 1}: {error}") from error
    return _Label(name, quoted=True), _skip(text, string.end())


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _unquote(string: re.Match[str]) -> str:
    double, single, raw = string.groups()
    if raw is not None:
        return str(raw)
    return _ESCAPE.sub(_unescape, double if double is not None else single)


def _unescape(escape: re.Match[str]) -> str:
    plain, *codes, other = escape.groups()
    if plain is not None:
        return _ESCAPES[plain]
    code, base = next(
        ((code, base) for code, base in zip(codes, (16, 16, 16, 8), strict=True) if code),
        ("", 16),
    )
    if not code:
        raise SelectorError(
            f"\\{other} is not an escape sequence; for a backslash write two, or use backticks"
        )
    number = int(code, base)
    if number > 0x10FFFF or 0xD800 <= number < 0xE000:
        raise SelectorError(f"{escape.group()} is not a character")
    return chr(number)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at
