"""Read a page of 100,000 samples: PageReader beside prometheus_client and a bare scan.

The bare scan splits lines and values and checks nothing; it is the least that Python can do.
Medians of rounds that take turns, in CPU time. Run: python -m benchmarks.parse_page
"""

import statistics
import time
from collections.abc import Callable, Mapping

from prometheus_client.parser import text_string_to_metric_families

from collectors.exposition import PageReader
from slo.exposition import Series

SAMPLES = 100_000
WANTED = 8_400  # of them, in one family
ROUNDS = 5
_CHUNK_BYTES = 256 * 1024


def main() -> None:
    """Print each way's milliseconds and how they compare."""
    page = make_page()
    known = _learn(page)
    ways: dict[str, Callable[[], object]] = {
        "prometheus_client": lambda: _client(page.decode()),
        "bare scan, nothing checked": lambda: _scan(page),
        "PageReader, nothing wanted": lambda: _read(page, "absent_total", {}),
        f"PageReader, {WANTED:,} wanted": lambda: _read(page, "http_requests_total", {}),
        f"PageReader, {WANTED:,} known": lambda: _read(page, "http_requests_total", known),
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


def _cpu_seconds(way: Callable[[], object]) -> float:
    begun = time.process_time()
    way()
    return time.process_time() - begun


def _client(text: str) -> int:
    return sum(len(family.samples) for family in text_string_to_metric_families(text))


def _scan(page: bytes) -> int:
    values = {}
    for line in page.split(b"\n"):
        if line and line[0] != ord("#"):
            series, _, value = line.rpartition(b" ")
            values[series] = float(value)
    return len(values)


def _read(page: bytes, wanted: str, known: Mapping[bytes, Series]) -> int:
    reader = PageReader({wanted}, openmetrics=False, limit_bytes=len(page), known=known)
    for start in range(0, len(page), _CHUNK_BYTES):
        reader.feed(page[start : start + _CHUNK_BYTES])
    return len(reader.close().samples)


def _learn(page: bytes) -> Mapping[bytes, Series]:
    reader = PageReader({"http_requests_total"}, openmetrics=False, limit_bytes=len(page))
    reader.feed(page)
    reader.close()
    return reader.seen


if __name__ == "__main__":
    main()
