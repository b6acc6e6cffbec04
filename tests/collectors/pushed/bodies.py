"""Bodies of remote_write as a sender writes them."""

import struct
from collections.abc import Mapping, Sequence

from collectors.protobuf import messages
from collectors.pushed.snappy_block import compress

_FIRST = messages(
    "tests.remote_write",
    {
        "Label": "1 string name, 2 string value",
        "Sample": "1 double value, 2 int64 timestamp",
        "Exemplar": "1 Label* labels, 2 double value, 3 int64 timestamp",
        "Histogram": "1 uint64 count_int, 3 double sum",
        "TimeSeries": "1 Label* labels, 2 Sample* samples, 3 Exemplar* exemplars, "
        "4 Histogram* histograms",
        "MetricMetadata": "1 int32 type, 2 string metric_family_name, 4 string help",
        "WriteRequest": "1 TimeSeries* timeseries, 3 MetricMetadata* metadata",
    },
)
_SECOND = messages(
    "tests.remote_write_2",
    {
        "Sample": "1 double value, 2 int64 timestamp, 3 int64 start_timestamp",
        "Metadata": "1 int32 type, 3 uint32 help_ref, 4 uint32 unit_ref",
        "TimeSeries": "1 uint32* labels_refs, 2 Sample* samples, 5 Metadata metadata, "
        "6 int64 created_timestamp",
        "Request": "4 string* symbols, 5 TimeSeries* timeseries",
    },
)
STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
Labels = Mapping[str, str]
Samples = Sequence[tuple[int, float]]


def first(*series: tuple[Labels, Samples]) -> bytes:
    """A body of version 1.0, with metadata and an exemplar that nobody reads."""
    request = _FIRST["WriteRequest"]()
    request.metadata.add(type=1, metric_family_name="requests", help="How many.")
    for labels, samples in series:
        one = request.timeseries.add()
        for name, value in sorted(labels.items()):
            one.labels.add(name=name, value=value)
        for at, count in samples:
            one.samples.add(timestamp=at, value=count)
        one.exemplars.add(value=1).labels.add(name="trace_id", value="abc")
    return compress(request.SerializeToString())


def native(labels: Labels) -> bytes:
    """A body of version 1.0 with a native histogram alone."""
    request = _FIRST["WriteRequest"]()
    one = request.timeseries.add()
    for name, value in sorted(labels.items()):
        one.labels.add(name=name, value=value)
    one.histograms.add(count_int=3, sum=1.5)
    return compress(request.SerializeToString())


def second(*series: tuple[Labels, Samples], created: int = 0) -> bytes:
    """A body of version 2.0."""
    request = _SECOND["Request"]()
    symbols = [""]
    for labels, samples in series:
        one = request.timeseries.add(created_timestamp=created)
        for text in (text for pair in sorted(labels.items()) for text in pair):
            if text not in symbols:
                symbols.append(text)
            one.labels_refs.append(symbols.index(text))
        for at, value in samples:
            one.samples.add(timestamp=at, value=value)
    request.symbols.extend(symbols)
    return compress(request.SerializeToString())


def named(metric: str, **labels: str) -> Labels:
    return {"__name__": metric, **labels}
