"""The documented way to watch Elasticsearch and OpenSearch, against the answers that they document.

https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-cluster-health
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from collectors.json_metrics import JsonConfig, JsonMetrics
from collectors.means import Means
from collectors.observation import Cause, Observation, Outcome
from collectors.resolve import Resolver
from tests.collectors.wire import TIMEOUT, Server, answer, http, look, says

DOCUMENT = Path(__file__).parents[2] / "docs/collectors/stores.md"
GREEN = {
    "cluster_name": "search",
    "status": "green",
    "timed_out": False,
    "number_of_nodes": 3,
    "number_of_data_nodes": 3,
    "active_primary_shards": 5,
    "active_shards": 10,
    "unassigned_shards": 0,
    "number_of_pending_tasks": 0,
    "active_shards_percent_as_number": 100.0,
}


def documented(collector: str) -> dict[str, Any]:
    section = DOCUMENT.read_text().split("## Elasticsearch and OpenSearch")[1]
    found = re.search(r"```yaml\n(.*?)```", section, re.DOTALL)
    assert found is not None
    read = YAML(typ="safe").load(found[1])
    settings: dict[str, Any] = read["services"]["search"]["collectors"][collector]
    return settings


async def judged(said: bytes) -> Observation:
    expect = documented("health")["expect"]
    async with Server(says(said)) as server:
        return await look(http(f"http://127.0.0.1:{server.port}/_cluster/health", expect=expect))


@pytest.mark.parametrize("status", ["green", "yellow"])
async def test_a_cluster_that_serves_passes(status: str) -> None:
    seen = await judged(answer(json.dumps({**GREEN, "status": status}).encode()))

    assert (seen.outcome, seen.detail) == (Outcome.PASSED, "")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"status": "red"}, '$.status is "red"; expected one of "green", "yellow"'),
        ({"timed_out": True}, "$.timed_out is true; expected false"),
        ({"number_of_data_nodes": 2}, "$.number_of_data_nodes is 2; expected a number above 2"),
    ],
)
async def test_an_ill_cluster_behind_a_200_is_told_in_words(
    fault: dict[str, object], said: str
) -> None:
    seen = await judged(answer(json.dumps({**GREEN, **fault}).encode()))

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.ASSERTION)
    assert seen.detail == said


async def test_a_cluster_without_a_master_fails_by_its_status() -> None:
    said = b'{"error":{"type":"master_not_discovered_exception"},"status":503}'
    seen = await judged(answer(said, status="503 Service Unavailable"))

    assert (seen.outcome, seen.cause) == (Outcome.FAILED, Cause.STATUS)


async def test_its_figures_are_values() -> None:
    metrics = documented("cluster")["metrics"]
    told = answer(json.dumps({**GREEN, "unassigned_shards": 7}).encode())
    async with Server(says(told)) as server:
        url = f"http://127.0.0.1:{server.port}/_cluster/health"
        config = JsonConfig.model_validate({"json": url, "metrics": metrics})
        means = Means(TIMEOUT, TIMEOUT, Resolver())
        seen = await look(JsonMetrics("search/cluster", config, means))

    assert seen.page is not None
    values = {str(series): sample.value for series, sample in seen.page.samples.items()}
    assert values == {"unassigned_shards": 7, "pending_tasks": 0}
