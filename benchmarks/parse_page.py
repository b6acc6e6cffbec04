"""Read a page of 100,000 samples: our readers beside prometheus_client and a bare scan.

The bare scan splits lines and values and checks nothing. PageReader checks every line, as on a
target's first page; SelectiveReader reads the pages after it, of the same series and of shuffled
lines; ProtobufReader the same samples as protobuf. Medians of rounds that take turns, in CPU time.
Run: python -m benchmarks.parse_page
"""

import random
import statistics
import time
from collections.abc import Callable, Collection

from prometheus_client.parser import text_string_to_metric_families

from collectors.exposition import PageReader
from collectors.exposition_protobuf import ProtobufReader
from collectors.known import Known
from collectors.metric_family import COUNTER, MetricFamily
from collectors.selective import SelectiveReader

SAMPLES = 100_000
WANTED = 8_400  # of them, in one family
ROUNDS = 5
NAME = "http_requests_total"
_CHUNK_BYTES = 1024 * 1024


def main() -> None:
    """Print each way's milliseconds and how they compare."""
    page = make_page()
    scattered, families = shuffled(page), as_protobuf(page)
    few, many = ("node_family_7_total",), (NAME,)
    taught = {names: _learn(page, names) for names in (few, many)}
    mixed = {names: _learn(scattered, names) for names in (few, many)}
    ways: dict[str, Callable[[], object]] = {
        "prometheus_client": lambda: _client(page.decode()),
        "bare scan, nothing checked": lambda: _scan(page),
        "every line, none wanted": lambda: _every(page, ("absent_total",)),
        f"every line, {WANTED:,} wanted": lambda: _every(page, many),
        "selective, 100 wanted": lambda: _some(page, few, taught[few]),
        f"selective, {WANTED:,} wanted": lambda: _some(page, many, taught[many]),
        "scattered, 100 wanted": lambda: _some(scattered, few, mixed[few]),
        f"scattered, {WANTED:,} wanted": lambda: _some(scattered, many, mixed[many]),
        "protobuf, 100 wanted": lambda: _protobuf(families, few),
        f"protobuf, {WANTED:,} wanted": lambda: _protobuf(families, many),
    }
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            spent[name].append(_cpu_seconds(way))
    medians = {name: statistics.median(times) for name, times in spent.items()}
    client, scan = medians["prometheus_client"], medians["bare scan, nothing checked"]
    print(f"{SAMPLES:,} samples, {len(page) / 1e6:.1f} MB, median of {ROUNDS} rounds")
    print(f"{'':28} {'ms':>8} {'x faster than client':>21} {'x of bare scan':>15}")
    for name, median in medians.items():
        print(f"{name:28} {median * 1e3:8.1f} {client / median:21.1f} {median / scan:15.2f}")


def make_page() -> bytes:
    """Families as exporters have them: many small ones, and one that is wanted."""
    lines = []
    for family in range((SAMPLES - WANTED) // 100):
        name = f"node_family_{family}_total"
        lines += [f"# HELP {name} What family {family} counts.", f"# TYPE {name} counter"]
        lines += (
            f'{name}{{service="svc-{n:04d}",method="GET",code="{200 + n % 5}"}} {n * 7919}'
            for n in range(100)
        )
    lines.append("# TYPE http_requests_total counter")
    lines += (
        f'http_requests_total{{service="svc-{n:04d}",method="POST",code="200"}} {n * 104729}'
        for n in range(WANTED)
    )
    return "\n".join([*lines, ""]).encode()


def shuffled(page: bytes) -> bytes:
    """The same lines in no order, as the format forbids it."""
    lines = page.splitlines(keepends=True)
    random.Random(1).shuffle(lines)
    return b"".join(lines)


def _cpu_seconds(way: Callable[[], object]) -> float:
    begun = time.process_time()
    way()
    return time.process_time() - begun


def as_protobuf(page: bytes) -> bytes:
    """The same samples as delimited metric families."""
    parts = []
    for told in text_string_to_metric_families(page.decode()):
        family = MetricFamily(name=told.samples[0].name, type=COUNTER)
        for sample in told.samples:
            metric = family.metric.add()
            metric.counter.value = sample.value
            for name, value in sample.labels.items():
                metric.label.add(name=name, value=value)
        message = family.SerializeToString()
        parts += [_varint(len(message)), message]
    return b"".join(parts)


def _varint(number: int) -> bytes:
    groups = [number >> shift & 0x7F for shift in range(0, max(1, number.bit_length()), 7)]
    return bytes([*(group | 0x80 for group in groups[:-1]), groups[-1]])


def _protobuf(page: bytes, wanted: Collection[str]) -> object:
    reader = ProtobufReader(wanted, limit_bytes=1 << 30)
    for at in range(0, len(page), _CHUNK_BYTES):
        reader.feed(page[at : at + _CHUNK_BYTES])
    return reader.close()


def _client(text: str) -> int:
    return sum(len(family.samples) for family in text_string_to_metric_families(text))


def _scan(page: bytes) -> int:
    values = {}
    for line in page.split(b"\n"):
        if line and line[0] != ord("#"):
            series, _, value = line.rpartition(b" ")
            values[series] = float(value)
    return len(values)


def _every(page: bytes, wanted: Collection[str]) -> PageReader:
    reader = PageReader(wanted, openmetrics=False, limit_bytes=len(page))
    for start in range(0, len(page), _CHUNK_BYTES):
        reader.feed(page[start : start + _CHUNK_BYTES])
    reader.close()
    return reader


def _some(page: bytes, wanted: Collection[str], known: Known) -> SelectiveReader:
    reader = SelectiveReader(wanted, limit_bytes=len(page), known=known)
    for start in range(0, len(page), _CHUNK_BYTES):
        reader.feed(page[start : start + _CHUNK_BYTES])
    reader.close()
    return reader


def _learn(page: bytes, wanted: Collection[str]) -> Known:
    return _some(page, wanted, _every(page, wanted).known).known


if __name__ == "__main__":
    main()
