"""Counters of real files: JSON lines, and access logs as nginx writes them."""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from collectors.log import LogConfig, LogLines
from collectors.means import Means
from collectors.observation import Observation, Outcome
from collectors.resolve import Resolver
from nines.clock import SystemClock
from tests.collectors.wire import DUE, TIMEOUT

METRICS: Mapping[str, Any] = {
    "requests_total": {"labels": {"method": "method", "class": "status_class"}},
    "slow_total": {"above": {"responseTime": "1s"}},
    "errors_total": {"where": {"status": "^5"}},
    "request_seconds": {"histogram": "responseTime", "buckets": ["100ms", "1s"]},
}
JSON: Mapping[str, Any] = {"units": {"responseTime": "ms"}, "metrics": METRICS}


def reader(path: Path, settings: Mapping[str, Any] = JSON) -> LogLines:
    config = LogConfig.model_validate({"log": str(path), **settings})
    return LogLines("shop/access", config, Means(timedelta(seconds=10), TIMEOUT, Resolver()))


def write(path: Path, text: bytes) -> None:
    path.write_bytes(text)


async def look(one: LogLines) -> Observation:
    return await one.run(DUE, SystemClock())


async def counted(
    path: Path, text: bytes, settings: Mapping[str, Any] = JSON
) -> tuple[dict[str, float], Observation]:
    """What the collector says once this was written."""
    write(path, b"")
    one = reader(path, settings)
    await look(one)
    write(path, text)
    seen = await look(one)
    await one.close()
    assert seen.page is not None, seen.detail
    return {str(series): sample.value for series, sample in seen.page.samples.items()}, seen


def line(status: int, took: object, method: str = "GET") -> bytes:
    """As an Express server writes it."""
    fields = {"timestamp": "2026-11-21T12:00:00Z", "method": method, "url": "/", "status": status}
    return json.dumps(fields | {"responseTime": took, "userId": None}).encode() + b"\n"


async def test_json_lines_are_counted_by_fields_and_measured(tmp_path: Path) -> None:
    text = line(200, "12") + line(200, "100.0") + line(503, "1000.5ms", "POST") + line(200, 1000)
    values, seen = await counted(tmp_path / "log", text)

    assert values == {
        "requests_total": 0,
        'requests_total{class="2xx", method="GET"}': 3,
        'requests_total{class="5xx", method="POST"}': 1,
        "slow_total": 1,
        "errors_total": 1,
        'request_seconds_bucket{le="0.1"}': 2,
        'request_seconds_bucket{le="1"}': 3,
        'request_seconds_bucket{le="+Inf"}': 4,
        "request_seconds_count": 4,
        "request_seconds_sum": 2.1125,
        "log_malformed_lines_total": 0,
    }
    assert seen.outcome is Outcome.PASSED
    assert seen.warning is None
    assert seen.page is not None
    assert seen.page.process_start is not None


async def test_a_log_without_a_line_is_idle_and_not_untold(tmp_path: Path) -> None:
    values, _ = await counted(tmp_path / "log", b"")

    assert values["requests_total"] == values["slow_total"] == 0
    assert values['request_seconds_bucket{le="+Inf"}'] == 0


async def test_a_line_that_cannot_be_read_counts_for_nothing_and_is_told(tmp_path: Path) -> None:
    bad = [b"{\n", b"[1]\n", b"\n", line(200, "soon"), line(200, None), b"x" * 70_000 + b"\n"]
    values, seen = await counted(tmp_path / "log", b"".join(bad) + line(200, "12"))

    assert values["log_malformed_lines_total"] == 6
    assert values['requests_total{class="2xx", method="GET"}'] == 1
    assert seen.warning == "6 of 7 lines cannot be read, such as '{'"


NGINX = (
    b'192.0.2.1 - - [21/Nov/2026:12:00:00 +0000] "GET /a?b=c HTTP/1.1" 200 512 "-" "curl/8"\n'
    b'::1 - ada [21/Nov/2026:12:00:01 +0000] "POST /p HTTP/2.0" 502 0 "http://x/" "\\x22"\n'
    b'192.0.2.1 - - [21/Nov/2026:12:00:02 +0000] "\\x16\\x03\\x01\\x00" 400 150 "-" "-"\n'
    b'192.0.2.1 - - [21/Nov/2026:12:00:02 +0000] "" 400 0 "-" "-"\n'
)


@pytest.mark.parametrize("format_", ["combined", "common"])
async def test_an_access_log_of_nginx_is_read(tmp_path: Path, format_: str) -> None:
    metrics = {"requests_total": {"labels": {"method": "method", "status": "status"}}}
    settings = {"format": format_, "metrics": metrics}
    values, _ = await counted(tmp_path / "log", NGINX + b"nonsense\n", settings)

    assert values == {
        "requests_total": 0,
        'requests_total{method="GET", status="200"}': 1,
        'requests_total{method="POST", status="502"}': 1,
        'requests_total{status="400"}': 2,
        "log_malformed_lines_total": 1,
    }


async def test_a_pattern_of_ones_own_is_read(tmp_path: Path) -> None:
    settings = {
        "pattern": r"status=(?P<status>\d+) took=(?P<took>\S+)",
        "metrics": {"slow_total": {"above": {"took": 0.5}}},
    }
    text = b"status=200 took=0.7\nstatus=200 took=300ms\nstatus=200 took=-\n"
    values, _ = await counted(tmp_path / "log", text, settings)

    assert values == {"slow_total": 1, "log_malformed_lines_total": 1}


async def test_more_series_than_anybody_wants_are_counted_as_other(tmp_path: Path) -> None:
    metrics = {"requests_total": {"labels": {"path": "url"}}}
    text = b"".join(b'{"url": "/%d"}\n' % n for n in range(10_500))
    values, _ = await counted(tmp_path / "log", text, {"metrics": metrics})

    assert values['requests_total{path="other"}'] == 500
    assert sum(values.values()) == 10_500


@pytest.mark.parametrize("name", ["nowhere", "."])
async def test_a_file_that_cannot_be_read_is_our_trouble(tmp_path: Path, name: str) -> None:
    seen = await look(reader(tmp_path / name))

    assert seen.outcome is Outcome.UNKNOWN
    assert "cannot be read: " in seen.detail
    assert seen.page is None


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"pattern": "("}, "the pattern is not valid"),
        ({"pattern": "a"}, "names no field"),
        ({"pattern": "(?P<a>a)", "format": "json"}, "exclude each other"),
        ({"units": {"took": "parsecs"}}, "is no unit"),
        ({"metrics": {}}, "at least 1 item"),
        ({"metrics": {"a": {"histogram": "took"}}}, "go together"),
        ({"metrics": {"a": {"histogram": "took", "buckets": [2, 1]}}}, "must rise"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        LogConfig.model_validate({"log": "/var/log/x", "metrics": METRICS, **settings})
