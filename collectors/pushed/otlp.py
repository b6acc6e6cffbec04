"""What OpenTelemetry exports: its metrics as a Prometheus would name and label them.

Format: opentelemetry.io/docs/specs/otlp, in protobuf and in JSON. Metrics that nobody wants are
passed over by their names; nothing else of them is decoded.
"""

import json
import math
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    DataPointFlags,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    SummaryDataPoint,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from collectors.decoding import BoundedBody
from collectors.pushed.book import STALE, Point, Told
from collectors.pushed.fields import MalformedError, parts
from collectors.pushed.otlp_names import label_name, metric_name
from collectors.pushed.remote_write import RefusedPushError
from slo.exposition import Series

MOST_BODY_BYTES = 4 * 1024 * 1024
_MOST_DECODED_BYTES = {False: 16 * 1024 * 1024, True: 4 * 1024 * 1024}  # by whether it is JSON
_MOST_PARTS = 100_000  # of one message; an SDK sends some hundred metrics
_MOST_PART_BYTES = 1024 * 1024
_MOST_SERIES = 100_000
_MOST_SAID = 3
_NOT_RECORDED = DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK
_DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
_CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
_SUFFIXES = ("_bucket", "_count", "_sum")
_AnyPoint = NumberDataPoint | HistogramDataPoint | SummaryDataPoint


@dataclass(frozen=True, slots=True)
class Exported:
    """What of a body is wanted. `rejected` data points of wanted metrics cannot be read: why."""

    told: Sequence[Told]
    rejected: int = 0
    problems: tuple[str, ...] = ()


def read_export(
    body: bytes,
    wanted: Collection[str],
    promoted: Collection[str] = (),
    *,
    as_json: bool = False,
    encoding: str = "",
) -> Exported:
    """The series of the `wanted` metrics in a body; `promoted` attributes of the resource become
    labels. Raises RefusedPushError where it is no such message.
    """
    unpacked = BoundedBody(encoding, _MOST_DECODED_BYTES[as_json])
    if unpacked.trouble is None and unpacked.feed(body):
        unpacked.finish()
    if unpacked.trouble is not None:
        raise RefusedPushError(unpacked.trouble)
    if unpacked.cut:
        most = _MOST_DECODED_BYTES[as_json]
        raise RefusedPushError(f"the body holds more than the {most:,} bytes that are read")
    reading = _Reading(frozenset(wanted), frozenset(promoted))
    try:
        for resource, metric in (_in_json if as_json else _in_protobuf)(
            unpacked.data, reading.may_want
        ):
            reading.take(resource, metric)
    except (MalformedError, DecodeError, ParseError) as error:
        raise RefusedPushError(f"the body is no export of metrics: {error}"[:300]) from None
    return reading.exported()


# --- Where the metrics are. ---

_Wants = Callable[[str], bool]
_Found = Iterator[tuple[Resource, Metric]]


def _in_protobuf(contents: bytes, wants: _Wants) -> _Found:
    """resource_metrics = 1 { resource = 1, scope_metrics = 2 { metrics = 2 { name = 1 } } }."""
    for number, start, end in parts(contents, _MOST_PARTS):
        if number != 1:
            continue
        resource: Resource | None = None
        within = list(parts(contents, _MOST_PARTS, start, end))
        for metric in _wanted_parts(contents, within, wants):
            if resource is None:
                resource = Resource()
                for one, first, last in within:
                    if one == 1:
                        resource.MergeFromString(_part(contents, first, last))
            yield resource, Metric.FromString(metric)


def _wanted_parts(
    contents: bytes, within: Iterable[tuple[int, int, int]], wants: _Wants
) -> Iterator[bytes]:
    for scope, start, end in within:
        if scope != 2:
            continue
        for number, first, last in parts(contents, _MOST_PARTS, start, end):
            if number == 2 and wants(_name_in(contents, first, last)):
                yield _part(contents, first, last)


def _name_in(contents: bytes, start: int, end: int) -> str:
    """A metric's name, which is its first field wherever one writes them in order."""
    for number, first, last in parts(contents, _MOST_PARTS, start, end):
        if number == 1:
            return contents[first:last].decode(errors="replace")
    return ""


def _part(contents: bytes, start: int, end: int) -> bytes:
    if end - start > _MOST_PART_BYTES:
        raise MalformedError(f"a metric or resource has more than {_MOST_PART_BYTES:,} bytes")
    return contents[start:end]


