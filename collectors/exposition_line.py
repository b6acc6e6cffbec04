"""One line of a Prometheus page: its grammar, what it says, and why it was refused."""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any

import re2

from slo.exposition import Series


class PageError(ValueError):
    """The page cannot be read to its end; `line` counts from 1, None when no line is to blame."""

    def __init__(self, sentence: str, line: int | None = None) -> None:
        super().__init__(sentence if line is None else f"line {line}: {sentence}")
        self.line = line


LINE_BYTES = 1024 * 1024  # the longest line; at least a block
PROCESS_START = "process_start_time_seconds"
_SAFE_DIGITS = 300  # fewer than a float's range
_EXACT_LENGTH = 15


# --- The grammar. RE2 checks whole blocks in linear time (and, in UTF-8 mode, their encoding). ---

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL_NAME = r"[a-zA-Z_][a-zA-Z0-9_]*"
_QUOTED = r'"(?:[^"\\\n]|\\[^\n])*"'
_FINITE = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_VALUE = rf"(?:{_FINITE}|[+-]?(?i:inf(?:inity)?)|(?i:nan))"


def _text_line() -> str:
    blank = r"[ \t]*"
    label = rf"(?:{_LABEL_NAME}|{_QUOTED}){blank}={blank}{_QUOTED}{blank},?{blank}"
    labels = rf"\{{{blank}(?:{label})*\}}"
    named = rf"\{{{blank}(?:{label})*{_QUOTED}{blank}(?:,{blank}(?:{label})*)?\}}"
    head = rf"(?:{_NAME}(?:{blank}{labels}{blank}|[ \t]+)|{named}{blank})"
    sample = rf"{head}{_VALUE}(?:[ \t]+-?[0-9]+)?{blank}"
    return rf"{blank}(?:#[^\n]*|{sample})?\n"


def _openmetrics_line() -> str:
    label = rf"(?:{_LABEL_NAME}|{_QUOTED})={_QUOTED}"
    labels = rf"\{{(?:{label}(?:,{label})*,?)?\}}"
    named = rf"\{{(?:{label},)*{_QUOTED}(?:,{label})*,?\}}"
    exemplar = rf" # {labels} {_VALUE}(?: {_FINITE})?"
    sample = rf"(?:{_NAME}(?:{labels})?|{named}) {_VALUE}(?: {_FINITE})?(?:{exemplar})?"
    return rf"(?:#[^\n]*|{sample})\n"


def _compiled(pattern: str) -> Any:  # noqa: ANN401 - re2 has no types
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


CHECK_TEXT = _compiled(rf"\n(?:{_text_line()})*")
CHECK_OPENMETRICS = _compiled(rf"\n(?:{_openmetrics_line()})*")

_VALUES = _compiled(rf"(?:{_VALUE} )*")

# Only used on lines that the checker passed, so they need not check again.
REST = (
    rb'[ \t]*+(\{(?:[^"}\n]|"(?:[^"\\\n]|\\.)*+")*+\})?+[ \t]*+'  # labels
    rb"([^ \t\n]++)(?:[ \t]++([^# \t\n]++))?+[ \t]*+(#[^\n]*+)?+"  # value, time, exemplar
)
_LABEL = re.compile(
    r'([a-zA-Z_][a-zA-Z0-9_]*+|"(?:[^"\\]|\\.)*+")[ \t]*+(?:(=)[ \t]*+"((?:[^"\\]|\\.)*+)")?+'
)
_ESCAPE = re.compile(r"\\([\\\"n])")


def any_of(texts: Iterable[bytes]) -> bytes:
    """A regular expression for any of these, common beginnings folded: tried once, not each."""
    return _folded(sorted(set(texts)), 0)


def _folded(texts: Sequence[bytes], at: int) -> bytes:
    """For what follows the first `at` bytes, which all of these sorted texts share."""
    if len(texts) == 1:
        return re.escape(texts[0][at:])
    first, last = texts[0], texts[-1]
    end = next(i for i in range(at, len(last)) if i >= len(first) or first[i] != last[i])
    branches = [
        _folded(list(group), end) for _, group in groupby(texts, key=lambda text: text[end:][:1])
    ]
    return re.escape(first[at:end]) + b"(?:" + b"|".join(branches) + b")"


