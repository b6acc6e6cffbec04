"""Read a Prometheus page as it streams in: every line is checked, only wanted series are kept.

Formats: text 0.0.4 and OpenMetrics 1.0, both with quoted UTF-8 names. What Prometheus ingests is
ingested, with five exceptions on the safe side: a raw newline within a label value, a value glued
to a bare name (`up1`), a page that ends within a line, a NUL byte outside of quotes, and a line
longer than a mebibyte, which would have to be kept whole, are refused. Comment lines carry no
count, so a broken one is advice, never a refusal.
"""

import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from itertools import groupby
from typing import Any

import re2

from collectors.exposition_advice import Adviser, family_of
from slo.exposition import Page, Sample, Series

BLOCK_BYTES = 256 * 1024  # the checker lets the GIL go after each block
LINE_BYTES = 1024 * 1024  # the longest line; at least a block
PROCESS_START = "process_start_time_seconds"


class PageError(ValueError):
    """The page cannot be read to its end; `line` counts from 1, None when no line is to blame."""

    def __init__(self, sentence: str, line: int | None = None) -> None:
        super().__init__(sentence if line is None else f"line {line}: {sentence}")
        self.line = line


class PageReader:
    """Takes one page in chunks of any size; `close` gives what was wanted of it.

    `wanted` are metric names as samples bear them (`http_requests_total`). `known` is what an
    earlier reader of the same target left in `seen`: series that need not be parsed again.
    """

    def __init__(
        self,
        wanted: Collection[str],
        *,
        openmetrics: bool,
        limit_bytes: int,
        known: Mapping[bytes, Series] | None = None,
    ) -> None:
        self._known = known or {}
        self._seen: dict[bytes, Series] = {}
        self._openmetrics = openmetrics
        self._limit_bytes = limit_bytes
        self._wanted = frozenset(wanted)
        self._created_names = _created_names(self._wanted) if openmetrics else {}
        kept = self._wanted | set(self._created_names) | {PROCESS_START}
        self._find = _finder(frozenset(kept), openmetrics)
        self._check = _CHECK_OPENMETRICS if openmetrics else _CHECK_TEXT
        self._adviser = Adviser(self._wanted, openmetrics=openmetrics)
        self._pending: list[bytes] = [b"\n"]  # a line always begins after a newline
        self._pending_size = 0
        self._size = 0
        self._lines = 0
        self._ended = False
        self._values: dict[Series, int | float] = {}
        self._times: dict[Series, float] = {}
        self._created: dict[Series, float] = {}
        self._starts: dict[Series, float] = {}

    def feed(self, chunk: bytes) -> None:
        """Take in more of the page. Raises PageError as soon as it cannot be good any more."""
        self._size += len(chunk)
        if self._size > self._limit_bytes:
            raise PageError(f"the page is larger than the limit of {self._limit_bytes} bytes")
        cut = chunk.rfind(b"\n")
        if cut < 0:
            self._wait(chunk)
            return
        lines = b"".join((*self._pending, chunk[: cut + 1]))
        self._pending, self._pending_size = [b"\n"], 0
        start, last = 0, len(lines) - 1
        while start < last:
            end = last
            if last - start > BLOCK_BYTES:
                end = lines.rfind(b"\n", start + 1, start + BLOCK_BYTES)
                end = end if end > 0 else lines.find(b"\n", start + 1)
                if end - start - 1 > LINE_BYTES:
                    raise self._too_long()
            self._read(lines[start : end + 1])
            start = end
        self._wait(chunk[cut + 1 :])

    @property
    def seen(self) -> Mapping[bytes, Series]:
        """The series read so far, by the text that stands for them on the page."""
        return self._seen

    def close(self) -> Page:
        """What was wanted of the page. Raises PageError when the page was cut off."""
        tail = b"".join(self._pending)[1:]
        if self._openmetrics:
            if tail == b"# EOF" and not self._ended:
                self._lines, self._ended, tail = self._lines + 1, True, b""
            if not self._ended:
                raise PageError("the page does not end with # EOF: it was cut off")
            if tail:
                raise PageError("something follows # EOF", self._lines + 1)
        elif tail:
            raise PageError("the page ends within a line: it was cut off", self._lines + 1)
        starts = list(self._starts.values())
        return Page(
            samples={
                series: Sample(value, self._created_of(series) if self._created else None)
                for series, value in self._values.items()
            },
            # Several starts are several processes behind one page: none of them speaks for it.
            process_start=starts[0] if len(starts) == 1 else None,
            lines=self._lines,
            size_bytes=self._size,
            advice=self._adviser.close(),
        )

    def _wait(self, beginning: bytes) -> None:
        """Keep the beginning of a line until its end comes."""
        self._pending.append(beginning)
        self._pending_size += len(beginning)
        if self._pending_size > LINE_BYTES:
            raise self._too_long()

    def _too_long(self) -> PageError:
        return PageError(f"the line is longer than {LINE_BYTES:,} bytes", self._lines + 1)

    def _read(self, block: bytes) -> None:
        """One block: a newline, then complete lines."""
        if self._ended:
            raise PageError("something follows # EOF", self._lines + 1)
        if self._check.fullmatch(block) is None:
            self._object(block)
        if self._openmetrics:
            ended = block.find(b"\n# EOF\n")
            if ended >= 0:
                if ended + len(b"\n# EOF\n") != len(block):
                    raise PageError("something follows # EOF", self._line_at(block, ended) + 1)
                self._ended = True
        for match in self._find(block):
            if match[3] is not None:
                self._take(block, match)
            elif self._adviser.listens:
                for sentence in self._adviser.comment(match[0][1:]):
                    self._adviser.say(self._line_at(block, match.start()), sentence)
        self._lines += block.count(b"\n") - 1

    def _take(self, block: bytes, match: re.Match[bytes]) -> None:
        """One candidate line; the name of a quoted one is known only here."""
        name, labels, text, time, exemplar = match.groups()
        key = name + labels if name and labels else name or labels
        try:
            series = self._known.get(key)
            if series is None:
                series = _series(name, labels)
            self._seen[key] = series
            value = int(text) if len(text) < 300 and text.isdigit() else _number(text)
            stamp = float(time) if time else None
        except ValueError as error:
            raise PageError(str(error), self._line_at(block, match.start())) from None
        metric = series.metric
        if metric in self._wanted:
            self._keep(series, value, stamp, block, match)
        if metric in self._created_names and math.isfinite(value):
            self._created.setdefault(series, float(value))
        if metric == PROCESS_START and math.isfinite(value):
            self._starts.setdefault(series, float(value))
        if self._adviser.listens and metric in self._wanted:
            for sentence in self._adviser.sample(series, value, stamp, labels, exemplar):
                self._adviser.say(self._line_at(block, match.start()), sentence)

    def _keep(
        self,
        series: Series,
        value: int | float,
        time: float | None,
        block: bytes,
        match: re.Match[bytes],
    ) -> None:
        before = len(self._values)
        self._values.setdefault(series, value)
        if len(self._values) == before:
            # As Prometheus: of two the first counts, unless the second has a later time.
            earlier = self._times.get(series)
            if time is None or earlier is None or time <= earlier:
                if self._adviser.listens:
                    line = self._line_at(block, match.start())
                    self._adviser.say(line, f"{series} is there twice; the first value counts")
                return
            self._values[series] = value
        if time is not None:
            self._times[series] = time

    def _created_of(self, series: Series) -> float | None:
        base, suffix = family_of(series.metric)
        drop = "le" if suffix == "_bucket" else None
        labels = tuple(pair for pair in series.labels if pair[0] != drop)
        return self._created.get(Series(f"{base}_created", labels))

    def _line_at(self, block: bytes, at: int) -> int:
        """The number of the line that begins after the newline at `at`."""
        return self._lines + block.count(b"\n", 0, at) + 1

    def _object(self, block: bytes) -> None:
        """Raise for the first bad line of a block; broken comments become advice."""
        for offset, line in enumerate(block[1:-1].split(b"\n"), 1):
            number = self._lines + offset
            if self._check.fullmatch(b"\n" + line + b"\n") is not None:
                continue
            comment = line if self._openmetrics else line.lstrip(b" \t")
            if not comment.startswith(b"#"):
                raise PageError(_objection(line, self._openmetrics, number), number)
            self._adviser.say(number, "the comment is not valid UTF-8")


