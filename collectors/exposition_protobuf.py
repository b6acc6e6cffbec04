"""Read a Prometheus page of delimited protobuf as it streams in: one message a metric family.

Only this format carries native histograms. What it says is given as the text of the same metrics
would be: a histogram as its cumulative buckets, its sum and its count, `le` as OpenMetrics writes
it. Each message is decoded whole, so that a damaged one refuses the page, wanted or not. A page
that was cut off between two messages looks whole; that its transfer was, HTTP tells.
"""

import math
from collections.abc import Collection, Iterator, Sequence
from itertools import accumulate

from google.protobuf.message import DecodeError
from prometheus_client.utils import floatToGoString

from collectors.exposition_line import PROCESS_START, PageError
from collectors.known import Known
from collectors.metric_family import (
    COUNTER,
    GAUGE,
    GAUGE_HISTOGRAM,
    HISTOGRAM,
    SUMMARY,
    UNTYPED,
    MetricFamily,
)
from collectors.protobuf import Message
from slo.exposition import Labels, Page, Sample, Series
from slo.native import NativeHistogram, edge

PIECE_BYTES = 4 * 1024 * 1024  # decoded at once, at most; the longest metric
_LEAST_METRIC_BYTES = 8  # on the average: one with a label and a value has fourteen
_LENGTH_BYTES = 5  # of a length or a tag, at most: 32 GiB are beyond any limit
_SUFFIXES = ("_bucket", "_count", "_sum")
# A sample's name, the label that its kind adds, its value.
_Parts = Iterator[tuple[str, tuple[str, str] | None, int | float]]


class ProtobufReader:
    """Takes one page in chunks of any size; `close` gives what was wanted of it.

    `wanted` are metric names as samples of text bear them; a native histogram is wanted by its bare
    name.
    """

    def __init__(self, wanted: Collection[str], *, limit_bytes: int) -> None:
        self._wanted = frozenset(wanted)
        self._families = {PROCESS_START, *wanted}
        self._families.update(name.removesuffix(suffix) for name in wanted for suffix in _SUFFIXES)
        self._limit_bytes = limit_bytes
        self.known = Known()  # of text alone
        self._pending = bytearray()
        self._size = 0
        self._messages = 0
        self._metrics = 0
        self._samples: dict[Series, Sample] = {}
        self._times: dict[Series, int] = {}
        self._natives: dict[Series, NativeHistogram] = {}
        self._starts: dict[Series, float] = {}

    def feed(self, chunk: bytes) -> None:
        """Take in more of the page. Raises PageError as soon as it cannot be good any more."""
        self._size += len(chunk)
        if self._size > self._limit_bytes:
            raise PageError(f"the page is larger than the limit of {self._limit_bytes} bytes")
        self._pending += chunk
        at = 0
        while (message := self._next(at)) is not None:
            with memoryview(self._pending) as pending, pending[message] as part:
                whole = bytes(part)
            self._read(whole)
            at = message.stop
        del self._pending[:at]

    def close(self) -> Page:
        """What was wanted of the page. Raises PageError when the page was cut off."""
        if self._pending:
            raise PageError(
                f"the page ends within its message {self._messages + 1}: it was cut off"
            )
        starts = list(self._starts.values())
        return Page(
            samples=self._samples,
            # Several starts are several processes behind one page: none of them speaks for it.
            process_start=starts[0] if len(starts) == 1 else None,
            lines=self._metrics,
            size_bytes=self._size,
            natives=self._natives,
        )

    def _next(self, at: int) -> slice | None:
        """Where the message lies whose length stands at `at`; None until all of it came."""
        length, start = _varint(self._pending, at)
        if start is None:
            if len(self._pending) - at >= _LENGTH_BYTES:
                raise PageError(f"message {self._messages + 1} does not begin with its length")
            return None
        if length > self._limit_bytes:
            raise PageError(
                f"message {self._messages + 1} of {length} bytes is larger than the limit "
                f"of {self._limit_bytes} bytes"
            )
        return slice(start, start + length) if start + length <= len(self._pending) else None

    def _read(self, message: bytes) -> None:
        """One metric family."""
        self._messages += 1
        name, kind = "", COUNTER
        for piece in self._pieces(message):
            try:
                family = MetricFamily.FromString(piece)
            except DecodeError:
                raise self._damaged() from None
            if not name:
                name, kind = family.name, family.type
            elif family.name not in ("", name) or family.type not in (COUNTER, kind):
                raise PageError(f"the family {name} is told in parts that contradict each other")
            if not name:
                raise PageError(f"message {self._messages} does not begin with a family's name")
            self._metrics += len(family.metric)
            for metric in family.metric if name in self._families else ():
                try:
                    self._take(name, kind, metric)
                except ValueError as error:
                    raise PageError(f"the family {name}: {error}") from None

    def _pieces(self, message: bytes) -> Iterator[bytes]:
        """The message, cut between its fields where it is large.

        Decoded, a field of two bytes is an object of eighty: pieces keep that small, and let others
        have the interpreter in between.
        """
        start = at = fields = 0
        while len(message) - start > PIECE_BYTES:
            end = _field_end(message, at)
            fields += 1
            if end is None or fields * _LEAST_METRIC_BYTES > at + PIECE_BYTES:
                raise self._damaged()
            if end - at > PIECE_BYTES:
                raise PageError(
                    f"message {self._messages} has a metric of more than {PIECE_BYTES:,} bytes"
                )
            if end - start > PIECE_BYTES:
                yield message[start:at]
                start = at
            at = end
        yield message[start:]

    def _damaged(self) -> PageError:
        return PageError(f"message {self._messages} is no metric family, or damaged")

    def _take(self, name: str, kind: int, metric: Message) -> None:
        labels = _labels(metric.label)
        told, parts = _parts(name, kind, metric)
        created = _created(told)
        for sample_name, extra, value in parts:
            if sample_name in self._wanted:
                series = Series(sample_name, _with(labels, extra))
                self._keep(series, Sample(_whole(value), created), metric.timestamp_ms)
        if name == PROCESS_START and kind in (GAUGE, UNTYPED) and math.isfinite(told.value):
            self._starts.setdefault(Series(name, labels), told.value)
        if kind == HISTOGRAM and name in self._wanted and _is_native(told):
            self._natives.setdefault(Series(name, labels), _native(told))

    def _keep(self, series: Series, sample: Sample, time: int) -> None:
        # As Prometheus: of two the first counts, unless the second has a later time.
        if series in self._samples and not 0 < self._times[series] < time:
            return
        self._samples[series], self._times[series] = sample, time


