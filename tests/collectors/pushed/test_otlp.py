"""What OpenTelemetry exports, as a Prometheus names it; and whatever else comes."""

import contextlib
import gzip
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from collectors.pushed.book import Point, Told, is_stale
from collectors.pushed.otlp import Exported, read_export
from collectors.pushed.otlp_names import label_name, metric_name
from collectors.pushed.remote_write import RefusedPushError
from slo.exposition import Series
from tests.collectors.pushed.exports import (
    AT,
    DELTA,
    NS,
    a_gauge,
    a_histogram,
    a_sum,
    request,
)

WANTED = [
    "http_server_requests_total", "pool_usage_ratio", "http_server_duration_seconds_bucket",
    "http_server_duration_seconds_count", "queue_depth", "gc_seconds", "gc_seconds_count",
]  # fmt: skip


def values(found: Exported) -> dict[str, Any]:
    """The last value of each series."""
    return {str(one.series): one.points[-1].value for one in found.told}


@pytest.mark.parametrize(
    ("name", "unit", "kind", "prometheus"),
    [
        ("http.server.duration", "s", "", "http_server_duration_seconds"),
        ("http.server.duration_seconds", "s", "", "http_server_duration_seconds"),
        ("http.requests", "{request}", "counter", "http_requests_total"),
        ("requests.total.made", "1", "counter", "requests_made_total"),
        ("cpu.used", "1", "gauge", "cpu_used_ratio"),
        ("io", "By/s", "", "io_bytes_per_second"),
        ("io.bytes", "By/s", "", "io_bytes_per_second"),
        ("fuel", "m/km", "", "fuel_meters_per_km"),
        ("packets", "{packet}/s", "", "packets_per_second"),
        ("5xx", "", "counter", "_5xx_total"),
        ("a__b--c", "", "", "a_b_c"),
        ("temp", "%", "gauge", "temp_percent"),
        ("size", "custom unit", "", "size_custom_unit"),
    ],
)
def test_metrics_are_named_as_prometheus_names_them(
    name: str, unit: str, kind: str, prometheus: str
) -> None:
    named = metric_name(name, unit, counter=kind == "counter", gauge=kind == "gauge")
    assert named == prometheus


@pytest.mark.parametrize(
    ("attribute", "label"),
    [("http.route", "http_route"), ("0th", "key_0th"), ("_own", "key_own"), ("é", "_")],
)
def test_attributes_are_labels(attribute: str, label: str) -> None:
    assert label_name(attribute) == (f"key{label}" if label == "_" else label)


def test_a_cumulative_sum_is_a_counter_with_its_start_and_its_resource() -> None:
    resource = {
        "service.name": "cart", "service.namespace": "shop", "service.instance.id": "pod-1",
        "deployment.environment": "live",
    }  # fmt: skip
    found = read_export(
        request(a_sum(7), a_sum(1, name="others"), resource=resource),
        WANTED,
        ["deployment.environment"],
    )

    labels = (
        ("deployment_environment", "live"),
        ("http_route", "/"),
        ("instance", "pod-1"),
        ("job", "shop/cart"),
        ("status", "0"),
    )
    series = Series("http_server_requests_total", labels)
    assert found == Exported([Told(series, [Point(AT, 7, 500)])])


def test_a_delta_says_so() -> None:
    (one,) = read_export(request(a_sum(7, kind=DELTA)), WANTED).told
    assert one.delta


def test_whole_numbers_are_exact() -> None:
    (one,) = read_export(request(a_sum(2**62 + 1)), WANTED).told
    assert one.points[0].value == 2**62 + 1


def test_what_goes_up_and_down_is_a_gauge() -> None:
    found = read_export(request(a_sum(3.5, name="queue.depth", rises=False), a_gauge(0.25)), WANTED)
    assert values(found) == {
        'queue_depth{http_route="/", status="0"}': 3.5,
        "pool_usage_ratio": 0.25,
    }


