"""What a Prometheus writes to a remote storage: its messages of versions 1.0 and 2.0.

Formats: prometheus.io/docs/specs/prw/remote_write_spec and ..._spec_2_0. Of thousands of series few
are wanted: of the others nothing is decoded (1.0) but the names (2.0).
"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from google.protobuf.message import DecodeError

from collectors.exposition_line import any_of
from collectors.protobuf import Message, messages
from collectors.pushed.book import Point, Told
from collectors.pushed.fields import MalformedError, parts
from collectors.pushed.snappy_block import SnappyError, decompress
from slo.exposition import Series

MOST_BODY_BYTES = 8 * 1024 * 1024
MOST_DECODED_BYTES = 32 * 1024 * 1024
_MOST_SERIES = 100_000  # of one body; a Prometheus sends some thousand
_MOST_SERIES_BYTES = 1024 * 1024
_MOST_SAID = 3
_NAME = "__name__"

_V1 = messages(
    "nines.remote_write",
    {
        "Label": "1 string name, 2 string value",
        "Sample": "1 double value, 2 int64 timestamp",
        "TimeSeries": "1 Label* labels, 2 Sample* samples, 4 bytes* histograms",
    },
)
_V2 = messages(
    "nines.remote_write_2",
    {
        "Sample": "1 double value, 2 int64 timestamp, 3 int64 start_timestamp",
        "TimeSeries": "1 uint32* labels_refs, 2 Sample* samples, 3 bytes* histograms, "
        "4 bytes* exemplars, 6 int64 created_timestamp",
    },
)


class RefusedPushError(ValueError):
    """Nothing of a body can be read; a sentence."""


@dataclass(frozen=True, slots=True)
class Written:
    """What of a body is wanted, and what cannot be read of that (sentences).

    `samples` are all that were there, wanted or not. `advice`: what is not read, by intent.
    """

    told: Sequence[Told]
    problems: tuple[str, ...] = ()
    samples: int = 0
    advice: str = ""


def read_write(body: bytes, wanted: Collection[str], *, second: bool = False) -> Written:
    """The series of the `wanted` metrics in a body; `second`: of version 2.0.

    Raises RefusedPushError where the body is no such message.
    """
    try:
        contents = decompress(body, MOST_DECODED_BYTES)
        return (_read_second if second else _read_first)(contents, frozenset(wanted))
    except (SnappyError, MalformedError, DecodeError) as error:
        raise RefusedPushError(str(error)) from None


class _Reading:
    """Gathers what is read, and what cannot be."""

    def __init__(self, wanted: frozenset[str]) -> None:
        self._wanted = wanted
        self.told: list[Told] = []
        self._bad = 0
        self._said: list[str] = []
        self.natives = 0

    def take(
        self, labels: Sequence[tuple[str, str]], points: Sequence[Point], natives: int
    ) -> None:
        """One series."""
        pairs = dict(labels)
        metric = pairs.pop(_NAME, "")
        if metric not in self._wanted:
            return
        if len(pairs) + 1 < len(labels):
            self._bad += 1
            if len(self._said) < _MOST_SAID:
                self._said.append(f"a series of {metric[:100]} has a label twice: left out")
            return
        self.natives += natives
        if points:
            rest = tuple(sorted(pair for pair in pairs.items() if pair[1]))
            self.told.append(Told(Series(metric, rest), points))

    def written(self, samples: int = 0) -> Written:
        said = list(self._said)
        if self._bad > len(said):
            said.append(f"and {self._bad - len(said):,} more such series")
        advice = ""
        if self.natives:
            advice = (
                f"{self.natives:,} native histograms are not read: let the sender send classic "
                "buckets, too"
            )
        return Written(self.told, tuple(said), samples, advice)


def _read_first(contents: bytes, wanted: frozenset[str]) -> Written:
    reading = _Reading(wanted)
    search = _search(wanted)
    for number, start, end in parts(contents, _MOST_SERIES):
        if number != 1 or search(contents, start, end) is None:
            continue
        message = _decoded(_V1["TimeSeries"], contents, start, end)
        labels = [(label.name, label.value) for label in message.labels]
        points = [Point(sample.timestamp, sample.value) for sample in message.samples]
        reading.take(labels, points, len(message.histograms))
    return reading.written()


def _read_second(contents: bytes, wanted: frozenset[str]) -> Written:
    symbols: list[str] = []
    series: list[tuple[int, int]] = []
    for number, start, end in parts(contents, _MOST_SERIES * 4):
        if number == 4:
            try:
                symbols.append(contents[start:end].decode())
            except UnicodeDecodeError:
                raise MalformedError("a symbol is no UTF-8") from None
        elif number == 5:
            series.append((start, end))
    if series and (not symbols or symbols[0]):
        raise MalformedError("the first symbol is not the empty one")
    if len(series) > _MOST_SERIES:
        raise MalformedError(f"the message has more than {_MOST_SERIES:,} series")
    reading, samples = _Reading(wanted), 0
    for start, end in series:
        message = _decoded(_V2["TimeSeries"], contents, start, end)
        samples += len(message.samples)
        labels = _labels(message.labels_refs, symbols)
        if dict(labels).get(_NAME) in wanted:
            reading.take(labels, list(_points(message)), len(message.histograms))
    return reading.written(samples)


def _labels(refs: Sequence[int], symbols: Sequence[str]) -> list[tuple[str, str]]:
    """Names and values by turns. Raises MalformedError."""
    if len(refs) % 2:
        raise MalformedError("a series has a label without a value")
    try:
        texts = [symbols[ref] for ref in refs]
    except IndexError:
        raise MalformedError("a series refers to a symbol that is not there") from None
    return list(zip(texts[::2], texts[1::2], strict=True))


def _points(message: Message) -> Iterator[Point]:
    for sample in message.samples:
        began = sample.start_timestamp or message.created_timestamp
        yield Point(sample.timestamp, sample.value, max(began, 0))


def _decoded(kind: Message, contents: bytes, start: int, end: int) -> Message:
    """One series. Raises MalformedError and DecodeError."""
    if end - start > _MOST_SERIES_BYTES:
        raise MalformedError(f"a series has more than {_MOST_SERIES_BYTES:,} bytes")
    return kind.FromString(contents[start:end])


@lru_cache(maxsize=64)
def _search(wanted: frozenset[str]) -> Callable[[bytes, int, int], re.Match[bytes] | None]:
    """What finds one of these names among bytes."""
    return re.compile(any_of(name.encode() for name in wanted) if wanted else rb"(?!)").search
