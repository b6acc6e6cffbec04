"""The messages of Prometheus's protobuf exposition, package io.prometheus.client.

Names and numbers are those of the public schema, prometheus/client_model (Apache-2.0), in its
proto3 form, which has text checked to be UTF-8. Exemplars, units and help texts are left out: a
field that is not named here is skipped. `Timestamp` is google.protobuf's, and `type` the number of
the enum.
"""

from collectors.protobuf import Message, messages

COUNTER, GAUGE, SUMMARY, UNTYPED, HISTOGRAM, GAUGE_HISTOGRAM = range(6)

_MESSAGES = {
    "Timestamp": "1 int64 seconds, 2 int32 nanos",
    "LabelPair": "1 string name, 2 string value",
    "Gauge": "1 double value",
    "Counter": "1 double value, 3 Timestamp created_timestamp",
    "Quantile": "1 double quantile, 2 double value",
    "Summary": (
        "1 uint64 sample_count, 2 double sample_sum, 3 Quantile* quantile, "
        "4 Timestamp created_timestamp"
    ),
    "Untyped": "1 double value",
    "Bucket": "1 uint64 cumulative_count, 2 double upper_bound, 4 double cumulative_count_float",
    "BucketSpan": "1 sint32 offset, 2 uint32 length",
    "Histogram": (
        "1 uint64 sample_count, 2 double sample_sum, 3 Bucket* bucket, "
        "4 double sample_count_float, 5 sint32 schema, 6 double zero_threshold, "
        "7 uint64 zero_count, 8 double zero_count_float, "
        "9 BucketSpan* negative_span, 10 sint64* negative_delta, 11 double* negative_count, "
        "12 BucketSpan* positive_span, 13 sint64* positive_delta, 14 double* positive_count, "
        "15 Timestamp created_timestamp"
    ),
    "Metric": (
        "1 LabelPair* label, 2 Gauge gauge, 3 Counter counter, 4 Summary summary, "
        "5 Untyped untyped, 6 int64 timestamp_ms, 7 Histogram histogram"
    ),
    "MetricFamily": "1 string name, 3 int32 type, 4 Metric* metric",
}
_PACKAGE = "io.prometheus.client"

MetricFamily: Message = messages(_PACKAGE, _MESSAGES)["MetricFamily"]