def test_a_histogram_has_the_buckets_of_a_classic_one() -> None:
    found = read_export(request(a_histogram([2, 3, 0, 1], [0.005, 1, 2.5])), WANTED)

    assert values(found) == {
        "http_server_duration_seconds_count": 6,
        'http_server_duration_seconds_bucket{le="0.005"}': 2,
        'http_server_duration_seconds_bucket{le="1"}': 5,
        'http_server_duration_seconds_bucket{le="2.5"}': 5,
        'http_server_duration_seconds_bucket{le="+Inf"}': 6,
    }


def test_a_summary_has_its_quantiles() -> None:
    metric = Metric(name="gc", unit="s")
    point = metric.summary.data_points.add(time_unix_nano=AT * NS, count=4, sum=2)
    point.quantile_values.add(quantile=0.99, value=0.7)
    assert values(read_export(request(metric), WANTED)) == {
        "gc_seconds_count": 4,
        'gc_seconds{quantile="0.99"}': 0.7,
    }


def test_a_point_that_was_not_recorded_ends_its_series() -> None:
    metric = a_gauge(1)
    metric.gauge.data_points[0].flags = 1
    (one,) = read_export(request(metric), WANTED).told
    assert is_stale(one.points[0].value)


def test_attributes_of_every_type_are_text() -> None:
    metric = a_gauge(1)
    attributes = metric.gauge.data_points[0].attributes
    attributes.add(key="yes").value.bool_value = True
    attributes.add(key="half").value.double_value = 0.5
    attributes.add(key="raw").value.bytes_value = b"\x01"
    attributes.add(key="empty")
    attributes.add(key="list").value.array_value.values.add().int_value = 3
    attributes.add(key="a.b").value.string_value = "1"
    attributes.add(key="a_b").value.string_value = "2"
    (one,) = read_export(request(metric), WANTED).told
    assert dict(one.series.labels) == {
        "yes": "true", "half": "0.5", "raw": "01", "list": "[3]", "a_b": "1;2",
    }  # fmt: skip


def _exponential() -> Metric:
    metric = Metric(name="http.server.duration", unit="s")
    metric.exponential_histogram.data_points.add(time_unix_nano=AT * NS, count=3)
    return metric


def _untimed() -> Metric:
    metric = a_gauge(1)
    metric.gauge.data_points[0].time_unix_nano = 0
    return metric


def _empty() -> Metric:
    metric = Metric(name="pool.usage", unit="1")
    metric.gauge.data_points.add(time_unix_nano=AT * NS)
    return metric


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        pytest.param(_exponential(), "exponential histogram", id="exponential"),
        pytest.param(a_sum(1, kind=0), "neither delta nor cumulative", id="unspecified"),
        pytest.param(
            a_sum(1, name="queue.depth", kind=DELTA, rises=False), "up and down", id="changes"
        ),
        pytest.param(a_histogram([1, 2], [1, 2, 3]), "more or fewer buckets", id="buckets"),
        pytest.param(a_histogram([1, 2, 3], [2, 1]), "do not rise", id="bounds"),
        pytest.param(_untimed(), "without a time", id="no time"),
        pytest.param(_empty(), "without a value", id="no value"),
    ],
)
def test_a_point_that_cannot_be_read_is_rejected_with_a_reason_and_no_other(
    metric: Metric, said: str
) -> None:
    found = read_export(request(metric, a_sum(7)), WANTED)

    assert found.rejected == 1
    assert said in found.problems[0]
    assert [str(one.series.metric) for one in found.told] == ["http_server_requests_total"]


IN_JSON = {
    "resourceMetrics": [
        {
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "cart"}}]},
            "scopeMetrics": [
                {
                    "scope": {"name": "own"},
                    "metrics": [
                        {
                            "name": "http.server.requests",
                            "unit": "1",
                            "sum": {
                                "aggregationTemporality": 2,
                                "isMonotonic": True,
                                "dataPoints": [
                                    {
                                        "asInt": "9007199254740993",
                                        "timeUnixNano": str(AT * NS),
                                        "startTimeUnixNano": str(500 * NS),
                                        "attributes": [
                                            {"key": "status", "value": {"intValue": "500"}}
                                        ],
                                        "exemplars": [
                                            {"traceId": "5b8efff798038103", "asInt": "1"}
                                        ],
                                        "later": "unknown fields are no mistake",
                                    }
                                ],
                            },
                        },
                        {
                            "name": "pool.usage",
                            "unit": "1",
                            "gauge": {"dataPoints": [{"asDouble": "NaN", "timeUnixNano": 1000000}]},
                        },
                    ],
                }
            ],
        }
    ]
}