def _created_names(wanted: Collection[str]) -> dict[str, None]:
    """The `_created` samples that tell when the wanted counters began."""
    bases = (family_of(name) for name in wanted)
    return dict.fromkeys(
        f"{base}_created" for base, suffix in bases if suffix not in ("", "_created")
    )


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


_CHECK_TEXT = _compiled(rf"\n(?:{_text_line()})*")
_CHECK_OPENMETRICS = _compiled(rf"\n(?:{_openmetrics_line()})*")

# Only used on lines that the checker passed, so they need not check again.
_REST = (
    rb'[ \t]*+(\{(?:[^"}\n]|"(?:[^"\\\n]|\\.)*+")*+\})?+[ \t]*+'  # labels
    rb"([^ \t\n]++)(?:[ \t]++([^# \t\n]++))?+[ \t]*+(#[^\n]*+)?+"  # value, time, exemplar
)
_LABEL = re.compile(
    r'([a-zA-Z_][a-zA-Z0-9_]*+|"(?:[^"\\]|\\.)*+")[ \t]*+(?:(=)[ \t]*+"((?:[^"\\]|\\.)*+)")?+'
)
_ESCAPE = re.compile(r"\\([\\\"n])")


@lru_cache(maxsize=1024)
def _finder(
    kept: frozenset[str], openmetrics: bool
) -> Callable[[bytes], Iterator[re.Match[bytes]]]:
    """What finds the lines of these names, and the comments that concern them, in a block.

    Groups: name (None when it is quoted), labels, value, time, exemplar; for a comment all None.
    Comments: those that name a family of ours, and those that are broken.
    """
    families = {text for name in kept for text in (name, family_of(name)[0])}
    names = _any_of(name.encode() for name in kept)
    quoted = _any_of(_escape(name).encode() for name in kept)
    gap = rb" " if openmetrics else rb"[ \t]++"
    family = _any_of(text.encode() for text in families)
    comment = rb'#%b(?:TYPE|HELP|UNIT)%b"?%b(?![a-zA-Z0-9_:])[^\n]*+' % (gap, gap, family)
    if openmetrics:
        broken = rb'#(?! (?:(?:TYPE|HELP|UNIT) [a-zA-Z_:"]|EOF\n))[^\n]*+'
        comment = rb"%b|%b" % (broken, comment)
    sample = rb'(?:(%b)(?=[ \t{])|(?=\{[^\n]*"%b"))%b' % (names, quoted, _REST)
    blank = rb"" if openmetrics else rb"[ \t]*+"
    return re.compile(rb"\n%b(?:%b|%b)" % (blank, sample, comment)).finditer


