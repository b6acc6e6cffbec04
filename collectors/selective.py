"""Read of a Prometheus page that was read whole before what is wanted of it, and little else.

Nine lines of ten belong to families that nobody asked for. They are passed over without a look at
what they say (docs/decisions/0008): looked at are every line of a wanted name, the lines before and
after those, the page's first lines and its end.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import re2

from collectors.exposition_line import (
    CHECK_OPENMETRICS,
    CHECK_TEXT,
    LINE_BYTES,
    REST,
    PageError,
    any_of,
    escaped,
    number,
    objection,
    read_series,
    shown,
    values,
)
from collectors.harvest import Harvest, Wanted
from collectors.known import Known
from collectors.template import Template
from slo.exposition import Page, Series

_BLOCK_BYTES = 256 * 1024  # looked through at a time; what fits into a cache is read fastest
_FIRST_BYTES = 4096  # of a page, whose lines are looked at whatever they say


class SelectiveReader:
    """Takes one page in chunks of any size; `close` gives what was wanted of it.

    `known` is what the target's page taught so far, and becomes what it teaches now. Errors name no
    line: nobody counts them.
    """

    def __init__(self, wanted: Collection[str], *, limit_bytes: int, known: Known) -> None:
        self.known = known
        self._openmetrics = known.openmetrics
        self._limit_bytes = limit_bytes
        self._wanted = Wanted(wanted, openmetrics=known.openmetrics)
        self._check = CHECK_OPENMETRICS if known.openmetrics else CHECK_TEXT
        self._search, self._run, self._sample = _finders(self._wanted.all, known.openmetrics)
        self._waiting: list[bytes] = [b"\n"]  # a line always begins after a newline
        self._waiting_size = 0
        self._size = 0
        self._begun = False
        self._ended = False
        self._last = b""  # the line before the block, where one was
        self._look_ahead = False
        self._found: list[bytes] = []

    def feed(self, chunk: bytes) -> None:
        """Take in more of the page. Raises PageError as soon as it cannot be good any more."""
        self._size += len(chunk)
        if self._size > self._limit_bytes:
            raise PageError(f"the page is larger than the limit of {self._limit_bytes} bytes")
        self._waiting.append(chunk)
        self._waiting_size += len(chunk)
        if self._waiting_size >= _BLOCK_BYTES:
            self._take()

    def close(self) -> Page:
        """What was wanted of the page. Raises PageError when the page was cut off."""
        tail = self._take()
        if self._openmetrics:
            if tail == b"# EOF" and not self._ended:
                self._ended, tail = True, b""
            if not self._ended:
                raise PageError("the page does not end with # EOF: it was cut off")
            if tail:
                raise PageError("something follows # EOF")
        elif tail:
            raise PageError("the page ends within a line: it was cut off")
        text = b"".join(self._found)
        page = self.known.template.read(text, self._size) if self.known.template else None
        return page if page is not None else self._each(text)

    def _take(self) -> bytes:
        """Read the lines that came; gives the beginning of the one whose end has not."""
        block = b"".join(self._waiting)
        cut = block.rfind(b"\n")
        if cut:
            self._read(block, cut)
        rest = block[cut + 1 :]
        if len(rest) > LINE_BYTES:
            raise PageError(f"a line is longer than {LINE_BYTES:,} bytes")
        self._waiting, self._waiting_size = [b"\n", rest], len(rest)
        return rest

    def _read(self, block: bytes, end: int) -> None:
        """One block: a newline, then complete lines, the last of which ends at `end`."""
        if self._ended:
            raise PageError("something follows # EOF")
        if not self._begun:
            self._begun = True
            first = block.rfind(b"\n", 1, min(_FIRST_BYTES, end + 1))
            self._demand(block[: (first if first > 0 else block.find(b"\n", 1)) + 1], first=True)
        if self._look_ahead:
            self._demand(block[: block.find(b"\n", 1) + 1])
            self._look_ahead = False
        at = 0
        while at < end and (match := self._search(block, at, end + 1)) is not None:
            start = match.start()
            if self._openmetrics and block.startswith(b"\n# EOF\n", start):
                if start + len(b"\n# EOF\n") <= end:
                    raise PageError("something follows # EOF")
                self._ended = True
                break
            at = self._run(block, start, end).end()
            self._keep(block, start, at, end)
        self._last = block[block.rfind(b"\n", 0, end) : end]

    def _keep(self, block: bytes, start: int, stop: int, end: int) -> None:
        """Wanted lines, from the newline before to that after; their neighbours must be sound.

        A newline that was not escaped makes lines of a label's value, and those lie among damage.
        """
        self._found.append(block[start:stop])
        if start:
            self._demand(block[block.rfind(b"\n", 0, start) : start + 1])
        elif self._last:
            self._demand(self._last + b"\n")
        if stop < end:
            self._demand(block[stop : block.find(b"\n", stop + 1) + 1])
        else:
            self._look_ahead = True

    def _demand(self, lines: bytes, *, first: bool = False) -> None:
        """Raise PageError for the first bad one of these lines; a newline before, one after."""
        if self._check.fullmatch(lines) is not None:
            return
        for offset, line in enumerate(lines[1:-1].split(b"\n"), 1):
            comment = line if self._openmetrics else line.lstrip(b" \t")
            bad = self._check.fullmatch(b"\n" + line + b"\n") is None
            if bad and not comment.startswith(b"#"):
                at = offset if first else None
                raise PageError(objection(line, self._openmetrics, at), at)

    def _each(self, text: bytes) -> Page:
        """The page from its wanted lines, one by one; they become what is known."""
        harvest, known = Harvest(self._wanted), dict[bytes, Series]()
        lines = text.split(b"\n")[1:]
        for line in lines:
            prefix, _, written = line.rpartition(b" ")
            series = self.known.series.get(prefix)
            value = values([written]) if series is not None else None
            if series is not None and value is not None:
                known[prefix] = series
                harvest.take(series, value[0], None)
                continue
            sample = self._strictly(line)
            if sample.is_bare and sample.written == written:
                known[prefix] = sample.series
            harvest.take(sample.series, sample.value, sample.time)
        page = harvest.page(size_bytes=self._size)
        # Neither times, nor exemplars, nor series that are there twice.
        is_plain = len(lines) == len(known) == len(set(known.values()))
        template = Template(list(known.items()), self._wanted) if is_plain and lines else None
        if template is not None:
            page = template.read(text, self._size) or page
        self.known = Known(self._openmetrics, known if page.samples else {}, template)
        return page

    def _strictly(self, line: bytes) -> "_Sample":
        """One line by the grammar. Raises PageError."""
        if len(line) > LINE_BYTES:
            raise PageError(f"a line is longer than {LINE_BYTES:,} bytes")
        self._demand(b"\n" + line + b"\n")
        match = self._sample(line)
        assert match is not None  # noqa: S101 - the checker passed it
        name, labels, text, time, exemplar = match.groups()
        try:
            series, value = read_series(name, labels), number(text)
            stamp = float(time) if time else None
        except ValueError as error:
            raise PageError(f"{error}: {shown(line)}") from None
        return _Sample(series, value, stamp, text, is_bare=not time and exemplar is None)


@dataclass(frozen=True, slots=True)
class _Sample:
    """A sample line. A bare one has neither time nor exemplar."""

    series: Series
    value: int | float
    time: float | None
    written: bytes
    is_bare: bool


@lru_cache(maxsize=1024)
def _finders(kept: frozenset[str], openmetrics: bool) -> tuple[Any, Any, Any]:
    """What finds the next line of these names, what takes all that follow it, what reads one."""
    names = any_of(name.encode() for name in kept)
    quoted = any_of(escaped(name).encode() for name in kept)
    blank = b"" if openmetrics else rb"[ \t]*"
    ended = rb"|# EOF\n" if openmetrics else b""
    begins = rb'(?:%b[ \t{]|\{[^\n]*"%b")' % (names, quoted)
    options = re2.Options()
    options.log_errors = False
    options.encoding = re2.Options.Encoding.LATIN1  # bytes as they are
    search = re2.compile(rb"\n%b(?:%b%b)" % (blank, begins, ended), options).search
    run = re.compile(rb"(?:\n%b(?=%b)[^\n]*+)++" % (blank, begins)).match
    sample = re.compile(rb"%b(?:(%b)(?=[ \t{])|(?=\{))%b" % (blank, names, REST)).fullmatch
    return search, run, sample