def _parts(name: str, kind: int, metric: Message) -> tuple[Message, _Parts]:
    """What a metric of this kind holds, and its samples as text would have them."""
    field = _FIELDS.get(kind)
    if field is None:
        raise ValueError(f"{kind} is no type of metric")
    if not metric.HasField(field):
        raise ValueError(f"a metric has no {field}, which is its family's type")
    told = getattr(metric, field)
    if kind == SUMMARY:
        return told, _of_summary(name, told)
    if kind in (HISTOGRAM, GAUGE_HISTOGRAM):
        return told, _of_histogram(name, told)
    return told, iter([(name, None, told.value)])


_FIELDS = {
    COUNTER: "counter",
    GAUGE: "gauge",
    SUMMARY: "summary",
    UNTYPED: "untyped",
    HISTOGRAM: "histogram",
    GAUGE_HISTOGRAM: "histogram",
}


def _of_summary(name: str, summary: Message) -> _Parts:
    for one in summary.quantile:
        yield name, ("quantile", _text(one.quantile)), one.value
    yield f"{name}_sum", None, summary.sample_sum
    yield f"{name}_count", None, summary.sample_count


def _of_histogram(name: str, histogram: Message) -> _Parts:
    count = histogram.sample_count_float or histogram.sample_count
    for one in histogram.bucket:
        counted = one.cumulative_count_float or one.cumulative_count
        yield f"{name}_bucket", ("le", _text(one.upper_bound)), counted
    yield f"{name}_bucket", ("le", "+Inf"), count  # once more where it was told: the first counts
    yield f"{name}_sum", None, histogram.sample_sum
    yield f"{name}_count", None, count


def _labels(pairs: Message) -> Labels:
    """A metric's labels, sorted; one with an empty value is none. Raises ValueError."""
    labels = {pair.name: pair.value for pair in pairs}
    if len(labels) < len(pairs):
        raise ValueError("a label is there twice")
    if "__name__" in labels:
        raise ValueError("the label __name__ is reserved for the metric's name")
    if "" in labels:
        raise ValueError("a label has no name")
    return tuple(sorted(pair for pair in labels.items() if pair[1]))