def _in_json(contents: bytes, wants: _Wants) -> _Found:
    try:
        # As in JavaScript: numbers without a fraction may be larger than any of ours.
        document = json.loads(contents, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"it is no JSON: {error}"[:200]) from None
    for within in _each(document, "resourceMetrics"):
        resource: Resource | None = None
        for scope in _each(within, "scopeMetrics"):
            for metric in _each(scope, "metrics"):
                name = metric.get("name")
                if not isinstance(name, str) or not wants(name):
                    continue
                if resource is None:
                    resource = _parsed(within.get("resource") or {}, Resource())
                yield resource, _parsed(metric, Metric())


def _each(within: object, key: str) -> Iterator[dict[str, Any]]:
    found = within.get(key) if isinstance(within, dict) else None
    if found is None and isinstance(within, dict):
        return
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise MalformedError(f"{key} is no list of objects")
    yield from found


def _parsed(written: object, into: Any) -> Any:  # noqa: ANN401 - a message, and the same
    if not isinstance(written, dict):
        raise MalformedError("an object was expected")
    try:
        return ParseDict(_plain(written), into, ignore_unknown_fields=True)
    except (TypeError, ValueError, OverflowError, RecursionError, AttributeError) as error:
        raise MalformedError(str(error)[:200]) from None


def _plain(written: Any) -> Any:  # noqa: ANN401 - of JSON
    """Without exemplars, whose ids are written as no other bytes are, and which nobody reads."""
    if isinstance(written, dict):
        return {key: _plain(value) for key, value in written.items() if key != "exemplars"}
    return [_plain(one) for one in written] if isinstance(written, list) else written


# --- What they say. ---


class _RejectedError(ValueError):
    """Data points that cannot be read; a sentence."""


class _Reading:
    """Gathers what is read, and what cannot be."""

    def __init__(self, wanted: frozenset[str], promoted: frozenset[str]) -> None:
        self._wanted = wanted
        self._promoted = promoted
        self._search = _search(wanted)
        self._points: defaultdict[tuple[Series, bool], list[Point]] = defaultdict(list)
        self._rejected = 0
        self._said: dict[str, None] = {}
        self._of: tuple[Resource | None, Mapping[str, str]] = (None, {})

    def may_want(self, name: str) -> bool:
        """Whether a wanted metric may have this for a name in OpenTelemetry."""
        return self._search(metric_name(name, ""))

    def take(self, resource: Resource, metric: Metric) -> None:
        """One metric of a resource."""
        if self._of[0] is not resource:
            self._of = resource, _of_resource(resource, self._promoted)
        kind = metric.WhichOneof("data")
        is_counter = kind == "sum" and metric.sum.is_monotonic
        name = metric_name(metric.name, metric.unit, counter=is_counter, gauge=kind == "gauge")
        names = (name, *(f"{name}{suffix}" for suffix in _SUFFIXES))
        if kind is None or self._wanted.isdisjoint(names):
            return
        data = getattr(metric, kind)
        try:
            read, delta = self._reader(kind, data)
        except _RejectedError as error:
            self._reject(f"{metric.name[:100]} {error}", len(data.data_points))
            return
        for point in data.data_points:
            labels = {**_labels(point.attributes), **self._of[1]}
            try:
                for suffix, more, value in read(point):
                    if f"{name}{suffix}" in self._wanted:
                        at = _point(point, value)
                        series = Series(f"{name}{suffix}", _sorted({**labels, **more}))
                        self._points[series, delta].append(at)
            except _RejectedError as error:
                self._reject(f"{metric.name[:100]} {error}", 1)
            if len(self._points) > _MOST_SERIES:
                raise MalformedError(f"it has more than {_MOST_SERIES:,} series that are wanted")

    def exported(self) -> Exported:
        told = [
            Told(series, sorted(points, key=lambda one: one.at_ms), delta)
            for (series, delta), points in self._points.items()
        ]
        return Exported(told, self._rejected, tuple(self._said))

    def _reader(self, kind: str, data: Any) -> tuple["_Read", bool]:  # noqa: ANN401 - of its kind
        """How a point of this kind is read, and whether it says what was added."""
        if kind == "exponential_histogram":
            raise _RejectedError(
                "is an exponential histogram, which is not read: choose explicit buckets by a view"
            )
        if kind == "gauge":
            return _number, False
        if kind == "summary":
            return _summary, False
        delta = data.aggregation_temporality == _DELTA
        if not delta and data.aggregation_temporality != _CUMULATIVE:
            raise _RejectedError("says neither delta nor cumulative")
        if kind == "histogram":
            return _histogram, delta
        if delta and not data.is_monotonic:
            raise _RejectedError("tells the changes of what goes up and down: export its value")
        return _number, delta

    def _reject(self, why: str, points: int) -> None:
        self._rejected += points
        if len(self._said) < _MOST_SAID:
            self._said.setdefault(why)