def test_json_says_the_same() -> None:
    found = read_export(json.dumps(IN_JSON).encode(), WANTED, as_json=True)

    assert found.told[0] == Told(
        Series("http_server_requests_total", (("job", "cart"), ("status", "500"))),
        [Point(AT, 9007199254740993, 500)],
    )
    assert str(found.told[1].points[0].value) == "nan"


def test_gzip_is_undone_and_a_bomb_is_refused() -> None:
    assert values(read_export(gzip.compress(request(a_gauge(2))), WANTED, encoding="gzip"))
    bomb = gzip.compress(b"\0" * (17 * 1024 * 1024))
    with pytest.raises(RefusedPushError, match="holds more than"):
        read_export(bomb, WANTED, encoding="gzip")


@pytest.mark.parametrize(
    ("body", "as_json", "encoding", "said"),
    [
        (b"hello", False, "", "no export"),
        (b"hello", False, "gzip", "not encoded"),
        (b"hello", False, "br", "only gzip"),
        (gzip.compress(b"\0" * 50)[:-9], False, "gzip", "ends before"),
        (b"hello", True, "", "no JSON"),
        (b"[" * 100_000, True, "", "no JSON"),
        (b'{"resourceMetrics": 5}', True, "", "no list"),
        (b'{"resourceMetrics": [{"scopeMetrics": [{"metrics": ["x"]}]}]}', True, "", "no list"),
        (
            b'{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"queue.depth","gauge":3}]}]}]}',
            True,
            "",
            "no export",
        ),
    ],
)
def test_what_is_no_export_is_refused_in_words(
    body: bytes, as_json: bool, encoding: str, said: str
) -> None:
    with pytest.raises(RefusedPushError, match=said):
        read_export(body, WANTED, as_json=as_json, encoding=encoding)


WHOLE = request(
    a_sum(7), a_histogram([2, 3], [1]), a_gauge(0.5), _exponential(), resource={"service.name": "x"}
)


@settings(max_examples=300)
@given(at=st.integers(0, 10_000), instead=st.binary(max_size=5), as_json=st.booleans())
def test_a_damaged_body_is_read_or_refused(at: int, instead: bytes, as_json: bool) -> None:
    contents = json.dumps(IN_JSON).encode() if as_json else WHOLE
    place = at % len(contents)
    damaged = contents[:place] + instead + contents[place + len(instead) + 1 :]
    with contextlib.suppress(RefusedPushError):
        read_export(damaged, WANTED, as_json=as_json)


_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
_POINT = st.dictionaries(
    st.sampled_from(
        ["asInt", "asDouble", "timeUnixNano", "attributes", "flags", "bucketCounts", "count"]
    ),
    _LEAVES | st.lists(_LEAVES, max_size=3),
)


@settings(max_examples=300)
@given(
    kind=st.sampled_from(["sum", "gauge", "histogram", "summary"]),
    points=st.lists(_POINT, max_size=3),
)
def test_json_of_any_values_is_read_or_refused(kind: str, points: list[Any]) -> None:
    metric = {"name": "queue.depth", kind: {"dataPoints": points}}
    body = json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}).encode()
    with contextlib.suppress(RefusedPushError):
        read_export(body, WANTED, as_json=True)


@pytest.mark.parametrize("part", [b"\x0a\x00", b"\x0a\x04\x12\x02\x12\x00", b"\x12\x00"])
def test_a_large_body_of_nothing_costs_little_memory(part: bytes) -> None:
    contents = part * (1024 * 1024 // len(part))
    tracemalloc.start()
    with contextlib.suppress(RefusedPushError):
        read_export(contents, WANTED)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert most < 64 * 1024 * 1024
