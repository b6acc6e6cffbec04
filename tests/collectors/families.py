"""Pages of delimited protobuf, for tests."""

from collections.abc import Iterable, Mapping

from google.protobuf.internal.encoder import _VarintBytes
from prometheus_client.metrics_core import Metric

from collectors.exposition_protobuf import ProtobufReader
from collectors.metric_family import (
    COUNTER,
    GAUGE,
    HISTOGRAM,
    SUMMARY,
    UNTYPED,
    MetricFamily,
)
from collectors.protobuf import Message
from slo.exposition import Page
from slo.native import NativeHistogram

CONTENT_TYPE = (
    "Content-Type: application/vnd.google.protobuf; "
    "proto=io.prometheus.client.MetricFamily; encoding=delimited\r\n"
)


def delimited(*families: Message) -> bytes:
    """A page: each family after its length."""
    return b"".join(with_length(family.SerializeToString()) for family in families)


def with_length(message: bytes) -> bytes:
    return bytes(_VarintBytes(len(message))) + message


def read(page: bytes, wanted: Iterable[str], *, piece: int = 1 << 20) -> Page:
    """A page read in pieces."""
    reader = ProtobufReader(frozenset(wanted), limit_bytes=1 << 24)
    for at in range(0, len(page), piece):
        reader.feed(page[at : at + piece])
    return reader.close()


def add_labels(metric: Message, labels: Mapping[str, str]) -> None:
    for name, value in labels.items():
        metric.label.add(name=name, value=value)


def native_family(
    name: str,
    routes: Mapping[str, NativeHistogram],
    *,
    created: float | None = None,
    classic: Mapping[float, int] | None = None,
) -> Message:
    """A family of native histograms by route, as a client would show it."""
    family = MetricFamily(name=name, type=HISTOGRAM)
    for route, shown in routes.items():
        metric = family.metric.add()
        add_labels(metric, {"route": route})
        fill(metric.histogram, shown)
        if created is not None:
            metric.histogram.created_timestamp.seconds = int(created)
            metric.histogram.created_timestamp.nanos = int(created % 1 * 1e9)
        for upper, count in (classic or {}).items():
            metric.histogram.bucket.add(upper_bound=upper, cumulative_count=count)
    return family


def fill(message: Message, shown: NativeHistogram) -> None:
    message.schema, message.zero_threshold = shown.schema, shown.zero_threshold
    is_float = any(
        isinstance(count, float)
        for count in (shown.count, shown.zero_count, *(c for _, c in shown.positive))
    )
    if is_float:
        message.sample_count_float, message.zero_count_float = shown.count, shown.zero_count
    else:
        message.sample_count, message.zero_count = shown.count, shown.zero_count
    for side, buckets in (("positive", shown.positive), ("negative", shown.negative)):
        spans = getattr(message, f"{side}_span")
        after, before = 0, 0
        for index, count in buckets:
            if spans and index == after:
                spans[-1].length += 1
            else:
                spans.add(offset=index - after, length=1)
            after = index + 1
            if is_float:
                getattr(message, f"{side}_count").append(count)
            else:
                getattr(message, f"{side}_delta").append(count - before)
            before = int(count)
    if not message.positive_span:
        message.positive_span.add()


def family_of(metric: Metric) -> Message:
    """The family that a client of another language would show for what prometheus_client has."""
    kinds = {
        "counter": COUNTER, "gauge": GAUGE, "summary": SUMMARY, "histogram": HISTOGRAM,
        "unknown": UNTYPED,
    }  # fmt: skip
    name = f"{metric.name}_total" if metric.type == "counter" else metric.name
    family = MetricFamily(name=name, type=kinds[metric.type])
    by_labels: dict[tuple[tuple[str, str], ...], Message] = {}
    for sample in metric.samples:
        labels = {k: v for k, v in sample.labels.items() if k not in ("le", "quantile")}
        key = tuple(sorted(labels.items()))
        if key not in by_labels:
            by_labels[key] = family.metric.add()
            add_labels(by_labels[key], labels)
        told = getattr(by_labels[key], metric.type if metric.type != "unknown" else "untyped")
        _put(told, sample.name.removeprefix(metric.name), sample.labels, sample.value)
    return family


def _put(told: Message, ending: str, labels: Mapping[str, str], value: float) -> None:
    if ending == "_created":
        told.created_timestamp.seconds = int(value)
        told.created_timestamp.nanos = round(value % 1 * 1e9)
    elif ending == "_bucket":
        told.bucket.add(upper_bound=float(labels["le"]), cumulative_count=int(value))
    elif ending == "_count":
        told.sample_count = int(value)
    elif ending == "_sum":
        told.sample_sum = value
    elif "quantile" in labels:
        told.quantile.add(quantile=float(labels["quantile"]), value=value)
    else:
        told.value = value