_Value = int | float
_Read = Callable[[Any], Iterable[tuple[str, Mapping[str, str], _Value]]]


def _number(point: NumberDataPoint) -> Iterator[tuple[str, Mapping[str, str], _Value]]:
    kind = point.WhichOneof("value")
    if kind is not None:
        yield "", {}, point.as_int if kind == "as_int" else point.as_double
    elif point.flags & _NOT_RECORDED:
        yield "", {}, STALE
    else:
        raise _RejectedError("has a point without a value")


def _histogram(point: HistogramDataPoint) -> Iterator[tuple[str, Mapping[str, str], _Value]]:
    counts, bounds = point.bucket_counts, point.explicit_bounds
    if len(counts) != len(bounds) + 1 and (counts or bounds):
        raise _RejectedError("has a point with more or fewer buckets than its bounds make")
    if any(not math.isfinite(bound) for bound in bounds) or list(bounds) != sorted(set(bounds)):
        raise _RejectedError("has a point whose bounds do not rise")
    if point.HasField("sum"):
        yield "_sum", {}, point.sum
    yield "_count", {}, point.count
    total = 0
    for bound, count in zip(bounds, counts, strict=False):
        total += count
        yield "_bucket", {"le": _edge(bound)}, total
    yield "_bucket", {"le": "+Inf"}, point.count


def _summary(point: SummaryDataPoint) -> Iterator[tuple[str, Mapping[str, str], _Value]]:
    yield "_sum", {}, point.sum
    yield "_count", {}, point.count
    for one in point.quantile_values:
        yield "", {"quantile": _edge(one.quantile)}, one.value


def _point(point: _AnyPoint, value: _Value) -> Point:
    at_ms = point.time_unix_nano // 1_000_000
    if not at_ms:
        raise _RejectedError("has a point without a time")
    if point.flags & _NOT_RECORDED:
        value = STALE
    return Point(at_ms, value, point.start_time_unix_nano // 1_000_000)


def _of_resource(resource: Resource, promoted: Collection[str]) -> Mapping[str, str]:
    """`job` and `instance` as Prometheus makes them, and what else is to be a label."""
    said = {one.key: _text(one.value) for one in resource.attributes}
    labels = {label_name(key): said[key] for key in promoted if key in said}
    if name := said.get("service.name"):
        space = said.get("service.namespace")
        labels["job"] = f"{space}/{name}" if space else name
    if instance := said.get("service.instance.id"):
        labels["instance"] = instance
    return labels


def _labels(attributes: Iterable[KeyValue]) -> dict[str, str]:
    """Attributes that come to one label are put together in the order of their names."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for one in sorted(attributes, key=lambda one: one.key):
        if one.key:
            found[label_name(one.key)].append(_text(one.value))
    return {name: ";".join(texts) for name, texts in found.items()}


def _sorted(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(pair for pair in labels.items() if pair[1]))


def _text(value: AnyValue) -> str:
    plain = _json_of(value)
    return plain if isinstance(plain, str) else json.dumps(plain, separators=(",", ":"))


def _json_of(value: AnyValue) -> Any:  # noqa: ANN401 - of JSON
    match value.WhichOneof("value"):
        case None:
            return ""
        case "array_value":
            return [_json_of(one) for one in value.array_value.values]
        case "kvlist_value":
            return {one.key: _json_of(one.value) for one in value.kvlist_value.values}
        case "bytes_value":
            return value.bytes_value.hex()
        case "double_value":
            return _edge(value.double_value)
        case str(kind):
            return getattr(value, kind)


def _edge(number: float) -> str:
    """As Go writes it without an exponent."""
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else f"{'+' if number > 0 else '-'}Inf"
    text = format(Decimal(repr(number)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


@lru_cache(maxsize=64)
def _search(wanted: frozenset[str]) -> Callable[[str], bool]:
    """Tells whether a metric's name without unit and suffixes may begin one of these."""
    beginnings: set[str] = set()
    for name in wanted:
        tokens = [token for token in re.split("_+", name) if token]
        beginnings.update("_".join(tokens[:count]) for count in range(1, len(tokens) + 1))

    def may_begin(name: str) -> bool:
        tokens = [token for token in name.split("_") if token]
        # A kind's suffix goes to the end, wherever it stood.
        return any(
            "_".join(token for token in tokens if token not in moved) in beginnings
            for moved in ((), ("total",), ("ratio",), ("total", "ratio"))
        )

    return may_begin
