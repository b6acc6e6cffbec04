"""Read a Prometheus page as it streams in: every line is checked, only wanted series are kept.

Formats: text 0.0.4 and OpenMetrics 1.0, both with quoted UTF-8 names. What Prometheus ingests is
ingested, with five exceptions on the safe side: a raw newline within a label value, a value glued
to a bare name (`up1`), a page that ends within a line, a NUL byte outside of quotes, and a line
longer than a mebibyte, which would have to be kept whole, are refused. Comment lines carry no
count, so a broken one is advice, never a refusal.
"""

import re
from collections.abc import Callable, Collection, Iterator
from functools import lru_cache

from collectors.exposition_advice import Adviser, family_of
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
)
from collectors.harvest import Harvest, Wanted
from collectors.known import Known
from slo.exposition import Page, Series

BLOCK_BYTES = 256 * 1024  # the checker lets the GIL go after each block


class PageReader:
    """Takes one page in chunks of any size; `close` gives what was wanted of it.

    `wanted` are metric names as samples bear them (`http_requests_total`). `known` is what the page
    taught, once it is closed.
    """

    def __init__(
        self,
        wanted: Collection[str],
        *,
        openmetrics: bool,
        limit_bytes: int,
    ) -> None:
        self.known = Known(openmetrics)
        self._seen: dict[bytes, Series] = {}
        self._openmetrics = openmetrics
        self._limit_bytes = limit_bytes
        self._wanted = Wanted(wanted, openmetrics=openmetrics)
        self._harvest = Harvest(self._wanted)
        self._find = _finder(self._wanted.all, openmetrics)
        self._check = CHECK_OPENMETRICS if openmetrics else CHECK_TEXT
        self._adviser = Adviser(self._wanted.names, openmetrics=openmetrics)
        self._pending: list[bytes] = [b"\n"]  # a line always begins after a newline
        self._pending_size = 0
        self._size = 0
        self._lines = 0
        self._ended = False

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
        page = self._harvest.page(
            lines=self._lines, size_bytes=self._size, advice=self._adviser.close()
        )
        if page.samples:
            self.known = Known(self._openmetrics, self._seen)
        return page

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
            series = self._seen[key] = read_series(name, labels)
            value = number(text)
            stamp = float(time) if time else None
        except ValueError as error:
            raise PageError(str(error), self._line_at(block, match.start())) from None
        fresh = self._harvest.take(series, value, stamp)
        if not self._adviser.listens or series.metric not in self._wanted.names:
            return
        if not fresh:
            line = self._line_at(block, match.start())
            self._adviser.say(line, f"{series} is there twice; the first value counts")
        for sentence in self._adviser.sample(series, value, stamp, labels, exemplar):
            self._adviser.say(self._line_at(block, match.start()), sentence)

    def _line_at(self, block: bytes, at: int) -> int:
        """The number of the line that begins after the newline at `at`."""
        return self._lines + block.count(b"\n", 0, at) + 1

    def _object(self, block: bytes) -> None:
        """Raise for the first bad line of a block; broken comments become advice."""
        for offset, line in enumerate(block[1:-1].split(b"\n"), 1):
            at = self._lines + offset
            if self._check.fullmatch(b"\n" + line + b"\n") is not None:
                continue
            comment = line if self._openmetrics else line.lstrip(b" \t")
            if not comment.startswith(b"#"):
                raise PageError(objection(line, self._openmetrics, at), at)
            self._adviser.say(at, "the comment is not valid UTF-8")


@lru_cache(maxsize=1024)
def _finder(
    kept: frozenset[str], openmetrics: bool
) -> Callable[[bytes], Iterator[re.Match[bytes]]]:
    """What finds the lines of these names, and the comments that concern them, in a block.

    Groups: name (None when it is quoted), labels, value, time, exemplar; for a comment all None.
    Comments: those that name a family of ours, and those that are broken.
    """
    families = {text for name in kept for text in (name, family_of(name)[0])}
    names = any_of(name.encode() for name in kept)
    quoted = any_of(escaped(name).encode() for name in kept)
    gap = rb" " if openmetrics else rb"[ \t]++"
    family = any_of(text.encode() for text in families)
    comment = rb'#%b(?:TYPE|HELP|UNIT)%b"?%b(?![a-zA-Z0-9_:])[^\n]*+' % (gap, gap, family)
    if openmetrics:
        broken = rb'#(?! (?:(?:TYPE|HELP|UNIT) [a-zA-Z_:"]|EOF\n))[^\n]*+'
        comment = rb"%b|%b" % (broken, comment)
    sample = rb'(?:(%b)(?=[ \t{])|(?=\{[^\n]*"%b"))%b' % (names, quoted, REST)
    blank = rb"" if openmetrics else rb"[ \t]*+"
    return re.compile(rb"\n%b(?:%b|%b)" % (blank, sample, comment)).finditer