def read_series(name: bytes | None, labels: bytes | None) -> Series:
    """Name and labels of a checked sample line. Raises ValueError."""
    metric = name.decode() if name is not None else ""
    if labels is None:
        return Series(metric, ())
    found = _LABEL.findall(labels.decode())
    pairs = {}
    for label, equals, value in found:
        if not equals:
            metric = _unquote(label)
            continue
        plain = _unquote(label) if label[0] == '"' else label
        if plain in pairs:
            raise ValueError(f"the label {plain!r} is there twice")
        pairs[plain] = _unescape(value) if "\\" in value else value
    if "__name__" in pairs:
        raise ValueError("the label __name__ is reserved for the metric's name")
    # A label with an empty value is no label.
    return Series(metric, tuple(sorted(pair for pair in pairs.items() if pair[1])))


def _unquote(text: str) -> str:
    return _unescape(text[1:-1])


def _unescape(text: str) -> str:
    """Resolve `\\\\`, `\\"` and `\\n`; any other backslash stays, as Prometheus leaves it."""
    if "\\" not in text:
        return text
    return _ESCAPE.sub(lambda m: "\n" if m[1] == "n" else m[1], text)


def escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def values(texts: Sequence[bytes]) -> list[int | float] | None:
    """What `number` reads in each, where all are values; None where that is not sure."""
    try:
        if max(map(len, texts), default=0) < _SAFE_DIGITS and b"".join(texts).isdigit():
            return list(map(int, texts))
        if _VALUES.fullmatch(b" ".join((*texts, b""))) is None:
            return None
        return [number(text) for text in texts]
    except ValueError:
        return None


def number(text: bytes) -> int | float:
    """A whole number as an exact int, else a float. Raises ValueError beyond a float's range."""
    if text.isdigit() and len(text) < _SAFE_DIGITS:
        return int(text)
    value = float(text)
    if math.isinf(value) and text.lstrip(b"+-")[:1] not in b"iI":
        raise ValueError(f"the value {shown(text)} is out of range")
    if not math.isfinite(value):
        return value
    if len(text) <= _EXACT_LENGTH:  # up to fifteen digits a float is whole where its text is
        return int(value) if value.is_integer() else value
    exact = Decimal(text.decode())
    whole = exact.to_integral_value()
    return int(whole) if whole == exact else value


# --- Why a line was refused, in words. ---

_HEAD = re.compile(rb"[ \t]*+(?:(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*+)|(?=\{))")
_BRACES = re.compile(rb'[ \t]*+\{(?:[^"}\n]|"(?:[^"\\\n]|\\[^\n])*+")*+\}')
_VALUE_ONLY = _compiled(_VALUE)


def objection(line: bytes, openmetrics: bool, at: int | None) -> str:
    """A sentence for a line that the checker refused."""
    for test, sentence in (
        (
            at == 1 and line.startswith(b"\xef\xbb\xbf"),
            "the page begins with a byte order mark",
        ),
        (line.endswith(b"\r"), "the line ends with CR LF; a page's lines end with LF alone"),
        (line.lstrip().startswith(b"<"), f"this is no Prometheus page: {shown(line)}"),
        (openmetrics and not line.strip(), "OpenMetrics allows no blank line"),
        (openmetrics and line[:1] in (b" ", b"\t"), "OpenMetrics allows no blank before a line"),
        (not _is_utf8(line), f"the line is not valid UTF-8: {shown(line)}"),
    ):
        if test:
            return sentence
    head = _HEAD.match(line)
    if head is None:
        return f"a line begins with a metric name, not so: {shown(line)}"
    return next(_in_sample(line, head.end(), openmetrics))


def _in_sample(line: bytes, at: int, openmetrics: bool) -> Iterator[str]:
    rest = line[at:]
    if rest.lstrip(b" \t").startswith(b"{"):
        braces = _BRACES.match(rest)
        if braces is None:
            yield f"the labels are not closed: {shown(line)}"
            return
        tail = rest[braces.end() :]
        check = CHECK_OPENMETRICS if openmetrics else CHECK_TEXT
        gap = b" " if openmetrics else b""
        if check.fullmatch(b"\n" + line[: at + braces.end()] + gap + b"1\n") is None:
            yield f"the labels are malformed: {shown(line)}"
            return
    else:
        tail = rest
    fields = tail.split()
    if not fields:
        yield f"the value is missing: {shown(line)}"
    elif _VALUE_ONLY.fullmatch(fields[0]) is None:
        yield f"{shown(fields[0])} is no value: {shown(line)}"
    elif len(fields) > 1 and not fields[1].startswith(b"#"):
        yield f"{shown(fields[1])} is no timestamp, or something follows it: {shown(line)}"
    yield f"the line is malformed: {shown(line)}"


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def shown(text: bytes) -> str:
    """Part of a page for a message: short, printable, in quotes."""
    shown = text if len(text) <= 80 else text[:77] + b"..."
    return repr(shown.decode(errors="backslashreplace"))