def _any_of(texts: Iterable[bytes]) -> bytes:
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


def _series(name: bytes | None, labels: bytes | None) -> Series:
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


def _escape(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(text: bytes) -> int | float:
    """A whole number as an exact int, else a float. Raises ValueError beyond a float's range."""
    if text.isdigit() and len(text) <= 300:
        return int(text)
    value = float(text)
    if math.isinf(value) and text.lstrip(b"+-")[:1] not in b"iI":
        raise ValueError(f"the value {_shown(text)} is out of range")
    if not math.isfinite(value):
        return value
    exact = Decimal(text.decode())
    whole = exact.to_integral_value()
    return int(whole) if whole == exact else value


# --- Why a line was refused, in words. ---

_HEAD = re.compile(rb"[ \t]*+(?:(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*+)|(?=\{))")
_BRACES = re.compile(rb'[ \t]*+\{(?:[^"}\n]|"(?:[^"\\\n]|\\[^\n])*+")*+\}')
_VALUE_ONLY = _compiled(_VALUE)


def _objection(line: bytes, openmetrics: bool, number: int) -> str:
    """A sentence for a line that the checker refused."""
    for test, sentence in (
        (
            number == 1 and line.startswith(b"\xef\xbb\xbf"),
            "the page begins with a byte order mark",
        ),
        (line.endswith(b"\r"), "the line ends with CR LF; a page's lines end with LF alone"),
        (line.lstrip().startswith(b"<"), f"this is no Prometheus page: {_shown(line)}"),
        (openmetrics and not line.strip(), "OpenMetrics allows no blank line"),
        (openmetrics and line[:1] in (b" ", b"\t"), "OpenMetrics allows no blank before a line"),
        (not _is_utf8(line), f"the line is not valid UTF-8: {_shown(line)}"),
    ):
        if test:
            return sentence
    head = _HEAD.match(line)
    if head is None:
        return f"a line begins with a metric name, not so: {_shown(line)}"
    return next(_in_sample(line, head.end(), openmetrics))


def _in_sample(line: bytes, at: int, openmetrics: bool) -> Iterator[str]:
    rest = line[at:]
    if rest.lstrip(b" \t").startswith(b"{"):
        braces = _BRACES.match(rest)
        if braces is None:
            yield f"the labels are not closed: {_shown(line)}"
            return
        tail = rest[braces.end() :]
        check = _CHECK_OPENMETRICS if openmetrics else _CHECK_TEXT
        gap = b" " if openmetrics else b""
        if check.fullmatch(b"\n" + line[: at + braces.end()] + gap + b"1\n") is None:
            yield f"the labels are malformed: {_shown(line)}"
            return
    else:
        tail = rest
    fields = tail.split()
    if not fields:
        yield f"the value is missing: {_shown(line)}"
    elif _VALUE_ONLY.fullmatch(fields[0]) is None:
        yield f"{_shown(fields[0])} is no value: {_shown(line)}"
    elif len(fields) > 1 and not fields[1].startswith(b"#"):
        yield f"{_shown(fields[1])} is no timestamp, or something follows it: {_shown(line)}"
    yield f"the line is malformed: {_shown(line)}"


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _shown(text: bytes) -> str:
    """Part of a page for a message: short, printable, in quotes."""
    shown = text if len(text) <= 80 else text[:77] + b"..."
    return repr(shown.decode(errors="backslashreplace"))