def _with(labels: Labels, extra: tuple[str, str] | None) -> Labels:
    if extra is None:
        return labels
    if any(name == extra[0] for name, _ in labels):
        raise ValueError(f"the label {extra[0]!r} is there twice")
    return tuple(sorted((*labels, extra)))


def _text(value: float) -> str:
    """A number as OpenMetrics writes it in a label."""
    return str(floatToGoString(value))  # type: ignore[no-untyped-call] # theirs


def _whole(value: int | float) -> int | float:
    """A whole number as an exact int, as the text reader has it."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _created(told: Message) -> float | None:
    if "created_timestamp" not in told.DESCRIPTOR.fields_by_name:
        return None
    if not told.HasField("created_timestamp"):
        return None
    return float(told.created_timestamp.seconds + told.created_timestamp.nanos / 1e9)


# --- The wire, as far as it is cut: tags, lengths, and where a field ends. ---


_NUMBER, _BYTES = 0, 2  # wire types


def _varint(data: bytes | bytearray, at: int) -> tuple[int, int | None]:
    """The number at `at` and where it ends; None where it does not, within five bytes."""
    if at < len(data) and data[at] < 0x80:
        return data[at], at + 1
    number = 0
    for place, byte in enumerate(data[at : at + _LENGTH_BYTES]):
        number |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return number, at + place + 1
    return 0, None


def _field_end(message: bytes, at: int) -> int | None:
    """Where the field ends that begins at `at`; None where a metric family has no such field."""
    kind = message[at] if at < len(message) else 0xFF  # its fields have tags of one byte
    length, end = _varint(message, at + 1)
    if end is None or kind >= 0x80:
        return None
    if kind & 7 == _BYTES and end + length <= len(message):
        return end + length
    return end if kind & 7 == _NUMBER else None


# --- Native histograms: strict, as Prometheus is, about what their parts say of one another. ---


def _is_native(histogram: Message) -> bool:
    """A classic one has none of these; a native one without events has an empty span."""
    return bool(
        histogram.positive_span
        or histogram.negative_span
        or histogram.zero_threshold > 0
        or histogram.zero_count
        or histogram.zero_count_float
    )


def _native(told: Message) -> NativeHistogram:
    """The histogram as its message has it. Raises ValueError where that contradicts itself."""
    count = _whole(told.sample_count_float or told.sample_count)
    plain = NativeHistogram(told.schema, count)
    if not plain.is_readable:
        return plain
    if not 0 <= told.zero_threshold < math.inf:
        raise ValueError(f"{told.zero_threshold:g} is no breadth of a zero bucket")
    zero = _whole(told.zero_count_float or told.zero_count)
    positive = _buckets(told.schema, told.positive_span, told.positive_delta, told.positive_count)
    negative = _buckets(told.schema, told.negative_span, told.negative_delta, told.negative_count)
    counts = [zero, *(held for _, held in (*positive, *negative))]
    if any(not 0 <= held < math.inf for held in counts):
        raise ValueError("a bucket of a native histogram holds what is no count")
    # Floats may differ by a rounding; events that are no number are in no bucket.
    if all(isinstance(held, int) for held in (*counts, count)) and sum(counts) > count:
        raise ValueError(f"the buckets of a native histogram hold more than its {count:,} events")
    return NativeHistogram(told.schema, count, told.zero_threshold, zero, positive, negative)


def _buckets(
    schema: int,
    spans: Message,
    deltas: Sequence[int],
    counts: Sequence[float],
) -> tuple[tuple[int, int | float], ...]:
    """Buckets that hold events, by rising index."""
    if deltas and counts:
        raise ValueError("the buckets of a native histogram are told as deltas and as counts")
    values = [_whole(one) for one in counts] if counts else list(accumulate(deltas))
    # Before any index is made: a span says its length in a few bytes.
    if sum(span.length for span in spans) != len(values):
        raise ValueError("the spans of a native histogram do not have as many buckets as it has")
    indices: list[int] = []
    at = 0
    for number, span in enumerate(spans):
        if number and span.offset < 0:
            raise ValueError("the spans of a native histogram overlap")
        at += span.offset
        indices += range(at, at + span.length)
        at += span.length
    # Beyond the bucket of the largest float there is one more, for infinity.
    if indices and (edge(schema, indices[0]) == 0 or math.isinf(edge(schema, indices[-1] - 2))):
        raise ValueError("a bucket of a native histogram lies beyond all numbers")
    return tuple((index, value) for index, value in zip(indices, values, strict=True) if value)
