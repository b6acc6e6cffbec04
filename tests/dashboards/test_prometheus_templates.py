"""Which ways of counting a job's metrics offer, and that each is a configuration."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from collectors.promql import PromqlConfig
from dashboards.prometheus_templates import candidates, metrics_query, promql_lines
from nines.config import load
from slo.objective import Objective

ODD_JOB = 'a "job" of\\ours$HOME'
FOUND = [
    ({"found": "http_requests_total", "code": "200"}, 4),
    ({"found": "http_requests_total", "code": "503"}, 2),
    ({"found": "grpc_server_handled_total", "grpc_code": "OK"}, 3),
    ({"found": "odd_requests_total", "status": "fine"}, 1),
    ({"found": "http_server_requests_seconds_count", "status": "5xx"}, 1),
    ({"found": "probe_success"}, 1),
    ({"found": "up"}, 2),
]


def test_events_come_before_samples_and_what_tells_no_good_from_bad_is_left_out() -> None:
    found = candidates("shop", FOUND)

    assert [(one.key, one.kind, one.series) for one in found] == [
        ("grpc_server_handled_total:grpc_code", "counter", 3),
        ("http_requests_total:code", "counter", 6),
        ("http_server_requests_seconds_count:status", "counter", 1),
        ("probe_success", "gauge", 1),
        ("up", "gauge", 2),
    ]


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("job", ["shop", ODD_JOB, "it's"])
def test_each_is_a_configuration_that_counts_the_same(
    tmp_path: Path, number: int, job: str
) -> None:
    one = candidates(job, FOUND)[number]
    lines = promql_lines(
        "shop", "https://p.example/", one, Objective(Decimal("0.999")), timedelta(days=28)
    )
    file = tmp_path / "config.yaml"
    file.write_text("services:\n" + "".join(f"  {line}\n" for line in lines.splitlines()))

    config = load(file, {})

    assert config.slos[0].sli == one.sli
    collector = config.services["shop"].collectors["prometheus"]
    assert isinstance(collector, PromqlConfig)
    assert collector.queries[one.name].query == one.query


def test_a_job_cannot_leave_its_quotes() -> None:
    assert 'job="a \\"job\\" of\\\\ours$HOME"' in metrics_query(ODD_JOB)
