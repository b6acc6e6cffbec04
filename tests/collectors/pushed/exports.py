"""Exports of OpenTelemetry as an SDK makes them."""

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

AT = 1_700_000_000_000
NS = 1_000_000
DELTA, CUMULATIVE = 1, 2


def request(*metrics: Metric, resource: dict[str, str] | None = None) -> bytes:
    """An export of one resource."""
    message = ExportMetricsServiceRequest()
    of = message.resource_metrics.add()
    for key, value in (resource or {}).items():
        of.resource.attributes.add(key=key).value.string_value = value
    of.scope_metrics.add().metrics.extend(metrics)
    body: bytes = message.SerializeToString()
    return body


def a_sum(
    value: float, *, name: str = "http.server.requests", kind: int = CUMULATIVE, rises: bool = True
) -> Metric:
    metric = Metric(name=name, unit="{request}")
    metric.sum.aggregation_temporality = kind  # type: ignore[assignment]
    metric.sum.is_monotonic = rises
    point = metric.sum.data_points.add(time_unix_nano=AT * NS, start_time_unix_nano=500 * NS)
    if isinstance(value, int):
        point.as_int = value
    else:
        point.as_double = value
    point.attributes.add(key="http.route").value.string_value = "/"
    point.attributes.add(key="status").value.int_value = 0
    return metric


def a_histogram(counts: list[int], bounds: list[float], kind: int = CUMULATIVE) -> Metric:
    metric = Metric(name="http.server.duration", unit="s")
    metric.histogram.aggregation_temporality = kind  # type: ignore[assignment]
    point = metric.histogram.data_points.add(time_unix_nano=AT * NS, sum=1.5, count=sum(counts))
    point.bucket_counts.extend(counts)
    point.explicit_bounds.extend(bounds)
    return metric


def a_gauge(value: float, *, at_ms: int = AT) -> Metric:
    metric = Metric(name="pool.usage", unit="1")
    metric.gauge.data_points.add(time_unix_nano=at_ms * NS, as_double=value)
    return metric
